"""The colour and warmth of a face: skin, eyes, brows, or a portrait in their place."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.scene.grid import SHAPE, Map, Rng, band, coordinates, noise, rows_between
from antispoof.simulation.scene.person import Person
from antispoof.simulation.scene.physics import (
    MATERIALS,
    SKIN_DARK,
    SKIN_LIGHT,
    SKIN_TEMPERATURE_C,
)

__all__ = ["eye_opening", "paint_brows", "paint_eyes", "skin_of", "with_portrait"]


def eye_opening(x: Map, y: Map, ex: float, lids: float) -> Map:
    """Return where eyeballs are seen between the lids, 0 to 1; ``ex`` is half the distance of the eyes."""
    dx = (np.abs(x) - ex) / 14.0
    curve = np.clip(1 - dx**2, 0, 1)
    top, bottom = -(5.8 * lids) * curve**0.8, 4.0 * min(lids, 1.0) * curve
    above, below = np.clip((y - 1 - top) / 1.2, 0, 1), np.clip((bottom - y + 1) / 1.2, 0, 1)
    return np.asarray(above * below * (curve > 0.02), np.float32)


def skin_of(
    person: Person,
    rng: Rng,
    x: Map,
    y: Map,
    ex: float,
    my: float,
    seam: Any,
    gap: Any,
    upper: Any,
    lower: Any,
    fold: Any,
    ambient_c: float,
) -> tuple[Map, Map]:
    """Return reflectance (H, W, 4) and temperature (H, W) of bare skin with lips, beard and marks."""
    own = np.random.Generator(np.random.PCG64(person.seed + 3))
    side = np.abs(x)
    colour = _complexion(person.seed, person.melanin, ex).copy()

    def patch(cx: float, cy: float, sx: float, sy: float) -> Any:
        return np.exp(-0.5 * ((side - cx) / sx) ** 2) * np.exp(-0.5 * ((y - cy) / sy) ** 2)

    red = np.array([0.93, 0.52, 0.56, 0.96], np.float32) + 0.25 * person.melanin * np.array(
        [0, 1, 0.8, 0], np.float32
    )
    lips = np.clip(1.3 * (upper + lower), 0, 1)[..., None]
    colour *= 1 + lips * (red - 1)
    line = np.clip(np.exp(-0.5 * ((y - seam) / 1.3) ** 2) * (side < 25) * 0.55, 0, 1)[..., None]
    colour *= 1 - line * np.array([0.7, 0.75, 0.75, 0.3], np.float32)
    mouth = (np.clip(1 - np.abs(y - seam) / (gap / 2 + 0.01), 0, 1) > 0.05) & (gap > 0.8)
    colour[mouth] = (0.05, 0.02, 0.02, 0.10)
    teeth = mouth & (y < seam - gap * 0.12)
    colour[teeth] = (0.5, 0.47, 0.40, 0.4)
    colour *= 1 - 0.18 * (np.exp(-0.5 * (fold / 2.2) ** 2) * band(y, 36, my + 2, 6))[..., None]
    if person.beard > 0:
        zone = np.clip((y - 52 - 0.25 * (side - 30) * (side < 45) + 6 * (side > 45)) / 8, 0, 1) * (side > 0)
        zone *= 1 - np.clip(1 - ((side / 26) ** 2 + ((y - my) / 9) ** 2), 0, 1) ** 0.5
        zone = np.clip(zone + 0.5 * np.exp(-0.5 * ((y - my + 12) / 3.5) ** 2) * (side < 24), 0, 1)
        stubble = np.clip(0.72 + 0.28 * own.standard_normal(SHAPE, np.float32), 0, 1)
        cover = (person.beard * zone * stubble * np.clip((118 - y) / 8, 0, 1))[..., None] * 0.85
        colour += cover * (np.array(person.hair_colour, np.float32) * 1.3 - colour)

    t = SKIN_TEMPERATURE_C
    heat = t["cheek"] + (t["forehead"] - t["cheek"]) * np.clip((10 - y) / 45, 0, 1) + 0.5 * noise(rng, 22)
    heat += (t["nose"] - t["cheek"]) * patch(0, 30, 11, 14) * own.uniform(0.5, 1.6)
    heat += (t["eye_corner"] - t["cheek"]) * patch(ex - 15, 2, 5, 5) + 0.9 * patch(ex, 2, 13, 6)
    heat += 1.0 * np.clip(upper + lower, 0, 1) + (t["neck"] - t["cheek"]) * np.clip((y - 95) / 25, 0, 1)
    heat += (t["ear"] - t["cheek"]) * np.clip((side - 66) / 10, 0, 1) - 0.8 * patch(42, 34, 14, 14)
    breath = rng.uniform(-1, 1)  # cool while breathing in, warm while breathing out
    heat += 1.3 * breath * patch(5, 44, 4.5, 5)
    heat += 0.2 * (ambient_c - 22) + 0.07 * noise(rng, 4)
    return colour.astype(np.float32), heat.astype(np.float32)


@lru_cache(maxsize=16)
def _complexion(seed: int, melanin: float, ex: float) -> Map:
    """Return the reflectance (H, W, 4) of somebody's skin: melanin, blood, shadows under the eyes, moles."""
    own = np.random.Generator(np.random.PCG64(seed))
    x, y = coordinates()
    side = np.abs(x)

    def patch(cx: float, cy: float, sx: float, sy: float) -> Any:
        return np.exp(-0.5 * ((side - cx) / sx) ** 2) * np.exp(-0.5 * ((y - cy) / sy) ** 2)

    # Melanin mixes the two ends geometrically, as absorbers do.
    local = np.clip(melanin + 0.035 * noise(own, 9) + 0.05 * noise(own, 34), 0, 1.1)[..., None]
    light, dark = (np.log(np.array(c, np.float32)) for c in (SKIN_LIGHT, SKIN_DARK))
    colour = np.exp(light + (dark - light) * local)
    flush = patch(40, 26, 17, 15) * own.uniform(0.2, 1.0) + 0.6 * patch(0, 38, 10, 10)
    flush += 0.25 * np.clip(noise(own, 6), 0, 2)
    blood = (0.55 * (1 - 0.6 * melanin)) * flush[..., None]
    colour *= 1 - blood * np.array([0.06, 0.30, 0.24, 0.0], np.float32)
    shadow = patch(ex - 2, 8, 13, 8) * own.uniform(0.15, 0.6)
    colour *= 1 - shadow[..., None] * np.array([0.22, 0.26, 0.20, 0.04], np.float32)
    colour *= 1 + 0.035 * noise(own, 2.5)[..., None]
    for _ in range(int(own.integers(0, 9))):
        mx, my, r = own.uniform(-60, 60), own.uniform(-50, 100), own.uniform(0.8, 1.9)
        colour *= 1 - 0.7 * patch(mx, my, r, r)[..., None] * np.array([0.7, 0.9, 0.9, 0.2], np.float32)
    return np.asarray(colour, np.float32)


