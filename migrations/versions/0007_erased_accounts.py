"""The instant when an account was erased. Tokens from before are refused."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.add_column("heads", sa.Column("erased_at", TIMESTAMP(timezone=True)))


def downgrade() -> None:
    op.execute("drop schema if exists writes_1 cascade")
    op.drop_column("heads", "erased_at")
