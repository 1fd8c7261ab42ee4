"""Every file either becomes an upright 8-bit RGB picture or a `MediaError` that says why not."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from antispoof.errors import InputError, MediaError
from antispoof.sensing.content import content_of
from antispoof.sensing.media import MediaLimits, load_grey, load_image, read_bytes

LOSSLESS = [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("JPEG2000", {}), ("WEBP", {"lossless": True})]


def png_header(width: int, height: int) -> bytes:
    """A PNG that ends after its header."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def refused(content: Any, code: str, words: str, **limits: int) -> None:
    with pytest.raises(MediaError, match=words) as caught:
        load_image(content, MediaLimits(**limits))
    assert caught.value.code == code


@pytest.mark.parametrize(("kind", "arguments"), LOSSLESS)
def test_a_lossless_picture_comes_back_as_it_was(
    close_up: Any, encode: Any, kind: str, arguments: Any
) -> None:
    np.testing.assert_array_equal(load_image(encode(close_up, kind, **arguments)), close_up)


@pytest.mark.parametrize("arguments", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 40}])
def test_jpeg_agrees_with_pillow(close_up: Any, encode: Any, arguments: Any) -> None:
    content = encode(close_up, "JPEG", **arguments)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), int)
    assert np.abs(load_image(content).astype(int) - expected).max() <= 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(close_up: Any, encode: Any, kind: str, orientation: int) -> None:
    stored = {  # how a camera stores an upright picture for each value of the tag
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](close_up)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(np.ascontiguousarray(stored), kind, exif=exif)
    upright = load_image(content)
    assert upright.shape == close_up.shape
    assert np.abs(upright.astype(int) - close_up).mean() < 4


