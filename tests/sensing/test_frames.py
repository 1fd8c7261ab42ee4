"""Frames of one presentation: bursts, stacks and clips, and what no camera delivers."""

from __future__ import annotations

import functools
import struct
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from antispoof.errors import InputError, MediaError
from antispoof.sensing.capture import Box, Recording, Sample
from antispoof.sensing.faces import find_faces
from antispoof.sensing.frames import load_frames
from antispoof.sensing.people import shows_several_people
from antispoof.sensing.source import MediaLimits

SIDE = 64


def scene(seed: int = 0) -> NDArray[np.uint8]:
    texture = cv2.GaussianBlur(np.random.default_rng(seed).normal(128, 400, (96, 96)), (0, 0), 3)
    return np.repeat(texture.clip(0, 250).astype(np.uint8)[:, :, None], 3, axis=2)


def moving(count: int, seed: int = 0) -> list[NDArray[np.uint8]]:
    """A textured thing before a camera that is held by hand."""
    random = np.random.default_rng(seed)
    places = (16 + 8 * np.sin(random.normal(0, 1, (count, 2)).cumsum(axis=0) / 12)).round().astype(int)
    noise = random.integers(0, 3, (count, SIDE, SIDE, 1), np.uint8)
    return [scene(seed)[y : y + SIDE, x : x + SIDE] // 2 + noise[n] for n, (x, y) in enumerate(places)]


def film(path: Path, pictures: list[Any], rate: int = 10, codec: str = "mpeg4", times: Any = None) -> Path:
    """Write pictures; ``times`` are milliseconds, where they are not evenly spaced."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=1000 if times is not None else rate)
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
        stream.bit_rate = 4_000_000
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            if times is not None:
                frame.pts = times[index]
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def test_the_sharpest_picture_of_each_stretch_of_time_is_picked(tmp_path: Path) -> None:
    pictures = [cv2.GaussianBlur(one, (0, 0), 4) for one in moving(32)]
    for sharp in range(1, 32, 4):
        pictures[sharp] = moving(32)[sharp]
    found = load_frames("face_rgb", film(tmp_path / "a.mp4", pictures))
    assert [sample.metadata["frame"] for sample in found.samples] == list(range(1, 32, 4))
    assert found.reasons == ()
    starts, ends = zip(*found.spans_s, strict=True)
    assert starts[0] == 0
    assert ends[-1] == pytest.approx(3.2)
    assert starts[1:] == ends[:-1], "every moment belongs to one picture"
    assert np.abs(found.samples[2].array.astype(int) - pictures[9]).mean() < 6


def test_frames_are_spread_over_time_and_not_over_their_numbers(tmp_path: Path) -> None:
    """Thirty pictures in the first second, then one in two seconds: as phones do in the dark."""
    times = [33 * n for n in range(30)] + [1000 + 500 * n for n in range(1, 14)]
    found = load_frames("face_rgb", film(tmp_path / "a.mkv", moving(len(times)), codec="ffv1", times=times))
    assert sum(sample.metadata["frame"] < 30 for sample in found.samples) <= 2
    assert len(found.samples) == 8


def test_of_a_longer_video_a_range_may_be_a_clip(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", moving(40))
    limits = MediaLimits(max_clip_seconds=2)
    found = load_frames("face_rgb", Recording(path, frames=(10, 26)), limits)
    places = [sample.metadata["frame"] for sample in found.samples]
    assert [(place - 10) // 2 for place in places] == list(range(8))
    assert (found.spans_s[0][0], found.spans_s[-1][1]) == (pytest.approx(1.0), pytest.approx(2.6))
    with pytest.raises(MediaError, match="lasts 3 s; a video may last 2 s"):
        load_frames("face_rgb", Recording(path, frames=(10, 40)), limits)


@pytest.mark.parametrize("turned", [0, 1, 2, 3])
def test_a_clip_is_upright(turned: int, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", moving(9))
    content = bytearray(path.read_bytes())
    a, b = ((1, 0), (0, 1), (-1, 0), (0, -1))[turned]
    place = content.index(b"tkhd") + 44
    struct.pack_into(">9i", content, place, a << 16, b << 16, 0, -b << 16, a << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    for sample in load_frames("face_rgb", path).samples:
        expected = np.rot90(moving(9)[sample.metadata["frame"]], -turned)
        assert np.abs(sample.array.astype(int) - expected).mean() < 8


def test_what_no_camera_delivers_is_told(tmp_path: Path) -> None:
    one, other = moving(60), moving(60, seed=1)
    still = film(tmp_path / "still.mkv", [one[0]] * 30, codec="ffv1")
    assert load_frames("face_rgb", still).reasons == ("frozen",)
    held = film(tmp_path / "held.mkv", [*one[:30], *[one[30]] * 15], codec="ffv1")
    assert load_frames("face_rgb", held).reasons == ()
    loop = film(tmp_path / "loop.mkv", [*one[:15], *one[:15], *one[:15]], codec="ffv1")
    assert load_frames("face_rgb", loop).reasons == ("looped",)
    again = film(tmp_path / "again.mp4", [*one[:30], *one[:30]])  # coded with a loss: no two are equal
    assert load_frames("face_rgb", again).reasons == ("looped",)
    to_and_fro = film(tmp_path / "fro.mp4", [*one[:30], *one[29::-1]])
    assert load_frames("face_rgb", to_and_fro).reasons == ("looped",)
    assert load_frames("face_rgb", film(tmp_path / "one.mp4", one)).reasons == ()
    joined = film(tmp_path / "joined.mp4", [*one[:20], *other[20:40]])
    found = load_frames("face_rgb", joined)
    assert (found.reasons, found.measurements["splices"]) == (("spliced",), 1)
    assert load_frames("face_rgb", [one[0], one[9], one[0]]).reasons == ("repeated",)
    assert load_frames("face_rgb", one[::9]).reasons == ()


@pytest.mark.parametrize(("name", "stacked"), [("face_rgb", False), ("face_depth", True)])
def test_a_stack_is_several_frames(name: str, stacked: bool, tmp_path: Path) -> None:
    pictures = np.stack(moving(20))
    array = 500 + pictures[..., 0].astype(np.uint16) if stacked else pictures
    np.save(tmp_path / "stack.npy", array)
    for source in (array, tmp_path / "stack.npy", Sample(array), Recording(tmp_path / "stack.npy")):
        assert len(load_frames(name, source).samples) == 8
    (ranged,) = load_frames(name, Recording(tmp_path / "stack.npy", frames=(3, 4))).samples
    (whole,) = load_frames(name, array[3]).samples
    np.testing.assert_array_equal(ranged.array, whole.array)


def test_a_clip_of_depth_keeps_its_values(tmp_path: Path) -> None:
    maps = [(1000 + 40 * n + np.arange(64 * 64).reshape(64, 64) % 7).astype(np.uint16) for n in range(6)]
    with av.open(str(tmp_path / "a.mkv"), "w") as out:
        stream = out.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "gray16le"
        for one in maps:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(one, "gray16le")))
        out.mux(stream.encode(None))
    found = load_frames("face_depth", Recording(tmp_path / "a.mkv", unit="0.1 mm"))
    for sample in found.samples:
        np.testing.assert_allclose(sample.array, maps[sample.metadata["frame"]] / 10, rtol=1e-6)


def test_bad_frames_are_refused_in_words(tmp_path: Path) -> None:
    def refused(source: Any, code: str, words: str, **limits: Any) -> None:
        with pytest.raises(MediaError, match=words) as caught:
            load_frames("face_rgb", source, MediaLimits(**limits))
        assert caught.value.code == code

    path = film(tmp_path / "a.mp4", moving(40))
    refused([], "empty", "face_rgb: the list of frames is empty; hand in one at least")
    refused(moving(33), "frame_limit", "33 frames, and one presentation may have 32: leave some out")
    refused([path, path], "film", "a.mp4' is a clip among frames: hand in the clip by itself")
    refused(path, "duration_limit", "lasts 4 s; a video may last 2 s: cut it", max_clip_seconds=2)
    refused(path, "duration_limit", "a video may last 3.4 s: cut it", max_clip_seconds=3.4)
    assert load_frames("face_rgb", path, MediaLimits(max_clip_seconds=3.6)).samples, "it may stop late"
    refused(path, "pixel_limit", "is 64×64, 0.004 Mpx; at most 0.002 Mpx", max_pixels=2000)
    refused([tmp_path / "none.jpg"], "not_found", "no such file")
    with pytest.raises(InputError, match="a frame is a path, bytes or an array, not a list"):
        load_frames("face_rgb", [moving(2)])  # type: ignore[list-item]
    for name, codec in (("b.mkv", "ffv1"), ("c.webm", "libvpx"), ("d.mp4", "mpeg4")):
        content = film(tmp_path / name, moving(40), codec=codec).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        refused(tmp_path / name, "decode_failed", "damaged|cut short")


def test_a_coding_that_nobody_reads_is_named_as_such(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", moving(5), codec="ffv1")
    path.write_bytes(path.read_bytes().replace(b"V_FFV1", b"V_ZZZZ"))
    with pytest.raises(MediaError, match="in a coding that nothing here reads") as caught:
        load_frames("face_rgb", path)
    assert caught.value.code == "unsupported_media"


def test_pictures_of_several_people_fall_apart() -> None:
    """A texture stands for a face and what is around it."""
    one, other = moving(12)[::4], moving(12, seed=1)[::4]
    here, there = Box(4, 4, 24, 24), Box(36, 36, 24, 24)
    assert not shows_several_people(one, [here] * 3)
    assert not shows_several_people(one, [here, there, here]), "one may move"
    assert not shows_several_people(one[:1], [here])
    mixed = [one[0], other[0], one[1], other[1]]
    assert shows_several_people(mixed, [here, there, here, there])
    assert shows_several_people(mixed[:2], [here] * 2)
    near = np.array([[0.0], [0.5], [1.0], [1.5]])
    assert shows_several_people(mixed, [here] * 4, near), "nothing ties more than half of them together"
    watched = functools.partial(shows_several_people, mixed, [here] * 4, in_one_run=True)
    assert not watched(near), "a network sees them near each other"
    assert watched(9 * near)
    assert not shows_several_people(one, [here] * 3, np.array([[0.0], [9.0], [18.0]])), "one place"


@pytest.fixture(scope="module")
def people() -> list[list[NDArray[np.uint8]]]:
    """Four captures of each of eight people: the astronaut's face, bent and patterned for each."""
    from skimage.data import astronaut

    return [_captures(astronaut()[40:230, 130:320], person) for person in range(8)]


def _captures(face: NDArray[np.uint8], person: int) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(person)
    rows, columns = np.indices(face.shape[:2], np.float32)

    def smooth(px: float) -> NDArray[np.float32]:
        field = cv2.GaussianBlur(rng.standard_normal(rows.shape).astype(np.float32), (0, 0), px)
        return np.asarray(field / field.std(), np.float32)

    across, down = columns + 5 * smooth(10), rows + 5 * smooth(10)
    own = cv2.remap(face, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    own = own * (1 + 0.12 * smooth(2))[..., None]
    # hair and what is behind it are each person's own as well
    there = np.clip(3 - 3 * (((columns - 95) / 62) ** 2 + ((rows - 90) / 78) ** 2), 0, 1)[..., None]
    own = there * own + (1 - there) * (120 + 40 * smooth(3))[..., None]
    captures = []
    for turn, scale in ((0.0, 1.0), (4.0, 1.05), (-6.0, 0.95), (9.0, 1.1)):
        moved = cv2.getRotationMatrix2D((95, 95), turn, scale)
        shown = cv2.warpAffine(own, moved, (190, 190), borderMode=cv2.BORDER_REPLICATE)
        captures.append(np.clip(shown + rng.normal(0, 3, shown.shape), 0, 255).astype(np.uint8))
    return captures


def told(pictures: list[NDArray[np.uint8]], tones: Any = None, **how: bool) -> bool:
    return shows_several_people(pictures, [find_faces(one)[0].box for one in pictures], tones, **how)


@pytest.mark.parametrize("count", range(2, 9))
def test_as_many_people_as_there_are(people: list[list[NDArray[np.uint8]]], count: int) -> None:
    assert told([own[0] for own in people[:count]])
    assert told([one for own in people[:count] for one in own[:2]])
    frames = people[0] + [own[0] for own in people[1:count]]
    assert told(frames) == (count > 4), "more than half are of one of them: others may be of one who turned"
    near = np.zeros((count, 1))
    assert told([own[0] for own in people[:count]], near), "whatever a network sees: they look the same way"


def test_one_person_who_moves_is_one(people: list[list[NDArray[np.uint8]]]) -> None:
    for own in people:
        assert not told(own)
        assert not told([own[0], own[3]])


def test_faces_of_one_run_may_differ(people: list[list[NDArray[np.uint8]]]) -> None:
    one, other = people[0][0], people[1][0]
    assert not told([one, other], np.array([[0.0], [1.0]]), in_one_run=True)
    assert told([one, other])


def test_something_ties_the_end_of_a_film_to_its_beginning(people: list[list[NDArray[np.uint8]]]) -> None:
    one, other = people[0], people[1]
    mixed = [cv2.addWeighted(one[3], 1 - share, other[3], share, 0) for share in (0.35, 0.65)]
    faded, near = [*one[:3], *mixed, *other[:3]], np.zeros((8, 1))
    assert not told(faded, near, in_one_run=True), "each is like the next to a network"
    assert told(faded, near, in_one_run=True, filmed=True)
    assert told([*one, *one[:1], *other[:3]], near, filmed=True), "a majority is not enough"
    assert not told([*one, other[0], *one[1:]], near, filmed=True), "what lies between does not count"
    assert not told(one, in_one_run=True, filmed=True)
