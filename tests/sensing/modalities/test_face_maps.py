"""Depth, infrared and thermal captures: units, reasons, regions, and what a network gets.

The fixtures are made, none is a real capture: simulated scenes, written in the formats in which cameras and
the published datasets deliver (16-bit PNG in mm, float metres, 8-bit JPEG crops, 10 to 16-bit infrared,
kelvin × 100).
"""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.sensing.capture import Box, Sample
from antispoof.sensing.modalities import modalities
from antispoof.simulation.scene.render import SceneSpec, render_scene
from antispoof.simulation.scene.sensors import SUITES

MAPS = ("face_depth", "face_infrared", "face_thermal")


@pytest.fixture(scope="module", params=SUITES)
def person(request: pytest.FixtureRequest) -> dict[str, NDArray[Any]]:
    return render_scene(SceneSpec(5, 3, 3, None, request.param, "office"), 128)


@pytest.fixture(scope="module")
def somebody() -> dict[str, NDArray[Any]]:
    return render_scene(SceneSpec(5, 1, 1, None, "desk", "office"), 128)


def judge(name: str, source: Any) -> Any:
    modality = modalities[name]
    return modality.quality(modality.load(source))


def npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def overlap(a: Box, b: Box) -> float:
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(width, 0) * max(height, 0)
    return shared / (a.width * a.height + b.width * b.height - shared)


@pytest.mark.parametrize("name", MAPS)
def test_the_face_is_where_the_colour_picture_has_it(name: str, person: Any) -> None:
    quality, colour = judge(name, person[name]), judge("face_rgb", person["face_rgb"])
    assert quality.usable
    assert overlap(quality.region, colour.region) > 0.5


@pytest.mark.parametrize("name", MAPS)
def test_formats_give_one_result(name: str, person: Any, encode: Any, tmp_path: Any) -> None:
    array = person[name]
    png = encode(array, "PNG")
    (tmp_path / "capture.png").write_bytes(png)
    results = [judge(name, source) for source in (array, png, tmp_path / "capture.png", npy(array))]
    assert results[0].usable
    assert all(result == results[0] for result in results)


def test_metres_are_millimetres_and_celsius_are_kelvin_times_100(somebody: Any) -> None:
    depth, heat = somebody["face_depth"], somebody["face_thermal"]
    metres = np.where(depth > 0, depth / 1000, np.nan)
    celsius = heat / 100 - 273.15
    for name, one, other in (("face_depth", depth, metres), ("face_thermal", heat, celsius)):
        modality = modalities[name]
        first, second = modality.load(one), modality.load(other)
        np.testing.assert_allclose(first.array, second.array, rtol=1e-4, atol=1e-3)
        assert modality.quality(first).region == modality.quality(second).region


@pytest.mark.parametrize("name", MAPS)
def test_a_sample_is_loaded_as_it_is(name: str, somebody: Any) -> None:
    modality = modalities[name]
    once = modality.load(somebody[name])
    again = modality.load(once)
    np.testing.assert_array_equal(once.array, again.array)
    assert dict(once.metadata) == dict(again.metadata)


def test_a_sample_may_state_its_unit(somebody: Any) -> None:
    depth, heat = somebody["face_depth"], somebody["face_thermal"]
    millimetres = modalities["face_depth"].load(Sample(depth.astype(np.float32), {"unit": "mm"}))
    np.testing.assert_array_equal(millimetres.array, depth)
    kelvin = modalities["face_thermal"].load(Sample(heat.astype(np.float32), {"unit": "centikelvin"}))
    np.testing.assert_array_equal(kelvin.array, modalities["face_thermal"].load(heat).array)
    with pytest.raises(InputError, match=r"the unit of face_depth must be mm, cm, m or um.*; got 'inch'"):
        modalities["face_depth"].load(Sample(depth, {"unit": "inch"}))


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_infrared_of_any_width_is_the_same_picture(bits: int, somebody: Any) -> None:
    modality = modalities["face_infrared"]
    eight = somebody["face_infrared"].copy()
    eight[0, 0] = 255
    wide = eight.astype(np.uint16) << (bits - 8)
    sample = modality.load(Sample(wide, {"unit": f"{bits} bit"}))
    assert sample.metadata["bits"] == bits
    np.testing.assert_array_equal(sample.array, eight)


