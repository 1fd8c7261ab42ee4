"""Bytes or paths → arrays, under limits. Nothing is decoded before its header has been checked.

Every way in which a file can fail ends in `MediaError`, whose ``code`` is meant for programs and whose
message is meant for people.
"""

from __future__ import annotations

import io
import re
import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError, MediaError
from antispoof.sensing.capture import Sample, Source

__all__ = ["MediaLimits", "load_grey", "load_image", "read_bytes"]


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """How much one file may ask for.

    Attributes:
        max_bytes: size of the file, in bytes.
        max_pixels: width × height as its header states them.
        max_jpeg_scans: passes over the picture; a small JPEG of thousands of scans keeps a decoder busy for
            minutes.
    """

    max_bytes: int = 32 * 2**20
    max_pixels: int = 24_000_000
    max_jpeg_scans: int = 100


# A marker is 0xFF and a byte that is neither stuffing (0x00, 0xFF) nor stands alone (0x01, 0xD0 to 0xD8).
JPEG_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")

DEFAULT_LIMITS = MediaLimits()
SCHEMES = ("http:/", "https:/", "ftp:/", "s3:/", "gs:/", "file:/")

ACCEPTED = "use a still JPEG, PNG, WebP, BMP or TIFF picture"

# What people hand in by mistake, told by its first bytes: (offset, magic, name).
FOREIGN = (
    (0, b"GIF8", "a GIF"),
    (4, b"ftyphei", "an HEIC picture"),
    (4, b"ftypmif1", "an HEIC picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftyp", "a video"),
    (0, b"\x1aE\xdf\xa3", "a video"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"\x00\x00\x01\x00", "an icon"),
)


def read_bytes(source: str | Path | bytes, limits: MediaLimits = DEFAULT_LIMITS) -> bytes:
    """Read a file whole, after its kind and size were checked.

    Args:
        source: path of a regular file, or bytes that were read already.
        limits: at most ``max_bytes`` are accepted.

    Raises:
        MediaError: ``not_found``, ``unreadable``, ``empty`` or ``payload_too_large``.
        InputError: the source is neither a path nor bytes.
    """
    if isinstance(source, bytes):
        return _within(source, "the bytes given", limits)
    if not isinstance(source, (str, Path)):
        raise InputError(f"a source is a path, the bytes of a file or an array; got {type(source).__name__}")
    path = Path(source)
    name = _quoted(path)
    if str(source).lower().startswith(SCHEMES):
        raise MediaError("unreadable", f"{name} is an address: download it, and name the file")
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise MediaError("unreadable", f"{name} is a directory; name the files in it")
        if not stat.S_ISREG(mode):
            raise MediaError("unreadable", f"{name} is not a regular file")
        with path.open("rb") as file:
            content = file.read(limits.max_bytes + 1)
    except FileNotFoundError:
        raise MediaError("not_found", f"no such file: {name}") from None
    except PermissionError:
        raise MediaError("unreadable", f"no permission to read {name}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError("unreadable", f"cannot read {name}: {reason}") from None
    return _within(content, name, limits)


def load_image(source: Source, limits: MediaLimits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """Decode one still picture as a viewer would show it.

    The picture is turned upright by its EXIF orientation; greyscale, palette, CMYK and 16-bit pictures become
    8-bit RGB; transparent pixels show white. A truncated or corrupt file is refused, not decoded in part.

    Args:
        source: path, the file's bytes, or a decoded array (as it is, or in a `Sample`): uint8, RGB (H, W, 3)
            or grey (H, W).
        limits: checked against the header, before anything is decoded; an array has been decoded already.

    Returns:
        uint8, (H, W, 3), RGB.

    Raises:
        MediaError: what is wrong with it; see ``code`` there.
        InputError: the source is neither a path nor bytes nor an array.
    """
    if isinstance(source, Sample):
        source = source.array
    if isinstance(source, np.ndarray):
        return _checked_array(source)
    content = read_bytes(source, limits)
    name = "the bytes given" if isinstance(source, bytes) else _quoted(Path(source))
    decode = _decoder(content, name)
    try:
        return decode(content, name, limits)
    except MediaError:
        raise
    except Exception as error:  # untrusted bytes: a decoder may raise anything, and none of it may escape
        detail = " ".join(str(error).split()) or type(error).__name__
        raise MediaError("decode_failed", f"{name} is damaged and cannot be decoded: {detail}") from error


def load_grey(content: bytes, name: str, limits: MediaLimits = DEFAULT_LIMITS) -> NDArray[Any]:
    """Decode a still picture whose values are measurements, and keep them as they are.

    Args:
        content: the file's bytes.
        name: what to call it in messages.
        limits: checked against the header, before anything is decoded.

    Returns:
        A greyscale picture as it is stored: uint8 or uint16, or float32 from a TIFF, (H, W); any other one
        as `load_image` shows it: uint8, (H, W, 3).

    Raises:
        MediaError: what is wrong with it; see ``code`` there.
    """
    decode = _decoder(content, name)
    try:
        if decode is not _decode_with_pillow:
            return decode(content, name, limits)
        picture = _open_with_pillow(content, name, limits)
        if picture.mode == "L" or picture.mode[0] in "IF":
            return _upright(np.asarray(picture), _picture_orientation(picture))
        return _decode_with_pillow(content, name, limits)
    except MediaError:
        raise
    except Exception as error:  # untrusted bytes: a decoder may raise anything, and none of it may escape
        detail = " ".join(str(error).split()) or type(error).__name__
        raise MediaError("decode_failed", f"{name} is damaged and cannot be decoded: {detail}") from error


def _quoted(path: Path) -> str:
    return repr(str(path))


def _within(content: bytes, name: str, limits: MediaLimits) -> bytes:
    if not content:
        raise MediaError("empty", f"{name}: there is nothing in it")
    if len(content) > limits.max_bytes:
        raise MediaError(
            "payload_too_large", f"{name}: more than the {limits.max_bytes / 2**20:g} MiB allowed"
        )
    return content


def _check_pixels(width: int, height: int, name: str, limits: MediaLimits) -> None:
    if width < 1 or height < 1:
        raise MediaError("decode_failed", f"{name} states a size of {width}×{height} pixels")
    if width * height > limits.max_pixels:
        raise MediaError(
            "pixel_limit",
            f"{name} is {width}×{height}, {width * height / 1e6:,.0f} Mpx; "
            f"at most {limits.max_pixels / 1e6:g} Mpx are allowed: scale it down",
        )


def _checked_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    shape = array.shape
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] != 3):
        raise MediaError(
            "unsupported_media",
            "a picture array must be uint8 of shape (H, W, 3), RGB, or (H, W); "
            f"got {array.dtype} of shape {shape}",
        )
    if array.size == 0:
        raise MediaError("empty", f"the picture array of shape {shape} holds no pixels")
    if array.ndim == 2:
        return np.repeat(array[:, :, None], 3, axis=2)
    return np.ascontiguousarray(array)


