"""The client for programs that wait."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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

__all__ = ["Client"]

T = TypeVar("T")


class Client:
    """A backend's way to the service; threads may share one.

    Every method raises `RefusedError` where the service refuses, `UnreachableError` where no answer came
    and `IncompatibleServiceError` where it speaks another version.

    Args:
        url: of the service.
        key: API key, ``ask_…``.
        keys: JWK set that results are checked with, kept from ``/.well-known/jwks.json``; None asks the
            service, once.
        timeout_s: of one answer.
        retries: how often a call is sent again that was not answered, or was asked to come again.
        longest_wait_s: before it is; a service that asks for more is not waited for.
        transport: another way to send than over the network, for tests.

    Raises:
        InputError: ``url`` is no address, or a number is none that can be waited or tried for.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        keys: Mapping[str, Any] | None = None,
        timeout_s: float = 30.0,
        retries: int = 4,
        longest_wait_s: float = 30.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._operations = Operations(key, Policy(retries, longest_wait_s), keys)
        self._http = httpx2.Client(
            base_url=see_address(url), timeout=see_timeout(timeout_s), transport=transport
        )

    def __enter__(self) -> Client:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def open_session(
        self,
        idempotency_key: str | None = None,
        **request: Unpack[SessionRequest],
    ) -> OpenedSession:
        """Open a session; hand its ``client_token`` to the person's device, keep its ``nonce``.

        Without an ``idempotency_key`` each call makes one, so that a call that is sent again opens no second
        session; the other arguments are those of ``POST /v1/sessions``.
        """
        return self._run(self._operations.open_session(request, idempotency_key))

    def session(self, session: SessionLike) -> SessionDocument:
        """Return how a session stands."""
        return self._run(self._operations.session(session))

    def capture(
        self,
        session: SessionLike,
        source: Source,
        seq: int,
        *,
        modality: str = "face_rgb",
        unit: str = "",
        client_token: str | None = None,
    ) -> CaptureReceipt:
        """Hand in one sample, which is mostly the device's part.

        Args:
            session: as it was opened; by its identifier only together with ``client_token``.
            source: path of the file, or its content.
            seq: its number; the same sample may be sent again under its number.
            modality: of the sample.
            unit: what its numbers mean, as ``0.1 mm``.
            client_token: of the session.
        """
        return self._run(self._operations.capture(session, source, seq, modality, unit, client_token))

    def refer(
        self, session: SessionLike, source: Source, seq: int, *, modality: str = "face_rgb", unit: str = ""
    ) -> ReferenceReceipt:
        """Hand in an earlier bona fide capture of the same person and device; arguments: `capture`."""
        return self._run(self._operations.refer(session, source, seq, modality, unit))

    def complete(self, session: SessionLike) -> Completed:
        """Judge what was captured."""
        return self._run(self._operations.complete(session))

    def result(
        self,
        session: SessionLike,
        *,
        nonce: str | None = None,
        wait_s: float = 0.0,
        verified: bool = True,
    ) -> ResultDocument:
        """Return the result, as it was signed.

        Args:
            session: the document that the session was opened with, which knows the nonce, or its identifier.
            nonce: that the session was opened with, where ``session`` is an identifier.
            wait_s: how long to wait for a verdict that is not there yet.
            verified: False believes the connection alone.

        Raises:
            UnverifiedResultError: not signed by the keys, of another session, or with another nonce.
        """
        return self._run(self._operations.result(session, nonce, wait_s, verified))

    def erase(self, session: SessionLike) -> None:
        """Revoke a session, and erase its media and its result."""
        self._run(self._operations.erase(session))

    def audit(self, session: SessionLike) -> Audit:
        """Return what happened to a session."""
        return self._run(self._operations.audit(session))

    def models(self) -> Models:
        """Return what judges there."""
        return self._run(self._operations.models())

    def add_webhook(self, url: str) -> RegisteredWebhook:
        """Have ``url`` told when a session is over; keep the ``secret`` for `verify_webhook`."""
        return self._run(self._operations.add_webhook(url))

    def webhooks(self) -> Webhooks:
        """Return who is told, and how much still waits."""
        return self._run(self._operations.webhooks())

    def remove_webhook(self, webhook: WebhookDocument | str) -> None:
        """Tell no more; ``webhook`` as it was registered, or its identifier."""
        self._run(self._operations.remove_webhook(webhook))

    def check(
        self,
        *,
        policy: str | None = None,
        units: Mapping[str, str] | None = None,
        **samples: Source | Sequence[Source],
    ) -> VerdictDocument:
        """Judge one presentation without a session: ``check(face_rgb="selfie.jpg")``; not against replay.

        Args:
            policy: name of a policy or an operating point.
            units: modality → what its numbers mean.
            samples: modality → a file, or several frames; each by its path, or its content.
        """
        return self._run(self._operations.check(samples, policy, units))

    def check_files(
        self,
        files: Iterable[Source],
        *,
        modality: str = "face_rgb",
        policy: str | None = None,
        at_once: int = 4,
    ) -> Iterator[FileVerdict]:
        """Judge files, each by itself, and yield what became of them, in their order.

        A file that cannot be read or judged is told in its place; a service that has too much to do is waited
        for, within the limits of the client.

        Args:
            files: paths, or contents; they are looked at as they are needed.
            modality: of all of them.
            policy: name of a policy or an operating point.
            at_once: how many wait for an answer at a time.
        """
        waiting: deque[Future[FileVerdict]] = deque()
        with ThreadPoolExecutor(see_at_once(at_once), thread_name_prefix="check") as pool:
            try:
                for file in files:
                    if len(waiting) >= 2 * at_once:
                        yield waiting.popleft().result()
                    work = self._operations.check_file(file, modality, policy)
                    waiting.append(pool.submit(self._run, work))
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _run(self, conversation: Conversation[T]) -> T:
        answer: Answer | None = None
        while True:
            try:
                step = conversation.send(answer)
            except StopIteration as end:
                done: T = end.value
                return done
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                answer = None
                continue
            try:
                answer = as_answer(self._http.request(**as_request(step)))
            except httpx2.RequestError as error:  # one that cannot be unpacked is no answer either
                answer = as_failure(error)
