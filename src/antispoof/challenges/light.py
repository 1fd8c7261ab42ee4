"""The screen changes its colour, and the face has to change with it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antispoof.challenges import (
    ChallengeResult,
    ShownStep,
    Sound,
    Step,
    challenges,
    conclude,
    frames_of,
)
from antispoof.challenges.frame import Frame

__all__ = ["PALETTE", "Light", "Reflection", "find_reflection"]

PALETTE = ("#ff3030", "#30ff30", "#3050ff", "#ffff30", "#ff30ff", "#30ffff")
STEPS = 8
STEP_S = 0.7  # 1.4 changes a second: well below the three flashes that WCAG 2.3.1 allows

MIN_FRAMES = 24  # three a colour
MAX_LAG_S = 0.9  # the way to the screen, and of the picture back
LAG_STEP_S = 0.05
ALTERNATIVES = 199
MAX_CHANCE = 0.02
MIN_GAIN = 0.01  # of the face's own light


class Light:
    """``light``: eight colours in random order."""

    name = "light"
    reasons: Mapping[str, str] = {
        "too_few_frames": "the connection was too slow: try again",
        "face_lost": "keep your face in the oval until the colours end",
        "no_reflection": "raise the brightness of the screen, move out of bright light, and try again",
        "unclear_reflection": "raise the brightness of the screen, hold still, and try again",
    }

    def plan(self, rng: random.Random) -> tuple[Step, ...]:
        """Draw a sequence in which no colour follows itself."""
        return tuple(Step("light", STEP_S, {"colour": PALETTE[i]}) for i in _sequence(rng))

    def answered(self, frames: Sequence[Frame], shown: Sequence[ShownStep]) -> bool:  # noqa: ARG002
        """Return False: every colour takes its time."""
        return False

    def verify(
        self,
        frames: Sequence[Frame],
        sound: Sound | None,  # noqa: ARG002
        shown: Sequence[ShownStep],
    ) -> ChallengeResult:
        """Regress the colour of the face on the colours shown."""
        if not shown:
            return conclude(self, "inconclusive", {"frames": 0.0}, ("too_few_frames",))
        whole = ShownStep(shown[0].step, shown[0].start_s, shown[-1].end_s)
        mine = frames_of(frames, whole)
        seen = [frame for frame in mine if frame.skin is not None]
        if len(mine) < MIN_FRAMES:
            return conclude(self, "inconclusive", {"frames": float(len(mine))}, ("too_few_frames",))
        if len(seen) < MIN_FRAMES or len(seen) < 0.8 * len(mine):
            return conclude(self, "inconclusive", {"frames": float(len(seen))}, ("face_lost",))
        reflection = find_reflection(seen, shown)
        measurements = {
            "frames": float(len(seen)),
            "gain": reflection.gain,
            "gain_spread": reflection.spread,
            "chance": reflection.chance,
            "lag_s": reflection.lag_s,
        }
        clear = reflection.chance <= MAX_CHANCE and reflection.gain >= MIN_GAIN
        # A reflection of the smallest gain would have stood out by three spreads: there is none.
        if not clear and reflection.gain + 3 * reflection.spread < 3 * MIN_GAIN:
            return conclude(self, "failed", measurements, ("no_reflection",))
        return conclude(self, "measured", measurements)


@dataclass(frozen=True, slots=True)
class Reflection:
    """How much of the screen's light is seen in the face.

    Attributes:
        gain: change of the face's colour from a fully lit channel, as a share of its own light.
        spread: standard deviation of the gain under sequences that were not shown.
        chance: share of sequences, the one shown included, that explain the face at least as well.
        lag_s: delay at which the colours explain most.
    """

    gain: float
    spread: float
    chance: float
    lag_s: float


def find_reflection(frames: Sequence[Frame], shown: Sequence[ShownStep], seed: int = 0) -> Reflection:
    """Look for the sequence shown in the colour of the face.

    The colour of the face, each channel relative to the mean of the three, over that of the background (the
    camera's white balance moves both, the screen hardly reaches the second), is explained by a constant, a
    drift and the colour shown, at a delay that is searched. How well is compared with sequences that might
    have been drawn instead: that needs no assumption about noise, and allows for the search.

    Args:
        frames: with a face, at least `MIN_FRAMES`.
        shown: every colour with its times.
        seed: of the sequences to compare with.
    """
    times = np.array([frame.time_s for frame in frames])
    face = _chroma([frame.skin for frame in frames])
    beside = _chroma([frame.background for frame in frames])
    drift = times - times.mean()
    nuisance = np.linalg.qr(np.column_stack([np.ones_like(times), drift]))[0]
    rest = _without(nuisance, face - beside)

    own = tuple(PALETTE.index(step.step.arguments["colour"]) for step in shown)
    rng = random.Random(seed)
    drawn = np.array([own, *(_sequence(rng, len(own)) for _ in range(ALTERNATIVES))])
    starts = np.array([step.start_s for step in shown])
    delays = np.arange(0, MAX_LAG_S, LAG_STEP_S)
    gains, fits = (np.zeros((len(delays), len(drawn))) for _ in range(2))
    for number, delay in enumerate(delays):
        place = np.searchsorted(starts, times - delay, side="right") - 1
        present = _without(nuisance, (place[:, None] == np.arange(len(own))).astype(np.float64))
        power = np.einsum("sic,ij,sjc->s", _LIGHT[drawn], present.T @ present, _LIGHT[drawn])
        along = np.einsum("sic,ic->s", _LIGHT[drawn], present.T @ rest)
        gains[number] = along / np.maximum(power, 1e-9)
        fits[number] = np.where(along > 0, along * gains[number], 0.0)
    best = fits.argmax(axis=0), np.arange(len(drawn))
    return Reflection(
        gain=float(gains[best][0]),
        spread=float(np.std(gains[best][1:])),
        chance=float(np.mean(fits[best] >= fits[best][0])),
        lag_s=float(delays[best[0][0]]),
    )


def _without(columns: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take off what orthonormal columns explain."""
    return values - columns @ (columns.T @ values)


def _chroma(colours: Sequence[tuple[float, float, float] | None]) -> NDArray[np.float64]:
    """Return the logarithm of each channel over their geometric mean, (N, 3); zeros where one is unknown."""
    if any(colour is None for colour in colours):
        return np.zeros((len(colours), 3))
    logarithm = np.log(np.array(colours, np.float64) + 1e-3)
    return np.asarray(logarithm - logarithm.mean(axis=1, keepdims=True))


def _light_of(colour: str) -> NDArray[np.float64]:
    linear = np.array([(int(colour[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)])
    return np.asarray(linear - linear.mean())


_LIGHT = np.array([_light_of(colour) for colour in PALETTE])


def _sequence(rng: random.Random, count: int = STEPS) -> tuple[int, ...]:
    drawn: list[int] = []
    while len(drawn) < count:
        colour = rng.randrange(len(PALETTE))
        if not drawn or colour != drawn[-1]:
            drawn.append(colour)
    return tuple(drawn)


challenges.register("light")(Light())
