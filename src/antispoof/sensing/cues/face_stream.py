"""Is every picture new, and as old as its time says?

Whatever a sensor adds is new in every picture. Where a piece of film runs again, forwards or backwards, what
changed from one picture to the next changes alike again, noise and all. Where a program fitted a film to
another clock, pictures stand twice, are left out, or are mixed of two: then change, fine detail and the
path of the head go in a beat that no movement has.

References:
    M. Stamm, W. Lin and K. Liu, "Temporal forensics and anti-forensics for motion compensated video", IEEE
    Trans. Information Forensics and Security 7, 2012; P. Bestagini et al., "Detection of temporal
    interpolation in video sequences", ICASSP 2013.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.cues import ALWAYS, Measured, cues
from antispoof.sensing.playback import KEPT, Changes
from antispoof.sensing.track import TrackedFrame

__all__ = ["FaceStream"]

LEAST_PICTURES = 12
LEAST_SHARE = 0.5
MOST_LEVELS = 8.0  # edges of things that move do not count for more
APART = 3  # pictures: what lies closer is alike by movement
LEAST_RUN = 6  # pictures that return one after the other
FLOOR = 1e-2

Values = NDArray[np.float64]


class FaceStream:
    """``face_stream``: changes that come again, and the beat of another clock."""

    name = "face_stream"
    title = "stream in time"
    drawn = "likeness of what changed to what changed before, at the distance where it is greatest"
    features: tuple[str, ...] = (
        "returned",
        "returned_sure",
        "dips",
        "depth",
        "beat_of_change",
        "beat_of_noise",
        "beat_of_detail",
        "detail_unsteady",
        "path_unsteady",
        "path_beat",
        "path_stops",
        "next_alike",
        "next_alike_high",
        "next_alike_low",
        "second_alike",
        "second_alike_high",
        "second_alike_low",
        "noise_resting",
    )
    reasons: Mapping[str, str] = ALWAYS

    def watch(self) -> _Stream:
        """Begin with a clip."""
        return _Stream()


class _Stream:
    def __init__(self) -> None:
        self._pictures = self._with_face = 0
        self._changes = Changes()
        self._times: deque[float] = deque(maxlen=KEPT)
        self._rows: list[tuple[float, float, float]] = []
        self._steps: list[tuple[float, float, float]] = []

    def see(self, frame: TrackedFrame) -> None:
        self._pictures += 1
        self._with_face += frame.box is not None
        if frame.change is None:
            return
        change, fine = frame.change.levels, frame.change.fine
        grey = frame.grey.astype(np.float32)
        self._changes.see(frame.change)
        self._times.append(frame.time_s)
        noise = np.sqrt(cv2.resize(fine * fine, (24, 24), interpolation=cv2.INTER_AREA))
        detail = np.minimum(np.abs(grey - cv2.blur(grey, (3, 3))), MOST_LEVELS)
        self._rows.append(
            (
                float(np.minimum(np.abs(change), 12).mean()),
                float(np.quantile(noise, 0.3)),
                float(detail.mean()),
            )
        )
        if frame.went is not None:
            self._steps.append((frame.step_s, *frame.went))

    def measured(self) -> Measured:
        if self._with_face < LEAST_SHARE * max(self._pictures, 1):
            return Measured("face_stream", None, ("no_face",))
        if self._changes.count < LEAST_PICTURES:
            return Measured("face_stream", None, ("too_short",))
        alike = self._changes.alike()
        returned, sure, course = _returned(alike)
        rows = np.log(np.maximum(np.array(self._rows), FLOOR))
        change = rows[:, 0] - _running(rows[:, 0])
        values = [
            float(np.log(max(returned, FLOOR))),
            sure,
            float(np.mean(change < -0.7)),
            float(np.median(rows[:, 0]) - np.quantile(rows[:, 0], 0.1)),
            _beat(change),
            _beat(rows[:, 1] - _running(rows[:, 1])),
            _beat(rows[:, 2] - _running(rows[:, 2])),
            float(np.log(np.std(rows[:, 2] - _running(rows[:, 2])) + 1e-4)),
            *_path(np.array(self._steps).reshape(-1, 3)),
            *_successive(alike),
            float(np.median(rows[:, 1])),
        ]
        return Measured(
            "face_stream", np.array(values), (), tuple(zip(self._times, course.tolist(), strict=True))
        )


def _successive(alike: Any) -> tuple[float, ...]:
    """Tell how alike neighbours are, and how unsteadily so: mixed pictures share what changed."""
    found = []
    for offset in (1, 2):
        known = np.diagonal(alike, offset)
        known = known[~np.isnan(known)]
        found += (
            [0.0] * 3
            if len(known) < LEAST_RUN
            else [
                float(np.median(known)),
                float(np.quantile(known, 0.9) - np.median(known)),
                float(np.median(known) - np.quantile(known, 0.1)),
            ]
        )
    return tuple(found)


def _returned(alike: Any) -> tuple[float, float, Values]:
    """Look where changes come again: at each distance, and about each turning point.

    Args:
        alike: see `antispoof.sensing.playback.Changes.alike`.

    Returns:
        how alike they are where they are most, and how far that stands out, forwards or backwards; and for
        each picture how alike what changed is to what changed before, where it is most.
    """
    count = len(alike)
    ahead = [np.diagonal(alike, offset) for offset in range(APART, count - LEAST_RUN)]
    flipped, back = alike[:, ::-1], []
    for turn in range(2 * LEAST_RUN + APART, 2 * (count - LEAST_RUN) - APART):
        there = np.diagonal(flipped, count - 1 - turn)
        back.append(-there[: max((len(there) - APART) // 2, 0)])
    far = np.abs(np.subtract.outer(np.arange(count), np.arange(count))) >= APART
    course = np.abs(np.where(far & ~np.isnan(alike), alike, 0.0)).max(axis=1)
    returned, sure = max(_standing_out(ahead), _standing_out(back))
    return returned, sure, course.astype(np.float64)


def _standing_out(runs: list[Any]) -> tuple[float, float]:
    """Mean of the best `LEAST_RUN` in any run, and by how many spreads it is over the usual: logarithm."""
    found = []
    for run in runs:
        known = run[~np.isnan(run)]
        if len(known) >= LEAST_RUN:
            found.append(float(np.convolve(known, np.ones(LEAST_RUN) / LEAST_RUN, "valid").max()))
    if len(found) < 3:
        return 0.0, 0.0
    best, usual = max(found), float(np.median(found))
    spread = 1.48 * float(np.median(np.abs(np.array(found) - usual))) + 0.01
    return best, float(np.log1p(max(best - usual, 0.0) / spread))


def _running(values: Values) -> Values:
    """Return the median of five neighbours of each value."""
    padded = np.pad(values, 2, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1))


def _beat(values: Values) -> float:
    """Tell how far one frequency stands out of all that are quicker than twelve pictures."""
    values = np.clip(values, -1.5, 1.5)
    power = np.abs(np.fft.rfft((values - values.mean()) * np.hanning(len(values)))) ** 2
    quick = power[np.fft.rfftfreq(len(values)) > 1 / 12]
    return float(np.log((quick.max() + 1e-6) / (np.median(quick) + 1e-6)))


def _path(path: Values) -> tuple[float, float, float]:
    """Tell how unsteadily the head goes for how far it goes, whether in a beat, and how often it stops."""
    if len(path) < LEAST_PICTURES:
        return 0.0, 0.0, 0.0
    speed = path[:, 1:] / np.maximum(path[:, :1], 1e-3)
    length = np.hypot(*speed.T)
    jerk = np.hypot(*np.diff(speed, axis=0).T)
    unsteady = float(np.log((np.quantile(jerk, 0.7) + 0.02) / (np.median(length) + 0.03)))
    apart = np.log(length + 0.05)
    apart = apart - _running(apart)
    return unsteady, _beat(apart), float(np.mean(apart < -0.5))


cues.register("face_stream")(FaceStream())
