"""Pictures of one channel, depth, infrared and heat: decode them, find a head in them, cut it out."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.errors import MediaError
from antispoof.sensing.capture import Box, Recording, Sample, Source
from antispoof.sensing.faces import CropRecipe, frame
from antispoof.sensing.media import MediaLimits, load_grey
from antispoof.sensing.source import DEFAULT_LIMITS

__all__ = ["crop_map", "find_head", "inside", "load_map"]

SEARCHED = 128  # px, longer side of the picture in which a head is looked for
FACE_IN_HEAD = (0.90, 0.17, 1.20)  # width, top and height of the face as shares of the width of a head


def load_map(source: Source, limits: MediaLimits = DEFAULT_LIMITS) -> Sample:
    """Decode a picture of one channel without changing its values.

    Args:
        source: path or bytes of a greyscale picture (PNG, TIFF and PGM of 8 or 16 bits, JPEG, WebP, BMP;
            three equal channels count as one), of a NumPy ``.npy`` file, or path of a video; or an array,
            as it is or in a `Sample`. Arrays are (H, W), (H, W, 1), or (T, H, W): T frames that were taken
            one after the other, of which the middle one is used.
        limits: checked against the header, before anything is decoded.

    Returns:
        uint8, uint16 or float32, (H, W). ``metadata["frozen"]`` is True where the T frames are all equal,
        which no sensor's noise allows, and ``metadata["frames"]`` is T; ``unit`` is what was stated, and
        ``full_scale`` the largest value there may be, where the file states it.

    Raises:
        MediaError: it cannot be decoded, or is a colour picture.
        InputError: the source is neither a path nor bytes nor an array.
    """
    stated: dict[str, Any] = {}
    frames = None
    if isinstance(source, Recording):
        stated = {"unit": source.unit} if source.unit else {}
        frames, source = source.frames, source.source
    if isinstance(source, Sample):
        sample = _sample(source.array)
        return Sample(sample.array, {**sample.metadata, **source.metadata})
    if isinstance(source, np.ndarray):
        return _sample(source)
    read = load_grey(source, limits, frames)
    sample = _sample(read.array)
    return Sample(sample.array, {**sample.metadata, **read.metadata, **stated})


def find_head(there: NDArray[np.bool_], least_side: float = 0.12, gap: float = 0.0) -> Box | None:
    """Find a head, with or without shoulders, in the silhouette of what is nearest or warmest.

    The largest connected piece is taken; its width near the top tells the size of the head, so that the
    shoulders below do not count. A hand-held sheet or screen has such a piece as well.

    Args:
        there: (H, W), the silhouette.
        least_side: width of the smallest head, as a share of the picture's shorter side.
        gap: height of gaps that do not part a head, as a share of the picture's shorter side.

    Returns:
        The face in that head, from hairline to chin, in pixels; None where no piece is large enough.
    """
    rows, columns = there.shape
    shrink = max(1.0, max(rows, columns) / SEARCHED)
    size = (max(1, round(columns / shrink)), max(1, round(rows / shrink)))
    small: Any = cv2.resize(there.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    solid = cv2.morphologyEx((small > 0.5).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    if gap:
        solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((round(gap * min(size)) | 1, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=4)
    if count < 2:
        return None
    piece = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    widths = piece.sum(axis=1)
    top = int(np.argmax(widths > 0))
    width = float(widths[top : top + max(2, size[1] // 12)].max())
    for _ in range(8):  # what is as high as it is wide is the head
        width = float(np.percentile(widths[top : top + max(3, round(1.15 * width))], 85))
    if width < least_side * min(size):
        return None
    upper = piece[top : top + max(3, round(1.15 * width))]
    x = float(np.median(np.nonzero(upper)[1])) + 0.5
    share, down, height = FACE_IN_HEAD
    scale = (columns / size[0], rows / size[1])
    return Box(
        (x - share * width / 2) * scale[0],
        (top + down * width) * scale[1],
        share * width * scale[0],
        height * width * scale[1],
    )


def inside(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return rows and columns of the part of ``box`` in a picture, at least one pixel each."""
    height, width = shape[:2]
    left, top = (min(max(math.floor(v), 0), limit - 1) for v, limit in ((box.x, width), (box.y, height)))
    right = min(max(round(box.x + box.width), left + 1), width)
    bottom = min(max(round(box.y + box.height), top + 1), height)
    return slice(top, bottom), slice(left, right)


def crop_map(
    values: NDArray[np.float32], valid: NDArray[np.bool_], box: Box, recipe: CropRecipe
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cut out the surroundings of ``box``; pixels without a value, and those outside, count for nothing.

    Args:
        values: (H, W).
        valid: (H, W), where ``values`` means something.
        box: the face, in pixels.
        recipe: what to cut out, and its size.

    Returns:
        values (size, size), averaged over what is valid and 0 where nothing is, and the share of each pixel
        that is valid (size, size), 0 to 1.
    """
    cut = frame(values, box, recipe)
    left, top, width, height = int(cut.x), int(cut.y), int(cut.width), int(cut.height)
    weighted, known = (np.zeros((height, width), np.float32) for _ in range(2))
    y, x = max(top, 0), max(left, 0)
    bottom, right = min(top + height, values.shape[0]), min(left + width, values.shape[1])
    if bottom > y and right > x:
        here = (slice(y - top, bottom - top), slice(x - left, right - left))
        known[here] = valid[y:bottom, x:right]
        weighted[here] = np.where(valid[y:bottom, x:right], values[y:bottom, x:right], 0)
    how = cv2.INTER_AREA if height > recipe.size else cv2.INTER_LINEAR
    total, share = (
        np.asarray(cv2.resize(part, (recipe.size, recipe.size), interpolation=how), np.float32)
        for part in (weighted, known)
    )
    mean = np.divide(total, share, out=np.zeros_like(total), where=share > 0.02)
    return mean, share


def _sample(array: NDArray[Any]) -> Sample:
    if array.size == 0:
        raise MediaError("empty", f"the picture of shape {array.shape} holds no pixels")
    if array.dtype.kind not in "uif" or array.ndim not in (2, 3):
        raise MediaError(
            "unsupported_media",
            f"a picture of one channel is a number array of shape (H, W), got {array.dtype} of {array.shape}",
        )
    frames, frozen = 1, False
    if array.ndim == 3 and array.shape[2] in (1, 3):
        array = _one_channel(array)
    elif array.ndim == 3:
        frames = len(array)
        frozen = frames > 1 and bool((array[1:] == array[:1]).all())
        array = array[frames // 2]
    if array.dtype.kind == "f":
        values = array.astype(np.float32)
    else:
        if array.min() < 0 or array.max() > 0xFFFF:
            raise MediaError("unsupported_media", "whole numbers in a picture must be 0 to 65535")
        values = array if array.dtype == np.uint8 else array.astype(np.uint16)
    return Sample(np.ascontiguousarray(values), {"frames": frames, "frozen": frozen})


def _one_channel(array: NDArray[Any]) -> NDArray[Any]:
    if array.shape[2] == 1:
        return array[..., 0]
    wide = array.astype(np.float64)
    # Compression may tint grey pictures a little.
    if float(np.mean(np.ptp(wide, axis=2))) > 0.02 * max(float(wide.max()), 1.0):
        raise MediaError("colour", "this is a colour picture; one channel is needed here")
    return np.asarray(array[..., 1])
