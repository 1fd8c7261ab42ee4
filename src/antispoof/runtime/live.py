"""A verdict that runs along with a camera: over its last seconds, anew whenever it is asked for."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.runtime.detector import Detector
from antispoof.runtime.presentation import Presented
from antispoof.runtime.verdict import Verdict
from antispoof.sensing.frames import course_of
from antispoof.sensing.repetition import THUMBNAIL_SIDE
from antispoof.sensing.watch import Watch

__all__ = ["LiveJudge"]

WINDOW_S = 4.0  # cues are measured over this much, and over half of it at least once so much was seen
PICTURES = 5  # of the window are judged
JUDGED_EVERY_S = 0.4
THUMBNAIL_EVERY_S = 0.072


class LiveJudge:
    """Judges what a camera shows; memory does not grow with time.

    Args:
        detector: who judges; a bundle of it has to judge pictures of faces.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._watch, self._next = Watch(), Watch()
        self._begin_s = self._next_s = -np.inf
        self._kept: deque[tuple[float, NDArray[np.uint8]]] = deque(maxlen=PICTURES)
        self._shown: deque[tuple[float, NDArray[np.float32]]] = deque()

    def see(self, time_s: float, image: NDArray[np.uint8]) -> None:
        """Take in a picture.

        Args:
            time_s: seconds, not before that of the last one.
            image: uint8, (H, W, 3), RGB, upright.
        """
        if time_s - self._begin_s >= WINDOW_S:
            if self._begin_s > -np.inf:
                self._watch, self._begin_s = self._next, self._next_s
            else:
                self._begin_s = time_s
            self._next, self._next_s = Watch(), np.inf
        if self._next_s == np.inf and time_s - self._begin_s >= WINDOW_S / 2:
            self._next_s = time_s
        self._watch.see(time_s, image)
        if self._next_s < np.inf:
            self._next.see(time_s, image)
        if not self._shown or time_s - self._shown[-1][0] >= THUMBNAIL_EVERY_S:
            self._shown.append((time_s, _thumbnail(image)))
            while time_s - self._shown[0][0] > WINDOW_S:
                self._shown.popleft()
        if not self._kept or time_s - self._kept[-1][0] >= JUDGED_EVERY_S:
            self._kept.append((time_s, image))

    def verdict(self) -> Verdict | None:
        """Judge the last seconds; None before there is a picture.

        Raises:
            BundleError: the network fails.
        """
        if not self._kept:
            return None
        pictures = [image for _, image in self._kept]
        course = course_of(*zip(*self._shown, strict=True))
        presented: Presented = self._detector.look({"face_rgb": pictures})
        presented = presented.with_cues("face_rgb", self._watch.measured(), in_one_run=course.in_one_run)
        for code in dict.fromkeys((*course.reasons, *self._watch.reasons)):
            presented = presented.with_reason("face_rgb", code)
        return self._detector.judge([presented])[0]


def _thumbnail(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = cv2.resize(image, (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
