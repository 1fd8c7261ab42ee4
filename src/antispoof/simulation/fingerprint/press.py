"""One press of a finger, or of what lies on one: where it touches the sensor, and how closely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from antispoof.simulation.fingerprint.finger import HEIGHT, WIDTH, Field

__all__ = ["Press", "Skin", "draw_press", "noise", "touch"]


@dataclass(frozen=True, slots=True)
class Skin:
    """A surface that is pressed: maps of (HEIGHT, WIDTH), and how it gives.

    Attributes:
        relief: about -1 (valley) to 1 (crest).
        holes: 0 to 1, what never touches: pores that stay open, bubbles.
        body: 0 to 1, where there is anything to press; a cast ends.
        grain: 0 to 1, deviation of fine unevenness.
        steep: how suddenly closeness changes with height; soft surfaces flatten, and have sharp edges.
        gain: added to the height: ridges of a soft cast spread.
        even: 0 (a finger, whose middle presses most) to 1 (a sheet that is pressed evenly).
    """

    relief: Field
    holes: Field
    body: Field
    grain: float
    steep: float
    gain: float = 0.0
    even: float = 0.0


@dataclass(frozen=True, slots=True)
class Press:
    """How somebody presses.

    Attributes:
        width: of the picture, px at 500 ppi.
        height: of the picture.
        turn: degrees.
        shift: px, right and down.
        pressure: -1 (hardly) to 1 (hard).
        moisture: -1 (dry) to 1 (wet).
        stretch: px, largest elastic displacement (R. Cappelli, D. Maio, D. Maltoni, "Modelling plastic
            distortion in fingerprint images", ICAPR 2001).
        smear: px that the finger slid while it was taken.
        seed: of what is uneven.
    """

    width: int
    height: int
    turn: float
    shift: tuple[float, float]
    pressure: float
    moisture: float
    stretch: float
    smear: float
    seed: int


def draw_press(rng: np.random.Generator, width: int, height: int) -> Press:
    """Draw a press; nothing of it tells a finger from a cast."""
    partial = rng.random() < 0.15
    return Press(
        width,
        height,
        float(rng.normal(0, 9)),
        (float(rng.normal(0, 16)), float(rng.normal(10, 18) + (rng.uniform(50, 100) if partial else 0))),
        float(np.clip(rng.normal(0, 0.5), -1, 1)),
        float(np.clip(rng.normal(-0.05, 0.5), -1, 1)),
        float(rng.uniform(1, 8)),
        float(rng.uniform(1, 5)) if rng.random() < 0.1 else 0.0,
        int(rng.integers(2**31)),
    )


def noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Field:
    """Return unit noise whose spots are ``scale`` px wide; wide ones are drawn coarse, and enlarged."""
    shrink = max(1, round(scale / 2))
    drawn = rng.standard_normal(tuple(-(-side // shrink) + 2 for side in shape), np.float32)
    small: Any = cv2.GaussianBlur(drawn, (0, 0), max(scale / shrink / 2, 0.3))
    small /= max(float(small.std()), 1e-6)
    if shrink > 1:
        size = (small.shape[1] * shrink, small.shape[0] * shrink)
        small = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(small[: shape[0], : shape[1]], np.float32)


def touch(skin: Skin, press: Press) -> tuple[Field, Field]:
    """Press a surface.

    Returns:
        closeness, 0 (air) to 1 (touches), and the pressed area, 0 to 1: float32, (height, width).
    """
    rng = np.random.default_rng(press.seed)
    shape = (press.height, press.width)
    map_x, map_y = _mapping(press, rng)

    def moved(field: Field, outside: float = 0.0) -> Field:
        found = cv2.remap(field, map_x, map_y, cv2.INTER_LINEAR, None, cv2.BORDER_CONSTANT, outside)
        return np.asarray(found, np.float32)

    relief, holes, body = moved(skin.relief), moved(skin.holes), moved(skin.body)
    area = _area(press, rng) * body
    dry, wet = max(0.0, -press.moisture), max(0.0, press.moisture)
    # Unevenness keeps skin from touching; it hardly makes valleys touch.
    fine, beads = (np.clip(noise(rng, shape, scale), -0.5, 3) for scale in (2.0, 5.5))
    uneven = (0.15 + 0.5 * dry) * skin.grain * fine + (0.15 + 0.7 * dry) * beads
    patches = (0.2 + 0.25 * abs(press.moisture)) * noise(rng, shape, 45.0)
    closeness = relief + skin.gain + 0.35 * press.pressure + 0.6 * press.moisture - uneven + patches
    falling = (area - 1) * (2.2 - 1.2 * skin.even)  # the rim presses less, and its ridges thin out
    closeness = closeness + falling - 2.0 * holes * (1 - 0.8 * wet)
    touched = 1 / (1 + np.exp(-np.clip(skin.steep * closeness, -30, 30)))
    touched *= np.clip(area * 4, 0, 1)
    if press.smear:
        touched = _smeared(touched, press, rng)
    return np.asarray(touched, np.float32), np.asarray(area, np.float32)


def _mapping(press: Press, rng: np.random.Generator) -> tuple[Field, Field]:
    y, x = np.mgrid[: press.height, : press.width].astype(np.float32)
    x -= press.width / 2 + np.float32(press.shift[0])
    y -= press.height / 2 + np.float32(press.shift[1])
    cos, sin = np.float32(np.cos(np.deg2rad(press.turn))), np.float32(np.sin(np.deg2rad(press.turn)))
    bend = [press.stretch / 2 * noise(rng, (press.height, press.width), 110.0) for _ in range(2)]
    return (
        np.asarray(cos * x + sin * y + np.float32(WIDTH / 2) + bend[0], np.float32),
        np.asarray(-sin * x + cos * y + np.float32(HEIGHT * 0.46) + bend[1], np.float32),
    )


def _area(press: Press, rng: np.random.Generator) -> Field:
    """Where a finger touches: an oval that is longer below, with an uneven rim."""
    y, x = np.mgrid[: press.height, : press.width].astype(np.float32)
    x = (x - press.width / 2 - press.shift[0]) / (108 + 28 * press.pressure + rng.normal(0, 10))
    y = y - press.height / 2 - press.shift[1]
    below = 200 + rng.normal(0, 25)
    y = np.where(y < 0, y / (146 + 26 * press.pressure + rng.normal(0, 10)), y / below)
    radius = np.hypot(x, y) + 0.05 * noise(rng, x.shape, 18.0)
    return np.asarray(np.clip((1.0 - radius) * 4.0, 0, 1) ** 0.5, np.float32)


def _smeared(touched: Field, press: Press, rng: np.random.Generator) -> Field:
    length = 2 * round(press.smear) + 1
    kernel = np.zeros((length, length), np.float32)
    angle, middle = rng.uniform(0, np.pi), length // 2
    across, down = (round(middle * float(f(angle))) for f in (np.cos, np.sin))
    cv2.line(kernel, (middle - across, middle - down), (middle + across, middle + down), 1.0)
    slid = cv2.filter2D(touched, -1, kernel / kernel.sum())
    share = np.clip(noise(rng, (press.height, press.width), 90.0) + 0.5, 0, 1)
    return np.asarray(touched + share * (slid - touched), np.float32)
