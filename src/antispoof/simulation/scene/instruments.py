"""Attack instruments in front of the sensors: each is one function that builds what stands there.

Prints and screens are panels that carry a picture of the target; masks change the surface of the attacker's
head; a mannequin is a head of its own. What tells them from people follows from what they are made of.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.errors import UnknownNameError
from antispoof.simulation.scene.head import GRID, OUTSIDE, Head, Person, make_head
from antispoof.simulation.scene.physics import MATERIALS
from antispoof.simulation.scene.surface import Panel, Pose

__all__ = ["INSTRUMENTS", "Setup", "Stage", "instrument", "stage_bona_fide"]

Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Stage:
    """What an instrument is made with.

    Attributes:
        rng: its own randomness.
        target: whose face is imitated.
        attacker: who presents it.
        pose: where the attacker's head stands.
        ambient_c: room temperature.
        picture: linear (H, W, 3) photograph of the target, head and shoulders, eyes at 0.42 of its height;
            white is 1.
        portrait: texture of the target's face, if there is one.
    """

    rng: np.random.Generator
    target: Person
    attacker: Person
    pose: Pose
    ambient_c: float
    picture: Callable[[], Map]
    portrait: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class Setup:
    """What stands before the sensors.

    Attributes:
        head: nearest head, or None.
        pose: of that head.
        torso: whether shoulders are seen.
        panel: sheet or screen, or None.
        held: whether a hand holds the panel.
    """

    head: Head | None
    pose: Pose
    torso: bool = True
    panel: Panel | None = None
    held: bool = False


INSTRUMENTS: dict[str, Callable[[Stage], Setup]] = {}
"""Name of the kind of attack → what builds it."""


def instrument(name: str) -> Callable[[Callable[[Stage], Setup]], Callable[[Stage], Setup]]:
    """Register a kind of attack instrument."""

    def file_under(build: Callable[[Stage], Setup]) -> Callable[[Stage], Setup]:
        INSTRUMENTS[name] = build
        return build

    return file_under


def stage_bona_fide(stage: Stage) -> Setup:
    """Build the target as they are."""
    return Setup(make_head(stage.target, stage.rng, stage.ambient_c, stage.portrait), stage.pose)


def build(name: str | None, stage: Stage) -> Setup:
    """Build a kind of attack, or a bona fide presentation for None.

    Raises:
        UnknownNameError: no such instrument; the message lists what exists.
    """
    if name is None:
        return stage_bona_fide(stage)
    if name not in INSTRUMENTS:
        raise UnknownNameError("simulated instrument", name, INSTRUMENTS)
    return INSTRUMENTS[name](stage)


# -- prints ----------------------------------------------------------------------------------------


def _print(stage: Stage, bend: float, holes: bool) -> Setup:
    rng = stage.rng
    glossy = rng.uniform() < 0.35
    paper = MATERIALS["glossy_paper" if glossy else "paper"]
    picture = _printed(stage.picture(), rng)
    margin = rng.uniform(0.0, 0.05)
    if margin > 0.02:
        picture = _framed(picture, margin)
    rows, columns = picture.shape[:2]
    reflectance = np.dstack(
        [
            picture * np.array(paper.reflectance[:3], np.float32),
            _ink_at_850(picture, paper.reflectance[3], rng),
        ]
    )
    height = rng.uniform(255, 300) if holes or rng.uniform() < 0.7 else rng.uniform(190, 230)
    width = height * columns / rows
    near = rng.uniform(150, 200) if not holes else rng.uniform(112, 124)
    stage = dataclasses.replace(stage, pose=_further(stage.pose, near))
    shake = 0.0 if holes else 4.0
    offset = (rng.normal(0, shake), 0.08 * height + rng.normal(0, shake), -near)
    centre = np.array(stage.pose.centre) + np.array(offset)
    present = np.ones((rows, columns), np.float32)
    if holes:
        eye = 32.0 / width * columns
        y, x = np.mgrid[0:rows, 0:columns]
        for side in (-1, 1):
            r = np.hypot(
                (x - columns / 2 - side * eye) / (0.068 * columns), (y - 0.42 * rows) / (0.032 * rows)
            )
            present *= (r > 1).astype(np.float32)
    noise = cv2.resize(
        rng.standard_normal((6, 5)).astype(np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC
    )
    warm = stage.ambient_c + rng.uniform(0.2, 1.2) + 0.25 * noise
    tilt = 3 if holes else 10
    pose = Pose(
        (float(centre[0]), float(centre[1]), float(centre[2])),
        float(rng.normal(0, tilt)),
        float(rng.normal(0, tilt * 0.6)),
        float(rng.normal(0, 3)),
    )
    panel = Panel(
        pose, width, height, reflectance.astype(np.float32), np.zeros((rows, columns, 3), np.float32),
        warm.astype(np.float32), present, paper.emissivity, paper.gloss, bend,
    )  # fmt: skip
    head = make_head(stage.attacker, rng, stage.ambient_c)
    return Setup(head, stage.pose, panel=panel, held=not holes or rng.uniform() < 0.7)


@instrument("print_flat")
def print_flat(stage: Stage) -> Setup:
    """A photograph on paper, held flat: flat to depth, at room temperature, ink pale at 850 nm."""
    return _print(stage, 0.0, False)


@instrument("print_bent")
def print_bent(stage: Stage) -> Setup:
    """The same, bent around the vertical, so that depth sees a curve."""
    return _print(stage, 1 / stage.rng.uniform(190, 420), False)


@instrument("print_eye_cut")
def print_eye_cut(stage: Stage) -> Setup:
    """The same with the eyes cut out: the attacker's own, warm and further back, look through."""
    pose = dataclasses.replace(stage.pose, yaw=stage.pose.yaw * 0.3, pitch=stage.pose.pitch * 0.3)
    return _print(dataclasses.replace(stage, pose=pose), 1 / stage.rng.uniform(260, 700), True)


