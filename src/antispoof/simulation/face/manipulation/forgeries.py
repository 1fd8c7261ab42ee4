"""Self-blends, swaps and morphs by either family of methods; every parameter is drawn from one generator.

The same seed draws the same parameters whatever the pictures show, so that a clip is forged alike from frame
to frame with ``np.random.default_rng(seed)`` made anew for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.faces import find_faces
from antispoof.simulation.face.manipulation import blends, warps
from antispoof.simulation.face.manipulation.delivery import Image, jpeg_2000, webp
from antispoof.simulation.face.manipulation.mesh import Points, fitted
from antispoof.simulation.face.optics import blur, jpeg, resize
from antispoof.simulation.face.tone import Picture, cast, display, linear, saturate

__all__ = ["FAMILIES", "KINDS", "Family", "Manipulated", "Seen", "morph", "seen", "self_blend", "swap"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture and the face in it.

    Attributes:
        picture: float32, (H, W, 3), RGB, display values.
        points: of the fitted mean face.
    """

    picture: Picture
    points: Points


@dataclass(frozen=True, slots=True)
class Manipulated:
    """A picture that was changed.

    Attributes:
        image: uint8, (H, W, 3), RGB.
        changed: float32, (H, W), how much of each pixel comes from elsewhere, 0 to 1.
    """

    image: NDArray[np.uint8]
    changed: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Family:
    """Methods that belong together; of several one is drawn.

    Attributes:
        warps: bend one face into the shape of the other.
        region: draws what is replaced.
        recolours: colours of one in those of the other.
        blends: join the two.
        enlarging: OpenCV's number of what enlarges.
        compress: codec of the pictures that are put together, at a quality of 1 to 100.
    """

    warps: tuple[warps.Warp, ...]
    region: blends.Region
    recolours: tuple[blends.Recolour, ...]
    blends: tuple[blends.Blend, ...]
    enlarging: int
    compress: Callable[[Picture, int], Picture]


def _by(codec: Callable[[Image, int], Image]) -> Callable[[Picture, int], Picture]:
    def compress(picture: Picture, quality: int) -> Picture:
        image = codec(np.asarray(np.clip(picture, 0, 1) * 255 + 0.5, np.uint8), quality)
        return np.asarray(image, np.float32) / np.float32(255)

    return compress


FAMILIES: Mapping[str, Family] = {
    "taught": Family(
        (warps.similarity, warps.pieces),
        blends.hull,
        (blends.unchanged, blends.moments, blends.moments),
        (blends.alpha, blends.alpha, blends.clone, blends.fine_detail),
        cv2.INTER_LINEAR,
        jpeg,
    ),
    "tried": Family(
        (warps.affine,),
        blends.features,
        (blends.covariance,),
        (blends.in_light, blends.in_light, blends.mixed_clone),
        cv2.INTER_CUBIC,
        _by(jpeg_2000),
    ),
    "held_out": Family(
        (warps.spline,),
        blends.ellipse,
        (blends.histograms,),
        (blends.pyramid,),
        cv2.INTER_LANCZOS4,
        _by(webp),
    ),
}


def seen(image: NDArray[np.uint8], landmarks: NDArray[np.floating] | None = None) -> Seen | None:
    """Find the largest face of a picture, uint8, (H, W, 3), RGB; None where there is none.

    Args:
        image: the picture.
        landmarks: (5, 2), where they are known already.
    """
    if landmarks is None:
        faces = find_faces(image)
        if not faces:
            return None
        landmarks = faces[0].landmarks
    return Seen(np.asarray(image, np.float32) / np.float32(255), fitted(landmarks))


def swap(target: Seen, source: Seen, rng: np.random.Generator, family: str = "taught") -> Manipulated:
    """Put the face of ``source`` over that of ``target``."""
    methods = FAMILIES[family]
    warp, recolour, blend, region = _drawn(target, rng, methods)
    past = _past(rng, methods)
    other = warp(past(source.picture, source.points), source.points, target.points, target.picture.shape[:2])
    return _joined(blend(recolour(other, target.picture, region), target.picture, region), region)


def morph(target: Seen, source: Seen, rng: np.random.Generator, family: str = "taught") -> Manipulated:
    """Mix both faces, a third to two thirds of each, in a shape between theirs, and put it over one."""
    methods = FAMILIES[family]
    _, recolour, blend, region = _drawn(target, rng, methods)
    share = rng.uniform(0.33, 0.67)
    past = _past(rng, methods)
    warp = methods.warps[-1]
    shape = target.picture.shape[:2]
    aligned = _aligned(source.points, target.points)
    between = target.points + share * (aligned - target.points)
    own = warp(target.picture, target.points, between, shape)
    other = recolour(warp(past(source.picture, source.points), source.points, between, shape), own, region)
    mixed = np.asarray(own + np.float32(share) * (other - own), np.float32)
    into = target.picture if rng.random() < 0.5 else own
    return _joined(blend(mixed, into, region), region)


