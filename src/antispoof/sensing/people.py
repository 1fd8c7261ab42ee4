"""Whether the pictures of a burst show one person: told by the face and by what is around it.

No identity is computed: two pictures belong together where the faces look alike (same person, same
pose), where the whole pictures do (same place), or where a network sees them alike. A burst that falls apart
into groups without any such tie shows different people, or different places. What it cannot find: two people
one after the other in the same pose and place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box
from antispoof.sensing.faces import CropRecipe, crop

__all__ = ["shows_several_people"]

SIDE = 24
FACE = CropRecipe(1.15, SIDE)
FACES_ALIKE = 0.4  # correlation: films of people stay above 0.54 from one picture to the one most like it
PLACES_ALIKE = 0.5
FEATURES_NEAR = 2.0  # times the median distance from a picture to the one most like it


def shows_several_people(
    pictures: Sequence[NDArray[np.uint8]],
    faces: Sequence[Box],
    features: NDArray[np.float64] | None = None,
) -> bool:
    """Tell whether pictures fall apart into groups that nothing ties together.

    Args:
        pictures: N of them, uint8, (H, W, 3), RGB.
        faces: the face in each.
        features: (N, F), what a network makes of them; None where it tells nothing.
    """
    count = len(pictures)
    if count < 2:
        return False
    looks = np.stack([_pattern(crop(p, box, FACE)) for p, box in zip(pictures, faces, strict=True)])
    places = np.stack([_pattern(picture) for picture in pictures])
    tied = (looks @ looks.T >= FACES_ALIKE) | (places @ places.T >= PLACES_ALIKE)
    if features is not None and count > 2:
        length = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
        apart = 1 - (features / length) @ (features / length).T
        np.fill_diagonal(apart, np.inf)
        tied |= apart <= FEATURES_NEAR * np.median(apart.min(axis=1))
    reached = np.eye(1, count, dtype=bool)[0]
    for _ in range(count):
        reached = reached | tied[reached].any(axis=0)
    return not bool(reached.all())


def _pattern(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    step = max(1, min(picture.shape[:2]) // (4 * SIDE))
    sparse = np.ascontiguousarray(picture[::step, ::step])
    grey: Any = cv2.cvtColor(sparse, cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.GaussianBlur(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), (0, 0), 1)
    small = small - small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-9), np.float64).ravel()
