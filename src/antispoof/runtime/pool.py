"""Threads in which the sides of one presentation are worked on beside each other, and on how many cores."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["Pool", "cores", "limit_cores"]

T = TypeVar("T")
R = TypeVar("R")

_limit: list[int] = []


def cores() -> int:
    """Tell how many cores this process may use."""
    if _limit:
        return _limit[0]
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit_cores(count: int) -> None:
    """Leave the other cores to other processes: networks are not asked on more than ``count`` at once."""
    _limit[:] = [count]


class Pool:
    """Runs the sides of one presentation beside each other, in threads that start when first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None

    def map(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Apply a function to each; raise what the first of those that failed raised, when all have ended."""
        if len(items) < 2:
            return [function(item) for item in items]
        from concurrent.futures import ThreadPoolExecutor

        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(max(2, cores()), thread_name_prefix="sensor")
            executor = self._executor
        futures = [executor.submit(function, item) for item in items]
        errors = [future.exception() for future in futures]
        for error in errors:
            if error is not None:
                raise error
        return [future.result() for future in futures]
