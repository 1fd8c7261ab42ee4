"""Pool adjacent violators: the best fit that never falls."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pool_adjacent_violators"]


def pool_adjacent_violators(
    genuine: NDArray[np.int64], attacks: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pool neighbouring scores into the coarsest blocks in which the share of bona fide rises.

    Args:
        genuine: (N,), bona fide presentations at each distinct score, ascending.
        attacks: (N,), attacks at each.

    Returns:
        Bona fide and attacks in each block, lowest scores first.

    References:
        M. Ayer, H. Brunk, G. Ewing, W. Reid and E. Silverman, "An empirical distribution function for
        sampling with incomplete information", Annals of Mathematical Statistics 26, 1955.
    """
    # Neighbours in the wrong order always end in one block, so a whole run of them is pooled in one pass.
    # When a pass stops paying, a stack finishes the few blocks that are left.
    while True:
        wrong = genuine[:-1] * attacks[1:] >= genuine[1:] * attacks[:-1]
        starts = np.flatnonzero(np.concatenate(([True], ~wrong)))
        paid = len(starts) < 0.9 * len(genuine)
        genuine, attacks = np.add.reduceat(genuine, starts), np.add.reduceat(attacks, starts)
        if not paid:
            return _pool_with_stack(genuine, attacks)


def _pool_with_stack(
    genuine: NDArray[Any], attacks: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    blocks: list[tuple[int, int]] = []
    for g, a in zip(genuine.tolist(), attacks.tolist(), strict=True):
        while blocks and blocks[-1][0] * a >= g * blocks[-1][1]:
            before = blocks.pop()
            g, a = g + before[0], a + before[1]
        blocks.append((g, a))
    pooled = np.asarray(blocks, np.int64)
    return pooled[:, 0], pooled[:, 1]
