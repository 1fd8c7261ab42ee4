"""Tenants: keys, sessions and scores belong to one, and each has an audit log of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

AUDIT = "seq, at, session_id, event, details, previous, hash"
SCORES = "day, site, bundle, sha256, bin, count"


def upgrade() -> None:
    """Step forward."""
    for table in ("api_key", "session"):
        op.add_column(table, _tenant())
    op.create_table(
        "audit_event_new",
        _tenant(),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(30), nullable=False),
        sa.Column("session_id", sa.String(40), nullable=True),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "seq"),
    )
    _move("audit_event", AUDIT)
    op.create_index("ix_audit_event_session_id", "audit_event", ["session_id"])
    op.create_table(
        "score_count_new",
        _tenant(),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(40), nullable=False),
        sa.Column("bundle", sa.String(200), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bin", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "day", "site", "bundle", "sha256", "bin"),
    )
    _move("score_count", SCORES)


def _tenant() -> sa.Column[str]:
    return sa.Column("tenant", sa.String(40), nullable=False, server_default="default")


def _move(table: str, columns: str) -> None:
    """Put a table into the place of the one that it was made from; SQLite cannot change a primary key."""
    op.execute(f"INSERT INTO {table}_new ({columns}) SELECT {columns} FROM {table}")
    op.drop_table(table)
    op.rename_table(f"{table}_new", table)
