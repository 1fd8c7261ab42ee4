"""A whole live capture, step by step; knows nothing of networks, and is told what time it is."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from antispoof.challenges import ChallengeResult, ShownStep, Sound, Step, challenges
from antispoof.challenges.frame import Frame, hint, observe
from antispoof.errors import InputError
from antispoof.sensing.repetition import REPEATED_ADVICE, find_repetition, in_one_run

__all__ = ["LiveCapture", "Seen", "challenges_for"]

MIN_STEP_S = 0.5
READY_FRAMES = 3  # good pictures in a row before the first step is revealed
MAX_FRAMES = 1500
MAX_SOUND_S = 90.0


def challenges_for(mode: Literal["passive", "active"], *, voice: bool) -> tuple[str, ...]:
    """Name the challenges of a mode, in their order."""
    if mode == "passive":
        return ("passive",)
    return ("passive", "movement", "light", *(("digits",) if voice else ()))


@dataclass(frozen=True, slots=True)
class Seen:
    """What a picture led to.

    Attributes:
        hint: one of `HINTS`, or None.
        judge: whether the picture may go to the detector: a good one, taken under the room's own light.
    """

    hint: str | None
    judge: bool


class LiveCapture:
    """Leads one person through challenges: shows a step, watches, shows the next.

    Times are the server's, in seconds, from any clock that only runs forward. Pictures and sound are
    measured and let go; nothing of them is kept but what `Frame` and `Sound` hold, until this object is.

    Args:
        names: of registered challenges, in order.
        rng: draws the steps; pass `random.SystemRandom` where nobody may foresee them.
        earlier: digests of pictures of earlier captures; see `digests`.

    Raises:
        UnknownNameError: no such challenge.
        InputError: no challenge was named.
    """

    def __init__(
        self, names: Sequence[str], rng: random.Random, earlier: Collection[str] = frozenset()
    ) -> None:
        if not names:
            raise InputError("names must hold at least one challenge, got none")
        self._plan = [(name, step) for name in names for step in challenges[name].plan(rng)]
        self._names = tuple(names)
        self._earlier = earlier
        self._shown: list[tuple[str, ShownStep]] = []
        self._frames: list[Frame] = []
        self._watched: list[Frame] = []  # since the first that may be judged
        self._judged = 0  # of them, up to the last that may be
        self._chunks: list[tuple[float, NDArray[np.float32]]] = []
        self._rate = 0
        self._ready = 0
        self._heard_s = 0.0

    @property
    def steps(self) -> int:
        """How many steps there are in all."""
        return len(self._plan)

    @property
    def step(self) -> Step | None:
        """The step that is shown; None before the first and after the last."""
        return self._plan[len(self._shown) - 1][1] if self._shown and not self.finished else None

    @property
    def number(self) -> int:
        """How many steps have been shown, the present one included."""
        return len(self._shown)

    @property
    def digests(self) -> frozenset[str]:
        """SHA-256 of every picture, to find it again in later captures."""
        return frozenset(frame.digest for frame in self._frames)

    @property
    def in_one_run(self) -> bool:
        """Whether the camera was watched from the first picture that may be judged to the last, without a
        gap, and no cut was seen."""
        return self._judged < MAX_FRAMES and in_one_run(self._watched[: self._judged])

    @property
    def finished(self) -> bool:
        """Whether every step has ended."""
        return len(self._shown) == len(self._plan) and self._shown[-1][1].end_s < np.inf

    def see(self, image: NDArray[np.uint8], now_s: float, content: bytes | None = None) -> Seen:
        """Take in a picture; uint8, (H, W, 3), RGB, and the bytes it came as."""
        frame = observe(image, now_s, content)
        advice = hint(frame)
        self._ready = 0 if advice else self._ready + 1
        if self._shown and len(self._frames) < MAX_FRAMES:
            self._frames.append(frame)
        step = self.step
        judge = advice is None and (step is None or step.instruction == "look_ahead")
        if (judge or self._watched) and len(self._watched) < MAX_FRAMES:
            self._watched.append(frame)
        if judge:
            self._judged = len(self._watched)
        return Seen(advice, judge)

    def hear(self, samples: NDArray[np.float32], rate: int, now_s: float) -> None:
        """Take in sound that ended at ``now_s``.

        Raises:
            InputError: not float32 of shape (N,), or at another rate than before.
        """
        if samples.dtype != np.float32 or samples.ndim != 1:
            raise InputError(f"samples must be float32 of shape (N,), got {samples.dtype} {samples.shape}")
        if rate < 8000 or self._rate not in (0, rate):
            raise InputError(f"rate must stay the same and be at least 8000 a second, got {rate}")
        self._rate = rate
        if self._heard_s < MAX_SOUND_S:
            self._heard_s += len(samples) / rate
            self._chunks.append((now_s, np.nan_to_num(samples)))

    def advance(self, now_s: float) -> bool:
        """Go on if it is time; True when another step is to be shown, or none any more (see `finished`).

        The first step waits for good pictures; each further one for the answer to the last, or its time.
        """
        if self.finished:
            return False
        if not self._shown:
            if self._ready < READY_FRAMES:
                return False
        else:
            name, current = self._shown[-1]
            spent = now_s - current.start_s
            if spent < current.step.duration_s and not (
                spent >= MIN_STEP_S and challenges[name].answered(self._frames, self._of(name))
            ):
                return False
            self._shown[-1] = (name, replace(current, end_s=now_s))
            if len(self._shown) == len(self._plan):
                return True
        name, step = self._plan[len(self._shown)]
        self._shown.append((name, ShownStep(step, now_s, np.inf)))
        return True

    def results(self) -> tuple[ChallengeResult, ...]:
        """Judge every challenge, and whether pictures of the capture repeat.

        What is ``passed`` holds; what is ``measured`` is evidence (`antispoof.challenges.answers`); whatever
        else keeps the capture from being bona fide.

        A challenge that was not shown to its end is ``inconclusive``, with the reason ``not_finished``.
        """
        sound = self._sound()
        results = []
        for name in self._names:
            if self.finished:
                results.append(challenges[name].verify(self._frames, sound, self._of(name)))
            else:
                advice = ("follow the prompts until the end",)
                results.append(ChallengeResult(name, "inconclusive", {}, ("not_finished",), advice))
        return (*results, self._repetition())

    def _repetition(self) -> ChallengeResult:
        # Coloured light changes every picture and comes back: there only equal bytes count.
        lit = [shown for _, shown in self._shown if shown.step.instruction == "light"]
        plain = [f for f in self._frames if not any(s.start_s <= f.time_s <= s.end_s + 1 for s in lit)]
        found, exact = find_repetition(plain), find_repetition(self._frames, self._earlier, loops=False)
        reasons = tuple(dict.fromkeys((*found.reasons, *exact.reasons)))
        measurements = {
            "frames": float(len(self._frames)),
            "frozen_s": exact.frozen_s,
            "duplicated": exact.duplicated,
            "returned_frames": float(exact.returned),
            "frames_seen_before": float(exact.earlier),
            "loop_ratio": found.loop_ratio,
        }
        advice = (REPEATED_ADVICE,) if reasons else ()
        return ChallengeResult("repetition", "failed" if reasons else "passed", measurements, reasons, advice)

    def _of(self, name: str) -> list[ShownStep]:
        return [shown for owner, shown in self._shown if owner == name]

    def _sound(self) -> Sound | None:
        """Join the chunks; where the network was late, the sound is where its samples say it is."""
        if not self._chunks:
            return None
        starts, position = [], 0
        for end_s, samples in self._chunks:
            position += len(samples)
            starts.append(end_s - position / self._rate)
        joined = np.concatenate([samples for _, samples in self._chunks])
        return Sound(joined, self._rate, min(starts))
