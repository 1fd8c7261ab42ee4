"""Command lines of version 0.1, for one release: they run, and a line says how they are written now."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from antispoof.errors import InputError

__all__ = ["as_written_now"]


def as_written_now(words: Sequence[str]) -> list[str]:
    """Rewrite ``fuse --chimeric A B`` and ``fuse --asv TRIALS``, which are commands of their own now.

    Raises:
        InputError: what was asked for is withdrawn.
    """
    words = list(words)
    if words[:1] == ["calibrate"] and "--self-simulation" in words:
        raise InputError(
            "--self-simulation is withdrawn, as it judged worse than a moved threshold: leave it out"
        )
    if words[:1] != ["fuse"]:
        return words
    for option, command in (("--chimeric", "chimeric"), ("--asv", "spoof-aware")):
        joined = next((word for word in words if word.startswith(f"{option}=")), None)
        if joined or option in words:
            rest = [word for word in words[1:] if word not in (option, joined)]
            print(f"antispoof fuse {option} is antispoof {command} now", file=sys.stderr)
            return [command, *([joined.partition("=")[2]] if joined else []), *rest]
    return words
