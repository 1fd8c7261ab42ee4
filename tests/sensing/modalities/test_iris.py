"""Eyes are found where they are, measured by published definitions, and refused in words where need be."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage, stats

from antispoof.errors import InputError, MediaError
from antispoof.sensing import iris_quality
from antispoof.sensing.capture import Recording, Sample
from antispoof.sensing.eyes import Circle, Eye, find_eyes
from antispoof.sensing.modalities import modalities
from antispoof.simulation.fingerprint.presentation import PrintSpec, present
from antispoof.simulation.iris.presentations import Simulated, simulate_iris

IRIS = modalities["iris"]
Grey = NDArray[np.uint8]


def simulated(subject: int, family: str = "handheld_pair") -> Simulated:
    return simulate_iris(3, subject, 0, None, family)


@pytest.fixture(scope="module")
def eye() -> Grey:
    """An eye that can be judged."""
    for subject in range(20):
        picture = simulated(subject).picture
        if IRIS.quality(Sample(picture)).usable:
            return picture
    raise AssertionError("no simulated eye can be judged")


def drawn() -> Grey:
    """Two discs."""
    picture = np.full((240, 320), 200, np.uint8)
    cv2.circle(picture, (150, 130), 60, 120, -1)
    cv2.circle(picture, (153, 128), 24, 20, -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8)


def reasons(picture: Any) -> tuple[str, ...]:
    return IRIS.quality(IRIS.load(picture)).reasons


def saved(array: NDArray[Any], kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind)
    return file.getvalue()


def test_pupil_and_limbus_are_found_where_they_are() -> None:
    families = ("handheld_pair", "single_lamp", "lamp_ring", "kiosk")
    found = 0
    for subject in range(12):
        truth = simulated(subject, families[subject % 4])
        eyes = find_eyes(truth.picture)
        if eyes:
            iris, (x, y, radius) = eyes[0].iris, truth.iris
            apart = np.hypot(iris.x - x, iris.y - y) / radius
            found += apart < 0.15 and abs(iris.radius / radius - 1) < 0.15
    assert found >= 9


def test_a_drawn_eye_is_measured_to_the_pixel() -> None:
    picture = drawn()
    eye = find_eyes(picture)[0]
    np.testing.assert_allclose((eye.iris.x, eye.iris.y, eye.iris.radius), (150, 130, 60), atol=1.5)
    np.testing.assert_allclose((eye.pupil.x, eye.pupil.y, eye.pupil.radius), (153, 128, 24), atol=1.5)
    measured = iris_quality.iris_measures(picture, eye)
    assert measured["pupil_iris_ratio"] == pytest.approx(40, abs=2)
    assert measured["concentricity"] == pytest.approx(94, abs=2)
    assert measured["usable_iris_area"] > 98
    # The definitions, with the three grey levels that were drawn.
    assert measured["iris_pupil_contrast"] == pytest.approx(100 * (100 / 40) / (0.75 + 100 / 40), abs=1)
    assert measured["iris_sclera_contrast"] == pytest.approx(100 * 80 / (200 + 120 - 40), abs=1)


def test_measures_agree_with_independent_computations() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80)).astype(np.uint8)
    share = np.bincount(noise.ravel(), minlength=256) / noise.size
    assert iris_quality.grey_utilisation(noise) == pytest.approx(stats.entropy(share, base=2))
    kernel = iris_quality._laplacian()
    assert kernel.shape == (9, 9)
    assert kernel[4, 4] == -40
    np.testing.assert_array_equal(kernel, kernel.T)
    filtered = ndimage.correlate(noise.astype(float), kernel.astype(float), mode="nearest")[::4, ::4]
    power = (filtered**2).mean()
    assert iris_quality.sharpness(noise) == pytest.approx(100 * power**2 / (power**2 + 1.8e6**2), rel=1e-3)
    assert iris_quality.sharpness(np.full((60, 80), 9, np.uint8)) < 1e-6
    centred = Eye(Circle(160, 120, 25), Circle(160, 120, 60), 1.0, 1.0)
    assert iris_quality.concentricity(centred) == 100
    assert iris_quality.margin((240, 320), centred.iris) == 100
    assert iris_quality.margin((240, 320), Circle(78, 120, 60)) == pytest.approx(100 * 18 / 36)
    assert iris_quality.sclera_contrast(40, 50, 200) == 0.0


def test_files_of_any_bits_are_one_eye(eye: Grey) -> None:
    plain = IRIS.load(saved(eye, "BMP")).array
    np.testing.assert_array_equal(plain, eye)
    for kind in ("PNG", "TIFF", "JPEG2000"):
        np.testing.assert_array_equal(IRIS.load(saved(eye, kind)).array, eye)
    wide = eye.astype(np.uint16) * 257
    for kind in ("PNG", "TIFF", "JPEG2000"):
        stated = IRIS.load(Recording(saved(wide, kind), unit="16 bit"))
        np.testing.assert_array_equal(stated.array, eye)
    assert reasons(saved(eye.astype(np.uint16) * 4, "PNG")) == ("no_bits",)


def test_more_bits_than_the_file_has_are_refused_in_words(eye: Grey, tmp_path: Path) -> None:
    path = tmp_path / "eye.png"
    path.write_bytes(saved(eye, "PNG"))
    words = r"unit of iris is stated as '12 bit', and '.*eye.png' has 8 bits a pixel: leave the unit out"
    with pytest.raises(InputError, match=words):
        IRIS.load(Recording(path, unit="12 bit"))
    for source in (Sample(eye, {"bits": 10}), Recording(saved(eye, "PNG"), unit="up to 4000")):
        with pytest.raises(InputError, match="the picture has 8 bits a pixel"):
            IRIS.load(source)
    assert IRIS.load(Recording(path, unit="8 bit")).array.max() == eye.max()


def test_a_colour_picture_of_an_eye_is_refused_in_words(eye: Grey) -> None:
    brown = np.dstack([eye, eye // 2, eye // 3])
    with pytest.raises(
        MediaError, match="this is a colour picture; an eye is judged in near-infrared"
    ) as told:
        IRIS.load(saved(brown, "PNG"))
    assert told.value.code == "colour"


def test_what_cannot_be_judged_says_why(eye: Grey) -> None:
    assert reasons(np.zeros((240, 320), np.uint8)) == ("too_dark",)
    assert reasons(np.full((240, 320), 255, np.uint8)) == ("too_bright",)
    assert reasons(eye[:10, :10]) == ("too_small",)
    assert reasons(np.full((240, 320), 120, np.uint8)) == ("no_iris",)
    quality = IRIS.quality(Sample(eye))
    assert quality.region is not None
    right = int(quality.region.x + 0.45 * quality.region.width)
    assert reasons(np.ascontiguousarray(eye[:, :right])) != ()  # the pupil lies outside
    lines = eye.copy()
    lines[1::2] = np.roll(lines[1::2], 6, axis=1)
    assert "interlaced" in reasons(lines) or "no_iris" in reasons(lines)
    assert "several_eyes" in reasons(np.hstack([drawn(), drawn()]))
    other = cv2.circle(
        cv2.circle(np.full((240, 320), 200, np.uint8), (160, 120), 36, 120, -1), (160, 120), 13, 20, -1
    )
    assert "several_eyes" in reasons(np.hstack([drawn(), cv2.GaussianBlur(other, (0, 0), 1.0)]))


def test_circles_that_are_no_eyes_tell_nothing_more() -> None:
    lines = np.broadcast_to(128 + 120 * np.cos(np.arange(320) / 1.5), (240, 320))
    for picture in (lines.astype(np.uint8), 255 - drawn()):
        assert reasons(np.ascontiguousarray(picture)) == ("no_iris",)


def test_the_crop_is_the_iris(eye: Grey) -> None:
    quality = IRIS.quality(Sample(eye))
    assert quality.region is not None
    cut = IRIS.prepare(Sample(eye), quality, scale=1.4, size=64)
    assert cut.shape == (1, 64, 64)
    assert cut.dtype == np.float32
    box = IRIS.frame(Sample(eye), quality, scale=1.4, size=64)
    assert box is not None
    assert box.width == pytest.approx(1.4 * quality.region.width, abs=1)
    assert cut[0, 28:36, 28:36].mean() < cut.mean()  # the pupil is in the middle


def test_two_eyes_of_one_size_are_several(eye: Grey) -> None:
    for pair in (np.hstack([eye, eye[:, ::-1]]), np.vstack([eye, eye])):
        assert reasons(np.ascontiguousarray(pair)) != ()


def test_an_eye_without_one_side_is_refused(eye: Grey) -> None:
    box = IRIS.quality(Sample(eye)).region
    assert box is not None
    for share in (0.4, 0.5, 0.6):
        at = int(box.x + share * box.width)
        assert reasons(np.ascontiguousarray(eye[:, :at])) != ()
        assert reasons(np.ascontiguousarray(eye[:, at:])) != ()


def test_a_fingerprint_is_no_eye() -> None:
    judged = 0
    for subject in range(8):
        sensor = ("optical_prism", "optical_sheet")[subject % 2]
        judged += reasons(present(PrintSpec(5, subject, 0, None, sensor, 0))[0]) == ()
    assert judged == 0
