"""What is said of a disk that takes no more. Without torch: processes that only prepare start with this."""

from __future__ import annotations

import errno
from pathlib import Path

from antispoof.errors import TrainingError

__all__ = ["cannot_write"]


def cannot_write(path: Path, error: Exception) -> TrainingError:
    """Say what to do about a file that cannot be written."""
    full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
    if full:
        return TrainingError(
            f"the disk is full: {str(path)!r} cannot be written; free some space and start again, training "
            "goes on where it was"
        )
    return TrainingError(f"cannot write {str(path)!r}: {error}")
