"""One engine, two ways in: `Store.read` and `Store.write`."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, Select, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session as Transaction

from antispoof.errors import InputError, MissingExtraError
from antispoof.service.problems import Problem
from antispoof.service.store.patience import connect_with_patience, set_patience
from antispoof.service.store.tables import Readiness

__all__ = ["Store", "Transaction", "open_store"]

BUSY_MS = 10_000  # how long a writer waits for the others, in SQLite
SQLITE = (
    "journal_mode=WAL",
    "synchronous=FULL",  # an answer that was given survives a power cut
    "foreign_keys=ON",
    "secure_delete=ON",  # what is deleted is overwritten
    f"busy_timeout={BUSY_MS}",
)
BREAK_S = 1.0  # for so long nobody asks a database again that did not answer


class Store:
    """The database.

    Args:
        engine: of an up-to-date database.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.shared = engine.dialect.name == "postgresql"
        self._asked_again_at = 0.0

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Look; what is changed is not kept.

        Raises:
            Problem: ``store_unavailable``.
        """
        with self._as_problem(), self.engine.connect() as connection, Transaction(connection) as transaction:
            yield transaction

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Change; all of it is on the disk when the block is left, or none of it.

        Raises:
            Problem: ``store_unavailable``.
        """
        with self._as_problem(), self.engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with Transaction(connection, expire_on_commit=False) as transaction:
                yield transaction
                transaction.commit()

    def probe(self, now: float) -> None:
        """Write a row, to see that the store can be written; raise `Problem` ``store_unavailable``."""
        with self.write() as transaction:
            transaction.merge(Readiness(id=1, checked_at=now))

    @contextmanager
    def _as_problem(self) -> Iterator[None]:
        unavailable = "the store cannot be used now; nothing was changed"
        if time.monotonic() < self._asked_again_at:
            raise Problem("store_unavailable", unavailable, retry_after_s=2)
        try:
            yield
        except (DBAPIError, PoolTimeout) as error:
            if self.shared and (isinstance(error, PoolTimeout) or error.connection_invalidated):
                self._asked_again_at = time.monotonic() + BREAK_S
            raise Problem("store_unavailable", unavailable, retry_after_s=2) from error

    def in_turn(self, transaction: Transaction, name: str) -> None:
        """Let one writer at a time pass, to the end of its transaction (SQLite has no other kind)."""
        if self.shared:
            transaction.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": name})

    def locked(self, query: Select[Any]) -> Select[Any]:
        """Hold the rows of a query to the end of the transaction."""
        return query.with_for_update()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_store(url: str, *, migrate: bool = True, timeout_s: float = 2.5) -> Store:
    """Connect, and bring the tables up to date.

    Args:
        url: SQLAlchemy URL, ``sqlite:///path`` or ``postgresql+psycopg://…``.
        migrate: False only looks.
        timeout_s: how long PostgreSQL may take to connect, to give a lock, to answer.

    Raises:
        InputError: the URL is of another kind, nothing answers there, or a newer version made the tables.
        MissingExtraError: the driver is not installed.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InputError("the database is no SQLAlchemy URL, such as sqlite:///service.db") from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise InputError(f"the database has to be sqlite or postgresql; got {parsed.get_backend_name()!r}")
    options: dict[str, Any] = {"pool_timeout": timeout_s, "pool_pre_ping": True}
    if parsed.get_backend_name() == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise InputError("the database has to be a file: what is in memory does not survive a restart")
        if not migrate and not Path(str(parsed.database)).exists():
            raise InputError(f"no such database: {parsed.database!r}")
        _make_private(Path(str(parsed.database)))
        options["connect_args"] = {"timeout": BUSY_MS / 1000, "check_same_thread": False}
    else:
        options |= {"pool_size": 10, "max_overflow": 10, "connect_args": _postgresql_arguments(timeout_s)}
    try:
        engine = create_engine(parsed, **options)
    except NoSuchModuleError:
        raise InputError(f"unknown database driver {parsed.drivername!r}") from None
    except ModuleNotFoundError:
        raise MissingExtraError("this database", "service") from None
    if engine.dialect.name == "sqlite":
        _configure_sqlite(engine)
    else:
        connect_with_patience(engine, timeout_s)
    try:
        if migrate:
            _migrate(engine)
        else:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1 FROM audit_event LIMIT 1"))
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else "no answer"
        raise InputError(f"cannot use the database {parsed.render_as_string()!r}: {reason}") from None
    except CommandError:  # of a step that this version does not know
        raise InputError(
            f"the database {parsed.render_as_string()!r} was brought up to date by a newer version: "
            "use that one, or a backup from before"
        ) from None
    return Store(engine)


def _make_private(file: Path) -> None:
    """Make an empty file that only its owner may read; what SQLite puts beside it takes after it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise InputError(f"cannot use {str(file)!r}: {error.strerror}") from None


def _postgresql_arguments(timeout_s: float) -> dict[str, Any]:
    """Return what bounds connecting, waiting for locks, answering, and a peer that has gone (libpq)."""
    milliseconds = round(1000 * timeout_s)
    return {
        "connect_timeout": max(2, math.ceil(timeout_s)),  # libpq takes less than 2 for 2
        "options": (
            f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} "
            f"-c idle_in_transaction_session_timeout={10 * milliseconds}"
        ),
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 2,
        "tcp_user_timeout": milliseconds,
    }


def _configure_sqlite(engine: Engine) -> None:
    """Make SQLite durable, and let transactions begin the way `Store` says."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in SQLITE:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # A writer takes its turn at once: one that read first could not, and would have to start again.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", "antispoof.service.store:migrations")
    with engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            if engine.dialect.name == "postgresql":
                set_patience(connection, None)  # a migration may take long
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text("SET LOCAL lock_timeout = 0"))
                # Several replicas may start at once.
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('migrate'))"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        if engine.dialect.name == "postgresql":
            connection.invalidate()  # the next ones are impatient again
