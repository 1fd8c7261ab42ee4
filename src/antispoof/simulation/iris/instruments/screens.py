"""An eye on a screen: e-ink, which reflects infrared, or a display, of which little more than glass is seen.

Electrophoretic panels have 212 to 300 pixels an inch, 16 levels and 0.08 to 0.45 of the light of a sheet of
paper; liquid crystals hardly modulate beyond 750 nm, and backlights leak some near infrared.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.iris.instruments import Setting, iris_instruments
from antispoof.simulation.iris.scene import with_lamps
from antispoof.simulation.iris.view import View, smooth

__all__ = ["display", "e_ink"]

Map = NDArray[np.float32]


@iris_instruments.register("e_ink")
def e_ink(setting: Setting, rng: np.random.Generator) -> Map:
    """Show the picture on an electrophoretic panel."""
    tone = np.clip(setting.target(), 0, 1) ** np.float32(rng.uniform(0.7, 1.3))
    tone = _pixelated(tone, setting.view, rng.uniform(190, 320) / 25.4)
    levels = int(rng.choice([4, 8, 16]))
    dither = rng.uniform(-0.5, 0.5, tone.shape).astype(np.float32) * (rng.random() < 0.7)
    tone = np.clip(np.round(tone * (levels - 1) + dither) / (levels - 1), 0, 1)
    dark, bright = rng.uniform(0.05, 0.18), rng.uniform(0.32, 0.6)
    light = np.asarray(dark + (bright - dark) * tone, np.float32)
    light *= 1 + np.float32(rng.uniform(0.01, 0.05)) * smooth(rng, light.shape, 150)  # capsules
    light += np.float32(rng.uniform(0, 0.12)) * np.exp(-(smooth(rng, light.shape, 1.5) ** 2))  # matte sheet
    if rng.random() < 0.4:
        light = _mirrored(light, setting, rng)
    return light


@iris_instruments.register("display")
def display(setting: Setting, rng: np.random.Generator) -> Map:
    """Show the picture on a display that leaks some infrared."""
    tone = np.clip(setting.target(), 0, 1) ** np.float32(rng.uniform(1.2, 2.4))
    per_mm = rng.uniform(90, 460) / 25.4
    tone = _pixelated(tone, setting.view, per_mm)
    rows, columns = np.mgrid[: tone.shape[0], : tone.shape[1]].astype(np.float32)
    grid = np.ones_like(tone)
    seen = np.exp(-((per_mm / setting.view.pitch / 0.45) ** 2))
    for coordinate in (rows, columns):
        grid += np.float32(0.35 * seen) * np.cos(2 * np.pi * coordinate * per_mm / setting.view.pitch)
    glass = rng.uniform(0.02, 0.2)
    light = glass + np.float32(rng.uniform(0.15, 0.7)) * tone * grid
    light *= 1 + np.float32(rng.uniform(0, 0.08)) * np.cos(rows * rng.uniform(0.01, 0.2))  # rolling shutter
    return _mirrored(light.astype(np.float32), setting, rng)


def _pixelated(tone: Map, view: View, per_mm: float) -> Map:
    scale = min(1.0, per_mm / view.pitch)
    size = tuple(max(8, round(side * scale)) for side in tone.shape[::-1])
    small = cv2.resize(tone, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, tone.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _mirrored(light: Map, setting: Setting, rng: np.random.Generator) -> Map:
    """Mirror the lamps in flat glass: larger than in a cornea, and not where the cornea would have them."""
    spread = rng.uniform(3, 9)
    lamps = tuple((spread * x, spread * y, r * rng.uniform(2, 6)) for x, y, r in setting.sensor.lamps)
    place = rng.normal(0, 12), rng.normal(0, 9)
    return with_lamps(setting.view, light, lamps, float(rng.uniform(0.2, 1.5)), *place)
