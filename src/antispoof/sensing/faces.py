"""Find faces in a picture, and cut them out in the one way that training and serving share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing import yunet
from antispoof.sensing.capture import Box

__all__ = ["CropRecipe", "Face", "Fit", "Landmarks", "crop", "cut", "find_faces", "find_landmarks", "frame"]

Landmarks = NDArray[np.float64]
"""float64, (5, 2): x and y in pixels of the eye on the left of the picture, the eye on the right, the tip of
the nose, the left and the right corner of the mouth."""

# The longer side of the picture that the detector sees, in the order in which it is tried: the first finds
# nearly every face that fills a tenth of the picture or more, the second small and faint ones, the third
# faces that fill the picture, the last small faces in large scenes.
SCALES = (160, 320, 96, 640)
MIN_CONFIDENCE = 0.5
SAME_FACE_OVERLAP = 0.4

# How `find_landmarks` cuts out a face: at this size the points move least from picture to picture.
LANDMARKS_SIDE = 160  # px
LANDMARKS_SCALE = 1.5  # of the longer side of the box
LANDMARKS_CONFIDENCE = 0.6

Fit = Literal["square", "inside"]


@dataclass(frozen=True, slots=True)
class CropRecipe:
    """How a face is cut out: part of a bundle, because a network is only as good as its crop.

    Attributes:
        scale: ``square``: side of the crop as a multiple of the longer side of the face box; ``inside``:
            width and height of the crop as multiples of those of the box.
        size: side of the crop after scaling, in pixels.
        fit: what happens where the crop leaves the picture. ``square`` repeats the edge pixels;
            ``inside`` shrinks the crop to what the picture has and shifts it into the picture, so that it
            shows all there is around a face, at the price of its proportions.
    """

    scale: float
    size: int
    fit: Fit = "square"


@dataclass(frozen=True, slots=True)
class Face:
    """A face that was found.

    Attributes:
        box: from the hairline to the chin, in pixels of the picture; it may reach slightly outside.
        confidence: the detector's own, 0 to 1.
        landmarks: see `Landmarks`; as sharp as the detector saw the face, `find_landmarks` looks closer.
    """

    box: Box
    confidence: float
    landmarks: Landmarks


def find_faces(image: NDArray[np.uint8], sides: Sequence[int] = SCALES) -> tuple[Face, ...]:
    """Find the faces in a picture, the largest first.

    The picture is searched at a small scale, and at other scales only while nothing was found.

    Args:
        image: uint8, (H, W, 3), RGB.
        sides: longer sides to which the picture is scaled, in pixels, in the order in which they are tried.

    Returns:
        Faces by falling area; empty when there is none.
    """
    longest = max(image.shape[:2])
    for side in sides:
        if side > 320 and longest < side:
            continue
        faces = _faces_at(image, side)
        if faces:
            return faces
    return ()


def find_landmarks(image: NDArray[np.uint8], box: Box) -> Landmarks | None:
    """Find the landmarks of the face in ``box`` in a cut of the picture, where they are steadier.

    Args:
        image: uint8, (H, W, 3), RGB.
        box: of the face, as `find_faces` returns it.

    Returns:
        The landmarks, or None where the detector sees no face in the cut.
    """
    small, place = cut(image, box, LANDMARKS_SIDE, LANDMARKS_SCALE)
    faces = yunet.detect(small, LANDMARKS_CONFIDENCE)
    if not len(faces):
        return None
    largest = faces[np.argmax(faces[:, 2] * faces[:, 3])]
    points = largest[4:14].reshape(5, 2) * (place.width / LANDMARKS_SIDE) + (place.x, place.y)
    return np.asarray(points, np.float64)


def cut(image: NDArray[np.uint8], box: Box, side: int, scale: float) -> tuple[NDArray[np.uint8], Box]:
    """Cut out a square about ``box`` for the detector to look at, without rounding to whole pixels.

    Args:
        image: uint8, (H, W, 3), RGB.
        box: a face.
        side: of the cut, in pixels.
        scale: side of the square as a multiple of the longer side of the box.

    Returns:
        uint8, (side, side, 3), edge pixels repeated outside; and the square, in pixels of ``image``.
    """
    length = scale * max(box.width, box.height)
    place = Box(box.x + box.width / 2 - length / 2, box.y + box.height / 2 - length / 2, length, length)
    ratio = side / length
    shift = np.array([[ratio, 0, -place.x * ratio], [0, ratio, -place.y * ratio]])
    flags = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
    small = cv2.warpAffine(image, shift, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(small, np.uint8), place


def frame(image: NDArray[Any], box: Box, recipe: CropRecipe) -> Box:
    """Return the rectangle that `crop` cuts out, in whole pixels; see `CropRecipe`."""
    if recipe.fit == "square":
        side = max(2, round(recipe.scale * max(box.width, box.height)))
        left = round(box.x + box.width / 2 - side / 2)
        top = round(box.y + box.height / 2 - side / 2)
        return Box(left, top, side, side)
    rows, columns = image.shape[:2]
    scale = min(recipe.scale, rows / box.height, columns / box.width)
    width, height = max(2, round(box.width * scale)), max(2, round(box.height * scale))
    left = min(max(round(box.x + box.width / 2 - width / 2), 0), max(columns - width, 0))
    top = min(max(round(box.y + box.height / 2 - height / 2), 0), max(rows - height, 0))
    return Box(left, top, width, height)


def crop(image: NDArray[np.uint8], box: Box, recipe: CropRecipe) -> NDArray[np.uint8]:
    """Cut out the surroundings of ``box`` and scale them to ``recipe.size``.

    Where the crop leaves the picture, the edge pixels are repeated. Shrinking averages areas, enlarging is
    bilinear.

    Args:
        image: uint8, (H, W, 3).
        box: the face, in pixels of ``image``.
        recipe: what to cut out, and its size.

    Returns:
        uint8, (size, size, 3).
    """
    rows, columns = image.shape[:2]
    cut = frame(image, box, recipe)
    left, top, width, height = int(cut.x), int(cut.y), int(cut.width), int(cut.height)
    inside = image[max(top, 0) : max(top + height, 1), max(left, 0) : max(left + width, 1)]
    padding = (max(-top, 0), max(top + height - rows, 0), max(-left, 0), max(left + width - columns, 0))
    patch: Any = inside
    if any(padding):
        patch = cv2.copyMakeBorder(inside, *padding, borderType=cv2.BORDER_REPLICATE)
    shrinking = height > recipe.size
    patch = cv2.resize(
        patch, (recipe.size, recipe.size), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    )
    return np.asarray(patch, np.uint8)


def _faces_at(image: NDArray[np.uint8], side: int) -> tuple[Face, ...]:
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    ratio = np.array([width / size[0], height / size[1]])
    found = [
        Face(Box(*(row[:4].reshape(2, 2) * ratio).ravel().tolist()), row[14], row[4:14].reshape(5, 2) * ratio)
        for row in yunet.detect(np.asarray(small, np.uint8), MIN_CONFIDENCE)
    ]
    found.sort(key=lambda face: face.box.width * face.box.height, reverse=True)
    distinct: list[Face] = []
    for face in found:
        if all(_overlap(face.box, other.box) < SAME_FACE_OVERLAP for other in distinct):
            distinct.append(face)
    return tuple(distinct)


def _overlap(a: Box, b: Box) -> float:
    """Shared area over the smaller of both areas."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return max(width, 0.0) * max(height, 0.0) / min(a.width * a.height, b.width * b.height)
