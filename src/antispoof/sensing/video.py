"""Frames of a video, upright; only these containers and codecs can ever be parsed."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.errors import MediaError
from antispoof.sensing.containers import is_cut
from antispoof.sensing.kinds import VIDEOS, kind_of
from antispoof.sensing.repetition import THUMBNAIL_SIDE
from antispoof.sensing.source import (
    DEFAULT_LIMITS,
    MediaLimits,
    check_pixels,
    decoding,
    middle,
    name_of,
    read_head,
    told_apart,
)

if TYPE_CHECKING:
    from antispoof.sensing.watch import Watch

__all__ = ["Clip", "Frame", "film_pictures", "read_clip", "read_frame"]

CODECS = (
    "av1", "ffv1", "h264", "hevc", "libaom-av1", "libdav1d", "libvpx", "libvpx-vp9", "mjpeg", "mpeg4",
    "msmpeg4v2", "msmpeg4v3", "rawvideo", "vp8", "vp9",
)  # fmt: skip
HDR = {16: "PQ", 18: "HLG"}  # transfer characteristics of ITU-T H.273 that are no display values
SMALL_SIDE = 192  # px, longer side of what sharpness is measured on
THUMBNAILS_A_SECOND = 12.5
LATE_S = 0.5  # what a clip may last too long: recorders stop late
GREY = {"gray": "gray", "gray16le": "gray16le", "gray16be": "gray16le"}


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture of a video.

    Attributes:
        array: uint8, (H, W, 3), RGB, upright; where grey was wanted and is there, uint8 or uint16, (H, W).
        index: which frame it is, from 0.
        frames: how many the video has.
        seconds: how long it lasts.
        time_s: when the picture is shown, seconds from the first one.
    """

    array: NDArray[Any]
    index: int
    frames: int
    seconds: float
    time_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Clip:
    """What a short video shows.

    Attributes:
        frames: those that were picked, in the order of their times.
        thumbnails: float32, (T, 24, 24): luminance of the whole picture, 0 to 255, about 12 a second.
        times_s: (T,), when each of them is shown, seconds from the first picture.
        end_s: when the last of them ends.
        between: times, in seconds, and thumbnails, (24, 24), of pictures that came right after one of them:
            what alternates with every picture shows in these.
    """

    frames: tuple[Frame, ...]
    thumbnails: NDArray[np.float32]
    times_s: NDArray[np.float64]
    end_s: float
    between: tuple[tuple[float, NDArray[np.float32]], ...] = ()


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
    with _opened(source, kind, name, limits, limits.max_video_seconds) as (opened, stream, count, seconds):
        wanted = middle(count, frames, name)
        for index, picture in enumerate(opened.decode(stream)):
            check_pixels(picture.width, picture.height, name, limits.max_pixels)
            if index == wanted:
                return Frame(_upright(_array(picture, name, grey), picture), index, count, seconds)
    raise MediaError("decode_failed", f"{name} is cut short: frame {wanted} of {count} is not there")


