"""Whether the pictures of a burst show one person: told by the face, where it is, and what is around it.

No identity is computed: two pictures belong together where the faces look alike (same person, same pose),
where the whole pictures do (same place), or where a network sees them alike. How far captures of one person
lie apart in the eyes of a network, its bundle may tell: then pictures show several people where they fall
into groups that nothing ties together. Where it does not, the face has to jump between the groups as well, or
each group to hold two pictures or more which hardly have anything in common with the others.
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
FACES_ALIKE, PLACES_ALIKE = 0.4, 0.5  # correlations: films of people stay above 0.54 and 0.5
FACES_AKIN, PLACES_AKIN = 0.2, 0.3  # below these they have hardly anything in common
FACES_SAME = 0.7
TONES_NEAR = 2.0  # times what captures of one person at one simulated site are apart, root mean square
FEATURES_NEAR = 2.0  # times the median distance from a picture to the one most like it
STAYED = 0.3  # shared area over joint area of two faces, in shares of the picture: the face did not jump


def shows_several_people(
    pictures: Sequence[NDArray[np.uint8]],
    faces: Sequence[Box],
    features: NDArray[np.float64] | None = None,
    tones: NDArray[np.float64] | None = None,
) -> bool:
    """Tell whether pictures fall apart into groups that nothing ties together.

    Args:
        pictures: N of them, uint8, (H, W, 3), RGB.
        faces: the face in each.
        features: (N, F), what a network makes of them; None where it tells nothing.
        tones: (N, D), the same scaled so that captures of one person are about 1 apart; None where nobody
            knows by what.
    """
    count = len(pictures)
    if count < 2:
        return False
    looks = np.stack([_pattern(crop(p, box, FACE)) for p, box in zip(pictures, faces, strict=True)])
    places = np.stack([_pattern(picture) for picture in pictures])
    faces_alike, places_alike = looks @ looks.T, places @ places.T
    if tones is not None:
        apart = np.linalg.norm(tones[:, None] - tones, axis=-1)
        tied = (faces_alike >= FACES_SAME) | (places_alike >= PLACES_ALIKE) | (apart <= TONES_NEAR)
        return len(_groups(tied)) > 1
    near = np.eye(count, dtype=bool)
    if features is not None and count > 2:
        length = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
        apart = 1 - (features / length) @ (features / length).T
        np.fill_diagonal(apart, np.inf)
        near |= apart <= FEATURES_NEAR * np.median(apart.min(axis=1))
    alike = (faces_alike >= FACES_ALIKE) | (places_alike >= PLACES_ALIKE)
    akin = (faces_alike >= FACES_AKIN) | (places_alike >= PLACES_AKIN)
    jumped = len(_groups(alike | near | _stayed(pictures, faces))) > 1
    return jumped or sum(size > 1 for size in _groups(akin | near)) > 1


def _groups(tied: NDArray[np.bool_]) -> list[int]:
    """Return how many pictures there are in each group that is tied together."""
    left, sizes = np.ones(len(tied), np.bool_), []
    while left.any():
        group = np.zeros(len(tied), np.bool_)
        group[np.argmax(left)] = True
        for _ in range(len(tied)):
            group |= tied[group].any(axis=0)
        sizes.append(int(group.sum()))
        left &= ~group
    return sizes


def _stayed(pictures: Sequence[NDArray[np.uint8]], faces: Sequence[Box]) -> NDArray[np.bool_]:
    """Tell between which pictures the face stayed where it is: (N, N)."""
    sides = np.array([picture.shape[1::-1] for picture in pictures], np.float64)
    low = np.array([(box.x, box.y) for box in faces]) / sides
    high = low + np.array([(box.width, box.height) for box in faces]) / sides
    shared = np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None])
    both = np.clip(shared, 0, None).prod(axis=2)
    area = (high - low).prod(axis=1)
    return np.asarray(both >= STAYED * (area[:, None] + area[None] - both), np.bool_)


def _pattern(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    step = max(1, min(picture.shape[:2]) // (4 * SIDE))
    sparse = np.ascontiguousarray(picture[::step, ::step])
    grey: Any = cv2.cvtColor(sparse, cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.GaussianBlur(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), (0, 0), 1)
    small = small - small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-9), np.float64).ravel()
