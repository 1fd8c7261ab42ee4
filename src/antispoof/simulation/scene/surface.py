"""What the cameras see: layers met by the rays of one pinhole camera, nearest first.

All sensors share the pinhole, so their pictures are aligned, as those of a calibrated multi-sensor device
are after registration. Camera coordinates: x right, y down, z forward, millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.scene.grid import GRID
from antispoof.simulation.scene.head import Head
from antispoof.simulation.scene.physics import MATERIALS

__all__ = ["Panel", "Pose", "Surface", "background", "lay_fingers", "lay_head", "lay_panel", "lay_torso"]

Map = NDArray[np.float32]
_LEVELS = np.linspace(124, -26, 11, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Pose:
    """Where something stands.

    Attributes:
        centre: its origin in camera coordinates.
        yaw: degrees, around the vertical.
        pitch: degrees, nodding.
        roll: degrees, in the picture.
    """

    centre: tuple[float, float, float]
    yaw: float
    pitch: float
    roll: float

    def further(self, millimetres: float) -> Pose:
        """Return the pose so much further from the camera, along the line of sight."""
        x, y, z = self.centre
        scale = (z + millimetres) / z
        return replace(self, centre=(x * scale, y * scale, z + millimetres))

    def rotation(self) -> NDArray[np.float64]:
        """Return the matrix that turns the thing's axes into the camera's."""
        a, b, c = np.radians((self.yaw, self.pitch, self.roll))
        ry = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        rx = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
        rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
        return np.asarray(rz @ rx @ ry)


@dataclass(slots=True)
class Surface:
    """One value per ray; layers overwrite what lies behind them.

    Attributes:
        z: depth along the optical axis, mm.
        normal: (H, W, 3), unit length, towards the camera.
        reflectance: (H, W, 4), red, green, blue, 850 nm.
        emission: (H, W, 3), light of its own, relative to white paper under the scene's light.
        temperature: °C.
        emissivity: 0 to 1.
        gloss: 0 to 1.
        skin: 0 to 1, light scatters below the surface.
        open: 0 to 1, how much of the surroundings a point sees.
        u: x / z of the ray.
        v: y / z of the ray.
    """

    z: Map
    normal: Map
    reflectance: Map
    emission: Map
    temperature: Map
    emissivity: Map
    gloss: Map
    skin: Map
    open: Map
    u: Map
    v: Map

    def below(self, row: int) -> Surface:
        """Return the rows from ``row`` on: a view, so what is put there is put here."""
        return Surface(**{field.name: getattr(self, field.name)[row:] for field in fields(self)})

    def put(self, mask: NDArray[np.bool_], **maps: Any) -> None:
        """Write maps (arrays over the whole raster, or constants) where ``mask`` holds."""
        for name, value in maps.items():
            target = getattr(self, name)
            np.copyto(target, value, where=mask if target.ndim == 2 else mask[..., None])


@dataclass(frozen=True, slots=True)
class Panel:
    """A sheet or a screen.

    Attributes:
        pose: of its middle.
        width: mm.
        height: mm.
        reflectance: (h, w, 4) picture over the panel.
        emission: (h, w, 3).
        temperature: (h, w), °C.
        present: (h, w), 0 to 1: where there is material; holes are 0.
        emissivity: of the surface.
        gloss: of the surface.
        bend: 1/mm; how strongly it bends back around its vertical middle line.
    """

    pose: Pose
    width: float
    height: float
    reflectance: Map
    emission: Map
    temperature: Map
    present: Map
    emissivity: float
    gloss: float
    bend: float = 0.0


def background(size: int, view: float, rng: np.random.Generator, ambient_c: float, glow: float) -> Surface:
    """Return a wall with blurred furniture behind everything.

    Args:
        size: rays across and down.
        view: full angle of view in degrees.
        rng: what stands there.
        ambient_c: room temperature.
        glow: light that comes out of the background itself (a window behind the person).
    """
    edge = np.tan(np.radians(view) / 2)
    axis = np.linspace(-edge, edge, size, dtype=np.float32)
    u, v = np.meshgrid(axis, axis)
    wall = MATERIALS["wall"]
    small = 48
    tint = np.array(wall.reflectance, np.float32) * np.clip(1 + 0.18 * rng.standard_normal(4), 0.4, 1.5)
    colour: Any = np.tile(tint.astype(np.float32), (small, small, 1))
    depth = np.full((small, small), rng.uniform(1100, 2800), np.float32)
    heat = np.full((small, small), ambient_c, np.float32)
    for _ in range(int(rng.integers(2, 7))):
        x0, x1 = sorted(rng.integers(0, small, 2))
        y0, y1 = sorted(rng.integers(0, small, 2))
        box = (slice(y0, max(y1, y0 + 4)), slice(x0, max(x1, x0 + 4)))
        colour[box] = np.append(
            rng.uniform(0.04, 0.7) * np.clip(1 + 0.3 * rng.standard_normal(3), 0.3, 1.6),
            rng.uniform(0.2, 0.7),
        )
        depth[box] = np.minimum(depth[box], rng.uniform(900, 2600))
        heat[box] = ambient_c + rng.normal(0, 0.8)
    colour = cv2.GaussianBlur(colour, (0, 0), 0.9)
    full: Any = cv2.resize(
        np.dstack([colour, cv2.GaussianBlur(heat, (0, 0), 1.5)]), (size, size), interpolation=cv2.INTER_LINEAR
    )
    far: Any = cv2.resize(depth, (size, size), interpolation=cv2.INTER_NEAREST)
    shape = (size, size)
    normal = np.zeros((*shape, 3), np.float32)
    normal[..., 2] = -1
    patches: Any = cv2.GaussianBlur((rng.uniform(size=(8, 8)) > 0.55).astype(np.float32), (0, 0), 0.8)
    lit: Any = cv2.resize(patches, shape, interpolation=cv2.INTER_CUBIC)
    return Surface(
        z=far.astype(np.float32),
        normal=normal,
        reflectance=np.ascontiguousarray(full[..., :4]),
        emission=np.repeat(np.clip(lit, 0, 1)[..., None] * glow, 3, axis=2).astype(np.float32),
        temperature=np.ascontiguousarray(full[..., 4]),
        emissivity=np.full(shape, wall.emissivity, np.float32),
        gloss=np.zeros(shape, np.float32),
        skin=np.zeros(shape, np.float32),
        open=np.ones(shape, np.float32),
        u=u,
        v=v,
    )


def lay_torso(surface: Surface, pose: Pose, rng: np.random.Generator, ambient_c: float) -> None:
    """Put clothed shoulders below a head at ``pose``."""
    cx, cy, cz = pose.centre
    surface = surface.below(int(np.searchsorted(surface.v[:, 0], (cy + 105) / (cz + 95))))
    z: Any = np.full_like(surface.z, cz + 70)
    for _ in range(2):
        x = surface.u * z - cx
        z = cz + 95 - 75 * np.sqrt(np.clip(1 - (x / 235) ** 2, 0.02, 1))
    x, y = surface.u * z - cx, surface.v * z - cy
    slope = 112 + 0.20 * np.abs(x) + 70 * np.clip((np.abs(x) - 110) / 100, 0, 1) ** 2
    collar = 128 + 26 * np.clip(1 - (x / 48) ** 2, 0, 1)
    inside = (
        (y > np.maximum(slope, np.where(np.abs(x) < 62, collar, 0))) & (np.abs(x) < 212) & (z < surface.z)
    )
    cloth = MATERIALS["cloth"]
    hue = np.clip(rng.uniform(0.2, 2.6) * (1 + 0.5 * rng.standard_normal(3)), 0.1, 4.5)
    colour = np.clip(
        np.array(cloth.reflectance, np.float32) * np.append(hue, rng.uniform(0.6, 1.7)), 0.01, 0.85
    )
    folds = 0.12 * np.sin(x / rng.uniform(9, 18) + y / rng.uniform(25, 60) + rng.uniform(0, 6))
    normal = np.dstack([x / 235 + folds, -0.25 + 0 * x, -np.ones_like(x)])
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    warmth = ambient_c + 0.52 * (33.5 - ambient_c) + 0.8 * np.sin(x / 40 + rng.uniform(0, 6))
    surface.put(
        inside,
        z=z.astype(np.float32),
        normal=normal.astype(np.float32),
        reflectance=colour.astype(np.float32),
        emission=0.0,
        temperature=warmth.astype(np.float32),
        emissivity=cloth.emissivity,
        gloss=cloth.gloss,
        skin=0.0,
        open=np.clip(0.55 + (y - slope) / 90, 0.4, 1).astype(np.float32),
    )


def lay_head(surface: Surface, head: Head, pose: Pose, light: NDArray[np.float64]) -> None:
    """March the rays into the height field of a head, and shade its creases and the shadow of the nose.

    Args:
        surface: gets the head where it is in front.
        head: maps.
        pose: of the point between the eyes, at height 0.
        light: unit vector towards the main light, in camera coordinates.
    """
    rotation = pose.rotation()
    origin = rotation.T @ -np.array(pose.centre)
    du, dv, dw = (
        rotation.T[i, 0] * surface.u + rotation.T[i, 1] * surface.v + rotation.T[i, 2] for i in range(3)
    )
    du, dv, dw = (d.astype(np.float32) for d in (du, dv, -dw))  # the field's heights grow towards the camera
    oz = float(-origin[2])
    field = np.maximum(head.height, -60.0).astype(np.float32)

    # Where a ray meets a level is linear in the level.
    run_x, run_y = du / dw / np.float32(GRID.step), dv / dw / np.float32(GRID.step)
    start_x = np.float32((origin[0] - GRID.left) / GRID.step) - np.float32(oz) * run_x
    start_y = np.float32((origin[1] - GRID.top) / GRID.step) - np.float32(oz) * run_y

    def cells(level: Any) -> tuple[Map, Map]:
        return start_x + level * run_x, start_y + level * run_y

    def sample(level: Any) -> Map:
        x, y = cells(level)
        return np.asarray(cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))

    size = surface.z.shape[0]
    xs, ys = cells(_LEVELS[:, None, None])
    heights: Any = cv2.remap(
        field,
        xs.reshape(-1, size),
        ys.reshape(-1, size),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=-60,
    )
    heights = heights.reshape(len(_LEVELS), size, size)
    below = heights >= _LEVELS[:, None, None]
    first = np.argmax(below, axis=0)
    hit = below.any(axis=0)
    low = _LEVELS[first]
    high = _LEVELS[np.maximum(first - 1, 0)]
    for _ in range(4):  # bisection: 15 mm between the levels become 0.9 mm
        middle = (low + high) / 2
        inside = sample(middle) >= middle
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    level = (low + high) / 2
    x, y = cells(level)
    t = (level - oz) / dw
    hit &= (t < surface.z) & (t > 1)

    def look(field: Map) -> Map:
        return np.asarray(cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))

    normals, openness = _relief(head, rotation.T @ light)
    seen = look(np.dstack([normals, openness]))
    turned = seen[..., :3] @ (rotation @ np.diag([1.0, 1.0, -1.0])).T.astype(np.float32)
    turned /= np.linalg.norm(turned, axis=2, keepdims=True) + 1e-6
    scalars = look(np.dstack([head.temperature, head.emissivity, head.gloss, head.skin]))
    surface.put(
        hit,
        z=t.astype(np.float32),
        normal=turned,
        reflectance=look(head.reflectance),
        emission=0.0,
        temperature=scalars[..., 0],
        emissivity=scalars[..., 1],
        gloss=scalars[..., 2],
        skin=scalars[..., 3],
        open=seen[..., 3],
    )


def _relief(head: Head, light: NDArray[np.float64]) -> tuple[Map, Map]:
    """Return normals (H, W, 3) in the head's axes, z to the camera, and openness (H, W) with cast shadow."""
    z = np.maximum(head.height, -45.0).astype(np.float32)
    soft: Any = cv2.GaussianBlur(z, (0, 0), 0.9)
    gx = np.clip(cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=3) / (8 * GRID.step), -3, 3)
    gy = np.clip(cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3) / (8 * GRID.step), -3, 3)
    length = np.sqrt(gx**2 + gy**2 + 1)
    normals = np.dstack([-gx / length, -gy / length, 1 / length]).astype(np.float32)
    small: Any = cv2.resize(z, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    wide: Any = cv2.GaussianBlur(small, (0, 0), 5)
    hollow: Any = cv2.resize(wide - small, (z.shape[1], z.shape[0]), interpolation=cv2.INTER_LINEAR)
    openness = np.clip(1 - 0.055 * np.clip(hollow, 0, 20), 0.35, 1)
    toward = np.array([light[0], light[1], -light[2]])
    shadow = np.zeros_like(z)
    if toward[2] > 0.05:
        for k in (3, 6, 10, 15, 22, 30):  # millimetres of height above the point, along the light
            shift = toward[:2] / toward[2] * k / GRID.step
            matrix = np.array([[1, 0, -shift[0]], [0, 1, -shift[1]]], np.float32)
            moved: Any = cv2.warpAffine(z, matrix, (z.shape[1], z.shape[0]), borderMode=cv2.BORDER_REPLICATE)
            shadow = np.maximum(shadow, np.clip((moved - z - k) / 4, 0, 1))
    shade: Any = cv2.GaussianBlur(shadow.astype(np.float32), (0, 0), 1.6)
    return normals, (openness * (1 - 0.55 * shade)).astype(np.float32)


def lay_panel(surface: Surface, panel: Panel) -> tuple[Map, Map]:
    """Put a sheet or screen where it is in front; return each ray's place on it, -1 to 1 across and down."""
    rotation = panel.pose.rotation()
    centre = np.array(panel.pose.centre)
    origin = rotation.T @ -centre
    d = [rotation.T[i, 0] * surface.u + rotation.T[i, 1] * surface.v + rotation.T[i, 2] for i in range(3)]
    x = np.zeros_like(surface.u)
    for _ in range(3 if panel.bend else 1):
        t = (panel.bend * x**2 - origin[2]) / d[2]
        x = origin[0] + t * d[0]
    y = origin[1] + t * d[1]
    a, b = 2 * x / panel.width, 2 * y / panel.height
    rows, columns = panel.present.shape
    mx = ((a + 1) / 2 * (columns - 1)).astype(np.float32)
    my = ((b + 1) / 2 * (rows - 1)).astype(np.float32)

    def look(field: Map) -> Map:
        return np.asarray(cv2.remap(field, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))

    here = (np.abs(a) < 1) & (np.abs(b) < 1) & (t > 1) & (t < surface.z) & (look(panel.present) > 0.5)
    normal = np.dstack([2 * panel.bend * x, 0 * x, -np.ones_like(x)])
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    surface.put(
        here,
        z=t.astype(np.float32),
        normal=(normal @ rotation.T).astype(np.float32),
        reflectance=look(panel.reflectance),
        emission=look(panel.emission),
        temperature=look(panel.temperature),
        emissivity=panel.emissivity,
        gloss=panel.gloss,
        skin=0.0,
        open=1.0,
    )
    return a.astype(np.float32), b.astype(np.float32)


def lay_fingers(
    surface: Surface,
    panel: Panel,
    places: tuple[Map, Map],
    reflectance: NDArray[np.float32],
    rng: np.random.Generator,
    ambient_c: float,
) -> None:
    """Let a hand hold a panel by its sides or its lower edge: fingertips in front of it, warm and round."""
    x, y = places[0] * panel.width / 2, places[1] * panel.height / 2
    heat = ambient_c + rng.uniform(0.55, 0.85) * (33.5 - ambient_c)
    below = rng.uniform() < 0.4
    sides = (0.0,) if below else ((-1.0, 1.0) if rng.uniform() < 0.6 else (float(rng.choice([-1, 1])),))
    for side in sides:
        along = rng.uniform(0.0, 0.7) * panel.height / 2
        for k in range(int(rng.integers(1, 4))):
            reach = rng.uniform(4, 14)
            if below:
                dx, dy = (x - (rng.uniform(-15, 15) + 21 * k)) / 9.5, (y - panel.height / 2 + reach) / 17
            else:
                dx, dy = (x - side * (panel.width / 2 - reach)) / 18, (y - along - 21 * k) / 9.5
            # A fingertip: a half ellipse that goes on to the outside of the panel.
            outward = np.maximum(dy, 0) if below else np.maximum(np.sign(side) * dx, 0)
            r2 = dx**2 + dy**2 - outward**2 * 0.93
            inside = (r2 < 1) & (surface.z > panel.pose.centre[2] - 60)
            bulge = np.sqrt(np.clip(1 - r2, 0, 1))
            normal = np.dstack([dx * 0.9, dy * 0.9, -0.35 - bulge])
            normal /= np.linalg.norm(normal, axis=2, keepdims=True)
            surface.put(
                inside,
                z=(panel.pose.centre[2] - 12 * bulge + 0 * x).astype(np.float32),
                normal=normal.astype(np.float32),
                reflectance=reflectance,
                emission=0.0,
                temperature=(heat + 0.5 * bulge).astype(np.float32),
                emissivity=MATERIALS["skin"].emissivity,
                gloss=MATERIALS["skin"].gloss,
                skin=1.0,
                open=np.clip(0.5 + bulge, 0, 1).astype(np.float32),
            )
