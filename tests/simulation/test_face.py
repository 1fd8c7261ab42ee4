"""Simulated captures of faces: what each step does, and that a seed decides every pixel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from antispoof.data.inspection import inspect
from antispoof.data.manifest import read_manifest
from antispoof.errors import InputError, UnknownNameError
from antispoof.sensing.capture import Box
from antispoof.sensing.faces import find_faces
from antispoof.simulation.face import augmentation, face_instruments, optics, tone
from antispoof.simulation.face.bona_fide import low_light, relight, room
from antispoof.simulation.face.camera import camera
from antispoof.simulation.face.collection import read_portraits, write_faces
from antispoof.simulation.face.portrait import Portrait, person_mask
from antispoof.simulation.face.presentations import SimulatedFace, simulate_pairs
from antispoof.simulation.face.staging import Framing, draw_framing, hand, quadrilateral, stage

Picture = NDArray[np.float32]
Run = Callable[..., tuple[int, str, str]]
SPECIES = ("replay", "print")


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed or 0)


def noise(height: int = 24, width: int = 30, seed: int = 0) -> Picture:
    return rng(seed).random((height, width, 3), np.float32)


@pytest.fixture(scope="module")
def collins(portrait: NDArray[np.uint8]) -> Portrait:
    return Portrait.of("collins", portrait, find_faces(portrait)[0].box)


# Tone


@given(st.floats(-2.5, 6))
def test_s_curve_keeps_three_points_and_the_order(strength: float) -> None:
    grey = np.linspace(0, 1, 101, dtype=np.float32)[None, :, None].repeat(3, 2)
    curved = tone.s_curve(grey, strength)[0, :, 0]
    np.testing.assert_allclose(curved[[0, 50, 100]], [0, 0.5, 1], atol=1e-5)
    assert (np.diff(curved) > -1e-6).all()
    if abs(strength) > 0.1:  # more contrast moves away from the middle, less towards it
        assert (curved[75] > 0.75) == (strength > 0)


def test_a_lowered_curve_undoes_a_raised_one() -> None:
    np.testing.assert_allclose(tone.s_curve(tone.s_curve(noise(), 1.3), -1.3), noise(), atol=1e-5)


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2, 3.0])
def test_light_and_display_values_are_inverse(gamma: float) -> None:
    np.testing.assert_allclose(tone.display(tone.linear(noise(), gamma), gamma), noise(), atol=1e-5)
    np.testing.assert_allclose(tone.linear(noise(), gamma), noise() ** gamma, rtol=1e-4, atol=1e-6)
    assert tone.display(np.full((2, 2, 3), 7, np.float32)).max() == 1  # the sensor saturates


def test_saturation_from_grey_to_garish() -> None:
    picture = noise()
    grey = tone.saturate(picture, 0)
    np.testing.assert_allclose(grey, (picture @ [0.2126, 0.7152, 0.0722])[..., None].repeat(3, 2), atol=1e-6)
    np.testing.assert_allclose(tone.saturate(picture, 1), picture, atol=1e-6)
    mild = 0.5 + (picture - 0.5) * 0.2  # far from clipping
    np.testing.assert_allclose(tone.luma(tone.saturate(mild, 2)), tone.luma(mild), atol=1e-5)
    np.testing.assert_allclose(np.ptp(tone.saturate(mild, 2), axis=2), 2 * np.ptp(mild, axis=2), atol=1e-5)


def test_casts_gradients_and_shoulders_of_light() -> None:
    light = noise() + np.float32(0.01)
    gains = np.log(tone.cast(light, 0.3, -0.1, 0) / light)
    np.testing.assert_allclose(gains, np.broadcast_to([0.3, -0.1, 0], gains.shape), atol=1e-5)
    slope = np.log(tone.gradient(light, 0.8, 0.0) / light)
    np.testing.assert_allclose(slope[:, -1] - slope[:, 0], 0.8, atol=1e-4)  # along the width, by the slope
    np.testing.assert_allclose(slope.mean(), 0, atol=1e-4)
    bright = np.linspace(0, 5, 200, dtype=np.float32)[None, :, None].repeat(3, 2)
    rolled = tone.shoulder(bright, 0.6)[0, :, 0]
    below = bright[0, :, 0] <= 0.6
    np.testing.assert_array_equal(rolled[below], bright[0, below, 0])
    assert (np.diff(rolled) >= 0).all()
    assert rolled.max() <= 1


# Optics


def test_blurs_keep_the_light_and_spread_it() -> None:
    point = np.zeros((31, 31, 3), np.float32)
    point[15, 15] = 1
    y, x = np.mgrid[-15:16, -15:16]
    round_blur = optics.blur(point, 2.0)[..., 0]
    assert round_blur.sum() == pytest.approx(1, abs=1e-3)
    assert np.sqrt((round_blur * x**2).sum()) == pytest.approx(2.0, rel=0.05)
    line = optics.motion_blur(point, 8, 0.0)[..., 0]
    assert line.sum() == pytest.approx(1, abs=1e-5)
    assert (line * y**2).sum() < 0.1 < 2 < (line * x**2).sum()
    flat = np.full((9, 9, 3), 0.4, np.float32)
    for same in (optics.blur(flat, 3), optics.motion_blur(flat, 5, 1.0), optics.resize(flat, 5, 13)):
        np.testing.assert_allclose(same, 0.4, atol=1e-6)
    assert optics.blur(point, 0.01) is point


def test_jpeg_loses_more_at_lower_quality_and_keeps_range() -> None:
    picture = optics.resize(noise(16, 16), 64, 64)
    errors = [np.abs(optics.jpeg(picture, quality) - picture).mean() for quality in (98, 60, 10)]
    assert errors == sorted(errors)
    assert errors[0] < 0.03 < errors[2]
    assert optics.jpeg(picture * 3 - 1, 50).min() >= 0
    assert optics.jpeg(picture * 3 - 1, 50).max() <= 1
    full = optics.jpeg(picture, 90, chroma_subsampling=False)
    assert np.abs(full - picture).mean() < np.abs(optics.jpeg(picture, 90) - picture).mean()


def test_warping_by_a_shift_shifts() -> None:
    picture = noise(20, 20)
    shift = np.array([[1, 0, 3], [0, 1, 2], [0, 0, 1]], float)
    moved = optics.warp(picture, shift, 20, 20)
    np.testing.assert_allclose(moved[2:, 3:], picture[:-2, :-3], atol=1e-6)
    np.testing.assert_allclose(moved[:2, 3:], picture[:1, :-3].repeat(2, 0), atol=1e-6)  # the edge repeats


# Staging


def squared(width: float = 60, height: float = 80) -> Portrait:
    """A green wall with a red face on it."""
    image = np.zeros((300, 200, 3), np.uint8)
    image[..., 1] = 200
    x, y = 70, 90
    image[y : y + int(height), x : x + int(width)] = (250, 0, 0)
    return Portrait("square", image, Box(x, y, width, height), np.full((300, 200), 255, np.uint8))


@pytest.mark.parametrize(("width", "height"), [(60, 80), (80, 60), (70, 70)])
def test_the_face_is_where_staging_says(width: float, height: float) -> None:
    for seed in range(12):
        framing = draw_framing(rng(seed), 100)
        staged = stage(squared(width, height), framing, rng(seed, 1), own_background=1.0)
        assert staged.picture.shape == (framing.size[1], framing.size[0], 3)
        assert max(staged.face.width, staged.face.height) == pytest.approx(100)
        red = staged.picture[..., 0] > 0.5
        y, x = np.nonzero(red)
        # Turned by some degrees and skewed: the middle stays, the edges move a little.
        middle = (staged.face.x + staged.face.width / 2, staged.face.y + staged.face.height / 2)
        inside = x.min() > 0 and y.min() > 0 and x.max() < red.shape[1] - 1 and y.max() < red.shape[0] - 1
        if inside:
            assert np.hypot(x.mean() - middle[0], y.mean() - middle[1]) < 5
            assert red.sum() == pytest.approx(staged.face.width * staged.face.height, rel=0.15)
        rows = slice(int(staged.face.y + 20), int(staged.face.y + staged.face.height - 20))
        columns = slice(int(staged.face.x + 20), int(staged.face.x + staged.face.width - 20))
        assert red[rows, columns].mean() > 0.97


def test_margins_are_in_faces() -> None:
    framing = Framing(100, left=0.5, right=1.0, top=0.25, bottom=0.75)
    assert framing.size == (250, 200)
    staged = stage(squared(80, 80), framing, rng(3), own_background=1.0)
    assert (staged.face.x, staged.face.y) == pytest.approx((50, 25))
    tight = [draw_framing(rng(seed), wide_share=0.0) for seed in range(40)]
    wide = [draw_framing(rng(seed), wide_share=1.0) for seed in range(40)]
    assert max(max(f.left, f.right, f.top, f.bottom) for f in tight) <= 0.35 * 1.5
    assert min(min(f.left, f.right, f.top, f.bottom) for f in wide) >= 0.3 * 0.5


def test_another_background_leaves_the_person(collins: Portrait) -> None:
    framing = Framing(120, 0.6, 0.6, 0.6, 0.6)
    own = stage(collins, framing, rng(5), own_background=1.0)
    room_behind = stage(collins, framing, rng(5), own_background=0.0)
    changed = np.abs(own.picture - room_behind.picture).mean(2)
    person = own.person[..., 0]
    assert changed[person > 0.99].mean() < 0.01
    assert changed[person < 0.01].mean() > 0.05


def test_the_mask_covers_the_face_and_not_the_corners(collins: Portrait) -> None:
    face = collins.face
    inside = collins.person[int(face.y) : int(face.y + face.height), int(face.x) : int(face.x + face.width)]
    assert (inside > 128).mean() > 0.9
    assert (collins.person[:40, :40] < 128).all()
    np.testing.assert_array_equal(person_mask(collins.image, face), collins.person)


def test_sheets_surround_the_face_and_hands_cover_an_edge() -> None:
    face = Box(60, 60, 40, 50)
    mask, corners = quadrilateral((200, 180), face, np.full(4, 0.5), rng(1))
    assert mask.shape == (200, 180, 1)
    assert mask[60:110, 60:100].min() > 0.9
    assert mask[:20].max() < 0.1
    (x, y), (next_x, next_y) = corners.T, np.roll(corners, -1, 0).T
    area = 0.5 * abs(np.sum(x * next_y - next_x * y))
    assert mask.sum() == pytest.approx(area, rel=0.03)
    held = hand(np.zeros((200, 180, 3), np.float32), corners, 50, rng(2))
    assert 0.005 < (held.max(2) > 0.02).mean() < 0.5


# Light, instruments, camera


@pytest.mark.parametrize("light", [room, low_light, relight])
def test_people_stay_within_range_in_any_light(light: Callable[..., Picture]) -> None:
    picture = noise(40, 40)
    for seed in range(15):
        seen = light(picture, rng(seed))
        assert seen.dtype == np.float32
        assert seen.shape == picture.shape
        assert 0 <= seen.min() <= seen.max() <= 1
        np.testing.assert_array_equal(seen, light(picture, rng(seed)))
    dim = np.mean([low_light(picture, rng(seed)).mean() for seed in range(30)])
    assert dim < np.mean([room(picture, rng(seed)).mean() for seed in range(30)]) - 0.1


def test_the_usual_instruments_are_there() -> None:
    assert set(SPECIES) <= set(face_instruments)


@pytest.mark.parametrize("name", list(face_instruments))
def test_every_instrument_keeps_the_contract(name: str, collins: Portrait) -> None:
    instrument = face_instruments[name]
    for seed in range(12):
        framing = draw_framing(rng(seed), 60)
        staged = stage(collins, framing, rng(seed, 1))
        other = stage(collins, framing, rng(seed, 2)) if seed % 2 else None
        before = staged.picture.copy()
        seen = instrument(staged, other, rng(seed, 3))
        assert seen.dtype == np.float32
        assert seen.shape == staged.picture.shape
        assert np.isfinite(seen).all()
        assert 0 <= seen.min() <= seen.max() <= 1
        np.testing.assert_array_equal(staged.picture, before)
        np.testing.assert_array_equal(seen, instrument(staged, other, rng(seed, 3)))
        assert np.abs(seen - relight(staged.picture, rng(seed, 3))).mean() > 0.01
        assert np.abs(seen - instrument(staged, other, rng(seed, 4))).mean() > 0.01


def test_the_camera_does_not_know_what_it_sees(collins: Portrait) -> None:
    staged = stage(collins, Framing(120, 0.4, 0.4, 0.4, 0.4), rng(1))
    for seed in range(10):
        one, box = camera(staged.picture, staged.face, rng(seed))
        again, again_box = camera(staged.picture.copy(), staged.face, rng(seed))
        np.testing.assert_array_equal(one, again)
        assert box == again_box
        assert one.dtype == np.uint8
        assert 60 - 1 <= max(box.width, box.height) <= 130
        assert box.x / one.shape[1] == pytest.approx(staged.face.x / staged.picture.shape[1], abs=0.02)


def test_both_classes_pass_through_the_same_camera(
    collins: Portrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a person and an instrument that look alike, the generator alone decides what comes out."""
    from antispoof.simulation.face import presentations as face

    monkeypatch.setattr(face, "relight", lambda picture, _: picture)
    monkeypatch.setattr(face, "face_instruments", {"glass": lambda staged, _other, _rng: staged.picture})
    framing = draw_framing(rng(0))
    captures = [face.simulate_face(collins, kind, framing, rng(7)) for kind in (None, "glass")]
    np.testing.assert_array_equal(captures[0].image, captures[1].image)
    assert captures[0].face == captures[1].face


