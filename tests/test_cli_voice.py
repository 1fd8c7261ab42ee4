"""Recordings through the real entry point: what is printed, and how it ends."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from antispoof.evidence.explanation import where_in_words
from antispoof.evidence.figures import recording
from antispoof.runtime.verdict import Evidence, FrameEvidence
from antispoof.sensing.capture import Sample

RATE = 16_000


@pytest.fixture
def desk(voice_bundle: Path, speech: Any, close_up: Any, encode: Any) -> Path:
    """A folder with a bundle for voices, and recordings of every kind."""
    tmp_path = voice_bundle.parent
    muffled = np.convolve(speech, np.hanning(15) / np.hanning(15).sum(), "same")
    recordings = {
        "person.wav": speech,
        "muffled.wav": muffled,
        "long.wav": np.concatenate([*[speech] * 3, *[muffled] * 3, *[speech] * 3]),
        "short.wav": speech[5000:8200],
        "silent.wav": np.zeros(3 * RATE),
        "noise.wav": 0.1 * np.random.default_rng(1).standard_normal(3 * RATE),
        "clipped.wav": np.clip(60 * speech, -1, 1),
    }
    for name, sound in recordings.items():
        soundfile.write(tmp_path / name, sound, RATE, "PCM_16")
    soundfile.write(tmp_path / "flac.bin", speech, RATE, format="FLAC")
    (tmp_path / "face.png").write_bytes(encode(close_up, "PNG"))
    (tmp_path / "letter.wav").write_text("Dear Sir or Madam")
    return tmp_path


def test_one_recording(run: Any, desk: Path) -> None:
    code, out, err = run("check", "--bundle", desk / "miniature-voice.onnx", "--voice", desk / "person.wav")
    assert (code, err) == (0, "")
    first, score, meaning, evidence, channel, when, alone = out.splitlines()
    assert first.endswith("person.wav: bona fide")
    assert "above the threshold" in score
    assert "likelier from a person" in meaning
    assert re.fullmatch(r"  voice     used, [23]\.\d s of voice", evidence)
    assert re.fullmatch(r"  channel   .*, heard up to \d\.\d kHz; .*, \d+ dB below the voice", channel)
    assert when == "  when      at no time below the threshold"
    assert alone.startswith("  by itself a voice alone decides nothing: ")


@pytest.mark.parametrize(
    ("name", "expected", "words"),
    [
        ("flac.bin", 0, "bona fide"),
        ("muffled.wav", 1, "below the threshold all the time"),
        ("short.wav", 2, "too little speech: speak for at least"),
        ("silent.wav", 2, "nothing can be heard: check the microphone"),
        ("noise.wav", 2, "no voice can be made out"),
        ("clipped.wav", 2, "the recording is overdriven"),
        ("letter.wav", 3, "is not a recording; use wav, flac, ogg, opus, webm, mp3, m4a"),
        ("none.wav", 3, "no such file"),
    ],
)
def test_files_are_told_by_their_content(run: Any, desk: Path, name: str, expected: int, words: str) -> None:
    code, out, err = run("check", "--bundle", desk / "miniature-voice.onnx", desk / name)
    assert code == expected
    assert words in out + err
    assert ("a voice alone decides nothing" in out) == (code < 2)


def test_json_tells_when(run: Any, desk: Path) -> None:
    _, out, _ = run("check", "--json", "--bundle", desk / "miniature-voice.onnx", desk / "long.wav")
    (entry,) = json.loads(out)["results"]
    (evidence,) = entry["verdict"]["evidence"]
    threshold = entry["verdict"]["operating_point"]["threshold"]
    third = evidence["measurements"]["duration_s"] / 3
    low = [window for window in evidence["timeline"] if window["score"] < threshold]
    assert low
    assert all(window["end_s"] > third and window["start_s"] < 2 * third for window in low)


def test_a_picture_is_no_recording(run: Any, desk: Path) -> None:
    code, _, err = run("check", "--bundle", desk / "miniature-voice.onnx", desk / "face.png")
    assert code == 3
    assert "judges voice; it cannot use face_rgb" in err
    code, _, err = run("check", "--bundle", desk / "miniature-voice.onnx", "--voice", desk / "face.png")
    assert code == 3
    assert "is not a recording" in err


def test_the_report_shows_when(run: Any, desk: Path) -> None:
    page = desk / "page.html"
    names = [desk / name for name in ("long.wav", "person.wav", "silent.wav")]
    run("check", "--report", page, "--bundle", desk / "miniature-voice.onnx", *names)
    html = page.read_text(encoding="utf-8")
    assert html.count("data:image/png;base64,") == 3
    assert "below the threshold from" in html
    assert (
        html.count("<dt>Channel</dt>")
        == html.count("<dt>By itself</dt><dd>a voice alone decides nothing")
        == 2
    )
    assert not re.search(r"(src|href)=\"(?!data:|#)|url\((?!#)|<script|@import", html)


def test_calibrate_and_check_at_the_site(run: Any, desk: Path, speech: Any) -> None:
    folder = desk / "people"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(7):
        width = int(random.integers(11, 15))
        taps = np.hanning(width) / np.hanning(width).sum()
        sound = np.convolve(np.roll(speech, index * 5000), taps, "same")
        soundfile.write(folder / f"{index}.flac", sound, RATE)
    bundle, site = desk / "miniature-voice.onnx", desk / "site.json"
    code, out, _ = run("calibrate", "--voice", folder, "-o", site, "--bundle", bundle)
    assert code == 0
    assert "from 7 bona fide captures" in out
    assert "use it: antispoof check --site" in out
    assert f"--voice {folder / '0.flac'}" in out
    before = run("check", "--bundle", bundle, folder / "3.flac")[0]
    after = run("check", "--bundle", bundle, "--site", site, folder / "3.flac")[0]
    assert (before, after) == (1, 0)


def test_copies_of_a_recording_count_once(run: Any, desk: Path, speech: Any) -> None:
    folder = desk / "copies"
    folder.mkdir()
    for index in range(6):
        soundfile.write(folder / f"{index}.ogg", speech * (0.2 + 0.1 * index), RATE, format="OGG")
    bundle, site = desk / "miniature-voice.onnx", desk / "site.json"
    code, _, err = run("calibrate", "--voice", folder, "-o", site, "--bundle", bundle)
    assert code == 3
    assert "the 6 bona fide captures are one and the same" in " ".join(err.split())
    soundfile.write(folder / "6.ogg", np.convolve(speech, np.hanning(12) / 6, "same"), RATE, format="OGG")
    code, out, _ = run("calibrate", "--voice", folder, "-o", site, "--bundle", bundle)
    assert code == 0
    assert "7 bona fide captures (2 distinct)" in out


def test_it_is_told_which_frequencies_spoke(speech: Any) -> None:
    heat_map = np.zeros((60, 2), np.float32)
    heat_map[30:34] = -1
    heat_map[5] = 2
    said = replace(
        Evidence("voice", "used", score=-1.0, timeline=((0.0, 2.0, -2.0), (1.0, 3.0, 1.0))), heat_map=heat_map
    )
    assert (
        where_in_words(said)
        == "what speaks for an attack lies between 3.8 and 5.1 kHz before all, 100 % of it"
    )
    assert where_in_words(replace(said, score=1.0)).startswith(
        "what speaks for a person who is there lies between 0.1"
    )
    assert where_in_words(replace(said, heat_map=None)) == ""
    film = replace(
        said, heat_map=np.ones((4, 5), np.float32), frames=(FrameEvidence(1.0), FrameEvidence(-1.0))
    )
    assert where_in_words(film) == "", "the heat map of a picture has no frequencies"
    drawn = recording(Sample(speech[: 4 * RATE], {}), said, 0.0)
    (_, tint) = drawn.axes[0].get_images()
    colours = np.asarray(tint.get_array())
    assert colours.shape[0] == 60
    assert (colours[30:34, :10, 3] > 0).all()
    assert (colours[40:, :, 3] == 0).all(), "what says nothing is clear"
    assert (colours[:, -1, 3] == 0).all(), "nothing was judged there"