def _decoder(content: bytes, name: str) -> Callable[[bytes, str, MediaLimits], NDArray[np.uint8]]:
    if content.startswith(b"\xff\xd8\xff"):
        return _decode_jpeg
    if content.startswith((b"\x89PNG\r\n\x1a\n", b"BM", b"II*\x00", b"MM\x00*")):
        return _decode_with_pillow
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _decode_with_pillow
    for offset, magic, kind in FOREIGN:
        if content[offset:].startswith(magic):
            raise MediaError("unsupported_media", f"{name} is {kind}; {ACCEPTED}")
    raise MediaError("unsupported_media", f"{name} is not a picture; {ACCEPTED}")


def _decode_jpeg(content: bytes, name: str, limits: MediaLimits) -> NDArray[np.uint8]:
    import simplejpeg

    header = _jpeg_header(content)
    _check_pixels(header.width, header.height, name, limits)
    if header.scans > limits.max_jpeg_scans:
        raise MediaError(
            "decode_failed", f"{name} has {header.scans} scans; at most {limits.max_jpeg_scans} are allowed"
        )
    if header.components == 4:
        from PIL.JpegImagePlugin import JpegImageFile

        return _upright(_rgb(JpegImageFile(io.BytesIO(content))), _orientation(header.exif))
    try:
        array = simplejpeg.decode_jpeg(content, "RGB")
    except ValueError as error:
        # Cameras write a few stray bytes between segments, which harm nothing; every other warning is damage.
        if "extraneous bytes" not in str(error):
            raise
        array = simplejpeg.decode_jpeg(content, "RGB", strict=False)
    return _upright(np.asarray(array, np.uint8), _orientation(header.exif))


@dataclass(frozen=True, slots=True)
class _JpegHeader:
    width: int
    height: int
    components: int
    scans: int
    exif: bytes


