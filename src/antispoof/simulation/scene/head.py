"""A head, from the front: height, reflectance and temperature as maps in millimetres across the face.

The head is a height field over the plane of the face: x to the person's left as seen by the camera's right,
y down, both in millimetres from the point between the eyes; z towards the camera, 0 near the ears.
Everything that makes a person is drawn from one seed, everything that makes a recording (expression,
breathing, glasses) from another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.scene.grid import OUTSIDE, SHAPE, Map, Rng, band, coordinates, noise, strand_noise
from antispoof.simulation.scene.person import Person
from antispoof.simulation.scene.physics import (
    MATERIALS,
)
from antispoof.simulation.scene.skin import eye_opening, paint_brows, paint_eyes, skin_of, with_portrait

__all__ = ["Head", "make_head"]


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


def make_head(person: Person, rng: Rng, ambient_c: float, portrait: NDArray[np.uint8] | None = None) -> Head:
    """Sculpt and colour a person for one recording.

    Args:
        person: who.
        rng: expression, gaze, breathing.
        ambient_c: room temperature in °C; skin follows it by about a fifth.
        portrait: uint8, (H, W, 3), RGB, a frontal face cut from hairline to chin: the texture of the skin.
    """
    x, y = coordinates()
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
    z -= (1.2 + 2.2 * smile) * np.exp(-0.5 * (fold / 3.0) ** 2) * band(y, length - 6, s["mouth_y"] + 4, 5)
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
    neck = band(y, 70, 400, 8) * np.clip((55 * s["jaw"] - side) / 3, 0, 1)
    neck_z = 18 * np.sqrt(np.clip(1 - (side / (56 * s["jaw"])) ** 2, 0, 1)) - 5
    present = silhouette > 0
    height = np.where(present, z, OUTSIDE)
    height = np.maximum(height, np.where(neck > 0.5, neck_z, OUTSIDE))
    height = np.maximum(height, np.where(ear > 0.35, 4 + 10 * ear - 4 * np.exp(-(ear_side**2)), OUTSIDE))

    opening = eye_opening(x, y, ex, lids)
    colour, temperature = skin_of(person, rng, x, y, ex, my, seam, gap, upper, lower, fold, ambient_c)
    gloss = np.full(SHAPE, MATERIALS["skin"].gloss, np.float32)
    gloss += 0.05 * (
        bump(0, -38, 26, 14, both=False) + bump(0, length - 4, 7, 10, both=False) + 0.6 * bump(42, 20, 12, 9)
    )
    gloss += 0.10 * (upper + lower)
    if portrait is not None:
        colour = with_portrait(colour, portrait, x, y)
    else:
        paint_eyes(colour, gloss, person, rng, ex, opening)
        paint_brows(colour, person, ex)
    skin = skin_mask * (1 - opening)
    head = Head(
        height=height.astype(np.float32),
        reflectance=colour,
        temperature=temperature,
        emissivity=np.full(SHAPE, MATERIALS["skin"].emissivity, np.float32),
        gloss=gloss.astype(np.float32),
        skin=np.maximum(skin, neck).astype(np.float32),
        face=_face_oval(x, y, s).astype(np.float32),
        eyes=opening,
    )
    head = _with_hair(head, person, x, y, body, silhouette, ambient_c, portrait is not None)
    return _with_glasses(head, x, y, ex, ambient_c) if person.glasses and portrait is None else head


# Half-width of the head, and depth of its middle line, from the crown to below the chin, in millimetres.
_WIDTH_Y = (-118, -114, -106, -92, -70, -40, -10, 20, 48, 70, 88, 102, 112, 118, 121)
_WIDTH_X = (0, 22, 42, 57, 69, 75, 75.5, 72, 67, 61, 53, 42, 29, 15, 0)
_LINE_Y = (-118, -112, -100, -84, -60, -30, -16, -2, 20, 48, 68, 84, 100, 112, 121)
_LINE_Z = (20, 42, 62, 76, 86, 91, 92, 86, 88, 88, 90, 86, 88, 76, 44)


def _cranium(s: dict[str, float]) -> tuple[Map, Map]:
    """Return the height of the bare head without features, and how far a cell is inside its outline (0-1)."""
    x, y = coordinates()
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


def _face_oval(x: Map, y: Map, s: dict[str, float]) -> Map:
    upper = np.where(y < 20, (y - 20) / 82, (y - 20) / (96 * s["length"]))
    r = (np.abs(x) / (67 * s["width"])) ** 2.4 + np.abs(upper) ** 2.4
    return np.asarray(np.clip((1 - r) * 6, 0, 1), np.float32)


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
    strands = strand_noise(own, 2.6, 46)
    locks = 0.7 * strand_noise(own, 8, 60) + 0.5 * noise(own, 9)
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
