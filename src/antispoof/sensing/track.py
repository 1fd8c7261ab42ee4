"""One face through the pictures of a clip, one picture after the other: what the cues look at.

Nothing of the clip is kept but the picture before, one from the last seconds, a few hundred points and the
time. The network that finds faces looks five times a second; between, points of the face are followed by
sparse optical flow. Whenever it looks, the points of a picture up to 2.5 s ago are found again in this one.

References:
    B. Lucas and T. Kanade, "An iterative image registration technique", IJCAI 1981; J. Shi and C. Tomasi,
    "Good features to track", CVPR 1994.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box
from antispoof.sensing.faces import Landmarks, find_faces, find_landmarks
from antispoof.sensing.playback import Change

__all__ = ["FACE", "FAR", "NEAR", "Flow", "Points", "TrackedFrame", "Tracker"]

WORKING_SIDE = 480  # px, about the longer side of the picture in which points are followed
LOOK_EVERY_S = 0.19  # the network looks for the face
SIDES = (160, 320)
CARRIED_S = 0.38  # points that carry the face are followed for so long, then new ones are chosen
FLOW_S = 2.5  # points of one picture are looked for in others for so long
LEAST_POINTS = 15  # in that picture
LONGEST_GAP_S = 0.6  # what lies further apart is not one movement
POINTS = 50  # in each zone
NEAR_SCALE = 2.2  # times the box: what surrounds the face at once
RETURNS_WITHIN = 0.8  # px: a point that is followed back has to arrive where it came from
CUT_LEVELS = 40.0  # of 255, between thumbnails of neighbours: another scene
FACE, NEAR, FAR = 0, 1, 2
ALIGNED_SIDE = 96
ALIGNED_EYES = ((30.0, 34.0), (66.0, 34.0))

Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Flow:
    """Where the points of an earlier picture are now.

    Attributes:
        start_s: when they were chosen; all that were chosen at once have the same N, in the same order.
        end_s: when they were looked for.
        before: float32, (N, 2): x, y, in sides of the face from its middle.
        after: float32, (N, 2): the same points at the end, in the same frame of reference.
        there: (N,): whether they were found, and found back.
        zone: (N,): `FACE`, `NEAR` (what surrounds it at once) or `FAR`.
        landmarks: (5, 2): eyes, nose and mouth at the start, in the same frame of reference.
    """

    start_s: float
    end_s: float
    before: Points
    after: Points
    there: NDArray[np.bool_]
    zone: NDArray[np.int64]
    landmarks: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrackedFrame:
    """A picture of a clip, and where the face is in it.

    Attributes:
        time_s: when it was taken, in seconds.
        step_s: since the picture before; 0 for the first.
        box: of the face, in pixels; None while none is seen.
        landmarks: see `antispoof.sensing.faces.Landmarks`; None without a face.
        looked: whether the network saw the face in this very picture.
        luma: uint8, (H, W): luminance of the picture as it came.
        grey: uint8, (h, w): the same, scaled down to about 480 pixels on its longer side.
        face: uint8, (96, 96, 3), RGB, the eyes on `ALIGNED_EYES`; None without a face.
        flow: where points went; None but where the network looked.
        cut: whether another scene begins.
        went: how far the middle of the face went since the picture before, right and down, in widths of the
            face, as its points tell; None where they were not followed.
        change: since the picture before; None for the first, and after a cut.
    """

    time_s: float
    step_s: float
    box: Box | None
    landmarks: Landmarks | None
    looked: bool
    luma: NDArray[np.uint8]
    grey: NDArray[np.uint8]
    face: NDArray[np.uint8] | None
    flow: Flow | None
    cut: bool
    went: tuple[float, float] | None = None
    change: Change | None = None


class Tracker:
    """Follows the largest face; memory does not grow with the clip."""

    def __init__(self) -> None:
        self._time_s: float | None = None
        self._grey: Any = None
        self._thumbnail: Any = None
        self._box: Box | None = None
        self._landmarks: Landmarks | None = None
        self._looked_s = -np.inf
        self._begin_s = 0.0
        self._now = np.zeros((0, 2), np.float32)
        self._chosen: _Chosen | None = None

    def see(self, time_s: float, image: NDArray[np.uint8]) -> TrackedFrame:
        """Take in the next picture.

        Args:
            time_s: seconds, not before that of the last one.
            image: uint8, (H, W, 3), RGB; of the size of the last one, or the face is looked for anew.
        """
        luma: Any = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        grey, ratio = _smaller(luma)
        thumbnail = cv2.resize(grey, (24, 24), interpolation=cv2.INTER_AREA).astype(np.float32)
        step = 0.0 if self._time_s is None else time_s - self._time_s
        cut = self._grey is not None and (
            grey.shape != self._grey.shape or float(np.abs(thumbnail - self._thumbnail).mean()) > CUT_LEVELS
        )
        if cut or step > LONGEST_GAP_S:
            self._lose()
        went = self._follow(grey, ratio)
        looked = self._look(time_s, image)
        flow = self._flow(time_s, grey, ratio) if looked else None
        if self._box is not None and (len(self._now) == 0 or time_s - self._begin_s >= CARRIED_S):
            self._begin_s, self._now = time_s, _points(grey, self._box.scaled(ratio), (FACE,))[0]
        change = None if self._grey is None or cut else Change.of(self._grey, grey)
        self._time_s, self._grey, self._thumbnail = time_s, grey, thumbnail
        face = None if self._landmarks is None else _aligned(image, self._landmarks)
        return TrackedFrame(
            time_s, step, self._box, self._landmarks, looked, luma, grey, face, flow, cut, went, change
        )

    def _lose(self) -> None:
        self._box = self._landmarks = None
        self._looked_s = -np.inf
        self._now = self._now[:0]
        self._chosen = None

    def _follow(self, grey: Any, ratio: float) -> tuple[float, float] | None:
        """Follow the points, carry the face with them, and tell how far it went."""
        if not len(self._now) or self._grey is None or self._grey.shape != grey.shape:
            return None
        found, there = _followed(self._grey, grey, self._now)
        before, self._now = self._now[there], found[there]
        if self._box is None or self._landmarks is None or len(before) < 6:
            return None
        carried: Any
        carried, _ = cv2.estimateAffinePartial2D(before, self._now, ransacReprojThreshold=1.0)
        if carried is None:
            return None
        turn, shift = carried[:, :2], carried[:, 2] / ratio
        self._landmarks = self._landmarks @ turn.T + shift
        scale = float(np.hypot(turn[0, 0], turn[1, 0]))
        box = self._box
        middle = turn @ (box.x + box.width / 2, box.y + box.height / 2) + shift
        width, height = box.width * scale, box.height * scale
        self._box = Box(float(middle[0] - width / 2), float(middle[1] - height / 2), width, height)
        return (
            float(middle[0] - box.x - box.width / 2) / box.width,
            float(middle[1] - box.y - box.height / 2) / box.width,
        )

    def _look(self, time_s: float, image: NDArray[np.uint8]) -> bool:
        """Let the network look for the face, now and then."""
        if time_s - self._looked_s < LOOK_EVERY_S:
            return False
        self._looked_s = time_s
        points = None if self._box is None else find_landmarks(image, self._box)
        if points is None:
            faces = find_faces(image, SIDES)
            if not faces:
                self._lose()
                self._looked_s = time_s
                return False
            box = faces[0].box
            points = find_landmarks(image, box)
            if self._box is not None and _apart(self._box, box) > 0.5:
                self._now, self._chosen = self._now[:0], None  # another face
            self._box, self._landmarks = box, faces[0].landmarks if points is None else points
            return True
        assert self._box is not None
        if self._landmarks is not None:
            x, y = (points.mean(axis=0) - self._landmarks.mean(axis=0)).tolist()
            self._box = Box(self._box.x + x, self._box.y + y, self._box.width, self._box.height)
        self._landmarks = points
        return True

    def _flow(self, time_s: float, grey: Any, ratio: float) -> Flow | None:
        """Find the points of an earlier picture in this one, and this one's points where there is none."""
        assert self._box is not None
        assert self._landmarks is not None
        box, landmarks, chosen = self._box.scaled(ratio), self._landmarks * ratio, self._chosen
        if chosen is None or time_s - chosen.time_s > FLOW_S:
            points, zone = _points(grey, box, (FACE, NEAR, FAR))
            enough = len(points) >= LEAST_POINTS
            chosen = _Chosen(time_s, grey, points, zone, box, landmarks, points, landmarks)
            self._chosen = chosen if enough else None
            return None
        guess = chosen.last.copy()
        guess[chosen.zone != FAR] += (landmarks.mean(axis=0) - chosen.seen.mean(axis=0)).astype(np.float32)
        now, found = _followed(chosen.grey, grey, chosen.points, guess)
        back, returned = _followed(grey, chosen.grey, now, chosen.points)
        there = found & returned & (np.abs(back - chosen.points).max(axis=1) < RETURNS_WITHIN)
        self._chosen = replace(chosen, last=np.where(there[:, np.newaxis], now, chosen.last), seen=landmarks)
        side = np.float32(np.sqrt(chosen.box.width * chosen.box.height))
        middle = np.array(
            [chosen.box.x + chosen.box.width / 2, chosen.box.y + chosen.box.height / 2], np.float32
        )
        before, after = (chosen.points - middle) / side, (now - middle) / side
        marks = (chosen.landmarks - middle.astype(np.float64)) / side
        return Flow(chosen.time_s, time_s, before, after, there, chosen.zone, marks)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The points of one picture, in pixels, where they were found last, and the face in both."""

    time_s: float
    grey: Any
    points: Points
    zone: NDArray[np.int64]
    box: Box
    landmarks: Landmarks
    last: Points
    seen: Landmarks


def _points(grey: Any, box: Box, zones: Sequence[int]) -> tuple[Points, NDArray[np.int64]]:
    """Choose points to follow in some zones: (N, 2), and the zone of each."""
    middle = (box.x + box.width / 2, box.y + box.height / 2)
    inside = np.zeros(grey.shape, np.uint8)
    cv2.ellipse(inside, (middle, (0.85 * box.width, 0.9 * box.height), 0.0), 255, -1)
    around, kept = np.zeros_like(inside), np.zeros_like(inside)
    cv2.ellipse(around, (middle, (NEAR_SCALE * box.width, NEAR_SCALE * box.height), 0.0), 255, -1)
    cv2.ellipse(kept, (middle, (1.1 * box.width, 1.1 * box.height), 0.0), 255, -1)
    apart = max(3.0, float(np.sqrt(box.width * box.height)) / 12)
    masks: dict[int, Any] = {FACE: inside, NEAR: around & ~kept, FAR: ~around}
    points, where = [np.zeros((0, 2), np.float32)], [np.zeros(0, np.int64)]
    for zone in zones:
        left, top, width, height = cv2.boundingRect(masks[zone])
        if not width:
            continue
        there = np.s_[max(top - 4, 0) : top + height + 4, max(left - 4, 0) : left + width + 4]
        mask = masks[zone][there]
        found = cv2.goodFeaturesToTrack(grey[there], POINTS, 0.01, apart, mask=mask, blockSize=5)
        if found is not None:
            points.append(found.reshape(-1, 2) + np.array([max(left - 4, 0), max(top - 4, 0)]))
            where.append(np.full(len(found), zone))
    return np.concatenate(points).astype(np.float32), np.concatenate(where)


def _smaller(luma: Any) -> tuple[Any, float]:
    """Scale a picture down by a whole number, which is ten times as quick; and tell by how much."""
    step = max(1, round(max(luma.shape) / WORKING_SIDE))
    if step == 1:
        return luma, 1.0
    rows, columns = (side // step for side in luma.shape)
    whole = luma[: rows * step, : columns * step]
    return cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), 1 / step


def _followed(before: Any, after: Any, points: Points, guess: Any = None) -> tuple[Any, NDArray[np.bool_]]:
    """Return where points (N, 2) of one picture are in another, and whether they are there."""
    flags = 0 if guess is None else cv2.OPTFLOW_USE_INITIAL_FLOW
    start: Any = points.copy() if guess is None else guess.copy()
    found, there, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, start, winSize=(15, 15), maxLevel=3, flags=flags
    )
    return found, there.ravel() == 1


def _apart(one: Box, other: Box) -> float:
    """How far the middles of two faces lie apart, in sides of the first."""
    x = one.x + one.width / 2 - other.x - other.width / 2
    y = one.y + one.height / 2 - other.y - other.height / 2
    return float(np.hypot(x, y)) / max(one.width, one.height)


def _aligned(image: NDArray[np.uint8], landmarks: Landmarks) -> NDArray[np.uint8]:
    (x1, y1), (x2, y2) = landmarks[:2]
    (u1, v1), (u2, _) = ALIGNED_EYES
    turn = (u2 - u1) / complex(x2 - x1 or 1e-6, y2 - y1)
    shift = complex(u1, v1) - turn * complex(x1, y1)
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    side = (ALIGNED_SIDE, ALIGNED_SIDE)
    flags = cv2.INTER_AREA if abs(turn) < 1 else cv2.INTER_LINEAR
    return np.asarray(
        cv2.warpAffine(image, matrix, side, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
