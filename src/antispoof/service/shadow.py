"""Other bundles judge the same samples once the answer is given: what would change, in numbers.

The shadow works when a judging thread has nothing to do, one judgement at a time. Under load it leaves
answers out, and counts them. It never has a say: whatever it does, the answer was decided before.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from antispoof.service import audit
from antispoof.service.checks import Checks
from antispoof.service.clock import Clock
from antispoof.service.logs import log
from antispoof.service.metrics import Metrics
from antispoof.service.settings import Settings
from antispoof.service.store.database import Store

__all__ = ["Answer", "Shadow"]

MOST_WAITING = 16
MOST_BYTES = 64 * 2**20
LONGEST_WAIT_S = 30.0  # samples are not kept in memory for longer
PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a judgement.

    Attributes:
        outcome: ``bona_fide``, ``attack`` or ``non_response``.
        margin: score minus threshold; None for a non-response.
    """

    outcome: str
    margin: float | None


@dataclass(frozen=True, slots=True)
class _Work:
    kind: str
    session: str | None
    given: Answer
    size: int
    again: Callable[[Checks], Answer]
    since: float


class Shadow:
    """The bundles of ``shadow_bundles``, under the same policies.

    Args:
        settings: of the operator.
        store: where disagreements over sessions are noted.
        clock: of the service.
        metrics: what is counted.
        idle: whether a judging thread has nothing to do.
    """

    def __init__(
        self, settings: Settings, store: Store, clock: Clock, metrics: Metrics, idle: Callable[[], bool]
    ) -> None:
        self.checks = Checks(settings.model_copy(update={"bundles": settings.shadow_bundles}))
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._idle = idle
        self._waiting: queue.Queue[_Work | None] = queue.Queue()
        self._bytes = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def offer(
        self,
        kind: str,
        given: Answer,
        size: int,
        again: Callable[[Checks], Answer],
        session: str | None = None,
    ) -> None:
        """Let the shadow judge what was just judged, if it has time; return at once.

        Args:
            kind: ``check`` or ``session``.
            given: the answer.
            size: of the samples that ``again`` holds, in bytes.
            again: judges the same samples with other checks.
            session: whose they are.
        """
        with self._lock:
            fits = self._waiting.qsize() < MOST_WAITING and self._bytes + size <= MOST_BYTES
            self._bytes += size * fits
        if fits:
            self._waiting.put(_Work(kind, session, given, size, again, time.monotonic()))
        else:
            self._metrics.shadow_left_out.labels("queue_full").inc()

    def close(self) -> None:
        """Forget what waits, and end."""
        self._closed.set()
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            try:
                if self._wait_for_room(work):
                    self._judge(work)
                elif not self._closed.is_set():
                    self._metrics.shadow_left_out.labels("waited_too_long").inc()
            except Exception as error:  # the service goes on, whatever becomes of its shadow
                self._metrics.shadow_left_out.labels("failed").inc()
                log.warning("shadow_failed", error=type(error.__cause__ or error).__name__)
            with self._lock:
                self._bytes -= work.size
            del work  # nothing of a person stays while the next is waited for

    def _wait_for_room(self, work: _Work) -> bool:
        """Wait until judging has a thread to spare; tell whether it came in time."""
        until = work.since + LONGEST_WAIT_S
        while not self._closed.is_set() and time.monotonic() < until:
            if self._idle():
                return True
            self._closed.wait(PAUSE_S)
        return False

    def _judge(self, work: _Work) -> None:
        said = work.again(self.checks)
        self._metrics.shadow_verdicts.labels(work.kind, work.given.outcome, said.outcome).inc()
        for judge, answer in (("answer", work.given), ("shadow", said)):
            if answer.margin is not None:
                self._metrics.shadow_margins.labels(judge).observe(answer.margin)
        if work.session is None or said.outcome == work.given.outcome:
            return
        bundles = ", ".join(f"{b.metadata.name} {b.metadata.version}" for b in self.checks.detector().bundles)
        with self._store.write() as transaction:
            audit.append(
                self._store,
                transaction,
                self._clock.now(),
                "shadow_disagreed",
                work.session,
                outcome=work.given.outcome,
                shadow_outcome=said.outcome,
                bundles=bundles,
            )
