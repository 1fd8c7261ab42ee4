"""The plane through an eye as a sensor sees it, and what is drawn in it by chance."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.iris.sensors import Sensor

__all__ = ["Map", "View", "grain", "smooth", "step"]

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
        """Return the column and row of a point in millimetres."""
        (column,), (row,) = self.pixels(np.array([x]), np.array([y]))
        return float(column), float(row)

    def pixels(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return columns and rows, (2, …), of points in millimetres: the view is flat, three corners tell."""
        left, top = float(self.x[0, 0]), float(self.y[0, 0])
        rows, columns = self.x.shape
        ax, ay = (float(each[0, -1] - each[0, 0]) / (columns - 1) for each in (self.x, self.y))
        bx, by = (float(each[-1, 0] - each[0, 0]) / (rows - 1) for each in (self.x, self.y))
        scale = ax * by - bx * ay
        return np.stack(
            [((x - left) * by - (y - top) * bx) / scale, ((y - top) * ax - (x - left) * ay) / scale]
        )


def smooth(rng: np.random.Generator, shape: tuple[int, int], cells: float) -> Map:
    """Smooth noise of unit deviation with about so many bumps across."""
    rows, columns = (max(2, round(cells * side / max(shape))) for side in shape)
    small = rng.standard_normal((rows + 1, columns + 1)).astype(np.float32)
    return np.asarray(cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def grain(rng: np.random.Generator, view: View, across: float, along: float) -> Map:
    """Smooth noise of unit deviation whose bumps are so many millimetres wide and high."""
    rows, columns = view.x.shape
    size = (
        max(2, min(columns, round(columns / view.pitch / across))),
        max(2, min(rows, round(rows / view.pitch / along))),
    )
    small = rng.standard_normal(size[::-1]).astype(np.float32)
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32)


def step(distance: Map, width: float) -> Map:
    """0 where the distance is well below 0, 1 where it is well above."""
    t = np.clip(distance * np.float32(1 / width) + np.float32(0.5), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
