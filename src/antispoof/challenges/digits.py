"""Read digits aloud, as they appear."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from antispoof.challenges import ChallengeResult, ShownStep, Sound, Step, challenges, conclude
from antispoof.challenges.frame import Frame

__all__ = ["Digits", "voiced"]

STEPS = 5
STEP_S = (1.5, 2.3)  # unequal, so that a recording with a rhythm of its own falls out of step
FIRST_S, LATEST_S = 0.15, 1.35  # after a digit appears: nobody reads it sooner, and few later
MIN_VOICE_S = 0.08
MIN_PAUSE_S = 0.15
MAY_MISS = 1

WINDOW_S, HOP_S = 0.032, 0.01
PITCH_HZ = (70.0, 400.0)
MIN_PERIODICITY = 0.45  # normalised autocorrelation at the pitch
ABOVE_FLOOR_DB = 9.0
QUIETEST_DB = -60.0  # of full scale
CLIPPED = 0.02  # share of samples at full scale


class Digits:
    """``digits``: five digits, each read aloud when it appears.

    What is checked is that a voice begins anew for each digit, in its time. Which digits were said is not
    checked, nor who said them: that is for the voice detector and for speech recognition.
    """

    name = "digits"
    reasons: Mapping[str, str] = {
        "no_sound": "no sound was heard: check that the microphone is on, and try again",
        "too_quiet": "speak a little louder, or closer to the microphone",
        "too_loud": "speak a little more quietly, or further from the microphone",
        "not_in_time": "read each digit aloud as it appears, with a short pause in between",
    }

    def plan(self, rng: random.Random) -> tuple[Step, ...]:
        """Draw digits, none of which follows itself, and how long each is shown."""
        steps: list[Step] = []
        while len(steps) < STEPS:
            digit = str(rng.randrange(10))
            if not steps or steps[-1].arguments["digit"] != digit:
                steps.append(Step("read_digit", round(rng.uniform(*STEP_S), 2), {"digit": digit}))
        return tuple(steps)

    def answered(self, frames: Sequence[Frame], shown: Sequence[ShownStep]) -> bool:  # noqa: ARG002
        """Return False: every digit takes its time."""
        return False

    def verify(
        self,
        frames: Sequence[Frame],  # noqa: ARG002
        sound: Sound | None,
        shown: Sequence[ShownStep],
    ) -> ChallengeResult:
        """Look for a voice that begins in the time of each digit."""
        if sound is None or not shown or not np.any(sound.samples):
            return conclude(self, "inconclusive", {"steps": float(len(shown))}, ("no_sound",))
        begin = int((shown[0].start_s - sound.start_s) * sound.rate)
        end = int((shown[-1].end_s + LATEST_S - sound.start_s) * sound.rate)
        part = sound.samples[max(begin, 0) : max(end, 0)]
        if len(part) < sound.rate:
            return conclude(self, "inconclusive", {"steps": float(len(shown))}, ("no_sound",))
        peak_db = 20 * float(np.log10(np.abs(part).max() + 1e-9))
        clipped = float(np.mean(np.abs(part) > 0.99))
        onsets = _onsets(voiced(part, sound.rate)) + max(begin, 0) / sound.rate + sound.start_s
        in_time = [
            bool(np.any((onsets >= step.start_s + FIRST_S) & (onsets <= step.start_s + LATEST_S)))
            for step in shown
        ]
        measurements = {
            "steps": float(len(shown)),
            "in_time": float(sum(in_time)),
            "onsets": float(len(onsets)),
            "peak_db": peak_db,
            "clipped": clipped,
        }
        if sum(in_time) >= len(shown) - MAY_MISS and len(onsets) <= 2 * len(shown):
            return conclude(self, "passed", measurements)
        if peak_db < QUIETEST_DB + 20:
            return conclude(self, "inconclusive", measurements, ("too_quiet",))
        if clipped > CLIPPED:
            return conclude(self, "inconclusive", measurements, ("too_loud",))
        return conclude(self, "failed", measurements, ("not_in_time",))


def voiced(samples: NDArray[np.float32], rate: int) -> NDArray[np.bool_]:
    """Tell where there is a voice: loud against the quiet parts, and periodic in the range of human pitch.

    Args:
        samples: float32, (N,), -1 to 1.
        rate: samples a second.

    Returns:
        bool, one a hop of 10 ms.
    """
    window, hop = round(WINDOW_S * rate), round(HOP_S * rate)
    if len(samples) < window:
        return np.zeros(0, np.bool_)
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), window)[::hop]
    frames = frames - frames.mean(axis=1, keepdims=True)
    level = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    loud = (level > np.percentile(level, 10) + ABOVE_FLOOR_DB) & (level > QUIETEST_DB)
    found = np.zeros(len(frames), np.bool_)
    if loud.any():
        spectrum = np.fft.rfft(frames[loud] * np.hanning(window), 2 * window)
        likeness = np.fft.irfft(np.abs(spectrum) ** 2)[:, :window]
        # The window's own autocorrelation makes long lags look weaker than they are.
        own = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(window), 2 * window)) ** 2)[:window]
        shortest, longest = round(rate / PITCH_HZ[1]), min(round(rate / PITCH_HZ[0]), window - 1)
        lags = likeness[:, shortest:longest] / np.maximum(own[shortest:longest] / own[0], 0.05)
        found[loud] = lags.max(axis=1) / np.maximum(likeness[:, 0], 1e-12) > MIN_PERIODICITY
    return found


def _onsets(voice: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return when a voice of at least `MIN_VOICE_S` begins after a pause, in seconds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], voice.astype(np.int8), [0]])))
    begins, ends = list(edges[::2]), list(edges[1::2])
    pause = round(MIN_PAUSE_S / HOP_S)
    for i in range(len(begins) - 1, 0, -1):
        if begins[i] - ends[i - 1] < pause:
            ends[i - 1] = ends[i]
            del begins[i], ends[i]
    long = round(MIN_VOICE_S / HOP_S)
    return np.array([b for b, e in zip(begins, ends, strict=True) if e - b >= long], np.float64) * HOP_S


challenges.register("digits")(Digits())
