"""A textured contact lens over a live iris: dots, strokes or both, printed on a clear lens that moves.

Opaque cosmetic lenses carry pigment dots of 0.05 to 0.25 mm in a ring from about 2 to 3.2 mm to 6.2 to 7.2 mm
from their middle (LivDet-Iris reports; K. Bowyer, J. Doyle, "Cosmetic Contact Lenses and Iris Recognition
Spoofing", Computer 2014); in infrared pigments are bright or dark, whatever their colour.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.iris.instruments import Setting, iris_instruments
from antispoof.simulation.iris.scene import eye_light, live_globe
from antispoof.simulation.iris.view import smooth

__all__ = ["contact_lens"]

Map = NDArray[np.float32]


@iris_instruments.register("contact_lens")
def contact_lens(setting: Setting, rng: np.random.Generator) -> Map:
    """Put a lens on a live eye."""
    view = setting.view
    globe = live_globe(view, setting.person, setting.state, rng)
    x, y = (c + rng.normal(0, 0.3) for c in setting.state.gaze)
    distance = np.hypot(view.x - x, view.y - y)
    angle = np.arctan2(view.y - y, view.x - x)
    inner, outer = rng.uniform(1.9, 3.3), rng.uniform(5.9, 7.2)
    light = globe.light
    for _ in range(int(rng.integers(1, 4))):  # printed in one to three passes
        pigment = float(
            np.clip(setting.person.iris + rng.choice([-1, 1]) * rng.uniform(0.08, 0.4), 0.03, 0.9)
        )
        cover = (
            _strokes(distance, angle, inner, outer, rng)
            if rng.random() < 0.35
            else _dots(view.x - x, view.y - y, rng)
        )
        fade = np.clip((distance - inner) / rng.uniform(0.1, 0.8), 0, 1)
        fade *= np.clip((outer - distance) / rng.uniform(0.1, 0.9), 0, 1)
        ragged = np.clip(fade + np.float32(0.25) * smooth(rng, light.shape, 25) * (fade < 0.9), 0, 1)
        alpha = np.float32(rng.uniform(0.45, 1.0)) * cover * (ragged if rng.random() < 0.6 else fade)
        light = light + (np.float32(pigment) - light) * alpha
    if rng.random() < 0.5:  # a dark ring at the limbus
        ring = np.exp(-(((distance - rng.uniform(5.4, 6.6)) / rng.uniform(0.25, 0.7)) ** 2))
        light = light * (1 - np.float32(rng.uniform(0.2, 0.7)) * ring)
    edge = np.exp(-(((distance - rng.uniform(6.9, 7.3)) / 0.08) ** 2))  # of the clear lens, on the sclera
    light = light * (1 + np.float32(rng.uniform(-0.12, 0.2)) * edge)
    globe = replace(globe, light=light.astype(np.float32))
    return eye_light(view, setting.person, setting.state, setting.sensor, globe, rng)


def _dots(x: Map, y: Map, rng: np.random.Generator) -> Map:
    """A square or hexagonal matrix of dots, each in its place or nearly so."""
    pitch, size = rng.uniform(0.14, 0.42), rng.uniform(0.3, 0.52)
    turn = rng.uniform(0, np.pi / 2)
    u = (np.cos(turn) * x + np.sin(turn) * y) / pitch
    v = (np.cos(turn) * y - np.sin(turn) * x) / pitch
    if rng.random() < 0.5:
        v = v * np.float32(1.1547)
        u = u + np.float32(0.5) * (np.floor(v) % 2)
    shaken = np.float32(rng.uniform(0, 0.2))
    noise = smooth(rng, x.shape, 120)
    distance = np.hypot(u - np.floor(u) - 0.5 + shaken * noise, v - np.floor(v) - 0.5 - shaken * noise)
    return np.asarray(np.clip((size - distance) / 0.12 + 0.5, 0, 1), np.float32)


def _strokes(distance: Map, angle: Map, inner: float, outer: float, rng: np.random.Generator) -> Map:
    """Radial strokes, wavy and of uneven length."""
    count = int(rng.integers(40, 130))
    share = (distance - inner) / max(outer - inner, 0.5)
    wave = rng.uniform(0, 0.25) * np.sin(rng.uniform(3, 9) * share + 7 * angle)
    phase = (angle + wave) * count / (2 * np.pi)
    length = cv2.GaussianBlur(rng.uniform(0, 1, (1, count)).astype(np.float32), (3, 1), 0)
    long = length[0][np.floor(phase).astype(int) % count]
    stroke = np.abs(phase - np.floor(phase) - 0.5) < rng.uniform(0.2, 0.4)
    return np.asarray(stroke & (share > 0.5 * long), np.float32)
