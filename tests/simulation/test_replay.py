"""Replays by loudspeaker: rooms, distances and devices are what they are called."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from spoken import spoken as voice

from antispoof.data.manifest import read_manifest
from antispoof.errors import InputError
from antispoof.simulation.speech.collection import speech_files
from antispoof.simulation.speech.physical_access import (
    ATTACKER_M,
    QUALITIES,
    ROOM_M2,
    T60_S,
    TALKER_M,
    Attack,
    Place,
    draw_attack,
    draw_place,
    draw_site,
    replay,
    replayed,
    spoken,
)
from antispoof.simulation.speech.recording import RATE
from antispoof.simulation.speech.replay_collection import write_replays


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("seed", range(8))
def test_a_site_is_of_its_classes(seed: int) -> None:
    site, place, attack = draw_site(rng(seed)), draw_place(rng(seed)), draw_attack(rng(seed))
    assert ROOM_M2[site.room][0] <= site.size[0] * site.size[1] <= ROOM_M2[site.room][1]
    assert T60_S[site.t60][0] <= site.decay_s <= T60_S[site.t60][1]
    assert TALKER_M[place.distance][0] <= place.metres <= TALKER_M[place.distance][1]
    assert ATTACKER_M[attack.distance][0] <= attack.metres <= ATTACKER_M[attack.distance][1]
    assert site.devices["A"] is None
    assert (high := site.devices["B"]) is not None
    assert (low := site.devices["C"]) is not None
    assert high.low_hz < 600 < low.low_hz
    assert low.high_hz < 10_000 <= high.high_hz


@pytest.mark.parametrize("decay_s", [0.3, 0.8])
def test_a_room_decays_as_long_as_it_says(decay_s: float) -> None:
    site = dataclasses.replace(draw_site(rng(1)), size=(4.0, 3.0, 2.6), decay_s=decay_s)
    energy = np.cumsum(site.response(1.0, rng())[::-1] ** 2)[::-1]
    level = 10 * np.log10(energy / energy[0])
    begins, ends = np.argmax(level < -8), np.argmax(level < -28)
    assert 3 * (ends - begins) / RATE == pytest.approx(decay_s, rel=0.25)


def test_farther_away_more_of_the_room_is_heard() -> None:
    site = dataclasses.replace(draw_site(rng(1)), size=(4.0, 3.0, 2.6), decay_s=0.5)
    shares = []
    for metres in (0.2, 0.6, 1.4):
        response = site.response(metres, rng())
        shares.append(float(np.sum(response[40:] ** 2) / np.sum(response**2)))
    assert shares[0] < shares[1] < shares[2]


def test_a_poor_device_loses_bass_and_a_perfect_one_adds_the_room_alone() -> None:
    speech = voice(3)
    f = np.fft.rfftfreq(len(speech), 1 / RATE)
    low = (f > 100) & (f < 350)

    def share(samples: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(samples)) ** 2
        return float(power[low].sum() / power.sum())

    site, place = draw_site(rng(2)), Place("a", 0.3)
    said = spoken(speech, site, place, rng(3))
    found = {q: share(replayed(speech, site, place, Attack("A", 0.3, q), rng(3))) for q in QUALITIES}
    assert found["C"] < 0.2 * share(said)
    assert found["A"] == pytest.approx(share(said), rel=0.5)
    assert said.shape == replay(speech, rng(4)).shape == speech.shape
    np.testing.assert_array_equal(replay(speech, rng(4)), replay(speech, rng(4)))


def recordings(folder: Path, people: int = 4) -> Path:
    folder.mkdir()
    for person in range(people):
        soundfile.write(folder / f"p{person}.wav", voice(person), RATE)
    (folder / "p9.wav").write_bytes(b"x")
    return folder


def test_a_collection_tells_site_distances_and_quality(tmp_path: Path) -> None:
    files = speech_files(recordings(tmp_path / "in"))
    made = write_replays(files, tmp_path / "out", licence="CC0", sites=3, takes=2, seconds=1.5, seed=2)
    rows = read_manifest(made.manifest)
    assert [path.name for path, _ in made.skipped] == ["p9.wav"]
    assert len(rows) == 4 * (1 + 2 * 4)
    attacks = [p for p in rows if not p.bona_fide]
    assert {p.pai_species for p in attacks} == {"replay"}
    assert {p.attributes["quality"] for p in attacks} == set(QUALITIES)
    assert {p.attributes["site"] for p in attacks} == {"0", "1", "2"}
    plain = [p for p in rows if not p.simulated]
    assert len(plain) == 4
    assert all(p.bona_fide and "site" not in p.attributes for p in plain)
    for attack in attacks:
        beside = [p for p in rows if p.session == attack.session and p.bona_fide]
        (original,) = beside
        assert original.attributes["room"] == attack.attributes["room"]
        assert original.partition == attack.partition
    with pytest.raises(InputError, match="is not an empty folder"):
        write_replays(files, tmp_path / "out", licence="CC0")
    with pytest.raises(InputError, match="sites must be 1 to 99, got 0"):
        write_replays(files, tmp_path / "x", licence="CC0", sites=0)
    with pytest.raises(InputError, match=r"takes must be at most sites \(2\).*got 3: ask for more sites"):
        write_replays(files, tmp_path / "x", licence="CC0", sites=2, takes=3)
    with pytest.raises(InputError, match=r"folder of speech '.*absent' does not exist"):
        speech_files(tmp_path / "absent")
    with pytest.raises(InputError, match=r"p9.wav' is a file: name the folder"):
        speech_files(tmp_path / "in" / "p9.wav")


def test_the_command_says_that_it_is_simulated(tmp_path: Path) -> None:
    source = recordings(tmp_path / "in", 1)
    program = "from antispoof.cli import main; main()"
    command = [sys.executable, "-c", program, "simulate", "replay", str(source), str(tmp_path / "out")]
    done = subprocess.run(
        [*command, "--licence", "CC0", "--sites", "2"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert "4 SIMULATED clips, 1 files left out" in done.stdout
    assert "1 of 2 sites were met" in done.stderr
