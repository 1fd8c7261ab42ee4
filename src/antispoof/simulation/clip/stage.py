"""What stands before the camera: the room, somebody, and sheets that somebody holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.clip.layers import Layer, Map, rotation
from antispoof.simulation.clip.motion import Motion, Track, still
from antispoof.simulation.clip.person import Body
from antispoof.simulation.face.staging import backdrop

__all__ = ["FACE_MM", "Held", "Layers", "Picture", "Stage", "handle", "panel", "room", "with_fingers"]

Picture = NDArray[np.uint8]
Layers = list[Layer]
FACE_MM = 190.0  # from the hairline to the chin
CELLS = 33  # of the grid over a sheet, each way


@dataclass(frozen=True, slots=True)
class Stage:
    """All that an instrument needs.

    Attributes:
        rng: draws every parameter.
        seconds: of the clip.
        motion: generator of movements.
        focal: of the camera, px.
        face_px: how long the face shall be in the frame.
        body: who is presented or imitated.
        attacker: who imitates.
        recorded: films the person with another camera in another room: (seconds, pixels across and down) →
            picture at a time.
    """

    rng: np.random.Generator
    seconds: float
    motion: Motion
    focal: float
    face_px: float
    body: Body
    attacker: Body
    recorded: Callable[[float, int, int], Callable[[float], Picture]]

    def distance_mm(self, face_mm: float = FACE_MM) -> float:
        """How far away a face of this length fills as much of the frame as it shall."""
        return self.focal * face_mm / self.face_px


@dataclass(frozen=True, slots=True)
class Held:
    """How something is held over time: millimetres, degrees, and the sagitta of its bend in millimetres."""

    x: Track
    y: Track
    z: Track
    yaw: Track
    pitch: Track
    roll: Track
    bend: Track


def room(rng: np.random.Generator, view_mm: tuple[float, float]) -> Layers:
    """A wall 1.1 to 3 m away, and perhaps furniture before it.

    Args:
        rng: draws every parameter.
        view_mm: width and height of what the camera sees, a metre away.
    """
    layers: Layers = []
    depth = float(rng.uniform(1100, 3000))
    for number in range(int(rng.integers(1, 4))):
        share = 1.5 if number == 0 else float(rng.uniform(0.15, 0.5))
        width, height = (share * side * depth / 1000 for side in view_mm)
        pixels = (360, 480) if number == 0 else (160, 160)
        drawn = backdrop(pixels[1], pixels[0], rng)
        if number == 0:
            drawn = 0.8 * drawn + 0.2 * _texture(pixels, rng)
        picture = (np.clip(drawn, 0, 1) * 255).astype(np.uint8)
        x, y = (0.0, 0.0) if number == 0 else (float(rng.uniform(-0.5, 0.5)) * side for side in view_mm)
        place = Held(still(x * depth / 1000), still(y * depth / 1000), still(depth), *(still(),) * 4)
        layer = panel(lambda _, shown=picture: shown, width, height, place)  # type: ignore[misc]
        layer.rests = True
        layers.append(layer)
        depth = float(rng.uniform(900, depth))
    return layers


def _texture(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Things of all sizes, as rooms hold them: something to follow."""
    whole = np.zeros((*shape, 3), np.float32)
    for cells in (6, 16, 48):
        coarse = rng.uniform(0, 1, (cells * 3 // 4, cells, 1)) + rng.normal(
            0, 0.1, (cells * 3 // 4, cells, 3)
        )
        coarse = coarse.astype(np.float32)
        whole += cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC) / 3
    return np.clip(whole, 0, 1)


def handle(stage: Stage, distance_mm: float, *, bend_mm: float = 0.0, eager: float = 1.0) -> Held:
    """Move a thing as somebody does who holds it before a camera: shift, tilt, rotate, bend, near and far.

    Args:
        stage: where.
        distance_mm: of its middle.
        bend_mm: how far its sides come forward or go back at most.
        eager: factor on all movements; each of them is also drawn from nearly nothing to all of it.
    """
    rng, scale = stage.rng, distance_mm / 450

    def moves(most: float, hertz: float) -> Track:
        size = eager * most * rng.uniform(0.1, 1)
        track = stage.motion(rng, stage.seconds, hertz)
        return lambda time_s: size * track(time_s)

    base = rng.normal(0, 1, 5) * [0.04 * distance_mm, 0.04 * distance_mm, 6, 6, 4]
    tracks = (
        moves(16 * scale, 0.8),
        moves(12 * scale, 0.8),
        moves(22 * scale, 0.6),
        moves(9, 0.7),
        moves(8, 0.7),
        moves(4, 0.7),
    )
    bends, rest = moves(1.0, 0.9), float(rng.uniform(-1, 1))
    return Held(
        x=lambda t: base[0] + tracks[0](t),
        y=lambda t: base[1] + tracks[1](t),
        z=lambda t: distance_mm + tracks[2](t),
        yaw=lambda t: base[2] + tracks[3](t),
        pitch=lambda t: base[3] + tracks[4](t),
        roll=lambda t: base[4] + tracks[5](t),
        bend=lambda t: bend_mm * (0.6 * rest + 0.4 * bends(t)),
    )


def panel(
    picture: Callable[[float], Picture],
    width: float,
    height: float,
    held: Held,
    cover: Picture | None = None,
    *,
    wave_mm: float = 0.0,
    glow: Callable[[float, Map], Map] | None = None,
) -> Layer:
    """A sheet or a screen.

    Args:
        picture: over all of it, at a time.
        width: mm.
        height: mm.
        held: how it moves.
        cover: uint8, 255 where there is material; None means everywhere.
        wave_mm: how high the waves of loose paper are.
        glow: see `Layer`.
    """
    across = np.linspace(-1, 1, CELLS, dtype=np.float32)
    grid = np.dstack(np.meshgrid(across, across))
    x, y = grid[..., 0] * np.float32(width / 2), grid[..., 1] * np.float32(height / 2)

    def points(time_s: float) -> Map:
        z = np.float32(held.bend(time_s)) * grid[..., 0] ** 2
        if wave_mm:
            z = z + np.float32(wave_mm) * np.sin(
                3.5 * grid[..., 1] + 1.5 * grid[..., 0] - np.float32(7 * time_s)
            )
        turned = np.dstack([x, y, z]) @ rotation(held.yaw(time_s), held.pitch(time_s), held.roll(time_s)).T
        return np.asarray(
            turned + np.array([held.x(time_s), held.y(time_s), held.z(time_s)], np.float32), np.float32
        )

    solid = np.full(picture(0.0).shape[:2], 255, np.uint8) if cover is None else cover
    return Layer(points, picture, solid, glow=glow)


def with_fingers(picture: Picture, rng: np.random.Generator, margin: int) -> tuple[Picture, Picture]:
    """Draw the fingers that hold a sheet by a side or its lower edge, in a margin of so many pixels.

    Returns:
        the picture, larger by the margin on all sides, and its cover.
    """
    rows, columns = picture.shape[:2]
    whole = cv2.copyMakeBorder(picture, *(margin,) * 4, cv2.BORDER_REPLICATE)
    cover = cv2.copyMakeBorder(np.full((rows, columns), 255, np.uint8), *(margin,) * 4, cv2.BORDER_CONSTANT)
    light = np.exp(rng.uniform(np.log(0.25), np.log(0.85)))
    skin = tuple(float(255 * light * part) for part in (1.0, rng.uniform(0.65, 0.85), rng.uniform(0.5, 0.75)))
    thick = 0.045 * max(rows, columns)
    for edge in rng.choice(3, int(rng.integers(1, 3)), replace=False):
        begin = rng.uniform(0.15, 0.6)
        for finger in range(int(rng.integers(1, 4))):
            along = begin * (columns if edge == 2 else rows) + 2.1 * thick * finger + margin
            reach = rng.uniform(0.5, 2.0) * thick
            if edge == 2:
                centre, axes = (along, rows + margin + margin / 2 - reach / 2), (thick, margin / 2 + reach)
            else:
                x = margin / 2 + reach / 2 if edge == 0 else columns + margin + margin / 2 - reach / 2
                centre, axes = (x, along), (margin / 2 + reach, thick)
            for target, value in ((whole, skin), (cover, (255.0,))):
                box = (
                    (int(centre[0]), int(centre[1])),
                    (int(2 * axes[0]), int(2 * axes[1])),
                    0.0,
                )
                cv2.ellipse(target, box, value, -1, cv2.LINE_AA)
    return np.asarray(whole, np.uint8), np.asarray(cover, np.uint8)
