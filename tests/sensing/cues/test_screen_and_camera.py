"""What a screen and a recorder add to a clip is seen, and told from the light of the room."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable

import cv2
import numpy as np
import pytest
from filmed import HEIGHT, WIDTH, head
from numpy.typing import NDArray
from PIL import Image

from antispoof.sensing.cues import UNASKED, cues
from antispoof.sensing.watch import Watch

Picture = NDArray[np.uint8]
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
SHOWN = ((np.abs(COLUMNS - WIDTH / 2) < 75) & (np.abs(ROWS - HEIGHT / 2) < 110))[..., None]  # a telephone


def numbers(name: str, pictures: Iterable[tuple[float, Picture]]) -> dict[str, float]:
    watch = Watch([name])
    for time_s, picture in pictures:
        watch.see(time_s, picture)
    (found,) = watch.measured()
    assert found.features is not None, found.reasons
    assert np.isfinite(found.features).all()
    return dict(zip(cues[name].features, found.features.tolist(), strict=True))


def changed(
    pictures: Iterable[tuple[float, Picture]], how: Callable[[NDArray[np.float32], int], NDArray[np.float32]]
) -> Iterable[tuple[float, Picture]]:
    for number, (time_s, picture) in enumerate(pictures):
        yield time_s, np.clip(how(picture.astype(np.float32), number), 0, 255).astype(np.uint8)


def test_light_that_steps_in_the_face_alone(portrait: Picture) -> None:
    plain = numbers("face_screen", head(portrait))

    def stepping(picture: NDArray[np.float32], number: int) -> NDArray[np.float32]:
        return np.where(SHOWN, picture * (1 + 0.06 * (number % 2)), picture)

    def flickering(picture: NDArray[np.float32], number: int) -> NDArray[np.float32]:
        return picture * np.float32(1 + 0.06 * (number % 2))

    screen = numbers("face_screen", changed(head(portrait), stepping))
    room = numbers("face_screen", changed(head(portrait), flickering))
    assert screen["steps_face_to_rest"] > plain["steps_face_to_rest"] + 1
    assert room["steps_face_to_rest"] < screen["steps_face_to_rest"] - 0.7
    assert room["steps_common"] > screen["steps_common"]


def test_bands_run_along_the_rows_of_the_face(portrait: Picture) -> None:
    plain = numbers("face_screen", head(portrait))

    def banded(picture: NDArray[np.float32], number: int) -> NDArray[np.float32]:
        bands = 1 + 0.05 * np.sin(2 * np.pi * ROWS / 60 + 2.1 * number)[..., None]
        return np.where(SHOWN, picture * bands, picture)

    screen = numbers("face_screen", changed(head(portrait), banded))
    assert screen["bands_face_to_columns"] > plain["bands_face_to_columns"] + 0.7
    assert screen["bands_peak"] > plain["bands_peak"]
    assert abs(screen["bands_rest_to_columns"] - plain["bands_rest_to_columns"]) < 0.5


def test_a_fine_pattern_over_the_face(portrait: Picture) -> None:
    def beating(picture: NDArray[np.float32], number: int) -> NDArray[np.float32]:
        wave = 12 * np.sin(2 * np.pi * (0.21 * COLUMNS + 0.13 * ROWS) + number)[..., None]
        return np.where(SHOWN, picture + wave, picture)

    plain = numbers("face_screen", head(portrait))
    screen = numbers("face_screen", changed(head(portrait), beating))
    assert screen["pattern"] > plain["pattern"] + 0.7


def test_noise_is_new_in_every_picture_of_a_camera(portrait: Picture) -> None:
    fresh = numbers("face_camera", head(portrait, noise=3))
    quiet = numbers("face_camera", head(portrait, noise=0.5))
    assert fresh["noise_rest"] > quiet["noise_rest"] + 1
    assert fresh["successive"] == pytest.approx(-0.5, abs=0.1), "differences of independent noise"
    twice = [(k / 30, picture) for k, (_, picture) in enumerate(p for p in head(portrait) for _ in "12")]
    doubled = numbers("face_camera", twice)
    assert doubled["pictures_doubled"] == pytest.approx(0.5, abs=0.05)
    assert fresh["pictures_doubled"] == 0


def test_traces_of_coding_and_of_the_clock(portrait: Picture) -> None:
    def coded(picture: NDArray[np.float32], number: int, shift: int = 0) -> NDArray[np.float32]:
        del number
        file = io.BytesIO()
        Image.fromarray(np.roll(picture, -shift, axis=1).astype(np.uint8)).save(file, "JPEG", quality=30)
        return np.roll(np.asarray(Image.open(file), np.float32), shift, axis=1)

    plain = numbers("face_camera", head(portrait, noise=0.3))
    grid = numbers("face_camera", changed(head(portrait, noise=0.3), coded))
    moved = numbers("face_camera", changed(head(portrait, noise=0.3), lambda p, n: coded(p, n, 3)))
    assert grid["grid_8"] > plain["grid_8"] + 0.1
    assert moved["grid_moved"] > grid["grid_moved"] + 0.1
    jumpy = [(time_s + 0.02 * (number % 3 == 0), p) for number, (time_s, p) in enumerate(head(portrait))]
    assert numbers("face_camera", jumpy)["step_spread"] > plain["step_spread"] + 2
    assert plain["pictures_a_second"] == pytest.approx(np.log(15), abs=0.01)


@pytest.mark.parametrize("name", list(cues))
def test_every_cue_says_why_it_could_not_measure(name: str, portrait: Picture) -> None:
    cue = cues[name]
    assert cue.name == name
    assert len(set(cue.features)) == len(cue.features)
    one = cv2.resize(portrait, (200, 200))
    for pictures in ([], [(0.0, one)], [(k / 10, one[:40, :40]) for k in range(12)]):
        watch = cue.watch()
        assert watch.measured().features is None
        whole = Watch([name])
        for time_s, picture in pictures:
            whole.see(time_s, picture)
        (found,) = whole.measured()
        assert found.features is None
        assert found.reasons
        assert set(found.reasons) <= set(cue.reasons)
    interlaced = Watch([name])
    interlaced.see(0.0, one, interlaced=True)
    *unasked, last = interlaced.measured()[0].reasons
    assert last == "interlaced"
    assert set(unasked) <= set(UNASKED)
