"""How often somebody may ask (the ``limits`` library; a window that moves)."""

from __future__ import annotations

import math
import time

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.errors import ConfigurationError
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from antispoof.errors import InputError
from antispoof.service.problems import Problem
from antispoof.service.settings import Settings

__all__ = ["Limits"]


class Limits:
    """Rates of keys, sessions and addresses.

    Args:
        settings: the rates, and where they are counted; in memory each process counts by itself.

    Raises:
        InputError: there is no such storage.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            storage = storage_from_string(settings.limits_storage)
        except (ConfigurationError, ValueError) as error:
            raise InputError(f"limits_storage: {error}") from None
        self._limiter = MovingWindowRateLimiter(storage)
        self._requests = RateLimitItemPerMinute(settings.requests_per_minute)
        self._captures = RateLimitItemPerSecond(settings.captures_per_second)
        self._page = RateLimitItemPerMinute(settings.page_sessions_per_minute)

    def request(self, key: str) -> None:
        """Count a request with an API key; raise `Problem` ``rate_limited`` beyond the rate."""
        self._count(self._requests, "key", key)

    def capture(self, session: str) -> None:
        """Count a capture; raise `Problem` ``rate_limited`` beyond the rate."""
        self._count(self._captures, "session", session)

    def page_session(self, address: str) -> None:
        """Count a session that the page opens; raise `Problem` ``rate_limited`` beyond the rate."""
        self._count(self._page, "address", address)

    def _count(self, rate: RateLimitItem, kind: str, who: str) -> None:
        if not self._limiter.hit(rate, kind, who):
            wait = self._limiter.get_window_stats(rate, kind, who).reset_time - time.time()
            raise Problem(
                "rate_limited",
                f"more than {rate.amount} in {rate.get_expiry()} s",
                retry_after_s=max(1, math.ceil(wait)),
            )