# Pairs


def pair(people: list[Portrait], index: int, variant: int, seed: int = 3) -> list[SimulatedFace]:
    return list(simulate_pairs(people, index, variant, seed, SPECIES))


def test_the_same_arguments_give_the_same_pair_in_any_order(collins: Portrait) -> None:
    people = [collins, squared()]
    keys = [(0, 0), (0, 1), (1, 0)]
    first = {key: pair(people, *key) for key in keys}
    second = {key: pair(people, *key) for key in reversed(keys)}
    for key in keys:
        for one, other in zip(first[key], second[key], strict=True):
            np.testing.assert_array_equal(one.image, other.image)
            assert one.face == other.face
    assert not np.array_equal(first[0, 0][0].image, first[0, 1][0].image)
    assert not np.array_equal(first[0, 0][0].image, pair(people, 0, 0, seed=4)[0].image)


def test_a_pair_shares_person_and_framing(collins: Portrait) -> None:
    for variant in range(6):
        captures = pair([collins], 0, variant)
        assert [capture.pai_species for capture in captures] == [None, *SPECIES]
        assert {capture.subject for capture in captures} == {"collins"}
        aspects = [capture.image.shape[1] / capture.image.shape[0] for capture in captures]
        assert np.ptp(aspects) < 0.03
        places = [capture.face.x / capture.image.shape[1] for capture in captures]
        assert np.ptp(places) < 0.02


