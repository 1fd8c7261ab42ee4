"""One frame of a video, upright; only these containers and codecs can ever be parsed."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import MediaError
from antispoof.sensing.source import MediaLimits, check_pixels, middle, told_apart

__all__ = ["Frame", "read_frame"]

CODECS = (
    "av1", "ffv1", "h264", "hevc", "libaom-av1", "libdav1d", "libvpx", "libvpx-vp9", "mjpeg", "mpeg4",
    "msmpeg4v2", "msmpeg4v3", "rawvideo", "vp8", "vp9",
)  # fmt: skip
HDR = {16: "PQ", 18: "HLG"}  # transfer characteristics of ITU-T H.273 that are no display values
GREY = {"gray": "gray", "gray16le": "gray16le", "gray16be": "gray16le"}


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture of a video.

    Attributes:
        array: uint8, (H, W, 3), RGB, upright; where grey was wanted and is there, uint8 or uint16, (H, W).
        index: which frame it is, from 0.
        frames: how many the video has.
        seconds: how long it lasts.
    """

    array: NDArray[Any]
    index: int
    frames: int
    seconds: float


def read_frame(
    source: str | Path,
    kind: str,
    name: str,
    frames: tuple[int, int] | None,
    limits: MediaLimits,
    grey: bool = False,
) -> Frame:
    """Decode the middle frame of a video, or of a range of its frames.

    Args:
        source: path.
        kind: one of `antispoof.sensing.kinds.VIDEOS`.
        name: what to call it in messages.
        frames: half-open range (first, stop); None means all.
        limits: checked against the header, before anything is decoded.
        grey: leave the values of a grey video as they are.

    Raises:
        MediaError: it is too large or too long, holds no picture, or one that is not read.
        Exception: whatever the decoder raises on damage.
    """
    path = Path(source)
    if path.stat().st_size > limits.max_video_bytes:
        most = f"{limits.max_video_bytes / 2**20:,g} MiB"
        raise MediaError("payload_too_large", f"{name}: more than the {most} that a video may have")
    with path.open("rb") as file:
        return _read(file, kind, name, frames, limits, grey)


def _read(
    file: Any, kind: str, name: str, frames: tuple[int, int] | None, limits: MediaLimits, grey: bool
) -> Frame:
    import av

    with av.open(file, "r", format=kind, metadata_errors="replace") as opened:
        if not opened.streams.video:
            raise MediaError("unsupported_media", f"{name} is a recording without a picture")
        stream = opened.streams.video[0]
        codec = stream.codec_context
        if codec.name not in CODECS:
            raise MediaError(
                "unsupported_media", f"{name} is a video coded as {codec.name}; use H.264 or VP9"
            )
        check_pixels(codec.width, codec.height, name, limits.max_pixels)
        codec.thread_count = 1
        count, seconds = _length(opened, stream)
        if seconds > limits.max_video_seconds:
            lasts, most = told_apart(seconds, limits.max_video_seconds)
            raise MediaError("duration_limit", f"{name} lasts {lasts} s; a video may last {most} s: cut it")
        if not count:
            raise MediaError("empty", f"{name}: there is no picture in it")
        wanted = middle(count, frames, name)
        opened.seek(0, stream=stream)
        for index, picture in enumerate(opened.decode(stream)):
            check_pixels(picture.width, picture.height, name, limits.max_pixels)
            if index == wanted:
                return Frame(_upright(_array(picture, name, grey), picture), index, count, seconds)
    raise MediaError("decode_failed", f"{name} is cut short: frame {wanted} of {count} is not there")


def _length(opened: Any, stream: Any) -> tuple[int, float]:
    """Count frames and measure how long they last, by their packets and not by what the header says."""
    count, begin, end = 0, None, 0
    for packet in opened.demux(stream):
        if packet.size and not packet.is_discard:
            count += 1
            if packet.pts is not None:
                begin = packet.pts if begin is None else min(begin, packet.pts)
                end = max(end, packet.pts + (packet.duration or 0))
    if begin is None or end <= begin or stream.time_base is None:
        return count, float(count / stream.average_rate) if stream.average_rate else 0.0
    return count, float((end - begin) * stream.time_base)


def _array(picture: Any, name: str, grey: bool) -> NDArray[Any]:
    if picture.color_trc in HDR:
        raise MediaError(
            "unsupported_media", f"{name} is an HDR video ({HDR[picture.color_trc]}); record it in SDR"
        )
    kept = GREY.get(picture.format.name) if grey else None
    return np.asarray(picture.to_ndarray(format=kept or "rgb24"))


def _upright(array: NDArray[Any], picture: Any) -> NDArray[Any]:
    """Turn and mirror a frame as its display matrix says, (x, y) → (ax + cy, bx + dy), to quarter turns."""
    sides = [side for side in picture.side_data if side.type.name == "DISPLAYMATRIX"]
    if not sides:
        return array
    matrix = struct.unpack("=9i", bytes(sides[0])[:36])
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    if abs(b) > abs(a):
        array, a, d = np.swapaxes(array, 0, 1), c, b
    return np.ascontiguousarray(array[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
