"""A few threads, and a bounded number of places before them: who finds none is told so at once."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from antispoof.service.problems import Problem

__all__ = ["Greetings", "Place", "Workers"]

T = TypeVar("T")
RETRY_AFTER_S = 1


class Place:
    """A reserved place: whoever holds it may run work there, one after the other."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self._executor = executor

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Run in a thread. That the caller leaves does not end the work."""
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._executor, functools.partial(work, *arguments)))


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
    """Threads with a bounded number of places.

    Args:
        name: of the threads.
        threads: how many work at once.
        places: how many may be taken, those at work included.
        gauge: told how many are taken, whenever that changes.
    """

    def __init__(
        self, name: str, threads: int, places: int, gauge: Callable[[float], object] = lambda _: None
    ) -> None:
        self._gauge = gauge
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = places
        self._taken = 0
        self._lock = threading.Lock()

    def see_room(self) -> None:
        """Raise `Problem` ``overloaded`` where no place is free; cheap, as no body was read for it."""
        if self._taken >= self._places:
            raise Problem("overloaded", "all places are taken", retry_after_s=RETRY_AFTER_S)

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Reserve a place.

        Raises:
            Problem: ``overloaded``.
        """
        with self._lock:
            self.see_room()
            self._taken += 1
            self._gauge(self._taken)
        try:
            yield Place(self._executor)
        finally:
            with self._lock:
                self._taken -= 1
                self._gauge(self._taken)

    def close(self) -> None:
        """Let what runs come to its end; start nothing else."""
        self._executor.shutdown(cancel_futures=True)
