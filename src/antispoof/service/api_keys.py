"""Keys of backends, and what each may do."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from antispoof.errors import InputError
from antispoof.service import audit
from antispoof.service.clock import Clock
from antispoof.service.problems import Problem
from antispoof.service.secret import new_api_key, new_id
from antispoof.service.store.database import Store
from antispoof.service.store.tables import ApiKey
from antispoof.service.tenants import DEFAULT

__all__ = ["SCOPES", "ApiKeys", "KnownKey"]

SCOPES = ("sessions", "check", "audit", "webhooks")
REMEMBERED_S = 5.0


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key, without what would let somebody use it."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: float
    revoked_at: float | None
    tenant: str = DEFAULT


class ApiKeys:
    """The keys in a store; one that was looked up is remembered for 5 s.

    Args:
        store: the database.
        clock: of the service.
        tenants: besides the default one; keys of others are not valid.
    """

    def __init__(self, store: Store, clock: Clock, tenants: Collection[str] = ()) -> None:
        self._tenants = (DEFAULT, *tenants)
        self._store = store
        self._clock = clock
        self._remembered: dict[str, tuple[float, KnownKey]] = {}
        self._lock = threading.Lock()

    def add(self, name: str, scopes: Collection[str] = SCOPES, tenant: str = DEFAULT) -> str:
        """Make a key; what is returned is shown nowhere else.

        Raises:
            InputError: there is no such scope, or tenant.
        """
        if tenant not in self._tenants:
            raise InputError(f"tenant: the settings have {', '.join(self._tenants)}; got {tenant!r}")
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise InputError(f"scope: has to be of {', '.join(SCOPES)}; got {', '.join(unknown) or 'none'}")
        key, now = new_api_key(), self._clock.now()
        row = ApiKey(
            id=new_id("key"),
            name=name,
            digest=_digest(key),
            scopes=sorted(scopes),
            created_at=now,
            revoked_at=None,
            tenant=tenant,
        )
        with self._store.write() as transaction:
            transaction.add(row)
            audit.append(
                self._store,
                transaction,
                now,
                "key_added",
                tenant=tenant,
                key=row.id,
                scopes=", ".join(sorted(scopes)),
            )
        return key

    def all(self) -> list[KnownKey]:
        """Return all keys, oldest first."""
        with self._store.read() as transaction:
            return [_known(row) for row in transaction.scalars(select(ApiKey).order_by(ApiKey.created_at))]

    def revoke(self, identifier: str) -> None:
        """End a key; raise `InputError` where there is none of that identifier."""
        with self._store.write() as transaction:
            row = transaction.get(ApiKey, identifier)
            if row is None:
                raise InputError(f"there is no key {identifier!r}; see antispoof keys list")
            if row.revoked_at is None:
                row.revoked_at = self._clock.now()
                audit.append(
                    self._store, transaction, row.revoked_at, "key_revoked", tenant=row.tenant, key=row.id
                )

    def remembered(self, key: str) -> KnownKey | None:
        """Return a key that was looked up a moment ago, without asking the store."""
        with self._lock:
            at, known = self._remembered.get(_digest(key), (0.0, None))
        return None if known is None or at < self._clock.now() - REMEMBERED_S else known

    def check(self, key: str, scope: str | None) -> KnownKey:
        """Find a key and see that it may.

        Raises:
            Problem: ``bad_token`` or ``scope``.
        """
        digest, now = _digest(key), self._clock.now()
        known = self.remembered(key)
        if known is None:
            with self._store.read() as transaction:
                row = transaction.scalars(select(ApiKey).where(ApiKey.digest == digest)).first()
                if row is None:
                    raise Problem("bad_token", "the API key is not valid")
                known = _known(row)
            with self._lock:
                self._remembered[digest] = (now, known)
        if known.revoked_at is not None or known.tenant not in self._tenants:
            raise Problem("bad_token", "the API key is not valid")
        if scope is not None and scope not in known.scopes:
            raise Problem("scope", f"the API key lacks the scope {scope!r}")
        return known


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _known(row: ApiKey) -> KnownKey:
    return KnownKey(row.id, row.name, tuple(row.scopes), row.created_at, row.revoked_at, row.tenant)
