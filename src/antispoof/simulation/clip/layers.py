"""Pictures with a relief, moved in space and seen by a camera.

Axes are the camera's at rest: x to the right, y down, z away from it, in millimetres. A layer is a picture
whose every place has a point in space at every time. Where that point is seen is computed on a coarse grid
over the picture; which place a pixel sees is the inverse of that, found by fixed-point iteration on a coarse
raster of the frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Layer", "Map", "View", "film", "rotation"]

Map = NDArray[np.float32]
COARSE = 4  # px of the frame a cell of the raster on which places are found
ITERATIONS = 7
NEAREST_MM = 60.0  # nothing is seen nearer than this


@dataclass(frozen=True, slots=True)
class View:
    """A camera at one moment.

    Attributes:
        width: of the frame, px.
        height: of the frame, px.
        focal: focal length in px.
        turn: yaw, pitch and roll in degrees.
        shift: millimetres from rest.
    """

    width: int
    height: int
    focal: float
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0)
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def see(self, points: Map) -> Map:
        """Project points (…, 3) to x and y in pixels of the frame (…, 2)."""
        seen = (points - np.array(self.shift, np.float32)) @ rotation(*self.turn)
        z = np.maximum(seen[..., 2:], np.float32(NEAREST_MM))
        middle = np.array([(self.width - 1) / 2, (self.height - 1) / 2], np.float32)
        return np.asarray(seen[..., :2] / z * np.float32(self.focal) + middle, np.float32)


@dataclass(slots=True)
class Layer:
    """One thing before the camera.

    Attributes:
        points: the places of a grid over the picture in space at a time in seconds: (h, w, 3), mm.
        picture: at a time: uint8, (H, W, 3), RGB display values.
        cover: uint8, (H, W), 255 where there is something.
        change: at a time, of places in space by what the face does: places in grid cells, (…, 2) → the
            places of the picture that are seen there, and the light on them as a factor, (…), or None.
        glow: at a time, factors on the light of each pixel that sees it, for what shines by itself: places
            across and down the picture and down the frame, each from 0 to 1, (H', W', 3) → (H', W', 3).
        rests: whether it never changes.
    """

    points: Callable[[float], Map]
    picture: Callable[[float], NDArray[np.uint8]]
    cover: NDArray[np.uint8]
    change: Callable[[float, Map], tuple[Map, Map | None]] | None = None
    glow: Callable[[float, Map], Map] | None = None
    rests: bool = False


def rotation(yaw: float, pitch: float, roll: float) -> Map:
    """Return the matrix that turns by yaw about y, then pitch about x, then roll about z, in degrees."""
    a, b, c = np.radians((yaw, pitch, roll))
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y, np.float32)


def film(layer: Layer, view: View, time_s: float, canvas: NDArray[np.uint8], light: Map) -> None:
    """Put a layer over what lies behind it.

    Args:
        layer: what is seen.
        view: the camera.
        time_s: when.
        canvas: uint8, (H, W, 3), display values; changed.
        light: float32, (H, W, 3), factors on the light that reaches the camera; changed.
    """
    seen = view.see(layer.points(time_s))
    found = _places(seen, view)
    if found is None:
        return
    places, (top, left) = found
    shade = None
    if layer.change is not None:
        places, shade = layer.change(time_s, places)
    picture = layer.picture(time_s)
    rows, columns = places.shape[0] * COARSE, places.shape[1] * COARSE
    rows, columns = min(rows, view.height - top), min(columns, view.width - left)
    scale = np.divide(
        np.subtract(picture.shape[1::-1], 1), np.subtract(seen.shape[1::-1], 1), dtype=np.float32
    )
    full = _enlarged(places * scale)[:rows, :columns]
    x, y = np.ascontiguousarray(full[..., 0]), np.ascontiguousarray(full[..., 1])
    colour = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if layer.cover.shape != picture.shape[:2]:
        factors = np.divide(layer.cover.shape[::-1], picture.shape[1::-1], dtype=np.float32)
        x, y = x * factors[0], y * factors[1]
    cover = cv2.remap(layer.cover, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)[..., None]
    box = (slice(top, top + rows), slice(left, left + columns))
    opaque = int(cover.min()) == 255
    if opaque:
        canvas[box] = colour
    else:
        solid = cover.astype(np.uint16)
        behind = canvas[box]
        behind[:] = ((colour * solid + behind * (255 - solid) + 127) // 255).astype(np.uint8)
    own: Map | None = None
    if shade is not None:
        own = _enlarged(shade)[:rows, :columns, None]
    if layer.glow is not None:
        shares = full / np.array([picture.shape[1] - 1, picture.shape[0] - 1], np.float32)
        shining = layer.glow(time_s, np.dstack([shares, np.broadcast_to(_row_shares(box, view), x.shape)]))
        own = shining if own is None else own * shining
    under = light[box]
    if opaque:
        under[:] = 1 if own is None else own
        return
    share = cover.astype(np.float32) / np.float32(255)
    under *= 1 - share
    under += share if own is None else share * own


def _row_shares(box: tuple[slice, slice], view: View) -> Map:
    return np.linspace(0, 1, view.height, dtype=np.float32)[box[0], None]


def _places(seen: Map, view: View) -> tuple[Map, tuple[int, int]] | None:
    """Find which place of the grid each cell of the coarse raster sees, and where the raster begins.

    Returns:
        places in grid cells, float32, (h, w, 2), and top and left of the raster in pixels; None where the
        layer lies outside the frame.
    """
    low, high = seen.reshape(-1, 2).min(0), seen.reshape(-1, 2).max(0)
    left, top = (max(0, int(v) // COARSE * COARSE) for v in low)
    right, bottom = min(view.width, int(high[0]) + 1), min(view.height, int(high[1]) + 1)
    if right - left < COARSE or bottom - top < COARSE:
        return None
    middle = np.float32((COARSE - 1) / 2)
    xs = left + COARSE * np.arange(-(-(right - left) // COARSE), dtype=np.float32) + middle
    ys = top + COARSE * np.arange(-(-(bottom - top) // COARSE), dtype=np.float32) + middle
    target = np.dstack(np.meshgrid(xs, ys)).astype(np.float32)
    rows, columns = seen.shape[:2]
    across = seen[rows // 2, -1] - seen[rows // 2, 0]
    down = seen[-1, columns // 2] - seen[0, columns // 2]
    forward = np.stack([across / (columns - 1), down / (rows - 1)], 1).astype(np.float64)
    if abs(np.linalg.det(forward)) < 1e-9:
        return None
    back = np.linalg.inv(forward).T.astype(np.float32)
    start = np.array([columns // 2, rows // 2], np.float32)
    places = (target - seen[rows // 2, columns // 2]) @ back + start
    for _ in range(ITERATIONS):
        at = cv2.remap(
            seen,
            np.ascontiguousarray(places[..., 0]),
            np.ascontiguousarray(places[..., 1]),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        # Beyond the edge the grid goes on as the affine map does.
        beyond = places - np.clip(places, 0, np.array([columns - 1, rows - 1], np.float32))
        places = places + (target - at - beyond @ forward.T.astype(np.float32)) @ back
    return np.asarray(places, np.float32), (top, left)


def _enlarged(coarse: Map) -> Map:
    size = (coarse.shape[1] * COARSE, coarse.shape[0] * COARSE)
    return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR), np.float32)
