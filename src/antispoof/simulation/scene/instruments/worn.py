"""What an attacker wears, or puts in their place: masks, a mannequin, covers of parts of the face."""

from __future__ import annotations

import dataclasses
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.scene.grid import GRID, OUTSIDE
from antispoof.simulation.scene.head import Head, make_head
from antispoof.simulation.scene.ink import ink_at_850
from antispoof.simulation.scene.ink import printed as print_of
from antispoof.simulation.scene.instruments import Setup, Stage, instrument
from antispoof.simulation.scene.physics import MATERIALS

Map = NDArray[np.float32]


@instrument("mask_paper")
def mask_paper(stage: Stage) -> Setup:
    """The target's face cut out of paper and worn: flattened relief, cool but for the nose."""
    rng, paper = stage.rng, MATERIALS["paper"]
    wearer, face = _pair(stage)
    relief = _soft(wearer.height, 11.0)
    height = np.where(wearer.face > 0.5, np.maximum(relief + 5, wearer.height + 1), wearer.height)
    lit = np.clip(
        face.reflectance[..., :3] * (0.75 + 0.25 * np.clip(face.height / 95, 0, 1.2))[..., None], 0, 1
    )
    printed = print_of(np.asarray(lit / 0.62, np.float32), rng)
    nir = ink_at_850(printed, paper.reflectance[3], rng)
    ink = np.dstack([printed * np.array(paper.reflectance[:3], np.float32), nir])
    touch = np.exp(-np.clip(height - wearer.height, 0, 40) / 5)
    return _worn(
        stage,
        wearer,
        wearer.face,
        height,
        ink,
        paper.emissivity,
        paper.gloss,
        0.18 + 0.35 * touch,
        rng.uniform() < 0.6,
    )


@instrument("mask_rigid")
def mask_rigid(stage: Stage) -> Setup:
    """A painted resin face: the right relief, a hard edge, gloss, and little of the heat."""
    wearer, face = _pair(stage)
    resin = MATERIALS["resin"]
    height = np.where(
        wearer.face > 0.5, np.maximum(_soft(face.height, 1.6) + 5, wearer.height + 2), wearer.height
    )
    paint = face.reflectance * np.array((0.92, 0.92, 0.92, 1), np.float32)
    paint[..., 3] = resin.reflectance[3] * (0.75 + 0.25 * face.reflectance[..., 3] / 0.6)
    grain = 1 + 0.03 * stage.rng.standard_normal(paint.shape[:2]).astype(np.float32)
    return _worn(
        stage,
        wearer,
        wearer.face,
        height,
        paint * grain[..., None],
        resin.emissivity,
        resin.gloss,
        0.36,
        True,
    )


@instrument("mask_silicone")
def mask_silicone(stage: Stage) -> Setup:
    """A silicone head: close to skin in shape and colour, brighter at 850 nm, warm but blurred."""
    wearer, face = _pair(stage, bald=True)
    silicone = MATERIALS["silicone"]
    height = np.where(
        wearer.height > OUTSIDE, np.maximum(_soft(face.height, 1.0), _soft(wearer.height, 1.5)) + 2.5, OUTSIDE
    )
    region = (wearer.height > OUTSIDE).astype(np.float32)
    colour = face.reflectance.copy()
    colour[..., :3] = 0.75 * colour[..., :3] + 0.25 * colour[..., :3].mean(axis=(0, 1))
    colour[..., 3] = silicone.reflectance[3] * (0.9 + 0.1 * face.reflectance[..., 3] / 0.6)
    setup = _worn(stage, wearer, region, height, colour, silicone.emissivity, silicone.gloss, 0.66, True)
    assert setup.head is not None
    return dataclasses.replace(setup, head=setup.head.with_(skin=(0.7 * region).astype(np.float32)))


@instrument("mask_transparent")
def mask_transparent(stage: Stage) -> Setup:
    """A clear plastic face over the attacker's own: skin to the eye, glare at 850 nm, opaque to heat."""
    wearer, _ = _pair(stage)
    plastic = MATERIALS["clear_plastic"]
    height = np.where(
        wearer.face > 0.5, np.maximum(_soft(wearer.height, 3.0) + 4, wearer.height + 1), wearer.height
    )
    seen = wearer.reflectance * 0.86 + np.array(plastic.reflectance, np.float32) * 0.6
    return _worn(
        stage,
        wearer,
        wearer.face,
        height,
        seen,
        plastic.emissivity,
        plastic.gloss,
        0.40,
        stage.rng.uniform() < 0.7,
    )


