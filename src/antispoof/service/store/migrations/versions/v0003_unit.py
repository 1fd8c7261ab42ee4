"""What the numbers of a sample mean."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward."""
    op.add_column("capture", sa.Column("unit", sa.Text(), nullable=False, server_default=""))
