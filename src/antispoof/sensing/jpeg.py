"""JPEG: what its header tells, and a decoder that forgives what every viewer forgives, but no damage."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import MediaError
from antispoof.sensing.colour import to_srgb
from antispoof.sensing.orientation import exif_orientation, upright
from antispoof.sensing.source import MediaLimits, check_pixels

__all__ = ["decode_jpeg", "read_jpeg"]

# A marker is 0xFF and a byte that is neither stuffing (0x00, 0xFF) nor stands alone (0x01, 0xD0 to 0xD8).
MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
SEQUENTIAL = (0xC0, 0xC1, 0xC9)
SEVERAL_SCANS_SHARE = 4
ICC = b"ICC_PROFILE\0"

# libjpeg warns of these too, and they leave the picture whole; its other warnings mean damage.
HARMLESS = re.compile(
    "extraneous bytes|JFIF revision|Invalid SOS|Adobe color transform|ICC marker|Inconsistent progression"
)


def read_jpeg(
    content: bytes, name: str, limits: MediaLimits, enough_pixels: int | None = None
) -> tuple[NDArray[np.uint8], int]:
    """Decode the first picture of a file upright, in sRGB.

    Args:
        content: of the file.
        name: of the file, in messages.
        limits: checked against the header.
        enough_pixels: width × height that are enough; None wants all that the limits allow.

    Returns:
        uint8, (H, W, 3), and by what its sides were divided, to stay within ``max_pixels`` and where fewer
        pixels are enough: 1, 2, 4 or 8.

    Raises:
        MediaError: it is larger than the limits allow, or of a kind that is not read.
        Exception: whatever the decoder raises on damage.
    """
    header = _header(content)
    if header.precision != 8:
        raise MediaError(
            "unsupported_media", f"{name} is a JPEG of {header.precision} bits a channel; save it with 8"
        )
    share = 1 if header.scans < 2 and not header.progressive else SEVERAL_SCANS_SHARE
    largest = max(limits.max_source_pixels // share, limits.max_pixels)
    check_pixels(header.width, header.height, name, largest)
    if header.scans > limits.max_jpeg_scans:
        raise MediaError(
            "decode_failed", f"{name} has {header.scans} scans; at most {limits.max_jpeg_scans} are allowed"
        )
    divisor = next((d for d in (1, 2, 4, 8) if _pixels(header, d) <= limits.max_pixels), 8)
    if enough_pixels is not None:
        enough = (d for d in (8, 4, 2) if _pixels(header, d) >= enough_pixels)
        divisor = max(divisor, next(enough, 1))
    check_pixels(-(-header.width // divisor), -(-header.height // divisor), name, limits.max_pixels)
    array = _forgiving(content, header, divisor)
    profile = b"".join(header.profile[i] for i in sorted(header.profile))
    return upright(to_srgb(array, profile), exif_orientation(header.exif)), divisor


def decode_jpeg(content: bytes) -> NDArray[np.uint8]:
    """Decode a JPEG that this program has just encoded: uint8, (H, W, 3), RGB."""
    import simplejpeg

    return np.asarray(simplejpeg.decode_jpeg(content, "RGB"), np.uint8)


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    height: int
    precision: int
    components: int
    frame: int
    scans: int
    complete: bool
    exif: bytes
    profile: dict[int, bytes]

    @property
    def progressive(self) -> bool:
        return self.frame not in SEQUENTIAL


def _pixels(header: _Header, divisor: int) -> int:
    return -(-header.width // divisor) * -(-header.height // divisor)


def _header(content: bytes) -> _Header:
    """Read what the segments of the first picture in a file tell (ITU-T T.81, annex B)."""
    size, frame, scans, exif, marker = None, 0, 0, b"", 0
    profile: dict[int, bytes] = {}
    for marker, start, end in _segments(content):
        payload = content[start:end]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and size is None:
            size, frame = struct.unpack_from(">BHHB", payload), marker
        elif marker == 0xE1 and payload.startswith(b"Exif\0\0") and not exif:
            exif = payload
        elif marker == 0xE2 and payload.startswith(ICC) and len(payload) > 14:
            profile[payload[12]] = payload[14:]
        elif marker == 0xDA:
            scans += 1
    if size is None:
        raise ValueError("no picture in it")
    precision, height, width, components = size
    return _Header(width, height, precision, components, frame, scans, marker == 0xD9, exif, profile)


def _segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Walk from marker to marker, over the coded data between them, to the end of the first picture.

    Yields the marker, and where its payload begins and ends; last of all 0xD9 where the picture has an end.
    """
    at = 2
    while found := MARKER.search(content, at):
        marker, at = content[found.end() - 1], found.end()
        if marker == 0xD9:
            yield marker, at, at
            return
        if at + 2 > len(content):
            return
        (length,) = struct.unpack_from(">H", content, at)
        yield marker, at + 2, at + length
        at += max(length, 2)


def _forgiving(content: bytes, header: _Header, divisor: int) -> NDArray[np.uint8]:
    """Decode; what libjpeg remarks on is mended and decoded again, so that no later damage goes unseen."""
    try:
        return _decode(content, header, divisor)
    except ValueError as error:
        if not HARMLESS.search(str(error)):
            raise
    mended = _mended(content, header)
    try:
        return _decode(mended, header, divisor)
    except ValueError as error:
        # Stray bytes between scans cannot be mended; a file that was cut has no end.
        if not (HARMLESS.search(str(error)) and header.complete):
            raise
    return _decode(mended, header, divisor, strict=False)


def _decode(content: bytes, header: _Header, divisor: int, strict: bool = True) -> NDArray[np.uint8]:
    import simplejpeg

    colours = {1: "GRAY", 4: "CMYK"}.get(header.components, "RGB")
    least = {}
    if divisor > 1:  # the decoder takes the smallest size that is not below this
        least = {"min_height": -(-header.height // divisor), "min_width": -(-header.width // divisor)}
    array = np.asarray(simplejpeg.decode_jpeg(content, colours, strict=strict, **least), np.uint8)
    if colours == "CMYK":
        return 255 - array  # stored as the light that is left, since Adobe did so first
    return array[:, :, 0] if colours == "GRAY" else array


def _mended(content: bytes, header: _Header) -> bytes:
    """Write what libjpeg would assume anyway in place of what it warns of; leave out stray bytes."""
    whole = bytearray(content)
    parts = [content[:2]]
    for marker, start, end in _segments(content):
        payload = content[start:end]
        if marker == 0xDA:
            parts.append(bytes(whole[start - 4 :]))
            break
        if marker == 0xE0 and payload.startswith(b"JFIF\0") and len(payload) > 5:
            whole[start + 5] = 1
        elif marker == 0xEE and payload.startswith(b"Adobe") and len(payload) >= 12:
            known = (0, 2) if header.components == 4 else (0, 1)
            if payload[11] not in known:
                whole[start + 11] = known[1]
        elif marker == 0xE2 and payload.startswith(ICC):
            whole[start] = 0  # it has been read
        parts.append(bytes(whole[start - 4 : end]))
    mended = bytearray(b"".join(parts))
    if not header.progressive:
        for marker, _, end in _segments(bytes(mended)):
            if marker == 0xDA and end <= len(mended):
                mended[end - 3 : end] = b"\x00\x3f\x00"
    return bytes(mended)
