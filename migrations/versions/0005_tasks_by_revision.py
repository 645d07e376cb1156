"""The index by which the changes since a revision are read."""

from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # A try that was interrupted leaves an index that is not valid.
        op.drop_index("ix_tasks_revision", "tasks", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_tasks_revision", "tasks", ["user_id", "revision", "id"], postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index("ix_tasks_revision", "tasks")
