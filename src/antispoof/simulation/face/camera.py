"""The ONE capturing camera, applied alike to bona fide and attack, so that it gives neither away."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box
from antispoof.simulation.face.optics import blur, jpeg, motion_blur, resize
from antispoof.simulation.face.tone import Picture, cast, display, linear

__all__ = ["camera"]


def sharpen(picture: Picture, amount: float) -> Picture:
    """Unsharp mask of radius 1 px."""
    return np.clip(picture + np.float32(amount) * (picture - blur(picture, 1.0)), 0, 1)


def denoise(picture: Picture, strength: float) -> Picture:
    """The edge-preserving smoothing that phones and webcams apply."""
    return np.asarray(cv2.bilateralFilter(picture, 5, strength, 2.0), np.float32)


def processing(picture: Picture, rng: np.random.Generator) -> Picture:
    """What automatic exposure, white balance and contrast make of the same scene on another device or day."""
    gains = rng.normal(0, 0.5) + rng.normal(0, 0.12, 3)
    seen = display(cast(linear(picture), *gains))
    seen = np.clip((seen - np.float32(0.5)) * np.float32(rng.uniform(0.65, 1.3)) + np.float32(0.5), 0, 1)
    if rng.random() < 0.3:
        seen = blur(seen, rng.uniform(0.3, 1.5))
    if rng.random() < 0.3:
        noise = np.float32(rng.uniform(0.005, 0.035)) * rng.standard_normal(seen.shape, np.float32)
        seen = np.clip(seen + noise, 0, 1)
    return seen


def camera(
    picture: Picture,
    face: Box,
    rng: np.random.Generator,
    processed_share: float = 0.6,
    sides: tuple[float, float] = (60, 130),
) -> tuple[NDArray[np.uint8], Box]:
    """Automatic processing, resolution, optics, sensor noise, denoising, sharpening, codec.

    Args:
        picture: float32, (H, W, 3), display values.
        face: where the face is in ``picture``.
        rng: draws every parameter.
        processed_share: share of captures that pass through `processing`.
        sides: least and greatest side of the face in the capture, in pixels, if ``picture`` has that much.

    Returns:
        The capture, uint8, (h, w, 3), RGB, and where the face is in it.
    """
    if rng.random() < processed_share:
        picture = processing(picture, rng)
    height, width = picture.shape[:2]
    scale = min(1.0, rng.uniform(*sides) / max(face.width, face.height))
    seen = resize(picture, max(16, round(width * scale)), max(16, round(height * scale)))
    seen = blur(seen, rng.uniform(0, 1.1))
    if rng.random() < 0.08:
        seen = motion_blur(seen, rng.uniform(2, 6), rng.uniform(0, np.pi))
    sigma = np.float32(np.exp(rng.uniform(np.log(0.002), np.log(0.02))))
    seen = np.clip(seen + sigma * rng.standard_normal(seen.shape, np.float32), 0, 1)
    if rng.random() < 0.4:
        seen = denoise(seen, rng.uniform(0.02, 0.1))
    if rng.random() < 0.3:
        seen = sharpen(seen, rng.uniform(0.2, 1.2))
    if rng.random() < 0.85:
        seen = jpeg(seen, int(rng.integers(40, 97)), rng.random() < 0.7)
    captured = np.asarray(np.clip(seen, 0, 1) * 255 + 0.5, np.uint8)
    return captured, Box(face.x * scale, face.y * scale, face.width * scale, face.height * scale)
