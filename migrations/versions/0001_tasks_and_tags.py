"""Tasks, tags and the links between them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision: str = "0001"
down_revision: str | None = None
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    c_text = sa.Text(collation="C")
    instant = TIMESTAMP(timezone=True)
    op.create_table(
        "tasks",
        sa.Column("user_id", c_text, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("due_date", sa.Date()),
        sa.Column("completed_at", instant),
        sa.Column("created_at", instant, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", instant, server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_tasks"),
        sa.CheckConstraint("char_length(title) between 1 and 200", name="ck_tasks_title_length"),
        sa.CheckConstraint("char_length(description) <= 1000", name="ck_tasks_description_length"),
        sa.CheckConstraint("priority between 1 and 3", name="ck_tasks_priority_known"),
    )
    op.create_index("ix_tasks_created_at", "tasks", ["user_id", "created_at", "id"])
    op.create_table(
        "tags",
        sa.Column("user_id", c_text, nullable=False),
        sa.Column("name", c_text, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "name", name="pk_tags"),
        sa.CheckConstraint("char_length(name) between 1 and 50", name="ck_tags_name_length"),
    )
    op.create_table(
        "task_tags",
        sa.Column("user_id", c_text, nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("tag", c_text, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "task_id", "tag", name="pk_task_tags"),
        sa.ForeignKeyConstraint(
            ["user_id", "task_id"], ["tasks.user_id", "tasks.id"], name="fk_task_tags_user_id_tasks", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id", "tag"], ["tags.user_id", "tags.name"], name="fk_task_tags_user_id_tags"),
    )
    op.create_index("ix_task_tags_tag", "task_tags", ["user_id", "tag", "task_id"])


def downgrade() -> None:
    op.drop_table("task_tags")
    op.drop_table("tags")
    op.drop_table("tasks")