@pytest.mark.parametrize(
    ("name", "source", "reason"),
    [
        ("face_depth", np.zeros((90, 120), np.uint16), "empty"),
        ("face_depth", np.full((90, 120), np.nan), "empty"),
        ("face_depth", np.full((90, 120), 500, np.uint16), "constant"),
        ("face_depth", np.full((90, 120), 128, np.uint8), "no_unit"),
        ("face_depth", np.full((90, 120), 500.0), "out_of_range"),  # millimetres in floating point
        ("face_depth", np.full((90, 120), 9000, np.uint16), "out_of_range"),
        ("face_infrared", np.zeros((90, 120), np.uint8), "too_dark"),
        ("face_infrared", np.full((90, 120), 90, np.uint8), "constant"),
        ("face_thermal", np.zeros((60, 80), np.uint16), "empty"),
        ("face_thermal", np.full((60, 80), np.inf), "empty"),
        ("face_thermal", np.full((60, 80), 30700, np.uint16), "constant"),
        ("face_thermal", np.full((60, 80), 128, np.uint8), "no_unit"),
        ("face_thermal", np.full((60, 80), 7800, np.uint16), "out_of_range"),  # raw counts
        ("face_thermal", np.full((60, 80), 305.0), "constant"),  # kelvin in floating point
        ("face_thermal", np.full((60, 80), 95.0), "no_unit"),  # Fahrenheit, or a wall in the sun
        ("face_thermal", np.full((60, 80), 3050.0), "out_of_range"),
        ("face_infrared", np.full((90, 120), 700, np.uint16) // 2, "no_bits"),  # 10 bits, or dark 12
        ("face_infrared", np.full((90, 120), 90.0), "no_bits"),  # 0 to 255, or 10 bits
    ],
)
def test_black_constant_and_foreign_units_are_told(name: str, source: Any, reason: str) -> None:
    quality = judge(name, source)
    assert quality.reasons == (reason,)
    assert ":" in modalities[name].reasons[reason]


@pytest.mark.parametrize("name", MAPS)
def test_frozen_sensors_are_told(name: str, somebody: Any) -> None:
    frames = np.repeat(somebody[name][None], 4, axis=0)
    assert judge(name, frames).reasons == ("frozen",)
    frames[1, 0, 0] += 1
    assert judge(name, frames).usable


@pytest.mark.parametrize("name", MAPS)
def test_an_empty_room_has_no_face(name: str) -> None:
    rng = np.random.default_rng(2)
    room = {
        "face_depth": rng.normal(1500, 4, (120, 160)) + np.linspace(0, 60, 160),
        "face_infrared": rng.normal(60, 5, (120, 160)) + np.linspace(0, 60, 160),
        "face_thermal": 100 * (rng.normal(22, 0.1, (120, 160)) + np.linspace(0, 2, 160) + 273.15),
    }
    kind = np.uint8 if name == "face_infrared" else np.uint16
    assert judge(name, room[name].astype(kind)).reasons == ("no_face",)


def test_specific_reasons(somebody: Any) -> None:
    depth, infrared = somebody["face_depth"].copy(), somebody["face_infrared"]
    region = judge("face_depth", depth).region
    y, x = (round(v) for v in (region.y + region.height / 2, region.x + region.width / 2))
    half = round(0.45 * region.width)
    depth[y - half : y + half, x - half + 6 : x + half - 6] = 0
    assert judge("face_depth", depth).reasons in (("holes",), ("no_face",))
    bright = np.clip(infrared.astype(int) * 40, 0, 255).astype(np.uint8)
    assert "too_bright" in judge("face_infrared", bright).reasons
    tiny = cv2.resize(infrared, None, fx=0.22, fy=0.22, interpolation=cv2.INTER_AREA)
    assert judge("face_infrared", tiny).reasons in (("too_small",), ("no_face",))


def test_a_warm_sheet_is_nobody_and_a_person_in_the_sun_is(somebody: Any) -> None:
    heat = somebody["face_thermal"].astype(int)
    cold = np.minimum(heat, 29900).astype(np.uint16)
    assert judge("face_thermal", cold).reasons == ("no_face",)
    assert judge("face_thermal", (heat + 300).astype(np.uint16)).usable  # uncooled cameras drift


@pytest.mark.parametrize("name", MAPS)
def test_what_the_network_gets(name: str, person: Any) -> None:
    modality = modalities[name]
    sample = modality.load(person[name])
    quality = modality.quality(sample)
    array = modality.prepare(sample, quality, scale=1.4, size=40)
    assert array.dtype == np.float32
    assert array.shape == (2 if name == "face_depth" else 1, 40, 40)
    assert np.isfinite(array).all()
    assert array.min() >= (-1 if name == "face_depth" else 0)
    assert array.max() <= 1 + 1e-6
    assert array[0].std() > 0.02
    box = modality.frame(sample, quality, scale=1.4, size=40)
    assert box is not None
    assert quality.region is not None
    assert box.width == round(1.4 * max(quality.region.width, quality.region.height))


def test_depth_is_relative_to_the_face(somebody: Any) -> None:
    """Moved away by a hand's width, with holes kept, a face stays what it was."""
    modality = modalities["face_depth"]
    near = somebody["face_depth"]
    far = np.where(near > 0, near + 90, 0).astype(np.uint16)
    first, second = (
        modality.prepare(s, modality.quality(s), scale=1.3, size=32)
        for s in (modality.load(near), modality.load(far))
    )
    np.testing.assert_allclose(first, second, atol=1e-5)
    holes = near.copy()
    holes[::7, ::5] = 0
    sample = modality.load(holes)
    third = modality.prepare(sample, modality.quality(modality.load(near)), scale=1.3, size=32)
    assert third[1].mean() < first[1].mean()
    both = (first[1] > 0.9) & (third[1] > 0.5)
    assert np.abs(first[0] - third[0])[both].mean() < 0.03


def test_flat_sheets_have_no_relief_and_faces_have(somebody: Any) -> None:
    sheet = render_scene(SceneSpec(5, 1, 1, "print_flat", "desk", "office"), 128)["face_depth"]
    face = judge("face_depth", somebody["face_depth"])
    assert face.measurements["relief_mm"] > 1.5 * judge("face_depth", sheet).measurements["relief_mm"]


def test_formats_of_published_datasets_are_read(somebody: Any, encode: Any) -> None:
    """CASIA-SURF, CeFA: aligned 8-bit JPEG crops; WMCA: 8 bits without a unit."""
    region = judge("face_infrared", somebody["face_infrared"]).region
    y, x, h, w = (max(0, round(v)) for v in (region.y, region.x, region.height, region.width))
    crop = somebody["face_infrared"][max(0, y - 12) : y + h + 12, max(0, x - 12) : x + w + 12]
    large = cv2.resize(np.ascontiguousarray(crop), None, fx=2, fy=2)
    assert judge("face_infrared", encode(np.repeat(large[..., None], 3, axis=2), "JPEG")).usable
    depth = somebody["face_depth"].astype(float)
    scaled = np.where(depth > 0, np.clip((700 - depth) / 2, 1, 255), 0)
    assert judge("face_depth", encode(scaled.astype(np.uint8), "JPEG")).reasons == ("no_unit",)
    assert judge("face_thermal", encode((scaled / 2).astype(np.uint8), "PNG")).reasons == ("no_unit",)
