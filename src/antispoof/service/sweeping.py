"""What time does to sessions: they expire, their media are erased, and at last they are deleted."""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, select

from antispoof.service.clock import Clock
from antispoof.service.session_records import FINAL, OPEN, SessionRecords
from antispoof.service.settings import Settings
from antispoof.service.store.database import Store
from antispoof.service.store.tables import (
    Capture,
    Idempotency,
    ReferenceCapture,
    Result,
    SeenCapture,
    Session,
)
from antispoof.service.traffic import forget_old

__all__ = ["Sweeper"]

DAY_S = 86_400.0
MANY = 500  # values in one query


class Sweeper:
    """Does to the sessions in a store what is due."""

    def __init__(self, settings: Settings, store: Store, clock: Clock, records: SessionRecords) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._records = records

    def sweep(self) -> int:
        """Expire sessions, erase media whose time is over, delete and forget what is old; return how many."""
        now = self._clock.now()
        due = (
            select(Session.id)
            .where(
                (Session.state.in_((*OPEN, "judging")) & (Session.expires_at <= now))
                | (Session.media_until <= now)
            )
            .limit(MANY)
        )
        with self._store.read() as transaction:
            identifiers = list(transaction.scalars(due))
        for identifier in identifiers:
            with self._store.write() as transaction:
                self._records.get(transaction, identifier)  # which does what is due
        with self._store.write() as transaction:
            old = now - self._settings.remembered_days * DAY_S
            transaction.execute(delete(SeenCapture).where(SeenCapture.seen_at < old))
            forget_old(transaction, now)
            transaction.execute(delete(Idempotency).where(Idempotency.created_at < now - DAY_S))
        own = {name: each.session_days for name, each in self._settings.tenants.items() if each.session_days}
        for tenant, days in own.items():
            self._delete_old(Session.tenant == tenant, now - days * DAY_S)
        self._delete_old(Session.tenant.not_in(own), now - self._settings.session_days * DAY_S)
        return len(identifiers)

    def _delete_old(self, whose: ColumnElement[bool], before: float) -> None:
        """Delete sessions that have been over for long, with their results; their audit events stay."""
        over = (*FINAL, "expired", "revoked")
        old = (
            select(Session.id)
            .where(whose, Session.state.in_(over), Session.created_at < before)
            .where(Session.media_until.is_(None))
            .limit(MANY)
        )
        with self._store.write() as transaction:
            identifiers = list(transaction.scalars(old))
            for table in (Capture, ReferenceCapture, Result):
                transaction.execute(delete(table).where(table.session_id.in_(identifiers)))
            transaction.execute(delete(Session).where(Session.id.in_(identifiers)))
