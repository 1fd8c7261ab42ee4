"""Where long work says what it is doing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["SILENT", "Reporter"]


@dataclass(frozen=True, slots=True)
class Reporter:
    """Where a recipe says what it is doing.

    Attributes:
        say: takes one line.
        progress: takes what is counted, how many are done, and of how many.
    """

    say: Callable[[str], None]
    progress: Callable[[str, int, int], None]


SILENT = Reporter(lambda _: None, lambda *_: None)
"""Says nothing."""
