"""One-time sessions: created → capturing → judging → succeeded | failed, or expired, or revoked.

Every method is one transaction: what it returns is on the disk. Nothing of a session is kept in memory
between requests, so any replica can answer any of them, and a restart loses nothing that was answered.

Longer than other files on purpose: all transitions of the one state machine stand beside each other.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select

from antispoof.sensing.modalities import modalities
from antispoof.service import audit
from antispoof.service.attempts import Accepted, Decision, Judgeable, JudgeableCapture, SessionRequest
from antispoof.service.clock import Clock, as_text
from antispoof.service.problems import Problem
from antispoof.service.secret import Secret, new_id, new_nonce
from antispoof.service.settings import Settings
from antispoof.service.signing import SigningKeys
from antispoof.service.store.database import Store, Transaction
from antispoof.service.store.tables import Capture, Idempotency, Result, SeenCapture, Session
from antispoof.service.vault import Vault

__all__ = ["Sessions"]

OPEN = ("created", "capturing")
FINAL = ("succeeded", "failed")
DAY_S = 86_400.0
HOUR_S = 3_600.0
MANY = 500  # values in one query
CLOCK_SLACK_S = 60.0  # how far the clocks of two replicas may be apart


class Sessions:
    """The sessions in a store."""

    def __init__(
        self, settings: Settings, store: Store, secret: Secret, signing: SigningKeys, clock: Clock
    ) -> None:
        self._settings = settings
        self._store = store
        self._secret = secret
        self._signing = signing
        self._clock = clock
        self._vault = Vault(settings, store, secret, clock)

    def open(
        self, request: SessionRequest, key_id: str | None, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """Open a session, or return the one that the same request has opened.

        Raises:
            Problem: ``idempotency_mismatch``; ``attempts_exhausted`` for a device that failed too often.
        """
        now = self._clock.now()
        digest = hashlib.sha256(repr(request).encode()).hexdigest()
        with self._store.write() as transaction:
            if idempotency_key is not None:
                self._store.in_turn(transaction, f"idempotency {key_id} {idempotency_key}")
                earlier = transaction.get(Idempotency, (key_id, idempotency_key))
                if earlier is not None and earlier.created_at > now - DAY_S:
                    if earlier.request_sha256 != digest:
                        raise Problem("idempotency_mismatch", "the key was used with another body")
                    return self._view(self._get(transaction, earlier.session_id), token=True)
                if earlier is not None:
                    transaction.delete(earlier)
                    transaction.flush()
            device = self._hash("device", request.device_id)
            self._check_device(transaction, device, now)
            identifier = new_id("ses")
            session = Session(
                id=identifier,
                key_id=key_id,
                state="created",
                mode=request.mode,
                modalities=list(request.modalities),
                policy=request.policy,
                challenges=None if request.challenges is None else list(request.challenges),
                nonce=new_nonce(),
                created_at=now,
                expires_at=now + request.ttl_s,
                attempt=1,
                attempts_left=self._settings.attempts,
                captures=0,
                capture_bytes=0,
                live=None,
                replayed=False,
                judging_since=None,
                finished_at=None,
                retention_s=request.retention_s,
                consent_basis=request.consent_basis,
                media_key=self._secret.new_media_key(identifier),
                media_until=None,
                device_hash=device,
                subject_hash=self._hash("subject", request.subject),
            )
            transaction.add(session)
            if key_id is not None and idempotency_key is not None:
                transaction.add(
                    Idempotency(
                        key_id=key_id,
                        idempotency_key=idempotency_key,
                        request_sha256=digest,
                        session_id=identifier,
                        created_at=now,
                    )
                )
            audit.append(
                self._store,
                transaction,
                now,
                "opened",
                identifier,
                mode=request.mode,
                key=key_id,
                ttl_s=request.ttl_s,
                retention_s=request.retention_s,
                consent_basis=request.consent_basis is not None,
            )
            return self._view(session, token=True)

    def view(self, identifier: str) -> dict[str, Any]:
        """Return a session as its backend sees it; raise `Problem` ``not_found``."""
        with self._store.write() as transaction:
            return self._view(self._get(transaction, identifier))

    def revoke(self, identifier: str) -> None:
        """End a session and erase its media and its result; raise `Problem` ``not_found``."""
        with self._store.write() as transaction:
            session = self._get(transaction, identifier)
            if session.state == "revoked":
                return
            self._vault.erase_media(transaction, session)
            transaction.execute(delete(Result).where(Result.session_id == identifier))
            session.state = "revoked"
            session.live = session.consent_basis = session.device_hash = session.subject_hash = None
            audit.append(self._store, transaction, self._clock.now(), "revoked", identifier)

    def revoke_subject(self, subject: str) -> list[str]:
        """Revoke every session of a person; return their identifiers."""
        hashed = self._hash("subject", subject)
        with self._store.read() as transaction:
            found = list(transaction.scalars(select(Session.id).where(Session.subject_hash == hashed)))
        for identifier in found:
            self.revoke(identifier)
        return found

    def holder(self, token: str) -> str:
        """Return the session that a client token is of.

        Raises:
            Problem: ``bad_token``, also where the session has its verdict or was revoked: the token is spent.
        """
        identifier = token.removeprefix("ast_").partition(".")[0]
        if not identifier.isascii() or not token.isascii():  # no database has such text
            raise Problem("bad_token", "the client token is not valid")
        with self._store.read() as transaction:
            query = select(Session.nonce, Session.state).where(Session.id == identifier)
            nonce, state = transaction.execute(query).one_or_none() or (None, "")
        # The comparison also takes place where there is no such session, so that time tells nothing.
        expected = self._secret.client_token(identifier, nonce or "")
        if not hmac.compare_digest(expected.encode(), token.encode()) or nonce is None:
            raise Problem("bad_token", "the client token is not valid")
        if state in (*FINAL, "revoked"):
            raise Problem("bad_token", "the session is over, and its token with it")
        return identifier

    def expected_modalities(self, identifier: str) -> tuple[str, ...]:
        """Return what a session that is open for captures asks for.

        Raises:
            Problem: it is not open.
        """
        with self._store.write() as transaction:
            return tuple(self._open(transaction, identifier).modalities)

    def accept(self, identifier: str, modality: str, seq: int, content: bytes, unit: str = "") -> Accepted:
        """Keep a capture, sealed, and what its numbers mean where that was stated.

        Raises:
            Problem: the session is not open, ``duplicate_seq``, or there are too many captures.
        """
        now = self._clock.now()
        sha256 = hashlib.sha256(content).hexdigest()
        with self._store.write() as transaction:
            session = self._open(transaction, identifier)
            if session.mode == "active" or session.live is not None:
                raise Problem("state_conflict", "the session is captured by its stream")
            earlier = transaction.get(Capture, (identifier, modality, seq))
            if earlier is not None:
                if (earlier.sha256, earlier.unit) != (sha256, unit):
                    raise Problem("duplicate_seq", "another sample has this number")
                return Accepted(False, session.captures, earlier.received_at)
            self._vault.keep(transaction, session, modality, seq, content, unit)
            self._vault.remember(transaction, session, [sha256], [sha256])
            audit.append(self._store, transaction, now, "captured", identifier, modality=modality, seq=seq)
            return Accepted(True, session.captures, now)

    def begin_stream(self, identifier: str) -> tuple[int, dict[str, Any]]:
        """Begin a live capture anew: what was captured before is dropped, and an attempt is used up.

        Returns:
            number of the attempt, and the session.

        Raises:
            Problem: the session is not open, or ``attempts_exhausted``.
        """
        with self._store.write() as transaction:
            session = self._open(transaction, identifier)
            if session.attempts_left < 1:
                raise Problem("attempts_exhausted", "no attempts are left")
            self._vault.drop_captures(transaction, session)
            session.attempts_left -= 1
            session.attempt += 1
            session.state = "capturing"
            session.live = {"done": False, "challenges": []}
            audit.append(
                self._store,
                transaction,
                self._clock.now(),
                "stream_begun",
                identifier,
                attempt=session.attempt,
            )
            return session.attempt, self._view(session)

    def end_stream(
        self,
        identifier: str,
        attempt: int,
        captured: Sequence[tuple[str, int, bytes]],
        digests: Collection[str],
        results: Sequence[Mapping[str, Any]],
    ) -> int:
        """Keep what a live capture came to; return how many samples are kept.

        Args:
            identifier: of the session.
            attempt: that the stream has begun.
            captured: modality, number and content of the samples to be judged.
            digests: SHA-256 of everything that was seen, to find it again.
            results: of the challenges, as JSON.

        Raises:
            Problem: the session is not open, or another stream has begun since.
        """
        with self._store.write() as transaction:
            session = self._open(transaction, identifier)
            if session.attempt != attempt or session.live is None or session.live["done"]:
                raise Problem("state_conflict", "another stream has begun, or this one has ended")
            session.live = {"done": True, "challenges": [dict(result) for result in results]}
            kept = [
                self._vault.keep(transaction, session, modality, seq, content)
                for modality, seq, content in captured
            ]
            self._vault.remember(transaction, session, kept, {*digests, *kept})
            audit.append(
                self._store,
                transaction,
                self._clock.now(),
                "stream_ended",
                identifier,
                captures=session.captures,
                challenges=", ".join(f"{result['challenge']}: {result['outcome']}" for result in results),
            )
            return session.captures

    def begin_judging(self, identifier: str) -> Judgeable | str:
        """Close a session for captures, and open what was captured.

        A judgement that another worker took with it when it ended is taken up again after a while.

        Returns:
            what is to be judged; or the state, where it has been judged already.

        Raises:
            Problem: the session is not ready to be judged.
        """
        now = self._clock.now()
        with self._store.write() as transaction:
            session = self._get(transaction, identifier)
            if session.state in FINAL:
                return session.state
            if session.state == "judging":
                since = session.judging_since or now
                if now < since + self._settings.judging_timeout_s:
                    raise Problem("state_conflict", "it is being judged", recoverable=True, retry_after_s=1)
            else:
                self._check_open(session)
            captures = self._vault.captures(transaction, identifier)
            self._see_enough(session, captures)
            if session.live is not None and not session.live["done"]:
                raise Problem("state_conflict", "the stream has not ended", recoverable=True)
            if session.live is None and session.attempts_left < 1:
                raise Problem("attempts_exhausted", "no attempts are left")
            session.state = "judging"
            session.judging_since = now
            audit.append(self._store, transaction, now, "judging", identifier, captures=session.captures)
            return Judgeable(
                identifier,
                session.attempt,
                session.mode,
                tuple(session.modalities),
                session.policy,
                session.replayed,
                tuple((session.live or {}).get("challenges", ())),
                tuple(self._vault.opened(session, row) for row in captures),
            )

    def abandon_judging(self, judged: Judgeable) -> None:
        """Open a session again whose judgement failed; no attempt is used up."""
        with self._store.write() as transaction:
            session = self._get(transaction, judged.id)
            if session.state == "judging" and session.attempt == judged.attempt:
                session.state = "capturing"
                session.judging_since = None
                audit.append(self._store, transaction, self._clock.now(), "judging_failed", judged.id)

    def finish_judging(self, judged: Judgeable, decision: Decision) -> dict[str, Any]:
        """Keep a decision, signed; return the session.

        A non-response with attempts left opens the session again.

        Raises:
            Problem: ``state_conflict`` where the session was judged or revoked meanwhile.
        """
        now = self._clock.now()
        with self._store.write() as transaction:
            session = self._get(transaction, judged.id, expire=False)
            if session.state != "judging" or session.attempt != judged.attempt:
                raise Problem("state_conflict", f"the session is {session.state}")
            if session.live is None:
                session.attempts_left -= 1
            session.judging_since = None
            event = audit.append(
                self._store,
                transaction,
                now,
                "judged",
                judged.id,
                outcome=decision.outcome,
                reasons=", ".join(decision.reasons),
                attempts_left=session.attempts_left,
            )
            if decision.outcome == "non_response" and session.attempts_left > 0 and now < session.expires_at:
                self._vault.drop_captures(transaction, session)
                session.state = "capturing"
                session.attempt += 1
                session.live = None
                return self._view(session)
            document = {
                "session": judged.id,
                "nonce": session.nonce,
                "outcome": decision.outcome,
                "reasons": list(decision.reasons),
                "judged_at": as_text(now),
                **decision.evidence,
                "captures": [
                    {"modality": c.modality, "seq": c.seq, "sha256": c.sha256} for c in judged.captures
                ],
            }
            claims = {
                "iss": self._settings.issuer,
                "iat": int(now),
                "jti": judged.id,
                **document,
                "audit": {"seq": event.seq, "hash": event.hash},
            }
            transaction.add(
                Result(
                    session_id=judged.id,
                    outcome=decision.outcome,
                    document=json.dumps(document, allow_nan=False),
                    jws=self._signing.sign(claims),
                    judged_at=now,
                )
            )
            session.state = "succeeded" if decision.outcome == "bona_fide" else "failed"
            session.finished_at = now
            if session.retention_s > 0:
                session.media_until = now + session.retention_s
            else:
                self._vault.erase_media(transaction, session)
            return self._view(session)

    def result(self, identifier: str) -> dict[str, Any]:
        """Return the result document, with its signed form.

        Raises:
            Problem: there is none (yet).
        """
        with self._store.write() as transaction:
            session = self._get(transaction, identifier)
            if session.state in FINAL:
                row = transaction.get(Result, identifier)
                if row is not None:
                    return {**json.loads(row.document), "jws": row.jws}
            if session.state == "expired":
                raise Problem("session_expired", "the session has expired without a verdict")
            if session.state == "revoked":
                raise Problem("state_conflict", "the session is revoked, its result erased")
            raise Problem(
                "state_conflict", f"the session is {session.state}", recoverable=True, retry_after_s=1
            )

    def events(self, identifier: str) -> list[dict[str, Any]]:
        """Return the audit events of a session; raise `Problem` ``not_found``."""
        with self._store.write() as transaction:
            self._get(transaction, identifier)
            return audit.events_of(transaction, identifier)

    def media(self, identifier: str) -> tuple[JudgeableCapture, ...]:
        """Open the media that are kept of a session, and note in the audit log that it was done.

        Raises:
            Problem: ``not_found``, also where the media were erased.
        """
        with self._store.write() as transaction:
            session = self._get(transaction, identifier)
            if session.media_key is None or session.media_until is None:
                raise Problem("not_found", "no media are kept of this session")
            audit.append(self._store, transaction, self._clock.now(), "media_read", identifier)
            return tuple(
                self._vault.opened(session, row) for row in self._vault.captures(transaction, identifier)
            )

    def sweep(self) -> int:
        """Expire sessions, erase media whose time is over, delete and forget what is old; return how many."""
        now = self._clock.now()
        due = (
            select(Session.id)
            .where(
                (Session.state.in_((*OPEN, "judging")) & (Session.expires_at <= now))
                | (Session.media_until <= now)
            )
            .limit(500)
        )
        with self._store.read() as transaction:
            identifiers = list(transaction.scalars(due))
        for identifier in identifiers:
            with self._store.write() as transaction:
                self._get(transaction, identifier)  # which does what is due
        with self._store.write() as transaction:
            old = now - self._settings.remembered_days * DAY_S
            transaction.execute(delete(SeenCapture).where(SeenCapture.seen_at < old))
            transaction.execute(delete(Idempotency).where(Idempotency.created_at < now - DAY_S))
        self._delete_old(now)
        return len(identifiers)

    def _delete_old(self, now: float) -> None:
        """Delete sessions that have been over for long, with their results; their audit events stay."""
        over = (*FINAL, "expired", "revoked")
        old = (
            select(Session.id)
            .where(Session.state.in_(over), Session.created_at < now - self._settings.session_days * DAY_S)
            .where(Session.media_until.is_(None))
            .limit(MANY)
        )
        with self._store.write() as transaction:
            identifiers = list(transaction.scalars(old))
            for table in (Capture, Result):
                transaction.execute(delete(table).where(table.session_id.in_(identifiers)))
            transaction.execute(delete(Session).where(Session.id.in_(identifiers)))

    def _get(self, transaction: Transaction, identifier: str, *, expire: bool = True) -> Session:
        """Find a session, hold it, and do what its time demands."""
        query = self._store.locked(select(Session).where(Session.id == identifier))
        session: Session | None = transaction.scalars(query).first()
        if session is None:
            raise Problem("not_found", "there is no such session")
        now = self._clock.now()
        if expire and self._expired(session, now):
            session.state = "expired"
            self._vault.erase_media(transaction, session)
            audit.append(self._store, transaction, now, "expired", identifier)
        if session.media_until is not None and session.media_until <= now:
            self._vault.erase_media(transaction, session)
            audit.append(self._store, transaction, now, "media_erased", identifier)
        return session

    def _expired(self, session: Session, now: float) -> bool:
        in_time = session.created_at - CLOCK_SLACK_S <= now < session.expires_at
        if session.state == "judging":  # it came in time, and may be judged to the end
            since = session.judging_since or session.created_at
            return not in_time and not now < since + self._settings.judging_timeout_s
        return session.state in OPEN and not in_time

    def _open(self, transaction: Transaction, identifier: str) -> Session:
        session = self._get(transaction, identifier)
        self._check_open(session)
        return session

    def _see_enough(self, session: Session, captures: Sequence[Capture]) -> None:
        """Refuse to judge an attempt that has too few samples; a recording lasts, and counts for many."""
        counts = Counter(row.modality for row in captures)
        for name in sorted(session.modalities):
            needed = 1
            if session.live is None and name in modalities and not modalities[name].windowed:
                needed = self._settings.passive_frames
            if counts[name] < needed:
                raise Problem(
                    "state_conflict",
                    f"{counts[name]} captures of {name}, where {needed} are needed",
                    recoverable=True,
                )

    @staticmethod
    def _check_open(session: Session) -> None:
        if session.state == "expired":
            raise Problem("session_expired", "the session has expired")
        if session.state not in OPEN:
            raise Problem("state_conflict", "the session is not open for captures")

    def _check_device(self, transaction: Transaction, device: str | None, now: float) -> None:
        if device is None:
            return
        failed = transaction.scalar(
            select(func.count())
            .select_from(Session)
            .where(
                Session.device_hash == device, Session.created_at > now - HOUR_S, Session.state == "failed"
            )
        )
        if (failed or 0) >= self._settings.device_failures_per_hour:
            raise Problem("attempts_exhausted", "this device has failed too often", retry_after_s=int(HOUR_S))

    def _hash(self, purpose: str, value: str | None) -> str | None:
        return None if value is None else self._secret.keyed_hash(purpose, value)

    def _view(self, session: Session, *, token: bool = False) -> dict[str, Any]:
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
            "retention_s": session.retention_s,
            "media_until": None if session.media_until is None else as_text(session.media_until),
        }
        if token:
            view["client_token"] = self._secret.client_token(session.id, session.nonce)
        return view
