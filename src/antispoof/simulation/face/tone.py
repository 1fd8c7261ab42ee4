"""Light and colour, each step a small function of a picture.

A picture is float32, (H, W, 3), RGB. `linear` and `display` convert between display values (0..1,
gamma-encoded) and light (proportional to radiance, 1 = sensor saturation); every function says which of the
two it works on.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Picture",
    "cast",
    "display",
    "gradient",
    "linear",
    "luma",
    "ramp",
    "s_curve",
    "saturate",
    "shoulder",
]

Picture = NDArray[np.float32]

_REC709 = np.array([[0.2126, 0.7152, 0.0722]], np.float32)


def linear(picture: Picture, gamma: float = 2.2) -> Picture:
    """Display values → light: ``v ** gamma``."""
    return np.asarray(cv2.pow(np.clip(picture, 0, 1), gamma), np.float32)


def display(light: Picture, gamma: float = 2.2) -> Picture:
    """Light → display values, clipped where the sensor saturates: ``min(l, 1) ** (1 / gamma)``."""
    return np.asarray(cv2.pow(np.clip(light, 0, 1), 1 / gamma), np.float32)


def luma(picture: Picture) -> Picture:
    """Rec. 709 luma, (H, W, 1)."""
    return np.asarray(cv2.transform(picture, _REC709), np.float32)[..., None]


def saturate(picture: Picture, amount: float) -> Picture:
    """Scale every pixel's distance from its grey: 0 = grey, 1 = unchanged, 2 = garish. Display values."""
    grey = luma(picture)
    return np.clip(grey + amount * (picture - grey), 0, 1)


def s_curve(picture: Picture, strength: float) -> Picture:
    """Raise (> 0) or lower (< 0) contrast with a tanh curve that keeps 0, ½ and 1. Display values."""
    if abs(strength) < 1e-3:
        return picture
    if strength > 0:
        curve = np.tanh(strength * (2 * picture - 1)) / np.tanh(strength)
        return np.asarray(0.5 + 0.5 * curve, np.float32)
    edge = np.tanh(-strength)
    curve = np.arctanh((2 * np.clip(picture, 0, 1) - 1) * edge) / -strength
    return np.asarray(0.5 + 0.5 * curve, np.float32)


def shoulder(light: Picture, knee: float) -> Picture:
    """Compress highlights above ``knee`` (0..1) so that they approach 1 instead of clipping. Light."""
    over = np.maximum(light - knee, 0)
    return np.where(light > knee, knee + (1 - knee) * (1 - np.exp(-over / (1 - knee))), light).astype(
        np.float32
    )


def cast(light: Picture, red: float, green: float, blue: float) -> Picture:
    """Multiply the channels by ``exp(red)``, ``exp(green)``, ``exp(blue)``. Light."""
    return light * np.exp(np.array([red, green, blue], np.float32))


def ramp(shape: tuple[int, int], angle: float) -> Picture:
    """A plane that rises along ``angle`` (radians) from −½ to ½ across the picture, (H, W, 1)."""
    height, width = shape
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :]
    return np.asarray(np.cos(angle) * x + np.sin(angle) * y, np.float32)[..., None]


def gradient(light: Picture, slope: float, angle: float) -> Picture:
    """Light falling from one side: multiply by ``exp(slope · ramp)``. Light."""
    return np.asarray(light * np.exp(slope * ramp(light.shape[:2], angle)), np.float32)
