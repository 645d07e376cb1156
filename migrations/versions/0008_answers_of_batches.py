"""The answers to the operations of a batch, which its Idempotency-Key repeats."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.add_column("idempotency_keys", sa.Column("answers", JSONB()))


def downgrade() -> None:
    op.execute("drop schema if exists writes_1 cascade")
    op.drop_column("idempotency_keys", "answers")
