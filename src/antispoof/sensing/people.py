"""Whether the pictures of a burst show one person: told by the face, and by what is around it.

No identity is computed. Two pictures are surely of one capture where small copies of them look the same, or
where the same points are found in both faces, or around them. Where no such chain holds more than half of
the pictures together, they are of several people. A picture or two that find no points beside a majority may
be of one who turned or stood in the dark: those belong with it unless faces, pictures and what a network
makes of them are all far apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box
from antispoof.sensing.faces import CropRecipe, crop

__all__ = ["shows_several_people"]

SIDE = 24
FACE = CropRecipe(1.15, SIDE)
SAME = 0.93  # correlation of faces, and of pictures: of 440 portraits of as many people no two reach it
# These three, HEAD, MAJORITY and ENDS_PAIRS are set by `benchmarks/face_bursts_simulated.py`.
FACES_ALIKE, PLACES_ALIKE = 0.5, 0.7  # correlations below which they are far apart
TONES_NEAR = 2.0  # times what captures of one person at one simulated site are apart, root mean square

CLOSE = CropRecipe(1.0, 128)  # where points of a face are looked for
MOST_POINTS = 200
CONTRAST = 0.01
AROUND = 256  # px, longer side of the picture in which points around a face are looked for
HEAD = 1.0  # sides of the face that belong to it: hair and chin are around it
RANGE = (1, 99)  # percentiles of grey that become black and white: dim faces have points too
LEAST_RANGE = 8.0
ALIKE = 0.75  # of the distance to the next best: nearer than that, a point is the same
APART = 0.05  # of the side: so far from where the others put it, a point is not the same
SCALES = (0.7, 1.4)
# Of simulated faces that turn, in light and cameras that change, 1 to 2 in 100 pairs that look the same way
# have fewer points in common; of different people at one site and of portraits, 3 in 1000 have as many.
SAME_POINTS = 5
MAJORITY = 0.5  # of the pictures: where more of them belong together, others may be of one who turned
ENDS = 0.4  # of the pictures of a film are its beginning, and as many its end
ENDS_PAIRS = 4  # of one and of the other: where there are fewer, that nothing ties them tells nothing

Points = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Where they are, (P, 2) in shares of the side that is searched, and how they look, (P, 128)."""


def shows_several_people(
    pictures: Sequence[NDArray[np.uint8]],
    faces: Sequence[Box],
    tones: NDArray[np.float64] | None = None,
    *,
    in_one_run: bool = False,
    filmed: bool = False,
) -> bool:
    """Tell whether pictures fall apart into groups that nothing ties together.

    Args:
        pictures: N of them, uint8, (H, W, 3), RGB.
        faces: the face in each.
        tones: (N, D), what a network makes of them, scaled so that captures of one person are about 1 apart;
            None where nobody knows by what.
        in_one_run: whether a camera was watched from one to the next, and no cuts were seen: then faces may
            differ, unless they, the pictures and the tones are all far apart.
        filmed: whether they are of one film, in its order: its beginning and its end have to be tied, too.
    """
    compared = _Compared(pictures, faces, tones)
    return _fall_apart(compared, in_one_run) or (filmed and _ends_apart(compared))


class _Compared:
    """Pictures held against each other: what takes time is done when it is first asked for."""

    def __init__(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        faces: Sequence[Box],
        tones: NDArray[np.float64] | None,
    ) -> None:
        self._shown = list(zip(pictures, faces, strict=True))
        looks = np.stack([_pattern(crop(picture, face, FACE)) for picture, face in self._shown])
        whole = np.stack([_pattern(picture) for picture in pictures])
        self.looks, self.places = looks @ looks.T, whole @ whole.T
        self.tones = None if tones is None else np.linalg.norm(tones[:, None] - tones, axis=-1)
        self.in_faces = _SamePoints(lambda place: _points(crop(*self._shown[place], CLOSE)))
        self.around = _SamePoints(lambda place: _around(*self._shown[place]))

    def __len__(self) -> int:
        return len(self._shown)


