"""An eye before a sensor: what light comes back from every point, before the camera takes its picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.iris.person import EyeState, Person
from antispoof.simulation.iris.sensors import Sensor
from antispoof.simulation.iris.texture import ANGLES, RADII

__all__ = ["Globe", "View", "eye_light", "live_globe", "patterned", "smooth", "with_lamps"]

Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class View:
    """The plane through the eye, as the sensor sees it.

    Attributes:
        x: millimetres from the middle of the lids, (H, W), to the right.
        y: the same, downwards.
        pitch: pixels a millimetre.
    """

    x: Map
    y: Map
    pitch: float

    @classmethod
    def of(cls, sensor: Sensor, rng: np.random.Generator) -> View:
        """Aim a sensor at an eye, not quite in the middle, and slightly tilted."""
        rows, columns = sensor.shape
        free = max(0.0, min(rows, columns) / sensor.pitch / 2 - 6.5)
        aim = np.clip(rng.normal(0, 0.3 * free, 2) if free else np.zeros(2), -free, free)
        turn = rng.normal(0, 0.07)
        v, u = np.mgrid[:rows, :columns].astype(np.float32)
        u, v = (u - (columns - 1) / 2) / sensor.pitch, (v - (rows - 1) / 2) / sensor.pitch
        x = np.cos(turn) * u - np.sin(turn) * v + aim[0]
        y = np.sin(turn) * u + np.cos(turn) * v + aim[1]
        return cls(x.astype(np.float32), y.astype(np.float32), sensor.pitch)

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Return the column and row of a point in millimetres; the view is flat, so three corners tell."""
        left, top = float(self.x[0, 0]), float(self.y[0, 0])
        rows, columns = self.x.shape
        ax, ay = (float(each[0, -1] - each[0, 0]) / (columns - 1) for each in (self.x, self.y))
        bx, by = (float(each[-1, 0] - each[0, 0]) / (rows - 1) for each in (self.x, self.y))
        scale = ax * by - bx * ay
        return ((x - left) * by - (y - top) * bx) / scale, ((y - top) * ax - (x - left) * ay) / scale


@dataclass(frozen=True, slots=True)
class Globe:
    """The visible part of an eyeball.

    Attributes:
        light: light that comes back, (H, W), lids and lashes not yet before it.
        iris: x, y and radius of the limbus, millimetres.
        pupil: the same of the pupil.
    """

    light: Map
    iris: tuple[float, float, float]
    pupil: tuple[float, float, float]


