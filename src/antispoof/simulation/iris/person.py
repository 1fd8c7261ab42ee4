"""Whose eye it is: what stays from picture to picture, and what does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.iris.texture import iris_texture

__all__ = ["EyeState", "Person", "draw_person", "draw_state"]


@dataclass(frozen=True, slots=True)
class Person:
    """One eye. Lengths in millimetres, shares of the light that comes back at 700 to 900 nm.

    Attributes:
        iris_radius: of the limbus.
        texture: see `iris_texture`.
        iris: share of the light; dark eyes are nearly as bright in infrared as light ones.
        contrast: of the texture.
        limbus: width of the soft edge.
        sclera: share.
        skin: share.
        pores: how rough the skin is.
        opening: half the distance of the corners; height of the upper and of the lower lid over the middle.
        slant: of the lids, radians.
        crease: distance of the fold above the upper lid; 0 without.
        fold: depth of it.
        hollow: unevenness of what lies around the eye.
        lashes: of the upper lid: how many, how long as the sensor sees them, how thick, how light (0 to 1).
        sparse: lashes of the lower lid, as a share of those of the upper.
        curl: how far the upper lashes turn up, 1 all the way; below 0 they hang before the eye.
        clump: how many lashes stick together.
        brow: whether the eyebrow is near.
        side: 1 where the nose is to the left of the picture, else -1.
    """

    iris_radius: float
    texture: NDArray[np.float32]
    iris: float
    contrast: float
    limbus: float
    sclera: float
    skin: float
    pores: float
    opening: tuple[float, float, float]
    slant: float
    crease: float
    fold: float
    hollow: float
    lashes: tuple[int, float, float, float]
    sparse: float
    curl: float
    clump: float
    brow: bool
    side: int


@dataclass(frozen=True, slots=True)
class EyeState:
    """One moment of it.

    Attributes:
        pupil: radius, as a share of the iris.
        pupil_light: share of the light that comes back out of the pupil, with stray light.
        gaze: x and y of the middle of the iris, millimetres from the middle of the lids.
        apart: x and y of the middle of the pupil from that of the iris, millimetres.
        lids: factor on the opening of the lids.
        wet: how much light the tears and the skin throw back, 0 to 1.
        makeup: darkening of the lid's edge, 0 to 1.
        glasses: whether there is a pair.
    """

    pupil: float
    pupil_light: float
    gaze: tuple[float, float]
    apart: tuple[float, float]
    lids: float
    wet: float
    makeup: float
    glasses: bool


def draw_person(rng: np.random.Generator) -> Person:
    """Draw an eye."""
    sclera = float(rng.uniform(0.45, 0.75))
    return Person(
        iris_radius=float(np.clip(rng.normal(5.9, 0.25), 5.3, 6.6)),
        texture=iris_texture(rng),
        iris=float(sclera * rng.uniform(0.35, 0.85)),
        contrast=float(rng.uniform(0.03, 0.24)),
        limbus=float(rng.uniform(0.25, 0.95)),
        sclera=sclera,
        skin=float(rng.uniform(0.5, 0.85)),
        pores=float(rng.uniform(0.2, 1.0)),
        opening=(
            float(rng.uniform(12.0, 16.5)),
            float(rng.uniform(3.6, 6.6)),
            float(rng.uniform(4.2, 6.4)),
        ),
        slant=float(rng.normal(0, 0.06)),
        crease=float(rng.uniform(1.5, 4.5)) if rng.random() < 0.6 else 0.0,
        fold=float(rng.uniform(0.05, 0.3)),
        hollow=float(rng.uniform(0.05, 0.35)),
        lashes=(
            int(rng.integers(70, 150)),
            float(rng.uniform(3.0, 7.0)),
            float(rng.uniform(0.05, 0.11)),
            float(rng.uniform(0.05, 0.45)),
        ),
        sparse=float(rng.uniform(0.3, 0.6)),
        curl=float(rng.uniform(0.3, 1.0) if rng.random() < 0.6 else rng.uniform(-0.9, -0.2)),
        clump=float(rng.uniform(1.3, 4.0)),
        brow=bool(rng.random() < 0.4),
        side=1 if rng.random() < 0.5 else -1,
    )


def draw_state(rng: np.random.Generator) -> EyeState:
    """Draw a moment."""
    return EyeState(
        pupil=float(np.clip(rng.normal(0.43, 0.11), 0.2, 0.68)),
        pupil_light=float(rng.uniform(0.0, 0.07)),
        gaze=(float(rng.normal(0, 1.2)), float(rng.normal(0, 0.5))),
        apart=(float(rng.normal(0, 0.12)), float(rng.normal(0, 0.12))),
        lids=float(np.clip(rng.normal(0.98, 0.16), 0.6, 1.35)),
        wet=float(rng.uniform(0, 1)),
        makeup=float(rng.uniform(0.3, 0.9)) if rng.random() < 0.2 else 0.0,
        glasses=bool(rng.random() < 0.06),
    )
