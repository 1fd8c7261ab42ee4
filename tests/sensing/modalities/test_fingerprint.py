"""Fingerprints: resolution, polarity, reasons, and what is no print at all."""

from __future__ import annotations

import functools
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
from antispoof.sensing.capture import Recording, Sample
from antispoof.sensing.frames import load_frames
from antispoof.sensing.minutiae import minutiae
from antispoof.sensing.modalities import modalities
from antispoof.sensing.ridges import find_ridges
from antispoof.simulation.fingerprint.presentation import PrintSpec, present

FINGERPRINT = modalities["fingerprint"]
Grey = NDArray[np.uint8]
Y, X = np.mgrid[:360, :280].astype(np.float64)


@functools.cache
def a_print(subject: int = 4) -> Grey:
    return present(PrintSpec(3, subject, 0, None, "optical_prism", 0))[0]


def saved(array: Any, kind: str = "PNG", **arguments: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind, **arguments)
    return file.getvalue()


def reasons(source: Any) -> tuple[str, ...]:
    return FINGERPRINT.quality(FINGERPRINT.load(source)).reasons


def measured(source: Any) -> dict[str, float]:
    return dict(FINGERPRINT.quality(FINGERPRINT.load(source)).measurements)


@pytest.mark.parametrize("period", [4.0, 6.5, 9.1, 13.0])
@pytest.mark.parametrize("degrees", [0, 33, 90, 150])
def test_waves_are_measured_as_they_were_made(period: float, degrees: int) -> None:
    across = X * np.cos(np.deg2rad(degrees)) + Y * np.sin(np.deg2rad(degrees))
    found = find_ridges((127 + 90 * np.cos(2 * np.pi * across / period)).astype(np.uint8))
    inner = (slice(2, -2), slice(2, -2))
    assert np.median(found.period[inner]) == pytest.approx(period, rel=0.03)
    away = np.abs((found.angle[inner] - np.deg2rad(degrees) + np.pi / 2) % np.pi - np.pi / 2)
    assert np.median(away) < 0.05
    assert np.median(found.clarity[inner]) > 0.9


def test_a_print_can_be_judged_and_is_measured() -> None:
    quality = FINGERPRINT.quality(FINGERPRINT.load(a_print()))
    assert quality.usable, quality
    assert 80 < quality.measurements["area_mm2"] < 300
    assert 7.0 < quality.measurements["ridge_period_px"] < 11.5
    assert quality.measurements["ppi"] == 500
    assert quality.measurements["ppi_deviation"] == pytest.approx(75)  # nobody stated it


@pytest.mark.parametrize("scale", [0.6, 1.6, 2.0])
def test_an_unknown_resolution_is_estimated_within_what_it_says(scale: float) -> None:
    found = measured(cv2.resize(a_print(), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC))
    assert abs(found["ppi"] - 500 * scale) < 2 * found["ppi_deviation"]