def paint_eyes(colour: Map, gloss: Map, person: Person, rng: Rng, ex: float, opening: Map) -> None:
    """Paint white, iris and pupil into the colours, and their shine into the gloss."""
    gaze_x, gaze_y = rng.normal(0, 1.2), rng.normal(0, 0.8)
    rows = rows_between(-18, 14)
    x, y = coordinates()
    y = y[rows]
    opened, part, shine = opening[rows], colour[rows], gloss[rows]  # views: painting them paints the maps
    eye = np.array(MATERIALS["eye"].reflectance, np.float32)
    iris = np.array([*person.iris, 0.32 if person.iris[0] < 0.1 else 0.42], np.float32)
    lid_shadow = 0.55 + 0.45 * np.clip((y + 4.5) / 4, 0, 1)
    for sign in (-1, 1):
        r = np.hypot(x - sign * ex - gaze_x, y - 0.6 - gaze_y)
        near = np.abs(x - sign * ex) < 18
        ball = eye * (1 - 0.25 * np.clip(np.abs(x - sign * ex) / 14, 0, 1))[..., None]
        limbus = np.clip((6.2 - r) / 1.0, 0, 1)[..., None]
        shade = (0.75 + 0.5 * np.clip((r - 2) / 4, 0, 1))[..., None]
        ball = ball + limbus * (iris * shade - ball)
        pupil = np.clip((2.3 - r) / 0.8, 0, 1)[..., None]
        ball = ball * (1 - pupil) + pupil * np.array([0.008, 0.008, 0.008, 0.03], np.float32)
        weight = opened * near
        part += weight[..., None] * (ball * lid_shadow[..., None] - part)
        shine += 0.25 * weight
    rim = np.clip(cv2.dilate(opened, np.ones((3, 3), np.uint8)) - opened, 0, 1) * (y < 1.5)
    part *= 1 - 0.7 * rim[..., None] * np.array([1, 1, 1, 0.5], np.float32)
    u = (np.abs(x) - ex) / 14
    crease = np.exp(-0.5 * ((y + 9.5 - 2.0 * u**2) / 1.3) ** 2) * (np.abs(u) < 1)
    part *= 1 - 0.22 * crease[..., None]


