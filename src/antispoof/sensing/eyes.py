"""Find pupil and iris in a near-infrared picture of an eye.

Two circles are looked for that are darker inside than outside and have nearly the same centre. Edges vote for
centres (G. Loy, A. Zelinsky, "Fast Radial Symmetry for Detecting Points of Interest", TPAMI 2003), the limbus
by its left and right side alone, since lids cover the rest; then the edges of both are measured ray by ray,
and circles are fitted to them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["RAYS", "Circle", "Eye", "find_eyes", "ring"]

SEARCHED = 160  # px, longer side of the picture in which edges vote
MEASURED = 320  # px, longer side of the one in which circles are fitted
RADII = np.geomspace(4.0, 72.0, 22)  # px of the small picture
RAYS = 96
STEPS = 96
PUPIL_IN_IRIS = (0.12, 0.70)  # radii, the range that is looked for
CENTRES_APART = 0.25  # of the radius of the iris, at most
SIDES_DEG = 40  # of the limbus that lids leave free, each side of the horizontal
FAINT = 0.15  # share of a limbus that need not be seen where the pupil is plain
CELL = 2  # px of the small picture: how closely centres are counted
KEPT = 4  # candidates that are measured
BEYOND = 1.15  # radii of the pupil: the limbus is looked for farther out, as the edge of a pupil is stronger
TOLERANCE = 0.12  # of the radius: a ray agrees with a circle
IRIS_IN_PICTURE = 0.52  # radius, of the shorter side: an iris that fills the picture
USUAL = 0.12  # radius of an iris, of the longer side; smaller circles are less likely to be one
LAMP = 20  # grey levels over what is about it: a reflection
FLAT = 2.0  # grey levels: what deviates by less is flat
NEXT_EYE = 1.6  # radii of the iris between the centres of two eyes, at least

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Circle:
    """In pixels."""

    x: float
    y: float
    radius: float

    def scaled(self, factor: float) -> Circle:
        """Return it in a picture whose sides are ``factor`` times as long."""
        return Circle((self.x + 0.5) * factor - 0.5, (self.y + 0.5) * factor - 0.5, self.radius * factor)


@dataclass(frozen=True, slots=True)
class Eye:
    """Two circles, and how sure they are.

    Attributes:
        pupil: its edge.
        iris: its outer edge, the limbus.
        pupil_agreement: share of the rays on which the pupil ends where the circle says, 0 to 1.
        iris_agreement: the same of the limbus, of the rays to both sides.
    """

    pupil: Circle
    iris: Circle
    pupil_agreement: float
    iris_agreement: float

    @property
    def agreement(self) -> float:
        """The lower of both."""
        return min(self.pupil_agreement, self.iris_agreement)


def find_eyes(picture: NDArray[np.uint8]) -> tuple[Eye, ...]:
    """Return what may be eyes, the surest first; not every circle is one.

    Args:
        picture: uint8, (H, W).
    """
    longer = max(picture.shape)
    if min(picture.shape) < 16:
        return ()
    small, to_small = _resized(picture, SEARCHED)
    middle, to_middle = _resized(picture, min(MEASURED, max(SEARCHED, longer)))
    middle = _without_reflections(middle)
    eyes: list[Eye] = []
    for x, y, pupil, iris in _candidates(_without_reflections(small)):
        ratio = to_middle / to_small
        eye = _measured(middle, Circle(x, y, pupil).scaled(ratio), Circle(x, y, iris).scaled(ratio))
        if eye is not None:
            eyes.append(
                Eye(
                    eye.pupil.scaled(1 / to_middle),
                    eye.iris.scaled(1 / to_middle),
                    eye.pupil_agreement,
                    eye.iris_agreement,
                )
            )
    eyes.sort(key=lambda eye: -eye.agreement * min(1.0, eye.iris.radius / (USUAL * longer)))
    apart: list[Eye] = []
    for eye in eyes:
        if all(
            np.hypot(eye.iris.x - other.iris.x, eye.iris.y - other.iris.y)
            > NEXT_EYE * max(eye.iris.radius, other.iris.radius)
            for other in apart
        ):
            apart.append(eye)
    return tuple(apart)


def ring(picture: NDArray[Any], inner: Circle, outer: Circle, rows: NDArray[np.float64]) -> Floats:
    """Sample a picture between two circles, Daugman's rubber sheet.

    Args:
        picture: (H, W).
        inner: circle at row value 0.
        outer: circle at row value 1.
        rows: where to look, (R,): 0 is the inner circle, 1 the outer, more lies beyond.

    Returns:
        float32, (R, `RAYS`), the first ray to the right, the next ones clockwise; edge pixels repeat outside.
    """
    cosine, sine = _rays()
    share = rows[:, None]
    x = (1 - share) * (inner.x + inner.radius * cosine) + share * (outer.x + outer.radius * cosine)
    y = (1 - share) * (inner.y + inner.radius * sine) + share * (outer.y + outer.radius * sine)
    return np.asarray(
        cv2.remap(
            picture,
            x.astype(np.float32),
            y.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )


@functools.cache
def _rays() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    angle = np.arange(RAYS) * (2 * np.pi / RAYS)
    return np.cos(angle), np.sin(angle)


def _resized(picture: NDArray[np.uint8], longer: int) -> tuple[NDArray[np.uint8], float]:
    scale = longer / max(picture.shape)
    size = tuple(max(8, round(side * scale)) for side in picture.shape[::-1])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8), scale


def _without_reflections(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fill small bright spots, and those of a ring of lamps one by one; what is long and bright is sclera."""
    side = max(picture.shape) // 14 | 1
    opened = cv2.morphologyEx(picture, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    over = cv2.subtract(picture, opened)
    peak = cv2.dilate(over, np.ones((side // 2 | 1, side // 2 | 1), np.uint8))
    spots = ((over > LAMP) & (over > peak // 2)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(spots, connectivity=4)
    small = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1) <= side
    small[0] = False
    filled = cv2.dilate(small[labels].astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.where(filled > 0, opened, picture)


def _levelled(picture: NDArray[np.uint8]) -> Floats:
    """Give every neighbourhood the same contrast, so that faint edges count beside strong ones."""
    soft = cv2.GaussianBlur(picture, (0, 0), 1.0).astype(np.float32)
    side = max(picture.shape) // 5 | 1
    mean = cv2.blur(soft, (side, side))
    deviation = np.sqrt(np.maximum(cv2.blur(soft * soft, (side, side)) - mean * mean, 0))
    return np.asarray((soft - mean) / (deviation + FLAT), np.float32)


def _candidates(picture: NDArray[np.uint8]) -> list[tuple[float, float, float, float]]:
    """Let edges vote: x, y, radius of the pupil and of the iris, in pixels, the best first."""
    level = _levelled(picture)
    dx, dy = cv2.Sobel(level, cv2.CV_32F, 1, 0), cv2.Sobel(level, cv2.CV_32F, 0, 1)
    size = np.hypot(dx, dy)
    strong = size > max(float(np.quantile(size[::2, ::2], 0.7)), 0.2)
    ys, xs = np.nonzero(strong)
    if len(xs) < 32:
        return []
    gx, gy, weight = dx[strong] / size[strong], dy[strong] / size[strong], np.sqrt(size[strong])
    weight = np.minimum(weight / np.quantile(weight, 0.8), 1.0)
    sideways = np.abs(gx) > np.abs(gy)
    shape = -(-picture.shape[0] // CELL), -(-picture.shape[1] // CELL)
    largest = IRIS_IN_PICTURE * min(picture.shape)
    radii = RADII[largest >= RADII]
    of_pupil = _votes(xs, ys, gx, gy, weight, radii, shape)
    aside = [each[sideways] for each in (xs, ys, gx, gy, weight)]
    of_limbus = 2 * _votes(aside[0], aside[1], aside[2], aside[3], aside[4], radii, shape)
    grey = cv2.resize(cv2.erode(picture, np.ones((3, 3), np.uint8)), shape[::-1]).astype(np.float32)
    darkest, usual = np.quantile(grey, (0.005, 0.6))
    dark = np.clip((usual - grey) / max(float(usual - darkest), 1.0), 0.05, 1)
    best = np.zeros(shape, np.float32)
    pair = np.zeros((2, *shape), np.intp)
    for outer, radius in enumerate(radii):
        low, high = (int(np.searchsorted(radii, radius * share)) for share in PUPIL_IN_IRIS)
        if low == high:
            continue
        reach = max(3, round(radius * CENTRES_APART / CELL)) | 1
        limbus = cv2.dilate(of_limbus[outer], np.ones((reach, reach), np.uint8))
        which = of_pupil[low:high].argmax(axis=0)
        pupil = np.take_along_axis(of_pupil[low:high], which[None], axis=0)[0]
        joint = np.minimum(pupil, 1.0) ** 2 * (FAINT + np.minimum(limbus, 1.0)) * dark
        better = joint > best
        best[better] = joint[better]
        pair[0][better], pair[1][better] = low + which[better], outer
    found = []
    for _ in range(KEPT):
        y, x = divmod(int(best.argmax()), shape[1])
        if best[y, x] <= 0:
            break
        pupil, iris = (float(radii[pair[k, y, x]]) for k in (0, 1))
        found.append(((x + 0.5) * CELL - 0.5, (y + 0.5) * CELL - 0.5, pupil, iris))
        cv2.circle(best, (x, y), max(2, round(0.7 * pupil / CELL)), 0.0, -1)
    return found


def _votes(
    xs: NDArray[Any],
    ys: NDArray[Any],
    gx: NDArray[Any],
    gy: NDArray[Any],
    weight: NDArray[Any],
    radii: NDArray[np.float64],
    shape: tuple[int, int],
) -> Floats:
    """Count for every radius and centre the share of a circle that has an edge: (R, rows, columns)."""
    rows, columns = shape
    votes = np.zeros((len(radii), rows, columns), np.float32)
    for index, radius in enumerate(radii):
        cx = np.floor((xs - radius * gx) / CELL).astype(np.intp)
        cy = np.floor((ys - radius * gy) / CELL).astype(np.intp)
        there = (cx >= 0) & (cx < columns) & (cy >= 0) & (cy < rows)
        flat = np.bincount(cy[there] * columns + cx[there], weight[there], rows * columns)
        spread = 0.7 + 0.03 * radius
        blurred = cv2.GaussianBlur(flat.reshape(rows, columns).astype(np.float32), (0, 0), spread)
        votes[index] = blurred * (2 * np.pi * spread**2 / (2 * np.pi * radius))
    padded = np.pad(votes, ((2, 2), (0, 0), (0, 0)))  # of neighbouring radii only the best is an edge
    return np.maximum(votes - 0.5 * (padded[:-4] + padded[4:]), 0)


def _measured(picture: NDArray[np.uint8], pupil: Circle, iris: Circle) -> Eye | None:
    """Fit circles to the edges that rays cross, in two rounds; None where there is no pair of them."""
    everywhere = np.ones(RAYS, bool)
    cosine, _ = _rays()
    sides = np.abs(cosine) > np.cos(np.deg2rad(SIDES_DEG))
    agreed = (0.0, 0.0)
    for band in (0.40, 0.25):
        pupil, of_pupil = _fitted(picture, pupil, band, everywhere)
        around = Circle(iris.x, iris.y, iris.radius) if band < 0.3 else Circle(pupil.x, pupil.y, iris.radius)
        iris, of_iris = _fitted(picture, around, band, sides, BEYOND * pupil.radius)
        agreed = (of_pupil, of_iris)
    ratio = pupil.radius / max(iris.radius, 1e-6)
    apart = np.hypot(pupil.x - iris.x, pupil.y - iris.y) / max(iris.radius, 1e-6)
    if iris.radius > IRIS_IN_PICTURE * min(picture.shape):
        return None
    if not PUPIL_IN_IRIS[0] * 0.8 <= ratio <= PUPIL_IN_IRIS[1] * 1.1 or apart > 2 * CENTRES_APART:
        return None
    return Eye(pupil, iris, *agreed)


def _fitted(
    picture: NDArray[np.uint8],
    circle: Circle,
    band: float,
    rays: NDArray[np.bool_],
    beyond: float = 0.0,
) -> tuple[Circle, float]:
    """Fit a circle to the strongest edges from dark to bright near another one, ``beyond`` a radius."""
    cosine, sine = _rays()
    nearest = min(beyond / max(circle.radius, 1e-6), 1 - band / 4)
    share = np.linspace(max(1 - band, nearest), 1 + band, STEPS // 2)
    inner = Circle(circle.x, circle.y, 0.0)
    along = np.asarray(cv2.GaussianBlur(ring(picture, inner, circle, share), (5, 3), 0), np.float32)
    rise = along[4:] - along[:-4]
    rise *= np.exp(-0.5 * ((share[2:-2] - 1) / band) ** 2)[:, None].astype(np.float32)
    where = rise.argmax(axis=0)
    edge = share[2:-2][where] * circle.radius
    height = rise.max(axis=0)
    used = rays & (height > max(0.35 * float(np.median(height[rays])), 2.0))
    if used.sum() < 6:
        return circle, 0.0
    x, y = circle.x + edge * cosine, circle.y + edge * sine
    fitted = circle
    kept = used
    for _ in range(3):
        system = np.column_stack([x[kept], y[kept], np.ones(int(kept.sum()))])
        solved = np.linalg.lstsq(system, -(x[kept] ** 2 + y[kept] ** 2), rcond=None)[0]
        cx, cy = -solved[0] / 2, -solved[1] / 2
        radius = float(np.sqrt(max(cx**2 + cy**2 - solved[2], 1e-6)))
        if np.hypot(cx - circle.x, cy - circle.y) > 0.5 * circle.radius:
            break
        fitted = Circle(float(cx), float(cy), radius)
        off = np.abs(np.hypot(x - cx, y - cy) - radius)
        kept = used & (off <= max(TOLERANCE * radius, float(np.median(off[used]))))
        if kept.sum() < 6:
            break
    off = np.abs(np.hypot(x - fitted.x, y - fitted.y) - fitted.radius)
    agree = used & (off < TOLERANCE * fitted.radius)
    return fitted, float(agree.sum() / rays.sum())
