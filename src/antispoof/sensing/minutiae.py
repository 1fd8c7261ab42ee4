"""Where ridges end or fork, counted without following them.

Along a ridge pattern the phase of the wave grows steadily; around the end or the fork of a ridge it gains one
turn. Those turns are counted in the phase of the monogenic signal (M. Felsberg, G. Sommer, "The Monogenic
Signal", IEEE TSP 2001), as K. Larkin and P. Fletcher describe fingerprints ("A coherent framework for
fingerprint analysis: are fingerprints holograms?", Optics Express 2007). Fingers have such places everywhere,
lines that were drawn or woven have none.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from antispoof.sensing.ridges import STEP

__all__ = ["minutiae", "minutiae_density"]

OCTAVES = 0.34  # deviation of the filter, in natural logarithms of the period
COUNTED_MM2 = 20.0  # in less there may be none of a finger


def minutiae(picture: NDArray[np.uint8], period: float) -> NDArray[np.bool_]:
    """Find the ends and forks of lines.

    Args:
        picture: uint8, (H, W).
        period: px from ridge to ridge.

    Returns:
        (H - 1, W - 1), true at one place of each; meaningless where there are no ridges.
    """
    height, width = picture.shape
    level = picture.astype(np.float32)
    side = round(2.5 * period) | 1
    level -= cv2.blur(level, (side, side))
    level /= np.sqrt(np.maximum(cv2.blur(level * level, (side, side)), 0)) + 4
    shape = scipy.fft.next_fast_len(height), scipy.fft.next_fast_len(width)
    rows = scipy.fft.fftfreq(shape[0]).astype(np.float32)[:, None]
    columns = scipy.fft.fftfreq(shape[1]).astype(np.float32)[None]
    radius = np.hypot(rows, columns)
    radius[0, 0] = 1
    kept = np.exp(-0.5 * (np.log(radius * np.float32(period)) / OCTAVES) ** 2)
    kept[0, 0] = 0
    spectrum = scipy.fft.fft2(level, shape) * kept
    even = np.ascontiguousarray(scipy.fft.ifft2(spectrum)[:height, :width].real)
    odd = scipy.fft.ifft2(spectrum * ((rows - 1j * columns) / radius))[:height, :width]
    dx, dy = cv2.Sobel(even, cv2.CV_32F, 1, 0), cv2.Sobel(even, cv2.CV_32F, 0, 1)
    tensor = cv2.GaussianBlur(np.dstack([dx * dx - dy * dy, 2 * dx * dy]), (0, 0), 0.6 * period)
    across = np.exp(-0.5j * np.arctan2(tensor[..., 1], tensor[..., 0]))[:-1, :-1]
    corners = []
    for down, right in ((0, 0), (0, 1), (1, 1), (1, 0)):
        part = slice(down, height - 1 + down), slice(right, width - 1 + right)
        # One direction for the four corners: that it may as well be the opposite one changes no count.
        corners.append(np.arctan2((odd[part] * across).real, even[part]))
    turns = sum(_wrapped(corners[(k + 1) % 4] - corners[k]) for k in range(4))
    return np.asarray(np.abs(turns) > np.pi)


def _wrapped(angle: NDArray[Any]) -> NDArray[Any]:
    return (angle + np.pi) % (2 * np.pi) - np.pi


def minutiae_density(
    picture: NDArray[np.uint8], there: NDArray[np.bool_], period: float, block_mm2: float
) -> float:
    """Count the ends and forks of ridges a mm², away from the edge of a print.

    Args:
        picture: uint8, (H, W).
        there: where there are ridges, as `antispoof.sensing.ridges.find_ridges` divides the picture.
        period: px from ridge to ridge.
        block_mm2: area of one value of ``there``.

    Returns:
        0 or more; -1 where too little is clear.
    """
    inner = cv2.erode(there.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0)
    area = float(inner.sum()) * block_mm2
    if area < COUNTED_MM2:
        return -1.0
    x, y, width, height = (STEP * side for side in cv2.boundingRect(inner))
    around = slice(max(0, y - STEP), y + height + STEP), slice(max(0, x - STEP), x + width + STEP)
    found = minutiae(picture[around], period)
    inside = np.repeat(np.repeat(inner, STEP, 0), STEP, 1)[around][: found.shape[0], : found.shape[1]]
    return float(found[inside > 0].sum()) / area
