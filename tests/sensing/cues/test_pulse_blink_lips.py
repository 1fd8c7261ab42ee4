"""A pulse, a blink and a mouth that goes with a voice are found where they were put, and not elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from filmed import HEIGHT, WIDTH, head
from numpy.typing import NDArray

import antispoof
from antispoof.runtime.cues import judge_cues
from antispoof.sensing.capture import Box
from antispoof.sensing.cues import Measured, cues
from antispoof.sensing.cues.lip_sound import heard
from antispoof.sensing.track import TrackedFrame
from antispoof.sensing.watch import Watch

Picture = NDArray[np.uint8]
RATE = 25.0
GREY = np.zeros((8, 8), np.uint8)
RNG = np.random.default_rng(2)
SKIN = np.clip(
    np.array([190.0, 140.0, 120.0]) + RNG.normal(0, 12, (96, 96, 1)) + RNG.normal(0, 4, (96, 96, 3)), 0, 255
)


def through(name: str, face_at: Callable[[float], NDArray[np.float64]], seconds: float) -> Measured:
    watch, rng = cues[name].watch(), np.random.default_rng(1)
    marks = np.array([[30, 34], [66, 34], [48, 55], [38, 76], [58, 76]], np.float64)
    for number in range(round(seconds * RATE)):
        face = np.clip(face_at(number / RATE) + rng.normal(0, 1.5, (96, 96, 3)), 0, 255).astype(np.uint8)
        step = 1 / RATE if number else 0.0
        watch.see(
            TrackedFrame(number / RATE, step, Box(0, 0, 96, 96), marks, False, GREY, GREY, face, None, False)
        )
    return watch.measured()


def numbers(found: Measured) -> dict[str, float]:
    assert found.features is not None, found.reasons
    assert np.isfinite(found.features).all()
    return dict(zip(cues[found.name].features, found.features.tolist(), strict=True))


def test_a_pulse_is_found_at_its_rate() -> None:
    def beating(time_s: float) -> NDArray[np.float64]:
        return SKIN + 0.8 * np.sin(2 * np.pi * 1.2 * time_s) * np.array([0.3, 0.8, 0.5])

    there, none = (
        numbers(through("face_pulse", beating, 8)),
        numbers(through("face_pulse", lambda _: SKIN, 8)),
    )
    assert there["rate_hz"] == pytest.approx(1.2, abs=0.1)
    assert there["agreement"] > none["agreement"] + 0.3
    assert there["quality_pos"] > none["quality_pos"] + 1
    assert there["quality_chrom"] > none["quality_chrom"] + 1


def test_what_holds_no_pulse_says_so() -> None:
    assert through("face_pulse", lambda _: SKIN, 4).reasons == ("too_short",)
    watch = cues["face_pulse"].watch()
    face = SKIN.astype(np.uint8)
    for number in range(200):  # the very same picture
        watch.see(TrackedFrame(number / RATE, 0.04, None, None, False, GREY, GREY, face, None, False))
    assert watch.measured().reasons == ("coded_hard",)


def test_eyes_that_close_at_once() -> None:
    closed = SKIN.copy()
    for x in (30, 66):
        closed[26:42, x - 13 : x + 13] = 150 + RNG.normal(0, 12, (16, 26, 1))

    def blinking(time_s: float) -> NDArray[np.float64]:
        return closed if time_s % 1.5 > 1.3 else SKIN

    person, still = (
        numbers(through("face_blink", blinking, 3)),
        numbers(through("face_blink", lambda _: SKIN, 3)),
    )
    assert person["blinks_a_second"] == pytest.approx(2 / 3, abs=0.05)
    assert still["blinks_a_second"] == 0
    assert person["eyes_together"] > 0.9
    assert person["least_open"] > still["least_open"] + 2


def spoken(seconds: float = 4.0) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """How open the mouth is, at 25 a second, and the voice that goes with it, at 16 kHz."""
    rng = np.random.default_rng(7)
    syllables = np.repeat(rng.uniform(0, 1, round(seconds * 3.1)) > 0.4, 8)[: round(seconds * RATE)]
    opened = np.convolve(syllables, np.ones(3) / 3, "same")
    wobble = opened * (0.6 + 0.4 * np.sin(2 * np.pi * 6 * np.arange(len(opened)) / RATE))
    level = np.repeat(opened, round(16000 / RATE))
    return wobble, (0.2 * level * rng.normal(0, 1, len(level)) + 0.001 * rng.normal(0, 1, len(level))).astype(
        np.float32
    )


def test_lips_that_go_with_a_voice_and_a_voice_over_a_still() -> None:
    wobble, sound = spoken()

    def speaking(time_s: float) -> NDArray[np.float64]:
        face = SKIN.copy()
        half = round(10 * wobble[min(round(time_s * RATE), len(wobble) - 1)])
        face[76 - half : 76 + half, 36:60] = 60
        return face

    seen, still = through("lip_sound", speaking, 3.8), through("lip_sound", lambda _: SKIN, 3.8)
    assert seen.reasons == ("no_sound",)
    own, dubbed = numbers(heard(seen, sound, 16000)), numbers(heard(still, sound, 16000))
    assert own["together"] > dubbed["together"] + 0.2
    assert own["above_chance"] > dubbed["above_chance"]
    assert abs(own["late_s"]) <= 0.12
    assert own["moves_more_with_voice"] > dubbed["moves_more_with_voice"] + 0.2
    assert heard(seen, np.full(64000, 1e-4, np.float32), 16000).reasons == ("no_voice",)
    assert heard(seen, sound[:16000], 16000).reasons == ("too_short",)
    unseen, twice = cues["lip_sound"].watch().measured(), Watch(["lip_sound"])
    twice.see(0.0, SKIN.astype(np.uint8), interlaced=True)
    for found in (unseen, *twice.measured()):
        assert not judge_cues([found]), "nothing is told of it where no voice was given"
    assert heard(unseen, sound, 16000).reasons == ("no_face",)
    for found in (seen, unseen):  # what is wrong with the sound comes first
        assert heard(found, np.zeros(64000, np.float32), 16000).reasons == ("silent",)


def test_picture_and_voice_of_one_file(
    make_bundle: Callable[..., Path],
    voice_bundle: Path,
    portrait: Picture,
    speech: NDArray[np.float32],
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        film, track = out.add_stream("mpeg4", rate=15), out.add_stream("pcm_s16le", rate=16000, layout="mono")
        film.width, film.height, film.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for _, picture in head(portrait, seconds=2.4):
            out.mux(film.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(film.encode(None))
        samples = (speech[: round(2.4 * 16000)] * 32767).astype(np.int16)
        voiced = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
        voiced.sample_rate = 16000
        out.mux(track.encode(voiced))
        out.mux(track.encode(None))
    detector = antispoof.load([make_bundle(), voice_bundle])
    together = {cue.name: cue for cue in detector.check(face_rgb=path, voice=path).cues}
    assert together["lip_sound"].status != "not_measurable", together["lip_sound"].reasons
    other = tmp_path / "b.mkv"
    other.write_bytes(path.read_bytes())
    for sources in ({"face_rgb": path}, {"face_rgb": path, "voice": other}):
        assert "lip_sound" not in {cue.name for cue in detector.check(**sources).cues}, (
            "no voice of this film"
        )
