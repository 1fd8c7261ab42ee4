"""Do the lips move when there is a voice, where picture and sound are of one file?

A voice that was dubbed over a still, or over the film of somebody else, does not go with the mouth. How loud
the voice is, how it begins and ends, and how much the mouth moves are compared at all delays that a recorder
may leave, and with the same voice begun elsewhere.

References:
    J. S. Chung and A. Zisserman, "Out of time: automated lip sync in the wild", ACCV Workshops 2016.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.cues import ALWAYS, UNASKED, Measured, cues
from antispoof.sensing.cues.face_blink import mouth_of
from antispoof.sensing.track import TrackedFrame

__all__ = ["LipSound", "heard"]

LEAST_S = 1.5
LEAST_SHARE = 0.6
STEP_S = 0.04
SMOOTH = 5  # steps
LATEST_S = 0.32  # what picture and sound of a recorder are apart, at most
SILENT = 2.0**-14  # of full scale: two steps of 16 bits, which coding leaves of nothing
LEAST_LOUDER = 6.0  # dB between the loud and the quiet tenth: else nobody spoke, or never paused

Values = NDArray[np.float64]


class LipSound:
    """``lip_sound``: loudness of the voice against motion of the mouth."""

    name = "lip_sound"
    title = "lips and voice"
    drawn = "motion of the mouth"
    features: tuple[str, ...] = (
        "together",
        "above_chance",
        "late_s",
        "moves_more_with_voice",
        "onsets_together",
        "onsets_above_chance",
    )
    reasons: Mapping[str, str] = {
        **ALWAYS,
        **UNASKED,
        "no_voice": "the sound has no voice that begins and ends",
        "silent": "there is no sound in the clip: its track is silent",
    }

    def watch(self) -> _Lips:
        """Begin with a clip."""
        return _Lips()


class _Lips:
    def __init__(self) -> None:
        self._pictures = 0
        self._motion: list[tuple[float, float]] = []
        self._last: Any = None

    def see(self, frame: TrackedFrame) -> None:
        self._pictures += 1
        if frame.face is None or frame.cut:
            self._last = None
            return
        grey: Any = cv2.cvtColor(frame.face, cv2.COLOR_RGB2GRAY)
        mouth = cv2.GaussianBlur(mouth_of(grey), (0, 0), 1.2).astype(np.float32)
        mouth -= mouth.mean()
        if self._last is not None and frame.step_s > 0:
            self._motion.append((frame.time_s, float(np.abs(mouth - self._last).mean()) / frame.step_s))
        self._last = mouth

    def measured(self) -> Measured:
        if len(self._motion) < LEAST_SHARE * max(self._pictures - 1, 1):
            return Measured("lip_sound", None, ("no_face", "no_sound"))
        return Measured("lip_sound", None, ("no_sound",), tuple(self._motion))


def heard(found: Measured, sound: NDArray[np.float32], rate: int) -> Measured:
    """Compare the motion that was seen with the sound of the same file.

    Args:
        found: of this cue, from the pictures alone.
        sound: float32, (N,), from the beginning of the pictures on.
        rate: samples a second.
    """
    if np.abs(sound).max(initial=0) < SILENT:
        return Measured("lip_sound", None, ("silent",), found.course)
    if reasons := tuple(code for code in found.reasons if code != "no_sound"):
        return replace(found, reasons=reasons)
    times, motion = (np.array(values) for values in zip(*found.course, strict=True))
    lasts = min(float(times[-1]), len(sound) / rate) - float(times[0])
    if lasts < LEAST_S or len(times) < 8 * lasts:
        return Measured("lip_sound", None, ("too_short",), found.course)
    even = np.arange(times[0], times[0] + lasts, STEP_S)
    lips = _standard(_smooth(np.interp(even, times, np.log(motion + 1.0))))
    size = round(STEP_S * rate)
    blocks = sound[: len(sound) // size * size].reshape(-1, size).astype(np.float64)
    loud = 10 * np.log10((blocks**2).mean(axis=1) + 1e-9)
    quiet, high = np.quantile(loud, (0.1, 0.9))
    if high - quiet < LEAST_LOUDER:
        return Measured("lip_sound", None, ("no_voice",), found.course)
    heard_at = np.arange(len(loud)) * STEP_S + STEP_S / 2
    level = np.clip(np.interp(even, heard_at, loud), high - 40, None)
    together, above, late_s = _agreement(lips, _standard(_smooth(level)))
    steps = np.abs(np.gradient(_smooth(level)))
    with_onsets, onsets_above, _ = _agreement(lips, _standard(_smooth(steps)))
    spoken = level > (quiet + high) / 2
    moves = float(lips[spoken].mean() - lips[~spoken].mean()) if spoken.any() and (~spoken).any() else 0.0
    values = [together, above, late_s, moves, with_onsets, onsets_above]
    return Measured("lip_sound", np.array(values), (), found.course)


def _agreement(lips: Values, voice: Values) -> tuple[float, float, float]:
    """Correlate both at all delays: the highest near none, its spreads above others, and its delay, s."""
    latest = round(LATEST_S / STEP_S)
    every = np.array([float(np.mean(lips * np.roll(voice, shift))) for shift in range(len(voice))])
    near = np.concatenate([every[-latest:], every[: latest + 1]])
    best = int(np.argmax(near))
    others = every[2 * latest : -2 * latest] if len(every) > 6 * latest else every
    above = (near[best] - float(others.mean())) / max(float(others.std()), 1e-3)
    return float(near[best]), float(np.clip(above, -8, 8)), (best - latest) * STEP_S


def _smooth(values: Values) -> Values:
    return np.convolve(np.pad(values, SMOOTH // 2, mode="edge"), np.ones(SMOOTH) / SMOOTH, "valid")


def _standard(values: Values) -> Values:
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-6))


cues.register("lip_sound")(LipSound())
