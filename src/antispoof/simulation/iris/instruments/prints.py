"""Printed eyes, from a laser or an ink-jet printer, whole or with the pupil cut out for a live one behind.

Carbon in toner absorbs infrared, dyes of ink-jet printers hardly do; laser printers screen at 60 to 150 lines
an inch, ink-jet ones scatter drops. Paper keeps 0.7 to 0.95 of the light and scatters it, so that black is
never as black as a pupil.
"""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.iris.instruments import Setting, iris_instruments
from antispoof.simulation.iris.scene import live_globe, with_lamps
from antispoof.simulation.iris.view import smooth

__all__ = ["printed"]

Map = NDArray[np.float32]


def printed(setting: Setting, rng: np.random.Generator, *, laser: bool, cut: bool) -> Map:
    """Print the picture, hold it before the sensor."""
    view = setting.view
    tone: Map = np.clip(setting.target(), 0, 1) ** np.float32(rng.uniform(0.7, 1.4))
    tone = np.clip(tone * np.float32(rng.uniform(0.85, 1.1)), 0, 1)
    paper = rng.uniform(0.7, 0.95)
    black = rng.uniform(0.06, 0.3) if laser else rng.uniform(0.22, 0.55)
    tone = _screened(tone, view.pitch, rng) if laser else _scattered(tone, view.pitch, rng)
    spread: Map = np.asarray(cv2.GaussianBlur(tone, (0, 0), rng.uniform(0.3, 1.2)), np.float32)  # in paper
    light = np.asarray(black + (paper - black) * spread, np.float32)
    light *= _banding(light.shape, rng)
    light *= 1 + np.float32(rng.uniform(0.004, 0.025)) * smooth(rng, light.shape, 120)  # fibres
    light *= 1 + np.float32(rng.uniform(0.0, 0.12)) * smooth(rng, light.shape, 1.6)  # the sheet bends
    light = _gloss(light, setting, rng)
    light = _sheet(light, setting, rng)
    if cut:
        light = _hole(light, setting, rng)
    return np.clip(light, 0, 5)


def _screened(tone: Map, pitch: float, rng: np.random.Generator) -> Map:
    """Clustered dots, or lines, seen through an optics that may not resolve them."""
    lines = rng.uniform(60, 150) / 25.4 * rng.uniform(0.7, 1.6)  # a millimetre; the print may be enlarged
    angle = rng.choice([0.0, 15.0, 45.0, 75.0]) * np.pi / 180
    rows, columns = np.mgrid[: tone.shape[0], : tone.shape[1]].astype(np.float32)
    step = 2 * np.pi * lines / pitch
    u, v = (np.cos(step * (columns * np.cos(a) + rows * np.sin(a))) for a in (angle, angle + np.pi / 2))
    screen = (u + v) / 4 + 0.5 if rng.random() < 0.7 else u / 2 + 0.5
    seen = np.exp(-((lines / pitch / 0.4) ** 2))  # what is left of the screen at this resolution
    if seen < 0.1:
        return tone
    soft = rng.uniform(0.25, 0.6)
    dots = 1 / (1 + np.exp(-(tone - screen) / (0.12 + 0.2 * soft)))
    return np.asarray(tone + np.float32(seen * soft) * (dots - tone), np.float32)


def _scattered(tone: Map, pitch: float, rng: np.random.Generator) -> Map:
    """Drops of ink, thrown where the tone wants them, several to a pixel."""
    drops = (rng.uniform(150, 720) / 25.4 / pitch) ** 2  # a pixel
    deviation = np.sqrt(np.clip(tone * (1 - tone), 0.003, None) / max(drops, 0.6))
    noise = rng.standard_normal(tone.shape).astype(np.float32)
    noise -= cv2.GaussianBlur(noise, (0, 0), 1.5)  # error diffusion leaves no low frequencies
    return np.asarray(np.clip(tone + np.float32(rng.uniform(0.2, 0.7)) * deviation * noise, 0, 1), np.float32)


def _banding(shape: tuple[int, int], rng: np.random.Generator) -> Map:
    """Stripes along the way of the print head or of the drum."""
    across = bool(rng.random() < 0.5)
    length = shape[1] if across else shape[0]
    stripes = rng.uniform(0, 0.03) * rng.standard_normal(length)
    stripes += rng.uniform(0, 0.03) * np.cos(2 * np.pi * np.arange(length) / rng.uniform(3, 40))
    factors: Map = np.asarray(1 + stripes, np.float32)
    return factors[None, :] if across else factors[:, None]


def _gloss(light: Map, setting: Setting, rng: np.random.Generator) -> Map:
    """A broad mirror image of the lamps, strong on photo paper, weak on plain paper."""
    strength = rng.uniform(0.2, 1.5) if rng.random() < 0.3 else rng.uniform(0.0, 0.15)
    x, y, radius = rng.normal(0, 8), rng.normal(0, 6), rng.uniform(3, 14)
    distance = ((setting.view.x - x) ** 2 + (setting.view.y - y) ** 2) / radius**2
    return np.asarray(light + np.float32(strength) * np.exp(-distance), np.float32)


def _sheet(light: Map, setting: Setting, rng: np.random.Generator) -> Map:
    """End the sheet somewhere in the picture, sometimes, with what is behind it dark or light."""
    if rng.random() > 0.35:
        return light
    view, turn = setting.view, rng.normal(0, 0.08)
    x, y = view.x + turn * view.y, view.y - turn * view.x
    half = rng.uniform(14, 24), rng.uniform(9, 17)
    beyond = (np.abs(x) > half[0]) | (np.abs(y) > half[1])
    return np.where(beyond, np.float32(rng.uniform(0.02, 0.7)), light)


def _hole(light: Map, setting: Setting, rng: np.random.Generator) -> Map:
    """Cut the pupil out and look through it: a live pupil, its lamps, and the edge of the paper."""
    view, iris = setting.view, setting.person.iris_radius
    x, y = (c + rng.normal(0, 0.35) for c in setting.state.gaze)
    radius = setting.state.pupil * iris * rng.uniform(0.85, 1.35)
    angle = np.arctan2(view.y - y, view.x - x)
    wobble = sum(rng.normal(0, 0.05) * np.cos(k * angle + rng.uniform(0, 6)) for k in range(2, 6))
    distance = np.hypot(view.x - x, view.y - y) - radius * (1 + wobble)
    behind = live_globe(view, setting.person, setting.state, rng)
    eye = with_lamps(
        view,
        behind.light * np.float32(0.6),
        setting.sensor.lamps,
        setting.sensor.lamp_level,
        *behind.iris[:2],
    )
    rim = np.float32(rng.uniform(0.0, 0.5)) * np.exp(-((distance / 0.2) ** 2))
    edge = np.clip(distance / 0.1 + 0.5, 0, 1).astype(np.float32)
    return np.asarray(eye + (light * (1 + rim) - eye) * edge, np.float32)


for _name, _laser in (("print_laser", True), ("print_inkjet", False)):
    iris_instruments.register(_name)(partial(printed, laser=_laser, cut=False))
    iris_instruments.register(f"{_name}_cut_pupil")(partial(printed, laser=_laser, cut=True))
