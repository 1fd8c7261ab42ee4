"""A head, from the front: height, reflectance and temperature as maps in millimetres across the face.

The head is a height field over the plane of the face: x to the person's left as seen by the camera's right,
y down, both in millimetres from the point between the eyes; z towards the camera, 0 near the ears.
Everything that makes a person is drawn from one seed, everything that makes a recording (expression,
breathing, glasses) from another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.scene.physics import (
    INTERPUPILLARY_MM,
    MATERIALS,
    SKIN_DARK,
    SKIN_LIGHT,
    SKIN_TEMPERATURE_C,
)

__all__ = ["GRID", "Head", "Person", "draw_person", "make_head"]

Map = NDArray[np.float32]
Rng = np.random.Generator
OUTSIDE = -400.0
"""Height where there is no head: behind everything."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The maps' raster.

    Attributes:
        width: cells across.
        height: cells down.
        step: millimetres a cell.
        left: x of the first column.
        top: y of the first row.
    """

    width: int = 120
    height: int = 174
    step: float = 2.0
    left: float = -120.0
    top: float = -148.0


GRID = Grid()
_SHAPE = (GRID.height, GRID.width)


@dataclass(frozen=True, slots=True)
class Person:
    """What stays the same from one recording of a person to the next.

    Attributes:
        melanin: 0 lightest to 1 darkest skin.
        shape: geometry by name, in millimetres or as factors.
        hair: ``bald``, ``short``, ``medium`` or ``long``.
        hair_colour: red, green, blue, 850 nm reflectance.
        beard: 0 none to 1 full.
        iris: red, green, blue reflectance.
        glasses: whether the person wears spectacles.
        seed: of the marks on the skin.
    """

    melanin: float
    shape: dict[str, float]
    hair: str
    hair_colour: tuple[float, float, float, float]
    beard: float
    iris: tuple[float, float, float]
    glasses: bool
    seed: int

    @property
    def skin_tone(self) -> str:
        """The tone in six steps, I lightest to VI darkest."""
        return ("I", "II", "III", "IV", "V", "VI")[min(5, int(self.melanin * 6))]


@dataclass(frozen=True, slots=True)
class Head:
    """Maps over `GRID`, float32.

    Attributes:
        height: millimetres, (H, W); `OUTSIDE` where there is nothing.
        reflectance: (H, W, 4), red, green, blue, 850 nm.
        temperature: °C, (H, W).
        emissivity: (H, W).
        gloss: (H, W).
        skin: 0 to 1, (H, W): how much light scatters below the surface.
        face: 0 to 1, (H, W): inside the oval of the face.
        eyes: 0 to 1, (H, W): the opening between the lids.
    """

    height: Map
    reflectance: Map
    temperature: Map
    emissivity: Map
    gloss: Map
    skin: Map
    face: Map
    eyes: Map

    def with_(self, **maps: Map) -> Head:
        """Return a copy with some maps replaced."""
        return replace(self, **maps)


def draw_person(rng: Rng) -> Person:
    """Draw somebody."""
    melanin = float(rng.uniform(0, 1) ** 1.5)
    dark_hair = rng.uniform() < 0.35 + 0.6 * melanin
    grey = rng.uniform() < 0.15
    colour = (0.020, 0.015, 0.012, 0.20) if dark_hair else _pick(rng, _HAIR_COLOURS)
    if grey:
        colour = (0.30, 0.29, 0.28, 0.45)
    male = rng.uniform() < 0.5
    hair = str(
        rng.choice(
            ["bald", "short", "medium", "long"], p=[0.12, 0.68, 0.15, 0.05] if male else [0, 0.2, 0.35, 0.45]
        )
    )
    brown, blue = (0.07, 0.04, 0.025), (0.16, 0.22, 0.28)
    return Person(
        melanin=melanin,
        shape={
            "ipd": float(np.clip(rng.normal(*INTERPUPILLARY_MM), 54, 73)),
            "width": float(rng.normal(1.0, 0.05)),
            "length": float(rng.normal(1.0, 0.04)),
            "jaw": float(rng.normal(1.04 if male else 0.95, 0.06)),
            "nose_length": float(rng.normal(42, 3)),
            "nose_width": float(rng.normal(1.0, 0.14)) * (1.0 + 0.22 * melanin),
            "nose_height": float(rng.normal(20 - 3 * melanin, 2.2)),
            "brow": float(rng.normal(4.5 if male else 2.5, 1.0)),
            "cheek": float(rng.normal(5.0, 1.5)),
            "lips": float(rng.normal(1.0 + 0.4 * melanin, 0.15)),
            "mouth_width": float(rng.normal(25, 2)),
            "mouth_y": float(rng.normal(68, 2.5)),
            "chin": float(rng.normal(5, 2)),
            "forehead": float(rng.normal(0, 3)),
            "hairline": float(rng.normal(-66 if male else -60, 6)),
            "brow_y": float(rng.normal(-17, 1.5)),
            "brow_weight": float(rng.uniform(0.5, 1.0)),
            "asymmetry": float(rng.normal(0, 0.8)),
        },
        hair=hair,
        hair_colour=colour,
        beard=float(rng.uniform(0.2, 1)) if male and rng.uniform() < 0.4 else 0.0,
        iris=brown if melanin > 0.45 or rng.uniform() < 0.5 else blue,
        glasses=bool(rng.uniform() < 0.25),
        seed=int(rng.integers(2**31)),
    )


_HAIR_COLOURS = (
    (0.09, 0.055, 0.03, 0.30),
    (0.30, 0.20, 0.10, 0.48),
    (0.16, 0.06, 0.025, 0.36),
    (0.05, 0.03, 0.02, 0.25),
)


def _pick(
    rng: Rng, options: tuple[tuple[float, float, float, float], ...]
) -> tuple[float, float, float, float]:
    return options[int(rng.integers(len(options)))]


def make_head(person: Person, rng: Rng, ambient_c: float, portrait: NDArray[np.uint8] | None = None) -> Head:
    """Sculpt and colour a person for one recording.

    Args:
        person: who.
        rng: expression, gaze, breathing.
        ambient_c: room temperature in °C; skin follows it by about a fifth.
        portrait: uint8, (H, W, 3), RGB, a frontal face cut from hairline to chin: the texture of the skin.
    """
    x, y = _coordinates()
    s = person.shape
    smile = float(rng.beta(1.3, 3.0))
    open_mouth = float(rng.choice([0.0, rng.uniform(0.2, 1.0)], p=[0.8, 0.2]))
    lids = float(np.clip(rng.normal(1.0, 0.12), 0.0, 1.2)) * (0.15 if rng.uniform() < 0.04 else 1.0)
    ear_side = (np.abs(x) - 76 * s["width"]) / 9
    body, silhouette = _cranium(s)
    ex = s["ipd"] / 2
    z = body.copy()
    side = np.abs(x)
    middle = x - s["asymmetry"]

    def bump(cx: float, cy: float, sx: float, sy: float, both: bool = True) -> Map:
        dx = (side if both else middle) - cx
        return np.asarray(np.exp(-0.5 * (dx / sx) ** 2) * np.exp(-0.5 * ((y - cy) / sy) ** 2), np.float32)

    # Nose: a ridge that rises from the nasion to the tip and drops to the lip, with wings.
    length, nose = s["nose_length"], s["nose_height"]
    along = np.clip((y + 4 - 0.02 * x**2) / length, 0, 1.3)
    rise = np.where(
        along <= 0.94, (along / 0.94) ** 1.3, 0.5 + 0.5 * np.cos(np.clip((along - 0.94) / 0.30, 0, 1) * np.pi)
    )
    across = (5.0 + 6.5 * np.clip(along, 0, 1)) * s["nose_width"]
    z += nose * rise * np.exp(-0.5 * (middle / across) ** 2)
    z += 6.5 * bump(12.5 * s["nose_width"], length - 5, 4.5, 4.5)
    # Eye sockets, brows, balls, bags.
    z -= 9.5 * bump(ex - 1, -2, 14, 10)
    z += s["brow"] * bump(ex - 4, s["brow_y"] + 1, 17, 6)
    z += 5.0 * bump(ex, 1, 11, 8.5)
    z -= 1.2 * bump(ex, 12, 11, 3)
    # Cheekbones, smile folds, lips, chin.
    z += (s["cheek"] + 2.5 * smile) * bump(44, 24 - 4 * smile, 15, 14)
    fold = side - (20 + 0.42 * (y - length + 4) + 4 * smile)
    z -= (1.2 + 2.2 * smile) * np.exp(-0.5 * (fold / 3.0) ** 2) * _band(y, length - 6, s["mouth_y"] + 4, 5)
    my, mw = s["mouth_y"], s["mouth_width"] * (1 + 0.16 * smile)
    seam = my - 4.5 * smile * np.clip(side / mw, 0, 1.3) ** 2
    gap = open_mouth * 7.0 * np.clip(1 - (side / (mw * 0.8)) ** 2, 0, 1)
    inside = np.clip(1 - (side / mw) ** 2, 0, 1)
    lip = s["lips"]
    upper = np.exp(-0.5 * ((y - seam + 3.4 + gap / 2) / 2.9) ** 2) * inside
    lower = np.exp(-0.5 * ((y - seam - 4.4 - gap / 2) / 3.6) ** 2) * inside
    z += lip * (3.6 * upper + 4.2 * lower) - 1.8 * np.exp(-0.5 * ((y - seam) / 1.1) ** 2) * inside
    z -= 8.0 * np.clip(1 - np.abs(y - seam) / (gap / 2 + 0.01), 0, 1) * (gap > 0.5)
    z += 1.4 * bump(3.5, my - 13, 2.2, 5) - 1.3 * bump(0, my - 13, 2.4, 5, both=False)
    z += s["chin"] * bump(0, 102, 16, 9, both=False) - 3.5 * bump(0, my + 16, 16, 5, both=False)
    ear = np.exp(-(((side - 79 * s["width"]) / 8) ** 4)) * np.exp(-(((y - 12) / 30) ** 4))

    skin_mask = np.clip(silhouette * 4, 0, 1)
    neck = _band(y, 70, 400, 8) * np.clip((55 * s["jaw"] - side) / 3, 0, 1)
    neck_z = 18 * np.sqrt(np.clip(1 - (side / (56 * s["jaw"])) ** 2, 0, 1)) - 5
    present = silhouette > 0
    height = np.where(present, z, OUTSIDE)
    height = np.maximum(height, np.where(neck > 0.5, neck_z, OUTSIDE))
    height = np.maximum(height, np.where(ear > 0.35, 4 + 10 * ear - 4 * np.exp(-(ear_side**2)), OUTSIDE))

    opening = _eye_opening(x, y, ex, lids)
    colour, temperature = _skin(person, rng, x, y, ex, my, seam, gap, upper, lower, fold, ambient_c)
    gloss = np.full(_SHAPE, MATERIALS["skin"].gloss, np.float32)
    gloss += 0.05 * (
        bump(0, -38, 26, 14, both=False) + bump(0, length - 4, 7, 10, both=False) + 0.6 * bump(42, 20, 12, 9)
    )
    gloss += 0.10 * (upper + lower)
    if portrait is not None:
        colour = _with_portrait(colour, portrait, x, y)
    else:
        _paint_eyes(colour, gloss, person, rng, ex, opening)
        _paint_brows(colour, person, ex)
    skin = skin_mask * (1 - opening)
    head = Head(
        height=height.astype(np.float32),
        reflectance=colour,
        temperature=temperature,
        emissivity=np.full(_SHAPE, MATERIALS["skin"].emissivity, np.float32),
        gloss=gloss.astype(np.float32),
        skin=np.maximum(skin, neck).astype(np.float32),
        face=_face_oval(x, y, s).astype(np.float32),
        eyes=opening,
    )
    head = _with_hair(head, person, x, y, body, silhouette, ambient_c, portrait is not None)
    return _with_glasses(head, x, y, ex, ambient_c) if person.glasses and portrait is None else head


@lru_cache(maxsize=1)
def _coordinates() -> tuple[Map, Map]:
    """Return x (1, W) and y (H, 1), to be broadcast: what depends on one alone costs next to nothing."""
    xs = GRID.left + GRID.step * np.arange(GRID.width)
    ys = GRID.top + GRID.step * np.arange(GRID.height)
    return xs.astype(np.float32)[None, :], ys.astype(np.float32)[:, None]


# Half-width of the head, and depth of its middle line, from the crown to below the chin, in millimetres.
_WIDTH_Y = (-118, -114, -106, -92, -70, -40, -10, 20, 48, 70, 88, 102, 112, 118, 121)
_WIDTH_X = (0, 22, 42, 57, 69, 75, 75.5, 72, 67, 61, 53, 42, 29, 15, 0)
_LINE_Y = (-118, -112, -100, -84, -60, -30, -16, -2, 20, 48, 68, 84, 100, 112, 121)
_LINE_Z = (20, 42, 62, 76, 86, 91, 92, 86, 88, 88, 90, 86, 88, 76, 44)


def _cranium(s: dict[str, float]) -> tuple[Map, Map]:
    """Return the height of the bare head without features, and how far a cell is inside its outline (0-1)."""
    x, y = _coordinates()
    ys = y[:, :1] / s["length"]
    half = np.interp(ys, _WIDTH_Y, _WIDTH_X).astype(np.float32) * np.float32(s["width"])
    jaw = np.clip((ys - 20) / 60, 0, 1)
    half = half * (1 + (s["jaw"] - 1) * jaw)
    line = np.interp(ys, _LINE_Y, _LINE_Z).astype(np.float32)
    line = cv2.GaussianBlur(line, (1, 15), 0).reshape(-1, 1) + s["forehead"] * np.exp(
        -(((ys + 60) / 25) ** 2)
    )
    ratio = np.abs(x) / np.maximum(half, 0.1)
    inside = np.clip(1 - ratio, 0, 1) * (half > 2)
    profile = np.clip(1 - np.clip(ratio, 0, 1) ** 2.35, 0, 1) ** (1 / 2.1)
    return (line * profile).astype(np.float32), inside.astype(np.float32)


def _band(y: Map, low: float, high: float, soft: float) -> Map:
    return np.asarray(np.clip((y - low) / soft, 0, 1) * np.clip((high - y) / soft, 0, 1), np.float32)


def _noise(rng: Rng, sigma: float) -> Map:
    """Return smooth noise over the grid: mean 0, variance near 1, correlated over ``sigma`` millimetres."""
    cells = max(2.0, sigma / GRID.step)
    shape = (max(4, int(GRID.height / cells) + 3), max(4, int(GRID.width / cells) + 3))
    coarse = rng.standard_normal(shape, np.float32)
    return np.asarray(
        cv2.resize(coarse, (GRID.width, GRID.height), interpolation=cv2.INTER_CUBIC), np.float32
    )


def _strands(rng: Rng, across: float, along: float) -> Map:
    """Return noise drawn out downwards: unit variance, correlated over so many millimetres."""
    shape = (int(GRID.height * GRID.step / along) + 3, int(GRID.width * GRID.step / across) + 3)
    coarse = rng.standard_normal(shape, np.float32)
    return np.asarray(
        cv2.resize(coarse, (GRID.width, GRID.height), interpolation=cv2.INTER_CUBIC), np.float32
    )


def _face_oval(x: Map, y: Map, s: dict[str, float]) -> Map:
    upper = np.where(y < 20, (y - 20) / 82, (y - 20) / (96 * s["length"]))
    r = (np.abs(x) / (67 * s["width"])) ** 2.4 + np.abs(upper) ** 2.4
    return np.asarray(np.clip((1 - r) * 6, 0, 1), np.float32)


def _eye_opening(x: Map, y: Map, ex: float, lids: float) -> Map:
    dx = (np.abs(x) - ex) / 14.0
    curve = np.clip(1 - dx**2, 0, 1)
    top, bottom = -(5.8 * lids) * curve**0.8, 4.0 * min(lids, 1.0) * curve
    above, below = np.clip((y - 1 - top) / 1.2, 0, 1), np.clip((bottom - y + 1) / 1.2, 0, 1)
    return np.asarray(above * below * (curve > 0.02), np.float32)


def _skin(
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
    colour *= 1 - 0.18 * (np.exp(-0.5 * (fold / 2.2) ** 2) * _band(y, 36, my + 2, 6))[..., None]
    if person.beard > 0:
        zone = np.clip((y - 52 - 0.25 * (side - 30) * (side < 45) + 6 * (side > 45)) / 8, 0, 1) * (side > 0)
        zone *= 1 - np.clip(1 - ((side / 26) ** 2 + ((y - my) / 9) ** 2), 0, 1) ** 0.5
        zone = np.clip(zone + 0.5 * np.exp(-0.5 * ((y - my + 12) / 3.5) ** 2) * (side < 24), 0, 1)
        stubble = np.clip(0.72 + 0.28 * own.standard_normal(_SHAPE, np.float32), 0, 1)
        cover = (person.beard * zone * stubble * np.clip((118 - y) / 8, 0, 1))[..., None] * 0.85
        colour += cover * (np.array(person.hair_colour, np.float32) * 1.3 - colour)

    t = SKIN_TEMPERATURE_C
    heat = t["cheek"] + (t["forehead"] - t["cheek"]) * np.clip((10 - y) / 45, 0, 1) + 0.5 * _noise(rng, 22)
    heat += (t["nose"] - t["cheek"]) * patch(0, 30, 11, 14) * own.uniform(0.5, 1.6)
    heat += (t["eye_corner"] - t["cheek"]) * patch(ex - 15, 2, 5, 5) + 0.9 * patch(ex, 2, 13, 6)
    heat += 1.0 * np.clip(upper + lower, 0, 1) + (t["neck"] - t["cheek"]) * np.clip((y - 95) / 25, 0, 1)
    heat += (t["ear"] - t["cheek"]) * np.clip((side - 66) / 10, 0, 1) - 0.8 * patch(42, 34, 14, 14)
    breath = rng.uniform(-1, 1)  # cool while breathing in, warm while breathing out
    heat += 1.3 * breath * patch(5, 44, 4.5, 5)
    heat += 0.2 * (ambient_c - 22) + 0.07 * _noise(rng, 4)
    return colour.astype(np.float32), heat.astype(np.float32)


@lru_cache(maxsize=16)
def _complexion(seed: int, melanin: float, ex: float) -> Map:
    """Return the reflectance (H, W, 4) of somebody's skin: melanin, blood, shadows under the eyes, moles."""
    own = np.random.Generator(np.random.PCG64(seed))
    x, y = _coordinates()
    side = np.abs(x)

    def patch(cx: float, cy: float, sx: float, sy: float) -> Any:
        return np.exp(-0.5 * ((side - cx) / sx) ** 2) * np.exp(-0.5 * ((y - cy) / sy) ** 2)

    # Melanin mixes the two ends geometrically, as absorbers do.
    local = np.clip(melanin + 0.035 * _noise(own, 9) + 0.05 * _noise(own, 34), 0, 1.1)[..., None]
    light, dark = (np.log(np.array(c, np.float32)) for c in (SKIN_LIGHT, SKIN_DARK))
    colour = np.exp(light + (dark - light) * local)
    flush = patch(40, 26, 17, 15) * own.uniform(0.2, 1.0) + 0.6 * patch(0, 38, 10, 10)
    flush += 0.25 * np.clip(_noise(own, 6), 0, 2)
    blood = (0.55 * (1 - 0.6 * melanin)) * flush[..., None]
    colour *= 1 - blood * np.array([0.06, 0.30, 0.24, 0.0], np.float32)
    shadow = patch(ex - 2, 8, 13, 8) * own.uniform(0.15, 0.6)
    colour *= 1 - shadow[..., None] * np.array([0.22, 0.26, 0.20, 0.04], np.float32)
    colour *= 1 + 0.035 * _noise(own, 2.5)[..., None]
    for _ in range(int(own.integers(0, 9))):
        mx, my, r = own.uniform(-60, 60), own.uniform(-50, 100), own.uniform(0.8, 1.9)
        colour *= 1 - 0.7 * patch(mx, my, r, r)[..., None] * np.array([0.7, 0.9, 0.9, 0.2], np.float32)
    return np.asarray(colour, np.float32)


