"""What one camera does otherwise than the next to a whole picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from antispoof.simulation.face.optics import blur
from antispoof.simulation.face.tone import Picture, display, linear

__all__ = ["CAMERA_CHANGES"]

_VEIL = 0.06  # of the light that saturates the sensor, spread evenly


def _clipped(picture: Picture) -> Picture:
    return np.asarray(np.clip(picture, 0, 1), np.float32)


CAMERA_CHANGES: Mapping[str, Callable[[Picture], Picture]] = {
    "more_light": lambda x: display(2 * linear(x)),
    "less_light": lambda x: display(0.5 * linear(x)),
    "low_contrast": lambda x: _clipped((x - 0.5) * 0.7 + 0.5),
    "high_contrast": lambda x: _clipped((x - 0.5) * 1.3 + 0.5),
    "veil": lambda x: display(0.9 * linear(x) + _VEIL),
    "bright_middle": lambda x: _clipped(x**0.8),
    "dark_middle": lambda x: _clipped(x**1.25),
    "defocus": lambda x: blur(x, 0.7),
    "more_red": lambda x: _clipped(x * np.array([1.2, 1, 1], np.float32)),
    "less_red": lambda x: _clipped(x * np.array([0.8, 1, 1], np.float32)),
    "more_blue": lambda x: _clipped(x * np.array([1, 1, 1.2], np.float32)),
    "less_blue": lambda x: _clipped(x * np.array([1, 1, 0.8], np.float32)),
}
"""Change → function of display values, (H, W, 3), 0..1, that returns such values."""
