"""Structured logs, one JSON object a line. Only what is on the list gets in; nothing biometric is on it."""

from __future__ import annotations

import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

__all__ = ["ALLOWED", "log", "where"]

ALLOWED = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "request_id",
        "method",
        "route",
        "status",
        "code",
        "detail",
        "duration_ms",
        "session",
        "key",
        "error",
        "where",
        "count",
        "version",
        "page",
        "store",
        "bundle",
        "webhook",
        "attempt",
    }
)
"""Names that may be logged; scores, measurements, tokens, addresses and file names are not among them."""

MAX_CHARACTERS = 300


def _allow_listed(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    kept: MutableMapping[str, Any] = {}
    for name, value in event.items():
        if name in ALLOWED and isinstance(value, (str, int, float, bool)):
            kept[name] = value[:MAX_CHARACTERS] if isinstance(value, str) else value
    return kept


class _StandardError:
    """Writes lines where standard error is at that moment."""

    def info(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    warning = error = info


log: Any = structlog.wrap_logger(
    _StandardError(),
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _allow_listed,
        structlog.processors.JSONRenderer(),
    ],
)


def where(error: BaseException) -> str:
    """Tell in which lines an error came up; its message stays out, for it may quote what a client sent."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames))
