"""Forged faces: changed where the mask says, every pixel decided by a seed, three families of methods."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from antispoof.data.manifest import read_manifest
from antispoof.errors import InputError
from antispoof.sensing.faces import find_faces
from antispoof.simulation.face.manipulation import FAMILIES, KINDS, Seen, seen, swap
from antispoof.simulation.face.manipulation.blends import (
    alpha,
    clone,
    covariance,
    histograms,
    in_light,
    mixed_clone,
    moments,
    pyramid,
)
from antispoof.simulation.face.manipulation.delivery import deliver, filmed
from antispoof.simulation.face.manipulation.generated import generate, spectral_numbers
from antispoof.simulation.face.manipulation.mesh import OUTLINE, fitted
from antispoof.simulation.face.manipulation.warps import affine, pieces, similarity, spline

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def collins(close_up: NDArray[np.uint8]) -> Seen:
    found = seen(close_up)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def other(close_up: NDArray[np.uint8]) -> Seen:
    """Somebody of other proportions and colours: the same picture, stretched, mirrored and reddened."""
    wide = cv2.resize(close_up[:, ::-1], (210, 190), interpolation=cv2.INTER_AREA)
    found = seen(np.clip(wide * np.array([1.1, 0.8, 0.7]), 0, 255).astype(np.uint8))
    assert found is not None
    return found


def test_the_mean_face_follows_its_landmarks(close_up: NDArray[np.uint8]) -> None:
    landmarks = find_faces(close_up)[0].landmarks
    points = fitted(landmarks)
    assert np.abs(points[-5:] - landmarks).max() < 0.12 * np.linalg.norm(landmarks[1] - landmarks[0])
    hull = cv2.convexHull(points[OUTLINE].astype(np.float32))
    assert all(cv2.pointPolygonTest(hull, tuple(map(float, p)), False) > 0 for p in landmarks)
    turn = np.array([[0.8, -0.6], [0.6, 0.8]]) * 1.7
    np.testing.assert_allclose(fitted(landmarks @ turn.T + 3), points @ turn.T + 3, atol=1e-6)


@pytest.mark.parametrize("warp", [affine, similarity, pieces, spline])
def test_a_warp_takes_points_where_they_shall_go(
    warp: Callable[..., NDArray[np.float32]], collins: Seen
) -> None:
    turn = np.array([[0.97, -0.1], [0.1, 0.97]])
    to = collins.points @ turn.T + [4, -6]
    dots = np.zeros_like(collins.picture)
    for x, y in np.round(collins.points[OUTLINE.stop :]).astype(int):
        cv2.circle(dots, (int(x), int(y)), 3, (1.0, 1.0, 1.0), -1)
    bent = warp(dots, collins.points, to, dots.shape[:2])
    for x, y in np.round(to[OUTLINE.stop :]).astype(int):
        assert bent[y, x].min() > 0.8


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_forgery_is_where_its_mask_says(kind: str, family: str, collins: Seen, other: Seen) -> None:
    made = [KINDS[kind](collins, other, np.random.default_rng(seed), family) for seed in (5, 5, 6)]
    np.testing.assert_array_equal(made[0].image, made[1].image)
    assert (made[0].image != made[2].image).any()
    original = np.asarray(collins.picture * 255 + 0.5, np.uint8)
    inside = made[0].changed > 0.4
    assert 0.02 < inside.mean() < 0.6
    difference = np.abs(made[0].image.astype(int) - original).mean(2)
    assert difference[inside].mean() > 0.5
    if kind == "face_swap":  # Poisson cloning and pyramids reach a little beyond the mask
        assert difference[made[0].changed == 0].mean() < 0.1 * difference[inside].mean()


def test_colours_become_those_of_the_other(collins: Seen, other: Seen) -> None:
    everywhere = np.ones((*collins.picture.shape[:2], 1), np.float32)
    red = cv2.resize(other.picture, collins.picture.shape[1::-1])
    for recolour in (covariance, moments, histograms):
        after = recolour(red, collins.picture, everywhere).mean((0, 1)) - collins.picture.mean((0, 1))
        assert np.abs(after).max() < 0.3 * np.abs(red.mean((0, 1)) - collins.picture.mean((0, 1))).max()


def test_blends_leave_alone_what_is_far_from_the_region(collins: Seen) -> None:
    region = np.zeros((*collins.picture.shape[:2], 1), np.float32)
    region[70:130, 60:120] = 1
    striped = np.full_like(collins.picture, 0.2)
    striped[::4] = 0.9
    for blend in (alpha, clone, in_light, mixed_clone, pyramid):
        joined = blend(striped, collins.picture, region)
        assert np.abs(joined - collins.picture)[:20].max() < 0.01
        assert np.abs(joined - collins.picture)[90:110, 80:100].mean() > 0.02


def test_every_family_delivers_faces_that_are_found(close_up: NDArray[np.uint8]) -> None:
    for family in FAMILIES:
        for seed in range(6):
            picture = deliver(close_up, 130.0, np.random.default_rng(seed), family)
            assert find_faces(picture)
    assert filmed(close_up[:101, :99], 23).shape == (100, 98, 3)


def test_a_clip_is_forged_alike_from_frame_to_frame(collins: Seen, other: Seen) -> None:
    brighter = Seen(np.clip(collins.picture + 0.02, 0, 1), collins.points)
    first, second = (swap(frame, other, np.random.default_rng(8)) for frame in (collins, brighter))
    np.testing.assert_array_equal(first.changed, second.changed)


def test_the_command_writes_masks_and_keeps_methods_apart(
    run: Run, tmp_path: Path, close_up: NDArray[np.uint8]
) -> None:
    folder = tmp_path / "portraits"
    folder.mkdir()
    for number in range(6):
        cv2.imwrite(str(folder / f"p{number}.png"), close_up[number:, :, ::-1])
    status, out, err = run(
        "simulate", "manipulated", str(folder), str(tmp_path / "made"), "--licence", "NASA", "--variants", "1"
    )
    assert status == 0, err
    assert "SIMULATED" in out
    rows = read_manifest(tmp_path / "made" / "manifest.csv")
    assert {row.pai_species for row in rows} == {None, *KINDS}
    for row in rows:
        assert row.attributes["method"] == {"train": "taught", "dev": "tried"}.get(row.partition, "held_out")
        mask = row.captures["face_rgb"].mask
        assert (mask is None) == row.bona_fide
        assert mask is None or mask.exists()
    status, _, err = run("simulate", "manipulated", str(folder), str(tmp_path / "made"), "--licence", "NASA")
    assert status != 0
    assert "holds something" in err


def test_too_few_people_are_refused(tmp_path: Path) -> None:
    from antispoof.simulation.face.manipulation.collection import write_manipulated

    with pytest.raises(InputError, match="six people"):
        write_manipulated([], tmp_path / "out", licence="none", variants=1)


def test_generated_pictures_stand_out_on_the_grid_that_enlarged_them(collins: Seen, other: Seen) -> None:
    original = np.asarray(collins.picture * 255 + 0.5, np.uint8)
    made = generate([collins, other], np.random.default_rng(2))
    assert find_faces(made)
    _, plain = spectral_numbers(original)
    assert spectral_numbers(made)[1] > plain + 1
    balanced = generate([collins, other], np.random.default_rng(2), unbalance=0.0)
    assert spectral_numbers(balanced)[1] < spectral_numbers(made)[1] - 1
