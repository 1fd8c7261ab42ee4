"""Does the head move as a body, or as a plane together with what surrounds it?

What a camera sees of a plane that is moved, turned or tilted before it is a homography of what it saw before:
eyes, nose, ears and the picture around the face alike. A head turns apart from the room, its nose moves
against its eyes, and its expression moves parts of it. A film that is replayed on a screen at rest holds all
of that: this cue says nothing against it.

References:
    R. Hartley and A. Zisserman, "Multiple View Geometry in Computer Vision", 2nd ed., chapter 13; K.
    Kollreider, H. Fronthaler and J. Bigun, "Non-intrusive liveness detection by face images", Image and
    Vision Computing 27, 2009.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.cues import ALWAYS, Measured, cues
from antispoof.sensing.track import FACE, FAR, NEAR, Flow, TrackedFrame

__all__ = ["FaceRelief"]

LEAST_POINTS = {FACE: 12, NEAR: 6, FAR: 8}
LEAST_STRETCHES = 2
LEAST_SHARE = 0.5  # of the pictures have to show the face
LEAST_MOTION = 0.02  # sides of the face in 0.4 s: less is drowned in what coding leaves
FLOOR = 1e-3  # sides of the face: about a tenth of a pixel

Values = NDArray[np.float64]


class FaceRelief:
    """``face_relief``: homography residual, parallax of face and surroundings, the nose against the plane."""

    name = "face_relief"
    title = "relief from motion"
    drawn = "what a plane does not explain of the face's motion, share"
    features: tuple[str, ...] = (
        "motion",
        "own_motion",
        "unlike_similarity",
        "unlike_affine",
        "unlike_plane",
        "unlike_plane_high",
        "plane_explains",
        "near_apart",
        "near_apart_high",
        "near_follows",
        "far_follows",
        "nose_across",
        "nose_along",
        "shape_change",
        "unlike_plane_per_motion",
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
        self._stretches: list[tuple[float, Values]] = []
        self._shapes: list[tuple[float, float, float]] = []

    def see(self, frame: TrackedFrame) -> None:
        self._pictures += 1
        self._with_face += frame.landmarks is not None
        if frame.looked and frame.landmarks is not None:
            self._shapes.append(_shape(frame.landmarks))
        if frame.flow is not None and (found := _stretch(frame.flow)) is not None:
            self._stretches.append(((frame.flow.start_s + frame.flow.end_s) / 2, found))

    def measured(self) -> Measured:
        if self._with_face < LEAST_SHARE * max(self._pictures, 1):
            return Measured("face_relief", None, ("no_face",))
        if len(self._stretches) < LEAST_STRETCHES or len(self._shapes) < 3:
            return Measured("face_relief", None, ("too_short",))
        values = np.stack([found for _, found in self._stretches])
        course = tuple((at, float(found[4] / max(found[2], FLOOR))) for at, found in self._stretches)
        moving = np.fmax(values[:, 0], values[:, 1])
        if float(np.quantile(moving, 0.8)) < LEAST_MOTION:
            return Measured("face_relief", None, ("too_still",), course)
        return Measured("face_relief", _features(values, np.array(self._shapes)), (), course)


def _stretch(flow: Flow) -> Values | None:
    """Measure one stretch: motion, against the room, residuals of similarity, affine map and plane, near,
    far.

    All in sides of the face; NaN where too few points were followed.
    """
    before, after = flow.of(FACE)
    if len(before) < LEAST_POINTS[FACE]:
        return None
    plane, similar = _plane(before, after), _similar(before, after)
    if plane is None or similar is None:
        return None
    rest = _rms(before @ similar[:, :2].T + similar[:, 2] - after)
    affine = np.linalg.lstsq(np.column_stack([before, np.ones(len(before))]), after, rcond=None)[0]
    bent = _rms(np.column_stack([before, np.ones(len(before))]) @ affine - after)
    unlike = _rms(_mapped(plane, before) - after)
    motion = float(np.median(np.linalg.norm(after - before, axis=1)))
    near = own = follows = np.nan
    room = None
    there, gone = flow.of(FAR)
    if len(there) >= LEAST_POINTS[FAR]:
        room = _similar(there, gone)
        follows = float(np.median(np.linalg.norm(_mapped(plane, there) - gone, axis=1)))
    if room is not None:
        own = float(np.median(np.linalg.norm(before @ room[:, :2].T + room[:, 2] - after, axis=1)))
    there, gone = flow.of(NEAR)
    if len(there) >= LEAST_POINTS[NEAR]:
        near = float(np.median(np.linalg.norm(_mapped(plane, there) - gone, axis=1)))
    return np.array([motion, own, rest, bent, unlike, near, follows])


def _features(values: Values, shapes: Values) -> Values:
    """Put the stretches together; logarithms of what has sides of the face as its unit."""
    filled = np.where(np.isnan(values), np.nan, np.maximum(values, FLOOR))
    motion, own, rest, bent, unlike, near, _ = (_known(column) for column in filled.T)

    def middle(column: Values) -> float:
        return float(np.log(np.median(column)))

    def high(column: Values) -> float:
        return float(np.log(np.quantile(column, 0.8)))

    pairs = np.log(filled)
    explained = pairs[:, 4] - pairs[:, 2]
    most = np.fmax(pairs[:, 0], pairs[:, 1])
    apart, along = (pairs[:, place] - most for place in (5, 6))
    spread = [float(np.log(max(_spread(column), 1e-3))) for column in shapes.T]
    return np.array(
        [
            high(motion),
            high(own),
            high(rest),
            middle(bent),
            middle(unlike),
            high(unlike),
            float(np.min(explained)),
            middle(near),
            high(near),
            _middle(apart),
            _middle(along),
            *spread,
            high(unlike) - high(np.fmax(motion, rest)),
        ]
    )


def _known(column: Values) -> Values:
    """Leave out what was not measured; where nothing was, the least that can be."""
    known = column[~np.isnan(column)]
    return known if len(known) else np.array([FLOOR])


def _middle(column: Values) -> float:
    """Return the median of what was measured; 0 where nothing was."""
    known = column[~np.isnan(column)]
    return float(np.median(known)) if len(known) else 0.0


def _plane(before: NDArray[np.float32], after: NDArray[np.float32]) -> Values | None:
    found, inside = cv2.findHomography(before, after, cv2.RANSAC, 0.05)
    if found is None or inside.sum() < 8:
        return None
    kept = inside.ravel() == 1
    closer, _ = cv2.findHomography(before[kept], after[kept], 0)
    return np.asarray(found if closer is None else closer, np.float64)


def _similar(before: NDArray[np.float32], after: NDArray[np.float32]) -> Values | None:
    found, _ = cv2.estimateAffinePartial2D(before, after, ransacReprojThreshold=0.03)
    return None if found is None else np.asarray(found, np.float64)


def _mapped(plane: Values, points: NDArray[np.float32]) -> Values:
    mapped = np.column_stack([points, np.ones(len(points))]) @ plane.T
    return np.asarray(mapped[:, :2] / np.where(np.abs(mapped[:, 2:]) < 1e-6, 1e-6, mapped[:, 2:]))


def _rms(difference: Values) -> float:
    """Root mean square of the four fifths that are smallest: a few points are always followed wrongly."""
    squares = np.sort((difference**2).sum(axis=1))
    return float(np.sqrt(squares[: max(1, round(0.8 * len(squares)))].mean()))


def _spread(column: Values) -> float:
    low, high = np.quantile(column, (0.1, 0.9))
    return float(high - low)


def _shape(landmarks: NDArray[np.float64]) -> tuple[float, float, float]:
    """Place the nose in the affine frame of eyes and mouth, across and along; height of that frame over its
    width."""
    left, right, nose, mouth_left, mouth_right = landmarks
    eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
    frame = np.column_stack([right - left, mouth - eyes])
    if abs(float(np.linalg.det(frame))) < 1e-6:
        return 0.0, 0.0, 0.0
    across, along = np.linalg.solve(frame, nose - eyes)
    return float(across), float(along), float(np.linalg.norm(frame[:, 1]) / np.linalg.norm(frame[:, 0]))


cues.register("face_relief")(FaceRelief())
