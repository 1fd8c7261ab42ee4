"""Whether what lies on a sensor, or was pasted together, is more than one finger."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["count_fingers", "extent", "seam"]

NEAR = 12  # px to each side of a line, what it is compared with
DETAIL = 6.0  # px, deviation: what is coarser counts as no detail
FEWEST, ALIKE = 0.5, 0.4  # share of the detail of other lines; correlation of lines near it
NOTHING = 1e3  # squares of grey levels: of a line without detail


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
    """Return how much less neighbouring lines of a picture have in common at one place than near it.

    Of the detail of a print one row or column follows the next, with a correlation of some 0.9; where halves
    of two prints meet, they have nothing in common. Lines with less than half of the detail of the others are
    not looked at.

    Args:
        picture: uint8, (H, W).

    Returns:
        the largest drop of the correlation below the median of the lines near it, 0 to 2: 0.2 in one print, 1
        at a seam.
    """
    level = picture.astype(np.float32)
    level -= cv2.GaussianBlur(level, (0, 0), DETAIL)
    strongest = 0.0
    for lines in (level, level.T):
        if len(lines) <= 2 * NEAR + 1:
            continue
        energy = np.einsum("ij,ij->i", lines, lines)
        shared = np.einsum("ij,ij->i", lines[1:], lines[:-1])
        alike = shared / (np.sqrt(energy[1:] * energy[:-1]) + NOTHING)
        around = np.lib.stride_tricks.sliding_window_view(alike, 2 * NEAR + 1)
        usual = np.median(around, axis=1)
        least = FEWEST * np.quantile(energy, 0.8)
        counts = (np.minimum(energy[1:], energy[:-1])[NEAR:-NEAR] > least) & (usual > ALIKE)
        drop = (usual - alike[NEAR:-NEAR])[counts]
        strongest = max(strongest, float(drop.max(initial=0)))
    return strongest
