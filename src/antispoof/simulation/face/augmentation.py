"""Changes through which a student must follow its teachers: framing, tone, unreal mixtures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box
from antispoof.simulation.face.optics import blur
from antispoof.simulation.face.tone import Picture

__all__ = ["jitter_box", "mix", "perturb_tone", "reframe", "shrink"]

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


def shrink(image: Image, box: Box, rng: np.random.Generator) -> tuple[Image, Box]:
    """Scale the picture down to a face of 45 to 120 px, if it is larger."""
    scale = min(1.0, rng.uniform(45, 120) / max(box.width, box.height))
    size = (max(20, round(image.shape[1] * scale)), max(20, round(image.shape[0] * scale)))
    smaller = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return smaller, Box(box.x * scale, box.y * scale, box.width * scale, box.height * scale)


def perturb_tone(image: Image, rng: np.random.Generator, strength: float = 1.0) -> Image:
    """Gamma, channel gains, saturation; contrast in 40 %, blur in 30 %, noise in 30 % of cases.

    Args:
        image: uint8, (H, W, 3), RGB.
        rng: draws every parameter.
        strength: 0 to 1, scales how far each goes.
    """
    seen: Picture = np.asarray(
        cv2.pow(image.astype(np.float32) / 255, float(np.exp(strength * rng.normal(0, 0.35)))), np.float32
    )
    seen = seen * np.exp(strength * (rng.normal(0, 0.15, 3) + rng.normal(0, 0.25))).astype(np.float32)
    grey = seen.mean(2, keepdims=True)
    seen = grey + (seen - grey) * np.float32(1 + strength * rng.uniform(-0.8, 0.8))
    if rng.random() < 0.4:
        contrast = 1 + strength * rng.uniform(-0.5, 0.8)
        seen = (seen - np.float32(0.5)) * np.float32(contrast) + np.float32(
            0.5 + strength * rng.normal(0, 0.1)
        )
    if rng.random() < 0.3:
        seen = blur(seen, 0.3 + strength * rng.uniform(0, 1.7))
    if rng.random() < 0.3:
        sigma = strength * rng.uniform(0.005, 0.05)
        seen = seen + np.float32(sigma) * rng.standard_normal(seen.shape, np.float32)
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
