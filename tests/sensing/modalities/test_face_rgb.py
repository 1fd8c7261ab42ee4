"""The gate lets pass what can be judged, and says why where it does not."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from antispoof.sensing.capture import Sample
from antispoof.sensing.modalities import modalities

FACE = modalities["face_rgb"]


def reasons(picture: Any) -> tuple[str, ...]:
    return FACE.quality(Sample(np.ascontiguousarray(picture, np.uint8))).reasons


def scaled(picture: Any, factor: float) -> Any:
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def test_an_ordinary_portrait_passes(portrait: Any, encode: Any) -> None:
    sample = FACE.load(encode(portrait, "JPEG", quality=90))
    quality = FACE.quality(sample)
    assert quality.usable
    assert quality.region is not None
    assert quality.measurements["face_side_px"] == pytest.approx(110, abs=20)


def test_hard_but_usable_pictures_pass(close_up: Any) -> None:
    assert reasons(scaled(close_up, 0.4)) == ()
    assert reasons(close_up * 0.2) == ()
    assert reasons(np.clip(close_up * 1.9, 0, 255)) == ()
    assert reasons(cv2.GaussianBlur(close_up, (0, 0), 1.5)) == ()
    assert reasons(close_up[15:190, 30:160]) == ()


def test_each_reason_is_given(portrait: Any, close_up: Any, blank: Any) -> None:
    assert reasons(blank) == ("no_face",)
    assert reasons(np.hstack([close_up, close_up])) == ("several_faces",)
    assert "too_small" in reasons(scaled(close_up, 0.25))
    assert "cut_off" in reasons(portrait[20:220, 232:400])
    assert reasons(close_up * 0.08)[-1] == "too_dark"
    assert reasons(np.zeros((100, 100, 3))) == ("no_face", "too_dark")
    assert reasons(np.clip(close_up.astype(float) * 6, 0, 255))[-1] == "too_bright"
    assert "too_blurred" in reasons(cv2.GaussianBlur(close_up, (0, 0), 9))


def test_a_small_face_in_the_background_is_ignored(close_up: Any) -> None:
    scene = np.full((200, 300, 3), 128, np.uint8)
    scene[50:150, 5:95] = scaled(close_up, 0.5)
    scene[:, 115:295] = close_up
    quality = FACE.quality(Sample(scene))
    assert quality.usable
    assert quality.region is not None
    assert quality.region.x > 115
    assert quality.measurements["second_face_side"] == pytest.approx(0.5, abs=0.1)


def test_prepare_gives_planes_of_unit_range(portrait: Any) -> None:
    sample = Sample(portrait)
    array = FACE.prepare(sample, FACE.quality(sample), scale=1.2, size=64)
    assert array.shape == (3, 64, 64)
    assert array.dtype == np.float32
    assert 0 <= array.min() < 0.2
    assert 0.8 < array.max() <= 1
    with pytest.raises(ValueError, match="needs a face"):
        FACE.prepare(sample, FACE.quality(Sample(np.zeros((9, 9, 3), np.uint8))), scale=1.2, size=64)


@pytest.mark.parametrize(
    ("canvas", "factor", "reduced"), [(3072, 6.0, 4), (3072, 3.0, 2), (2048, 1.5, 1), (512, 1.0, 1)]
)
def test_a_large_jpeg_is_decoded_as_large_as_its_face_needs(
    portrait: Any, encode: Any, canvas: int, factor: float, reduced: int
) -> None:
    large = np.full((canvas, canvas, 3), 128, np.uint8)
    person = cv2.resize(portrait, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    large[: len(person), : len(person)] = person
    sample = FACE.load(encode(large, "JPEG", quality=92))
    assert sample.reduced == reduced
    assert sample.array.shape == (canvas // reduced, canvas // reduced, 3)
    quality, whole = FACE.quality(sample), FACE.quality(Sample(large))
    assert quality.region is not None
    assert whole.region is not None
    assert quality.region.width >= (100 if reduced > 1 else 0)
    side = whole.measurements["face_side_px"]
    assert quality.measurements["face_side_px"] == pytest.approx(side, rel=0.05)
    found = quality.region.scaled(sample.reduced)
    assert (found.x, found.y) == pytest.approx((whole.region.x, whole.region.y), abs=0.05 * side)
    views = [
        FACE.prepare(one, seen, scale=1.15, size=160)
        for one, seen in ((sample, quality), (Sample(large), whole))
    ]
    assert np.abs(views[0] - views[1]).mean() < 0.03


def test_a_large_jpeg_without_a_face_is_no_face(blank: Any, encode: Any) -> None:
    large = cv2.resize(blank, (3000, 2000))
    sample = FACE.load(encode(large, "JPEG"))
    assert sample.array.shape == (1000, 1500, 3)
    assert FACE.quality(sample).reasons == ("no_face",)
