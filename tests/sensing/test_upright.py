"""A face that is turned is turned back; a negative and swapped channels are refused; people are not."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rendered import Look, picture

import antispoof
from antispoof.sensing.capture import Box, Quality, Sample
from antispoof.sensing.faces import find_faces
from antispoof.sensing.modalities import modalities
from antispoof.sensing.upright import turn_box
from antispoof.simulation.face.collection import read_portraits
from antispoof.simulation.face.portrait import Portrait
from antispoof.simulation.face.presentations import simulate_pairs
from antispoof.simulation.scene.render import SceneSpec, render_scene

FACE = modalities["face_rgb"]
Picture = NDArray[np.uint8]


def quality(image: Any) -> Quality:
    return FACE.quality(Sample(np.ascontiguousarray(image, np.uint8)))


@cache
def simulated(seed: int) -> Picture:
    """A bona fide capture in light and camera drawn by ``seed``: the astronaut, or a rendered person."""
    if seed % 2:
        rng = np.random.default_rng(seed)
        look = Look(yaw=rng.uniform(-15, 15), pitch=rng.uniform(-8, 8), roll=rng.uniform(-12, 12))
        tone = picture(look, subject=seed % 7, rng=rng) * rng.uniform(0.5, 1.1) * rng.uniform(0.88, 1.12, 3)
        return np.clip(tone, 0, 255).astype(np.uint8)
    from skimage.data import astronaut

    image = astronaut()
    portrait = Portrait.of("collins", image, find_faces(image)[0].box)
    return next(simulate_pairs([portrait], 0, seed, 5, [])).image


people = st.integers(0, 40).map(simulated)


@given(people, st.integers(0, 3), st.booleans())
@settings(max_examples=40)
def test_people_pass_however_they_are_turned(image: Picture, turns: int, mirrored: bool) -> None:
    upright = image[:, ::-1] if mirrored else image
    reference = quality(upright)
    assert reference.reasons == ()
    assert reference.quarter_turns == 0
    turned = np.ascontiguousarray(np.rot90(upright, turns))
    found = quality(turned)
    assert found.reasons == ()
    assert found.quarter_turns == -turns % 4
    assert found.measurements["turned_deg"] == 90 * (-turns % 4)
    recipe = {"scale": 1.15, "size": 96}
    expected = FACE.prepare(Sample(upright), reference, **recipe)
    prepared = FACE.prepare(Sample(turned), found, **recipe)
    assert np.abs(prepared - expected).mean() < 0.03  # the box may differ by a pixel or two


@given(people, st.integers(0, 3))
@settings(max_examples=25)
def test_negatives_are_never_usable(image: Picture, turns: int) -> None:
    reasons = quality(np.rot90(255 - image, turns)).reasons
    assert {"inverted_colours", "no_face", "too_small"} & {*reasons}


@given(people, st.integers(0, 3))
@settings(max_examples=25)
def test_blue_for_red_is_refused_where_it_can_be_told(image: Picture, turns: int) -> None:
    red_over_blue = quality(image).measurements["skin_red_over_blue"]
    reasons = quality(np.rot90(image[..., ::-1], turns)).reasons
    assert reasons or red_over_blue < 1.2
    assert {*reasons} <= {"swapped_colours", "inverted_colours", "no_face", "too_small"}


def test_blue_light_grey_pictures_and_a_negative_of_the_channels(close_up: Any, portrait: Any) -> None:
    blue_light = (portrait * np.array([0.5, 0.75, 1.0])).astype(np.uint8)
    assert quality(blue_light).measurements["skin_red_over_blue"] < 0.87
    assert quality(blue_light).reasons == ()
    grey = np.repeat(cv2.cvtColor(close_up, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    assert quality(grey).reasons == ()
    assert quality(255 - grey).reasons == ("inverted_colours",)
    assert quality(close_up[..., ::-1]).reasons == ("swapped_colours",)  # no surroundings to compare with


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_verdict_tells_where_the_face_is_in_the_picture_as_it_came(portrait: Any, turns: int) -> None:
    detector = antispoof.load()
    upright, turned = detector.check(face_rgb=portrait), detector.check(face_rgb=np.rot90(portrait, turns))
    assert turned.outcome == upright.outcome
    assert turned.score == pytest.approx(upright.score, abs=0.6)
    (expected,), (found,) = upright.evidence, turned.evidence
    assert expected.region is not None
    assert found.region is not None
    box = turn_box(found.region, portrait.shape, -turns)
    assert (box.x, box.y) == pytest.approx((expected.region.x, expected.region.y), abs=6)
    assert expected.heat_map is not None
    assert found.heat_map is not None
    back = np.rot90(found.heat_map, -turns)
    assert np.corrcoef(back.ravel(), expected.heat_map.ravel())[0, 1] > 0.8


def test_a_face_on_its_side_that_cannot_be_made_out_is_refused(
    close_up: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("antispoof.sensing.upright.LEAST_MARGIN", 1.0)  # nothing is ever sure
    assert quality(np.rot90(close_up, 2)).reasons == ("not_upright",)
    assert quality(close_up).reasons == ()


@given(
    st.integers(1, 30), st.integers(1, 30), st.integers(-4, 8), st.tuples(*[st.integers(0, 9)] * 2), st.data()
)
def test_a_box_turns_with_its_picture(
    height: int, width: int, turns: int, corner: tuple[int, int], data: Any
) -> None:
    x, y = min(corner[0], width - 1), min(corner[1], height - 1)
    w, h = data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y))
    image = np.arange(height * width).reshape(height, width)
    box = turn_box(Box(x, y, w, h), image.shape, turns)
    u, v, across, down = (int(n) for n in (box.x, box.y, box.width, box.height))
    np.testing.assert_array_equal(
        np.rot90(image, turns)[v : v + down, u : u + across], np.rot90(image[y : y + h, x : x + w], turns)
    )


def test_infrared_is_refused_when_turned_or_negative() -> None:
    infrared = modalities["face_infrared"]
    image = render_scene(SceneSpec(5, 1, 1, None, "desk", "office"))["face_infrared"]
    cases = {(): image, ("not_upright",): np.rot90(image, 2), ("inverted_colours",): 255 - image}
    for reasons, array in cases.items():
        assert infrared.quality(infrared.load(np.ascontiguousarray(array))).reasons == reasons
    on_its_side = infrared.quality(infrared.load(np.ascontiguousarray(np.rot90(image))))
    assert {*on_its_side.reasons} & {"not_upright", "no_face"}


def test_a_portrait_on_its_side_is_not_simulated_from(close_up: Any, tmp_path: Path) -> None:
    bgr = close_up[..., ::-1]
    cv2.imwrite(str(tmp_path / "a.png"), bgr)
    cv2.imwrite(str(tmp_path / "b.png"), np.rot90(bgr))
    told: list[str] = []
    assert [portrait.subject for portrait in read_portraits(tmp_path, told.append)] == ["a"]
    assert told == ["b.png: not_upright"]
