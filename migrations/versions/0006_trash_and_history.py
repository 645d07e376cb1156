"""Indexes for the trash and for the history of a task, how far the log was swept, and the conflicts of an undo."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.add_column("idempotency_keys", sa.Column("conflicts", JSONB()))
    op.add_column("heads", sa.Column("swept", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    in_trash = sa.text("op = 'remove' and before is not null")
    with op.get_context().autocommit_block():
        # A try that was interrupted leaves indexes that are not valid.
        for index in ("ix_changes_task", "ix_changes_trash"):
            op.drop_index(index, "changes", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_changes_task", "changes", ["user_id", "task_id", "revision"], postgresql_concurrently=True)
        op.create_index(
            "ix_changes_trash",
            "changes",
            ["user_id", "at", "revision"],
            postgresql_where=in_trash,
            postgresql_concurrently=True,
        )
        op.drop_index("ix_changes_removed_task", "changes", if_exists=True, postgresql_concurrently=True)


def downgrade() -> None:
    removed = sa.text("op = 'remove'")
    op.create_index("ix_changes_removed_task", "changes", ["user_id", "task_id"], postgresql_where=removed)
    op.drop_index("ix_changes_trash", "changes")
    op.drop_index("ix_changes_task", "changes")
    op.drop_column("heads", "swept")
    op.drop_column("idempotency_keys", "conflicts")
