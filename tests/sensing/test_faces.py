"""Faces are found at every size, and the crop does what its recipe says."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antispoof.sensing.capture import Box
from antispoof.sensing.faces import CropRecipe, crop, find_faces, frame


def iou(a: Box, b: Box) -> float:
    width = max(0.0, min(a.x + a.width, b.x + b.width) - max(a.x, b.x))
    height = max(0.0, min(a.y + a.height, b.y + b.height) - max(a.y, b.y))
    return width * height / (a.width * a.height + b.width * b.height - width * height)


def test_the_face_is_where_it_is(portrait: Any) -> None:
    (face,) = find_faces(portrait)
    assert iou(face.box, Box(178, 68, 90, 112)) > 0.7  # measured by hand: hairline to chin, cheek to cheek
    assert face.confidence > 0.85


@pytest.mark.parametrize("scale", [0.15, 0.5, 2.0, 4.0])
def test_the_box_follows_the_size_of_the_picture(close_up: Any, scale: float) -> None:
    reference = find_faces(close_up)[0].box
    size = (round(close_up.shape[1] * scale), round(close_up.shape[0] * scale))
    scaled = cv2.resize(close_up, size, interpolation=cv2.INTER_AREA)
    box = find_faces(scaled)[0].box
    assert iou(Box(box.x / scale, box.y / scale, box.width / scale, box.height / scale), reference) > 0.75


def test_a_small_face_in_a_large_scene_is_found(close_up: Any) -> None:
    scene = np.full((1200, 1600, 3), 120, np.uint8)
    scene[700:800, 300:390] = cv2.resize(close_up, (90, 100), interpolation=cv2.INTER_AREA)
    (face,) = find_faces(scene)
    assert 300 < face.box.x + face.box.width / 2 < 390
    assert 700 < face.box.y + face.box.height / 2 < 800


def test_two_faces_come_largest_first(close_up: Any) -> None:
    half = cv2.resize(close_up, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    scene = np.full((200, 300, 3), 128, np.uint8)
    scene[50:150, 5:95] = half
    scene[:, 115:295] = close_up
    first, second = find_faces(scene)
    assert first.box.x > 115 > second.box.x
    assert first.box.width == pytest.approx(2 * second.box.width, rel=0.25)


def test_a_wall_has_no_face(blank: Any) -> None:
    assert find_faces(blank) == ()


@given(width=st.integers(1, 90), height=st.integers(1, 90), value=st.integers(0, 255))
@settings(max_examples=25)
def test_flat_pictures_of_any_shape_have_no_face(width: int, height: int, value: int) -> None:
    assert find_faces(np.full((height, width, 3), value, np.uint8)) == ()


def test_a_picture_one_pixel_high_is_no_trouble() -> None:
    assert find_faces(np.zeros((1, 20000, 3), np.uint8)) == ()


@given(
    x=st.floats(-40, 140),
    y=st.floats(-40, 140),
    width=st.floats(1, 200),
    height=st.floats(1, 200),
    scale=st.floats(0.5, 4),
)
@settings(max_examples=60)
def test_a_crop_of_any_box_has_the_size_of_its_recipe(
    x: float, y: float, width: float, height: float, scale: float
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 120, 3)).astype(np.uint8)
    patch = crop(image, Box(x, y, width, height), CropRecipe(scale, 32))
    assert patch.shape == (32, 32, 3)
    assert patch.dtype == np.uint8


def test_a_crop_at_its_own_size_copies_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 120, 3)).astype(np.uint8)
    np.testing.assert_array_equal(crop(image, Box(30, 20, 40, 32), CropRecipe(1.0, 40)), image[16:56, 30:70])


def test_a_crop_repeats_the_edge_outside_the_picture() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    patch = crop(image, Box(-10, 0, 40, 40), CropRecipe(1.0, 40))
    np.testing.assert_array_equal(patch[:, 10:], image[:, :30])
    np.testing.assert_array_equal(patch[:, :10], np.repeat(image[:, :1], 10, axis=1))


@given(
    x=st.floats(-30, 110),
    y=st.floats(-30, 90),
    width=st.floats(5, 200),
    height=st.floats(5, 200),
    scale=st.floats(0.5, 4),
)
@settings(max_examples=60)
def test_a_crop_that_keeps_inside_shows_no_repeated_edge(
    x: float, y: float, width: float, height: float, scale: float
) -> None:
    image = np.zeros((100, 120, 3), np.uint8)
    recipe = CropRecipe(scale, 32, fit="inside")
    cut = frame(image, Box(x, y, width, height), recipe)
    assert cut.x >= 0
    assert cut.y >= 0
    assert cut.x + cut.width <= 120
    assert cut.y + cut.height <= 100
    assert crop(image, Box(x, y, width, height), recipe).shape == (32, 32, 3)
