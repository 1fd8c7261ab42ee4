"""Pictures of one channel keep their values; heads are found in silhouettes."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from antispoof.errors import InputError, MediaError
from antispoof.sensing.capture import Box
from antispoof.sensing.faces import CropRecipe, crop
from antispoof.sensing.maps import crop_map, find_head, load_map
from antispoof.sensing.media import MediaLimits


def npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def ramp(kind: type, top: int) -> NDArray[Any]:
    return np.linspace(0, top, 48 * 36).reshape(36, 48).astype(kind)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize(("kind", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_values_of_pictures_are_kept(suffix: str, kind: type, top: int, tmp_path: Any) -> None:
    array = ramp(kind, top)
    path = tmp_path / f"map{suffix}"
    Image.fromarray(array).save(path)
    for source in (path, path.read_bytes(), array, array[..., None], npy(array)):
        sample = load_map(source)
        assert sample.array.dtype == kind
        np.testing.assert_array_equal(sample.array, array)


def test_floating_point_values_are_kept(tmp_path: Any) -> None:
    array = ramp(np.float32, 3) + np.float32(0.25)
    Image.fromarray(array).save(tmp_path / "map.tif")
    for source in (tmp_path / "map.tif", npy(array.astype(np.float64)), array):
        np.testing.assert_array_equal(load_map(source).array, array)


def test_three_equal_channels_are_one_and_colours_are_refused(encode: Any, portrait: Any) -> None:
    grey = np.repeat(ramp(np.uint8, 255)[..., None], 3, axis=2)
    np.testing.assert_array_equal(load_map(encode(grey, "PNG")).array, grey[..., 0])
    assert np.abs(load_map(encode(grey, "JPEG", quality=95)).array.astype(int) - grey[..., 0]).max() < 8
    for source in (portrait, encode(portrait, "PNG"), encode(portrait, "JPEG")):
        with pytest.raises(MediaError, match="colour picture"):
            load_map(source)


def test_frames_that_are_all_the_same_are_frozen() -> None:
    frames = np.random.default_rng(0).integers(0, 4000, (5, 20, 30)).astype(np.uint16)
    sample = load_map(frames)
    assert sample.metadata == {"frames": 5, "frozen": False}
    np.testing.assert_array_equal(sample.array, frames[2])
    assert load_map(npy(np.repeat(frames[:1], 5, axis=0))).metadata["frozen"]
    assert not load_map(frames[:1]).metadata["frozen"]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (np.zeros((0, 4), np.uint8), "empty"),
        (np.zeros((2, 2), complex), "unsupported_media"),
        (np.zeros((2, 2, 2, 2), np.uint8), "unsupported_media"),
        (np.full((2, 2), -1), "unsupported_media"),
        (np.full((2, 2), 70000), "unsupported_media"),
        (npy(np.zeros((4, 4), np.uint16))[:-3], "decode_failed"),
        (npy(np.array([[{}]], object)), "decode_failed"),
        (b"\x93NUMPY", "decode_failed"),
        (b"\x93NUMPY\x07\x00" + bytes(200), "decode_failed"),
        ("none.png", "not_found"),
    ],
)
def test_what_is_no_map_is_refused(source: Any, code: str) -> None:
    with pytest.raises(MediaError) as caught:
        load_map(source)
    assert caught.value.code == code


def test_limits_hold_before_decoding() -> None:
    with pytest.raises(MediaError, match="scale it down"):
        load_map(npy(np.zeros((50, 50), np.uint8)), MediaLimits(max_pixels=2000))
    with pytest.raises(InputError, match="a path, the bytes"):
        load_map(3)  # type: ignore[arg-type]


@given(st.binary(max_size=300))
@settings(max_examples=150)
def test_arbitrary_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(MediaError):
        load_map(content)
    with pytest.raises(MediaError):
        load_map(b"\x93NUMPY\x01\x00" + content)


def silhouette(
    size: tuple[int, int], head: tuple[float, float, float], shoulders: bool
) -> tuple[NDArray[np.bool_], Box]:
    """Draw an oval head of width w, 1.4 as high, its middle at (x, y), and shoulders thrice as wide."""
    x, y, w = head
    there = np.zeros(size, np.uint8)
    cv2.ellipse(there, ((x, y), (w, 1.4 * w), 0), (1,), -1)
    if shoulders:
        cv2.rectangle(there, (int(x - 0.25 * w), int(y)), (int(x + 0.25 * w), int(y + w)), (1,), -1)
        cv2.rectangle(there, (int(x - 1.5 * w), int(y + 0.95 * w)), (int(x + 1.5 * w), size[0]), (1,), -1)
    return there > 0, Box(x - w / 2, y - 0.7 * w, w, 1.4 * w)


@pytest.mark.parametrize("shoulders", [False, True])
@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_a_head_is_found_with_and_without_shoulders(shoulders: bool, scale: float) -> None:
    size = (round(120 * scale), round(160 * scale))
    there, head = silhouette(size, (85 * scale, 50 * scale, 44 * scale), shoulders)
    box = find_head(there)
    assert box is not None
    assert abs(box.x + box.width / 2 - head.x - head.width / 2) < 0.08 * head.width
    assert 0.75 < box.width / head.width < 1.05
    assert head.y < box.y < head.y + 0.3 * head.height
    assert box.y + box.height == pytest.approx(head.y + head.height, abs=0.15 * head.height)


def test_specks_are_no_heads() -> None:
    rng = np.random.default_rng(1)
    assert find_head(rng.random((96, 128)) > 0.9) is None
    assert find_head(np.zeros((50, 60), bool)) is None
    assert find_head(silhouette((100, 100), (50, 50, 8), False)[0]) is None


def test_a_gap_parts_a_head_unless_it_may_not() -> None:
    there, _ = silhouette((128, 128), (64, 60, 60), False)
    there[50:58] = False
    whole, parted = find_head(there, gap=0.12), find_head(there)
    assert whole is not None
    assert parted is not None
    assert whole.y < 40 < 50 < parted.y


@settings(max_examples=40)
@given(x=st.floats(-40, 90), y=st.floats(-40, 90), side=st.floats(4, 80), size=st.integers(8, 40))
def test_a_crop_averages_what_is_valid_and_nothing_else(x: float, y: float, side: float, size: int) -> None:
    rng = np.random.default_rng(0)
    valid = rng.random((60, 50)) > 0.3
    values = np.where(valid, np.float32(7), np.float32("nan"))
    mean, share = crop_map(values, valid, Box(x, y, side, side), CropRecipe(1.2, size))
    assert mean.shape == share.shape == (size, size)
    assert share.min() >= 0
    assert share.max() <= 1 + 1e-6
    np.testing.assert_allclose(mean[share > 0.02], 7, rtol=1e-4)
    assert not mean[share <= 0.02].any()


def test_a_crop_shows_what_the_crop_of_a_colour_picture_shows(portrait: Any) -> None:
    recipe, box = CropRecipe(1.4, 48), Box(150, 60, 120, 140)
    grey = np.ascontiguousarray(portrait[..., 1])
    values, share = crop_map(grey.astype(np.float32), np.ones(grey.shape, bool), box, recipe)
    np.testing.assert_allclose(share, 1, atol=1e-5)
    np.testing.assert_allclose(values, crop(portrait, box, recipe)[..., 1], atol=1)
