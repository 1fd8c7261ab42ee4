"""Which people teach, which calibrate and which are held out, where answers and talks are simulated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["of_suite", "partition_of"]


def of_suite(files: Sequence[Path], suite: str) -> Sequence[Path]:
    """Return the files of ``held_out``, the last third, or of ``taught``, the others."""
    cut = -(-2 * len(files) // 3)
    return files[cut:] if suite == "held_out" else files[:cut]


def partition_of(suite: str, number: int) -> str:
    """Return the part that the numbered person belongs to; two of five who teach calibrate."""
    if suite == "held_out":
        return "test"
    return "dev" if number % 5 < 2 else "train"