def _fall_apart(compared: _Compared, in_one_run: bool) -> bool:
    count = len(compared)
    alike = np.minimum(compared.looks, compared.places)
    # The likeliest first: of which it is known that they belong together need not be compared.
    pairs = sorted(combinations(range(count), 2), key=lambda pair: -float(alike[pair]))
    groups = np.arange(count)

    def join(tied: Callable[[int, int], bool]) -> bool:
        for one, other in pairs:
            if groups[one] != groups[other] and tied(one, other):
                groups[groups == groups[other]] = groups[one]
        return bool((groups == groups[:1]).all())

    if (
        join(lambda one, other: bool(alike[one, other] >= SAME))
        or join(compared.in_faces)
        or join(compared.around)
    ):
        return False
    if not in_one_run and np.bincount(groups).max() <= MAJORITY * count:
        return True
    loosely = (compared.looks >= FACES_ALIKE) | (compared.places >= PLACES_ALIKE)
    if compared.tones is not None:
        loosely |= compared.tones <= TONES_NEAR
    return not join(lambda one, other: bool(loosely[one, other]))


def _ends_apart(compared: _Compared) -> bool:
    """Tell whether nothing ties the first pictures to the last.

    What lies between does not count: somebody who fades into somebody else is tied to both.
    """
    count = len(compared)
    held = round(ENDS * count)
    pairs = list(product(range(held), range(count - held, count)))
    if len(pairs) < ENDS_PAIRS:
        return False
    alike = np.minimum(compared.looks, compared.places)
    return not any(alike[pair] >= SAME for pair in pairs) and not any(
        compared.in_faces(*pair) or compared.around(*pair) for pair in pairs
    )


class _SamePoints:
    """Whether the same points are in two of several pictures; each is searched when it is first asked for."""

    def __init__(self, find: Callable[[int], Points]) -> None:
        self._find = find
        self._found: dict[int, Points] = {}

    def __call__(self, one: int, other: int) -> bool:
        """Look for a shift, turn and scale that lays enough points of one onto points that look like them."""
        for place in {one, other} - self._found.keys():
            self._found[place] = self._find(place)
        (there, own), (here, others) = self._found[one], self._found[other]
        if min(len(own), len(others)) < SAME_POINTS:
            return False
        back = _nearest(others, own)
        kept = [pair for pair in _nearest(own, others).items() if back.get(pair[1]) == pair[0]]
        if len(kept) < SAME_POINTS:
            return False
        start, end = there[[pair[0] for pair in kept]], here[[pair[1] for pair in kept]]
        moved, fits = cv2.estimateAffinePartial2D(start, end, ransacReprojThreshold=APART, maxIters=300)
        if moved is None or not SCALES[0] <= float(np.hypot(*moved[:, 0])) <= SCALES[1]:
            return False
        there, here = start[fits.ravel() > 0], end[fits.ravel() > 0]
        # a place may hold several points, one for each way to turn it
        return min(len(np.unique(there, axis=0)), len(np.unique(here, axis=0))) >= SAME_POINTS


def _nearest(points: NDArray[np.float32], others: NDArray[np.float32]) -> dict[int, int]:
    """Tell which of the others each point looks like, where it is nearer than the next."""
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(points, others, k=2)
    return {
        best.queryIdx: best.trainIdx
        for best, next_best in pairs
        if best.distance < ALIKE * next_best.distance
    }


def _points(picture: NDArray[np.uint8]) -> Points:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    low, high = np.percentile(grey, RANGE)
    grey = np.clip((grey - low) * (255 / max(high - low, LEAST_RANGE)), 0, 255).astype(np.uint8)
    detector: Any = cv2.SIFT.create(nfeatures=MOST_POINTS, contrastThreshold=CONTRAST)
    found, looks = detector.detectAndCompute(grey, None)
    if looks is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    return np.array([one.pt for one in found], np.float32) / max(grey.shape), looks


def _around(picture: NDArray[np.uint8], face: Box) -> Points:
    """Find points of what is around a face, its hair and chin among it."""
    scale = min(1.0, AROUND / max(picture.shape[:2]))
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    places, looks = _points(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8))
    middle = np.array([face.x + face.width / 2, face.y + face.height / 2]) * scale / max(size)
    half = np.array([face.width, face.height]) * HEAD / 2 * scale / max(size)
    outside = (np.abs(places - middle) > half).any(axis=1)
    return places[outside], looks[outside]


def _pattern(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    step = max(1, min(picture.shape[:2]) // (4 * SIDE))
    sparse = np.ascontiguousarray(picture[::step, ::step])
    grey: Any = cv2.cvtColor(sparse, cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.GaussianBlur(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), (0, 0), 1)
    small = small - small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-9), np.float64).ravel()
