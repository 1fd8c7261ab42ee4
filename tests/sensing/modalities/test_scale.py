"""What the numbers of infrared, thermal and depth pictures mean: stated, told by the bulk, or refused.

No single pixel decides anything. The captures are simulated scenes.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from antispoof.errors import InputError
from antispoof.sensing.capture import Quality, Recording, Sample
from antispoof.sensing.modalities import modalities
from antispoof.simulation.scene.render import SceneSpec, render_scene

SCENE = render_scene(SceneSpec(5, 1, 1, None, "desk", "office"), 128)
INFRARED = SCENE["face_infrared"]
DEPTH = SCENE["face_depth"]
CELSIUS = SCENE["face_thermal"] / 100 - 273.15


def judged(name: str, source: Any) -> tuple[Sample, Quality]:
    sample = modalities[name].load(source)
    return sample, modalities[name].quality(sample)


def png(array: NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(".png", array)[1].tobytes())


def at_width(bits: int) -> NDArray[Any]:
    return INFRARED.astype(np.uint16) << (bits - 8)


@st.composite
def defects(draw: st.DrawFn) -> NDArray[np.bool_]:
    """Pixels that say nothing: scattered ones, a small cluster, a line across the sensor."""
    spoilt = np.zeros(INFRARED.shape, bool)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 120))
    spoilt[rng.integers(0, 128, count), rng.integers(0, 128, count)] = True
    if draw(st.booleans()):
        y, x = draw(st.integers(0, 124)), draw(st.integers(0, 124))
        spoilt[y : y + 3, x : x + 3] = True
    if draw(st.booleans()):
        spoilt[draw(st.integers(0, 127))] = True
    if draw(st.booleans()):
        spoilt[:, draw(st.integers(0, 127))] = True
    return spoilt


@settings(max_examples=40)
@given(st.sampled_from((10, 12, 14, 16)), defects(), st.integers(0, 65535))
def test_hot_and_dead_pixels_do_not_change_how_bright_infrared_is(
    bits: int, spoilt: NDArray[np.bool_], value: int
) -> None:
    wide = at_width(bits)
    wide[spoilt] = value
    stated = [Sample(wide, {"unit": f"{bits} bit"}), Recording(png(wide), unit=f"{bits} bit")]
    for source in [*stated, wide] if bits == 16 else stated:
        sample = modalities["face_infrared"].load(source)
        assert sample.metadata["bits"] == bits
        np.testing.assert_array_equal(sample.array[~spoilt], INFRARED[~spoilt])
        assert (sample.array[spoilt] == min(value >> (bits - 8), 255)).all()
    if bits < 16:
        assert judged("face_infrared", wide)[1].reasons == ("no_bits",)


@settings(max_examples=40)
@given(st.sampled_from((1.0, 255.0)), defects(), st.sampled_from((np.nan, np.inf, -7.0, 0.0, 1e3, 3e4)))
def test_floating_point_infrared_is_0_to_1_or_0_to_255(
    white: float, spoilt: NDArray[np.bool_], value: float
) -> None:
    picture = (INFRARED / 255 * white).astype(np.float32)
    picture[spoilt] = value
    sample = modalities["face_infrared"].load(picture)
    np.testing.assert_array_equal(sample.array[~spoilt], INFRARED[~spoilt])


@pytest.mark.parametrize(
    ("bits", "share"), [(10, 1.0), (10, 0.4), (12, 1.0), (12, 0.3), (14, 0.45), (14, 1.0), (16, 0.2)]
)
def test_a_picture_leaves_its_scale_open_until_it_is_stated(bits: int, share: float) -> None:
    dark = (at_width(bits) * share).astype(np.uint16)
    meant = (INFRARED * share).astype(np.uint8)
    sample, quality = judged("face_infrared", dark)
    assert quality.reasons == ("no_bits",)
    again = modalities["face_infrared"].load(sample)
    assert modalities["face_infrared"].quality(again).reasons == ("no_bits",)
    stated = (
        Sample(dark, {"bits": bits}),
        Sample(dark, {"unit": f"{bits} bit"}),
        Recording(png(dark), unit=f"{bits} bits"),
        Recording(png(dark), unit=f"up to {2**bits - 1}"),
        Sample(dark.astype(np.float32), {"unit": f"up to {2**bits - 1}"}),
    )
    for source in stated:
        found, quality = judged("face_infrared", source)
        assert "no_bits" not in quality.reasons
        assert np.abs(found.array.astype(int) - meant).max() <= 1


@pytest.mark.parametrize("modality", ["face_infrared", "iris"])
def test_a_unit_of_too_few_bits_is_told_by_its_numbers(modality: str, tmp_path: Path) -> None:
    wide, path = at_width(12), tmp_path / "eye.png"
    path.write_bytes(png(wide))
    for source, unit in (
        (Recording(path, unit="8 bit"), "8 bit"),
        (Recording(path, unit="up to 1023"), "up to 1023"),
        (Sample(wide, {"bits": 10}), "10 bit"),
        (Sample(wide.astype(np.float32), {"unit": "8 bit"}), "8 bit"),
        (Sample(INFRARED, {"unit": "4 bit"}), "4 bit"),
    ):
        with pytest.raises(
            InputError, match=rf"{modality} is stated as '{unit}', which is too small: white is"
        ):
            modalities[modality].load(source)
    with pytest.raises(
        InputError, match=r"255 by it, and values of .*eye.png.* reach 2432: state '12 bit' or"
    ):
        modalities[modality].load(Recording(path, unit="8 bit"))


def test_a_file_may_state_its_scale() -> None:
    dark = (at_width(12) * 0.3).astype(np.uint16)
    pgm = b"P5\n# from the sensor\n128 128\n4095\n" + dark.astype(">u2").tobytes()
    text = b"P2 128 128 4095\n" + b" ".join(str(value).encode() for value in dark.ravel())
    tiff = io.BytesIO()
    Image.fromarray(dark).save(tiff, "TIFF", tiffinfo={281: 4095})
    for content in (pgm, text, tiff.getvalue()):
        sample, quality = judged("face_infrared", content)
        assert quality.usable
        assert sample.metadata["bits"] == 12
        np.testing.assert_array_equal(sample.array, dark >> 4)
    millimetres = pgm.replace(b"4095", b"5000", 1)  # depth is not stretched to the range
    np.testing.assert_array_equal(modalities["face_depth"].load(millimetres).array, dark)


@settings(max_examples=40)
@given(defects(), st.sampled_from((0, 1, 20000, 40000, 65535)))
def test_hot_pixels_do_not_change_what_is_said_of_heat(spoilt: NDArray[np.bool_], value: int) -> None:
    heat = SCENE["face_thermal"].copy()
    heat[spoilt] = value
    plain, told = judged("face_thermal", SCENE["face_thermal"])
    for source in (heat, (heat / 100 - 273.15).astype(np.float32), (heat / 100).astype(np.float32)):
        sample, quality = judged("face_thermal", source)
        assert quality.reasons == told.reasons
        np.testing.assert_allclose(sample.array[~spoilt], plain.array[~spoilt], atol=0.01)


def test_one_hot_pixel_does_not_make_a_dead_sensor_alive() -> None:
    for name, value in (("face_thermal", 30000), ("face_depth", 500)):
        dead = np.full((90, 120), value, np.uint16)
        if name == "face_depth":
            dead = np.where(np.hypot(*np.ogrid[-45:45, -60:60]) < 30, 500, 1500).astype(np.uint16)
        dead[40, 50] = value + 300
        assert judged(name, dead)[1].reasons == ("constant",)


@pytest.mark.parametrize(
    ("unit", "array"),
    [
        ("celsius", CELSIUS),
        ("C", CELSIUS),
        ("kelvin", CELSIUS + 273.15),
        ("K", CELSIUS + 273.15),
        ("fahrenheit", CELSIUS * 1.8 + 32),
        ("0.1 K", ((CELSIUS + 273.15) * 10).round().astype(np.uint16)),
        ("decikelvin", ((CELSIUS + 273.15) * 10).round().astype(np.uint16)),
        ("0.04K", ((CELSIUS + 273.15) * 25).round().astype(np.uint16)),
        ("1/64 K", ((CELSIUS + 273.15) * 64).round().astype(np.uint16)),
        ("0.1 °C", (CELSIUS * 10).round().astype(np.uint16)),
        ("0.2 c", (CELSIUS * 5).round().astype(np.uint8)),
    ],
)
def test_units_of_temperature(unit: str, array: Any) -> None:
    sample, quality = judged("face_thermal", Sample(array, {"unit": unit}))
    assert quality.usable
    np.testing.assert_allclose(sample.array, CELSIUS, atol=0.11)


def test_fahrenheit_and_foreign_counts_are_not_taken_for_celsius() -> None:
    assert judged("face_thermal", CELSIUS * 1.8 + 32)[1].reasons == ("no_unit",)
    for factor in (10, 64):
        counts = ((CELSIUS + 273.15) * factor).astype(np.uint16)
        assert judged("face_thermal", counts)[1].reasons == ("out_of_range",)


@pytest.mark.parametrize(
    ("unit", "array"),
    [
        ("mm", DEPTH),
        ("1 mm", DEPTH.astype(np.float32)),
        ("0.1 mm", DEPTH * np.uint16(10)),
        ("0.25mm", DEPTH * np.uint16(4)),
        ("1/5000 m", DEPTH * np.uint16(5)),
        ("100 um", DEPTH * np.uint16(10)),
        ("cm", DEPTH / 10),
        ("m", DEPTH / 1000),
        ("disparity 3e6", np.where(DEPTH > 0, 3e6 / np.maximum(DEPTH, 1), 0).round().astype(np.uint16)),
    ],
)
def test_units_of_depth(unit: str, array: Any) -> None:
    sample, quality = judged("face_depth", Sample(array, {"unit": unit}))
    assert quality.usable
    near = DEPTH < 1000  # disparities of what is far are coarse
    np.testing.assert_allclose(sample.array[near], DEPTH[near], atol=0.5)
    if array.dtype == np.uint16:
        np.testing.assert_array_equal(
            modalities["face_depth"].load(Recording(png(array), unit=unit)).array, sample.array
        )


@pytest.mark.parametrize("nearer_is", ["smaller", "larger"])
def test_relative_depth_of_8_bits_has_a_stated_path(nearer_is: str) -> None:
    """As in CASIA-SURF and CeFA: crops of a face, scaled to 8 bits."""
    region = judged("face_depth", DEPTH)[1].region
    assert region is not None
    y, x, h, w = (round(v) for v in (region.y, region.x, region.height, region.width))
    crop = DEPTH[max(0, y - 8) : y + h + 8, max(0, x - 8) : x + w + 8].astype(float)
    nearest = crop[crop > 0].min()
    share = np.where(crop > 0, np.clip((crop - nearest) / 300, 0.02, 0.98), 0)
    eight = np.where(crop > 0, 255 * (share if nearer_is == "smaller" else 1 - share), 0).astype(np.uint8)
    eight = cv2.resize(eight, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    assert judged("face_depth", eight)[1].reasons == ("no_unit",)
    unit = "relative 300" if nearer_is == "smaller" else "relative -300"
    sample, quality = judged("face_depth", Recording(png(eight), unit=unit))
    assert quality.usable
    there = sample.array > 0
    assert 400 <= sample.array[there].min() < sample.array.max() <= 700
    assert quality.measurements["relief_mm"] == pytest.approx(
        judged("face_depth", DEPTH)[1].measurements["relief_mm"], rel=0.5
    )


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("face_depth", "inch"),
        ("face_depth", "0 mm"),
        ("face_depth", "-1 mm"),
        ("face_depth", "1/0 mm"),
        ("face_depth", "disparity"),
        ("face_depth", "disparity -3"),
        ("face_depth", "relative 0"),
        ("face_infrared", "17 bit"),
        ("face_infrared", "0 bit"),
        ("face_infrared", "9.5 bit"),
        ("face_infrared", "mm"),
        ("face_thermal", "rankine"),
        ("face_thermal", "0.1"),
        ("face_rgb", "8 bit"),
        ("voice", "pascal"),
    ],
)
def test_units_that_nobody_knows_are_named(name: str, unit: str, tmp_path: Any) -> None:
    path = tmp_path / "a"
    if name == "voice":
        import soundfile

        soundfile.write(path, np.zeros(16000), 16000, format="WAV")
    else:
        path.write_bytes(png(DEPTH if name != "face_rgb" else SCENE["face_rgb"]))
    with pytest.raises(InputError, match=unit.replace(".", r"\.")):
        modalities[name].load(Recording(path, unit=unit))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(unit=st.text(max_size=14) | st.from_regex(r"[a-z0-9./ -]{1,12}", fullmatch=True))
def test_any_text_as_a_unit_is_known_or_refused(unit: str) -> None:
    for name, array in (("face_depth", DEPTH), ("face_infrared", INFRARED), ("face_thermal", CELSIUS)):
        try:
            sample, quality = judged(name, Sample(array, {"unit": unit}))
        except InputError:
            continue
        assert sample.array.shape == array.shape
        assert isinstance(quality.reasons, tuple)
