"""Webhooks: who wants to hear that a session is over, and what still has to be told to whom.

A message is written in the transaction that ends the session, so that none is lost, and none is told of what
did not happen. It says that there is a result, never what it is: that needs an API key.
"""

from __future__ import annotations

import json
import random
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import delete, func, select

from antispoof.contract.webhooks import signed_headers
from antispoof.errors import InputError
from antispoof.service import audit
from antispoof.service.clock import Clock, as_text
from antispoof.service.outbound import Outbound
from antispoof.service.problems import Problem
from antispoof.service.secret import Secret, new_id
from antispoof.service.store.database import Store, Transaction
from antispoof.service.store.tables import Delivery, Session, Webhook

__all__ = ["AT_ONCE", "Message", "Webhooks", "announce"]

MOST = 5  # of a tenant
AT_ONCE = 20  # messages that a process sends side by side
LEASE_S = 60.0  # a message that a process took with it when it ended is taken up again after that
WAITS_S = (5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Between the attempts: three days and a half together."""
GONE = 410  # the receiver wants to hear no more
KEPT_S = 7 * 86_400.0  # a message that was told, or given up


@dataclass(frozen=True, slots=True)
class Message:
    """One attempt to tell something.

    Attributes:
        id: of the message, the same in every attempt.
        webhook: whom.
        url: where.
        headers: signed, now.
        body: JSON.
        attempt: 1 for the first.
    """

    id: str
    webhook: str
    url: str
    headers: dict[str, str]
    body: bytes
    attempt: int


def announce(transaction: Transaction, session: Session, event: str, now: float) -> None:
    """Let a tenant's webhooks be told that a session is over, in the transaction that ends it."""
    hooks = transaction.scalars(select(Webhook).where(Webhook.tenant == session.tenant))
    message = {"type": f"session.{event}", "timestamp": as_text(now), "data": {"session": session.id}}
    for hook in hooks:
        transaction.add(
            Delivery(
                id=new_id("msg"),
                webhook_id=hook.id,
                body=json.dumps(message, separators=(",", ":")),
                created_at=now,
                attempts=0,
                next_at=now,
                ended_at=None,
                status=None,
                failure="",
            )
        )


class Webhooks:
    """The webhooks in a store.

    Args:
        store: the database.
        secret: that signatures are made from.
        clock: of the service.
        outbound: knows where there may be sent to.
    """

    def __init__(self, store: Store, secret: Secret, clock: Clock, outbound: Outbound) -> None:
        self._store = store
        self._secret = secret
        self._clock = clock
        self.outbound = outbound

    def register(self, tenant: str, url: str, hosts: Collection[str] | None = None) -> dict[str, Any]:
        """Tell a URL from now on; the same URL again is the same webhook.

        Args:
            tenant: whose sessions.
            url: who is told.
            hosts: of those that may be called at all, which the tenant may name; None for all.

        Raises:
            Problem: ``invalid_request``, where there may not be sent there, or there are too many.
        """
        try:
            self.outbound.check_url(url, hosts)
        except InputError as error:
            raise Problem("invalid_request", str(error)) from None
        now = self._clock.now()
        with self._store.write() as transaction:
            self._store.in_turn(transaction, f"webhooks {tenant}")
            hooks = list(transaction.scalars(select(Webhook).where(Webhook.tenant == tenant)))
            hook = next((each for each in hooks if _same(each.url, url)), None)
            if hook is None:
                if len(hooks) >= MOST:
                    raise Problem("invalid_request", f"a tenant may have {MOST} webhooks")
                hook = Webhook(id=new_id("whk"), tenant=tenant, url=url, created_at=now)
                transaction.add(hook)
                audit.append(self._store, transaction, now, "webhook_added", tenant=tenant, webhook=hook.id)
            return {**_view(hook, 0, 0), "secret": self._secret.webhook_secret(hook.id)}

    def all(self, tenant: str) -> list[dict[str, Any]]:
        """Return a tenant's webhooks, with how much waits for each and what was given up."""
        waiting = func.count().filter(Delivery.ended_at.is_(None))
        given_up = func.count().filter(Delivery.failure != "", Delivery.ended_at.is_not(None))
        counts = select(Delivery.webhook_id, waiting, given_up).group_by(Delivery.webhook_id)
        with self._store.read() as transaction:
            numbers = {row[0]: (row[1], row[2]) for row in transaction.execute(counts)}
            query = select(Webhook).where(Webhook.tenant == tenant).order_by(Webhook.created_at)
            return [_view(hook, *numbers.get(hook.id, (0, 0))) for hook in transaction.scalars(query)]

    def remove(self, tenant: str, identifier: str) -> None:
        """Tell no more; what waits is dropped. Raise `Problem` ``not_found`` where the tenant has none."""
        with self._store.write() as transaction:
            hook = transaction.get(Webhook, identifier)
            if hook is None or hook.tenant != tenant:
                raise Problem("not_found", "there is no such webhook")
            self._drop(transaction, hook, "webhook_removed")

    def due(self, most: int = AT_ONCE) -> list[Message]:
        """Take what is to be told now, tenants in turn; another process leaves it alone for a minute.

        Args:
            most: how many messages; 0 takes none.
        """
        if most < 1:
            return []
        now = self._clock.now()
        waiting = (Delivery.ended_at.is_(None), Delivery.next_at <= now)
        # The first of every tenant, then the second: one whose receivers are silent holds up itself.
        turn = func.row_number().over(partition_by=Webhook.tenant, order_by=Delivery.next_at).label("turn")
        turns = select(Delivery.id, turn).join(Webhook).where(*waiting).subquery()
        query = (
            select(Delivery)
            .join(turns, turns.c.id == Delivery.id)
            .where(*waiting)
            .order_by(turns.c.turn, Delivery.next_at)
            .limit(most)
            .with_for_update(skip_locked=True, of=Delivery)
        )
        messages = []
        with self._store.write() as transaction:
            for row in transaction.scalars(query).all():
                hook = transaction.get_one(Webhook, row.webhook_id)
                row.attempts += 1
                row.next_at = now + LEASE_S
                body = row.body.encode()
                headers = {
                    "content-type": "application/json",
                    "user-agent": "antispoof",
                    **signed_headers(row.id, now, body, self._secret.webhook_secret(hook.id)),
                }
                messages.append(Message(row.id, hook.id, hook.url, headers, body, row.attempts))
        return messages

    def settle(self, message: Message, status: int, failure: str) -> None:
        """Note what came of an attempt: it is over, or comes again later."""
        now = self._clock.now()
        with self._store.write() as transaction:
            row = transaction.get(Delivery, message.id)
            if row is None or row.ended_at is not None:
                return
            row.status = status or None
            told = 200 <= status < 300
            row.failure = "" if told else failure or f"status {status}"
            if status == GONE:
                self._drop(transaction, transaction.get_one(Webhook, message.webhook), "webhook_gone")
            elif told or message.attempt > len(WAITS_S):
                row.ended_at = now
            else:
                row.next_at = now + WAITS_S[message.attempt - 1] * random.uniform(1.0, 1.2)

    def forget_old(self) -> None:
        """Delete messages that were told, or given up, a week ago."""
        with self._store.write() as transaction:
            transaction.execute(delete(Delivery).where(Delivery.ended_at < self._clock.now() - KEPT_S))

    def _drop(self, transaction: Transaction, hook: Webhook, event: str) -> None:
        transaction.execute(delete(Delivery).where(Delivery.webhook_id == hook.id))
        transaction.delete(hook)
        now = self._clock.now()
        audit.append(self._store, transaction, now, event, tenant=hook.tenant, webhook=hook.id)


def _same(one: str, other: str) -> bool:
    """Compare URLs; scheme and host have no case (RFC 3986, section 6.2.2.1)."""
    first, second = (urlsplit(each)._replace(netloc=urlsplit(each).netloc.lower()) for each in (one, other))
    return first == second


def _view(hook: Webhook, waiting: int, given_up: int) -> dict[str, Any]:
    return {
        "id": hook.id,
        "url": hook.url,
        "created_at": as_text(hook.created_at),
        "waiting": waiting,
        "given_up": given_up,
    }
