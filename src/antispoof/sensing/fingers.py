"""Whether what lies on a sensor, or was pasted together, is more than one finger."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["count_fingers", "extent", "seam"]

NEAR = 12  # px to each side of a line, what it is compared with


def count_fingers(labels: Any, areas: Any, large: float, gap: int) -> int:
    """Count pieces of ridges as large as a finger's that lie apart; a crease does not part a finger.

    Args:
        labels: pieces of a picture, 0 is none.
        areas: of the pieces, from 1 on.
        large: area of what counts as a finger.
        gap: places that do not part a finger, an odd number.
    """
    kept = [1 + index for index, area in enumerate(areas) if area >= large]
    joined = cv2.dilate(np.isin(labels, kept).astype(np.uint8), np.ones((gap, gap), np.uint8))
    return max(1, cv2.connectedComponents(joined)[0] - 1) if kept else 1


def extent(labels: Any, areas: Any, least: float) -> tuple[float, float, float, float]:
    """Return sides, in places, of rectangles around all pieces of at least that area.

    They are the shorter and the longer side of the one that fits best, and width and height of the upright
    one.
    """
    pieces = [1 + index for index, area in enumerate(areas) if area >= least]
    points = cv2.findNonZero(np.isin(labels, pieces).astype(np.uint8))
    sides = cv2.minAreaRect(points)[1]
    width, height = cv2.boundingRect(points)[2:]
    return min(sides) + 1, max(sides) + 1, float(width), float(height)


def seam(picture: NDArray[np.uint8]) -> float:
    """Return how much more a picture jumps across one whole row or column than across those near it.

    About 1 to 2 in one picture; sensors that a finger is swept over reach 3; where two pictures meet, more.

    Args:
        picture: uint8, (H, W).
    """
    strongest = 0.0
    for axis in (0, 1):
        jumps = cv2.absdiff(
            picture[1:] if axis == 0 else picture[:, 1:],
            picture[:-1] if axis == 0 else picture[:, :-1],
        ).mean(axis=1 - axis)
        if len(jumps) > 2 * NEAR:
            around = np.lib.stride_tricks.sliding_window_view(jumps, 2 * NEAR + 1)
            strongest = max(strongest, float((around[:, NEAR] / (np.median(around, axis=1) + 1)).max()))
    return strongest
