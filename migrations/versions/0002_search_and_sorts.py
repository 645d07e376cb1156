"""Columns for the search, and an index for each sort.

The service writes the folded columns: its case folding is that of Unicode, whatever the server's locale is. This
migration locks the tables while it fills the columns, in one transaction. An earlier version of the service cannot
write afterwards.
"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects.postgresql import TSVECTOR

from todo_api.db.casefold import fold, fold_title

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: None = None
depends_on: None = None

_BATCH = 2000
_FOLDED = (("tasks", "title_folded"), ("tasks", "description_folded"), ("tags", "name_folded"))
_INDEXES = (
    ("ix_tasks_updated_at", "tasks", ["user_id", "updated_at", "id"]),
    ("ix_tasks_title", "tasks", ["user_id", "title_folded", "id"]),
    ("ix_tasks_due_date", "tasks", ["user_id", "due_date", "id"]),
    ("ix_tasks_priority", "tasks", ["user_id", "priority", "id"]),
    ("ix_tags_name_folded", "tags", ["user_id", "name_folded"]),
)
_STEMS = "strip(to_tsvector('english'::regconfig, (title_folded || ' '::text) || description_folded))"

_TASKS = sa.text("""
    select user_id, id, title, description from tasks
    where (user_id, id) > (:user_id, :id) order by user_id, id limit :batch
""")
_TAGS = sa.text(
    "select user_id, name from tags where (user_id, name) > (:user_id, :name) order by user_id, name limit :batch"
)
_FILL_TASKS = sa.text("""
    update tasks set title_folded = given.title, description_folded = given.description
    from unnest(cast(:user_ids as text[]), cast(:ids as uuid[]), cast(:titles as text[]), cast(:descriptions as text[]))
        as given (user_id, id, title, description)
    where tasks.user_id = given.user_id and tasks.id = given.id
""")
_FILL_TAGS = sa.text("""
    update tags set name_folded = given.folded
    from unnest(cast(:user_ids as text[]), cast(:names as text[]), cast(:folded as text[]))
        as given (user_id, name, folded)
    where tags.user_id = given.user_id and tags.name = given.name
""")


def upgrade() -> None:
    for table, column in _FOLDED:
        op.add_column(table, sa.Column(column, sa.Text(collation="C")))
    if (
        not context.is_offline_mode()
    ):  # The SQL of offline mode is for empty tables: if there are rows, `set not null` fails.
        _fill_tasks(op.get_bind())
        _fill_tags(op.get_bind())
    for table, column in _FOLDED:
        op.alter_column(table, column, nullable=False)
    op.add_column("tasks", sa.Column("stems", TSVECTOR(), sa.Computed(_STEMS, persisted=True), nullable=False))
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)


def _fill_tasks(connection: sa.Connection) -> None:
    last = {"user_id": "", "id": "00000000-0000-0000-0000-000000000000"}
    while rows := connection.execute(_TASKS, {**last, "batch": _BATCH}).all():
        values = {
            "user_ids": [row.user_id for row in rows],
            "ids": [row.id for row in rows],
            "titles": [fold_title(row.title) for row in rows],
            "descriptions": [fold(row.description or "") for row in rows],
        }
        connection.execute(_FILL_TASKS, values)
        last = {"user_id": rows[-1].user_id, "id": rows[-1].id}


def _fill_tags(connection: sa.Connection) -> None:
    last = {"user_id": "", "name": ""}
    while rows := connection.execute(_TAGS, {**last, "batch": _BATCH}).all():
        names = [row.name for row in rows]
        values = {"user_ids": [row.user_id for row in rows], "names": names, "folded": [fold(name) for name in names]}
        connection.execute(_FILL_TAGS, values)
        last = {"user_id": rows[-1].user_id, "name": rows[-1].name}


def downgrade() -> None:
    for name, table, _ in reversed(_INDEXES):
        op.drop_index(name, table)
    op.drop_column("tasks", "stems")
    for table, column in reversed(_FOLDED):
        op.drop_column(table, column)
