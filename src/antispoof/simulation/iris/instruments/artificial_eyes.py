"""Artificial eyes: a prosthesis between real lids, and the eye of a doll.

A prosthesis is acrylic over a painted disc: a cornea that mirrors the lamps, a pupil of black paint, which
sends back a few percent under gloss, a fixed size and a sharp limbus; a doll's is simpler still, in a face
without pores.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.iris.instruments import Setting, iris_instruments
from antispoof.simulation.iris.scene import Globe, eye_light, patterned
from antispoof.simulation.iris.texture import ANGLES, RADII
from antispoof.simulation.iris.view import smooth

__all__ = ["doll_eye", "prosthetic_eye"]

Map = NDArray[np.float32]


@iris_instruments.register("prosthetic_eye")
def prosthetic_eye(setting: Setting, rng: np.random.Generator) -> Map:
    """Put an acrylic eye between real lids."""
    globe = _globe(setting, rng, doll=False)
    return eye_light(setting.view, setting.person, setting.state, setting.sensor, globe, rng)


@iris_instruments.register("doll_eye")
def doll_eye(setting: Setting, rng: np.random.Generator) -> Map:
    """Show the eye of a doll."""
    globe = _globe(setting, rng, doll=True)
    return eye_light(setting.view, setting.person, setting.state, setting.sensor, globe, rng, plastic=True)


def _globe(setting: Setting, rng: np.random.Generator, doll: bool) -> Globe:
    view, (cx, cy) = setting.view, setting.state.gaze
    radius = rng.uniform(5.6, 7.2) if doll else rng.uniform(5.3, 6.2)
    pupil = radius * (rng.uniform(0.3, 0.55) if doll else rng.uniform(0.25, 0.42))
    off = np.hypot(view.x - cx, view.y - cy)
    share = (off - pupil) / (radius - pupil)
    paint = patterned(_painted(rng, doll), share, np.arctan2(view.y - cy, view.x - cx))
    base = rng.uniform(0.12, 0.75)
    iris = base * (1 + np.float32(rng.uniform(0.05, 0.5)) * paint)
    white = rng.uniform(0.6, 0.95) * (1 + np.float32(0.01) * smooth(rng, view.x.shape, 5))
    ball = np.sqrt(np.clip(1 - (off / rng.uniform(12, 18)) ** 2, 0.3, 1))
    width = rng.uniform(0.05, 0.3)
    light = iris + (white * ball - iris) * np.clip((off - radius) / width + 0.5, 0, 1)
    black = rng.uniform(0.04, 0.2)
    light = black + (light - black) * np.clip((off - pupil) / rng.uniform(0.05, 0.25) + 0.5, 0, 1)
    sheen = np.exp(-(((view.x - cx - rng.normal(0, 2)) ** 2 + (view.y - cy - rng.normal(0, 2)) ** 2) / 9))
    light = light + np.float32(rng.uniform(0, 0.25)) * sheen  # the acrylic dome is less clear than a cornea
    return Globe(light.astype(np.float32), (cx, cy, float(radius)), (cx, cy, float(pupil)))


def _painted(rng: np.random.Generator, doll: bool) -> Map:
    """Brush strokes, or for a doll a printed star of few rays and rings."""
    r = np.linspace(0, 1, RADII, dtype=np.float32)[:, None]
    rings = rng.uniform(0, 0.8) * np.cos(2 * np.pi * r * rng.uniform(0.5, 2.5) + rng.uniform(0, 6))
    dark = -rng.uniform(0, 1.2) * np.clip((r - 0.8) / 0.2, 0, 1)
    angle = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False, dtype=np.float32)[None]
    strokes: Map
    if doll:
        rays = np.cos(int(rng.integers(8, 40)) * angle + rng.uniform(0, 2) * r)
        strokes = np.asarray(rng.uniform(0, 0.6) * rays, np.float32)
    else:
        noise = rng.standard_normal((4, int(rng.integers(20, 80)))).astype(np.float32)
        strokes = np.asarray(0.5 * cv2.resize(noise, (ANGLES, RADII)), np.float32)
    return np.asarray(rings + dark + strokes, np.float32)
