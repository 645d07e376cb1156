"""The head row of each user, the log of changes, and the revision of each task.

Rows from before have the revision 0. A user gets a head row with the first write.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    instant = TIMESTAMP(timezone=True)
    op.create_table(
        "heads",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("floor", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("made_at", instant, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("tasks", sa.Integer(), nullable=False),
        sa.Column("pending", sa.Integer()),
        sa.PrimaryKeyConstraint("user_id", name="pk_heads"),
    )
    op.execute("alter table heads set (fillfactor = 50)")
    op.create_table(
        "changes",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("op", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("before", JSONB()),
        sa.Column("batch", sa.BigInteger()),
        sa.PrimaryKeyConstraint("user_id", "revision", name="pk_changes"),
    )
    removed = sa.text("op = 'remove'")
    op.create_index("ix_changes_removed", "changes", ["user_id", "revision"], postgresql_where=removed)
    op.create_index("ix_changes_removed_task", "changes", ["user_id", "task_id"], postgresql_where=removed)
    # In the order in which a create with a key of the first release locks them. In the other order they would deadlock.
    op.add_column("idempotency_keys", sa.Column("revision", sa.BigInteger()))
    op.add_column("tasks", sa.Column("revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    op.execute("drop schema if exists writes_1 cascade")
    op.drop_column("idempotency_keys", "revision")
    op.drop_column("tasks", "revision")
    op.drop_table("changes")
    op.drop_table("heads")