def test_grey_cmyk_palette_and_16_bit_pictures_become_rgb(close_up: Any, encode: Any) -> None:
    grey = np.asarray(Image.fromarray(close_up).convert("L"))
    as_rgb = np.repeat(grey[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(load_image(encode(close_up, "PNG", mode="L")), as_rgb)
    np.testing.assert_array_equal(load_image(encode(grey.astype(np.uint16) * 257, "PNG")), as_rgb)
    assert np.abs(load_image(encode(close_up, "JPEG", mode="L")).astype(int) - as_rgb).mean() < 3
    assert np.abs(load_image(encode(close_up, "JPEG", mode="CMYK")).astype(int) - close_up).mean() < 6
    assert np.abs(load_image(encode(close_up, "PNG", mode="P")).astype(int) - close_up).mean() < 40
    assert load_image(encode(close_up, "PNG", mode="1")).shape == close_up.shape


def test_transparent_pixels_show_white(close_up: Any, encode: Any) -> None:
    alpha = np.full(close_up.shape[:2], 255, np.uint8)
    alpha[:50] = 0
    seen = load_image(encode(np.dstack([close_up, alpha]), "PNG"))
    assert (seen[:50] == 255).all()
    np.testing.assert_array_equal(seen[50:], close_up[50:])


def test_arrays_pass_through_and_grey_ones_are_stacked(close_up: Any) -> None:
    np.testing.assert_array_equal(load_image(close_up), close_up)
    assert load_image(close_up[:, :, 0]).shape == close_up.shape
    refused(close_up / 255, "unsupported_media", "must be uint8 .* got float64")
    refused(close_up[:, :, :2], "unsupported_media", r"got uint8 of shape \(200, 180, 2\)")
    refused(close_up[:0], "empty", "no pixels")
    with pytest.raises(InputError, match="a path, the bytes of a file or an array; got int"):
        load_image(7)  # type: ignore[arg-type]


def test_files_that_are_not_there_or_not_files(tmp_path: Path) -> None:
    refused(tmp_path / "none.jpg", "not_found", "no such file: .*none.jpg")
    refused(tmp_path, "empty", "is a directory, and there is nothing in it")
    (tmp_path / "selfie.jpg").touch()
    refused(tmp_path, "unreadable", "is a directory; name the files in it")
    refused("bad\0name", "unreadable", "cannot read")
    refused("x" * 5000, "unreadable", "cannot read .*too long")
    (tmp_path / "empty.jpg").touch()
    refused(tmp_path / "empty.jpg", "empty", "there is nothing in it")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "unreadable", "not a regular file")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(b"x")

    def denied(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(
        Path, "open", denied
    )  # the super-user may read everything, so chmod would prove nothing
    refused(path, "unreadable", "no permission to read")


def test_limits_hold_before_anything_is_decoded(tmp_path: Path, close_up: Any, encode: Any) -> None:
    refused(png_header(30000, 30000), "pixel_limit", "30000×30000, 900 Mpx; at most 24 Mpx are allowed")
    for kind in ("PNG", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000"):
        refused(encode(close_up, kind), "pixel_limit", "180×200", max_pixels=200 * 180 - 1)
        assert load_image(encode(close_up, kind), MediaLimits(max_pixels=200 * 180)).shape == close_up.shape
    refused(encode(close_up, "WEBP", lossless=True), "pixel_limit", "180×200", max_pixels=200 * 180 - 1)
    path = tmp_path / "big.jpg"
    path.write_bytes(bytes(101))
    with pytest.raises(MediaError, match="more than the") as caught:
        read_bytes(path, MediaLimits(max_bytes=100))
    assert caught.value.code == "payload_too_large"
    assert read_bytes(path, MediaLimits(max_bytes=101)) == bytes(101)
    content = encode(close_up, "JPEG")
    refused(content[:-2] + b"\xff\xda\x00\x02" * 101, "decode_failed", "102 scans; at most 100")


def test_other_kinds_of_file_are_named(close_up: Any, encode: Any) -> None:
    refused(
        b"Dear judge, this is not a picture", "unsupported_media", "is not a picture; use a still JPEG, PNG"
    )
    refused(encode(close_up, "GIF"), "unsupported_media", "is a GIF; use a still")
    refused(b"\0\0\0\x1cftypisom", "unsupported_media", "is a video")
    refused(b"%PDF-1.7", "unsupported_media", "is a PDF")
    refused(b"FIR\x00030\0", "unsupported_media", "is a fingerprint record of ISO/IEC 19794-4; use a still")


@pytest.mark.parametrize(
    ("major", "others", "words"),
    [
        ("heic", "mif1heic", "an HEIC picture"),
        ("mif1", "mif1heic", "an HEIC picture"),
        ("msf1", "hevc", "an HEIC picture"),
        ("heix", "", "an HEIC picture"),
        ("heim", "", "an HEIC picture"),
        ("hevx", "", "an HEIC picture"),
        ("avif", "mif1", "an AVIF picture"),
        ("mif1", "avif", "an AVIF picture"),
        ("avis", "msf1", "an AVIF picture"),
        ("mif1", "mif1", "an HEIF picture"),
        ("crx ", "", r"a raw photo \(CR3\)"),
        ("M4A ", "isom", "a sound recording"),
        ("isom", "iso2avc1mp41", "a video"),
        ("qt  ", "", "a video"),
    ],
)
def test_brands_of_the_iso_format_are_named(major: str, others: str, words: str) -> None:
    head = b"ftyp" + major.encode() + bytes(4) + others.encode()
    content = struct.pack(">I", 4 + len(head)) + head + bytes(40)
    refused(content, "unsupported_media", f"is {words}; use a still")
    if "picture" in words or "raw" in words:
        assert content_of(content) == "picture"


def test_the_thumbnail_of_a_raw_photo_is_not_taken_for_the_picture(close_up: Any, encode: Any) -> None:
    refused(encode(close_up, "TIFF", tiffinfo={254: 1}), "unsupported_media", "is a raw photo; use a still")


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits"])
def test_tiffs_are_read_as_tools_write_them(close_up: Any, encode: Any, compression: str) -> None:
    content = encode(close_up, "TIFF", compression=compression)
    np.testing.assert_array_equal(load_image(content), close_up)
    for share in (0.1, 0.5, 0.95):
        refused(content[: int(share * len(content))], "decode_failed", "is damaged")
    refused(encode(close_up, "TIFF", compression="jpeg"), "unsupported_media", "TIFF compressed as jpeg")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_animations_and_several_pages_are_refused(close_up: Any, encode: Any, kind: str) -> None:
    content = encode(close_up, kind, save_all=True, append_images=[Image.fromarray(close_up[::-1])])
    refused(content, "unsupported_media", "is animated or has several pages")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "JPEG2000"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_files_are_refused(close_up: Any, encode: Any, kind: str, share: float) -> None:
    content = encode(close_up, kind)
    refused(content[: int(share * len(content))], "decode_failed", "is damaged and cannot be decoded: ")


def test_damaged_jpeg_data_is_refused_but_stray_bytes_are_not(close_up: Any, encode: Any) -> None:
    content = encode(close_up, "JPEG", quality=90)
    middle = len(content) // 2
    refused(content[:middle] + b"\xff\xd5" + content[middle:], "decode_failed", "is damaged")
    stray = load_image(content[:-2] + b"\x00\x00" + content[-2:])
    np.testing.assert_array_equal(stray, load_image(content))


def test_what_follows_a_jpeg_does_not_matter(close_up: Any, encode: Any) -> None:
    content = encode(close_up, "JPEG")
    film = b"ftypmp42" + b"\xff\xda\xff\xc0" * 500  # phones append a film to a moving picture
    np.testing.assert_array_equal(load_image(content + film), load_image(content))


def test_damaged_exif_leaves_the_picture_as_stored(close_up: Any, encode: Any) -> None:
    content = encode(close_up, "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff")
    assert load_image(content).shape == close_up.shape


SAMPLES: dict[str, bytes] = {}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks about odd tags are of no concern here
def test_mutated_files_give_a_picture_or_a_media_error(
    data: st.DataObject, close_up: Any, encode: Any
) -> None:
    if not SAMPLES:
        exif = Image.Exif()
        exif[0x0112] = 6
        small = np.ascontiguousarray(close_up[::4, ::4])
        SAMPLES.update(
            jpeg=encode(small, "JPEG", exif=exif),
            progressive=encode(small, "JPEG", progressive=True),
            cmyk=encode(small, "JPEG", mode="CMYK"),
            png=encode(small, "PNG", exif=exif),
            palette=encode(small, "PNG", mode="P"),
            webp=encode(small, "WEBP"),
            tiff=encode(small, "TIFF"),
            bmp=encode(small, "BMP"),
            jpeg2000=encode(small, "JPEG2000"),
        )
    content = bytearray(SAMPLES[data.draw(st.sampled_from(sorted(SAMPLES)))])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    try:
        picture = load_image(bytes(content), MediaLimits(max_pixels=1_000_000))
    except MediaError:
        return
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert picture.shape[0] * picture.shape[1] <= 1_000_000


@pytest.mark.parametrize("boxes", [True, False])
def test_jpeg_2000_is_read_as_it_was_written(close_up: Any, encode: Any, boxes: bool) -> None:
    np.testing.assert_array_equal(load_image(encode(close_up, "JPEG2000", no_jp2=not boxes)), close_up)
    wide = close_up[..., 0].astype(np.uint16) * 200
    content = encode(wide, "JPEG2000", no_jp2=not boxes)
    np.testing.assert_array_equal(load_grey(content).array, wide)
    refused(content[: len(content) // 2], "decode_failed", "is damaged")


def test_bits_of_jpeg_2000_tell_where_white_is() -> None:
    with av.open(io.BytesIO(), "w", format="image2pipe") as out:
        stream = out.add_stream("jpeg2000", rate=1, width=64, height=48, pix_fmt="gray12le")
        ramp = np.tile(np.arange(64, dtype=np.uint16) * 65, (48, 1))
        packets = stream.encode(av.VideoFrame.from_ndarray(ramp, "gray12le"))
    read = load_grey(b"".join(map(bytes, packets)))
    assert read.metadata["full_scale"] == 4095 * 16
    assert np.abs(read.array.astype(int) - ramp * 16).max() <= 16 * 8


def test_a_codestream_larger_than_its_box_says_is_not_decoded(close_up: Any, encode: Any) -> None:
    content = encode(close_up, "JPEG2000")
    at = content.index(b"\xff\x4f\xff\x51") + 8
    forged = content[:at] + struct.pack(">2I", 30000, 30000) + content[at + 8 :]
    refused(forged, "pixel_limit", "30000×30000")
