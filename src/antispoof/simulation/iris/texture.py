"""The iris as a picture in polar coordinates: fibres, collarette, crypts, furrows, pigment."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["ANGLES", "RADII", "iris_texture"]

RADII, ANGLES = 64, 512
Map = NDArray[np.float32]


def iris_texture(rng: np.random.Generator) -> Map:
    """Draw one iris: float32, (`RADII`, `ANGLES`), about -1 to 1, the first row at the pupil; angles wrap."""
    r = np.linspace(0, 1, RADII, dtype=np.float32)[:, None]
    strength = rng.uniform(0.15, 1.0)
    fibres = sum(
        weight * _noise(rng, rows, columns)
        for weight, rows, columns in ((0.9, 5, 150), (0.7, 9, 256), (0.5, 3, 70), (0.3, 20, 256))
    )
    fibres = _wandering(np.asarray(fibres, np.float32), rng)
    ring = rng.uniform(0.22, 0.42) + 0.05 * _noise(rng, 1, int(rng.integers(8, 26)))
    collarette = rng.uniform(0.2, 0.9) * np.exp(-(((r - ring) / rng.uniform(0.03, 0.08)) ** 2))
    zone = np.where(r < ring, rng.uniform(-0.5, 0.5), 0).astype(np.float32)
    texture: Map = np.asarray(strength * fibres + collarette + zone, np.float32)
    for _ in range(int(rng.integers(0, 5))):  # contraction furrows
        at, turn = rng.uniform(0.55, 0.95), 0.02 * _noise(rng, 1, 6)
        arc = np.clip(0.5 + 1.5 * _noise(rng, 1, 5), 0, 1)
        furrow = rng.uniform(0.2, 0.8) * arc * np.exp(-(((r - at - turn) / 0.02) ** 2))
        texture -= furrow.astype(np.float32)
    texture = _crypts(texture, rng)
    if rng.random() < 0.3:  # pigment spots
        for _ in range(int(rng.integers(1, 6))):
            cv2.circle(
                texture, _place(rng, 0.3, 0.95), int(rng.integers(1, 6)), float(rng.uniform(-2, -0.6)), -1
            )
    wrapped = np.hstack([texture[:, -8:], texture, texture[:, :8]])
    texture = np.asarray(cv2.GaussianBlur(wrapped, (3, 3), 0)[:, 8:-8], np.float32)
    texture -= texture.mean()
    return np.asarray(np.clip(texture / (2.2 * texture.std() + 1e-6), -1.6, 1.6), np.float32)


def _wandering(fibres: Map, rng: np.random.Generator) -> Map:
    """Let fibres wander aside on their way to the limbus."""
    aside = np.float32(rng.uniform(1, 6)) * (_noise(rng, 5, 16) + np.float32(0.5) * _noise(rng, 9, 40))
    rows, columns = np.mgrid[:RADII, :ANGLES].astype(np.float32)
    return np.asarray(
        cv2.remap(fibres, columns + aside, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32
    )


def _noise(rng: np.random.Generator, rows: int, columns: int) -> Map:
    """Smooth noise of unit deviation that wraps in angle, (1 or `RADII`, `ANGLES`)."""
    small = rng.standard_normal((rows, columns)).astype(np.float32)
    small = np.hstack([small[:, -2:], small, small[:, :2]])
    height = 1 if rows == 1 else RADII
    wide = cv2.resize(small, (ANGLES * (columns + 4) // columns, height), interpolation=cv2.INTER_CUBIC)
    cut = 2 * ANGLES // columns
    return np.asarray(wide[:, cut : cut + ANGLES], np.float32)


def _crypts(texture: Map, rng: np.random.Generator) -> Map:
    """Cut lens-shaped openings, mostly near the collarette, with a light rim."""
    depth = np.zeros_like(texture)
    for _ in range(int(rng.integers(0, 40) if rng.random() < 0.6 else rng.integers(0, 5))):
        centre = _place(rng, 0.25, 0.8)
        size = (int(rng.integers(3, 14)), int(rng.integers(2, 8)))
        cv2.ellipse(depth, centre, size, 0.0, 0, 360, float(rng.uniform(0.5, 1.6)), -1)
    rim = cv2.GaussianBlur(depth, (0, 0), 2.0)
    return np.asarray(texture - depth + 0.8 * rim, np.float32)


def _place(rng: np.random.Generator, low: float, high: float) -> tuple[int, int]:
    return int(rng.integers(0, ANGLES)), int(rng.uniform(low, high) * RADII)
