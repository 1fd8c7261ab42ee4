"""One-time sessions: created → capturing → judging → succeeded | failed, or expired, or revoked.

Every method is one transaction: what it returns is on the disk. Nothing of a session is kept in memory
between requests, so any replica can answer any of them, and a restart loses nothing that was answered.

Judging is in `judgements`, what time does in `sweeping`, what they share of a session's row in
`session_records`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import delete, func, select

from antispoof.service import audit
from antispoof.service.attempts import Accepted, JudgeableCapture, SessionRequest
from antispoof.service.clock import Clock
from antispoof.service.problems import Problem
from antispoof.service.secret import Secret, new_id, new_nonce
from antispoof.service.session_records import FINAL, SessionRecords
from antispoof.service.settings import Settings
from antispoof.service.store.database import Store, Transaction
from antispoof.service.store.tables import Capture, Idempotency, Result, Session
from antispoof.service.tenants import DEFAULT, Tenant, scoped
from antispoof.service.vault import Vault

__all__ = ["Sessions"]

DAY_S = 86_400.0
HOUR_S = 3_600.0
MOST_REFERENCES = 5  # of a modality


class Sessions:
    """The sessions in a store."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        secret: Secret,
        clock: Clock,
        vault: Vault,
        records: SessionRecords,
    ) -> None:
        self._settings = settings
        self._store = store
        self._secret = secret
        self._clock = clock
        self._vault = vault
        self._records = records

    def open(
        self,
        request: SessionRequest,
        key_id: str | None,
        idempotency_key: str | None = None,
        tenant: str = DEFAULT,
    ) -> dict[str, Any]:
        """Open a session, or return the one that the same request has opened.

        Raises:
            Problem: ``idempotency_mismatch``; ``attempts_exhausted`` for a device that failed too often.
        """
        now = self._clock.now()
        # What is not set stays out of it, so that an update which adds a field does not change it.
        said = {f.name: value for f in fields(request) if (value := getattr(request, f.name)) != f.default}
        digest = hashlib.sha256(repr(said).encode()).hexdigest()
        with self._store.write() as transaction:
            if idempotency_key is not None:
                self._store.in_turn(transaction, f"idempotency {key_id} {idempotency_key}")
                earlier = transaction.get(Idempotency, (key_id, idempotency_key))
                if earlier is not None and earlier.created_at > now - DAY_S:
                    if earlier.request_sha256 != digest:
                        raise Problem("idempotency_mismatch", "the key was used with another body")
                    return self._records.view(self._records.get(transaction, earlier.session_id), token=True)
                if earlier is not None:
                    transaction.delete(earlier)
                    transaction.flush()
            device = self._hash("device", tenant, request.device_id)
            own = self._settings.tenant(tenant)
            self._check_device(transaction, device, now, own)
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
                attempts_left=own.attempts or self._settings.attempts,
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
                subject_hash=self._hash("subject", tenant, request.subject),
                site=request.site,
                tenant=tenant,
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
                tenant=tenant,
                mode=request.mode,
                key=key_id,
                ttl_s=request.ttl_s,
                retention_s=request.retention_s,
                consent_basis=request.consent_basis is not None,
            )
            return self._records.view(session, token=True)

    def see_owner(self, identifier: str, tenant: str, *, by_page: bool = False) -> None:
        """See that a session is a tenant's, or also the page's; raise `Problem` ``not_found`` otherwise."""
        with self._store.read() as transaction:
            query = select(Session.tenant, Session.key_id).where(Session.id == identifier)
            owner, key = transaction.execute(query).one_or_none() or (None, None)
        if owner != tenant or (by_page and key is not None):
            raise Problem("not_found", "there is no such session")

    def view(self, identifier: str) -> dict[str, Any]:
        """Return a session as its backend sees it; raise `Problem` ``not_found``."""
        with self._store.write() as transaction:
            return self._records.view(self._records.get(transaction, identifier))

    def revoke(self, identifier: str) -> None:
        """End a session and erase its media and its result; raise `Problem` ``not_found``."""
        with self._store.write() as transaction:
            session = self._records.get(transaction, identifier)
            if session.state == "revoked":
                return
            self._vault.erase_media(transaction, session)
            transaction.execute(delete(Result).where(Result.session_id == identifier))
            session.state = "revoked"
            session.live = session.consent_basis = session.device_hash = session.subject_hash = None
            audit.append(self._store, transaction, self._clock.now(), "revoked", identifier)

    def revoke_subject(self, subject: str, tenant: str | None = None) -> list[str]:
        """Revoke every session of a person, with one tenant or with all; return their identifiers."""
        tenants = self._settings.tenant_names if tenant is None else (tenant,)
        hashes = [self._hash("subject", each, subject) for each in tenants]
        with self._store.read() as transaction:
            found = list(transaction.scalars(select(Session.id).where(Session.subject_hash.in_(hashes))))
        for identifier in found:
            self.revoke(identifier)
        return found

    def holder(self, token: str, *, spent: bool = False) -> str:
        """Return the session that a client token is of.

        Args:
            token: as the session was opened with.
            spent: take one as well whose session has its verdict.

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
        if state == "revoked" or (state in FINAL and not spent):
            raise Problem("bad_token", "the session is over, and its token with it")
        return identifier

    def expected_modalities(self, identifier: str) -> tuple[str, ...]:
        """Return what a session that is open for captures asks for.

        Raises:
            Problem: it is not open.
        """
        with self._store.write() as transaction:
            return tuple(self._records.get_open(transaction, identifier).modalities)

    def accept(self, identifier: str, modality: str, seq: int, content: bytes, unit: str = "") -> Accepted:
        """Keep a capture, sealed, and what its numbers mean where that was stated.

        Raises:
            Problem: the session is not open or takes no uploads, ``duplicate_seq``, or there are too many
                captures.
        """
        now = self._clock.now()
        sha256 = hashlib.sha256(content).hexdigest()
        with self._store.write() as transaction:
            session = self._records.get_open(transaction, identifier)
            if session.mode == "active" or (session.live is not None and session.live["done"]):
                raise Problem("state_conflict", "the session is captured by its stream")
            if session.key_id is None and not self._settings.page_photo:
                raise Problem("state_conflict", "the page's own sessions are captured by their stream here")
            session.live = None  # a stream that came to nothing gives way
            earlier = transaction.get(Capture, (identifier, modality, seq))
            if earlier is not None:
                if (earlier.sha256, earlier.unit) != (sha256, unit):
                    raise Problem("duplicate_seq", "another sample has this number")
                return Accepted(False, session.captures, earlier.received_at)
            self._vault.keep(transaction, session, modality, seq, content, unit)
            self._vault.remember(transaction, session, [sha256], [sha256])
            audit.append(self._store, transaction, now, "captured", identifier, modality=modality, seq=seq)
            return Accepted(True, session.captures, now)

    def accept_reference(
        self, identifier: str, modality: str, seq: int, content: bytes, unit: str = ""
    ) -> tuple[bool, int]:
        """Keep an earlier capture of the person, sealed, for every attempt of the session.

        Returns:
            whether it is new, and how many there are of this modality.

        Raises:
            Problem: the session is not open, ``duplicate_seq``, or there are too many.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        with self._store.write() as transaction:
            session = self._records.get_open(transaction, identifier)
            there = [
                row for row in self._vault.references(transaction, identifier) if row.modality == modality
            ]
            for row in there:
                if row.seq == seq:
                    if (row.sha256, row.unit) != (sha256, unit):
                        raise Problem("duplicate_seq", "another reference has this number")
                    return False, len(there)
            if len(there) >= MOST_REFERENCES:
                raise Problem(
                    "payload_too_large", f"a session may have {MOST_REFERENCES} references of a modality"
                )
            self._vault.keep_reference(transaction, session, modality, seq, content, unit)
            now = self._clock.now()
            audit.append(self._store, transaction, now, "reference", identifier, modality=modality, seq=seq)
            return True, len(there) + 1

    def begin_stream(self, identifier: str) -> tuple[int, dict[str, Any]]:
        """Begin a live capture anew: what was captured before is dropped, and an attempt is used up.

        Returns:
            number of the attempt, and the session.

        Raises:
            Problem: the session is not open, or ``attempts_exhausted``.
        """
        with self._store.write() as transaction:
            session = self._records.get_open(transaction, identifier)
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
            return session.attempt, self._records.view(session)

    def end_stream(
        self,
        identifier: str,
        attempt: int,
        captured: Sequence[tuple[str, int, bytes]],
        digests: Collection[str],
        results: Sequence[Mapping[str, Any]],
        cues: Sequence[Mapping[str, Any]] = (),
        in_one_run: bool = False,
    ) -> int:
        """Keep what a live capture came to; return how many samples are kept.

        Args:
            identifier: of the session.
            attempt: that the stream has begun.
            captured: modality, number and content of the samples to be judged.
            digests: SHA-256 of everything that was seen, to find it again.
            results: of the challenges, as JSON.
            cues: what the course of the pictures showed, as JSON.
            in_one_run: whether the camera was watched without a gap, and no cut was seen.

        Raises:
            Problem: the session is not open, or another stream has begun since.
        """
        with self._store.write() as transaction:
            session = self._records.get_open(transaction, identifier)
            if session.attempt != attempt or session.live is None or session.live["done"]:
                raise Problem("state_conflict", "another stream has begun, or this one has ended")
            session.live = {
                "done": True,
                "challenges": [dict(result) for result in results],
                "cues": [dict(found) for found in cues],
                "in_one_run": in_one_run,
            }
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

    def events(self, identifier: str) -> list[dict[str, Any]]:
        """Return the audit events of a session; raise `Problem` ``not_found``."""
        with self._store.write() as transaction:
            self._records.get(transaction, identifier)
            return audit.events_of(transaction, identifier)

    def media(self, identifier: str) -> tuple[JudgeableCapture, ...]:
        """Open the media that are kept of a session, and note in the audit log that it was done.

        Raises:
            Problem: ``not_found``, also where the media were erased.
        """
        with self._store.write() as transaction:
            session = self._records.get(transaction, identifier)
            if session.media_key is None or session.media_until is None:
                raise Problem("not_found", "no media are kept of this session")
            audit.append(self._store, transaction, self._clock.now(), "media_read", identifier)
            return tuple(
                self._vault.opened(session, row) for row in self._vault.captures(transaction, identifier)
            )

    def _check_device(self, transaction: Transaction, device: str | None, now: float, own: Tenant) -> None:
        if device is None:
            return
        failed = transaction.scalar(
            select(func.count())
            .select_from(Session)
            .where(
                Session.device_hash == device, Session.created_at > now - HOUR_S, Session.state == "failed"
            )
        )
        if (failed or 0) >= (own.device_failures_per_hour or self._settings.device_failures_per_hour):
            raise Problem("attempts_exhausted", "this device has failed too often", retry_after_s=int(HOUR_S))

    def _hash(self, purpose: str, tenant: str, value: str | None) -> str | None:
        return None if value is None else self._secret.keyed_hash(scoped(purpose, tenant), value)
