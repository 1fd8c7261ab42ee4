"""Paths, bytes or arrays → pictures, under limits: the one way in which the product, its training and its
tools read files.

What a file is, its content says and not its name; its header is checked before anything is decoded. Every way
in which a file can fail ends in `MediaError`, whose ``code`` is meant for programs and whose message is meant
for people. Sound is read by `antispoof.sensing.audio`, in the same manner.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError, MediaError
from antispoof.sensing.arrays import read_numpy
from antispoof.sensing.capture import Recording, Sample, Source
from antispoof.sensing.jpeg import read_jpeg
from antispoof.sensing.kinds import VIDEOS, foreign, kind_of
from antispoof.sensing.source import (
    DEFAULT_LIMITS,
    MediaLimits,
    decoding,
    middle,
    name_of,
    read_bytes,
    read_head,
)
from antispoof.sensing.still import ACCEPTED, read_grey_still, read_still

__all__ = ["MediaLimits", "load_grey", "load_image", "load_picture", "read_bytes"]


def load_image(source: Source, limits: MediaLimits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """Decode one picture as a viewer would show it: the array of `load_picture`."""
    return np.asarray(load_picture(source, limits).array, np.uint8)


def load_picture(
    source: Source, limits: MediaLimits = DEFAULT_LIMITS, *, enough_pixels: int | None = None
) -> Sample:
    """Decode one picture as a viewer would show it.

    The picture is turned upright by its EXIF orientation, or the display matrix of a video, and the colours
    of its ICC profile are converted to sRGB; greyscale, palette, CMYK and 16-bit pictures become 8-bit RGB;
    transparent pixels show white. A truncated or corrupt file is refused, not decoded in part.

    Args:
        source: path or bytes of a JPEG, PNG, WebP, BMP, TIFF, JPEG 2000, PPM or NumPy ``.npy`` file, or of a
            video, of which the middle frame is used; or a decoded array (as it is, or in a `Sample`): uint8,
            RGB (H, W, 3), grey (H, W), or (T, H, W, 3), of which the middle frame is used.
        limits: checked against the header, before anything is decoded; an array has been decoded already.
        enough_pixels: a JPEG is decoded at a half, a quarter or an eighth of its size where that still has
            this many pixels, which takes less time and memory; None wants all.

    Returns:
        uint8, (H, W, 3), RGB. ``metadata["reduced"]`` is by what both sides of a large JPEG were divided;
        a video has ``frames``, ``frame`` (which one this is) and ``seconds``.

    Raises:
        MediaError: what is wrong with it; see ``code`` there.
        InputError: the source is neither a path nor bytes nor an array.
    """
    frames = None
    if isinstance(source, Recording):
        if source.unit:
            raise InputError(f"a colour picture has no unit; got unit={source.unit!r}")
        frames, source = source.frames, source.source
    if isinstance(source, Sample):
        checked = _checked_array(source.array, frames)
        return Sample(checked.array, {**checked.metadata, **source.metadata})
    if isinstance(source, np.ndarray):
        return _checked_array(source, frames)
    name, kind = _kind(source)
    with decoding(name):
        if kind in VIDEOS:
            return _video(source, kind, name, frames, limits, grey=False)
        content = read_bytes(source, limits)
        if kind == "npy":
            return _checked_array(read_numpy(content, name, limits), frames)
        middle(1, frames, name)
        if kind == "jpeg":
            picture, divisor = read_jpeg(content, name, limits, enough_pixels)
            return Sample(picture, {"reduced": divisor} if divisor > 1 else {})
        return Sample(read_still(content, kind, name, limits))


def load_grey(
    source: str | Path | bytes,
    limits: MediaLimits = DEFAULT_LIMITS,
    frames: tuple[int, int] | None = None,
) -> Sample:
    """Decode a file whose values are measurements, and keep them as they are.

    Args:
        source: path or bytes of a file as `load_picture` reads it.
        limits: checked against the header, before anything is decoded.
        frames: half-open range of the frames that count, of a video or a ``.npy`` stack.

    Returns:
        A greyscale picture or video as it is stored: uint8 or uint16, or float32 from a TIFF, (H, W); any
        other one as `load_picture` shows it: uint8, (H, W, 3); an ``.npy`` file whole.
        ``metadata["full_scale"]`` is the largest value that it may have, where the file states one.

    Raises:
        MediaError: what is wrong with it; see ``code`` there.
    """
    name, kind = _kind(source)
    with decoding(name):
        if kind in VIDEOS:
            return _video(source, kind, name, frames, limits, grey=True)
        content = read_bytes(source, limits)
        if kind == "npy":
            array = read_numpy(content, name, limits)
            return Sample(array if frames is None else array[slice(*_checked(frames, array, name))])
        middle(1, frames, name)
        if kind == "jpeg":
            return Sample(read_jpeg(content, name, limits)[0])
        return read_grey_still(content, kind, name, limits)


def _kind(source: str | Path | bytes) -> tuple[str, str]:
    head, name = read_head(source), name_of(source)
    kind = kind_of(head)
    if not kind:
        what = foreign(head)
        raise MediaError("unsupported_media", f"{name} is {what or 'not a picture'}; {ACCEPTED}")
    return name, kind


def _video(
    source: str | Path | bytes,
    kind: str,
    name: str,
    frames: tuple[int, int] | None,
    limits: MediaLimits,
    grey: bool,
) -> Sample:
    if isinstance(source, bytes):  # what is uploaded is decoded at once, and has no such decoders to attack
        raise MediaError("unsupported_media", f"{name} is a video; {ACCEPTED}")
    from antispoof.sensing.video import read_frame  # a still picture needs none

    found = read_frame(source, kind, name, frames, limits, grey)
    return Sample(found.array, {"frames": found.frames, "frame": found.index, "seconds": found.seconds})


def _checked(frames: tuple[int, int], array: NDArray[Any], name: str) -> tuple[int, int]:
    middle(len(array) if array.ndim > 2 else 1, frames, name)
    return frames


def _checked_array(array: NDArray[Any], frames: tuple[int, int] | None) -> Sample:
    shape = array.shape
    stack = array.ndim == 4
    if array.dtype != np.uint8 or array.ndim not in (2, 3, 4) or (array.ndim > 2 and shape[-1] != 3):
        raise MediaError(
            "unsupported_media",
            "a picture array must be uint8 of shape (H, W, 3) or (T, H, W, 3), RGB, or (H, W); "
            f"got {array.dtype} of shape {shape}",
        )
    if array.size == 0:
        raise MediaError("empty", f"the picture array of shape {shape} holds no pixels")
    index = middle(len(array) if stack else 1, frames, "the array")
    if stack:
        return Sample(np.ascontiguousarray(array[index]), {"frames": len(array), "frame": index})
    if array.ndim == 2:
        return Sample(np.repeat(array[:, :, None], 3, axis=2))
    return Sample(np.ascontiguousarray(array))
