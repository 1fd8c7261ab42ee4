"""All cues over the pictures of one clip, as they come."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.cues import UNASKED, Measured, cues
from antispoof.sensing.playback import PLAYED, Changes
from antispoof.sensing.track import FACE, Flow, Points, TrackedFrame, Tracker

__all__ = ["HIGHEST_RATE", "STILL_S", "Rest", "Watch"]

STILL_S = 1.5  # for so long points are followed before a face is still
# Sides of the face, set on simulation: `benchmarks/video.py --still`.
STILL = 0.005  # the farthest it went
MOVED, FLAT = 0.03, 0.005  # or it went so far, and moving one picture in perspective leaves no more
LEAST_POINTS = 8
BASELINE_S = 0.35  # between moments that are compared

HIGHEST_RATE = 31.0  # pictures a second that are looked at; of more, some are left out


@dataclass(frozen=True, slots=True)
class Rest:
    """What moved in a face, at most, while its points were followed.

    Attributes:
        followed_s: for how long, in seconds.
        moved: how far the middle point went, in sides of the face; infinite where points were lost.
        left: how far a fifth of the points lie, at least, from where one picture would have put them that is
            scaled, turned and shifted, or seen in perspective, whichever is nearer, in sides of the face.
    """

    followed_s: float
    moved: float
    left: float


class Watch:
    """Follows the face through a clip and lets every cue look at it.

    Args:
        names: of the cues; None takes all.
        rate: pictures a second that are looked at, at most.
    """

    def __init__(self, names: Collection[str] | None = None, rate: float = HIGHEST_RATE) -> None:
        self._tracker = Tracker()
        self._least_s = 0.9 / rate
        self._watches = {name: cues[name].watch() for name in cues if names is None or name in names}
        self._seen_s = -np.inf
        self._interlaced = False
        self._rest = Rest(0.0, 0.0, 0.0)
        self._changes = Changes()

    @property
    def rest(self) -> Rest:
        """How far the face moved, and how much of that one picture could have done."""
        return self._rest

    @property
    def still(self) -> bool:
        """Whether nothing in the face moved as in living ones, for `STILL_S` at least: it rested within a
        millimetre, or it moved and is one picture that is scaled, turned, shifted or tilted."""
        rest = self._rest
        return rest.followed_s >= STILL_S and (
            rest.moved < STILL or (rest.moved >= MOVED and rest.left < FLAT)
        )

    @property
    def returning(self) -> float:
        """How alike the pictures are to a short piece that is played again and again, noise and all, forwards
        or backwards: -1 to 1, see `antispoof.sensing.playback.likeness`."""
        return self._changes.returning()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why no camera took these pictures of a living face in a row, as codes of `frames.REASONS`."""
        found = (("looped", self.returning >= PLAYED), ("still", self.still))
        return tuple(code for code, there in found if there)

    def due(self, time_s: float) -> bool:
        """Tell whether a picture of that time would be looked at: of a fast camera not every one is."""
        return time_s - self._seen_s >= self._least_s

    def see(self, time_s: float, image: NDArray[np.uint8], interlaced: bool = False) -> TrackedFrame | None:
        """Take in the next picture; None where it is left out.

        Args:
            time_s: when it was taken, in seconds; not before the last.
            image: uint8, (H, W, 3), RGB, upright.
            interlaced: whether it was put together of two of half its height: then nothing can be measured.
        """
        if not self.due(time_s):
            return None
        self._seen_s = time_s
        self._interlaced |= interlaced
        frame = self._tracker.see(time_s, image)
        if frame.change is not None:
            self._changes.see(frame.change)
        if frame.flow is not None:
            self._measure_rest(frame.flow)
        for watch in self._watches.values():
            watch.see(frame)
        return frame

    def _measure_rest(self, flow: Flow) -> None:
        of_face = flow.there & (flow.zone == FACE)
        rest = self._rest
        if of_face.sum() < LEAST_POINTS:
            # What is not found again is no picture at rest.
            self._rest = replace(rest, moved=np.inf, left=np.inf)
            return
        before, after = flow.before[of_face], flow.after[of_face]
        moved = float(np.median(np.linalg.norm(after - before, axis=1)))
        left = rest.left
        if flow.end_s - flow.start_s >= BASELINE_S:
            left = max(left, _left(before, after))
        self._rest = Rest(max(rest.followed_s, flow.end_s - flow.start_s), max(rest.moved, moved), left)

    def measured(self) -> tuple[Measured, ...]:
        """Tell what each cue has found so far."""
        if self._interlaced:
            return tuple(
                Measured(name, None, (*filter(UNASKED.__contains__, watch.measured().reasons), "interlaced"))
                for name, watch in self._watches.items()
            )
        return tuple(watch.measured() for watch in self._watches.values())


def _left(before: Points, after: Points) -> float:
    """Tell what moving one picture leaves at a fifth of the points, in sides of the face."""
    found = []
    similar, _ = cv2.estimateAffinePartial2D(before, after, ransacReprojThreshold=0.03)
    if similar is not None:
        found.append(before @ similar[:, :2].T + similar[:, 2])
    plane: Any
    plane, _ = cv2.findHomography(before, after, cv2.RANSAC, 0.03)
    if plane is not None:
        mapped = np.column_stack([before, np.ones(len(before))]) @ plane.T
        found.append(mapped[:, :2] / np.where(np.abs(mapped[:, 2:]) < 1e-6, 1e-6, mapped[:, 2:]))
    apart = [float(np.quantile(np.linalg.norm(one - after, axis=1), 0.8)) for one in found]
    return min(apart, default=np.inf)
