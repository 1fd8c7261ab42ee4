"""PNG, WebP, BMP, TIFF, JPEG 2000, WSQ and the portable pixmaps, with Pillow; its plugins are called by
themselves, so that only these formats can ever be parsed."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import MediaError, install_command
from antispoof.sensing.capture import Sample
from antispoof.sensing.colour import to_srgb
from antispoof.sensing.orientation import exif_orientation, upright
from antispoof.sensing.source import MediaLimits, check_pixels

__all__ = ["ACCEPTED", "read_grey_still", "read_still"]

ACCEPTED = "use a still JPEG, PNG, WebP, BMP, TIFF, JPEG 2000 or PPM picture"
TIFF_COMPRESSIONS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits")
NEW_SUBFILE_TYPE, BITS_PER_SAMPLE, MAX_SAMPLE_VALUE = 254, 258, 281  # tags of TIFF 6.0
WSQ_PPI = re.compile(rb"\bPPI (\d{2,4})\b")  # in the comment NIST_COM, which the plugin does not read
WSQ_END = b"\xff\xa1"  # end of image; coded data never hold it
PGM = re.compile(rb"(P[25])" + 3 * rb"(?:\s|#[^\n]*\n)+(\d{1,9})" + rb"\s")


def read_still(content: bytes, kind: str, name: str, limits: MediaLimits) -> NDArray[np.uint8]:
    """Decode a picture upright, in sRGB, transparent pixels over white: uint8, (H, W, 3).

    Raises:
        MediaError: it is larger than the limits allow, has several pages, or is of a kind that is not read.
        Exception: whatever the decoder raises on damage.
    """
    picture = _open(content, kind, name, limits)
    return upright(_rgb(picture), _orientation(picture))


def read_grey_still(content: bytes, kind: str, name: str, limits: MediaLimits) -> Sample:
    """Decode a picture whose values are measurements; raise as `read_still` does.

    Returns:
        A grey picture with its values as they are stored, uint8, uint16 or float32, (H, W); any other one as
        `read_still` shows it. ``metadata["full_scale"]`` is the largest value that it may have, and
        ``metadata["ppi"]`` how many pixels an inch has, where the file states them.
    """
    if kind == "pnm" and (stated := PGM.match(content)):
        return _pgm(content, stated, name, limits)
    picture = _open(content, kind, name, limits)
    if picture.mode == "L" or picture.mode[0] in "IF":
        stated_scale = _jpeg2000_scale(content) if kind == "jpeg2000" else _stated_scale(picture)
        return Sample(
            upright(np.asarray(picture), _orientation(picture)),
            {**stated_scale, **_stated_ppi(picture, content, kind)},
        )
    if content.startswith(b"\x89PNG") and content[24] == 16:
        raise MediaError(
            "unsupported_media", f"{name} has 16 bits in several channels; save one channel of 16 bits"
        )
    return Sample(upright(_rgb(picture), _orientation(picture)))


def _stated_scale(picture: Any) -> dict[str, int]:
    tags = getattr(picture, "tag_v2", {})
    (bits, *_), (largest, *_) = (_tuple(tags.get(tag, 0)) for tag in (BITS_PER_SAMPLE, MAX_SAMPLE_VALUE))
    if 8 < bits < 16:
        return {"full_scale": 2**bits - 1}
    return {"full_scale": int(largest)} if 255 < largest < 65535 else {}


def _jpeg2000_scale(content: bytes) -> dict[str, int]:
    """Return the value of white; Pillow shifts values of 9 to 15 bits up to 16."""
    bits = _jpeg2000_size(content)[2]
    return {"full_scale": (2**bits - 1) << (16 - bits)} if 8 < bits < 16 else {}


def _stated_ppi(picture: Any, content: bytes, kind: str) -> dict[str, float]:
    if kind == "wsq":
        found = WSQ_PPI.search(content[:1024])
        return {"ppi": float(found[1])} if found else {}
    across, down = (float(value) for value in picture.info.get("dpi", (0, 0)))
    return {"ppi": across} if across > 0 and abs(across - down) < 0.01 * across else {}


def _tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) and value else (value or 0,)


def _pgm(content: bytes, stated: re.Match[bytes], name: str, limits: MediaLimits) -> Sample:
    """Read a portable graymap as it is; Pillow would stretch its values to 8 or 16 bits."""
    width, height, largest = (int(number) for number in stated.groups()[1:])
    check_pixels(width, height, name, limits.max_pixels)
    if not 0 < largest < 65536:
        raise ValueError(f"its largest value is stated as {largest}")
    count = width * height
    if stated[1] == b"P2":
        values = np.array(content[stated.end() :].split(), np.int64)
    else:
        values = np.frombuffer(content, ">u2" if largest > 255 else np.uint8, count, stated.end())
    if values.size != count or values.max(initial=0) > largest:
        raise ValueError(f"{count} values up to {largest} are stated, others are there")
    array = values.reshape(height, width).astype(np.uint16 if largest > 255 else np.uint8)
    return Sample(array, {"full_scale": largest} if largest not in (255, 65535) else {})


def _open(content: bytes, kind: str, name: str, limits: MediaLimits) -> Any:
    from PIL.BmpImagePlugin import BmpImageFile
    from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.PpmImagePlugin import PpmImageFile
    from PIL.TiffImagePlugin import TiffImageFile
    from PIL.WebPImagePlugin import WebPImageFile

    plugins: dict[str, Callable[[io.BytesIO], Any]] = {
        "png": PngImageFile,
        "webp": WebPImageFile,
        "bmp": BmpImageFile,
        "tiff": TiffImageFile,
        "pnm": PpmImageFile,
        "jpeg2000": Jpeg2KImageFile,
    }
    if kind == "png":
        width, height = struct.unpack_from(">II", content, 16)
        check_pixels(width, height, name, limits.max_pixels)  # clear, even where nothing follows the header
    elif kind == "wsq":
        plugins["wsq"] = _wsq_plugin(name)
        if WSQ_END not in content:  # its decoder would print to standard error, and name a number
            raise MediaError(
                "decode_failed",
                f"{name} is truncated: the end of its WSQ data is missing; "
                "copy or export the file again, whole",
            )
    elif kind == "webp":
        width, height = _webp_size(content)
        check_pixels(width, height, name, limits.max_pixels)  # this plugin allocates while it opens
    elif kind == "jpeg2000":
        width, height, _ = _jpeg2000_size(content)
        check_pixels(width, height, name, limits.max_pixels)  # of the codestream; its box may tell another
    picture = plugins[kind](io.BytesIO(content))
    check_pixels(picture.width, picture.height, name, limits.max_pixels)
    compression = picture.info.get("compression")
    if kind == "tiff" and compression not in TIFF_COMPRESSIONS:
        raise MediaError("unsupported_media", f"{name} is a TIFF compressed as {compression}; save it as PNG")
    if kind == "tiff" and picture.tag_v2.get(NEW_SUBFILE_TYPE, 0) & 1:  # where raw photos keep a thumbnail
        raise MediaError("unsupported_media", f"{name} is a raw photo; {ACCEPTED}")
    if getattr(picture, "n_frames", 1) > 1:
        raise MediaError("unsupported_media", f"{name} is animated or has several pages; {ACCEPTED}")
    return picture


def _wsq_plugin(name: str) -> Callable[[io.BytesIO], Any]:
    try:
        from wsq.WsqImagePlugin import WsqImageFile
    except ImportError:
        raise MediaError(
            "unsupported_media", f"{name} is WSQ; to read it: {install_command('fingerprint')}"
        ) from None
    plugin: Callable[[io.BytesIO], Any] = WsqImageFile
    return plugin


def _orientation(picture: Any) -> int:
    if picture.format == "TIFF":  # which Pillow has turned already
        return 1
    return exif_orientation(picture.info.get("exif", b""))


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


def _jpeg2000_size(content: bytes) -> tuple[int, int, int]:
    """Read width, height and bits of the first component from the marker SIZ (ISO/IEC 15444-1, A.5.1)."""
    start = content.find(b"\xff\x4f\xff\x51")
    if start < 0:
        raise ValueError("no JPEG 2000 codestream")
    right, bottom, left, top = struct.unpack_from(">4I", content, start + 8)
    return right - left, bottom - top, (content[start + 42] & 0x7F) + 1


def _rgb(picture: Any) -> NDArray[np.uint8]:
    """Convert a Pillow picture of any mode to uint8 RGB in sRGB, transparent pixels over white."""
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith("I"):  # 16-bit grey, which Pillow's own conversion would clip
        grey = np.asarray(picture)
        if grey.min() < 0 or grey.max() > 0xFFFF:
            raise MediaError("unsupported_media", f"grey values above 16 bits; {ACCEPTED}")
        return to_srgb((grey >> 8).astype(np.uint8), profile)
    if picture.mode == "F":
        raise MediaError("unsupported_media", f"grey values are floating point; {ACCEPTED}")
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        rgba = np.asarray(picture.convert("RGBA"))
        colour, alpha = to_srgb(rgba[:, :, :3], profile).astype(np.uint16), rgba[:, :, 3:].astype(np.uint16)
        return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    if picture.mode in ("L", "CMYK"):
        return to_srgb(np.asarray(picture), profile)
    return to_srgb(np.asarray(picture.convert("RGB"), np.uint8), profile)
