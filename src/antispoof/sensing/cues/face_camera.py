"""Is there the noise that a sensor makes anew in every picture, and does time run as in a camera?

Noise of a sensor is new in every picture, so that differences of neighbours are negatively correlated;
pictures that were doubled, blended, generated or coded hard have less of it, or the same twice. Coding leaves
a grid of eight pixels; where a picture was scaled after it was coded, the grid has another step or another
place. A recorder keeps time by its clock; a program that plays a file often does not.

What was coded hard by whoever received the clip has lost most of this, live or not.

References:
    A. Popescu and H. Farid, "Exposing digital forgeries by detecting traces of re-sampling", IEEE Trans.
    Signal Processing 53, 2005; J. Lukáš, J. Fridrich and M. Goljan, "Digital camera identification from
    sensor pattern noise", IEEE Trans. Information Forensics and Security 1, 2006.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box
from antispoof.sensing.cues import ALWAYS, Measured, cues
from antispoof.sensing.track import TrackedFrame

__all__ = ["FaceCamera"]

BLOCK = 16  # px
STRIPS = 8  # rows of blocks that are looked at
LEAST_PICTURES = 8
LEAST_SHARE = 0.5
SAME = 0.02  # levels: two pictures that differ by less are one
FLOOR = 1e-2

Values = NDArray[np.float64]


class FaceCamera:
    """``face_camera``: temporal noise, doubled pictures, traces of coding and scaling, frame times."""

    name = "face_camera"
    title = "camera in time"
    drawn = "change from picture to picture in what is at rest, levels"
    features: tuple[str, ...] = (
        "noise_rest",
        "noise_rest_low",
        "noise_face",
        "noise_face_to_rest",
        "noise_by_light",
        "successive",
        "successive_face",
        "blocks_unchanged",
        "pictures_doubled",
        "noise_unsteady",
        "grid_8",
        "grid_moved",
        "scaled",
        "detail",
        "pictures_a_second",
        "step_spread",
        "steps_missed",
    )
    reasons: Mapping[str, str] = ALWAYS

    def watch(self) -> _Camera:
        """Begin with a clip."""
        return _Camera()


class _Camera:
    def __init__(self) -> None:
        self._pictures = self._with_face = 0
        self._rows: list[list[float]] = []
        self._traces: list[tuple[float, ...]] = []
        self._steps: list[float] = []
        self._times: list[float] = []
        self._last: Any = None
        self._change: Any = None

    def see(self, frame: TrackedFrame) -> None:
        self._pictures += 1
        self._with_face += frame.box is not None
        if frame.cut or (
            self._last is not None and self._last.shape[1] != frame.luma.shape[1] // BLOCK * BLOCK
        ):
            self._last = self._change = None
        elif frame.step_s > 0:
            self._steps.append(frame.step_s)
        strips, tops = _strips(frame.luma)
        if strips is None:
            return
        if self._last is not None and self._last.shape == strips.shape:
            change = strips.astype(np.float32) - self._last
            if (row := _noise(strips, change, self._change, tops, frame.box)) is not None:
                self._rows.append(row)
                self._times.append(frame.time_s)
            self._change = change
        if frame.looked:
            self._traces.append(_traces(strips))
        self._last = strips

    def measured(self) -> Measured:
        if self._with_face < LEAST_SHARE * max(self._pictures, 1):
            return Measured("face_camera", None, ("no_face",))
        if len(self._rows) < LEAST_PICTURES or not self._traces:
            return Measured("face_camera", None, ("too_short",))
        rows, steps = np.array(self._rows), np.array(self._steps)
        course = tuple(zip(self._times, rows[:, 0].tolist(), strict=True))
        light, successive, on_face, unchanged, change = rows[:, 3:].T
        usual = float(np.median(steps))
        noise = np.log(np.maximum(rows[:, :3], FLOOR))
        middle = np.median(noise, axis=0)
        values = [
            *middle.tolist(),
            float(middle[2] - middle[0]),
            float(np.median(light)),
            float(np.median(successive)),
            float(np.median(on_face)),
            float(np.mean(unchanged)),
            float(np.mean(change < SAME)),
            float(np.std(noise[:, 0])),
            *np.median(np.array(self._traces), axis=0).tolist(),
            float(np.log(1 / max(usual, 1e-3))),
            float(np.log(np.std(steps) / max(usual, 1e-3) + 1e-3)),
            float(np.mean(steps > 1.5 * usual)),
        ]
        return Measured("face_camera", np.array(values), (), course)


def _strips(luma: NDArray[np.uint8]) -> tuple[Any, NDArray[np.int64]]:
    """Cut out rows of blocks, spread over the picture, one below the other: (STRIPS × 16, W), and where they
    begin."""
    rows, columns = luma.shape[0] // BLOCK, luma.shape[1] // BLOCK
    if rows < 2 or columns < 4:
        return None, np.zeros(0, np.int64)
    tops = np.unique(np.linspace(0, rows - 1, min(STRIPS, rows)).round().astype(np.int64)) * BLOCK
    width = columns * BLOCK
    return np.concatenate([luma[top : top + BLOCK, :width] for top in tops.tolist()]), tops


def _noise(
    strips: Any, change: Any, before: Any, tops: NDArray[np.int64], box: Box | None
) -> list[float] | None:
    """Measure what changes from one picture to the next, block by block, motion left out."""
    count, columns = len(tops), strips.shape[1] // BLOCK
    fine = change - cv2.blur(change, (5, 5))
    spread = np.sqrt(_means(fine * fine, count, columns))
    moved = np.abs(_means(change, count, columns))
    light = _means(strips.astype(np.float32), count, columns)
    on_face = np.zeros((count, columns), np.bool_)
    if box is not None:
        ys, xs = tops + BLOCK / 2, np.arange(columns) * BLOCK + BLOCK / 2
        inside = (ys > box.y + 0.15 * box.height) & (ys < box.y + 0.85 * box.height)
        on_face[inside] = (xs > box.x + 0.2 * box.width) & (xs < box.x + 0.8 * box.width)
    still = (moved < 2.0) & (light > 20) & (light < 235)
    rest, face = spread[~on_face & still], spread[on_face & still]
    if len(rest) < 8:
        rest = spread[~on_face] if (~on_face).sum() >= 8 else spread.ravel()
    if len(face) < 2:
        face = spread[on_face] if on_face.any() else rest
    lit = light[~on_face & still]
    by_light = 0.0
    if len(lit) >= 8 and np.std(lit) > 5 and np.std(rest) > 0:
        by_light = float(np.corrcoef(lit, rest)[0, 1])
    successive = own = 0.0
    if before is not None and before.shape == fine.shape:
        earlier = before - cv2.blur(before, (5, 5))
        product, power = _means(fine * earlier, count, columns), _means(earlier * earlier, count, columns)
        calm = still & ~on_face
        successive = _ratio(product[calm], (spread**2)[calm], power[calm])
        own = _ratio(product[on_face], (spread**2)[on_face], power[on_face])
    unchanged = float(np.mean(_means(np.abs(change), count, columns) == 0))
    return [
        float(np.median(rest)),
        float(np.quantile(rest, 0.1)),
        float(np.median(face)),
        by_light,
        successive,
        own,
        unchanged,
        float(np.abs(change).mean()),
    ]


def _ratio(product: Any, one: Any, other: Any) -> float:
    if not len(product):
        return 0.0
    return float(np.median(product / np.maximum(np.sqrt(one * other), 1e-2)))


def _means(values: Any, count: int, columns: int) -> Any:
    return cv2.resize(values, (columns, count), interpolation=cv2.INTER_AREA)


def _traces(strips: Any) -> tuple[float, ...]:
    """Look for the grid of coding, its place, the period of scaling, and how much fine detail there is."""
    values = strips.astype(np.float32)
    second = np.abs(2 * values[:, 1:-1] - values[:, :-2] - values[:, 2:])
    second = np.minimum(second, 12.0).mean(axis=0)  # edges of things do not count
    step = np.minimum(np.abs(np.diff(values, axis=1)), 12.0).mean(axis=0)
    whole = len(step) // 8 * 8
    by_place = step[:whole].reshape(-1, 8).mean(axis=0)
    usual = max(float(np.median(by_place)), 1e-3)
    grid = float(np.log(max(float(by_place[7]), 1e-3) / usual))
    moved = float(np.log(max(float(np.delete(by_place, 7).max()), 1e-3) / usual))
    smooth = second - cv2.blur(second.reshape(1, -1), (9, 1)).ravel()
    spectrum = np.abs(np.fft.rfft(smooth * np.hanning(len(smooth))))
    place = np.fft.rfftfreq(len(smooth))
    eighths = np.abs(place * 8 - np.round(place * 8)) < 0.08
    there = (place > 0.15) & ~eighths
    peak = float(np.log(spectrum[there].max() / max(float(np.median(spectrum[there])), 1e-6)))
    return grid, moved, peak, float(np.log(max(float(second.mean()), 1e-2)))


cues.register("face_camera")(FaceCamera())
