"""An eye before a sensor: what light comes back from every point, before the camera takes its picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from antispoof.simulation.iris.lashes import hair_shadow
from antispoof.simulation.iris.lids import opening, skin_light, with_flesh
from antispoof.simulation.iris.person import EyeState, Person
from antispoof.simulation.iris.sensors import Sensor
from antispoof.simulation.iris.texture import ANGLES, RADII
from antispoof.simulation.iris.view import Map, View, grain, smooth, step

__all__ = ["Globe", "eye_light", "live_globe", "patterned", "with_lamps"]


@dataclass(frozen=True, slots=True)
class Globe:
    """The visible part of an eyeball.

    Attributes:
        light: light that comes back, (H, W), lids and lashes not yet before it.
        iris: x, y and radius of the limbus, millimetres.
        pupil: the same of the pupil.
    """

    light: Map
    iris: tuple[float, float, float]
    pupil: tuple[float, float, float]


def patterned(texture: Map, share: Map, angle: Map) -> Map:
    """Look a polar texture up: share of the way from pupil to limbus, and angle in radians."""
    wrapped = np.hstack([texture, texture[:, :1]])
    column = (angle % (2 * np.pi)) * (ANGLES / (2 * np.pi))
    row = np.clip(share, 0, 1) * (RADII - 1)
    return np.asarray(
        cv2.remap(wrapped, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR), np.float32
    )


def live_globe(view: View, person: Person, state: EyeState, rng: np.random.Generator) -> Globe:
    """A living eyeball: sclera with vessels, iris, and a pupil out of which hardly any light comes."""
    cx, cy = state.gaze
    px, py = cx + state.apart[0], cy + state.apart[1]
    pupil = state.pupil * person.iris_radius
    off = np.hypot(view.x - cx, view.y - cy)
    from_pupil = np.hypot(view.x - px, view.y - py)
    ball = (np.float32(0.35) + np.float32(0.65) * np.sqrt(np.clip(1 - (off / 14.5) ** 2, 0.1, 1))).astype(
        np.float32
    )
    tangle = np.abs(grain(rng, view, 2.6, 1.1) + np.float32(0.5) * grain(rng, view, 0.9, 0.5))
    vessels = np.float32(0.05 * person.sclera) * np.exp(-((tangle / np.float32(0.12)) ** 2))
    sclera = person.sclera * ball * (1 + np.float32(0.03) * smooth(rng, view.x.shape, 8)) - vessels
    share = (from_pupil - pupil) / np.maximum(person.iris_radius - pupil, 0.5)
    angle = np.arctan2(view.y - py, view.x - px)
    texture = patterned(person.texture, share, angle)
    shade = 1 + np.float32(0.25) * (0.5 - np.clip(share, 0, 1))  # the iris is a little darker outside
    iris = person.iris * shade * (1 + np.float32(person.contrast) * texture)
    light = iris + (sclera - iris) * step(off - np.float32(person.iris_radius), person.limbus)
    # The margin of a pupil is no circle, and has a dark ruff of its own.
    uneven = sum(
        np.float32(rng.normal(0, 0.005)) * np.cos(k * angle + np.float32(rng.uniform(0, 6)))
        for k in range(2, 7)
    )
    beside = from_pupil - np.float32(pupil) * (1 + uneven)
    light *= 1 - np.float32(0.25) * np.exp(-((beside / np.float32(0.16)) ** 2))
    light = state.pupil_light + (light - state.pupil_light) * step(beside, 0.16)
    return Globe(light.astype(np.float32), (cx, cy, person.iris_radius), (px, py, pupil))


def with_lamps(
    view: View, light: Map, lamps: tuple[tuple[float, float, float], ...], level: float, x: float, y: float
) -> Map:
    """Add the mirror images of the lamps, in the cornea or in another shiny thing whose middle is x, y."""
    out = light.copy()
    for lx, ly, radius in lamps:
        distance = np.hypot(view.x - (x + lx), view.y - (y + ly))
        out += np.float32(level) * (1 - step(distance - np.float32(radius), max(0.08, 0.6 * radius)))
    return out


def eye_light(
    view: View,
    person: Person,
    state: EyeState,
    sensor: Sensor,
    globe: Globe,
    rng: np.random.Generator,
    *,
    plastic: bool = False,
    lamps: bool = True,
) -> Map:
    """Put lids, skin, lashes and the reflections of the lamps before an eyeball.

    Args:
        view: where the sensor looks.
        person: whose lids.
        state: how they stand.
        sensor: whose lamps shine.
        globe: the eyeball.
        rng: of all that is drawn.
        plastic: a doll's skin: without pores, shiny, thick even lashes.
        lamps: whether they are mirrored in the cornea.

    Returns:
        float32, (H, W), 1 being a white sheet.
    """
    around = opening(view, person, state)
    inside = step(np.minimum(around.from_top, around.from_bottom) - np.float32(0.1), 0.2)
    light = globe.light.copy()
    # Under the lids and their lashes less light arrives.
    light *= 1 - np.float32(0.3) * np.exp(-np.clip(around.from_top, 0, None) / np.float32(0.9))
    light *= 1 - np.float32(0.12) * np.exp(-np.clip(around.from_bottom, 0, None) / np.float32(0.4))
    if lamps:
        light = with_lamps(view, light, sensor.lamps, sensor.lamp_level, globe.iris[0], globe.iris[1])
    if not plastic:
        light = with_flesh(light, view, person, state, around, rng)
    aside = np.mean([each[:2] for each in sensor.lamps], axis=0) * 0.12
    lamp = (float(aside[0] + rng.normal(0, 0.12)), float(aside[1] + rng.normal(-0.05, 0.12)))
    skin = skin_light(view, person, state, around, lamp, rng, plastic=plastic)
    light = skin + (light - skin) * inside
    light *= hair_shadow(view, person, state, rng, plastic=plastic)
    if state.glasses:
        light = _before_glasses(view, light, sensor, rng)
    return np.clip(light, 0, 5)


def _before_glasses(view: View, light: Map, sensor: Sensor, rng: np.random.Generator) -> Map:
    """Mirror the lamps once more, larger and beside the eye, and take a little of the light."""
    x, y, scale = rng.uniform(-12, 12), rng.uniform(-8, 8), rng.uniform(1.5, 4.0)
    lamps = tuple((scale * lx, scale * ly, min(0.45, 1.4 * radius)) for lx, ly, radius in sensor.lamps)
    return with_lamps(view, light * np.float32(0.93), lamps, 1.5, x, y)
