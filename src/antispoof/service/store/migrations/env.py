"""Run by Alembic, over the connection that `open_store` hands in."""

from __future__ import annotations

from alembic import context

from antispoof.service.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=False,  # the transaction is the caller's
    render_as_batch=True,
)
context.run_migrations()
