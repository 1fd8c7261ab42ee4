"""A portrait with the relief of a head, that turns, breathes, blinks and speaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.sensing.faces import find_landmarks
from antispoof.simulation.clip.layers import Layer, Map, rotation
from antispoof.simulation.clip.motion import Motion, Track, blinks, still
from antispoof.simulation.face.portrait import Portrait
from antispoof.simulation.scene.grid import GRID
from antispoof.simulation.scene.head import make_head
from antispoof.simulation.scene.person import draw_person

__all__ = ["Acting", "Body", "act", "body_of", "head_layer"]

STEP = 2  # px of the portrait between places of the grid
DETAIL = 3  # px of the texture for one of the portrait, which is small
PORES = 0.03  # deviation of the reflectance of what a small portrait does not show
SHOULDERS_MM = 118.0  # below the eyes
NECK_MM = (60.0, 130.0)  # below the eyes, what turns less than the head does


@dataclass(frozen=True, slots=True)
class Body:
    """Somebody to film.

    Attributes:
        subject: who.
        picture: uint8, (H, W, 3), RGB, the portrait enlarged, with pores, and clothes below it.
        portrait: the same without what was added below.
        cover: uint8, (H, W), 255 on the person.
        flat: (h, w, 2), places of the grid in millimetres from the point between the eyes.
        relief: (h, w), millimetres towards the camera, 0 near the ears.
        face: (h, w), 1 on skin of the face, 0 elsewhere.
        mm: millimetres a cell of the grid.
        eyes: x and y of both, mm.
        mouth: x, y and half width, mm.
    """

    subject: str
    picture: NDArray[np.uint8]
    portrait: NDArray[np.uint8]
    cover: NDArray[np.uint8]
    flat: Map
    relief: Map
    face: Map
    mm: float
    eyes: tuple[tuple[float, float], tuple[float, float]]
    mouth: tuple[float, float, float]

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of the portrait."""
        rows, columns = self.portrait.shape[:2]
        return columns / DETAIL / STEP * self.mm, rows / DETAIL / STEP * self.mm


@dataclass(frozen=True, slots=True)
class Acting:
    """What a person does in a clip, each as a track.

    Attributes:
        yaw, pitch, roll: of the head, degrees.
        x, y, z: of the point between the eyes, mm in the camera's axes.
        breath: of the shoulders, mm.
        blink, mouth, smile: 0 to 1.
        pulse: of the light of the skin, as a share.
    """

    yaw: Track
    pitch: Track
    roll: Track
    x: Track
    y: Track
    z: Track
    breath: Track
    blink: Track
    mouth: Track
    smile: Track
    pulse: Track


