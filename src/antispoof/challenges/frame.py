"""What is kept of a picture of the live capture: a few numbers and two thumbnails, never the picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box
from antispoof.sensing.faces import Face, Landmarks, find_faces, find_landmarks
from antispoof.sensing.repetition import THUMBNAIL_SIDE

__all__ = ["ALIGNED_EYES", "ALIGNED_SIDE", "HINTS", "Frame", "hint", "observe"]

Colour = tuple[float, float, float]

ALIGNED_SIDE = 80
ALIGNED_EYES = ((22.0, 28.0), (58.0, 28.0))  # x, y of both eyes in the aligned face

SECOND_FACE_SIDE = 0.6  # of the largest: smaller ones stand in the background
MIN_FACE_SHARE = 0.28  # of the shorter side of the picture, longer side of the box
MAX_FACE_SHARE = 0.85
MAX_OFF_CENTRE = 0.17  # of the picture's width or height
MIN_LUMINANCE = 45.0  # 0 to 255, mean of the face
MAX_LUMINANCE = 235.0

HINTS = ("no_face", "several_faces", "closer", "farther", "centre", "more_light", "less_light")
"""What may be wrong with a picture, gravest first, as the codes that `hint` returns."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What was measured in one picture.

    Attributes:
        time_s: when it arrived, by the server's clock, in seconds.
        digest: SHA-256 of the bytes as they came.
        thumbnail: float32, (24, 24): luminance of the whole picture, 0 to 255, area-averaged.
        faces: how many faces of about the largest one's size.
        box: the largest face, in pixels; None without one.
        landmarks: see `Landmarks`; None where they were not found.
        aligned: uint8, (80, 80): luminance of the face, turned and scaled so that the eyes lie on
            `ALIGNED_EYES`; None without landmarks.
        skin: linear red, green, blue of the middle of the face, 0 to 1.
        background: linear red, green, blue beside the face; None where the face leaves no room.
        luminance: mean of the face (of the picture without one), 0 to 255.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
    """

    time_s: float
    digest: str
    thumbnail: NDArray[np.float32]
    faces: int
    box: Box | None
    landmarks: Landmarks | None
    aligned: NDArray[np.uint8] | None
    skin: Colour | None
    background: Colour | None
    luminance: float
    width: int
    height: int


def observe(image: NDArray[np.uint8], time_s: float, content: bytes | None = None) -> Frame:
    """Measure a picture.

    Args:
        image: uint8, (H, W, 3), RGB.
        time_s: when it arrived.
        content: the bytes that it was decoded from; None takes the pixels.
    """
    height, width = image.shape[:2]
    grey: Any = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    thumbnail = cv2.resize(
        grey.astype(np.float32), (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA
    )
    faces = find_faces(image)
    box = faces[0].box if faces else None
    landmarks = None if box is None else find_landmarks(image, box)
    aligned = skin = background = None
    if box is not None:
        background = _background(image, box)
    if landmarks is not None:
        face = _align(image, landmarks)
        aligned = np.asarray(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), np.uint8)
        skin = _linear_mean(face[34:52, 14:66])  # cheeks and nose: below the eyes, above the mouth
    return Frame(
        time_s=time_s,
        digest=hashlib.sha256(image.tobytes() if content is None else content).hexdigest(),
        thumbnail=np.asarray(thumbnail, np.float32),
        faces=_large(faces),
        box=box,
        landmarks=landmarks,
        aligned=aligned,
        skin=skin,
        background=background,
        luminance=float(grey.mean() if box is None else _inside(grey, box).mean()),
        width=width,
        height=height,
    )


def hint(frame: Frame) -> str | None:
    """Return what the person could change first, one of `HINTS`, or None when the picture is good."""
    box = frame.box
    if box is None:
        return "no_face"
    if frame.faces > 1:
        return "several_faces"
    share = max(box.width, box.height) / min(frame.width, frame.height)
    if share < MIN_FACE_SHARE:
        return "closer"
    if share > MAX_FACE_SHARE:
        return "farther"
    across = (box.x + box.width / 2) / frame.width - 0.5
    down = (box.y + box.height / 2) / frame.height - 0.5
    if max(abs(across), abs(down)) > MAX_OFF_CENTRE:
        return "centre"
    if frame.luminance < MIN_LUMINANCE:
        return "more_light"
    return "less_light" if frame.luminance > MAX_LUMINANCE else None


def _large(faces: Sequence[Face]) -> int:
    sides = [max(face.box.width, face.box.height) for face in faces]
    return sum(side >= SECOND_FACE_SIDE * sides[0] for side in sides)


def _inside(grey: Any, box: Box) -> Any:
    rows, columns = grey.shape
    top, left = (min(max(round(v), 0), end - 1) for v, end in ((box.y, rows), (box.x, columns)))
    return grey[top : max(round(box.y + box.height), top + 1), left : max(round(box.x + box.width), left + 1)]


def _align(image: NDArray[np.uint8], landmarks: Landmarks) -> Any:
    """Move both eyes to `ALIGNED_EYES` by a rotation, a scale and a shift."""
    (x1, y1), (x2, y2) = landmarks[:2]
    (u1, v1), (u2, _) = ALIGNED_EYES
    turn = (u2 - u1) / complex(x2 - x1 or 1e-6, y2 - y1)
    shift = complex(u1, v1) - turn * complex(x1, y1)
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    return cv2.warpAffine(image, matrix, (ALIGNED_SIDE, ALIGNED_SIDE), borderMode=cv2.BORDER_REPLICATE)


def _background(image: NDArray[np.uint8], box: Box) -> Colour | None:
    """Average what lies beside the head, above the chin: shoulders reflect the screen too."""
    bottom = max(1, round(box.y + 0.8 * box.height))
    left, right = round(box.x - 0.5 * box.width), round(box.x + 1.5 * box.width)
    parts = [part for part in (image[:bottom, : max(left, 0)], image[:bottom, max(right, 0) :]) if part.size]
    if sum(part.shape[1] for part in parts) < 0.05 * image.shape[1]:
        return None
    return _linear_mean(np.concatenate([part.reshape(-1, 3)[::7] for part in parts]))


_TO_LINEAR = ((np.arange(256) / 255) ** 2.2).astype(np.float32)


def _linear_mean(pixels: NDArray[np.uint8]) -> Colour:
    red, green, blue = _TO_LINEAR[pixels].reshape(-1, 3).mean(axis=0, dtype=np.float64)
    return float(red), float(green), float(blue)