def smooth(rng: np.random.Generator, shape: tuple[int, int], cells: float) -> Map:
    """Smooth noise of unit deviation with about so many bumps across."""
    rows, columns = (max(2, round(cells * side / max(shape))) for side in shape)
    small = rng.standard_normal((rows + 1, columns + 1)).astype(np.float32)
    return np.asarray(cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _step(distance: Map, width: float) -> Map:
    """0 where the distance is well below 0, 1 where it is well above."""
    t = np.clip(distance / width + np.float32(0.5), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def patterned(texture: Map, share: Map, angle: Map) -> Map:
    """Look a polar texture up: share of the way from pupil to limbus, and angle in radians."""
    wrapped = np.hstack([texture, texture[:, :1]])
    column = (angle % (2 * np.pi)) * (ANGLES / (2 * np.pi))
    row = np.clip(share, 0, 1) * (RADII - 1)
    return np.asarray(
        cv2.remap(wrapped, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR), np.float32
    )


def live_globe(view: View, person: Person, state: EyeState, rng: np.random.Generator) -> Globe:
    """A living eyeball: sclera with vessels, iris, and a pupil out of which hardly any light comes."""
    cx, cy = state.gaze
    px, py = cx + state.apart[0], cy + state.apart[1]
    pupil = state.pupil * person.iris_radius
    off = np.hypot(view.x - cx, view.y - cy)
    from_pupil = np.hypot(view.x - px, view.y - py)
    ball = np.sqrt(np.clip(1 - (off / 13.5) ** 2, 0.15, 1)).astype(np.float32)
    vessels = np.clip(smooth(rng, view.x.shape, 60) - 1.2, 0, 1) * np.float32(0.12)
    sclera = person.sclera * ball * (1 + np.float32(0.03) * smooth(rng, view.x.shape, 8)) - vessels
    share = (from_pupil - pupil) / np.maximum(person.iris_radius - pupil, 0.5)
    texture = patterned(person.texture, share, np.arctan2(view.y - py, view.x - px))
    shade = 1 + np.float32(0.25) * (0.5 - np.clip(share, 0, 1))  # the iris is a little darker outside
    iris = person.iris * shade * (1 + np.float32(person.contrast) * texture)
    light = iris + (sclera - iris) * _step(off - np.float32(person.iris_radius), person.limbus)
    light = state.pupil_light + (light - state.pupil_light) * _step(from_pupil - np.float32(pupil), 0.14)
    return Globe(light.astype(np.float32), (cx, cy, person.iris_radius), (px, py, pupil))


def with_lamps(
    view: View, light: Map, lamps: tuple[tuple[float, float, float], ...], level: float, x: float, y: float
) -> Map:
    """Add the mirror images of the lamps, in the cornea or in another shiny thing whose middle is x, y."""
    out = light.copy()
    for lx, ly, radius in lamps:
        distance = np.hypot(view.x - (x + lx), view.y - (y + ly))
        out += np.float32(level) * (1 - _step(distance - np.float32(radius), max(0.08, 0.4 * radius)))
    return out


def eye_light(
    view: View,
    person: Person,
    state: EyeState,
    sensor: Sensor,
    globe: Globe,
    rng: np.random.Generator,
    *,
    plastic: bool = False,
    lamps: bool = True,
) -> Map:
    """Put lids, skin, lashes and the reflections of the lamps before an eyeball.

    Args:
        view: where the sensor looks.
        person: whose lids.
        state: how they stand.
        sensor: whose lamps shine.
        globe: the eyeball.
        rng: of all that is drawn.
        plastic: a doll's skin: without pores, shiny, thick even lashes.
        lamps: whether they are mirrored in the cornea.

    Returns:
        float32, (H, W), 1 being a white sheet.
    """
    half, upper, lower = person.opening
    cos, sin = np.cos(person.slant), np.sin(person.slant)
    x, y = cos * view.x + sin * view.y, cos * view.y - sin * view.x
    lean = np.float32(0.12 * person.side) * x
    t = np.clip(np.abs(x) / half, 0, 1)
    top = -upper * state.lids * (1 - t**2.2) - 0.25 * lean * (1 - t)
    bottom = lower * (1 - t**2) * np.float32(min(state.lids, 1.05))
    from_top, from_bottom = y - top, bottom - y  # positive inside
    inside = _step(np.minimum(from_top, from_bottom).astype(np.float32), 0.25)
    light = globe.light.copy()
    light *= 1 - np.float32(0.45) * np.exp(-np.clip(from_top, 0, None) / np.float32(1.1))  # the lid's shadow
    if lamps:
        light = with_lamps(view, light, sensor.lamps, sensor.lamp_level, globe.iris[0], globe.iris[1])
    wet = np.exp(-(((from_bottom - 0.15) / 0.18) ** 2)) * (smooth(rng, light.shape, 40) > 1.1)
    light += np.float32(0.9 * state.wet) * wet.astype(np.float32)
    skin = _skin(view, person, state, rng, from_top, from_bottom, plastic)
    light = (skin + (light - skin) * inside).astype(np.float32)
    light *= _lashes(view, person, state, rng, plastic)
    if state.glasses:
        spots = [(rng.uniform(-14, 14), rng.uniform(-9, 9), rng.uniform(0.5, 2.2)) for _ in range(2)]
        light = with_lamps(view, light * np.float32(0.93), tuple(spots), 1.5, 0.0, 0.0)
    return np.clip(light, 0, 5)


def _skin(
    view: View,
    person: Person,
    state: EyeState,
    rng: np.random.Generator,
    from_top: Map,
    from_bottom: Map,
    plastic: bool,
) -> Map:
    shape = view.x.shape
    relief = np.float32(0.06) * smooth(rng, shape, 4) + np.float32(0.03) * smooth(rng, shape, 14)
    if not plastic:
        relief += np.float32(0.035 * person.pores) * smooth(rng, shape, 70)
        relief += np.float32(0.02 * person.pores) * np.sin(
            (2.2 + smooth(rng, shape, 5)) * np.where(from_bottom < 0, from_bottom, from_top)
        )
    skin = person.skin * (1 + relief)
    beyond = np.clip((np.abs(view.x) - person.opening[0]) / 2.5, 0, None)
    near = np.exp(-(beyond**2)).astype(np.float32)  # folds end at the corners
    if person.crease:
        skin *= 1 - np.float32(0.25) * near * np.exp(-(((from_top + person.crease) / 0.5) ** 2))
    skin *= 1 - np.float32(0.3) * near * np.exp(-np.clip(-np.minimum(from_top, from_bottom), 0, None) / 0.8)
    if state.makeup:
        skin *= 1 - np.float32(state.makeup) * near * np.exp(-np.abs(from_top) / 1.6)
    if plastic:
        gloss = np.clip(smooth(rng, shape, 3) - 1.2, 0, None) * np.float32(rng.uniform(0.2, 1.0))
    else:
        gloss = np.clip(smooth(rng, shape, 90) - 1.6, 0, None) * np.float32(0.5 * state.wet)
    return np.asarray(skin + gloss, np.float32)


def _lashes(view: View, person: Person, state: EyeState, rng: np.random.Generator, plastic: bool) -> Map:
    """Factors, 1 where no lash is."""
    half, upper, lower = person.opening
    mask = np.full(view.x.shape, 255, np.uint8)
    count, length, thick, dark = person.lashes
    if plastic:
        count, thick = 30, 2.2
    droop = rng.uniform(-0.3, 0.9)
    lines = []
    for is_upper, many in ((True, count), (False, count // 2)):
        starts = np.sort(rng.uniform(-0.95, 0.95, many)) if not plastic else np.linspace(-0.9, 0.9, many)
        clump = np.interp(starts, np.linspace(-1, 1, 12), rng.normal(0, 0.35, 12))
        for start, lean in zip(starts, clump, strict=True):
            x = start * half
            if is_upper:
                y = -upper * state.lids * (1 - abs(start) ** 2.2) - 0.03 * person.side * x * (1 - abs(start))
            else:
                y = lower * (1 - start**2) * min(state.lids, 1.05)
            long = length * (1.0 if is_upper else 0.45) * rng.uniform(0.5, 1.1) * (1 - 0.3 * abs(start))
            s = np.linspace(0, 1, 7)
            fan = np.clip(1.1 * start + 0.5 * lean, -1.3, 1.3)
            across = long * np.sin(fan) * (0.4 * s + 0.6 * s**2)
            # A lash leaves the lid towards the sensor, hangs down before it, and turns up at its end.
            along = long * np.cos(fan) * ((-droop if is_upper else -0.1) * s * (1 - s) * 1.6 + 0.8 * s**2)
            lines.append((x + across, y - along if is_upper else y + np.abs(along)))
    if person.brow and not plastic:
        for _ in range(160):
            x, y = rng.uniform(-16, 16), -upper - 9.5 + rng.normal(0, 1.0)
            run = np.linspace(0, 1, 3)
            lines.append(
                (x - person.side * rng.uniform(1, 4) * run, y + 0.012 * x**2 - rng.uniform(0, 1.5) * run)
            )
    cos, sin = np.cos(person.slant), np.sin(person.slant)
    width = max(1, round(thick * view.pitch / 14))
    for lx, ly in lines:
        ends = [view.pixel(cos * a - sin * b, sin * a + cos * b) for a, b in zip(lx, ly, strict=True)]
        line = np.rint(np.asarray(ends) * 8).astype(np.int32)
        shade = int(255 * min(1.0, dark + rng.uniform(0, 0.35)))
        cv2.polylines(mask, [line], False, shade, width, cv2.LINE_AA, 3)
    return np.asarray(cv2.GaussianBlur(mask, (3, 3), 0), np.float32) / np.float32(255)
