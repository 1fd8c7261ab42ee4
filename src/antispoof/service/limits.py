"""How often somebody may ask: so many times in a window that moves.

Rates that replicas share are counted by the ``limits`` library. Its counter in memory starts a thread for
nearly every hit, so a process that counts by itself keeps the times of the last hits instead.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.errors import ConfigurationError
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from antispoof.errors import InputError
from antispoof.service.problems import Problem
from antispoof.service.settings import Settings

__all__ = ["Limits"]

MANY = 10_000  # who asked, before those are looked for that may be forgotten
LONGEST_S = 60.0


class Limits:
    """Rates of keys, sessions and addresses.

    Args:
        settings: the rates, and where they are counted; in memory each process counts by itself.

    Raises:
        InputError: there is no such storage.
    """

    def __init__(self, settings: Settings) -> None:
        self._counter: _InMemory | _Shared = _InMemory()
        if settings.limits_storage != "memory://":
            self._counter = _Shared(settings.limits_storage)
        self._requests = RateLimitItemPerMinute(settings.requests_per_minute)
        self._tenants = {
            name: RateLimitItemPerMinute(each.requests_per_minute)
            for name, each in settings.tenants.items()
            if each.requests_per_minute
        }
        self._captures = RateLimitItemPerSecond(settings.captures_per_second)
        self._page = RateLimitItemPerMinute(settings.page_sessions_per_minute)

    def request(self, key: str, tenant: str) -> None:
        """Count a request with an API key; raise `Problem` ``rate_limited`` beyond the rate of either."""
        self._count(self._requests, "key", key)
        if tenant in self._tenants:
            self._count(self._tenants[tenant], "tenant", tenant)

    def capture(self, session: str) -> None:
        """Count a capture; raise `Problem` ``rate_limited`` beyond the rate."""
        self._count(self._captures, "session", session)

    def page_session(self, address: str) -> None:
        """Count a session that the page opens; raise `Problem` ``rate_limited`` beyond the rate."""
        self._count(self._page, "address", address)

    def _count(self, rate: RateLimitItem, kind: str, who: str) -> None:
        wait_s = self._counter.hit(rate, kind, who)
        if wait_s is not None:
            raise Problem(
                "rate_limited",
                f"more than {rate.amount} in {rate.get_expiry()} s",
                retry_after_s=max(1, math.ceil(wait_s)),
            )


class _InMemory:
    """Times of the last hits, by who made them."""

    def __init__(self) -> None:
        self._hits: dict[tuple[str, str], deque[float]] = {}
        self._lock = threading.Lock()

    def hit(self, rate: RateLimitItem, kind: str, who: str) -> float | None:
        """Count a hit and return None, or count none and return for how many seconds there is no room."""
        now, window_s = time.monotonic(), rate.get_expiry()
        with self._lock:
            if len(self._hits) >= MANY and (kind, who) not in self._hits:
                self._forget(now)
            hits = self._hits.setdefault((kind, who), deque())
            while hits and hits[0] <= now - window_s:
                hits.popleft()
            if len(hits) >= rate.amount:
                return hits[0] + window_s - now
            hits.append(now)
            return None

    def _forget(self, now: float) -> None:
        """Drop who has not asked in the longest window."""
        for key in [key for key, hits in self._hits.items() if not hits or hits[-1] <= now - LONGEST_S]:
            del self._hits[key]


class _Shared:
    """Counts that replicas share."""

    def __init__(self, uri: str) -> None:
        try:
            self._limiter = MovingWindowRateLimiter(storage_from_string(uri))
        except (ConfigurationError, ValueError) as error:
            raise InputError(f"limits_storage: {error}") from None

    def hit(self, rate: RateLimitItem, kind: str, who: str) -> float | None:
        """Do as `_InMemory.hit` does."""
        if self._limiter.hit(rate, kind, who):
            return None
        return self._limiter.get_window_stats(rate, kind, who).reset_time - time.time()
