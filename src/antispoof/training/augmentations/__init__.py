"""Changes to prepared samples during training, one a file.

An augmentation is a function of a batch and of the numbers it draws. What it draws depends on the seed, the
epoch, the step and the row, and on nothing else, so that a run that was interrupted, or is divided between
processes, sees the same samples. Every entry of an experiment file draws once for all modalities it names:
pictures that show the same scene stay aligned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from antispoof.registry import Registry

__all__ = ["Augmentation", "Draw", "augmentation", "augmentations"]


class Draw:
    """Random numbers for some rows of a batch.

    Args:
        seed: the same for every process and every modality.
        total: rows of the whole batch.
        first: the first row that is here.
        rows: how many rows are here.
    """

    def __init__(self, seed: int, total: int, first: int, rows: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self._total, self._rows = total, slice(first, first + rows)

    def uniform(self, *shape: int) -> Tensor:
        """Return (rows, *shape), uniform in 0..1."""
        return torch.rand((self._total, *shape), generator=self._generator)[self._rows]

    def normal(self, *shape: int) -> Tensor:
        """Return (rows, *shape), normal with mean 0 and deviation 1."""
        return torch.randn((self._total, *shape), generator=self._generator)[self._rows]


Takes = Literal["image", "waveform", "any"]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """A change to a batch.

    Attributes:
        takes: ``image``: (B, C, H, W) in 0..1; ``waveform``: (B, N) in -1..1; or any of them.
        change: function of the batch and of the numbers it draws; its keyword-only arguments are its
            options. It returns a batch of the same shape, and leaves its argument as it is.
        moves: places of a picture are elsewhere afterwards, so that its mask has to move alike.
    """

    takes: Takes
    change: Callable[..., Tensor]
    moves: bool = False

    def fits(self, x: Tensor) -> bool:
        """Tell whether the batch is of the kind that is taken."""
        return self.takes == "any" or x.dim() == (4 if self.takes == "image" else 2)


augmentations: Registry[Augmentation] = Registry("augmentation", __name__)


def augmentation(
    name: str, takes: Takes, moves: bool = False
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Return a decorator that registers a function as an augmentation."""

    def file_under(change: Callable[..., Tensor]) -> Callable[..., Tensor]:
        augmentations.register(name)(Augmentation(takes, change, moves))
        return change

    return file_under
