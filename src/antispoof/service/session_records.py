"""Rows of sessions: found and held, expired and erased when their time is over, shown to their backend."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from antispoof.service import audit
from antispoof.service.clock import Clock, as_text
from antispoof.service.problems import Problem
from antispoof.service.secret import Secret
from antispoof.service.settings import Settings
from antispoof.service.store.database import Store, Transaction
from antispoof.service.store.tables import Session
from antispoof.service.vault import Vault
from antispoof.service.webhooks import announce

__all__ = ["FINAL", "OPEN", "SessionRecords"]

OPEN = ("created", "capturing")
FINAL = ("succeeded", "failed")
CLOCK_SLACK_S = 60.0  # how far the clocks of two replicas may be apart


class SessionRecords:
    """The sessions in a store; every method is part of the caller's transaction."""

    def __init__(self, settings: Settings, store: Store, secret: Secret, clock: Clock, vault: Vault) -> None:
        self._settings = settings
        self._store = store
        self._secret = secret
        self._clock = clock
        self._vault = vault

    def get(self, transaction: Transaction, identifier: str, *, expire: bool = True) -> Session:
        """Find a session, hold it, and do what its time demands.

        Raises:
            Problem: ``not_found``.
        """
        query = self._store.locked(select(Session).where(Session.id == identifier))
        session: Session | None = transaction.scalars(query).first()
        if session is None:
            raise Problem("not_found", "there is no such session")
        now = self._clock.now()
        if expire and self._expired(session, now):
            session.state = "expired"
            self._vault.erase_media(transaction, session)
            audit.append(self._store, transaction, now, "expired", identifier)
            announce(transaction, session, "expired", now)
        if session.media_until is not None and session.media_until <= now:
            self._vault.erase_media(transaction, session)
            audit.append(self._store, transaction, now, "media_erased", identifier)
        return session

    def get_open(self, transaction: Transaction, identifier: str) -> Session:
        """Find a session that is open for captures, or raise `Problem`."""
        session = self.get(transaction, identifier)
        self.check_open(session)
        return session

    @staticmethod
    def check_open(session: Session) -> None:
        """Raise `Problem` where a session takes no captures."""
        if session.state == "expired":
            raise Problem("session_expired", "the session has expired")
        if session.state not in OPEN:
            raise Problem("state_conflict", "the session is not open for captures")

    def view(self, session: Session, *, token: bool = False) -> dict[str, Any]:
        """Return a session as its backend sees it, with the client token where it was just opened."""
        view = {
            "id": session.id,
            "state": session.state,
            "mode": session.mode,
            "modalities": session.modalities,
            "policy": session.policy,
            "challenges": session.challenges,
            "nonce": session.nonce,
            "created_at": as_text(session.created_at),
            "expires_at": as_text(session.expires_at),
            "captures": session.captures,
            "attempts_left": session.attempts_left,
            "frames_needed": self._settings.passive_frames,
            "site": session.site,
            "retention_s": session.retention_s,
            "media_until": None if session.media_until is None else as_text(session.media_until),
        }
        if token:
            view["client_token"] = self._secret.client_token(session.id, session.nonce)
        return view

    def _expired(self, session: Session, now: float) -> bool:
        in_time = session.created_at - CLOCK_SLACK_S <= now < session.expires_at
        if session.state == "judging":  # it came in time, and may be judged to the end
            since = session.judging_since or session.created_at
            return not in_time and not now < since + self._settings.judging_timeout_s
        return session.state in OPEN and not in_time
