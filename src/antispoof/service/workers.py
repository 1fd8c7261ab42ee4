"""A few threads, and a bounded queue before them: whoever would wait too long is told so at once."""

from __future__ import annotations

import asyncio
import functools
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from antispoof.service.problems import Problem

__all__ = ["Greetings", "Reservation", "Workers"]

T = TypeVar("T")
RETRY_AFTER_S = 1
SMOOTHING = 0.1  # weight of the latest job in the mean time of jobs


class Reservation:
    """A slot in the queue: whoever holds it may run work there, one after the other."""

    def __init__(self, executor: ThreadPoolExecutor, done: Callable[[float], None]) -> None:
        self._executor = executor
        self._done = done

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Run in a thread. That the caller leaves does not end the work."""
        loop = asyncio.get_running_loop()
        timed = functools.partial(self._timed, work, *arguments)
        return await asyncio.shield(loop.run_in_executor(self._executor, timed))

    def _timed(self, work: Callable[..., T], *arguments: object) -> T:
        started = time.monotonic()
        try:
            return work(*arguments)
        finally:
            self._done(time.monotonic() - started)


class Greetings:
    """Streams that have not said who they are, by address.

    Args:
        most: of one address.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def of(self, address: str) -> Iterator[None]:
        """Count one, while it lasts; raise `Problem` ``rate_limited`` beyond the most."""
        if self._waiting[address] >= self._most:
            raise Problem("rate_limited", "too many streams wait for a hello", retry_after_s=RETRY_AFTER_S)
        self._waiting[address] += 1
        try:
            yield
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]


class Workers:
    """Threads with a bounded queue.

    Args:
        name: of the threads.
        threads: how many work at once.
        slots: how many may be reserved, those at work included.
        longest_wait_s: for a thread; whoever would wait longer, by the mean time of the jobs before, is
            refused. Somebody may always wait behind the running jobs.
        gauge: told how many are reserved, whenever that changes.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        slots: int,
        longest_wait_s: float = math.inf,
        gauge: Callable[[float], object] = lambda _: None,
    ) -> None:
        self._gauge = gauge
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._threads = threads
        self._slots = slots
        self._longest_wait_s = longest_wait_s
        self._reserved = 0
        self._job_s = 0.0
        self._lock = threading.Lock()

    @property
    def idle(self) -> bool:
        """Whether a thread has nothing to do."""
        return self._reserved < self._threads

    def check_room(self) -> None:
        """See that there is a slot now, before something is read that needs one.

        Raises:
            Problem: ``overloaded``.
        """
        waiting = self._reserved - self._threads
        wait_s = (waiting + 1) * self._job_s / self._threads
        if self._reserved >= self._slots or (waiting > 0 and wait_s > self._longest_wait_s):
            retry_after_s = max(RETRY_AFTER_S, math.ceil(wait_s))
            raise Problem("overloaded", "too many checks are waiting", retry_after_s=retry_after_s)

    @contextmanager
    def reserve(self) -> Iterator[Reservation]:
        """Reserve a slot.

        Raises:
            Problem: ``overloaded``.
        """
        with self._lock:
            self.check_room()
            self._reserved += 1
            self._gauge(self._reserved)
        try:
            yield Reservation(self._executor, self._note)
        finally:
            with self._lock:
                self._reserved -= 1
                self._gauge(self._reserved)

    def _note(self, seconds: float) -> None:
        with self._lock:
            self._job_s += (seconds - self._job_s) * (SMOOTHING if self._job_s else 1.0)

    def close(self) -> None:
        """Let what runs come to its end; start nothing else."""
        self._executor.shutdown(cancel_futures=True)