def _paint_eyes(colour: Map, gloss: Map, person: Person, rng: Rng, ex: float, opening: Map) -> None:
    gaze_x, gaze_y = rng.normal(0, 1.2), rng.normal(0, 0.8)
    rows = _rows(-18, 14)
    x, y = _coordinates()
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


def _paint_brows(colour: Map, person: Person, ex: float) -> None:
    rows = _rows(-40, 4)
    x, y = _coordinates()
    u = (np.abs(x) - ex + 2) / 19
    arch = person.shape["brow_y"] - 3 * np.cos(np.clip(u, -1, 1) * 1.6) + 2.5
    thick = 3.0 * person.shape["brow_weight"] * np.clip(1.15 - 0.5 * u, 0.2, 1.4) + 0.5
    own = np.random.Generator(np.random.PCG64(person.seed + 1))
    rough = np.clip(0.8 + 0.25 * own.standard_normal(colour[rows].shape[:2], np.float32), 0, 1)
    cover = np.exp(-(((y[rows] - arch) / thick) ** 2)) * np.clip((1.05 - np.abs(u)) * 5, 0, 1) * rough
    cover = (cover * (0.55 + 0.4 * person.shape["brow_weight"]))[..., None]
    colour[rows] += cover * (np.array(person.hair_colour, np.float32) * 0.9 - colour[rows])


