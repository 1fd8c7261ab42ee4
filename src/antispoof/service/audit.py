"""The audit log: events chained by their hashes, the chain anchored in the signed results.

Each tenant has a chain of its own. The hash of an event is SHA-256 over its canonical JSON, which holds the
hash of the event before. Who changes, removes or inserts an event has to write all later ones anew; each
signed result holds the place and hash of its verdict's event, and these cannot be written anew without the
signing key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from antispoof.contract.signatures import verify
from antispoof.errors import InputError
from antispoof.service.clock import as_text
from antispoof.service.store.database import Store, Transaction
from antispoof.service.store.tables import AuditEvent, Result, Session
from antispoof.service.tenants import DEFAULT, scoped

__all__ = ["Fault", "Verification", "append", "as_dict", "events_of", "verify_chain"]

START = "0" * 64


def append(
    store: Store,
    transaction: Transaction,
    at: float,
    event: str,
    session: str | None = None,
    *,
    tenant: str | None = None,
    **details: str | int | bool | None,
) -> AuditEvent:
    """Add an event to the end of its tenant's chain, in the caller's transaction.

    Without a ``tenant`` it is that of the session, or the default one. ``details`` never hold media, scores
    or what identifies a person.
    """
    if tenant is None:
        owner = None if session is None else transaction.get(Session, session)
        tenant = DEFAULT if owner is None else owner.tenant
    store.in_turn(transaction, scoped("audit", tenant))
    mine = select(AuditEvent).where(AuditEvent.tenant == tenant)
    last = transaction.scalars(mine.order_by(AuditEvent.seq.desc()).limit(1)).first()
    entry = AuditEvent(
        tenant=tenant,
        seq=1 if last is None else last.seq + 1,
        at=as_text(at),
        session_id=session,
        event=event,
        details=json.dumps(details, sort_keys=True),
        previous=START if last is None else last.hash,
        hash="",
    )
    entry.hash = _hash(entry)
    transaction.add(entry)
    transaction.flush()
    return entry


def as_dict(entry: AuditEvent) -> dict[str, Any]:
    """Return an event as it goes over the wire; the default tenant is not named, as before there were any."""
    whose = {} if entry.tenant == DEFAULT else {"tenant": entry.tenant}
    return {
        **whose,
        "seq": entry.seq,
        "at": entry.at,
        "session": entry.session_id,
        "event": entry.event,
        "details": json.loads(entry.details),
        "previous": entry.previous,
        "hash": entry.hash,
    }


def events_of(transaction: Transaction, session: str) -> list[dict[str, Any]]:
    """Return the events of a session, oldest first."""
    query = select(AuditEvent).where(AuditEvent.session_id == session).order_by(AuditEvent.seq)
    return [as_dict(entry) for entry in transaction.scalars(query)]


@dataclass(frozen=True, slots=True)
class Fault:
    """Where the chain is broken, and how."""

    seq: int
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found.

    Attributes:
        events: how many there are.
        anchors: how many of them a signed result vouches for.
        faults: empty where nothing was tampered with.
        heads: tenant → place and hash of its last event; note them elsewhere to find a log that was
            cut short.
    """

    events: int
    anchors: int
    faults: tuple[Fault, ...]
    heads: Mapping[str, tuple[int, str]]


def verify_chain(
    store: Store, key_set: Mapping[str, Any], known_results: tuple[str, ...] = ()
) -> Verification:
    """Check every event against the one before, and the chain against the signed results.

    Args:
        store: where the log is.
        key_set: JWK set of the service.
        known_results: signed results kept elsewhere, which the log has to agree with as well.

    Raises:
        InputError: one of ``known_results`` was not signed by the service.
    """
    faults: list[Fault] = []
    hashes: dict[tuple[str, int], str] = {}
    heads = {DEFAULT: (0, START)}
    with store.read() as transaction:
        for entry in transaction.scalars(select(AuditEvent).order_by(AuditEvent.tenant, AuditEvent.seq)):
            place, previous = heads.get(entry.tenant, (0, START))
            whose = "" if entry.tenant == DEFAULT else f" (tenant {entry.tenant})"
            expected = place + 1
            if entry.seq != expected:
                missing = f"{expected}" if entry.seq == expected + 1 else f"{expected} to {entry.seq - 1}"
                faults.append(Fault(expected, f"removed: event {missing}{whose}"))
            elif entry.previous != previous:
                faults.append(Fault(entry.seq, f"does not follow the event before it{whose}"))
            try:
                intact = _hash(entry) == entry.hash
            except ValueError:
                intact = False
            if not intact:
                faults.append(Fault(entry.seq, f"changed: its content does not have its hash{whose}"))
            hashes[entry.tenant, entry.seq] = entry.hash
            heads[entry.tenant] = (entry.seq, entry.hash)
        stored = [(row.session_id, row.jws) for row in transaction.scalars(select(Result))]
    anchors = [verify(token, key_set) for token in known_results]
    for session, token in stored:
        try:
            anchors.append(verify(token, key_set))
        except InputError:
            faults.append(Fault(0, f"the stored result of {session} is not signed by this service"))
    for claims in anchors:
        anchor = claims.get("audit", {})
        if hashes.get((anchor.get("tenant", DEFAULT), anchor.get("seq"))) != anchor.get("hash"):
            faults.append(
                Fault(
                    anchor.get("seq", 0),
                    f"not the event that the result of {claims.get('jti')} was signed with",
                )
            )
    return Verification(len(hashes), len(anchors), tuple(sorted(faults, key=lambda f: f.seq)), heads)


def _hash(entry: AuditEvent) -> str:
    content = {name: value for name, value in as_dict(entry).items() if name != "hash"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