def _printed(picture: Map, rng: np.random.Generator) -> Map:
    """Squeeze a picture into the range and the colours of ink: reflectance relative to the paper."""
    coded = np.clip(picture, 0, 1)
    grey = coded.mean(axis=2, keepdims=True)
    saturation = rng.uniform(0.6, 0.95)
    dull = grey + (coded - grey) * saturation
    cast = np.clip(1 + 0.06 * rng.standard_normal(3), 0.8, 1.15).astype(np.float32)
    return np.asarray(np.clip(0.045 + 0.9 * dull ** rng.uniform(0.85, 1.1) * cast, 0.03, 1), np.float32)


def _ink_at_850(picture: Map, paper: float, rng: np.random.Generator) -> Map:
    """Return a print's reflectance at 850 nm.

    Dye inks let nearly everything through, so the face fades to blank paper; carbon black (toner, pigment
    black) absorbs there as it does in the visible.
    """
    carbon = rng.choice(
        [rng.uniform(0.02, 0.12), rng.uniform(0.3, 0.5), rng.uniform(0.65, 0.9)], p=[0.5, 0.2, 0.3]
    )
    dark = 1 - np.clip(picture.mean(axis=2) / 0.95, 0, 1)
    return np.asarray(paper * (1 - carbon * dark), np.float32)


def _framed(picture: Map, margin: float) -> Map:
    edge = max(1, int(margin * picture.shape[1]))
    return np.asarray(
        cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=(1.0, 1.0, 1.0)),
        np.float32,
    )


# -- screens ---------------------------------------------------------------------------------------


