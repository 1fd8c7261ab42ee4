"""Judging a session: closed for captures, judged once, its result signed and kept.

Every method is one transaction: what it returns is on the disk.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from antispoof.contract import RESULT_VERSION
from antispoof.sensing.cues import Measured
from antispoof.sensing.modalities import modalities
from antispoof.service import audit
from antispoof.service.attempts import Decision, Judgeable
from antispoof.service.clock import Clock, as_text
from antispoof.service.problems import Problem
from antispoof.service.session_records import FINAL, SessionRecords
from antispoof.service.settings import Settings
from antispoof.service.signing import SigningKeys
from antispoof.service.store.database import Store
from antispoof.service.store.tables import Capture, Result, Session
from antispoof.service.tenants import DEFAULT
from antispoof.service.traffic import count_scores
from antispoof.service.vault import Vault
from antispoof.service.webhooks import announce

__all__ = ["Judgements"]


class Judgements:
    """The judgements of the sessions in a store."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        signing: SigningKeys,
        clock: Clock,
        vault: Vault,
        records: SessionRecords,
    ) -> None:
        self._settings = settings
        self._store = store
        self._signing = signing
        self._clock = clock
        self._vault = vault
        self._records = records

    def begin(self, identifier: str) -> Judgeable | str:
        """Close a session for captures, and open what was captured.

        A judgement that another worker took with it when it ended is taken up again after
        ``judging_timeout_s`` without a `renew`.

        Returns:
            what is to be judged; or the state, where it has been judged already.

        Raises:
            Problem: the session is not ready to be judged.
        """
        now = self._clock.now()
        with self._store.write() as transaction:
            session = self._records.get(transaction, identifier)
            if session.state in FINAL:
                return session.state
            if session.state == "judging":
                since = session.judging_since or now
                if now < since + self._settings.judging_timeout_s:
                    raise Problem("state_conflict", "it is being judged", recoverable=True, retry_after_s=1)
            else:
                self._records.check_open(session)
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
                tuple(
                    self._vault.opened_reference(session, row)
                    for row in self._vault.references(transaction, identifier)
                ),
                session.site,
                tuple(_cue(found) for found in (session.live or {}).get("cues", ())),
                bool((session.live or {}).get("in_one_run")),
            )

    def renew(self, judged: Judgeable) -> None:
        """Say that a judgement goes on, so that nobody takes it up."""
        with self._store.write() as transaction:
            session = self._records.get(transaction, judged.id, expire=False)
            if session.state == "judging" and session.attempt == judged.attempt:
                session.judging_since = self._clock.now()

    def abandon(self, judged: Judgeable) -> None:
        """Open a session again whose judgement failed; no attempt is used up."""
        with self._store.write() as transaction:
            session = self._records.get(transaction, judged.id)
            if session.state == "judging" and session.attempt == judged.attempt:
                session.state = "capturing"
                session.judging_since = None
                audit.append(self._store, transaction, self._clock.now(), "judging_failed", judged.id)

    def finish(self, judged: Judgeable, decision: Decision) -> dict[str, Any]:
        """Keep a decision, signed; return the session.

        A non-response with attempts left opens the session again.

        Raises:
            Problem: ``state_conflict`` where the session was judged or revoked meanwhile.
        """
        now = self._clock.now()
        with self._store.write() as transaction:
            session = self._records.get(transaction, judged.id, expire=False)
            if session.state != "judging" or session.attempt != judged.attempt:
                raise Problem("state_conflict", f"the session is {session.state}")
            if session.live is None:
                session.attempts_left -= 1
            session.judging_since = None
            if session.live is not None:  # what the stream showed went into the result
                session.live = {**session.live, "cues": []}
            verdict = decision.evidence["verdict"]
            count_scores(self._store, transaction, now, judged.site, verdict, session.tenant)
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
                return self._records.view(session)
            document = {
                "schema_version": RESULT_VERSION,
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
            whose = {} if session.tenant == DEFAULT else {"tenant": session.tenant}
            claims = {
                "iss": self._settings.issuer,
                "iat": int(now),
                "jti": judged.id,
                **document,
                "audit": {"seq": event.seq, "hash": event.hash, **whose},
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
            announce(transaction, session, "finished", now)
            if session.retention_s > 0:
                session.media_until = now + session.retention_s
            else:
                self._vault.erase_media(transaction, session)
            return self._records.view(session)

    def result(self, identifier: str) -> dict[str, Any]:
        """Return the result document, with its signed form.

        Raises:
            Problem: there is none (yet).
        """
        with self._store.write() as transaction:
            session = self._records.get(transaction, identifier)
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


def _cue(document: Mapping[str, Any]) -> Measured:
    values = document["features"]
    features = None if values is None else np.array(values, np.float64)
    return Measured(document["name"], features, tuple(document["reasons"]))