def _rows(top: float, bottom: float) -> slice:
    """Return the rows of the grid between two heights in millimetres."""
    return slice(int((top - GRID.top) / GRID.step), int((bottom - GRID.top) / GRID.step))


def _with_portrait(colour: Map, portrait: NDArray[np.uint8], x: Map, y: Map) -> Map:
    """Lay a portrait over the face; hair and neck keep their procedural colour."""
    height, width = portrait.shape[:2]
    u = np.broadcast_to((x + 68) / 136 * width, _SHAPE).astype(np.float32)
    v = np.broadcast_to((y + 78) / 196 * height, _SHAPE).astype(np.float32)
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


def _with_hair(
    head: Head,
    person: Person,
    x: Map,
    y: Map,
    body: Map,
    silhouette: Map,
    ambient_c: float,
    keep_face: bool,
) -> Head:
    s, side = person.shape, np.abs(x)
    own = np.random.Generator(np.random.PCG64(person.seed + 2))
    if person.hair == "bald":
        return head
    strands = _strands(own, 2.6, 46)
    locks = 0.7 * _strands(own, 8, 60) + 0.5 * _noise(own, 9)
    short = person.hair == "short"
    thick = {"short": 8.0, "medium": 14.0, "long": 13.0}[person.hair] + 1.5 * own.standard_normal()
    bottom = {"short": 6.0, "medium": 66.0, "long": 400.0}[person.hair] + 8 * own.standard_normal()
    rows = y[:, :1]
    half = np.interp(rows / s["length"] * 0.94, _WIDTH_Y, _WIDTH_X).astype(np.float32) * s["width"]
    hanging = 78 * s["width"] + 0.07 * np.clip(rows, 0, 90) + own.normal(0, 3)
    half = np.where(rows < -10, half, np.maximum(half, hanging))
    outline = half + thick - side + (0.8 if short else 1.6) * locks
    outline = np.where(y / s["length"] < -112 - thick, -1.0, outline)
    fringe = s["hairline"] + 6 * own.standard_normal() - 0.0022 * side**2 + 2.0 * locks + 1.2 * strands
    temple = 64 * s["width"] - np.clip(-(y + 40) / 40, 0, 1) * 14 + (5 if short else -3)
    temple = temple - np.clip((y - 45) / 60, 0, 1) * 17  # below the jaw, hair closes in on the neck
    if keep_face:
        fringe, temple = fringe - 10, temple + 4
    covers = (
        ((y < fringe) | (side > temple + 1.2 * locks)) & (outline > 0) & (y < bottom + 5 * locks + 0.1 * side)
    )
    if short:
        covers &= ~((y > -12) & (side < 73 * s["width"]))
    soft = cv2.GaussianBlur(covers.astype(np.float32), (0, 0), 0.8)
    arch = np.interp(rows, (-135, -100, -60, 400), (20, 66, 92, 30)).astype(np.float32)
    dome = np.sqrt(np.clip(1 - (side / (half + thick + 1)) ** 2, 0, 1)) * arch
    bulk = np.maximum(body * (silhouette > 0), dome * 0.9) + 0.45 * thick + 0.9 * locks + 0.5 * strands
    bulk = np.where(y > 0, np.minimum(bulk, 34 + 2 * locks - 0.12 * np.clip(y, 0, 200)), bulk)
    above = np.maximum(bulk, np.where(head.height > OUTSIDE, head.height - 1.0, OUTSIDE))
    height = np.where(covers, above, head.height)
    tone = np.clip(1 + 0.30 * strands + 0.18 * locks, 0.35, 1.9)[..., None]
    colour = head.reflectance + soft[..., None] * (
        np.array(person.hair_colour, np.float32) * tone - head.reflectance
    )
    outer = np.clip(outline / (thick + 10), 0, 1)
    hair_c = ambient_c + (32.5 - ambient_c) * (0.35 + 0.4 * outer)
    return head.with_(
        height=height.astype(np.float32),
        reflectance=colour.astype(np.float32),
        temperature=(head.temperature + soft * (hair_c + 0.3 * locks - head.temperature)).astype(np.float32),
        emissivity=head.emissivity + soft * (MATERIALS["hair"].emissivity - 0.98),
        gloss=head.gloss + soft * (MATERIALS["hair"].gloss - head.gloss),
        skin=head.skin * (1 - soft),
    )


