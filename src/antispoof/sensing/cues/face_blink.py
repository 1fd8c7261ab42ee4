"""Do eyes and mouth move as those of a person do, or no more than the cheeks?

A picture of a face has eyes and a mouth that change no more than its cheeks do, by noise and by how it is
held. A person blinks with both eyes at once, for a fifth of a second, looks about, and moves the mouth. A
film of a person does so too: this cue says nothing against it. Nor does one whose person did not blink in a
few seconds speak for an attack by itself: people blink every three to six seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.cues import ALWAYS, Measured, cues
from antispoof.sensing.track import ALIGNED_EYES, TrackedFrame

__all__ = ["FaceBlink", "mouth_of"]

LEAST_PICTURES = 12
LEAST_SHARE = 0.5
EYE = (13, 8)  # px of the aligned face, half of width and height
CHEEKS = ((26, 56), (70, 56))
CHEEK = (7, 6)
MOUTH = (48, 76)
LIPS = (17, 11)
DIP = 0.12  # of the likeness to the usual eye: a lid that comes down
FLOOR = 1e-3

Values = NDArray[np.float64]


class FaceBlink:
    """``face_blink``: changes of the eyes and the mouth against those of the cheeks, and blinks."""

    name = "face_blink"
    title = "eyes and mouth"
    drawn = "likeness of the eyes to how they usually look"
    features: tuple[str, ...] = (
        "eyes",
        "mouth",
        "cheeks",
        "eyes_to_cheeks",
        "mouth_to_cheeks",
        "least_open",
        "blinks_a_second",
        "eyes_together",
        "mouth_range",
    )
    reasons: Mapping[str, str] = ALWAYS

    def watch(self) -> _Blink:
        """Begin with a clip."""
        return _Blink()


class _Blink:
    def __init__(self) -> None:
        self._pictures = 0
        self._times: list[float] = []
        self._parts: list[tuple[NDArray[np.uint8], ...]] = []  # a few hundred pixels a picture

    def see(self, frame: TrackedFrame) -> None:
        self._pictures += 1
        if frame.face is None:
            return
        grey = np.asarray(cv2.cvtColor(frame.face, cv2.COLOR_RGB2GRAY), np.uint8)
        eyes = [_part(grey, place, EYE) for place in ALIGNED_EYES]
        cheeks = [_part(grey, place, CHEEK) for place in CHEEKS]
        self._times.append(frame.time_s)
        self._parts.append((eyes[0], eyes[1], mouth_of(grey), np.concatenate(cheeks, axis=1)))

    def measured(self) -> Measured:
        if len(self._times) < LEAST_SHARE * max(self._pictures, 1) or not self._times:
            return Measured("face_blink", None, ("no_face",))
        lasts = self._times[-1] - self._times[0]
        if len(self._times) < LEAST_PICTURES or lasts < 0.9 or len(self._times) < 4 * lasts:
            return Measured("face_blink", None, ("too_short",))
        left, right, mouth, cheeks = (
            np.stack(part).astype(np.float32) for part in zip(*self._parts, strict=True)
        )
        alike = np.array([_likeness(left), _likeness(right)])
        both = alike.mean(axis=0)
        usual = float(np.median(both))
        dips = both < usual - DIP
        begins = int((dips[1:] & ~dips[:-1]).sum()) + int(dips[0])
        together = 0.0
        if alike.std(axis=1).min() > FLOOR:
            together = float(np.corrcoef(alike)[0, 1])
        changes = [
            float(np.log(max(_change(part), FLOOR)))
            for part in (np.concatenate([left, right], 2), mouth, cheeks)
        ]
        opening = _likeness(mouth)
        values = [
            *changes,
            changes[0] - changes[2],
            changes[1] - changes[2],
            float(np.log(max(usual - float(both.min()), FLOOR))),
            begins / max(lasts, 1e-3),
            together,
            float(np.log(max(float(np.subtract(*np.quantile(opening, (0.9, 0.1)))), FLOOR))),
        ]
        return Measured(
            "face_blink", np.array(values), (), tuple(zip(self._times, both.tolist(), strict=True))
        )


def mouth_of(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut the mouth out of the aligned face, uint8, (96, 96)."""
    return _part(grey, MOUTH, LIPS)


def _part(grey: NDArray[np.uint8], place: tuple[float, float], half: tuple[int, int]) -> NDArray[np.uint8]:
    x, y = round(place[0]), round(place[1])
    return grey[y - half[1] : y + half[1], x - half[0] : x + half[0]].copy()


def _likeness(parts: Any) -> Values:
    """Correlate each picture with the median of all, (N,): 1 where it looks as usual."""
    flat = parts.reshape(len(parts), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    usual = np.median(flat, axis=0)
    power = np.linalg.norm(flat, axis=1) * max(float(np.linalg.norm(usual)), 1e-6)
    return np.asarray(flat @ usual / np.maximum(power, 1e-6), np.float64)


def _change(parts: Any) -> float:
    """Tell how much pictures differ from their median, in their own contrast; light that changes is left
    out."""
    flat = parts.reshape(len(parts), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    usual = np.median(flat, axis=0)
    return float(np.mean(np.abs(flat - usual)) / (5.0 + float(np.std(usual))))


cues.register("face_blink")(FaceBlink())