def test_most_simulated_captures_still_show_a_face(collins: Portrait) -> None:
    captures = [c for variant in range(8) for c in simulate_pairs([collins], 0, variant, 1, SPECIES, 1.0)]
    found = 0
    for capture in captures:
        faces = find_faces(capture.image)
        if faces:
            a, b = faces[0].box, capture.face
            distance = np.hypot(
                a.x + a.width / 2 - b.x - b.width / 2, a.y + a.height / 2 - b.y - b.height / 2
            )
            found += distance < 0.3 * max(b.width, b.height)
    assert found >= 0.8 * len(captures)


# Augmentation


@given(st.integers(0, 10_000))
def test_augmented_pictures_stay_pictures(seed: int) -> None:
    image = (noise(50, 40) * 255).astype(np.uint8)
    box = Box(8, 10, 22, 28)
    cut, moved = augmentation.reframe(image, box, rng(seed))
    assert min(cut.shape[:2]) >= 20
    x, y = round(box.x - moved.x), round(box.y - moved.y)
    np.testing.assert_array_equal(cut, image[y : y + cut.shape[0], x : x + cut.shape[1]])
    for changed in (
        augmentation.perturb_tone(image, rng(seed)),
        augmentation.mix(image, image[::-1, ::2], rng(seed)),
    ):
        assert changed.shape == image.shape
        assert changed.dtype == np.uint8
    smaller, shrunk = augmentation.shrink(image.repeat(8, 0).repeat(8, 1), Box(64, 80, 176, 224), rng(seed))
    assert 45 <= shrunk.height <= 120
    assert shrunk.width / smaller.shape[1] == pytest.approx(176 / 320, abs=0.01)
    jittered = augmentation.jitter_box(box, rng(seed))
    assert jittered.width / jittered.height == pytest.approx(box.width / box.height)