def _with_glasses(head: Head, x: Map, y: Map, ex: float, ambient_c: float) -> Head:
    """Put spectacles on: glass shows the eyes to the camera and hides them from the thermal one."""
    r = (np.abs((np.abs(x) - ex) / 25) ** 2.6 + np.abs((y - 5) / 19) ** 2.6) ** (1 / 2.6)
    lens = np.clip((1 - r) * 25, 0, 1)
    rim = np.clip(1.4 - np.abs(r - 1.0) * 24, 0, 1)
    rim = np.maximum(rim, (np.abs(y + 3) < 1.8) * (np.abs(x) < ex - 22))
    rim = np.maximum(rim, (np.abs(y + 4) < 2.0) * (np.abs(x) > ex + 24) * (np.abs(x) < 76)).astype(np.float32)
    frame, glass = MATERIALS["frame"], MATERIALS["spectacle_lens"]
    colour = head.reflectance * (1 - 0.10 * lens[..., None])
    colour = colour + rim[..., None] * (np.array(frame.reflectance, np.float32) - colour)
    cover = np.maximum(lens, rim)
    cool = ambient_c + 0.35 * (33 - ambient_c)
    return head.with_(
        height=np.where(rim > 0.4, np.maximum(head.height, 96.0), head.height).astype(np.float32),
        reflectance=colour.astype(np.float32),
        temperature=(head.temperature + cover * (cool - head.temperature)).astype(np.float32),
        emissivity=(head.emissivity + cover * (glass.emissivity - head.emissivity)).astype(np.float32),
        gloss=(head.gloss + 0.35 * lens + 0.1 * rim).astype(np.float32),
    )