def paint_brows(colour: Map, person: Person, ex: float) -> None:
    """Paint the brows into the colours."""
    rows = rows_between(-40, 4)
    x, y = coordinates()
    u = (np.abs(x) - ex + 2) / 19
    arch = person.shape["brow_y"] - 3 * np.cos(np.clip(u, -1, 1) * 1.6) + 2.5
    thick = 3.0 * person.shape["brow_weight"] * np.clip(1.15 - 0.5 * u, 0.2, 1.4) + 0.5
    own = np.random.Generator(np.random.PCG64(person.seed + 1))
    rough = np.clip(0.8 + 0.25 * own.standard_normal(colour[rows].shape[:2], np.float32), 0, 1)
    cover = np.exp(-(((y[rows] - arch) / thick) ** 2)) * np.clip((1.05 - np.abs(u)) * 5, 0, 1) * rough
    cover = (cover * (0.55 + 0.4 * person.shape["brow_weight"]))[..., None]
    colour[rows] += cover * (np.array(person.hair_colour, np.float32) * 0.9 - colour[rows])


def with_portrait(colour: Map, portrait: NDArray[np.uint8], x: Map, y: Map) -> Map:
    """Lay a portrait over the face; hair and neck keep their procedural colour."""
    height, width = portrait.shape[:2]
    u = np.broadcast_to((x + 68) / 136 * width, SHAPE).astype(np.float32)
    v = np.broadcast_to((y + 78) / 196 * height, SHAPE).astype(np.float32)
    linear = (portrait.astype(np.float32) / 255) ** 2.2
    laid: Any = cv2.remap(linear, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    edge = np.clip(np.minimum.reduce([u / width, 1 - u / width, v / height, 1 - v / height]) * 12, 0, 1)
    # A flat light is assumed: divide out the slow shading that the studio left.
    shading = cv2.GaussianBlur(laid.mean(axis=2), (0, 0), 30) + 0.05
    middle = edge > 0.99
    laid = laid / shading[..., None]
    laid *= np.median(colour[..., :3][middle], axis=0) / np.median(laid[middle], axis=0)
    out = colour.copy()
    out[..., :3] += edge[..., None] * (np.clip(laid, 0.01, 0.9) - out[..., :3])
    dark = np.clip(1 - laid.mean(axis=2) / 0.12, 0, 1) * edge
    out[..., 3] *= 1 - 0.45 * dark
    return out.astype(np.float32)
