"""Films and pictures shown again on phones, tablets, laptops and monitors.

A screen shines, flickers with its backlight or its refresh, and has a raster; what it shows was taken by
another camera in another room, and moves by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from antispoof.simulation.clip import clip_instruments
from antispoof.simulation.clip.flicker import flicker
from antispoof.simulation.clip.layers import Map
from antispoof.simulation.clip.motion import still
from antispoof.simulation.clip.stage import Held, Layers, Picture, Stage, handle, panel, with_fingers

__all__ = ["SCREENS", "Screen"]

FACE_SHARES = (0.62, 0.48)  # of the shorter side of what is shown, for the face of a picture and of a film


@dataclass(frozen=True, slots=True)
class Screen:
    """A kind of screen.

    Attributes:
        size_mm: width and height of what shines.
        pixel_mm: from one pixel to the next.
        refresh_hz: how often a picture is built up.
        pwm_hz: how often the light is switched, between two values; 0: it is not.
        depth: of the flicker at most, as a share.
        bezel_mm: how wide the frame is.
        held: in a hand, or standing on a table.
    """

    size_mm: tuple[float, float]
    pixel_mm: float
    refresh_hz: tuple[float, ...]
    pwm_hz: tuple[float, float]
    depth: float
    bezel_mm: float
    held: bool


SCREENS = {
    "phone": Screen((68, 146), 0.062, (60.0, 90.0, 120.0), (0.0, 0.0), 0.10, 3.0, True),
    "phone_oled": Screen((70, 152), 0.058, (60.0, 120.0), (240.0, 480.0), 0.55, 2.0, True),
    "tablet": Screen((160, 214), 0.096, (60.0, 120.0), (0.0, 0.0), 0.08, 9.0, True),
    "laptop": Screen((309, 174), 0.161, (60.0,), (200.0, 1000.0), 0.35, 8.0, False),
    "monitor": Screen((531, 299), 0.277, (60.0, 75.0), (120.0, 300.0), 0.30, 14.0, False),
}
"""Sizes and pitches of common devices; PWM of 200 to 500 Hz as reviews measure it."""


def _shown(stage: Stage, kind: Screen, film: bool) -> tuple[Callable[[float], Picture], tuple[int, int]]:
    """What runs on it: a film of the person, or a picture of them."""
    wide, high = kind.size_mm
    pixels = 300
    size = (pixels, round(pixels * high / wide)) if wide < high else (round(pixels * wide / high), pixels)
    size = (size[0] // 4 * 4, size[1] // 4 * 4)
    if film:
        return stage.recorded(stage.seconds, *size), size
    source = stage.body.portrait
    scale = max(size[0] / source.shape[1], size[1] / source.shape[0])
    if wide < high:
        scale = size[0] / source.shape[1]
    fitted = cv2.resize(source, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    whole = np.zeros((size[1], size[0], 3), np.uint8)
    top = max(0, (size[1] - fitted.shape[0]) // 2)
    cut = fitted[: size[1], : size[0]]
    whole[top : top + cut.shape[0], : cut.shape[1]] = cut[: size[1] - top]
    return (lambda _: whole), size


def _screen(stage: Stage, name: str, film: bool = True) -> Layers:
    rng, kind = stage.rng, SCREENS[name]
    shown, (columns, rows) = _shown(stage, kind, film)
    bezel = max(2, round(kind.bezel_mm * columns / kind.size_mm[0]))
    grey = int(rng.choice([8, 20, 40, 190]))
    dark = np.full((rows + 2 * bezel, columns + 2 * bezel, 3), grey, np.uint8)
    margin = 40 if kind.held else 0
    framed, cover = (
        with_fingers(dark, rng, margin) if margin else (dark, np.full(dark.shape[:2], 255, np.uint8))
    )
    edge = bezel + margin
    place = (slice(edge, edge + rows), slice(edge, edge + columns))
    # Fingers on the glass stay before what is shown.
    open_glass = (np.abs(framed[place].astype(np.int16) - grey).max(axis=2) < 4).astype(np.uint8)
    haze, vivid = float(rng.uniform(0.0, 0.10)), float(rng.uniform(1.0, 1.35))
    levels = np.clip(128 + vivid * (np.arange(256) - 128.0), 0, 255)
    contrast = ((1 - haze) * levels + 255 * haze).astype(np.uint8)

    def picture(time_s: float) -> Picture:
        lit = shown(time_s)
        hazy = cv2.LUT(lit, contrast)
        whole = framed.copy()
        cv2.copyTo(hazy, open_glass, whole[place])
        return whole

    mm = kind.size_mm[0] / columns
    face_mm = FACE_SHARES[film] * min(kind.size_mm)
    if kind.held:
        held = handle(stage, stage.distance_mm(face_mm))
    else:
        base = rng.normal(0, 1, 5) * [15, 10, 5, 4, 2]
        distance = stage.distance_mm(face_mm)
        held = Held(*(still(float(v)) for v in (*base[:2], distance, *base[2:], 0.0)))
    glow = _light(stage, kind, edge, mm, (framed.shape[1], framed.shape[0]))
    width, height = framed.shape[1] * mm, framed.shape[0] * mm
    return [panel(picture, width, height, held, cover, glow=glow)]


def _light(
    stage: Stage, kind: Screen, edge: int, mm: float, size: tuple[int, int]
) -> Callable[[float, Map], Map]:
    """Brightness, flicker and raster of the glass; the frame around it is lit by the room."""
    rng = stage.rng
    level = float(np.exp(rng.uniform(np.log(0.6), np.log(2.2))))
    cast = np.exp(rng.normal(0, 0.10, 3)).astype(np.float32) * np.float32(level)
    exposure, rows_s = 1 / float(rng.uniform(30, 160)), float(rng.uniform(0.010, 0.028))
    waves = [
        flicker(
            float(rng.choice(kind.refresh_hz)),
            0.06 * rng.uniform(0, 1),
            exposure,
            rows_s,
            rng.uniform(0, 6.28),
        )
    ]
    if kind.pwm_hz[1]:
        hertz = float(rng.uniform(*kind.pwm_hz))
        waves.append(flicker(hertz, kind.depth * rng.uniform(0.1, 1), exposure, rows_s, rng.uniform(0, 6.28)))
    raster = float(rng.uniform(0.01, 0.10)) if rng.random() < 0.6 else 0.0
    cells = np.array([size[0] * mm / kind.pixel_mm, size[1] * mm / kind.pixel_mm], np.float32)
    border = np.array([edge / size[0], edge / size[1]], np.float32)

    def glow(time_s: float, at: Map) -> Map:
        x, y, rows = at[..., 0], at[..., 1], at[..., 2]
        glass = (np.abs(x - 0.5) < 0.5 - border[0]) & (np.abs(y - 0.5) < 0.5 - border[1])
        shine = np.ones_like(rows)
        for wave in waves:
            shine = shine * wave(time_s, rows)
        light = shine[..., None] * cast
        if raster:
            turns = np.float32(2 * np.pi) * (x * cells[0])
            down = 1 + np.float32(0.5 * raster) * np.cos(np.float32(2 * np.pi) * (y * cells[1]))
            thirds = np.array([0, 2.0944, 4.1888], np.float32)
            light = light * (1 + np.float32(raster) * np.cos(turns[..., None] + thirds)) * down[..., None]
        return np.where(glass[..., None], light, np.float32(1))

    return glow


@clip_instruments.register("replay_phone")
def replay_phone(stage: Stage) -> Layers:
    """A film on a phone."""
    return _screen(stage, "phone")


@clip_instruments.register("replay_phone_oled")
def replay_phone_oled(stage: Stage) -> Layers:
    """A film on a phone whose light is switched."""
    return _screen(stage, "phone_oled")


@clip_instruments.register("replay_phone_still")
def replay_phone_still(stage: Stage) -> Layers:
    """A picture on a phone."""
    return _screen(stage, "phone", film=False)


@clip_instruments.register("replay_tablet")
def replay_tablet(stage: Stage) -> Layers:
    """A film on a tablet."""
    return _screen(stage, "tablet")


@clip_instruments.register("replay_laptop")
def replay_laptop(stage: Stage) -> Layers:
    """A film on a laptop that stands."""
    return _screen(stage, "laptop")


@clip_instruments.register("replay_monitor")
def replay_monitor(stage: Stage) -> Layers:
    """A film on a monitor that stands."""
    return _screen(stage, "monitor")
