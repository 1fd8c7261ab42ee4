"""Captures of sessions: sealed when they come, opened to be judged, erased when their time is over."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from sqlalchemy import delete, select

from antispoof.service.attempts import JudgeableCapture
from antispoof.service.clock import Clock
from antispoof.service.problems import Problem
from antispoof.service.secret import Secret, seal, unseal
from antispoof.service.settings import Settings
from antispoof.service.store.database import Store, Transaction
from antispoof.service.store.tables import Capture, ReferenceCapture, SeenCapture, Session
from antispoof.service.tenants import scoped

__all__ = ["Vault"]

MANY = 500  # values in one query


class Vault:
    """The captures in a store; every method is part of the caller's transaction."""

    def __init__(self, settings: Settings, store: Store, secret: Secret, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._secret = secret
        self._clock = clock

    def keep(
        self,
        transaction: Transaction,
        session: Session,
        modality: str,
        seq: int,
        content: bytes,
        unit: str = "",
    ) -> str:
        """Seal a sample and put it in its place; return its SHA-256."""
        limits = self._settings
        if session.captures >= limits.max_captures:
            raise Problem("payload_too_large", f"an attempt may have {limits.max_captures} captures")
        if session.capture_bytes + len(content) > limits.max_attempt_bytes:
            raise Problem("payload_too_large", f"an attempt may have {limits.max_attempt_bytes} bytes")
        sha256 = hashlib.sha256(content).hexdigest()
        transaction.add(
            Capture(
                session_id=session.id,
                modality=modality,
                seq=seq,
                sha256=sha256,
                received_at=self._clock.now(),
                sealed=seal(self._media_key(session), content, _place(session.id, modality, seq)),
                unit=unit,
            )
        )
        session.state = "capturing"
        session.captures += 1
        session.capture_bytes += len(content)
        return sha256

    def remember(
        self, transaction: Transaction, session: Session, kept: Sequence[str], seen: Collection[str]
    ) -> None:
        """Note what is kept, by a keyed hash, and whether another session of the tenant has had the very
        same bytes.
        """
        self._store.in_turn(transaction, "captures")
        purpose = scoped("capture", session.tenant)
        hashes = [self._secret.keyed_hash(purpose, sha256) for sha256 in seen]
        for start in range(0, len(hashes), MANY):
            found = transaction.scalars(
                select(SeenCapture.session_id).where(
                    SeenCapture.capture_hash.in_(hashes[start : start + MANY])
                )
            )
            if any(owner != session.id for owner in found):
                session.replayed = True
        for hashed in {self._secret.keyed_hash(purpose, sha256) for sha256 in kept}:
            if transaction.get(SeenCapture, hashed) is None:
                transaction.add(
                    SeenCapture(capture_hash=hashed, session_id=session.id, seen_at=self._clock.now())
                )

    def keep_reference(
        self, transaction: Transaction, session: Session, modality: str, seq: int, content: bytes, unit: str
    ) -> None:
        """Seal an earlier capture of the person and put it in its place."""
        place = _place(session.id, f"reference {modality}", seq)
        transaction.add(
            ReferenceCapture(
                session_id=session.id,
                modality=modality,
                seq=seq,
                sha256=hashlib.sha256(content).hexdigest(),
                received_at=self._clock.now(),
                sealed=seal(self._media_key(session), content, place),
                unit=unit,
            )
        )

    @staticmethod
    def references(transaction: Transaction, identifier: str) -> list[ReferenceCapture]:
        """List the references that are kept of a session, by sensor and number."""
        query = select(ReferenceCapture).where(ReferenceCapture.session_id == identifier)
        return list(transaction.scalars(query.order_by(ReferenceCapture.modality, ReferenceCapture.seq)))

    def opened_reference(self, session: Session, row: ReferenceCapture) -> JudgeableCapture:
        """Unseal a reference; raise `Problem` ``state_conflict`` where the media were erased."""
        place = _place(row.session_id, f"reference {row.modality}", row.seq)
        content = unseal(self._media_key(session), row.sealed, place)
        return JudgeableCapture(row.modality, row.seq, row.sha256, content, row.unit)

    @staticmethod
    def captures(transaction: Transaction, identifier: str) -> list[Capture]:
        """List what is kept of a session, by sensor and number."""
        query = select(Capture).where(Capture.session_id == identifier)
        return list(transaction.scalars(query.order_by(Capture.modality, Capture.seq)))

    def opened(self, session: Session, row: Capture) -> JudgeableCapture:
        """Unseal a capture; raise `Problem` ``state_conflict`` where the media were erased."""
        content = unseal(self._media_key(session), row.sealed, _place(row.session_id, row.modality, row.seq))
        return JudgeableCapture(row.modality, row.seq, row.sha256, content, row.unit)

    def _media_key(self, session: Session) -> bytes:
        if session.media_key is None:
            raise Problem("state_conflict", "the media of the session were erased")
        return self._secret.media_key(session.media_key, session.id)

    @staticmethod
    def drop_captures(transaction: Transaction, session: Session) -> None:
        """Delete the captures of an attempt."""
        transaction.execute(delete(Capture).where(Capture.session_id == session.id))
        session.captures = session.capture_bytes = 0

    @classmethod
    def erase_media(cls, transaction: Transaction, session: Session) -> None:
        """Delete the captures, the references and the key that opens both; the number of captures stays."""
        transaction.execute(delete(ReferenceCapture).where(ReferenceCapture.session_id == session.id))
        captured = session.captures
        cls.drop_captures(transaction, session)
        session.captures = captured
        session.media_key = session.media_until = None


def _place(session: str, modality: str, seq: int) -> str:
    return f"{session}/{modality}/{seq}"