def self_blend(target: Seen, source: Seen, rng: np.random.Generator, family: str = "taught") -> Manipulated:
    """Put a copy of the face, with another past, over itself; ``source`` is not looked at."""
    del source
    methods = FAMILIES[family]
    warp, _, blend, region = _drawn(target, rng, methods)
    tone, past = _tone(rng), _past(rng, methods)
    shift = rng.normal(0, 0.012, target.points.shape) + rng.normal(0, 0.012, 2)
    inside, strength = rng.random() < 0.6, rng.choice([0.5, 0.75, 1.0, 1.0, 1.0])
    picture, points = target.picture, target.points
    moved = points + shift * np.ptp(points, axis=0).max()
    copy = warp(past(tone(picture), points), points, moved, picture.shape[:2])
    region = np.asarray(region * strength, np.float32)
    if inside or blend is blends.clone:
        return _joined(blend(copy, picture, region), region)
    return _joined(blends.alpha(picture, copy, region), region)


Forgery = Callable[[Seen, Seen, np.random.Generator, str], Manipulated]

KINDS: Mapping[str, Forgery] = {"face_morph": morph, "face_swap": swap, "self_blended": self_blend}
"""Attack species → what makes it: ``kind(target, source, rng, family)``."""


def _drawn(
    target: Seen, rng: np.random.Generator, methods: Family
) -> tuple[warps.Warp, blends.Recolour, blends.Blend, Picture]:
    warp = methods.warps[rng.integers(len(methods.warps))]
    recolour = methods.recolours[rng.integers(len(methods.recolours))]
    blend = methods.blends[rng.integers(len(methods.blends))]
    return warp, recolour, blend, methods.region(target.points, target.picture.shape[:2], rng)


def _aligned(points: Points, to: Points) -> Points:
    """Return the points moved, turned and scaled towards others."""
    a, b = points - points.mean(0), to - to.mean(0)
    u, scales, v = np.linalg.svd(a.T @ b)
    aligned: Points = scales.sum() / (a**2).sum() * a @ u @ v + to.mean(0)
    return aligned


def _past(rng: np.random.Generator, methods: Family) -> Callable[[Picture, Points], Picture]:
    """Draw what else happened to one of the two pictures: sizes, sharpening, compression, noise."""
    face = float(np.exp(rng.uniform(np.log(40), np.log(160)))) if rng.random() < 0.6 else None
    sharper = rng.uniform(0.3, 1.5) if rng.random() < 0.3 else 0.0
    softer = rng.uniform(0.4, 1.4) if rng.random() < 0.3 else 0.0
    quality = int(rng.integers(30, 95)) if rng.random() < 0.5 else 0
    noise = rng.uniform(0.004, 0.02) if rng.random() < 0.25 else 0.0
    seed = int(rng.integers(2**32))

    def change(picture: Picture, points: Points) -> Picture:
        height, width = picture.shape[:2]
        if face is not None and (ratio := face / float(np.ptp(points, axis=0).max())) < 0.95:
            small = resize(picture, max(8, round(width * ratio)), max(8, round(height * ratio)))
            picture = np.asarray(
                cv2.resize(small, (width, height), interpolation=methods.enlarging), np.float32
            )
        picture = blur(picture, softer)
        if sharper:
            picture = picture + np.float32(sharper) * (picture - blur(picture, 1.0))
        if noise:
            grain = np.random.default_rng(seed).standard_normal(picture.shape, np.float32)
            picture = picture + np.float32(noise) * grain
        picture = np.clip(picture, 0, 1)
        return methods.compress(picture, quality) if quality else picture

    return change


def _tone(rng: np.random.Generator) -> Callable[[Picture], Picture]:
    """Draw another exposure, white balance and saturation; mild, for a forger matches colours."""
    gains = rng.normal(0, 0.08) + rng.normal(0, 0.04, 3)
    amount = rng.uniform(0.8, 1.2)
    return lambda picture: saturate(display(cast(linear(picture), *gains)), amount)


def _joined(picture: Picture, region: Picture) -> Manipulated:
    return Manipulated(np.asarray(np.clip(picture, 0, 1) * 255 + 0.5, np.uint8), region[..., 0])
