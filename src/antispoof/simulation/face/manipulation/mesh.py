"""A mean face, fitted to five landmarks: points that correspond between two faces, and their outline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["OUTLINE", "Points", "fitted"]

Points = NDArray[np.float64]
"""(N, 2), x and y in pixels."""

# In distances between the eyes, from the middle between them, y down: eyes, nose, corners of the mouth.
_ANCHORS = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.62], [-0.42, 1.12], [0.42, 1.12]])
_JAW = [[0.97, -0.05], [0.95, 0.45], [0.86, 0.95], [0.62, 1.38], [0.28, 1.64]]
_BROW = [[0.45, -0.62], [0.85, -0.42]]
_SIDE = [[0.22, -0.3], [0.78, -0.26], [0.27, 0.02], [0.72, 0.02], [0.22, 0.55], [0.6, 0.6], [0.5, 0.95]]
_MIDDLE = [[0.0, -0.3], [0.0, 0.1], [0.0, 0.98], [0.0, 1.28]]


def _mirrored(points: list[list[float]]) -> list[list[float]]:
    return [[-x, y] for x, y in points]


_RING = [*_JAW, [0.0, 1.72], *_mirrored(_JAW)[::-1], *_mirrored(_BROW)[::-1], [0.0, -0.68], *_BROW]
_TEMPLATE = np.array([*_RING, *_SIDE, *_mirrored(_SIDE), *_MIDDLE, *_ANCHORS.tolist()])

OUTLINE = slice(0, len(_RING))
"""The points of the outline, in order: jaw, chin, jaw, brow."""

_REACH = 0.5  # how far a landmark pulls what is about it, in distances between the eyes


def fitted(landmarks: NDArray[np.floating]) -> Points:
    """Fit the mean face: the best affine map, and what is left of each landmark for what is near to it.

    Args:
        landmarks: (5, 2), as `antispoof.sensing.faces` orders them: eyes, nose, corners of the mouth.

    Returns:
        (N, 2), of which those at `OUTLINE` surround the face.
    """
    known = np.column_stack([_ANCHORS, np.ones(len(_ANCHORS))])
    affine, *_ = np.linalg.lstsq(known, np.asarray(landmarks, np.float64), rcond=None)
    left = landmarks - known @ affine
    apart = np.linalg.norm(_TEMPLATE[:, None] - _ANCHORS[None], axis=2)
    pull = np.exp(-0.5 * (apart / _REACH) ** 2)
    share = pull / np.maximum(pull.sum(1, keepdims=True), 1.0)
    moved: Points = np.column_stack([_TEMPLATE, np.ones(len(_TEMPLATE))]) @ affine + share @ left
    return moved