def _jpeg_header(content: bytes) -> _JpegHeader:
    """Read what the segments of the first picture in a file tell (ITU-T T.81, annex B)."""
    size, scans, exif = None, 0, b""
    for marker, payload in _jpeg_segments(content):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and size is None:
            size = struct.unpack_from(">xHHB", payload)
        elif marker == 0xE1 and payload.startswith(b"Exif\0\0") and not exif:
            exif = payload[6:]
        elif marker == 0xDA:
            scans += 1
    if size is None:
        raise ValueError("no picture in it")
    height, width, components = size
    return _JpegHeader(width, height, components, scans, exif)


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk from marker to marker, over the coded data between them, to the end of the first picture."""
    at = 2
    while found := JPEG_MARKER.search(content, at):
        marker = content[found.end() - 1]
        if marker == 0xD9 or found.end() + 2 > len(content):
            return
        (length,) = struct.unpack_from(">H", content, found.end())
        yield marker, content[found.end() + 2 : found.end() + length]
        at = found.end() + max(length, 2)


def _decode_with_pillow(content: bytes, name: str, limits: MediaLimits) -> NDArray[np.uint8]:
    picture = _open_with_pillow(content, name, limits)
    return _upright(_rgb(picture), _picture_orientation(picture))


def _open_with_pillow(content: bytes, name: str, limits: MediaLimits) -> Any:
    # The plugins are called by themselves, so that only these formats can ever be parsed.
    from PIL.BmpImagePlugin import BmpImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.TiffImagePlugin import TiffImageFile
    from PIL.WebPImagePlugin import WebPImageFile

    plugin: Callable[[io.BytesIO], Any]
    if content.startswith(b"\x89PNG"):
        width, height = struct.unpack_from(">II", content, 16)
        _check_pixels(width, height, name, limits)  # a clear answer, even where nothing follows the header
        plugin = PngImageFile
    elif content.startswith(b"RIFF"):
        width, height = _webp_size(content)
        _check_pixels(width, height, name, limits)  # this plugin allocates while it opens
        plugin = WebPImageFile
    else:
        plugin = BmpImageFile if content.startswith(b"BM") else TiffImageFile
    picture = plugin(io.BytesIO(content))
    _check_pixels(picture.width, picture.height, name, limits)
    if plugin is TiffImageFile and picture.info.get("compression") != "raw":  # libtiff would parse it
        raise MediaError("unsupported_media", f"{name} is a compressed TIFF; save it as PNG")
    if getattr(picture, "n_frames", 1) > 1:
        raise MediaError("unsupported_media", f"{name} is animated or has several pages; {ACCEPTED}")
    return picture


def _picture_orientation(picture: Any) -> int:
    if picture.format == "TIFF":  # which Pillow has turned already
        return 1
    return _orientation(picture.info.get("exif", b"").removeprefix(b"Exif\0\0"))


def _webp_size(content: bytes) -> tuple[int, int]:
    """Read width and height from the first chunk (RFC 9649, sections 2.5 to 2.7)."""
    chunk = content[12:16]
    if chunk == b"VP8X":
        return int.from_bytes(content[24:27], "little") + 1, int.from_bytes(content[27:30], "little") + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("no WebP picture chunk")


def _rgb(picture: Any) -> NDArray[np.uint8]:
    """Convert a Pillow picture of any mode to uint8 RGB, transparent pixels over white."""
    if picture.mode.startswith("I"):  # 16-bit grey, which Pillow's own conversion would clip
        grey = np.asarray(picture)
        if grey.min() < 0 or grey.max() > 0xFFFF:
            raise MediaError("unsupported_media", f"grey values above 16 bits; {ACCEPTED}")
        return np.repeat((grey >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    if picture.mode == "F":
        raise MediaError("unsupported_media", f"grey values are floating point; {ACCEPTED}")
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        rgba = np.asarray(picture.convert("RGBA"), np.uint16)
        colour, alpha = rgba[:, :, :3], rgba[:, :, 3:]
        return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.asarray(picture.convert("RGB"), np.uint8)


def _orientation(exif: bytes) -> int:
    """Find the orientation (tag 0x0112, 1 to 8) in an EXIF block; 1 where it is damaged."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(entries):
            tag, value = struct.unpack_from(order + "H6xH", exif, start + 2 + 12 * entry)
            if tag == 0x0112:
                return int(value)
    except struct.error:
        pass
    return 1


def _upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    if orientation in (5, 6, 7, 8):
        array = np.swapaxes(array, 0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)
