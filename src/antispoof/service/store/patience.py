"""Connections to PostgreSQL that give up on a server which does not answer.

The server's own timeouts end statements while it runs; one that is frozen, or cut off, ends nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, event

if TYPE_CHECKING:
    from psycopg import Connection as Psycopg

__all__ = ["connect_with_patience", "set_patience"]


def connect_with_patience(engine: Engine, timeout_s: float) -> None:
    """Let every connection of an engine wait at most ``timeout_s`` for each answer."""
    import psycopg

    class Impatient(psycopg.Connection[Any]):
        patience: float | None = timeout_s

        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            """Wait for an answer; close the connection when none comes."""
            try:
                return super().wait(gen, interval, self.patience if timeout is None else timeout)
            except psycopg.errors.OperationalError as error:
                if type(error).__name__ == "_WaitTimeout":
                    self.pgconn.finish()  # what it was asked may still be done: nobody else gets it
                    raise psycopg.OperationalError(f"no answer within {self.patience:g} s") from error
                raise

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, keywords: dict[str, Any]) -> Psycopg[Any]:
        return Impatient.connect(*arguments, **keywords)


def set_patience(connection: Connection, timeout_s: float | None) -> None:
    """Let one connection wait for longer, or, with None, without end."""
    connection.connection.driver_connection.patience = timeout_s  # type: ignore[union-attr]