def test_a_stated_resolution_is_taken() -> None:
    double = cv2.resize(a_print(), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    for source in (Recording(saved(double), "1000 ppi"), saved(double, dpi=(1000, 1000))):
        found = measured(source)
        assert found["ppi"] == pytest.approx(1000, abs=1)
        assert found["ppi_deviation"] == 0
    assert reasons(Recording(saved(a_print()), "100 ppi")) == ("low_resolution",)
    assert reasons(Recording(saved(double), "500 ppi")) == ("wrong_resolution",)
    with pytest.raises(InputError, match="must be 'N ppi'"):
        FINGERPRINT.load(Recording(saved(double), "12 bit"))


def test_72_ppi_that_a_program_filled_in_is_not_believed() -> None:
    assert measured(saved(a_print(), dpi=(72, 72)))["ppi"] == 500


@pytest.mark.parametrize("ppi", [72, 100, 150, 200])
def test_a_coarse_picture_is_refused_for_its_resolution(ppi: int) -> None:
    coarse = cv2.resize(a_print(), None, fx=ppi / 500, fy=ppi / 500, interpolation=cv2.INTER_AREA)
    for source in (coarse, saved(coarse, dpi=(ppi, ppi)), Recording(saved(coarse), f"{ppi} ppi")):
        assert reasons(source) == ("low_resolution",)
    assert reasons(saved(np.zeros_like(coarse), dpi=(72, 72))) == ("no_ridges",)  # an empty sensor


@pytest.mark.parametrize("name", ["fingerprint", "iris"])
def test_several_prints_or_eyes_are_not_one_presentation(name: str) -> None:
    several = [a_print(4), a_print(5)]
    for source in (several, np.stack(several)):
        with pytest.raises(MediaError, match="got 2; nothing tells whether several are of one person"):
            load_frames(name, source)
    assert len(load_frames(name, several[:1]).samples) == 1


def test_what_is_stated_about_a_raw_picture() -> None:
    picture = a_print()
    content = picture.tobytes()
    size = f"{picture.shape[1]}x{picture.shape[0]}"
    sample = FINGERPRINT.load(Recording(content, f"{size}, 500 ppi"))
    assert np.array_equal(sample.array, picture)
    assert FINGERPRINT.quality(sample).measurements["ppi_deviation"] == 0
    with pytest.raises(MediaError, match="one a pixel"):
        FINGERPRINT.load(Recording(content[:-1], size))


def test_wsq_is_read_with_the_resolution_of_its_comment() -> None:
    plugin = pytest.importorskip("wsq")
    assert plugin
    content = saved(a_print(), "WSQ")
    sample = FINGERPRINT.load(content)
    assert sample.array.shape == a_print().shape
    assert np.corrcoef(sample.array.ravel(), a_print().ravel())[0, 1] > 0.95
    assert sample.metadata["ppi"] == 500
    assert b"PPI 500" in content
    assert FINGERPRINT.load(content.replace(b"PPI 500", b"PPI 508")).metadata["ppi"] == 508
    for length in (3, 100, 900, len(content) // 2):
        with pytest.raises(MediaError, match=r"is truncated: .* copy or export the file again"):
            FINGERPRINT.load(content[:length])


@pytest.mark.parametrize("change", ["turned", "mirrored", "inverted", "16 bits", "double"])
def test_the_same_print_is_prepared_alike(change: str) -> None:
    picture = a_print()
    whole = FINGERPRINT.load(picture)
    wanted = FINGERPRINT.prepare(whole, FINGERPRINT.quality(whole), size=160)
    changed: dict[str, Any] = {
        "turned": picture[::-1, ::-1],
        "mirrored": picture[:, ::-1],
        "inverted": 255 - picture,
        "16 bits": picture.astype(np.uint16) * 257,
        "double": Recording(saved(cv2.resize(picture, None, fx=2, fy=2)), "1000 ppi"),
    }
    source = changed[change]
    sample = FINGERPRINT.load(np.ascontiguousarray(source) if isinstance(source, np.ndarray) else source)
    quality = FINGERPRINT.quality(sample)
    assert quality.usable
    assert quality.measurements["inverted"] == (change == "inverted")
    found = FINGERPRINT.prepare(sample, quality, size=160)
    assert found.shape == (1, 160, 160)
    assert 0 <= found.min() <= found.max() <= 1
    if change in ("inverted", "16 bits"):
        assert np.abs(found - wanted).mean() < 0.02
    else:
        assert found.mean() == pytest.approx(wanted.mean(), abs=0.08)


def test_half_a_finger_is_judged_and_a_corner_of_one_is_not() -> None:
    picture = a_print()
    assert reasons(np.ascontiguousarray(picture[:, : picture.shape[1] // 2])) == ()
    middle = tuple(side // 2 for side in picture.shape)
    corner = picture[middle[0] : middle[0] + 80, middle[1] : middle[1] + 80]
    assert reasons(np.ascontiguousarray(corner))[0] in ("too_small", "no_ridges")


def test_four_fingers_are_several() -> None:
    fingers = [cv2.resize(a_print(), (320, 400)) for _ in range(4)]
    assert "several_fingers" in reasons(np.hstack(fingers))


@pytest.mark.parametrize(("rows", "columns"), [(1, 2), (1, 4), (2, 2)])
def test_prints_pasted_beside_each_other_are_several_fingers(rows: int, columns: int) -> None:
    grid = [np.hstack([a_print(4 + k + row) for k in range(columns)]) for row in range(rows)]
    assert "several_fingers" in reasons(np.vstack(grid))


@pytest.mark.parametrize("down", [True, False])
def test_halves_of_two_prints_joined_are_several_fingers(down: bool) -> None:
    one, other = a_print(4), a_print(5)
    middle = one.shape[0 if down else 1] // 2
    joined = (
        np.vstack([one[:middle], other[middle:]]) if down else np.hstack([one[:, :middle], other[:, middle:]])
    )
    assert "several_fingers" in reasons(np.ascontiguousarray(joined))


def test_ends_of_lines_are_counted() -> None:
    # The phase of a wave gains one turn around each end that is put into it.
    ends = [(80.3, 90.2), (200.6, 120.7), (120.4, 250.8)]
    phase = 2 * np.pi * Y / 9 + sum(np.arctan2(Y - y, X - x) for x, y in ends)
    found = minutiae((127 + 90 * np.cos(phase)).astype(np.uint8), 9.0)[20:-20, 20:-20]
    rows, columns = np.nonzero(found)
    assert len(rows) == 3
    for x, y in ends:
        assert np.hypot(columns + 20 - x, rows + 20 - y).min() < 5


def test_a_colour_photo_is_refused_in_words() -> None:
    photo = np.dstack([a_print(), a_print() // 2, a_print() // 3])
    with pytest.raises(MediaError, match="a photo of a finger is not judged"):
        FINGERPRINT.load(photo)


def test_a_grey_photo_of_a_finger_is_no_live_scan() -> None:
    picture = a_print().astype(np.float64)
    light = 190 * np.exp(-(((np.arange(picture.shape[1]) - 100) / 90) ** 2))
    faint = light[None, :] + 0.06 * (picture - 255)
    assert reasons(np.clip(faint + 20, 0, 255).astype(np.uint8)) != ()


NO_PRINTS = {
    "black": np.zeros_like(X),
    "72 ppi": cv2.resize(X % 256, (40, 52)),
    "stripes": 127 + 100 * np.sin(2 * np.pi * X / 9.1),
    "fabric": 127 + 60 * np.sin(2 * np.pi * X / 9) + 60 * np.sin(2 * np.pi * Y / 9),
    "halftone": 255.0 * (((X + Y) % 8 < 4) ^ ((X - Y) % 8 < 4)),
    "rings": 127 + 100 * np.sin(2 * np.pi * np.hypot(X - 140, Y - 180) / 9),
    "ramp": X * 255 / X.max(),
    "one pixel": np.full((1, 1), 9.0),
    "10 x 10": X[:10, :10] * 20,
}


@pytest.mark.parametrize("name", NO_PRINTS)
def test_what_has_no_ridges_of_a_finger_is_refused(name: str) -> None:
    assert reasons(np.clip(NO_PRINTS[name], 0, 255).astype(np.uint8)) != ()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    scales=st.tuples(st.floats(0.3, 6), st.floats(1.2, 3)),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
)
def test_noise_of_any_scale_is_never_a_print(
    seed: int, scales: tuple[float, float], size: tuple[int, int]
) -> None:
    noise = np.random.default_rng(seed).normal(size=size)
    narrow = cv2.GaussianBlur(noise, (0, 0), scales[0])
    band = narrow - cv2.GaussianBlur(noise, (0, 0), scales[0] * scales[1])
    for field in (narrow, band):
        grey = cv2.normalize(field, None, 0, 255, cv2.NORM_MINMAX)
        assert reasons(np.asarray(grey, np.uint8)) != ()


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    period=st.floats(6.5, 12.5),
    bend=st.floats(0, 1.2),
    grain=st.floats(0, 45),
    finger=st.booleans(),
)
def test_lines_that_bend_anyhow_and_never_end_are_no_print(
    seed: int, period: float, bend: float, grain: float, finger: bool
) -> None:
    rng = np.random.default_rng(seed)
    turned = rng.uniform(0, np.pi)
    height = cv2.GaussianBlur(rng.normal(size=X.shape), (0, 0), 45)
    height *= bend * 45 * 0.5 / max(float(height.std()), 1e-9)  # slopes of about half of ``bend``
    wave = np.cos(2 * np.pi * (X * np.cos(turned) + Y * np.sin(turned) + height) / period)
    inside = (((X - 140) / 110) ** 2 + ((Y - 180) / 150) ** 2 < 1) if finger else True
    picture = np.where(inside, 120 + 80 * wave, 235) + rng.normal(0, grain, X.shape)
    assert reasons(np.clip(picture, 0, 255).astype(np.uint8)) != ()


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    threads=st.tuples(st.floats(6, 14), st.floats(6, 14)),
    turned=st.floats(0, np.pi),
    grain=st.floats(0, 25),
)
def test_cloth_is_no_print(seed: int, threads: tuple[float, float], turned: float, grain: float) -> None:
    rng = np.random.default_rng(seed)
    along = (X * np.cos(turned) + Y * np.sin(turned)) / threads[0]
    across = (Y * np.cos(turned) - X * np.sin(turned)) / threads[1]
    warp, weft = np.abs(np.sin(np.pi * along)), np.abs(np.sin(np.pi * across))
    over = (np.floor(along) + np.floor(across)) % 2 == 0
    picture = 50 + 150 * np.where(over, warp, weft) + rng.normal(0, grain, X.shape)
    assert reasons(np.clip(picture, 0, 255).astype(np.uint8)) != ()


def test_pictures_of_other_sensors_are_no_prints(portrait: Any) -> None:
    face = cv2.cvtColor(np.asarray(portrait), cv2.COLOR_RGB2GRAY)
    assert reasons(face) != ()
    eye = 200 - 120 * (np.hypot(X - 140, Y - 180) < 90) - 60 * (np.hypot(X - 140, Y - 180) < 35)
    assert reasons(eye.astype(np.uint8)) != ()


def test_a_sample_passes_through_unchanged() -> None:
    sample = FINGERPRINT.load(Sample(a_print(), {"ppi": 500.0, "ppi_from": "caller"}))
    assert np.array_equal(FINGERPRINT.load(sample).array, a_print())
    assert FINGERPRINT.load(sample).metadata["ppi_from"] == "caller"
