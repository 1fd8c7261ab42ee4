"""Does the head move as a body, or as a plane together with what surrounds it?

What a camera sees of a plane that is moved, turned or tilted before it is a homography of what it saw before:
eyes, nose, ears and the picture around the face alike; a sheet that is bent adds a curve. The nose of a head
moves against the plane of eyes, cheeks and mouth while it turns, and does so between any two moments of some
seconds: all of them are compared. A film that is replayed on a screen at rest holds all of that: this cue
says nothing against it.

References:
    R. Hartley and A. Zisserman, "Multiple View Geometry in Computer Vision", 2nd ed., chapter 13; K.
    Kollreider, H. Fronthaler and J. Bigun, "Non-intrusive liveness detection by face images", Image and
    Vision Computing 27, 2009.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.cues import ALWAYS, Measured, cues
from antispoof.sensing.track import FACE, FAR, NEAR, Flow, Points, TrackedFrame

__all__ = ["FaceRelief"]

LEAST_POINTS = {FACE: 14, NEAR: 6, FAR: 8}
LEAST_PAIRS = 3
LEAST_BASELINE_S = 0.35
MOST_PAIRS = 30  # of moments, of the points of one picture
LEAST_SHARE = 0.5  # of the pictures have to show the face
LEAST_MOTION = 0.099  # sides of the face: no person who taught moved less; `benchmarks/video.py --relief`
FLOOR = 1e-3  # sides of the face: about a tenth of a pixel
PASSES = 4  # of least squares, in which what lies far off counts less and less
NOSE = (0.55, 0.28, 0.35)  # its tip from the eyes towards the mouth, half width between the eyes, half length
UNKNOWN = -0.7  # logarithm of a ratio that was not measured: about half

Values = NDArray[np.float64]


class FaceRelief:
    """``face_relief``: parallax of the nose against the plane of the face, what neither explains, the
    surroundings."""

    name = "face_relief"
    title = "relief from motion"
    drawn = "how far the nose moved against the plane of the face, sides of the face"
    features: tuple[str, ...] = (
        "motion",
        "own_motion",
        "unlike_similarity",
        "unlike_plane",
        "unlike_nose",
        "nose",
        "nose_sure",
        "nose_explains",
        "nose_per_change",
        "nose_beyond_bend",
        "nose_beyond_bend_sure",
        "bend_across",
        "bend_along_per_across",
        "near_per_motion",
        "far_per_motion",
    )
    reasons: Mapping[str, str] = {
        **ALWAYS,
        "too_still": "nothing moved that could tell a body from a plane",
    }

    def watch(self) -> _Relief:
        """Begin with a clip."""
        return _Relief()


class _Relief:
    def __init__(self) -> None:
        self._pictures = self._with_face = 0
        self._flows: list[Flow] = []  # of the points of one picture
        self._done: list[Values] = []
        self._course: list[tuple[float, float]] = []

    def see(self, frame: TrackedFrame) -> None:
        self._pictures += 1
        self._with_face += frame.landmarks is not None
        if frame.flow is None:
            return
        if self._flows and self._flows[0].start_s != frame.flow.start_s:
            self._end()
        self._flows.append(frame.flow)

    def _end(self) -> None:
        rows, course = _compared(self._flows)
        self._done.append(rows)
        self._course += course
        self._flows = []

    def measured(self) -> Measured:
        if self._with_face < LEAST_SHARE * max(self._pictures, 1):
            return Measured("face_relief", None, ("no_face",))
        rows, last = _compared(self._flows)
        values, course = np.concatenate([*self._done, rows]), (*self._course, *last)
        if len(values) < LEAST_PAIRS:
            return Measured("face_relief", None, ("too_short",))
        features = _features(values)
        if np.exp(max(features[0], features[1])) < LEAST_MOTION:
            return Measured("face_relief", None, ("too_still",), course)
        return Measured("face_relief", features, (), course)


def _compared(flows: Sequence[Flow]) -> tuple[Values, tuple[tuple[float, float], ...]]:
    """Compare the moments of the points of one picture, each with each: a row a pair; and the nose over
    time."""
    if not flows:
        return np.zeros((0, 14)), ()
    first = flows[0]
    times = [first.start_s, *(flow.end_s for flow in flows)]
    places = [first.before, *(flow.after for flow in flows)]
    there = [np.ones(len(first.before), bool), *(flow.there for flow in flows)]
    pairs = [
        (one, other)
        for one in range(len(times))
        for other in range(one + 1, len(times))
        if times[other] - times[one] >= LEAST_BASELINE_S
    ]
    if len(pairs) > MOST_PAIRS:
        pairs = [pairs[k] for k in np.linspace(0, len(pairs) - 1, MOST_PAIRS).round().astype(int)]
    rows, course = [], []
    for one, other in pairs:
        found = _pair(places[one], places[other], there[one] & there[other], first)
        if found is None:
            continue
        rows.append(found)
        if one == 0:
            course.append((times[other], float(found[4])))
    return np.array(rows).reshape(len(rows), 14), tuple(course)


def _pair(before: Points, after: Points, there: NDArray[np.bool_], flow: Flow) -> Values | None:
    """Compare two moments; lengths in sides of the face, NaN where too few points were found."""
    face, near, far = (there & (flow.zone == zone) for zone in (FACE, NEAR, FAR))
    if face.sum() < LEAST_POINTS[FACE]:
        return None
    similar = _similar(before[face], after[face])
    if similar is None:
        return None
    moved = (after - before)[face].astype(np.float64)
    motion = float(np.median(np.linalg.norm(moved, axis=1)))
    rest = _rms(before[face] @ similar[:, :2].T + similar[:, 2] - after[face])
    affine = np.linalg.lstsq(_with_one(before[face]), after[face], rcond=None)[0]
    own = around = follows = np.nan
    if near.sum() >= LEAST_POINTS[NEAR]:
        plane, _ = cv2.findHomography(before[face], after[face], cv2.RANSAC, 0.03)
        mapped = _with_one(before[near]) @ affine if plane is None else _mapped(plane, before[near])
        around = float(np.median(np.linalg.norm(mapped - after[near], axis=1)))
    if far.sum() >= LEAST_POINTS[FAR]:
        follows = float(np.median(np.linalg.norm(_with_one(before[far]) @ affine - after[far], axis=1)))
        room = _similar(before[far], after[far])
        if room is not None:
            own = float(
                np.median(np.linalg.norm(before[face] @ room[:, :2].T + room[:, 2] - after[face], axis=1))
            )
    return np.array([motion, own, rest, *_nose(_in_face(flow)[face], moved), around, follows])


def _in_face(flow: Flow) -> Values:
    """Tell where the points lie, in units of the distance of the eyes across, and from them to the mouth
    along."""
    left, right, _, mouth_left, mouth_right = flow.landmarks
    eyes = (left + right) / 2
    frame = np.column_stack([right - left, (mouth_left + mouth_right) / 2 - eyes])
    return np.asarray((flow.before - eyes) @ np.linalg.pinv(frame).T)


def _nose(places: Values, moved: Values) -> tuple[float, ...]:
    """Explain motion by a plane, by a plane and a nose before it, and by a bent plane and a nose.

    To first order, a plane moves by an affine map and two terms of perspective, and what lies before it moves
    along with its height.

    Returns:
        what a plane leaves, motion of the nose, what both leave, how many standard errors the nose is from
        resting, share that it explains; its motion and standard errors where the plane may bend; bend across
        and along.
    """
    u, v = places.T
    one, none = np.ones_like(u), np.zeros_like(u)
    tip, across, along = NOSE
    nose = np.exp(-((u / across) ** 2) - ((v - tip) / along) ** 2)

    def both(term: Values) -> Values:
        return np.column_stack([np.r_[term, none], np.r_[none, term]])

    affine = np.hstack([both(one), both(u), both(v)])
    plane = np.column_stack([affine, np.r_[u * u, u * v], np.r_[u * v, v * v]])
    target = np.r_[moved[:, 0], moved[:, 1]]
    left, _, _ = _explained(plane, target)
    with_nose, move, sure = _explained(np.hstack([plane, both(nose)]), target)
    _, bent, bent_sure = _explained(np.hstack([affine, both(u * u), both(v * v), both(nose)]), target)
    explains = 1 - (with_nose / max(left, 1e-6)) ** 2
    return (
        left,
        float(np.linalg.norm(move[-2:])),
        with_nose,
        sure,
        explains,
        float(np.linalg.norm(bent[-2:])),
        bent_sure,
        float(np.linalg.norm(bent[6:8])),
        float(np.linalg.norm(bent[8:10])),
    )


def _explained(terms: Values, target: Values) -> tuple[float, Values, float]:
    """Robust least squares: what is left (root mean square), coefficients, standard errors of the last
    two."""
    weight, count = np.ones(len(target)), len(target) // 2
    for _ in range(PASSES):
        found = np.linalg.lstsq(terms * weight[:, np.newaxis], target * weight, rcond=None)[0]
        rest = target - terms @ found
        length = np.hypot(rest[:count], rest[count:])
        usual = 1.5 * float(np.median(length)) + 1e-6
        weight = np.tile(1 / np.sqrt(1 + (length / (2 * usual)) ** 2), 2)
    kept = weight[:count] ** 2
    squares = float((kept * length**2).sum())
    inverse = np.linalg.pinv((terms * (weight**2)[:, np.newaxis]).T @ terms)[-2:, -2:]
    variance = squares / max(2 * float(kept.sum()) - terms.shape[1], 4.0) * inverse + 1e-10 * np.eye(2)
    sure = float(np.sqrt(found[-2:] @ np.linalg.solve(variance, found[-2:])))
    return float(np.sqrt(squares / kept.sum())), np.asarray(found, np.float64), sure


def _features(values: Values) -> Values:
    """Put the pairs together, as logarithms but for `nose_explains`."""
    motion, own, rest, left, nose, with_nose, sure, explains, bent, bent_sure, across, along, near, far = (
        values.T
    )
    most = np.fmax(np.fmax(motion, 2 * rest), FLOOR)

    def high(column: Values) -> float:
        known = column[~np.isnan(column)]
        return float(np.log(max(np.quantile(known, 0.8) if len(known) else 0.0, FLOOR)))

    def middle(column: Values) -> float:
        return float(np.log(max(np.median(column), FLOOR)))

    def ratio(column: Values, to: Values) -> float:
        known = (column / np.maximum(to, FLOOR))[~np.isnan(column)]
        return float(np.log(max(np.median(known), 0.01))) if len(known) else UNKNOWN

    return np.array(
        [
            high(motion),
            high(own),
            high(rest),
            high(left),
            high(with_nose),
            middle(nose),
            middle(sure),
            float(np.median(explains)),
            ratio(nose, rest),
            middle(bent),
            middle(bent_sure),
            middle(across),
            ratio(along, across),
            ratio(near, most),
            ratio(far, most),
        ]
    )


def _similar(before: Points, after: Points) -> Values | None:
    found, _ = cv2.estimateAffinePartial2D(before, after, ransacReprojThreshold=0.03)
    return None if found is None else np.asarray(found, np.float64)


def _with_one(points: Points) -> Values:
    return np.column_stack([points, np.ones(len(points))]).astype(np.float64)


def _mapped(plane: NDArray[np.generic], points: Points) -> Values:
    mapped = _with_one(points) @ np.asarray(plane, np.float64).T
    return np.asarray(mapped[:, :2] / np.where(np.abs(mapped[:, 2:]) < 1e-6, 1e-6, mapped[:, 2:]))


def _rms(difference: Values) -> float:
    """Root mean square of the four fifths that are smallest: a few points are always followed wrongly."""
    squares = np.sort((difference**2).sum(axis=1))
    return float(np.sqrt(squares[: max(1, round(0.8 * len(squares)))].mean()))


cues.register("face_relief")(FaceRelief())