@instrument("mannequin")
def mannequin(stage: Stage) -> Setup:
    """A shop-window head: the right relief, even colour, and the temperature of the room."""
    rng, plastic = stage.rng, MATERIALS["mannequin"]
    bare = dataclasses.replace(
        stage.target, glasses=False, beard=0.0, hair=str(rng.choice(["bald", "short", "medium"]))
    )
    head = make_head(bare, rng, stage.ambient_c)
    body = (head.skin > 0.02).astype(np.float32)
    body = np.maximum(body, head.eyes)
    tone = np.array(plastic.reflectance, np.float32) * rng.uniform(0.7, 1.15)
    contrast = head.reflectance / np.maximum(_soft_colour(head.reflectance, 18), 1e-3)
    paint = tone * np.clip(contrast, 0.3, 1.3) ** 0.8
    colour = head.reflectance + body[..., None] * (paint - head.reflectance)
    room = stage.ambient_c + 0.15 * rng.standard_normal() + 0 * head.temperature
    head = head.with_(
        height=np.where(
            head.height > OUTSIDE, 0.5 * head.height + 0.5 * _soft(head.height, 1.5), OUTSIDE
        ).astype(np.float32),
        reflectance=colour.astype(np.float32),
        temperature=room.astype(np.float32),
        emissivity=(head.emissivity + body * (plastic.emissivity - head.emissivity)).astype(np.float32),
        gloss=(head.gloss + body * (plastic.gloss - head.gloss)).astype(np.float32),
        skin=np.zeros_like(head.skin),
    )
    return Setup(head, stage.pose, torso=rng.uniform() < 0.3)


@instrument("partial_glasses")
def partial_glasses(stage: Stage) -> Setup:
    """The target's eye region printed and worn like spectacles: half a face is real."""
    x, y = _grid()
    region = ((np.abs(x) < 64) & (np.abs(y - 4) < 21)).astype(np.float32)
    return _partial(stage, region, eyes=False)


@instrument("partial_lower_face")
def partial_lower_face(stage: Stage) -> Setup:
    """The target's nose, mouth and chin printed and worn like a medical mask."""
    x, y = _grid()
    region = ((y > 22 + 0.10 * np.abs(x)) & (y < 112)).astype(np.float32)
    return _partial(stage, region, eyes=False)


def _partial(stage: Stage, region: Map, eyes: bool) -> Setup:
    rng, paper = stage.rng, MATERIALS["paper"]
    wearer, face = _pair(stage)
    region = region * (wearer.face > 0.3)
    relief = _soft(wearer.height, 9.0)
    height = np.where(region > 0.5, np.maximum(relief + 5, wearer.height + 2), wearer.height)
    printed = print_of(np.asarray(face.reflectance[..., :3] / 0.62, np.float32), rng)
    ink = np.dstack(
        [
            printed * np.array(paper.reflectance[:3], np.float32),
            ink_at_850(printed, paper.reflectance[3], rng),
        ]
    )
    return _worn(stage, wearer, region, height, ink, paper.emissivity, paper.gloss, 0.3, eyes)


def _pair(stage: Stage, bald: bool = False) -> tuple[Head, Head]:
    """Return the attacker's head and the target's, without spectacles, in the same grid."""
    bare = dataclasses.replace(stage.attacker, glasses=False)
    if bald:
        bare = dataclasses.replace(bare, hair="bald", beard=0.0)
    plain = dataclasses.replace(stage.target, glasses=False, hair="bald")
    face = make_head(plain, stage.rng, stage.ambient_c, stage.portrait)
    return make_head(bare, stage.rng, stage.ambient_c), face


def _worn(
    stage: Stage,
    wearer: Head,
    region: Map,
    height: Any,
    colour: Map,
    emissivity: float,
    gloss: float,
    conducts: Any,
    eye_holes: bool,
) -> Setup:
    """Lay a mask over a head: ``conducts`` is the share of the skin's warmth that comes through."""
    on = region.copy()
    if eye_holes:
        on = on * (1 - cv2.dilate(wearer.eyes, np.ones((3, 3), np.uint8)))
        height = np.where(on < 0.5, wearer.height, height)
    under = _soft(wearer.temperature, 6.0)
    heat = stage.ambient_c + conducts * (under - stage.ambient_c)
    w = on[..., None]
    head = wearer.with_(
        height=np.asarray(height, np.float32),
        reflectance=(wearer.reflectance + w * (np.clip(colour, 0, 0.95) - wearer.reflectance)).astype(
            np.float32
        ),
        temperature=(wearer.temperature + on * (heat - wearer.temperature)).astype(np.float32),
        emissivity=(wearer.emissivity + on * (emissivity - wearer.emissivity)).astype(np.float32),
        gloss=(wearer.gloss + on * (gloss - wearer.gloss)).astype(np.float32),
        skin=(wearer.skin * (1 - on)).astype(np.float32),
    )
    return Setup(head, stage.pose)


def _grid() -> tuple[Map, Map]:
    xs = GRID.left + GRID.step * np.arange(GRID.width)
    ys = GRID.top + GRID.step * np.arange(GRID.height)
    x, y = np.meshgrid(xs, ys)
    return x.astype(np.float32), y.astype(np.float32)


def _soft(field: Map, sigma_mm: float) -> Map:
    """Blur a map of the head without letting in what is outside."""
    inside = (field > OUTSIDE + 1).astype(np.float32)
    total: Any = cv2.GaussianBlur(
        np.where(inside > 0, field, 0).astype(np.float32), (0, 0), sigma_mm / GRID.step
    )
    weight: Any = cv2.GaussianBlur(inside, (0, 0), sigma_mm / GRID.step)
    return np.asarray(np.where(inside > 0, total / np.maximum(weight, 1e-3), field), np.float32)


def _soft_colour(colour: Map, sigma_mm: float) -> Map:
    return np.asarray(cv2.GaussianBlur(colour, (0, 0), sigma_mm / GRID.step), np.float32)
