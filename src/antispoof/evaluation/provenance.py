"""What made a result: command, versions, files; so that anyone can make it again."""

from __future__ import annotations

import hashlib
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

__all__ = ["Provenance"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a report comes from.

    Attributes:
        command: the command line, quoted so that a shell takes it; empty for a report made from Python.
        files: SHA-256 by path of every file that went in.
        made: time, UTC, to the second.
        versions: of this package, Python and NumPy.
    """

    command: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    made: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"))
    versions: Mapping[str, str] = field(default_factory=lambda: _versions())

    @classmethod
    def of(cls, command: Sequence[str], files: Sequence[str | Path]) -> Provenance:
        """Note the command's words and the digest of each file."""
        return cls(shlex.join(command), {str(path): _digest(Path(path)) for path in files})


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _versions() -> dict[str, str]:
    try:
        own = version("antispoof")
    except PackageNotFoundError:
        own = "not installed"
    return {"antispoof": own, "python": platform.python_version(), "numpy": np.__version__}