def read_clip(
    source: str | Path,
    kind: str,
    name: str,
    frames: tuple[int, int] | None,
    limits: MediaLimits,
    wanted: int,
    grey: bool = False,
    watch: Watch | None = None,
) -> Clip:
    """Decode a short video once, and pick the sharpest picture of each of ``wanted`` equal stretches of time.

    Args:
        source: path.
        kind: one of `antispoof.sensing.kinds.VIDEOS`.
        name: what to call it in messages.
        frames: half-open range (first, stop) of those that count; None means all.
        limits: checked against the header, before anything is decoded.
        wanted: how many pictures at most.
        grey: leave the values of a grey video as they are.
        watch: is shown the pictures as they come, upright.

    Raises:
        MediaError: it is too large, too long or cut short, holds no picture, or one that is not read.
        Exception: whatever the decoder raises on damage.
    """
    longest, late = (limits.max_clip_seconds, LATE_S) if frames is None else (limits.max_video_seconds, 0.0)
    with _opened(source, kind, name, limits, longest, late) as (opened, stream, count, seconds):
        middle(count, frames, name)  # the range lies within
        first, stop = frames or (0, count)
        span = seconds * (stop - first) / count or 1.0
        _check_seconds(span, limits.max_clip_seconds, name, LATE_S)
        best: dict[int, tuple[float, int, float, Any]] = {}
        thumbnails: list[Any] = []
        between: list[tuple[float, NDArray[np.float32]]] = []
        times: list[float] = []
        begin = shown = ends = 0.0
        seen = 0
        matrix: tuple[int, ...] | None = None
        for index, picture in enumerate(opened.decode(stream)):
            check_pixels(picture.width, picture.height, name, limits.max_pixels)
            now = float(index / (stream.average_rate or 25)) if picture.time is None else picture.time
            if index == 0:
                begin = now
            shown, seen = now - begin, index + 1
            ends = shown + float((getattr(picture, "duration", 0) or 0) * (picture.time_base or 0))
            if index < first:
                continue
            if index >= stop:
                break
            if not times:
                matrix = _display_matrix(picture)
            if watch is not None:
                _show(watch, shown - (times[0] if times else shown), picture, name, matrix)
            if times and shown - times[-1] < 0.9 / THUMBNAILS_A_SECOND:
                if not between or between[-1][0] < times[-1]:
                    between.append((shown, _thumbnail(_small(picture))))
                continue
            small = _small(picture)
            thumbnails.append(_thumbnail(small))
            times.append(shown)
            stretch = min(int((shown - times[0]) / span * wanted), wanted - 1)
            sharp = _sharpness(small)
            if stretch not in best or sharp > best[stretch][0]:
                best[stretch] = (sharp, index, shown, picture)
        # A decoder need not show every packet, so it is the time that tells whether the end is there.
        if not best or (ends < min(0.9 * seconds, seconds - 0.5) and (frames is None or seen < stop)):
            raise MediaError(
                "decode_failed", f"{name} is cut short: pictures end after {ends:.1f} of {seconds:.1f} s"
            )
        picked = tuple(
            Frame(_turned(_array(picture, name, grey), matrix), index, count, seconds, at)
            for _, (_, index, at, picture) in sorted(best.items())
        )
        shown_small = np.asarray(thumbnails, np.float32)
        return Clip(picked, shown_small, np.array(times), times[0] + span, tuple(between))


