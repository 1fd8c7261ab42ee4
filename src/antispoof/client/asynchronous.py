"""The client for asyncio; `Client` in `blocking` says what the methods take and raise."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar, Unpack

import httpx2

from antispoof.client.exchange import Answer, Conversation, Pause, Policy
from antispoof.client.operations import (
    FileVerdict,
    Operations,
    SessionLike,
    SessionRequest,
    Source,
    see_at_once,
)
from antispoof.client.transfer import as_answer, as_failure, as_request, see_address, see_timeout
from antispoof.contract.documents import (
    Audit,
    CaptureReceipt,
    Completed,
    Models,
    OpenedSession,
    ReferenceReceipt,
    RegisteredWebhook,
    ResultDocument,
    SessionDocument,
    VerdictDocument,
    WebhookDocument,
    Webhooks,
)

__all__ = ["AsyncClient"]

T = TypeVar("T")


class AsyncClient:
    """As `antispoof.client.Client`, whose arguments and methods these are, to be awaited."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        keys: Mapping[str, Any] | None = None,
        timeout_s: float = 30.0,
        retries: int = 4,
        longest_wait_s: float = 30.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._operations = Operations(key, Policy(retries, longest_wait_s), keys)
        self._http = httpx2.AsyncClient(
            base_url=see_address(url), timeout=see_timeout(timeout_s), transport=transport
        )

    async def __aenter__(self) -> AsyncClient:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def open_session(
        self,
        idempotency_key: str | None = None,
        **request: Unpack[SessionRequest],
    ) -> OpenedSession:
        """Open a session; hand its ``client_token`` to the person's device, keep its ``nonce``."""
        return await self._run(self._operations.open_session(request, idempotency_key))

    async def session(self, session: SessionLike) -> SessionDocument:
        """Return how a session stands."""
        return await self._run(self._operations.session(session))

    async def capture(
        self,
        session: SessionLike,
        source: Source,
        seq: int,
        *,
        modality: str = "face_rgb",
        unit: str = "",
        client_token: str | None = None,
    ) -> CaptureReceipt:
        """Hand in one sample, which is mostly the device's part."""
        return await self._run(self._operations.capture(session, source, seq, modality, unit, client_token))

    async def refer(
        self, session: SessionLike, source: Source, seq: int, *, modality: str = "face_rgb", unit: str = ""
    ) -> ReferenceReceipt:
        """Hand in an earlier bona fide capture of the same person and device; arguments: `capture`."""
        return await self._run(self._operations.refer(session, source, seq, modality, unit))

    async def complete(self, session: SessionLike) -> Completed:
        """Judge what was captured."""
        return await self._run(self._operations.complete(session))

    async def result(
        self,
        session: SessionLike,
        *,
        nonce: str | None = None,
        wait_s: float = 0.0,
        verified: bool = True,
    ) -> ResultDocument:
        """Return the result, as it was signed."""
        return await self._run(self._operations.result(session, nonce, wait_s, verified))

    async def erase(self, session: SessionLike) -> None:
        """Revoke a session, and erase its media and its result."""
        await self._run(self._operations.erase(session))

    async def audit(self, session: SessionLike) -> Audit:
        """Return what happened to a session."""
        return await self._run(self._operations.audit(session))

    async def models(self) -> Models:
        """Return what judges there."""
        return await self._run(self._operations.models())

    async def add_webhook(self, url: str) -> RegisteredWebhook:
        """Have ``url`` told when a session is over; keep the ``secret`` for `verify_webhook`."""
        return await self._run(self._operations.add_webhook(url))

    async def webhooks(self) -> Webhooks:
        """Return who is told, and how much still waits."""
        return await self._run(self._operations.webhooks())

    async def remove_webhook(self, webhook: WebhookDocument | str) -> None:
        """Tell no more; ``webhook`` as it was registered, or its identifier."""
        await self._run(self._operations.remove_webhook(webhook))

    async def check(
        self,
        *,
        policy: str | None = None,
        units: Mapping[str, str] | None = None,
        **samples: Source | Sequence[Source],
    ) -> VerdictDocument:
        """Judge one presentation without a session: ``check(face_rgb="selfie.jpg")``; not against replay."""
        return await self._run(self._operations.check(samples, policy, units))

    async def check_files(
        self,
        files: Iterable[Source],
        *,
        modality: str = "face_rgb",
        policy: str | None = None,
        at_once: int = 4,
    ) -> AsyncIterator[FileVerdict]:
        """Judge files, each by itself, and yield what became of them, in their order."""
        waiting: deque[asyncio.Task[FileVerdict]] = deque()
        see_at_once(at_once)
        try:
            for file in files:
                if len(waiting) >= at_once:
                    yield await waiting.popleft()
                work = self._operations.check_file(file, modality, policy)
                waiting.append(asyncio.create_task(self._run(work)))
            while waiting:
                yield await waiting.popleft()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _run(self, conversation: Conversation[T]) -> T:
        answer: Answer | None = None
        while True:
            try:
                step = conversation.send(answer)
            except StopIteration as end:
                done: T = end.value
                return done
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                answer = None
                continue
            try:
                answer = as_answer(await self._http.request(**as_request(step)))
            except httpx2.RequestError as error:  # one that cannot be unpacked is no answer either
                answer = as_failure(error)
