"""A picture bent so that points of one face lie on those of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import Delaunay

from antispoof.simulation.face.manipulation.mesh import Points
from antispoof.simulation.face.tone import Picture

__all__ = ["Warp", "affine", "pieces", "similarity", "spline"]

Warp = Callable[[Picture, Points, Points, tuple[int, int]], Picture]
"""``warp(picture, points in it, where they go, height and width of the result)``."""

_COARSE = 8  # px between the places at which a spline is computed


def similarity(picture: Picture, points: Points, to: Points, shape: tuple[int, int]) -> Picture:
    """Move, turn and scale the picture, as well as that brings the points together."""
    middle, aim = points.mean(0), to.mean(0)
    from_z, to_z = ((p - m) @ np.array([1, 1j]) for p, m in ((points, middle), (to, aim)))
    turn = np.vdot(from_z, to_z) / np.vdot(from_z, from_z).real
    matrix = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    shift = aim - matrix @ middle
    moved = cv2.warpAffine(
        picture,
        np.column_stack([matrix, shift]),
        shape[::-1],
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, np.float32)


def affine(picture: Picture, points: Points, to: Points, shape: tuple[int, int]) -> Picture:
    """Move, turn, scale and shear the picture, as well as that brings the points together."""
    back, *_ = np.linalg.lstsq(_ones(to), points, rcond=None)
    moved = cv2.warpAffine(
        picture,
        back.T,
        shape[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, np.float32)


def pieces(picture: Picture, points: Points, to: Points, shape: tuple[int, int]) -> Picture:
    """Bend it triangle by triangle; far from the points it is moved as they are on the whole."""
    height, width = shape
    ring = np.array([[-1, -1], [0.5, -1], [2, -1], [2, 0.5], [2, 2], [0.5, 2], [-1, 2], [-1, 0.5]])
    far = ring * [width, height]
    whole, *_ = np.linalg.lstsq(_ones(to), points, rcond=None)
    to, points = np.vstack([to, far]), np.vstack([points, _ones(far) @ whole])
    triangles = Delaunay(to).simplices
    owner = np.zeros(shape, np.int32)
    back = np.empty((len(triangles), 3, 2))
    for number, corners in enumerate(triangles):
        cv2.fillConvexPoly(owner, np.round(to[corners] * 16).astype(np.int32), number, shift=4)
        back[number] = np.linalg.lstsq(_ones(to[corners]), points[corners], rcond=None)[0]
    here = _ones(np.stack(np.meshgrid(np.arange(width), np.arange(height)), 2).reshape(-1, 2))
    places = np.einsum("nk,nkd->nd", here, back[owner.ravel()])
    return _looked_up(picture, places.reshape(height, width, 2), cv2.INTER_LINEAR)


def spline(picture: Picture, points: Points, to: Points, shape: tuple[int, int]) -> Picture:
    """Bend it as a thin plate (F. Bookstein, "Principal Warps", TPAMI 1989)."""
    height, width = shape
    rows, columns = -(-height // _COARSE) + 1, -(-width // _COARSE) + 1
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), 2).reshape(-1, 2) * float(_COARSE)
    plate = RBFInterpolator(to, points, kernel="thin_plate_spline", smoothing=1.0)
    places = plate(grid).reshape(rows, columns, 2).astype(np.float32)
    to_fine = np.array([[_COARSE, 0, 0], [0, _COARSE, 0]], np.float64)
    fine = cv2.warpAffine(
        places, to_fine, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return _looked_up(picture, np.asarray(fine), cv2.INTER_CUBIC)


def _ones(points: NDArray[Any]) -> Points:
    return np.column_stack([points, np.ones(len(points))]).astype(np.float64)


def _looked_up(picture: Picture, places: NDArray[np.floating], how: int) -> Picture:
    maps = np.asarray(places, np.float32)
    bent = cv2.remap(picture, maps[..., 0], maps[..., 1], how, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(np.asarray(bent, np.float32), 0, 1)
