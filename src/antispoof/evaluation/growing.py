"""`Growing`: a long column of numbers, made chunk by chunk without a second copy of it."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Growing"]

Number = TypeVar("Number", bound=np.generic)


class Growing(Generic[Number]):
    """A column that chunks are added to.

    Args:
        kind: of its numbers.
        room: how many there will be, where that is known.
    """

    def __init__(self, kind: type[Number], room: int = 0) -> None:
        self._whole: NDArray[Number] = np.empty(room, kind)
        self._filled = 0

    def add(self, numbers: NDArray[Any]) -> None:
        """Add a chunk (n,)."""
        end = self._filled + len(numbers)
        if end > len(self._whole):
            self._whole.resize(max(end, len(self._whole) * 5 // 4), refcheck=False)  # moves no long array
        self._whole[self._filled : end] = numbers
        self._filled = end

    def done(self) -> NDArray[Number]:
        """Return the column; nothing can be added from then on."""
        self._whole.resize(self._filled, refcheck=False)
        return self._whole

    def __len__(self) -> int:
        """Return how many there are."""
        return self._filled
