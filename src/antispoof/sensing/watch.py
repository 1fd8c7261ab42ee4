"""All cues over the pictures of one clip, as they come."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.cues import Measured, cues
from antispoof.sensing.track import FACE, Flow, TrackedFrame, Tracker

__all__ = ["HIGHEST_RATE", "Watch"]

STILL_S = 1.5  # for so long points are followed before a face is still
STILL = 0.005  # sides of the face, the farthest it went: no simulated person went less than 0.04
LEAST_POINTS = 8

HIGHEST_RATE = 31.0  # pictures a second that are looked at; of more, some are left out


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
        self._followed_s = self._moved = 0.0

    @property
    def still(self) -> bool:
        """Whether the face rested as no living one does, for `STILL_S` at least: within a millimetre."""
        return self._followed_s >= STILL_S and self._moved < STILL

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
        if frame.flow is not None:
            self._measure_rest(frame.flow)
        for watch in self._watches.values():
            watch.see(frame)
        return frame

    def _measure_rest(self, flow: Flow) -> None:
        of_face = flow.there & (flow.zone == FACE)
        if of_face.sum() < LEAST_POINTS:
            self._moved = np.inf  # what is not found again is no picture at rest
            return
        went = np.linalg.norm((flow.after - flow.before)[of_face], axis=1)
        self._moved = max(self._moved, float(np.median(went)))
        self._followed_s = max(self._followed_s, flow.end_s - flow.start_s)

    def measured(self) -> tuple[Measured, ...]:
        """Tell what each cue has found so far."""
        if self._interlaced:
            return tuple(Measured(name, None, ("interlaced",)) for name in self._watches)
        return tuple(watch.measured() for watch in self._watches.values())
