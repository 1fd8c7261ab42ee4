"""One picture put into another: where, in which colours, and how the two are joined. Display values."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.face.manipulation.mesh import OUTLINE, Points
from antispoof.simulation.face.optics import blur
from antispoof.simulation.face.tone import Picture, display, linear

__all__ = [
    "Blend",
    "Recolour",
    "Region",
    "alpha",
    "clone",
    "covariance",
    "ellipse",
    "features",
    "fine_detail",
    "histograms",
    "hull",
    "in_light",
    "mixed_clone",
    "moments",
    "pyramid",
    "unchanged",
]

Region = Callable[[Points, tuple[int, int], np.random.Generator], Picture]
"""``region(points of the face, height and width, rng)``: (H, W, 1), 1 where the other picture goes."""

Recolour = Callable[[Picture, Picture, Picture], Picture]
"""``recolour(picture, like, region)``: the picture in the colours of another."""

Blend = Callable[[Picture, Picture, Picture], Picture]
"""``blend(picture, into, region)``."""

_LEVELS = 4


def _side(points: Points) -> float:
    return float(np.ptp(points[OUTLINE], axis=0).max())


def hull(points: Points, shape: tuple[int, int], rng: np.random.Generator) -> Picture:
    """The outline of the face, its points moved, grown or shrunk, its edge blurred by 0.5 to 12 % of a face.

    In a quarter of the cases a part of it only: eyes, nose, mouth.
    """
    side = _side(points)
    ring = points[OUTLINE]
    middle = ring.mean(0)
    if rng.random() < 0.25:
        inner = points[OUTLINE.stop :]
        middle = inner[rng.integers(len(inner))]
        ring = middle + (ring - ring.mean(0)) * rng.uniform(0.35, 0.7)
    else:
        ring = middle + (ring - middle) * rng.uniform(0.82, 1.1, 2)
    ring = ring + rng.normal(0, 0.02 * side, ring.shape)
    mask = np.zeros(shape, np.float32)
    outer = cv2.convexHull(np.round(ring * 16).astype(np.int32))
    cv2.fillConvexPoly(mask, outer, 1.0, cv2.LINE_AA, 4)
    soft = float(np.exp(rng.uniform(np.log(0.005), np.log(0.12))))
    return np.asarray(blur(mask, side * soft)[..., None], np.float32)


def ellipse(points: Points, shape: tuple[int, int], rng: np.random.Generator) -> Picture:
    """A superellipse over the face, which fades in a straight line towards its edge."""
    ring = points[OUTLINE]
    low, high = ring.min(0), ring.max(0)
    middle = (low + high) / 2 + rng.normal(0, 0.02, 2) * (high - low)
    half = (high - low) / 2 * rng.uniform(0.85, 1.05, 2)
    y, x = np.mgrid[: shape[0], : shape[1]]
    power = rng.uniform(2.0, 3.0)
    across, down = np.abs((x - middle[0]) / half[0]), np.abs((y - middle[1]) / half[1])
    radius = (across**power + down**power) ** (1 / power)
    return np.asarray(np.clip((1 - radius) / rng.uniform(0.04, 0.3), 0, 1)[..., None], np.float32)


def features(points: Points, shape: tuple[int, int], rng: np.random.Generator) -> Picture:
    """A rounded box over brows, eyes, nose and mouth, turned as the face is, with an averaged edge."""
    eyes, mouth = points[-5:-3], points[-2:]
    across, down = eyes[1] - eyes[0], mouth.mean(0) - eyes.mean(0)
    middle = (eyes.mean(0) + mouth.mean(0)) / 2 + rng.normal(0, 0.04, 2) * np.abs(across).max()
    width, height = float(np.linalg.norm(across)), float(np.linalg.norm(down))
    size = (width * rng.uniform(1.6, 2.1), height * rng.uniform(1.7, 2.2))
    turn = float(np.degrees(np.arctan2(across[1], across[0])))
    corners = cv2.boxPoints(((float(middle[0]), float(middle[1])), size, turn))
    mask = np.zeros(shape, np.float32)
    cv2.fillConvexPoly(mask, np.round(corners * 16).astype(np.int32), 1.0, cv2.LINE_AA, 4)
    edge = 2 * max(1, round(width * rng.uniform(0.04, 0.3) / 2)) + 1
    return np.asarray(cv2.blur(cv2.blur(mask, (edge, edge)), (edge, edge))[..., None], np.float32)


def unchanged(picture: Picture, like: Picture, region: Picture) -> Picture:
    """Leave the colours as they are."""
    del like, region
    return picture


def moments(picture: Picture, like: Picture, region: Picture) -> Picture:
    """Give it mean and deviation of the other in Lab (E. Reinhard et al., "Color Transfer", 2001)."""
    own, other = (np.asarray(cv2.cvtColor(p, cv2.COLOR_RGB2Lab), np.float32) for p in (picture, like))
    inside = region[..., 0] > 0.5
    if inside.sum() < 16:
        return picture
    a, b = own[inside], other[inside]
    scale = (b.std(0) + 1) / (a.std(0) + 1)
    changed = (own - a.mean(0)) * scale + b.mean(0)
    return np.clip(np.asarray(cv2.cvtColor(changed.astype(np.float32), cv2.COLOR_Lab2RGB), np.float32), 0, 1)


def histograms(picture: Picture, like: Picture, region: Picture) -> Picture:
    """Give brightness and both colour differences the distribution that they have in the other."""
    own, other = (np.asarray(cv2.cvtColor(p, cv2.COLOR_RGB2YCrCb), np.float32) for p in (picture, like))
    inside = region[..., 0] > 0.5
    if inside.sum() < 16:
        return picture
    shares = np.linspace(0, 1, 33)
    changed = np.stack(
        [
            np.interp(own[..., c], np.quantile(own[inside, c], shares), np.quantile(other[inside, c], shares))
            for c in range(3)
        ],
        2,
    ).astype(np.float32)
    return np.clip(np.asarray(cv2.cvtColor(changed, cv2.COLOR_YCrCb2RGB), np.float32), 0, 1)


def covariance(picture: Picture, like: Picture, region: Picture) -> Picture:
    """Give it mean and covariance of the other, red, green and blue together.

    By the optimal map between two normal distributions (F. Pitié, A. Kokaram, "The linear Monge-Kantorovitch
    linear colour mapping for example-based colour transfer", CVMP 2007).
    """
    inside = region[..., 0] > 0.5
    if inside.sum() < 16:
        return picture
    a, b = (np.asarray(p[inside], np.float64) for p in (picture, like))
    own, other = (np.cov(p.T) + 1e-4 * np.eye(3) for p in (a, b))
    root = _power(own, 0.5)
    matrix = _power(own, -0.5) @ _power(root @ other @ root, 0.5) @ _power(own, -0.5)
    return np.clip(np.asarray((picture - a.mean(0)) @ matrix.T + b.mean(0), np.float32), 0, 1)


def _power(matrix: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    powered: NDArray[np.float64] = (vectors * np.maximum(values, 1e-9) ** exponent) @ vectors.T
    return powered


def alpha(picture: Picture, into: Picture, region: Picture) -> Picture:
    """Weigh both by the region."""
    return np.asarray(into + region * (picture - into), np.float32)


def in_light(picture: Picture, into: Picture, region: Picture) -> Picture:
    """Weigh the light of both by the region."""
    return display(linear(into) + region * (linear(picture) - linear(into)))


def clone(picture: Picture, into: Picture, region: Picture) -> Picture:
    """Keep the gradients of one and the edge of the other (P. Pérez et al., "Poisson Image Editing")."""
    return _cloned(picture, into, region, cv2.NORMAL_CLONE)


def mixed_clone(picture: Picture, into: Picture, region: Picture) -> Picture:
    """Keep whichever gradient is stronger, and the edge of the other."""
    return _cloned(picture, into, region, cv2.MIXED_CLONE)


def _cloned(picture: Picture, into: Picture, region: Picture, how: int) -> Picture:
    mask = np.asarray((region[..., 0] > 0.5) * 255, np.uint8)
    mask[:2], mask[-2:], mask[:, :2], mask[:, -2:] = 0, 0, 0, 0
    x, y, width, height = cv2.boundingRect(mask)
    if width < 8 or height < 8:
        return alpha(picture, into, region)
    a, b = (np.asarray(p * 255 + 0.5, np.uint8) for p in (picture, into))
    joined = cv2.seamlessClone(a, b, mask, (x + width // 2, y + height // 2), how)
    return np.asarray(joined, np.float32) / np.float32(255)


def fine_detail(picture: Picture, into: Picture, region: Picture) -> Picture:
    """Take the coarse shades of one and the fine detail of the other."""
    sigma = 0.03 * max(into.shape[:2])
    mixed = blur(into, sigma) + picture - blur(picture, sigma)
    return alpha(np.clip(mixed, 0, 1), into, region)


def pyramid(picture: Picture, into: Picture, region: Picture) -> Picture:
    """Join band by band, the coarse ones over a wider edge (P. Burt, E. Adelson, ACM TOG 1983)."""
    a, b, weight = picture, into, np.repeat(region, 3, 2)
    bands = []
    for _ in range(_LEVELS):
        size = (a.shape[1], a.shape[0])
        smaller = [np.asarray(cv2.pyrDown(p), np.float32) for p in (a, b, weight)]
        fine_a, fine_b = (p - cv2.pyrUp(s, dstsize=size) for p, s in zip((a, b), smaller, strict=False))
        bands.append(fine_b + weight * (fine_a - fine_b))
        a, b, weight = smaller
    joined = b + weight * (a - b)
    for band in reversed(bands):
        joined = cv2.pyrUp(joined, dstsize=(band.shape[1], band.shape[0])) + band
    return np.clip(np.asarray(joined, np.float32), 0, 1)
