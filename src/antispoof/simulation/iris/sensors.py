"""Families of near-infrared cameras: geometry, lamps, optics, noise, tone; and the picture they take."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.jpeg import decode_jpeg

__all__ = ["FAMILIES", "Sensor", "draw_sensor", "take"]

Map = NDArray[np.float32]

FAMILIES = {
    "handheld_pair": "two lamps close to the lens, 640 × 480 and less, the eye and its surroundings",
    "single_lamp": "one lamp beside the lens, 320 × 240, soft",
    "lamp_ring": "a ring of 6 to 12 lamps, close up, contrast stretched",
    "binocular": "lamps far to both sides, wide view, sharp",
    "mobile": "one weak lamp and daylight, noisy, compressed",
    "wall_unit": "two rows of lamps, from afar, unsharp masking",
    "kiosk": "a cross of four lamps, flat light, low contrast",
}
"""Family → what it is like. Each camera is drawn anew from the ranges of its family."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """One camera. Lengths in millimetres before the eye, or pixels where it says so.

    Attributes:
        family: of `FAMILIES`.
        shape: rows and columns.
        pitch: pixels a millimetre.
        lamps: x, y and radius of the lamps' mirror images in the cornea, from the middle of it.
        lamp_level: brightness of these, white being 1.
        fall_off: direction and strength of the light's decrease over the picture.
        ambient: share of even light.
        exposure: sensor level, 1 being white, that the brighter parts of the picture are brought to.
        blur: of the optics, pixels.
        motion: x and y of movement while it exposes, pixels.
        noise: of dark pixels, and of light, shares of white.
        rows_noise: of whole rows, share of white.
        black: stray light that lifts black.
        gamma: of the tone curve; 1 is linear.
        sharpen: of the unsharp mask.
        quality: of JPEG inside the camera; 0 for none.
    """

    family: str
    shape: tuple[int, int]
    pitch: float
    lamps: tuple[tuple[float, float, float], ...]
    lamp_level: float
    fall_off: tuple[float, float]
    ambient: float
    exposure: float
    blur: float
    motion: tuple[float, float]
    noise: tuple[float, float]
    rows_noise: float
    black: float
    gamma: float
    sharpen: float
    quality: int


def draw_sensor(family: str, rng: np.random.Generator) -> Sensor:
    """Draw a camera of a family; every range is wide, so that families overlap."""
    close = {"lamp_ring": (0.55, 0.95), "single_lamp": (0.36, 0.6), "binocular": (0.34, 0.55)}
    low, high = close.get(family, (0.36, 0.8))
    shapes = ((240, 320), (280, 320), (300, 400), (320, 320), (360, 480), (480, 640))
    weights = np.array([2, 1, 2, 1, 3, 1.0])
    rows, columns = shapes[int(rng.choice(len(shapes), p=weights / weights.sum()))]
    pitch = rng.uniform(low, high) * rows / 11.8
    soft = {"single_lamp": 1.0, "mobile": 1.2, "wall_unit": 0.9}.get(family, 0.6)
    compress = {"mobile": 0.9, "handheld_pair": 0.4}.get(family, 0.25)
    return Sensor(
        family=family,
        shape=(rows, columns),
        pitch=float(pitch),
        lamps=_lamps(family, rng),
        lamp_level=float(rng.uniform(0.9, 4.0)),
        fall_off=(float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0, 0.5))),
        ambient=float(rng.uniform(0.0, 0.6 if family == "mobile" else 0.2)),
        exposure=float(rng.uniform(0.45, 1.02)),
        blur=float(rng.uniform(0.3, 1.0) * soft * (1 + rows / 480)),
        motion=tuple(rng.normal(0, 0.7, 2).tolist()) if rng.random() < 0.3 else (0.0, 0.0),
        noise=(float(rng.uniform(0.001, 0.012)), float(rng.uniform(0.003, 0.03))),
        rows_noise=float(rng.uniform(0, 0.006)),
        black=float(rng.uniform(0.0, 0.08) if rng.random() < 0.85 else rng.uniform(0.08, 0.2)),
        gamma=float(rng.uniform(0.6, 1.15)),
        sharpen=float(rng.uniform(0.3, 1.5))
        if rng.random() < (0.7 if family == "wall_unit" else 0.3)
        else 0.0,
        quality=int(rng.integers(55, 96)) if rng.random() < compress else 0,
    )


def take(light: Map, sensor: Sensor, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Take the picture: light that comes back, (H, W), 1 being a white sheet → uint8, (H, W)."""
    rows, columns = light.shape
    angle, strength = sensor.fall_off
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    along = (np.cos(angle) * (x / columns - 0.5) + np.sin(angle) * (y / rows - 0.5)).astype(np.float32)
    level = light * (1 - sensor.ambient) * (1 + strength * 2 * along) + light * sensor.ambient
    level *= np.float32(sensor.exposure / max(float(np.quantile(level[::4, ::4], 0.8)), 0.05))
    level = cv2.GaussianBlur(level + np.float32(sensor.black * 0.5), (0, 0), sensor.blur)
    if any(sensor.motion):
        level = _moved(level, sensor.motion)
    read, shot = sensor.noise
    deviation = np.sqrt(read**2 + shot**2 * np.clip(level, 0, 1))
    level = level + deviation * rng.standard_normal(level.shape).astype(np.float32)
    level += (sensor.rows_noise * rng.standard_normal((rows, 1))).astype(np.float32)
    level = np.clip(level, 0, 1) ** sensor.gamma
    if sensor.sharpen:
        level = level + sensor.sharpen * (level - cv2.GaussianBlur(level, (0, 0), 1.5))
    picture = np.asarray(np.clip(np.rint(level * 255), 0, 255), np.uint8)
    if sensor.quality:
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, sensor.quality])
        picture = np.ascontiguousarray(decode_jpeg(data.tobytes())[..., 0])
    return picture


def _moved(level: Map, motion: tuple[float, float]) -> Map:
    total = np.zeros_like(level)
    steps = np.linspace(-0.5, 0.5, 5)
    for step in steps:
        shift = np.array([[1, 0, step * motion[0] * 2], [0, 1, step * motion[1] * 2]])
        size = level.shape[::-1]
        total += cv2.warpAffine(level, shift, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(total / len(steps), np.float32)


def _lamps(family: str, rng: np.random.Generator) -> tuple[tuple[float, float, float], ...]:
    size, x, y = rng.uniform(0.08, 0.32), rng.normal(0, 0.5), rng.normal(0.2, 0.5)
    if family == "single_lamp":
        places = [(x, y)]
    elif family == "mobile":
        places = [(x + rng.normal(0, 0.6), y + rng.normal(0, 0.6))]
    elif family == "lamp_ring":
        count, radius = int(rng.integers(5, 13)), rng.uniform(0.5, 1.3)
        size = min(size, 0.6 * 2 * np.pi * radius / count / 2)
        angles = np.arange(count) * 2 * np.pi / count + rng.uniform(0, 1)
        places = [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles]
    elif family == "kiosk":
        arm = rng.uniform(0.4, 1.5)
        places = [(x + arm * dx, y + arm * dy) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    elif family == "wall_unit":
        gap, rise = rng.uniform(0.3, 0.9), rng.uniform(0.4, 1.2)
        places = [(x + gap * k, y + s * rise) for k in (-1, 0, 1) for s in (-1, 1)]
    else:
        apart = rng.uniform(1.0, 2.6) if family == "binocular" else rng.uniform(0.25, 1.0)
        places = [(x - apart, y + rng.normal(0, 0.1)), (x + apart, y)]
    return tuple((float(px), float(py), float(size)) for px, py in places)
