"""A living person in front of a webcam or phone: the light of the room, then the camera's rendering of it.

Made from a studio portrait, which has none of the variety of a desk at night: side light, soft shadows,
lamps of every colour, exposure that misses, a smudged lens, a missed focus. Realism here matters more than in
the attacks, because whatever a simulated bona fide never shows is taken for an attack later.
"""

from __future__ import annotations

import numpy as np

from antispoof.simulation.face.optics import blur, defocus
from antispoof.simulation.face.tone import (
    Picture,
    cast,
    display,
    gradient,
    linear,
    ramp,
    s_curve,
    saturate,
    shoulder,
)

__all__ = ["low_light", "relight", "room"]

_HAZE_SHARE = 0.15
_SIDE_LIGHT_SHARE = 0.12
_DEFOCUS_SHARE = 0.1


def soft_shadow(light: Picture, rng: np.random.Generator) -> Picture:
    """A soft shadow edge across the picture; the dark side keeps 35 to 90 % of the light."""
    edge = ramp(light.shape[:2], rng.uniform(0, 2 * np.pi)) - rng.uniform(-0.3, 0.3)
    dark = rng.uniform(0.35, 0.9)
    lit = 1 / (1 + np.exp(np.clip(-edge / rng.uniform(0.02, 0.2), -30, 30)))
    return np.asarray(light * (dark + (1 - dark) * lit), np.float32)


def side_light(light: Picture, rng: np.random.Generator) -> Picture:
    """A lamp or window hard from one side: the far side keeps 6 to 40 % of the light, behind a sharp edge."""
    edge = ramp(light.shape[:2], rng.choice([0.0, np.pi]) + rng.normal(0, 0.4)) - rng.normal(0, 0.08)
    dark = np.exp(rng.uniform(np.log(0.06), np.log(0.4)))
    lit = 1 / (1 + np.exp(np.clip(-edge / rng.uniform(0.01, 0.06), -30, 30)))
    return np.asarray(light * (dark + (1 - dark) * lit), np.float32)


def haze(light: Picture, rng: np.random.Generator) -> Picture:
    """Veiling glare of a smudged lens or a window behind: 4 to 35 % of the light, evenly or from one side."""
    share = np.exp(rng.uniform(np.log(0.04), np.log(0.35)))
    tint = np.exp(rng.normal(0, 0.08, 3)).astype(np.float32) * light.mean()
    uneven = 1 + rng.uniform(0, 1.5) * ramp(light.shape[:2], rng.uniform(0, 2 * np.pi))
    return np.asarray(light * (1 - share) + share * tint * uneven, np.float32)


def room(picture: Picture, rng: np.random.Generator) -> Picture:
    """Ordinary room light, display values in and out."""
    light = linear(picture)
    if rng.random() < _SIDE_LIGHT_SHARE:
        light = side_light(light, rng)
    if rng.random() < 0.7:
        light = gradient(light, abs(rng.normal(0, 0.55)), rng.uniform(0, 2 * np.pi))
    if rng.random() < 0.3:
        light = soft_shadow(light, rng)
    light = light * np.float32(np.exp(rng.normal(-0.15, 0.55)))
    temperature = rng.normal(0, 0.10)
    light = cast(light, temperature, rng.normal(0, 0.05), -temperature)
    if rng.random() < _HAZE_SHARE:
        light = haze(light, rng)
    if rng.random() < 0.3:
        light = shoulder(light, rng.uniform(0.5, 0.9))
    seen = display(light)
    if rng.random() < _DEFOCUS_SHARE:
        seen = defocus(seen, rng.uniform(1, 3.5))
    if rng.random() < 0.5:
        seen = s_curve(seen, rng.uniform(-0.5, 1.2))
    return saturate(seen, rng.uniform(0.65, 1.25))


def low_light(picture: Picture, rng: np.random.Generator) -> Picture:
    """A dim room: little light, missed white balance, lifted black, noise. Display values in and out."""
    light = gradient(linear(picture), abs(rng.normal(0, 0.8)), rng.uniform(0, 2 * np.pi))
    light = light * np.float32(np.exp(rng.uniform(np.log(0.06), np.log(0.5))))
    if rng.random() < _HAZE_SHARE:
        light = haze(light, rng)
    temperature = rng.normal(0, 0.12)
    light = cast(light, temperature, rng.normal(0, 0.07), -temperature) + np.float32(
        abs(rng.normal(0, 0.008))
    )
    seen = saturate(s_curve(display(light), rng.uniform(-0.6, 0.6)), rng.uniform(0.4, 1.1))
    seen = blur(seen, rng.uniform(0, 1.1))
    if rng.random() < 0.6:
        sigma = np.exp(rng.uniform(np.log(0.008), np.log(0.03)))
        seen = seen + rng.normal(0, sigma, seen.shape).astype(np.float32)
    return np.clip(seen, 0, 1)


def relight(picture: Picture, rng: np.random.Generator, low_light_share: float = 0.3) -> Picture:
    """Put the person into a room (70 %) or a dim one (30 %). Display values in and out."""
    return low_light(picture, rng) if rng.random() < low_light_share else room(picture, rng)