def test_jitter_is_as_wide_as_it_says() -> None:
    boxes = [augmentation.jitter_box(Box(0, 0, 80, 100), rng(seed), 0.05, 0.1) for seed in range(800)]
    middles = np.array([(b.x + b.width / 2 - 40, b.y + b.height / 2 - 50) for b in boxes])
    np.testing.assert_allclose(middles.std(0), 5, rtol=0.1)
    np.testing.assert_allclose(middles.mean(0), 0, atol=0.6)
    assert np.log([b.width / 80 for b in boxes]).std() == pytest.approx(0.1, rel=0.1)


# A collection


@pytest.fixture(scope="module")
def portraits(portrait: NDArray[np.uint8], encode: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures of the same person as six people, and things that are no portraits."""
    folder = tmp_path_factory.mktemp("portraits")
    half = portrait[::2, ::2]
    for number in range(6):
        shade = np.clip(half[: 210 + 5 * number] * (0.7 + 0.06 * number), 0, 255).astype(np.uint8)
        (folder / f"person{number}.png").write_bytes(encode(shade[:, ::-1] if number % 2 else shade, "PNG"))
    (folder / "person0.jpg").write_bytes(encode(half, "JPEG"))
    (folder / "wall.png").write_bytes(encode(np.full((90, 90, 3), 120, np.uint8), "PNG"))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 nothing")
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_portraits_are_read_and_the_rest_is_named(portraits: Path) -> None:
    skipped: list[str] = []
    people = read_portraits(portraits, skipped.append)
    assert [person.subject for person in people] == [f"person{number}" for number in range(6)]
    assert len(skipped) == 3
    assert skipped[0].startswith("broken.jpg: ")
    assert skipped[1] == "person0.png: there is a portrait of 'person0' already"
    assert skipped[2] == "wall.png: no_face"


def test_a_collection_from_the_command_line(run: Run, portraits: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces"
    command = ("simulate", "face", portraits, out, "--licence", "public domain", "--variants", 1, "--seed", 5)
    code, printed, errors = run(*command)
    assert code == 0
    assert "SIMULATED captures of 6 people" in printed
    assert "left out wall.png: no_face" in errors
    rows = read_manifest(out / "manifest.csv")
    assert len(rows) == 6 * (1 + len(face_instruments))
    assert all(row.simulated for row in rows)
    assert {row.licence for row in rows} == {"public domain"}
    assert {row.pai_species for row in rows} == {None, *face_instruments}
    partitions = {
        row.subject: {other.partition for other in rows if other.subject == row.subject} for row in rows
    }
    assert all(len(sides) == 1 for sides in partitions.values())
    assert set.union(*partitions.values()) == {"train", "dev", "test"}
    assert not inspect(rows).unreadable
    first = {path.name: path.read_bytes() for path in out.glob("*.png")}
    people = read_portraits(portraits, lambda _: None)
    write_faces(people, tmp_path / "again", licence="public domain", variants=1, seed=5)
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "again").glob("*.png")}

    code, _, errors = run(*command)
    assert code == 3
    assert "must be an empty or new folder" in errors
    assert first == {path.name: path.read_bytes() for path in out.glob("*.png")}


def test_wrong_input_is_named_and_ends_with_3(run: Run, portraits: Path, tmp_path: Path, encode: Any) -> None:
    walls = tmp_path / "walls"
    walls.mkdir()
    (walls / "wall.png").write_bytes(encode(np.full((90, 90, 3), 120, np.uint8), "PNG"))
    out, licence = tmp_path / "out", ("--licence", "CC0")
    below_a_file = walls / "wall.png" / "out"
    for arguments, message in (
        ((tmp_path / "nowhere", out, *licence), "must be a folder with one picture a person"),
        ((walls, out, *licence), "no usable portrait"),
        ((portraits, out, *licence, "--instrument", "reply"), "did you mean 'replay'"),
        ((portraits, out, *licence, "--variants", 0), "variants"),
        ((portraits, out), "licence"),
        ((portraits, below_a_file, *licence), "cannot make the folder"),
    ):
        code, _, errors = run("simulate", "face", *arguments)
        assert code == 3, arguments
        assert message in errors
        assert not out.exists()


def test_fewer_than_six_people_are_not_divided(portraits: Path, tmp_path: Path) -> None:
    people = read_portraits(portraits, lambda _: None)[:2]
    seen: list[int] = []
    manifest = write_faces(
        people,
        tmp_path / "two",
        licence="CC0",
        variants=1,
        instruments=["print"],
        progress=lambda: seen.append(1),
    )
    rows = read_manifest(manifest)
    assert len(rows) == 4
    assert len({row.partition for row in rows}) == 1
    assert len(seen) == 2
    with pytest.raises(UnknownNameError, match="unknown face attack instrument 'hologram'"):
        write_faces(people, tmp_path / "x", licence="CC0", variants=1, instruments=["hologram"])
    with pytest.raises(InputError, match="holds something"):
        write_faces(people, manifest.parent, licence="CC0", variants=1)
