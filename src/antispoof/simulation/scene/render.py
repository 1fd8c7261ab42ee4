"""Aligned colour, depth, near-infrared and thermal captures of people and attack instruments, simulated.

Every capture of a presentation comes from the same geometry, materials, light and heat; only the sensors
differ. So what one sensor cannot tell another may, as with real devices, and the truth is known. It is a
simulation: figures that it yields say how methods compare, not how well they work on people.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError, UnknownNameError
from antispoof.simulation.scene.instruments import Stage, build, stage_bona_fide
from antispoof.simulation.scene.light import LIGHTING, Light, infrared_light, set_light, visible_light
from antispoof.simulation.scene.person import Person, draw_person
from antispoof.simulation.scene.physics import SKIN_DARK, SKIN_LIGHT
from antispoof.simulation.scene.sensors import (
    SUITES,
    colour_picture,
    depth_map,
    infrared_picture,
    thermal_map,
)
from antispoof.simulation.scene.surface import (
    Pose,
    Surface,
    background,
    lay_fingers,
    lay_head,
    lay_panel,
    lay_torso,
)

__all__ = ["MODALITIES", "SceneSpec", "person_of", "render_scene"]

MODALITIES = ("face_rgb", "face_depth", "face_infrared", "face_thermal")
"""Sensors of every suite."""

SMALLEST, LARGEST = 32, 512
_RECORDED = 144
_PHOTOGRAPHS = 3  # how many pictures of a person attackers have
_ATTACKERS = 3  # how many people attack a person


@dataclass(frozen=True, slots=True)
class SceneSpec:
    """Everything that decides a presentation.

    Attributes:
        seed: of the collection.
        subject: number of the person who is presented or imitated.
        index: number of the presentation of that person.
        instrument: one of `INSTRUMENTS`, or None for bona fide.
        suite: one of `SUITES`.
        lighting: one of `LIGHTING`.
    """

    seed: int
    subject: int
    index: int
    instrument: str | None
    suite: str
    lighting: str


def person_of(seed: int, subject: int) -> Person:
    """Return who a subject of a collection is: the same in every presentation."""
    return draw_person(_rng(seed, 1, subject))


def render_scene(
    spec: SceneSpec, size: int = 128, portrait: NDArray[np.uint8] | None = None
) -> dict[str, NDArray[Any]]:
    """Render one presentation for all sensors.

    Args:
        spec: what and where.
        size: pixels across and down, 32 to 512.
        portrait: uint8, (H, W, 3), RGB: a frontal face cut from hairline to chin, the subject's texture;
            None paints skin procedurally.

    Returns:
        ``face_rgb`` uint8 (size, size, 3) sRGB; ``face_depth`` uint16 (size, size) millimetres, 0 unknown;
        ``face_infrared`` uint8 (size, size) at 850 nm; ``face_thermal`` uint16 (size, size) kelvin × 100.

    Raises:
        UnknownNameError: no such instrument, suite or lighting.
        InputError: the size is out of range.
    """
    for kind, name, known in (("sensor suite", spec.suite, SUITES), ("lighting", spec.lighting, LIGHTING)):
        if name not in known:
            raise UnknownNameError(kind, name, known)
    if not SMALLEST <= size <= LARGEST:
        raise InputError(f"size must be {SMALLEST} to {LARGEST} pixels, got {size}")
    suite, lighting = SUITES[spec.suite], LIGHTING[spec.lighting]
    rng = _rng(spec.seed, 2, spec.subject, spec.index)
    ambient_c = float(rng.uniform(*lighting.ambient_c))
    light = set_light(lighting, rng)
    distance = float(rng.uniform(*suite.distance_mm))
    frame = distance * np.tan(np.radians(suite.view) / 2)
    pose = Pose(
        (float(rng.normal(0, 0.07)) * frame, float(rng.normal(-0.06, 0.06)) * frame, distance),
        float(np.clip(rng.normal(0, 9), -24, 24)),
        float(np.clip(rng.normal(0, 6), -15, 15)),
        float(rng.normal(0, 4)),
    )
    target = _likeness(person_of(spec.seed, spec.subject), portrait)
    attacker = draw_person(_rng(spec.seed, 3, spec.subject, spec.index % _ATTACKERS))
    stage = Stage(
        rng=rng,
        target=target,
        attacker=attacker,
        pose=pose,
        ambient_c=ambient_c,
        picture=lambda: _photograph(spec.seed, spec.subject, spec.index % _PHOTOGRAPHS, portrait),
        portrait=portrait,
    )
    setup = build(spec.instrument, stage)
    surface = background(size, suite.view, rng, ambient_c, lighting.glow)
    if setup.torso:
        lay_torso(surface, setup.pose, rng, ambient_c)
    if setup.head is not None:
        lay_head(surface, setup.head, setup.pose, light.direction)
    if setup.panel is not None:
        places = lay_panel(surface, setup.panel)
        if setup.held:
            lay_fingers(surface, setup.panel, places, _hand(attacker), rng, ambient_c)
    return _expose(surface, light, ambient_c, suite_name=spec.suite, size=size, rng=rng)


def _expose(
    surface: Surface, light: Light, ambient_c: float, *, suite_name: str, size: int, rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    suite = SUITES[suite_name]
    infrared = infrared_light(surface, light, suite.illuminator)
    return {
        "face_rgb": colour_picture(
            visible_light(surface, light), light.level, light.colour, suite, size, rng
        ),
        "face_depth": depth_map(surface, infrared, light.infrared, suite, size, rng),
        "face_infrared": infrared_picture(infrared, suite, size, rng),
        "face_thermal": thermal_map(surface, ambient_c, suite, size, rng),
    }


def _likeness(person: Person, portrait: NDArray[np.uint8] | None) -> Person:
    """Fit neck, ears and hands to a portrait, and leave out what it may already show."""
    if portrait is None:
        return person
    height, width = portrait.shape[:2]
    cheeks = portrait[height // 2 : 2 * height // 3, width // 4 : 3 * width // 4].astype(np.float64) / 255
    bright = float(np.median(cheeks.mean(axis=2) ** 2.2))
    melanin = float(np.clip(np.log(0.45 / max(bright, 0.01)) / np.log(0.45 / 0.06), 0, 1))
    return dataclasses.replace(person, melanin=melanin, glasses=False, beard=0.0)


def _photograph(
    seed: int, subject: int, number: int, portrait: NDArray[np.uint8] | None
) -> NDArray[np.float32]:
    """Take a picture to print or show: linear, white is 1, head and shoulders, eyes at 0.42."""
    if portrait is None:
        return _procedural_photograph(seed, subject, number)
    return _take_photograph(
        _likeness(person_of(seed, subject), portrait), _rng(seed, 4, subject, number), portrait
    )


@lru_cache(maxsize=32)
def _procedural_photograph(seed: int, subject: int, number: int) -> NDArray[np.float32]:
    return _take_photograph(person_of(seed, subject), _rng(seed, 4, subject, number), None)


def _take_photograph(
    person: Person, rng: np.random.Generator, portrait: NDArray[np.uint8] | None
) -> NDArray[np.float32]:
    light = set_light(LIGHTING["office"], rng)
    view, distance = 34.0, 560.0
    pose = Pose((0.0, -16.0, distance), float(rng.normal(0, 3)), float(rng.normal(0, 2)), 0.0)
    stage = Stage(rng, person, person, pose, 22.0, lambda: np.zeros((1, 1, 3), np.float32), portrait)
    setup = stage_bona_fide(stage)
    surface = background(_RECORDED, view, rng, 22.0, 0.0)
    lay_torso(surface, pose, rng, 22.0)
    assert setup.head is not None
    lay_head(surface, setup.head, pose, light.direction)
    picture = visible_light(surface, light) / light.colour
    middle = picture[_RECORDED // 4 : -_RECORDED // 4, _RECORDED // 3 : -_RECORDED // 3]
    picture = np.clip(picture * (0.32 / max(float(middle.mean()), 1e-3)), 0, 1)
    noisy = picture + 0.008 * rng.standard_normal(picture.shape, dtype=np.float32)
    wide = round(_RECORDED * 0.70)
    left = (_RECORDED - wide) // 2
    return np.asarray(np.clip(noisy, 0, 1)[: round(_RECORDED * 0.99), left : left + wide], np.float32)


def _hand(person: Person) -> NDArray[np.float32]:
    light, dark = np.log(np.array(SKIN_LIGHT, np.float32)), np.log(np.array(SKIN_DARK, np.float32))
    return np.asarray(np.exp(light + (dark - light) * person.melanin), np.float32)


def _rng(*numbers: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([n & 0xFFFFFFFF for n in numbers])))
