"""What a printer makes of a picture, to the eye and to an infrared camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ink_at_850", "printed"]

Map = NDArray[np.float32]


def printed(picture: Map, rng: np.random.Generator) -> Map:
    """Squeeze a picture into the range and the colours of ink: reflectance relative to the paper."""
    coded = np.clip(picture, 0, 1)
    grey = coded.mean(axis=2, keepdims=True)
    saturation = rng.uniform(0.6, 0.95)
    dull = grey + (coded - grey) * saturation
    cast = np.clip(1 + 0.06 * rng.standard_normal(3), 0.8, 1.15).astype(np.float32)
    return np.asarray(np.clip(0.045 + 0.9 * dull ** rng.uniform(0.85, 1.1) * cast, 0.03, 1), np.float32)


def ink_at_850(picture: Map, paper: float, rng: np.random.Generator) -> Map:
    """Return a print's reflectance at 850 nm.

    Dye inks let nearly everything through, so the face fades to blank paper; carbon black (toner, pigment
    black) absorbs there as it does in the visible.
    """
    carbon = rng.choice(
        [rng.uniform(0.02, 0.12), rng.uniform(0.3, 0.5), rng.uniform(0.65, 0.9)], p=[0.5, 0.2, 0.3]
    )
    dark = 1 - np.clip(picture.mean(axis=2) / 0.95, 0, 1)
    return np.asarray(paper * (1 - carbon * dark), np.float32)