def film_pictures(
    source: str | Path, limits: MediaLimits = DEFAULT_LIMITS
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Decode a film picture by picture.

    Args:
        source: path.
        limits: checked against the header, before anything is decoded.

    Yields:
        seconds since the first picture, and the picture: uint8, (H, W, 3), RGB, upright.

    Raises:
        MediaError: it is no film that is read here, too large, too long, or damaged.
    """
    kind, name = kind_of(read_head(source)), name_of(source)
    if kind not in VIDEOS:
        raise MediaError("unsupported_media", f"{name} is no film")
    with (
        decoding(name),
        _opened(source, kind, name, limits, limits.max_video_seconds) as (opened, stream, _, _),
    ):
        begin: float | None = None
        matrix: tuple[int, ...] | None = None
        for index, picture in enumerate(opened.decode(stream)):
            check_pixels(picture.width, picture.height, name, limits.max_pixels)
            now = float(index / (stream.average_rate or 25)) if picture.time is None else picture.time
            if begin is None:
                begin, matrix = now, _display_matrix(picture)
            yield now - begin, _turned(_array(picture, name, grey=False), matrix)


def _show(watch: Watch, time_s: float, picture: Any, name: str, matrix: tuple[int, ...] | None) -> None:
    if watch.due(time_s):
        watch.see(time_s, _turned(_array(picture, name, grey=False), matrix), picture.interlaced_frame)


@contextmanager
def _opened(
    source: str | Path, kind: str, name: str, limits: MediaLimits, max_seconds: float, late: float = 0.0
) -> Iterator[tuple[Any, Any, int, float]]:
    """Open a video whose header keeps to the limits: container, stream, number of pictures, seconds."""
    import av

    path = Path(source)
    if path.stat().st_size > limits.max_video_bytes:
        most = f"{limits.max_video_bytes / 2**20:,g} MiB"
        raise MediaError("payload_too_large", f"{name}: more than the {most} that a video may have")
    with path.open("rb") as file, av.open(file, "r", format=kind, metadata_errors="replace") as opened:
        if not opened.streams:
            raise MediaError(
                "decode_failed",
                f"{name} is damaged or cut short: its header tells of a film, and no track follows",
            )
        if not opened.streams.video:
            _refuse_cut(path, kind, name)
            raise MediaError("unsupported_media", f"{name} is a recording without a picture")
        stream = opened.streams.video[0]
        codec = stream.codec_context
        if codec is None:
            _refuse_cut(path, kind, name)
            raise MediaError(
                "unsupported_media",
                f"{name} is a video in a coding that nothing here reads; use H.264 or VP9",
            )
        if codec.name not in CODECS:
            _refuse_cut(path, kind, name)
            raise MediaError(
                "unsupported_media", f"{name} is a video coded as {codec.name}; use H.264 or VP9"
            )
        size = f" of {codec.width} × {codec.height} pixels" if codec.width and codec.height else ""
        if size:
            check_pixels(codec.width, codec.height, name, limits.max_pixels)
        codec.thread_count = 1
        stated = _stated_seconds(opened, stream)
        _check_seconds(stated, max_seconds, name, late)
        count, seconds, end = _length(opened, stream)
        _check_seconds(seconds, max_seconds, name, late)
        if not count:
            raise MediaError(
                "decode_failed",
                f"{name} is damaged or cut short, or was never filled: its header tells of a film{size}, and "
                "no picture follows; copy or record it again",
            )
        if not size:
            _refuse_cut(path, kind, name)
        check_pixels(codec.width, codec.height, name, limits.max_pixels)
        if end < min(0.9 * stated, stated - 0.5):
            raise MediaError(
                "decode_failed", f"{name} is cut short: it ends after {end:.1f} of {stated:.1f} s"
            )
        opened.seek(0, stream=stream)
        yield opened, stream, count, seconds


def _refuse_cut(path: Path, kind: str, name: str) -> None:
    """Refuse a film that ends before the parts which its header states: what is missing cannot be told."""
    if is_cut(path.read_bytes(), kind):
        raise MediaError(
            "decode_failed",
            f"{name} is damaged or cut short: it ends before the parts that its header states; copy or "
            "record it again",
        )


def _check_seconds(seconds: float, most: float, name: str, late: float) -> None:
    if seconds > most + late:
        lasts, allowed = told_apart(seconds, most)
        raise MediaError("duration_limit", f"{name} lasts {lasts} s; a video may last {allowed} s: cut it")


def _stated_seconds(opened: Any, stream: Any) -> float:
    """How long the header says that a video lasts; 0 where it says nothing."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (opened.duration or 0) / 1e6


def _length(opened: Any, stream: Any) -> tuple[int, float, float]:
    """Count pictures and measure how long they last, by their packets and not by what the header says.

    Returns:
        number of pictures, their seconds, and when the last packet of any stream ends.
    """
    count, begin, end, last = 0, None, 0, 0.0
    for packet in opened.demux():
        if packet.pts is not None and packet.time_base is not None:
            last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream.index == stream.index and packet.size and not packet.is_discard:
            count += 1
            if packet.pts is not None:
                begin = packet.pts if begin is None else min(begin, packet.pts)
                end = max(end, packet.pts + (packet.duration or 0))
    if begin is None or end <= begin or stream.time_base is None:
        seconds = float(count / stream.average_rate) if stream.average_rate else 0.0
        return count, seconds, max(last, seconds)
    return count, float((end - begin) * stream.time_base), last


def _small(picture: Any) -> NDArray[np.uint8]:
    """Luminance of a picture, scaled down to 192 pixels on its longer side: uint8, (h, w)."""
    scale = min(1.0, SMALL_SIDE / max(picture.width, picture.height))
    width, height = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return np.asarray(picture.to_ndarray(width=width, height=height, format="gray"), np.uint8)


def _thumbnail(small: NDArray[np.uint8]) -> NDArray[np.float32]:
    side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    return np.asarray(cv2.resize(small.astype(np.float32), side, interpolation=cv2.INTER_AREA), np.float32)


def _sharpness(small: NDArray[np.uint8]) -> float:
    """Laplacian over luminance, standard deviations: low where a picture is blurred, or nearly black."""
    return float(cv2.Laplacian(small, cv2.CV_32F).std() / (small.std() + 2))


def _array(picture: Any, name: str, grey: bool) -> NDArray[Any]:
    if picture.color_trc in HDR:
        raise MediaError(
            "unsupported_media", f"{name} is an HDR video ({HDR[picture.color_trc]}); record it in SDR"
        )
    kept = GREY.get(picture.format.name) if grey else None
    return np.asarray(picture.to_ndarray(format=kept or "rgb24"))


def _upright(array: NDArray[Any], picture: Any) -> NDArray[Any]:
    """Turn and mirror a frame as its display matrix says, to quarter turns."""
    return _turned(array, _display_matrix(picture))


def _display_matrix(picture: Any) -> tuple[int, ...] | None:
    # Whoever asks a picture for its side data keeps it alive until the garbage collector comes: not for each.
    sides = [side for side in picture.side_data if side.type.name == "DISPLAYMATRIX"]
    return struct.unpack("=9i", bytes(sides[0])[:36]) if sides else None


def _turned(array: NDArray[Any], matrix: tuple[int, ...] | None) -> NDArray[Any]:
    """Turn and mirror a frame: (x, y) → (ax + cy, bx + dy)."""
    if matrix is None:
        return array
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    if abs(b) > abs(a):
        array, a, d = np.swapaxes(array, 0, 1), c, b
    return np.ascontiguousarray(array[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