def _replay(stage: Stage, width: float, height: float, bezel: float, near: float, held: bool) -> Setup:
    rng = stage.rng
    glass, body = MATERIALS["screen"], MATERIALS["device_body"]
    picture = stage.picture()
    rows = 150
    columns = int(rows * width / height)
    shown = _fill(picture, rows, columns)
    matte = rng.uniform() < 0.2
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    blue = np.array((0.93, 1.0, 1.10), np.float32) ** rng.uniform(0, 1.2)
    emission = (0.006 + np.clip(shown, 0, 1) ** rng.uniform(0.95, 1.2)) * blue * rng.uniform(0.8, 1.6)
    # The two grids of pixels beat; the period and direction change with distance and tilt, so it curves.
    k = rng.uniform(0.15, 1.1, 2) * rng.choice([-1, 1], 2)
    curve = 0.002 * rng.standard_normal(2)
    for channel in range(3):
        phase = k[0] * x + k[1] * y + curve[0] * x**2 + curve[1] * y**2 + 2.1 * channel * rng.uniform(0.3, 1)
        emission[..., channel] *= 1 + rng.uniform(0.02, 0.10) * np.sin(phase)
    reflectance = np.tile(np.array(glass.reflectance, np.float32), (rows, columns, 1))
    sheen = cv2.GaussianBlur((rng.uniform(size=(7, 5)) > 0.8).astype(np.float32), (0, 0), 0.7)
    sheen = cv2.resize(sheen, (columns, rows), interpolation=cv2.INTER_CUBIC)
    emission += (0.0 if matte else 0.20) * np.clip(sheen, 0, 1)[..., None]
    heat = (
        stage.ambient_c
        + rng.uniform(6, 12)
        + 4 * np.exp(-(((x / columns - 0.5) / 0.35) ** 2) - ((y / rows - rng.uniform(0.1, 0.9)) / 0.25) ** 2)
    )
    rim_x, rim_y = int(bezel / width * columns) + 1, int(bezel / height * rows) + 1
    rim = np.ones((rows, columns), bool)
    rim[rim_y:-rim_y, rim_x:-rim_x] = False
    emission[rim] = 0
    reflectance[rim] = np.array(body.reflectance, np.float32) * (1 if rng.uniform() < 0.8 else 12)
    centre = (
        stage.pose.centre[0] * 0.4 + rng.normal(0, 5),
        stage.pose.centre[1] * 0.3 + rng.normal(0, 5),
        near,
    )
    pose = Pose(
        (float(centre[0]), float(centre[1]), float(centre[2])),
        float(rng.normal(0, 8)),
        float(rng.normal(0, 5)),
        float(rng.normal(0, 3)),
    )
    panel = Panel(
        pose, width, height, np.clip(reflectance, 0, 0.8), emission.astype(np.float32),
        heat.astype(np.float32), np.ones((rows, columns), np.float32), glass.emissivity,
        0.06 if matte else glass.gloss,
    )  # fmt: skip
    if not held:
        return Setup(None, stage.pose, False, panel)
    behind = _further(
        dataclasses.replace(stage.pose, centre=(*stage.pose.centre[:2], near)), rng.uniform(170, 320)
    )
    head = make_head(stage.attacker, rng, stage.ambient_c) if rng.uniform() < 0.6 else None
    return Setup(head, behind, True, panel, True)


@instrument("replay_phone")
def replay_phone(stage: Stage) -> Setup:
    """A phone shows the target: it shines in the visible, is dark at 850 nm, flat, warm near its chips."""
    return _replay(stage, 72, 152, 3, stage.rng.uniform(150, 230), True)


@instrument("replay_tablet")
def replay_tablet(stage: Stage) -> Setup:
    """A tablet shows the target, near life size."""
    return _replay(stage, 180, 250, 9, stage.pose.centre[2] * stage.rng.uniform(0.85, 1.15), True)


@instrument("replay_laptop")
def replay_laptop(stage: Stage) -> Setup:
    """A laptop shows the target; nobody holds it."""
    return _replay(stage, 320, 215, 10, stage.pose.centre[2] * stage.rng.uniform(0.9, 1.3), False)


def _further(pose: Pose, millimetres: float) -> Pose:
    """Move something away from the camera, along the line of sight."""
    x, y, z = pose.centre
    scale = (z + millimetres) / z
    return dataclasses.replace(pose, centre=(x * scale, y * scale, z + millimetres))


def _fill(picture: Map, rows: int, columns: int) -> Map:
    """Crop the middle of a picture to a shape."""
    h, w = picture.shape[:2]
    if w / h > columns / rows:
        keep = int(h * columns / rows)
        picture = picture[:, (w - keep) // 2 : (w - keep) // 2 + keep]
    else:
        keep = int(w * rows / columns)
        top = max(0, min(h - keep, int(0.45 * h - keep / 2)))
        picture = picture[top : top + keep]
    return np.asarray(cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)


# -- masks and heads -------------------------------------------------------------------------------


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
    printed = _printed(np.asarray(lit / 0.62, np.float32), rng)
    nir = _ink_at_850(printed, paper.reflectance[3], rng)
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
    printed = _printed(np.asarray(face.reflectance[..., :3] / 0.62, np.float32), rng)
    ink = np.dstack(
        [
            printed * np.array(paper.reflectance[:3], np.float32),
            _ink_at_850(printed, paper.reflectance[3], rng),
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
