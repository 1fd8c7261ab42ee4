"""The bytes of a source, under limits; every way in which they can fail ends in `MediaError`."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from antispoof.errors import InputError, MediaError

__all__ = [
    "HEAD_BYTES",
    "MediaLimits",
    "check_pixels",
    "decoding",
    "middle",
    "name_of",
    "read_bytes",
    "read_head",
    "told_apart",
]

HEAD_BYTES = 64
SCHEMES = ("http:/", "https:/", "ftp:/", "s3:/", "gs:/", "file:/")


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """How much one file may ask for.

    Attributes:
        max_bytes: size of the file, in bytes.
        max_pixels: width × height of what is decoded. A JPEG that has more is decoded at a half, a quarter
            or an eighth of its size; any other picture is refused.
        max_source_pixels: width × height of a JPEG as its header states them; a fourth of it where the
            picture comes in several passes, because a decoder then keeps all of it in memory.
        max_jpeg_scans: passes over the picture; a small JPEG of thousands of scans keeps a decoder busy for
            minutes.
        max_video_bytes: size of a video that is read from a path, in bytes.
        max_video_seconds: how long a video may last of which one picture is used.
        max_clip_seconds: how long one may last of which several are; half a second more is let pass.
        max_clip_frames: how many pictures make one presentation where they are handed in one by one.
    """

    max_bytes: int = 64 * 2**20
    max_pixels: int = 24_000_000
    max_source_pixels: int = 210_000_000
    max_jpeg_scans: int = 100
    max_video_bytes: int = 2 * 2**30
    max_video_seconds: float = 600.0
    max_clip_seconds: float = 30.0
    max_clip_frames: int = 32


DEFAULT_LIMITS = MediaLimits()


def name_of(source: str | Path | bytes) -> str:
    """What to call a source in messages."""
    return "the bytes given" if isinstance(source, bytes) else repr(str(Path(source)))


def read_bytes(source: str | Path | bytes, limits: MediaLimits = DEFAULT_LIMITS) -> bytes:
    """Read a file whole, after its kind and size were checked.

    Args:
        source: path of a regular file, or bytes that were read already.
        limits: at most ``max_bytes`` are accepted.

    Raises:
        MediaError: ``not_found``, ``unreadable``, ``empty`` or ``payload_too_large``.
        InputError: the source is neither a path nor bytes.
    """
    content = _read(source, limits.max_bytes + 1)
    if len(content) > limits.max_bytes:
        raise MediaError(
            "payload_too_large",
            f"{name_of(source)}: more than the {limits.max_bytes / 2**20:g} MiB allowed",
        )
    return content


def read_head(source: str | Path | bytes) -> bytes:
    """Read the first bytes of a file, which tell its kind; raise like `read_bytes`."""
    return _read(source, HEAD_BYTES)


def _read(source: str | Path | bytes, most: int) -> bytes:
    if not isinstance(source, (str, Path, bytes)):
        raise InputError(f"a source is a path, the bytes of a file or an array; got {type(source).__name__}")
    name = name_of(source)
    if isinstance(source, bytes):
        content = source[:most]
    else:
        path = Path(source)
        if str(source).lower().startswith(SCHEMES):
            raise MediaError("unreadable", f"{name} is an address: download it, and name the file")
        try:
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                if not any(path.iterdir()):
                    raise MediaError("empty", f"{name} is a directory, and there is nothing in it")
                raise MediaError("unreadable", f"{name} is a directory; name the files in it")
            if not stat.S_ISREG(mode):
                raise MediaError("unreadable", f"{name} is not a regular file")
            with path.open("rb") as file:
                content = file.read(most)
        except FileNotFoundError:
            raise MediaError("not_found", f"no such file: {name}") from None
        except PermissionError:
            raise MediaError("unreadable", f"no permission to read {name}") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise MediaError("unreadable", f"cannot read {name}: {reason}") from None
    if not content:
        raise MediaError("empty", f"{name}: there is nothing in it")
    return content


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises on untrusted bytes into a `MediaError`."""
    try:
        yield
    except MediaError:
        raise
    except Exception as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise MediaError(
            "decode_failed",
            f"{name} is damaged and cannot be decoded: {reason}; copy or export the file again, whole",
        ) from error


def check_pixels(width: int, height: int, name: str, most: int) -> None:
    """Refuse a picture of more than ``most`` pixels, or of none."""
    if width < 1 or height < 1:
        raise MediaError("decode_failed", f"{name} states a size of {width}×{height} pixels")
    if width * height > most:
        has, allowed = told_apart(width * height / 1e6, most / 1e6)
        raise MediaError(
            "pixel_limit",
            f"{name} is {width}×{height}, {has} Mpx; at most {allowed} Mpx are allowed: scale it down",
        )


def told_apart(value: float, most: float) -> tuple[str, str]:
    """Write a value and the limit that it exceeds with as many digits as it takes to tell them apart."""
    for digits in range(7):
        has, allowed = (f"{number:,.{digits}f}" for number in (value, most))
        if has != allowed and abs(float(allowed.replace(",", "")) - most) <= most / 1000:
            break
    return has, allowed


def middle(count: int, frames: tuple[int, int] | None, name: str) -> int:
    """Return which of ``count`` frames is used: the middle one, or that of a range.

    Raises:
        MediaError: ``decode_failed``, where the range reaches beyond them.
    """
    first, stop = frames or (0, count)
    if stop > count:
        raise MediaError("decode_failed", f"{name}: frames {first}:{stop} wanted, {count} there")
    return (first + stop) // 2
