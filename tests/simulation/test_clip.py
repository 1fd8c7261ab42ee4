"""Simulated clips: geometry, light, noise and codecs against what they have to be."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from antispoof.data.manifest import read_manifest
from antispoof.errors import InputError, UnknownNameError
from antispoof.sensing.capture import Box
from antispoof.sensing.faces import find_faces
from antispoof.simulation.clip import clip_instruments
from antispoof.simulation.clip.camera import Camera, draw_settings
from antispoof.simulation.clip.codecs import CODECS, encode
from antispoof.simulation.clip.collection import plan_clips, write_clips
from antispoof.simulation.clip.flicker import flicker
from antispoof.simulation.clip.inject import INJECTIONS, Injected, Source, inject
from antispoof.simulation.clip.layers import View, film, rotation
from antispoof.simulation.clip.motion import MOTIONS, blinks, still
from antispoof.simulation.clip.person import Acting, body_of, head_layer
from antispoof.simulation.clip.render import ClipSpec, simulate_clip
from antispoof.simulation.clip.stage import Held, panel
from antispoof.simulation.clip.suites import SUITES
from antispoof.simulation.face.portrait import Portrait

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def person(portrait: NDArray[np.uint8]) -> Portrait:
    small = np.asarray(cv2.resize(portrait[:400, 60:460], (200, 200), interpolation=cv2.INTER_AREA), np.uint8)
    return Portrait.of("collins", small, find_faces(small)[0].box)


def acting(**tracks: Any) -> Acting:
    names = ("yaw", "pitch", "roll", "x", "y", "z", "breath", "blink", "mouth", "smile", "pulse")
    return Acting(**{name: tracks.get(name, still(500.0 if name == "z" else 0.0)) for name in names})


def rms_off_the_plane(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    plane, _ = cv2.findHomography(before, after, 0)
    mapped = cv2.perspectiveTransform(before[None].astype(np.float64), plane)[0]
    return float(np.sqrt(((mapped - after) ** 2).sum(axis=1).mean()))


def test_a_head_that_turns_is_no_plane_and_a_sheet_is_one(person: Portrait) -> None:
    body = body_of(person, np.random.default_rng(1))
    inside = body.face > 0.9
    assert 45 < np.ptp(body.relief[inside]) < 140  # nose to ears, mm
    head = head_layer(body, acting(yaw=lambda t: 12 * t))
    held = Held(still(5), still(0), still(400), lambda t: 20 * t, lambda t: 9 * t, still(3), still())
    picture = np.zeros((40, 30, 3), np.uint8)
    sheet, bent = (
        panel(lambda _: picture, 200, 260, one)
        for one in (held, Held(held.x, held.y, held.z, held.yaw, held.pitch, held.roll, still(40)))
    )
    view = View(640, 480, 600)
    off = {}
    for name, layer, chosen in (("head", head, inside), ("sheet", sheet, None), ("bent", bent, None)):
        before, after = (view.see(layer.points(t)).reshape(-1, 2) for t in (0.0, 1.0))
        kept = slice(None) if chosen is None else chosen.ravel()
        off[name] = rms_off_the_plane(before[kept], after[kept])
    assert off["sheet"] < 1e-2
    assert off["head"] > 1.5
    assert off["bent"] > 0.5


def test_what_a_sheet_shows_is_where_a_homography_puts_it() -> None:
    rng = np.random.default_rng(2)
    coarse = rng.integers(0, 255, (9, 12, 3)).astype(np.uint8)
    picture = cv2.resize(coarse, (240, 180), interpolation=cv2.INTER_CUBIC)
    held = Held(still(20), still(-10), still(420), still(18), still(-11), still(7), still())
    view = View(320, 240, 300, (2.0, -1.0, 3.0), (8.0, 2.0, -5.0))
    canvas, light = np.zeros((240, 320, 3), np.uint8), np.ones((240, 320, 3), np.float32)
    layer = panel(lambda _: np.asarray(picture, np.uint8), 200, 150, held)
    film(layer, view, 0.0, canvas, light)
    corners = view.see(layer.points(0.0))[[0, 0, -1, -1], [0, -1, -1, 0]]
    source = np.array([[0, 0], [239, 0], [239, 179], [0, 179]], np.float32)
    expected = cv2.warpPerspective(picture, cv2.getPerspectiveTransform(source, corners), (320, 240))
    whole = cv2.warpPerspective(
        np.full((180, 240), 255, np.uint8), cv2.getPerspectiveTransform(source, corners), (320, 240)
    )
    inside = cv2.erode(whole, np.ones((7, 7))) == 255
    assert inside.sum() > 8000
    assert np.abs(canvas[inside].astype(int) - expected[inside]).mean() < 1.0
    assert canvas[cv2.dilate(whole, np.ones((9, 9))) == 0].max() == 0
    assert light.min() == light.max() == 1


def test_a_nearer_thing_moves_more_before_a_camera_that_is_shifted() -> None:
    points = np.array([[0, 0, 400], [0, 0, 2000]], np.float32)
    seen = View(640, 480, 500, shift=(10.0, 0, 0)).see(points) - View(640, 480, 500).see(points)
    assert seen[:, 0] == pytest.approx([-10 * 500 / 400, -10 * 500 / 2000])


def test_a_turn_is_a_rotation_and_a_blink_closes_the_eye(person: Portrait) -> None:
    turn = rotation(20, -10, 5).astype(float)
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-6)
    assert np.linalg.det(turn) == pytest.approx(1)
    body = body_of(person, np.random.default_rng(1))
    shots = []
    for shut in (0.0, 1.0):
        canvas, light = np.zeros((300, 300, 3), np.uint8), np.ones((300, 300, 3), np.float32)
        view = View(300, 300, 700)
        film(head_layer(body, acting(blink=still(shut))), view, 0.0, canvas, light)
        shots.append(canvas * light)
    off = np.abs(shots[0] - shots[1]).mean(axis=2)
    for eye_x, eye_y in body.eyes:
        x, y = (round(150 + 700 * v / 410) for v in (eye_x, eye_y))
        assert off[y - 6 : y + 6, x - 8 : x + 8].mean() > 8
    assert off[220:].max() == 0  # chin and clothes stay


def test_the_light_of_rows_is_the_integral_over_their_exposure() -> None:
    hertz, depth, exposure, rows_s = 240.0, 0.4, 1 / 300, 0.02
    rows = np.linspace(0, 1, 50, dtype=np.float32)
    seen = flicker(hertz, depth, exposure, rows_s, 0.3)(0.5, rows)
    fine = (np.arange(4000) + 0.5) / 4000 * exposure - exposure / 2
    times = 0.5 + rows_s * rows[:, None].astype(float) + fine
    integral = (1 - depth * np.cos(2 * np.pi * hertz * times + 0.3)).mean(axis=1)
    assert seen == pytest.approx(integral, abs=1e-4)
    assert flicker(100.0, 0.3, 0.01, 0.02, 0)(1.0, rows) == pytest.approx(1, abs=1e-6)  # whole periods


@pytest.mark.parametrize("name", sorted(MOTIONS))
def test_movements_are_smooth_and_of_about_unit_size(name: str) -> None:
    times = np.arange(0, 4, 0.01)
    tracks = [MOTIONS[name](np.random.default_rng(seed), 4.0, 0.8) for seed in range(6)]
    values = np.array([[track(t) for t in times] for track in tracks])
    assert 0.4 < values.std(axis=1).mean() < 1.6
    assert np.abs(values).max() < 5
    assert np.abs(np.diff(values)).max() < 0.3
    assert [track(0.5) for track in tracks] == [
        MOTIONS[name](np.random.default_rng(seed), 4.0, 0.8)(0.5) for seed in range(6)
    ]
    lids = blinks(np.random.default_rng(3), 20.0, 20)
    shut = np.array([lids(t) for t in np.arange(0, 20, 0.01)])
    assert shut.min() == 0
    assert shut.max() > 0.95
    assert 0.02 < (shut > 0.5).mean() < 0.2


def test_noise_follows_the_light_and_the_exposure_its_aim() -> None:
    drawn = draw_settings(np.random.default_rng(4), MOTIONS["wander"], 2.0, (160, 120), (30.0,), (0.02, 0.02))
    plain = {"softness": 0.3, "pattern": 0.0, "smoothed": 0.0, "kept": 0.0, "sharpened": 0.0}
    rest = {"mains_depth": 0.0, "white": (1.0, 1.0, 1.0), "settle_s": 0.2, "start": 2.0, "target": 0.2}
    settings = type(drawn)(**{**{n: getattr(drawn, n) for n in drawn.__slots__}, **plain, **rest})
    camera = Camera(settings)
    picture = np.full((120, 160, 3), 60, np.uint8)
    picture[:, 80:] = 160
    light = np.ones((120, 160, 3), np.float32)
    frames = [camera.take(k / 30, picture, light) for k in range(60)]
    middle = (slice(40, 80), slice(20, 60)), (slice(40, 80), slice(100, 140))
    means = [float(((f / 255.0) ** 2.2).mean()) for f in frames]
    assert means[0] > 1.5 * means[-1]
    assert means[-1] == pytest.approx(0.2, rel=0.15)
    for place in middle:
        linear = (np.array([f[place] for f in frames[40:]]) / 255.0) ** 2.2
        level, noise = linear.mean(), linear.std(axis=0).mean()
        assert noise == pytest.approx(np.sqrt(settings.shot * level + settings.read**2), rel=0.2)


@pytest.mark.parametrize("name", sorted(CODECS))
def test_a_codec_keeps_pictures_and_times(name: str, tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.08, 0.16, 0.2, 0.24]
    rows = np.linspace(20, 220, 64)[:, None, None] * np.ones((1, 96, 3))
    pictures = [np.roll(rows, 6 * k, axis=0).astype(np.uint8) for k in range(len(times))]
    path = tmp_path / f"clip{CODECS[name].suffix}"
    encode(zip(times, pictures, strict=True), path, CODECS[name], CODECS[name].quality[0], 25.0)
    with av.open(str(path)) as opened:
        read = [(float(f.time or 0), f.to_ndarray(format="rgb24")) for f in opened.decode(video=0)]
    assert len(read) == len(times)
    if CODECS[name].suffix != ".avi":
        assert [t - read[0][0] for t, _ in read] == pytest.approx(times, abs=0.002)
    for picture, (_, seen) in zip(pictures, read, strict=True):
        assert np.abs(picture.astype(int) - seen).mean() < 6


@pytest.mark.parametrize("kind", sorted(clip_instruments))
def test_every_instrument_can_be_filmed_and_a_pair_shares_the_camera(kind: str, person: Portrait) -> None:
    suite = next(name for name in SUITES if kind in SUITES[name].instruments)
    attack = simulate_clip(ClipSpec(3, 0, 0, kind, suite, 0.2), person, person)
    bona_fide = simulate_clip(ClipSpec(3, 0, 0, None, suite, 0.2), person, person)
    assert bona_fide.bona_fide
    assert not attack.bona_fide
    assert (attack.codec, attack.quality) == (bona_fide.codec, bona_fide.quality)
    for name in ("fps", "focal", "shot", "seed", "width", "height"):
        assert getattr(attack.settings, name) == getattr(bona_fide.settings, name)
    (first, picture), (second, other) = itertools.islice(attack.frames(), 2)
    assert first == 0 < second
    assert picture.shape == other.shape == (attack.settings.height, attack.settings.width, 3)
    assert not np.array_equal(picture, other)
    assert picture.std() > 10


def test_the_same_specification_gives_the_same_clip(person: Portrait) -> None:
    spec = ClipSpec(3, 0, 0, "replay_phone", "taught", 0.2)
    first, second = (simulate_clip(spec, person, person).frames() for _ in range(2))
    for (at, one), (again, other) in zip(first, second, strict=True):
        assert at == again
        assert np.array_equal(one, other)


def test_suites_share_neither_instruments_nor_codecs_nor_motion() -> None:
    taught, held_out = SUITES["taught"], SUITES["held_out"]
    for part in ("instruments", "codecs", "fps", "sizes"):
        assert not set(getattr(taught, part)) & set(getattr(held_out, part))
    assert taught.motion != held_out.motion
    assert {*taught.instruments, *held_out.instruments} == set(clip_instruments)


def test_a_collection_from_the_command_line(
    run: Run, portrait: NDArray[np.uint8], encode: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "portraits"
    folder.mkdir()
    for number in range(3):
        (folder / f"person{number}.png").write_bytes(encode(portrait[: 400 + 8 * number : 2, ::2], "PNG"))
    command = ("simulate", "clip", folder, tmp_path / "clips", "--licence", "public domain")
    options = ("--subjects", 2, "--seconds", 0.2, "--workers", 1, "--instrument", "print_flat")
    code, printed, _ = run(*command, *options)
    assert code == 0
    assert "4 SIMULATED clips of 0.2 s" in printed
    rows = read_manifest(tmp_path / "clips" / "manifest.csv")
    assert [row.pai_species for row in rows] == [None, "print_flat"] * 2
    assert all(row.simulated and row.licence == "public domain" for row in rows)
    assert {row.subject: row.partition for row in rows}.keys() == {"person0", "person1"}
    assert all(row.captures["face_rgb"].path.stat().st_size > 500 for row in rows)
    code, _, errors = run(*command, *options)
    assert code == 3
    assert "must be an empty or new folder" in errors


def test_wrong_wishes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'taught'"):
        plan_clips(1, 1, 1, "tought", 1.0)
    with pytest.raises(UnknownNameError, match="did you mean 'print_flat'"):
        plan_clips(1, 1, 1, "taught", 1.0, ["print_flt"])
    with pytest.raises(InputError, match=r"seconds must be 0\.2 to 30, got 31"):
        plan_clips(1, 1, 1, "taught", 31.0)
    with pytest.raises(InputError, match="subjects and takes must be at least 1"):
        plan_clips(1, 0, 1, "taught", 1.0)
    with pytest.raises(InputError, match="need 2 portraits in their part"):
        write_clips(plan_clips(1, 1, 1, "taught", 1.0), tmp_path, tmp_path / "out", licence="CC0")
    blank = Portrait.of("nobody", np.full((120, 90, 3), 90, np.uint8), Box(20, 20, 50, 60))
    with pytest.raises(InputError, match="no eyes and mouth found in the portrait of 'nobody'"):
        body_of(blank, np.random.default_rng(0))


@pytest.fixture(scope="module")
def filmed(person: Portrait) -> list[tuple[float, NDArray[np.uint8]]]:
    clip = simulate_clip(ClipSpec(8, 0, 0, None, "taught", 0.5), person, person)
    return list(clip.frames())


@pytest.mark.parametrize("family", ["taught", "held_out"])
@pytest.mark.parametrize("kind", sorted(INJECTIONS))
def test_every_kind_of_stream_is_made_of_a_clip(
    kind: str, family: str, filmed: list[tuple[float, NDArray[np.uint8]]], person: Portrait
) -> None:
    times, pictures = zip(*filmed, strict=True)

    def made() -> Injected:
        return inject(kind, Source(pictures, times, person, family, np.random.default_rng(2)))

    stream = made()
    frames = list(stream.frames)
    assert len(frames) > 4
    assert np.all(np.diff([at for at, _ in frames]) > 0)
    assert 5 < stream.fps < 70
    own = {picture.tobytes() for picture in pictures}
    stored = [picture.tobytes() in own for _, picture in frames]
    if kind == "inject_reencoded":
        assert all(stored)
    elif kind == "inject_looped":
        assert len({picture.tobytes() for _, picture in frames}) < len(frames)
    elif kind in {"inject_generated", "inject_morphed", "inject_swapped"}:
        assert not any(stored)
        assert np.abs(frames[0][1].astype(int) - pictures[0]).max() > 20
    elif kind == "inject_virtual_camera":
        assert frames[0][1].shape != pictures[0].shape
    for (at, one), (again, other) in zip(frames, made().frames, strict=True):
        assert at == again
        assert np.array_equal(one, other)


def test_injected_streams_from_the_command_line(
    run: Run, portrait: NDArray[np.uint8], encode: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "portraits"
    folder.mkdir()
    for number in range(3):
        (folder / f"person{number}.png").write_bytes(encode(portrait[: 400 + 8 * number : 2, ::2], "PNG"))
    specs = plan_clips(4, 1, 1, "taught", 0.3, ["print_flat"])
    clips = write_clips(specs, folder, tmp_path / "clips", licence="public domain", workers=1)
    command = ("simulate", "inject", clips.manifest, tmp_path / "streams", "--portraits", folder)
    code, printed, _ = run(
        *command, "--each", 3, *(f"--kind=inject_{kind}" for kind in ("reencoded", "looped", "looped"))
    )
    assert code == 0
    assert "3 SIMULATED streams" in printed
    rows = read_manifest(tmp_path / "streams" / "manifest.csv")
    assert [row.pai_species for row in rows] == ["inject_reencoded", "inject_looped", "inject_reencoded"]
    assert all(row.simulated and row.subject == "person0" for row in rows)
    for arguments, message in (
        (command, "must be an empty or new folder"),
        ((*command[:3], tmp_path / "a", *command[4:], "--kind", "inject_loop"), "did you mean"),
        ((*command[:3], tmp_path / "a", *command[4:], "--suite", "taugt"), "did you mean 'taught'"),
        ((*command[:3], tmp_path / "a", "--portraits", tmp_path / "none"), "must be a folder with one"),
    ):
        code, _, errors = run(*arguments)
        assert code == 3
        assert message in errors
