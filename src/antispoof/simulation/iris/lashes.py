"""Lashes and brows: hairs that bend, taper and stick together.

Some 90 to 150 lashes of 8 to 12 mm stand on the upper lid, 70 to 80 of 6 to 8 mm on the lower (textbooks of
anatomy); they are some 0.07 mm thick, those of East Asians turn up less (S. Na et al., "Ethnic
characteristics of eyelashes", Br. J. Dermatol. 155, 2006). The sensor
sees them nearly from their tips, shortened. How many stick together is a guess by eye.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.iris.lids import lid_edges
from antispoof.simulation.iris.person import EyeState, Person
from antispoof.simulation.iris.view import Map, View

__all__ = ["hair_shadow"]

Points = NDArray[np.float64]
S = np.linspace(0, 1, 8)


def hair_shadow(
    view: View, person: Person, state: EyeState, rng: np.random.Generator, *, plastic: bool = False
) -> Map:
    """Return factors on the light, (H, W), 1 where no hair is."""
    alpha = np.zeros(view.x.shape, np.uint8)
    count, length, thick, dark = person.lashes
    if plastic:
        count, length, thick = 30, 6.0, 0.25
    for upper in (True, False):
        many = count if upper else round(count * (0.5 if plastic else person.sparse))
        if many:
            lines = _lashes(person, state, rng, many, length, upper=upper, plastic=plastic)
            _draw(alpha, view, person, lines, thick * (1.0 if upper else 0.7), dark, rng)
    if person.brow and not plastic:
        _draw(alpha, view, person, _brow(person, rng), 0.07, dark + 0.15, rng)
    # Nearer than the iris: a little out of focus.
    soft = cv2.GaussianBlur(alpha, (0, 0), 0.45 + 0.015 * view.pitch)
    return np.asarray(1 - soft.astype(np.float32) * np.float32(1 / 255), np.float32)


def _lashes(
    person: Person,
    state: EyeState,
    rng: np.random.Generator,
    many: int,
    length: float,
    *,
    upper: bool,
    plastic: bool,
) -> Points:
    """Return the courses of lashes, millimetres across and down, (count, points, 2)."""
    half = person.opening[0]
    at = np.linspace(-0.82, 0.97, many)
    if not plastic:
        at = np.sort(np.clip(at + rng.normal(0, 0.5 / many, many), -0.86, 1.0))
    top, bottom = lid_edges(person, state, at * half)
    # A lash leaves the lid towards the sensor: its tip is seen where it ends, its middle lower than straight.
    fan = 0.95 * at + 0.18 + rng.normal(0, 0.03 if plastic else 0.16, many)
    long = length * (0.55 + 0.45 * np.sin(np.pi * np.clip((at + 1) / 2.15, 0, 1)))
    long *= 1.0 if plastic else rng.uniform(0.55, 1.1, many)
    if upper:
        up = (0.9 if plastic else person.curl) + rng.normal(0, 0.0 if plastic else 0.14, many)
        side, rise = long * np.sin(fan) * 0.75, -long * np.cos(fan) * up
        sag = 0.13 * long * (1.0 - 0.55 * np.abs(at)) * np.sign(up)
        roots = top - 0.05
    else:
        long = long * 0.5
        side, rise = long * np.sin(fan) * 0.8, long * np.cos(fan) * (0.75 + rng.normal(0, 0.15, many))
        sag = -0.12 * long
        roots = bottom + (0.5 if not plastic else 0.1)
    tips = np.stack([at * half + side, roots + rise], -1)
    if not plastic:  # neighbours stick together at their tips
        bundle = np.cumsum(rng.random(many) < 1 / person.clump)
        size = np.bincount(bundle)
        means = np.stack([np.bincount(bundle, tips[:, k]) / np.maximum(size, 1) for k in (0, 1)], -1)
        tips += (means[bundle] - tips) * rng.uniform(0.3, 0.95, size.shape)[bundle, None]
    start = np.stack([at * half, roots], -1)
    bow = np.stack([np.zeros(many), sag], -1)
    s = S[None, :, None]
    pace = np.concatenate([s**1.7, s**1.1], -1)  # straight out of the lid first, then aside
    return np.asarray(start[:, None] + (tips - start)[:, None] * pace + bow[:, None] * 4 * s * (1 - s) ** 1.3)


def _brow(person: Person, rng: np.random.Generator) -> Points:
    """Return the courses of a brow's hairs, (count, points, 2): they lie towards the temple."""
    many, half, upper = 420, person.opening[0], person.opening[1]
    x = rng.uniform(-1.25, 1.3, many) * half
    spread = 1.5 * np.clip(1.15 - 0.45 * x / half, 0.3, None)
    middle = -upper - 9.0 - 1.6 * (1 - ((x / half - 0.35) / 1.2) ** 2)
    y = middle + rng.normal(0, 1, many) * spread * 0.6
    long = rng.uniform(2.0, 5.5, many)
    lean = rng.normal(0.12, 0.2, many) + 0.3 * (y - middle) / spread - 0.9 * (x < -0.7 * half)
    lean = np.clip(lean, -1.4, 1.2)
    s = S[None, :]
    across = x[:, None] + (long * np.cos(lean))[:, None] * s
    down = y[:, None] + (long * np.sin(lean))[:, None] * s + (0.1 * long)[:, None] * s * s
    return np.stack([across, down], -1)


def _draw(
    alpha: NDArray[np.uint8],
    view: View,
    person: Person,
    lines: Points,
    thick: float,
    dark: float,
    rng: np.random.Generator,
) -> None:
    """Draw hairs as lines of whole pixels, as opaque as they are thick: once all of it, then the roots."""
    cos, sin = np.cos(person.slant), np.sin(person.slant)
    across, down = person.side * lines[..., 0], lines[..., 1]
    ends = view.pixels(cos * across - sin * down, sin * across + cos * down)
    ends = np.moveaxis(np.rint(ends * 8), 0, -1).astype(np.int32)
    wide = max(1, round(thick * view.pitch))
    cover = min(1.0, thick * view.pitch / wide)
    shades = 255 * np.clip(1 - dark - rng.uniform(0, 0.3, len(ends)), 0.05, 1) * cover
    for part, share, width in ((slice(None), 0.62, max(1, wide - 1)), (slice(0, 5), 1.0, wide)):
        for line, shade in zip(ends[:, part], (share * shades).tolist(), strict=True):
            cv2.polylines(alpha, [line], False, shade, width, cv2.LINE_AA, 3)