def body_of(portrait: Portrait, rng: np.random.Generator) -> Body:
    """Lay the relief of a drawn head under a portrait, by its eyes and mouth.

    Raises:
        InputError: eyes and mouth are not found in it.
    """
    found = find_landmarks(portrait.image, portrait.face)
    if found is None:
        raise InputError(f"no eyes and mouth found in the portrait of {portrait.subject!r}")
    person = draw_person(rng)
    shape = person.shape
    between, mouth = found[:2].mean(axis=0), found[3:].mean(axis=0)
    mm = float(shape["ipd"] / np.linalg.norm(found[1] - found[0]))
    drop = float(np.clip(shape["mouth_y"] / (max(mouth[1] - between[1], 1.0) * mm), 0.7, 1.4))
    height, width = portrait.image.shape[:2]
    added = height // 2 // STEP * STEP
    image, outline = (
        cv2.copyMakeBorder(one, 0, added, 0, 0, cv2.BORDER_REPLICATE)
        for one in (portrait.image, portrait.person)
    )
    xs = np.arange(0, width, STEP, dtype=np.float32)
    ys = np.arange(0, height + added, STEP, dtype=np.float32)
    flat = np.dstack(np.meshgrid((xs - between[0]) * mm, (ys - between[1]) * mm)).astype(np.float32)
    head = make_head(person, rng, 22.0)
    at_x = (flat[..., 0] - GRID.left) / np.float32(GRID.step)
    at_y = (flat[..., 1] * np.float32(drop) - GRID.top) / np.float32(GRID.step)
    on_head = cv2.remap(head.height, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    torso = (
        45
        - 70 * np.minimum(np.abs(flat[..., 0]) / 235, 1) ** 2
        + 0.1 * np.clip(flat[..., 1] - SHOULDERS_MM, 0, 200)
    )
    behind = np.where(flat[..., 1] > SHOULDERS_MM - 20, torso, 10.0)
    relief = np.where(on_head > -40, on_head, behind)
    relief = cv2.GaussianBlur(relief.astype(np.float32), (0, 0), 1.0)
    face = cv2.remap(head.face, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    size = (width * DETAIL, (height + added) * DETAIL)
    picture = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    pores = cv2.GaussianBlur(rng.standard_normal(picture.shape[:2]).astype(np.float32), (0, 0), 0.8)
    pores = np.clip(1 + np.float32(PORES) * pores / pores.std(), 0.7, 1.3)
    picture = np.clip(picture * pores[..., None], 0, 255).astype(np.uint8)
    cover = cv2.resize(outline, size, interpolation=cv2.INTER_LINEAR)
    cover = np.clip(cv2.GaussianBlur(cover, (0, 0), 1.5).astype(np.int16) * 2 - 200, 0, 255).astype(np.uint8)
    places = (found - between) * mm
    return Body(
        portrait.subject,
        picture,
        picture[: height * DETAIL],
        np.asarray(cover, np.uint8),
        flat,
        np.asarray(relief, np.float32),
        np.asarray(face, np.float32),
        STEP * mm,
        (tuple(places[0].tolist()), tuple(places[1].tolist())),
        (float(places[3:, 0].mean()), float(places[3:, 1].mean()), float(np.ptp(places[3:, 0]) / 2)),
    )


def act(
    rng: np.random.Generator, seconds: float, motion: Motion, distance_mm: float, liveliness: float = 1.0
) -> Acting:
    """Draw what a person does: looks around, sways, breathes, blinks, speaks, smiles.

    Args:
        rng: draws every parameter.
        seconds: how long.
        motion: generator of the movements.
        distance_mm: of the head.
        liveliness: factor on all that the head does by itself.
    """

    def moves(most: float, hertz: float, least: float = 0.15) -> Track:
        size = liveliness * most * rng.uniform(least, 1)
        track = motion(rng, seconds, hertz)
        return lambda time_s: float(np.clip(size * track(time_s), -2 * most, 2 * most))

    def shares(share: float, hertz: float) -> Track:
        if rng.random() > share:
            return still()
        track, size = motion(rng, seconds, hertz), rng.uniform(0.3, 1)
        return lambda time_s: float(np.clip(0.5 * size * (track(time_s) + 0.5), 0, 1))

    rate, phase, depth = rng.uniform(0.2, 0.4), rng.uniform(0, 6.28), rng.uniform(1, 4)
    heart, beat = rng.uniform(0.8, 1.7), rng.uniform(0.001, 0.004)
    yaw, pitch, roll = float(rng.normal(0, 6)), float(rng.normal(0, 4)), float(rng.normal(0, 3))
    turns = moves(9.0, 0.7), moves(5.0, 0.7), moves(3.0, 0.6)
    sways = moves(14.0, 0.5), moves(7.0, 0.5), moves(16.0, 0.4)
    place = float(rng.normal(0, 0.05)) * distance_mm, float(rng.normal(-0.02, 0.04)) * distance_mm
    return Acting(
        yaw=lambda t: float(np.clip(yaw + turns[0](t), -22, 22)),
        pitch=lambda t: float(np.clip(pitch + turns[1](t), -15, 15)),
        roll=lambda t: roll + turns[2](t),
        x=lambda t: place[0] + sways[0](t),
        y=lambda t: place[1] + sways[1](t),
        z=lambda t: distance_mm + sways[2](t),
        breath=lambda t: depth * float(np.sin(2 * np.pi * rate * t + phase)),
        blink=blinks(rng, seconds, rng.uniform(8, 30)),
        mouth=shares(0.4, 2.5),
        smile=shares(0.5, 0.6),
        pulse=lambda t: beat * float(np.sin(2 * np.pi * heart * t + phase)),
    )


def head_layer(
    body: Body, acting: Acting, picture: NDArray[np.uint8] | None = None, relief: Map | None = None
) -> Layer:
    """Film a person, or something with another relief that moves like one.

    Args:
        body: who.
        acting: what they do.
        picture: instead of the person's own.
        relief: instead of the person's own, mm.
    """
    height = body.relief if relief is None else relief
    low, high = NECK_MM
    turning = np.clip((high - body.flat[..., 1]) / (high - low), 0, 1)[..., None].astype(np.float32)
    neck = np.array([0, 90, 60], np.float32)  # what the head turns about, from between the eyes
    at_rest = np.dstack([body.flat, -height])  # towards the camera is -z
    textured = body.picture if picture is None else picture

    def points(time_s: float) -> Map:
        turn = rotation(acting.yaw(time_s), acting.pitch(time_s), acting.roll(time_s))
        turned = (at_rest - neck) @ turn.T + neck
        moved = turning * turned + (1 - turning) * at_rest
        breath = np.array([0, acting.breath(time_s), -0.6 * acting.breath(time_s)], np.float32)
        moved = moved + (1 - 0.8 * turning) * breath
        return np.asarray(
            moved + np.array([acting.x(time_s), acting.y(time_s), acting.z(time_s)], np.float32), np.float32
        )

    return Layer(points, lambda _: textured, body.cover, _expression(body, acting))


def _expression(body: Body, acting: Acting) -> Callable[[float, Map], tuple[Map, Map | None]]:
    """Lids, lips and the pulse, as what is seen at each place of the face."""
    origin = body.flat[0, 0]
    mouth_x, mouth_y, half = body.mouth

    def change(time_s: float, places: Map) -> tuple[Map, Map | None]:
        at = places * np.float32(body.mm) + origin
        x, y = at[..., 0], at[..., 1]
        moved = np.zeros_like(x), np.zeros_like(x)
        light = np.ones_like(x)
        shut, opened, smile = acting.blink(time_s), acting.mouth(time_s), acting.smile(time_s)
        if shut > 0.01:
            for eye_x, eye_y in body.eyes:
                lid = np.exp(-(((x - eye_x) / 15) ** 4) - (((y - eye_y + 0.5) / 5.5) ** 4))
                moved[1][:] -= 8.5 * shut * lid
                lash = np.exp(-(((x - eye_x) / 13) ** 4) - (((y - eye_y - 4 * shut) / 1.3) ** 2))
                light -= 0.35 * shut * lash
        if opened > 0.01:
            gap = 9 * opened * np.clip(1 - ((x - mouth_x) / (0.9 * half)) ** 2, 0, 1)
            below = np.clip((y - mouth_y) / 3, 0, 1) * np.exp(-((np.maximum(y - mouth_y - 30, 0) / 25) ** 2))
            jaw = below * np.exp(-(((x - mouth_x) / 42) ** 4))
            moved[1][:] -= np.maximum(gap * below, 7 * opened * jaw)
            inside = np.clip((y - mouth_y) / 1.5, 0, 1) * np.clip((mouth_y + gap - y) / 1.5, 0, 1)
            light -= 0.75 * inside * np.clip(gap / 3, 0, 1)
        if smile > 0.01:
            for side in (-1, 1):
                corner = np.exp(-(((x - mouth_x - side * half) / 13) ** 2) - (((y - mouth_y) / 13) ** 2))
                moved[0][:] -= side * 4 * smile * corner
                moved[1][:] += 3 * smile * corner
        face = cv2.remap(
            body.face,
            np.ascontiguousarray(places[..., 0]),
            np.ascontiguousarray(places[..., 1]),
            cv2.INTER_LINEAR,
        )
        light = light * (1 + np.float32(acting.pulse(time_s)) * face)
        shown = places + np.dstack(moved) / np.float32(body.mm)
        return np.asarray(shown, np.float32), np.asarray(light, np.float32)

    return change
