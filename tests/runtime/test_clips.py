"""Clips of every kind that people hand in: each has a stated outcome, and none is a pass by accident."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from filmed import HEIGHT, WIDTH, Pictures, head, room, write
from numpy.typing import NDArray

import antispoof
from antispoof.errors import MediaError
from antispoof.runtime.detector import Detector
from antispoof.runtime.verdict import Verdict
from antispoof.sensing import video
from antispoof.sensing.watch import Watch

Picture = NDArray[np.uint8]


@pytest.fixture
def detector(make_bundle: Callable[..., Path]) -> Detector:
    return antispoof.load(make_bundle())


def cue_reasons(verdict: Verdict) -> set[tuple[str, ...]]:
    return {each.reasons for each in verdict.cues}


def without_face(rate: float, seconds: float, begin_s: float = 0.0) -> Pictures:
    rng = np.random.default_rng(9)
    for number in range(round(rate * seconds)):
        yield (
            begin_s + number / rate,
            np.clip(room(3) + rng.normal(0, 2, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8),
        )


def measured(verdict: Verdict) -> set[str]:
    return {each.name for each in verdict.cues if each.status != "not_measurable"}


ALL = {"face_relief", "face_screen", "face_camera"}


def test_an_ordinary_clip(detector: Detector, portrait: Picture, tmp_path: Path) -> None:
    verdict = detector.check(face_rgb=write(tmp_path / "a.mp4", head(portrait)))
    assert measured(verdict) >= ALL
    document = verdict.as_dict()["cues"]
    assert {each["name"] for each in document} == {each.name for each in verdict.cues}
    relief = next(each for each in verdict.cues if each.name == "face_relief")
    assert relief.course
    assert relief.measurements["motion"] < 0
    total = sum(each.contribution for each in verdict.cues)
    assert verdict.score is not None
    assert verdict.score == pytest.approx(total + sum(each.contribution for each in verdict.bundle_scores))


@pytest.mark.parametrize(
    ("name", "rate", "expected"),
    [("one picture", 0, "too_short"), ("one a second", 1, "too_short"), ("a slideshow", 2, "too_short")],
)
def test_too_few_pictures_are_judged_and_nothing_is_said_of_their_course(
    name: str, rate: int, expected: str, detector: Detector, portrait: Picture, tmp_path: Path
) -> None:
    pictures = list(head(portrait, seconds=4, rate=max(rate, 1)))[: 4 * rate or 1]
    if name == "a slideshow":  # each picture stands for three seconds
        pictures = [(3.0 * number, picture) for number, (_, picture) in enumerate(pictures[:4])]
    lasts = 3.0 if name == "a slideshow" else 0.0
    verdict = detector.check(face_rgb=write(tmp_path / "a.mp4", iter(pictures), rate=10, lasts=lasts))
    assert verdict.outcome in ("bona_fide", "attack", "non_response")
    assert measured(verdict) == set()
    assert all(expected in reasons for reasons in cue_reasons(verdict)) or len(pictures) == 1


def test_a_fast_camera_is_thinned_out(detector: Detector, portrait: Picture, tmp_path: Path) -> None:
    pictures = [(k / 240, picture) for k, (_, picture) in enumerate(head(portrait, seconds=0.5, rate=240))]
    verdict = detector.check(face_rgb=write(tmp_path / "a.mp4", iter(pictures), rate=240))
    camera = next(each for each in verdict.cues if each.name == "face_camera")
    assert camera.measurements["pictures_a_second"] == pytest.approx(np.log(30), abs=0.2)


def test_ten_bits_are_read_and_hdr_is_refused(detector: Detector, portrait: Picture, tmp_path: Path) -> None:
    few = list(head(portrait, seconds=1.2))
    plain = write(tmp_path / "a.mkv", iter(few), codec="ffv1", pixels="yuv420p10le")
    assert measured(detector.check(face_rgb=plain)) >= {"face_camera"}
    bright = write(tmp_path / "b.mkv", iter(few), codec="ffv1", pixels="yuv420p10le", color_trc=16)
    with pytest.raises(MediaError, match=r"HDR video \(PQ\); record it in SDR"):
        detector.check(face_rgb=bright)


def test_a_clip_with_gaps(detector: Detector, portrait: Picture, tmp_path: Path) -> None:
    pictures = [(t, p) for t, p in head(portrait, seconds=4) if not 1 < t < 2.2]
    verdict = detector.check(face_rgb=write(tmp_path / "a.mp4", iter(pictures)))
    camera = next(each for each in verdict.cues if each.name == "face_camera")
    assert camera.measurements["steps_missed"] > 0
    assert measured(verdict) >= ALL, "what lies on either side of the gap is measured"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("a.webm", {"live": "1"}),
        ("a.mkv", {"live": "1"}),
    ],
)
def test_containers_that_do_not_say_how_long_they_last(
    name: str, options: dict[str, str], detector: Detector, portrait: Picture, tmp_path: Path
) -> None:
    path = tmp_path / name
    codec = "libvpx" if name.endswith("webm") else "mpeg4"
    with av.open(str(path), "w", options=options) as out:
        stream = out.add_stream(codec, rate=15)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", 3_000_000
        stream.options = {"deadline": "realtime", "cpu-used": "8"} if codec == "libvpx" else {}
        for _, picture in head(portrait, seconds=1.5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(stream.encode(None))
    assert measured(detector.check(face_rgb=path)) >= {"face_camera", "face_screen"}


def test_sound_that_lasts_longer_than_the_pictures(
    detector: Detector, portrait: Picture, tmp_path: Path
) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        film, sound = out.add_stream("mpeg4", rate=15), out.add_stream("aac", rate=16000)
        film.width, film.height, film.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for _, picture in head(portrait, seconds=1.5):
            out.mux(film.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(film.encode(None))
        for number in range(40):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, 1024 * number, Fraction(1, 16000)
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    verdict = detector.check(face_rgb=path)
    assert "the sound of the film" in verdict.evidence[0].unjudged
    assert measured(verdict) >= {"face_camera"}


def test_what_is_cut_short_is_refused(detector: Detector, portrait: Picture, tmp_path: Path) -> None:
    whole = write(tmp_path / "a.mkv", head(portrait)).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match="cut short"):
        detector.check(face_rgb=cut)


def test_a_moving_gif_is_no_clip(detector: Detector, portrait: Picture, tmp_path: Path) -> None:
    from PIL import Image

    few = [Image.fromarray(picture) for _, picture in itertools.islice(head(portrait), 4)]
    few[0].save(tmp_path / "a.gif", save_all=True, append_images=few[1:], duration=80)
    with pytest.raises(MediaError) as told:
        detector.check(face_rgb=tmp_path / "a.gif")
    assert told.value.code == "unsupported_media"


def test_no_face_in_most_pictures(detector: Detector, portrait: Picture, tmp_path: Path) -> None:
    def film() -> Iterator[tuple[float, Picture]]:
        yield from head(portrait, seconds=0.6)
        yield from without_face(15, 2.4, 0.6)

    verdict = detector.check(face_rgb=write(tmp_path / "a.mp4", film()))
    assert verdict.outcome == "non_response"
    assert "few_usable" in verdict.reasons
    assert measured(verdict) == set()
    assert cue_reasons(verdict) == {("no_face",)}


def test_a_cut_between_two_people(detector: Detector, portrait: Picture, tmp_path: Path) -> None:
    def film() -> Iterator[tuple[float, Picture]]:
        yield from head(portrait, seconds=1.5)
        for time_s, picture in head(portrait, seconds=1.5, seed=4):
            yield 1.5 + time_s, np.ascontiguousarray(255 - picture[:, ::-1] // 2)

    verdict = detector.check(face_rgb=write(tmp_path / "a.mp4", film()))
    assert verdict.outcome != "bona_fide"
    assert "spliced" in verdict.evidence[0].reasons


@pytest.mark.parametrize("every", [1, 2, 5])
def test_cuts_between_two_people_however_often(
    detector: Detector, portrait: Picture, tmp_path: Path, every: int
) -> None:
    """At 25 pictures a second a look at every other one sees one of the two alone."""

    def film() -> Iterator[tuple[float, Picture]]:
        two = (head(portrait, seconds=2, rate=25), head(portrait, seconds=2, rate=25, seed=4))
        for number, ((time_s, one), (_, other)) in enumerate(zip(*two, strict=True)):
            shown = one if number // every % 2 else np.ascontiguousarray(other[:, ::-1] // 2 + 20)
            yield time_s, shown

    verdict = detector.check(face_rgb=write(tmp_path / "a.mp4", film(), rate=25))
    assert verdict.outcome != "bona_fide"
    assert {"spliced", "several_people"} & {*verdict.evidence[0].reasons}


def test_cuts_between_pictures_that_lie_far_apart(
    detector: Detector, portrait: Picture, tmp_path: Path
) -> None:
    """No step is a jump then: the pictures themselves are held against each other."""

    def film() -> Iterator[tuple[float, Picture]]:
        for time_s, picture in head(portrait, seconds=6, rate=2):
            yield time_s, picture if time_s < 3 else np.ascontiguousarray(picture[:, ::-1] // 2 + 20)

    verdict = detector.check(face_rgb=write(tmp_path / "a.mp4", film(), rate=2))
    assert verdict.outcome != "bona_fide"
    assert "several_people" in verdict.evidence[0].reasons


def test_a_still_picture_with_noise(detector: Detector, portrait: Picture, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    shown = next(head(portrait))[1].astype(np.float32)

    def film(seconds: float) -> Iterator[tuple[float, Picture]]:
        for number in range(round(seconds * 10)):
            noise = rng.normal(0, 4, shown.shape)
            yield number / 10, np.clip(shown * (1 + 0.01 * np.sin(number)) + noise, 0, 255).astype(np.uint8)

    verdict = detector.check(face_rgb=write(tmp_path / "a.mp4", film(2.2)))
    assert verdict.outcome != "bona_fide"
    assert "still" in verdict.evidence[0].reasons
    short = detector.check(face_rgb=write(tmp_path / "b.mp4", film(1.2)))
    assert "still" not in short.evidence[0].reasons, "somebody may rest for a second"
    moving = detector.check(face_rgb=write(tmp_path / "c.mp4", head(portrait)))
    assert "still" not in moving.evidence[0].reasons


def test_a_picture_that_a_program_moves_is_still(portrait: Picture) -> None:
    rng = np.random.default_rng(5)
    shown, watch, living = next(head(portrait))[1], Watch(()), Watch(())
    for number in range(30):
        at = number / 15
        matrix = cv2.getRotationMatrix2D((240, 200), 3 * np.sin(at), 1.15 + 0.06 * np.sin(2 * at))
        matrix[:, 2] += 15 * np.sin(1.7 * at), 8 * np.sin(2.3 * at)
        moved = cv2.warpAffine(shown, matrix, (480, 400), borderMode=cv2.BORDER_REFLECT)
        watch.see(at, np.clip(moved + rng.normal(0, 2, moved.shape), 0, 255).astype(np.uint8))
    for time_s, picture in head(portrait):
        living.see(time_s, picture)
    assert watch.rest.moved > 0.075
    assert watch.still
    assert living.rest.followed_s > 1.5
    assert not living.still


def test_a_picture_that_a_program_swings_in_perspective_is_still(portrait: Picture) -> None:
    rng = np.random.default_rng(5)
    shown, watch = next(head(portrait))[1], Watch(())
    corners = np.array([[0, 0], [480, 0], [480, 400], [0, 400]], np.float32)
    for number in range(30):
        at = number / 15
        swung = corners * 1.1 - 20
        swung[1, 1] += 20 * np.sin(1.5 * at)
        swung[2, 1] -= 20 * np.sin(1.5 * at)
        plane = cv2.getPerspectiveTransform(corners, swung)
        moved = cv2.warpPerspective(shown, plane, (480, 400), borderMode=cv2.BORDER_REFLECT)
        watch.see(at, np.clip(moved + rng.normal(0, 1, moved.shape), 0, 255).astype(np.uint8))
    assert watch.rest.moved > 0.03
    assert watch.reasons == ("still",)


def test_half_a_second_forwards_and_backwards_is_a_loop(
    detector: Detector, portrait: Picture, tmp_path: Path
) -> None:
    pictures = [picture for _, picture in head(portrait, rate=15, noise=2)]

    def film() -> Iterator[tuple[float, Picture]]:
        for number in range(40):
            place = number % 14
            yield number / 15, pictures[14 - place if place > 7 else place]

    looped = detector.check(face_rgb=write(tmp_path / "a.mp4", film()))
    assert looped.outcome != "bona_fide"
    assert "looped" in looped.evidence[0].reasons
    plain = detector.check(face_rgb=write(tmp_path / "b.mp4", head(portrait)))
    assert "looped" not in plain.evidence[0].reasons


def test_an_interlaced_clip_and_one_on_its_side(
    detector: Detector, portrait: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.mkv", head(portrait, seconds=1.2))
    shapes: set[tuple[int, ...]] = set()
    see = Watch.see

    def noting(watch: Watch, time_s: float, image: Picture, interlaced: bool = False) -> object:
        shapes.add(image.shape)
        return see(watch, time_s, image, interlaced)

    quarter = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    with monkeypatch.context() as patch:
        patch.setattr(Watch, "see", noting)
        patch.setattr(video, "_display_matrix", lambda _: quarter)
        detector.check(face_rgb=path)
    assert shapes == {(WIDTH, HEIGHT, 3)}, "cues see what is upright"
    seen: list[Any] = []
    original = video._show
    monkeypatch.setattr(
        video,
        "_show",
        lambda watch, time_s, picture, *rest: seen.append(original(watch, time_s, _Combed(picture), *rest)),
    )
    verdict = detector.check(face_rgb=path)
    assert seen
    assert cue_reasons(verdict) == {("interlaced",)}
    assert verdict.score is not None, "its pictures are judged as they are"


class _Combed:
    """A picture that says that it is interlaced."""

    interlaced_frame = True

    def __init__(self, picture: Any) -> None:
        self._picture = picture

    def __getattr__(self, name: str) -> Any:
        return getattr(self._picture, name)
