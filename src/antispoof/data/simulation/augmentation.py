"""Changes through which a student must follow its teachers: framing, tone, unreal mixtures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.data.simulation.optics import blur
from antispoof.data.simulation.tone import Picture
from antispoof.sensing.capture import Box

__all__ = ["jitter_box", "mix", "perturb_tone", "reframe"]

Image = NDArray[np.uint8]


def jitter_box(box: Box, rng: np.random.Generator, shift: float = 0.05, scale: float = 0.1) -> Box:
    """Move a face box by N(0, shift) of its longer side and scale it by exp N(0, scale)."""
    side = max(box.width, box.height)
    factor = np.exp(rng.normal(0, scale))
    width, height = box.width * factor, box.height * factor
    x = box.x + box.width / 2 + rng.normal(0, shift) * side
    y = box.y + box.height / 2 + rng.normal(0, shift) * side
    return Box(x - width / 2, y - height / 2, width, height)


def reframe(image: Image, box: Box, rng: np.random.Generator) -> tuple[Image, Box]:
    """Cut closer to the face, margins up to 0.75 faces; unchanged where too little would be left."""
    side = max(box.width, box.height)
    left, right, top, bottom = rng.uniform(-0.02, 0.5) * rng.uniform(0.5, 1.5, 4) * side
    x0, x1 = int(max(box.x - left, 0)), int(min(box.x + box.width + right, image.shape[1]))
    y0, y1 = int(max(box.y - top, 0)), int(min(box.y + box.height + bottom, image.shape[0]))
    if min(x1 - x0, y1 - y0) < 20:
        return image, box
    return np.ascontiguousarray(image[y0:y1, x0:x1]), Box(box.x - x0, box.y - y0, box.width, box.height)


def perturb_tone(image: Image, rng: np.random.Generator) -> Image:
    """Gamma, channel gains, saturation; contrast in 40 %, blur in 30 %, noise in 30 % of cases."""
    seen: Picture = np.asarray(
        cv2.pow(image.astype(np.float32) / 255, float(np.exp(rng.normal(0, 0.35)))), np.float32
    )
    seen = seen * np.exp(rng.normal(0, 0.15, 3) + rng.normal(0, 0.25)).astype(np.float32)
    grey = seen.mean(2, keepdims=True)
    seen = grey + (seen - grey) * np.float32(rng.uniform(0.2, 1.8))
    if rng.random() < 0.4:
        seen = (seen - np.float32(0.5)) * np.float32(rng.uniform(0.5, 1.8)) + np.float32(
            0.5 + rng.normal(0, 0.1)
        )
    if rng.random() < 0.3:
        seen = blur(seen, rng.uniform(0.3, 2))
    if rng.random() < 0.3:
        seen = seen + np.float32(rng.uniform(0.005, 0.05)) * rng.standard_normal(seen.shape, np.float32)
    return np.asarray(np.clip(seen, 0, 1) * 255, np.uint8)


def mix(image: Image, other: Image, rng: np.random.Generator) -> Image:
    """Blend two pictures, or paste a rectangle of one into the other."""
    height, width = image.shape[:2]
    fitted = np.asarray(cv2.resize(other, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    if rng.random() < 0.5:
        share = rng.uniform(0.2, 0.8)
        return np.asarray(image * share + fitted * (1 - share), np.uint8)
    mixed = image.copy()
    w, h = int(rng.uniform(0.2, 0.8) * width), int(rng.uniform(0.2, 0.8) * height)
    x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
    mixed[y : y + h, x : x + w] = fitted[y : y + h, x : x + w]
    return mixed
