"""Time that a change of the system clock does not move."""

from __future__ import annotations

import time
from datetime import UTC, datetime

__all__ = ["Clock", "as_text"]


class Clock:
    """Wall-clock seconds, read once and carried on by a steady clock.

    A jump of the system clock, by a person or a time server, changes nothing until the next start.
    """

    def __init__(self) -> None:
        # CLOCK_BOOTTIME also counts the time that a machine sleeps; it is Linux's own.
        self._steady = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        self._offset = time.time() - time.clock_gettime(self._steady)

    def now(self) -> float:
        """Return seconds since 1970-01-01, UTC."""
        return time.clock_gettime(self._steady) + self._offset


def as_text(at: float) -> str:
    """Write a time in ISO 8601, UTC, with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
