"""What an ICC profile says of colours is heeded, and sRGB stays as it is."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from antispoof.sensing.colour import to_srgb
from antispoof.sensing.media import load_image

# Primaries adapted to D50, one column each, as the profiles of their makers hold them.
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
DISPLAY_P3 = np.array(
    [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB_CURVE = (
    b"para"
    + bytes(4)
    + struct.pack(
        ">HH5i", 3, 0, *(round(v * 65536) for v in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
    )
)
GAMMA_22 = b"curv" + bytes(4) + struct.pack(">IHxx", 1, round(2.19921875 * 256))
FORMATS = [
    ("JPEG", {"quality": 98, "subsampling": 0}),
    ("PNG", {}),
    ("WEBP", {"lossless": True}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
]


def profile(primaries: NDArray[Any] | None, curve: bytes, space: bytes = b"RGB ") -> bytes:
    """A profile of three primaries, or of grey, and one tone curve (ICC.1:2010, 7.2, 8.3 and 8.4)."""
    white = (0.9642, 1.0, 0.8249)
    xyz = [white] if primaries is None else [white, *primaries.T]
    names = [b"wtpt"] if primaries is None else [b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ"]
    tags = [b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in one)) for one in xyz]
    for name in (b"kTRC",) if primaries is None else (b"rTRC", b"gTRC", b"bTRC"):
        names.append(name)
        tags.append(curve)
    at = 132 + 12 * len(tags)
    table = struct.pack(">I", len(tags))
    for name, tag in zip(names, tags, strict=True):
        table += name + struct.pack(">II", at, len(tag))
        at += len(tag)
    head = struct.pack(">I4xI", at, 0x02400000) + b"mntr" + space + b"XYZ " + bytes(12) + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">3i", *(round(v * 65536) for v in white))
    return head.ljust(128, b"\0") + table + b"".join(tags)


def expected(picture: NDArray[np.uint8], primaries: NDArray[Any], gamma: float | None) -> NDArray[Any]:
    """The same by matrices: to light, to the primaries of sRGB, to display values."""
    value = picture / 255
    light = (
        value**gamma if gamma else np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    )
    light = np.clip(light @ (np.linalg.inv(SRGB) @ primaries).T, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize(("kind", "arguments"), FORMATS)
@pytest.mark.parametrize(
    ("primaries", "curve", "gamma"),
    [(DISPLAY_P3, SRGB_CURVE, None), (ADOBE_RGB, GAMMA_22, 2.19921875)],
    ids=["display-p3", "adobe-rgb"],
)
def test_wide_colours_become_srgb(
    close_up: Any, encode: Any, kind: str, arguments: Any, primaries: Any, curve: bytes, gamma: float | None
) -> None:
    icc = profile(primaries, curve)
    seen = load_image(encode(close_up, kind, icc_profile=icc, **arguments)).astype(int)
    error = np.abs(seen - expected(close_up, primaries, gamma))
    assert np.abs(seen - close_up).mean() > 2  # the profile says something
    assert error.mean() < (1.5 if kind == "JPEG" else 0.6)
    assert np.quantile(error, 0.999) < (12 if kind == "JPEG" else 3)


@pytest.mark.parametrize(("kind", "arguments"), FORMATS)
def test_srgb_stays_as_it_is_to_the_bit(close_up: Any, encode: Any, kind: str, arguments: Any) -> None:
    plain = load_image(encode(close_up, kind, **arguments))
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc in (made, profile(SRGB, SRGB_CURVE)):
        np.testing.assert_array_equal(load_image(encode(close_up, kind, icc_profile=icc, **arguments)), plain)


def test_transparency_palette_grey_and_sixteen_bits_have_profiles_too(close_up: Any, encode: Any) -> None:
    icc = profile(DISPLAY_P3, SRGB_CURVE)
    alpha = np.dstack([close_up, np.where(np.arange(180) < 90, 255, 0) * np.ones((200, 1))]).astype(np.uint8)
    seen = load_image(encode(alpha, "PNG", icc_profile=icc))
    assert np.abs(seen[:, :90] - expected(close_up[:, :90], DISPLAY_P3, None)).mean() < 0.6
    assert (seen[:, 90:] == 255).all()
    palette = Image.fromarray(close_up).convert("P")
    shown = np.asarray(palette.convert("RGB"))
    seen = load_image(encode(np.asarray(close_up), "PNG", mode="P", icc_profile=icc))
    assert np.abs(seen - expected(shown, DISPLAY_P3, None)).mean() < 0.6
    dark = profile(None, b"curv" + bytes(4) + struct.pack(">IHxx", 1, round(1.0 * 256)), b"GRAY")
    grey = np.asarray(Image.fromarray(close_up).convert("L"))
    light = grey / 255
    meant = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    for array, kind in ((grey, "PNG"), (grey, "JPEG"), (grey.astype(np.uint16) * 257, "PNG")):
        options = {"quality": 98} if kind == "JPEG" else {}
        seen = load_image(encode(array, kind, icc_profile=dark, **options)).astype(int)
        assert np.abs(seen - meant[..., None]).mean() < 3
        assert (np.ptp(seen, axis=2) <= 1).all()


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_profile_is_one_that_is_not_there(data: st.DataObject) -> None:
    picture = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    content = bytearray(profile(DISPLAY_P3, SRGB_CURVE))
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, max(len(content) - 1, 0)))
        content[at : at + 2] = data.draw(st.binary(min_size=2, max_size=2))
    seen = to_srgb(picture, bytes(content))
    assert seen.shape == picture.shape
    assert seen.dtype == np.uint8
    for useless in (b"", b"no profile", bytes(content[:100]), profile(None, GAMMA_22, b"GRAY")):
        np.testing.assert_array_equal(to_srgb(picture, useless), picture)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_files_with_a_damaged_profile_are_shown(close_up: Any, encode: Any, kind: str) -> None:
    plain = load_image(encode(close_up, kind))
    for icc in (b"no profile at all", profile(DISPLAY_P3, SRGB_CURVE)[:150], bytes(3000)):
        np.testing.assert_array_equal(load_image(encode(close_up, kind, icc_profile=icc)), plain)
