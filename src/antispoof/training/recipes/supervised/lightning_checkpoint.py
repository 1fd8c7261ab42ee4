"""What Lightning goes on from after an interruption, in the form of every other checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.plugins import CheckpointIO

from antispoof.training.checkpoint import read_state, write_state

__all__ = ["SafetensorsIO"]


class SafetensorsIO(CheckpointIO):
    """Lightning's checkpoints (weights, optimizer, schedule, where the loops are) in the same form."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:  # noqa: ARG002
        """Write a checkpoint."""
        write_state(Path(path), checkpoint)

    def load_checkpoint(self, path: Any, *_: Any, **__: Any) -> dict[str, Any]:
        """Read a checkpoint."""
        return read_state(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)
