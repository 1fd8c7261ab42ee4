"""Simulated spoofs of speech: what each does to the signal, and that nothing else tells the classes apart."""

from __future__ import annotations

import dataclasses
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from antispoof.data.files import inspect_file
from antispoof.data.manifest import read_manifest
from antispoof.data.presentation import CaptureFile
from antispoof.errors import InputError, MediaError, UnknownNameError
from antispoof.simulation.speech.chains import CHAINS, through_filters
from antispoof.simulation.speech.channel import delivery, scene
from antispoof.simulation.speech.codecs import codecs_found, through_codec
from antispoof.simulation.speech.collection import kinds_found, speech_files, write_speech
from antispoof.simulation.speech.copy_synthesis import copiers, missing_copiers
from antispoof.simulation.speech.copy_synthesis.mb_melgan import join_bands
from antispoof.simulation.speech.copy_synthesis.shaking import levelled, shaken, throat
from antispoof.simulation.speech.copy_synthesis.spectra import log_mel
from antispoof.simulation.speech.engines import ENGINES, Engine, engine_table
from antispoof.simulation.speech.physical_access import replay
from antispoof.simulation.speech.recording import RATE, finish, read_speech
from antispoof.simulation.speech.text_to_speech import found_talkers, speak, talkers
from antispoof.simulation.speech.text_to_speech.sentences import sentence

Speech = NDArray[np.float32]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def voice(seed: int = 0, seconds: float = 1.5, pitch: float = 120.0) -> Speech:
    """A vowel-like sound that comes and goes: harmonics under three formants."""
    t = np.arange(int(seconds * RATE)) / RATE
    out = np.zeros_like(t)
    glide = pitch * (1 + 0.1 * np.sin(2 * np.pi * 1.3 * t + seed))
    phase = 2 * np.pi * np.cumsum(glide) / RATE
    for k in range(1, 40):
        f = k * pitch
        gain = sum(
            np.exp(-0.5 * ((f - centre) / width) ** 2)
            for centre, width in ((600, 120), (1300, 180), (2600, 300))
        )
        out += (gain + 0.02) * np.sin(k * phase)
    out *= np.clip(np.sin(2 * np.pi * 2 * t), 0.02, 1)
    return (0.3 * out / np.abs(out).max() + 1e-4 * rng(seed).standard_normal(len(t))).astype(np.float32)


def envelope(samples: Speech) -> NDArray[np.float64]:
    """Spectral envelope, harmonics smoothed away: (frames, 12 bands of 310 Hz), natural log."""
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), 512)[::256]
    power = np.abs(np.fft.rfft(frames * np.hanning(512)))[:, :120] ** 2
    return np.asarray(np.log(power.reshape(len(frames), 12, 10).mean(axis=2) + 1e-4))


def likeness(one: Speech, other: Speech) -> float:
    return float(np.corrcoef(envelope(one).ravel(), envelope(other).ravel())[0, 1])


@pytest.mark.parametrize("name", copiers)
def test_copies_sound_alike_and_are_not_the_same(name: str) -> None:
    original = finish(voice())
    copy = np.asarray(copiers[name](original, rng()), np.float32)
    assert copy.shape == original.shape
    assert np.isfinite(copy).all()
    assert likeness(original, copy) > 0.7
    assert np.corrcoef(original, copy)[0, 1] < 0.9999
    assert 0.2 < np.std(copy) / np.std(original) < 4
    np.testing.assert_array_equal(copy, np.asarray(copiers[name](original, rng()), np.float32))
    assert not np.array_equal(copy, np.asarray(copiers[name](original, rng(1)), np.float32))


def test_log_mel_puts_a_tone_in_its_band_and_frame() -> None:
    samples = np.zeros(RATE, np.float32)
    t = np.arange(4000) / RATE
    samples[8000:12000] = 0.5 * np.sin(2 * np.pi * 700 * t)
    mel = log_mel(samples, RATE, 1024, 640, 160, (0, 8000), 432)
    assert mel.shape == (100, 80)
    assert mel[20].max() == pytest.approx(np.log(1e-5))
    step = 1000 / (np.log(8) / (np.log(6.4) / 27) * 200 / 3 + 1000) * 81 / 1000  # bands a hertz, below 1 kHz
    assert mel[62].argmax() == round(700 * step) - 1
    loud = np.flatnonzero(mel.max(axis=1) > np.log(1.0))
    assert (loud[0], loud[-1]) == (pytest.approx(49, abs=1), pytest.approx(75, abs=1))
    heard = mel[62] > -10
    louder = log_mel(2 * samples, RATE, 1024, 640, 160, (0, 8000), 432)[62]
    np.testing.assert_allclose(louder[heard], mel[62][heard] + np.log(2), atol=1e-4)


def test_joined_bands_carry_each_its_own_frequencies() -> None:
    taps, ways = 63, 4
    n = np.arange(taps) - taps // 2
    low = np.sinc(n / ways / 2) * np.hanning(taps + 2)[1:-1]  # half a band wide, moved to each middle
    filters = np.stack([2 * low * np.cos(np.pi * (k + 0.5) / ways * n) for k in range(ways)], axis=1)
    for k in range(ways):
        bands = np.zeros((500, ways))
        bands[:, k] = rng(k).standard_normal(500)
        made = join_bands(bands, filters)
        assert made.shape == (2000,)
        power = np.abs(np.fft.rfft(made)) ** 2
        share = [part.sum() / power.sum() for part in np.array_split(power, ways)]
        assert np.argmax(share) == k
        assert share[k] > 0.8


def test_shaking_keeps_level_gain_and_shape() -> None:
    original = finish(voice(5))
    mel = log_mel(original, RATE, 640, 640, 160, (0, 8000), 240)
    different = 0
    for seed in range(12):
        assert 15500 <= throat(rng(seed)) <= 18000
        wave, gain = levelled(original, rng(seed))
        np.testing.assert_allclose(wave, original * gain, rtol=1e-5, atol=1e-7)
        assert np.abs(wave).max() <= 0.951
        changed = shaken(mel, rng(seed))
        assert changed.shape == mel.shape
        assert np.abs(changed - mel).mean() < 0.6
        different += not np.array_equal(changed, mel)
    assert 0 < different < 12
    assert levelled(np.zeros(RATE, np.float32), rng())[0].shape == (RATE,)


@pytest.mark.parametrize("name", missing_copiers())
def test_copiers_that_are_not_installed_say_what_they_need(name: str, tmp_path: Path) -> None:
    assert name not in copiers
    soundfile.write(tmp_path / "a.wav", voice(), RATE)
    with pytest.raises(InputError, match=f"{name} needs .*, which is not on this machine"):
        write_speech([tmp_path / "a.wav"], tmp_path / "out", licence="CC0", kinds=[name])
    assert not (tmp_path / "out").exists()
    pytest.skip(f"{name} needs {missing_copiers()[name]}")


@pytest.mark.parametrize("change", [scene, delivery])
def test_channels_keep_length_and_level_and_differ(change: Callable[..., Speech]) -> None:
    original = finish(voice(2))
    changed = [change(original, rng(seed)) for seed in range(6)]
    for samples in changed:
        assert samples.shape == original.shape
        assert samples.dtype == np.float32
        assert np.isfinite(samples).all()
        assert 0.02 < np.sqrt(np.mean(samples**2)) < 0.08
    assert np.ptp([np.std(np.diff(samples)) for samples in changed]) > 1e-4
    np.testing.assert_array_equal(changed[3], change(original, rng(3)))


def test_what_is_heard_beside_speech_is_added_to_finished_clips_too() -> None:
    """A hum or hiss that only scenes had would be there in people alone: a vocoder makes both anew."""
    clip = voice(seconds=2.0)
    clip[RATE // 2 : -RATE // 2] = 0
    tones, hisses, loudest = 0, 0, 0.0
    for seed in range(120):
        pause = delivery(clip, rng(seed))[3 * RATE // 4 : -3 * RATE // 4].astype(np.float64)
        power = np.abs(np.fft.rfft(pause * np.hanning(len(pause)))) ** 2
        if power.sum() < 1e-6:
            continue
        loudest = max(loudest, float(np.sqrt(np.mean(pause**2))))
        tones += np.sort(power)[-12:].sum() > 0.8 * power.sum()
        hisses += np.exp(np.mean(np.log(power + 1e-12))) > 0.3 * power.mean()
    assert tones >= 15
    assert hisses >= 20
    assert loudest > 0.01


def test_sentences_are_many_and_repeat_with_their_seed() -> None:
    texts = {sentence(rng(seed)) for seed in range(50)}
    assert len(texts) > 45
    assert all(5 <= len(text.split()) <= 22 and text[-1] in ".?" for text in texts)
    assert sentence(rng(4)) == sentence(rng(4))


@pytest.mark.parametrize("name", codecs_found())
def test_codecs_keep_length_and_time(name: str) -> None:
    original = finish(voice(pitch=140))
    decoded = through_codec(original, name)
    assert decoded.shape == original.shape
    assert 0.6 < np.corrcoef(original, decoded)[0, 1] < 1 - 1e-7, "6 kbit/s keep no more"


def test_a_codec_with_a_network_runs_through_its_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = finish(voice(pitch=140))
    program = tmp_path / "opus_demo"
    program.write_text(
        '#!/bin/sh\n[ "$1 $2 $3 $4 $5 $6" = "voip 16000 1 9000 -dec_complexity 7" ] && cp "$7" "$8"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert "opus_nolace_9k" in codecs_found()
    np.testing.assert_allclose(through_codec(original, "opus_nolace_9k"), original, atol=1e-4)
    program.write_text("#!/bin/sh\necho no such layer >&2\nexit 1\n")
    with pytest.raises(InputError, match="no such layer"):
        through_codec(original, "opus_nolace_9k")
    program.unlink()
    assert "opus_nolace_9k" not in codecs_found()


def test_both_classes_end_at_one_level_and_in_one_band() -> None:
    for samples in (0.01 * voice(1), 0.9 * voice(2), 0.5 * replay(voice(3), rng())):
        done = finish(samples.astype(np.float32))
        level = 10 * np.log10(np.mean(done.astype(np.float64) ** 2))
        assert level == pytest.approx(-26, abs=0.3)
        power = np.abs(np.fft.rfft(done)) ** 2
        f = np.fft.rfftfreq(len(done), 1 / RATE)
        assert power[f < 40].sum() + power[f > 7750].sum() < 1e-3 * power.sum()
    with pytest.raises(InputError, match="silent"):
        finish(np.zeros(RATE, np.float32))


def test_reading_resamples_and_names_what_is_damaged(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.tile(voice()[:, None], (1, 2)), 44100)
    assert len(read_speech(tmp_path / "a.wav")) == pytest.approx(1.5 * RATE * RATE / 44100, abs=4)
    (tmp_path / "b.wav").write_bytes(b"no sound")
    with pytest.raises(MediaError, match=r"b\.wav' is not a recording"):
        read_speech(tmp_path / "b.wav")
    soundfile.write(tmp_path / "c.wav", np.zeros(100), RATE)
    with pytest.raises(MediaError, match=r"0\.01 s of speech"):
        read_speech(tmp_path / "c.wav")


def test_unknown_names_list_what_exists() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'copy_griffin_lim'"):
        copiers["griffin_lim"]
    with pytest.raises(UnknownNameError, match="unknown codec 'opus'"):
        through_codec(voice(), "opus")
    with pytest.raises(UnknownNameError, match="text-to-speech engine"):
        speak("hello", "tts_robot", rng())
    there = all(importlib.util.find_spec(module) for module in ("pyworld", "pkg_resources"))
    assert ("copy_world" in copiers) == there
    assert set(missing_copiers()).isdisjoint(copiers)


@pytest.mark.parametrize("name", talkers)
def test_engines_speak_where_they_are_installed(name: str) -> None:
    if name not in found_talkers():
        with pytest.raises(InputError, match="is not on this machine"):
            speak("hello", name, rng())
        pytest.skip(f"{name} is not installed on this machine")
    spoken = speak("Nobody else should be able to open this door.", name, rng())
    assert 1 < len(spoken) / RATE < 8
    if name != "tts_piper":  # it draws noise of its own
        again = speak("Nobody else should be able to open this door.", name, rng())
        np.testing.assert_array_equal(spoken, again)


def test_a_collection_names_its_files_and_what_is_simulated(tmp_path: Path) -> None:
    for person in range(6):
        (tmp_path / "in" / f"p{person}").mkdir(parents=True)
        for take in range(2):
            samples = voice(person * 2 + take, 0.8, 100 + 20 * person)
            soundfile.write(tmp_path / "in" / f"p{person}" / f"{take}.wav", samples, RATE)
    (tmp_path / "in" / "p0" / "broken.wav").write_bytes(b"x")
    result = write_speech(
        speech_files(tmp_path / "in"),
        tmp_path / "out",
        licence="CC0",
        pattern=r"p(?P<subject>\d)/",
        kinds=("copy_source_filter", "replay"),
        codecs=("g722",),
        spoofs=2,
    )
    assert [path.name for path, _ in result.skipped] == ["broken.wav"]
    rows = read_manifest(result.manifest)
    assert len(rows) == 12 * 3
    assert {p.pai_species for p in rows} == {None, "copy_source_filter", "replay"}
    assert all(p.simulated != p.bona_fide for p in rows)
    assert {p.partition for p in rows} == {"train", "dev", "test"}
    levels = [inspect_file(CaptureFile(p.captures["voice"].path)).measurements["level_db"] for p in rows]
    assert np.ptp(levels) < 1.5
    with pytest.raises(InputError, match="is not an empty folder"):
        write_speech(speech_files(tmp_path / "in"), tmp_path / "out", licence="CC0")
    with pytest.raises(InputError, match=r"does not match p0/0\.wav"):
        write_speech(speech_files(tmp_path / "in"), tmp_path / "x", licence="CC0", pattern="(?P<subject>q)")
    with pytest.raises(UnknownNameError, match="kind of spoofed speech"):
        write_speech(speech_files(tmp_path / "in"), tmp_path / "x", licence="CC0", kinds=["vocoder"])
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="holds no audio file"):
        speech_files(tmp_path / "none")
    assert {"copy_griffin_lim", "copy_source_filter", "replay"} <= set(kinds_found())


@pytest.mark.parametrize("error", [RuntimeError("out of\nbreath"), OSError(28, "No space"), MemoryError()])
def test_an_engine_that_fails_costs_one_file_and_not_the_run(tmp_path: Path, error: Exception) -> None:
    (tmp_path / "in").mkdir()
    for person in range(4):
        soundfile.write(tmp_path / "in" / f"{person}.wav", voice(person, 1.0 + 0.1 * person), RATE)
    failing = []

    def engine(speech: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        if len(failing) == 1:
            failing.append(True)
            raise error
        failing.append(False)
        return replay(speech, rng)

    result = write_speech(
        speech_files(tmp_path / "in"),
        tmp_path / "out",
        licence="CC0",
        kinds=["copy_own"],
        vocoders={"copy_own": engine},
    )
    ((path, why),) = result.skipped
    assert path.name == "1.wav"
    assert why.startswith("copy_own failed: ")
    assert {p.subject for p in result.presentations} == {"0", "2", "3"}
    listed = {p.captures["voice"].path.name for p in result.presentations}
    assert {file.name for file in (tmp_path / "out").glob("*.flac")} == listed


def test_scenes_pair_every_spoof_with_its_original(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for person in range(3):
        soundfile.write(tmp_path / "in" / f"{person}.wav", voice(person, 1.5), RATE)
    arguments = {"licence": "CC0", "kinds": ["copy_residual_excited"], "scenes": 1, "seconds": 1.0, "seed": 4}
    arguments["deliveries"] = 1
    files = speech_files(tmp_path / "in")
    rows = read_manifest(write_speech(files, tmp_path / "out", **arguments).manifest)
    assert len(rows) == 3 * 2 * 2 * 2
    plain = [p for p in rows if not p.simulated]
    assert {p.session for p in plain} == {f"out/{n:06}_0_0" for n in range(3)}, "rooms and ways are simulated"
    assert all(p.bona_fide for p in plain)
    for session in {p.session for p in rows}:
        assert {p.pai_species for p in rows if p.session == session} == {None, "copy_residual_excited"}
    assert all(soundfile.info(p.captures["voice"].path).duration <= 1.01 for p in rows)
    parallel = write_speech(files, tmp_path / "two", workers=2, **arguments)
    for one, other in zip(rows, read_manifest(parallel.manifest), strict=True):
        a, b = (soundfile.read(p.captures["voice"].path)[0] for p in (one, other))
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_changes_speech_and_leaves_it_speech(name: str) -> None:
    speech, chain = voice(2, 3.0), CHAINS[name]
    captured = chain.capture(speech, rng(1))
    carried = chain.carry(captured, rng(2))
    assert carried.dtype == np.float32
    assert len(carried) == len(captured) <= len(speech), "only an answer is cut"
    assert (len(captured) < len(speech)) == (name == "close")
    assert np.isfinite(carried).all()
    assert 1e-3 < np.sqrt(np.mean(carried**2)) < 0.5
    np.testing.assert_array_equal(chain.carry(chain.capture(speech, rng(1)), rng(2)), carried)
    assert not np.array_equal(chain.capture(speech, rng(3))[: len(captured)], captured), "no two are alike"


def test_filters_of_ffmpeg_keep_the_length_and_do_what_they_say() -> None:
    speech = voice(3, 2.0)
    np.testing.assert_allclose(through_filters(speech, ("volume", "volume=0.5")), speech / 2, atol=1e-4)
    low = through_filters(speech, ("lowpass", "f=500"))
    assert len(low) == len(speech)
    high = np.abs(np.fft.rfft(speech))[len(speech) // 16 :].sum()
    assert np.abs(np.fft.rfft(low))[len(speech) // 16 :].sum() < high / 2


def test_a_scene_goes_through_one_of_the_chains_asked_for(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for person in range(4):
        soundfile.write(tmp_path / "in" / f"{person}.wav", voice(person, 1.5), RATE)
    files, kinds, chains = speech_files(tmp_path / "in"), ["copy_residual_excited"], ["phone", "call"]
    made = write_speech(
        files, tmp_path / "out", licence="CC0", kinds=kinds, scenes=2, deliveries=1, chains=chains, edges=0.2
    )
    for session in {p.session for p in made.presentations}:
        ways = {p.attributes["chain"] for p in made.presentations if p.session == session}
        assert len(ways) == 1, "a recording and its copies go the same way"
    found = {p.attributes["chain"] for p in made.presentations}
    assert found == {"none", "none_carried", "phone", "phone_carried", "call", "call_carried"}
    with pytest.raises(UnknownNameError, match="recording chain"):
        write_speech(files, tmp_path / "x", licence="CC0", chains=["telegraph"])


def test_edges_are_kept_where_asked_for() -> None:
    word = np.concatenate([np.full(RATE, 1e-5), voice(1, 1.0), np.full(RATE, 1e-5)]).astype(np.float32)
    tight, loose = finish(word), finish(word, 0.25)
    assert len(loose) - len(tight) == RATE // 2


def test_what_an_engine_said_is_delivered_and_never_bona_fide(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for person in range(3):
        soundfile.write(tmp_path / "in" / f"{person}.wav", voice(person, 1.0), RATE)
    files = speech_files(tmp_path / "in")
    made = write_speech(
        files, tmp_path / "out", licence="MIT", engine="tts_other", dataset="other", deliveries=1
    )
    rows = read_manifest(made.manifest)
    assert len(rows) == 3 * 2
    assert {p.pai_species for p in rows} == {"tts_other"}
    assert {(p.dataset, p.licence) for p in rows} == {("other", "MIT")}
    assert sorted(p.simulated for p in rows) == [False] * 3 + [True] * 3
    with pytest.raises(InputError, match="no spoofs are made of what engine 'tts_other' said"):
        write_speech(files, tmp_path / "x", licence="MIT", engine="tts_other", kinds=["replay"])
    with pytest.raises(InputError, match="deliveries must be 0 to 99, got -1"):
        write_speech(files, tmp_path / "x", licence="MIT", deliveries=-1)


def test_the_command_says_that_it_is_simulated(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.wav", voice(), RATE)
    program = "from antispoof.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        program,
        "simulate",
        "speech",
        str(tmp_path / "in"),
        str(tmp_path / "out"),
    ]
    command += ["--licence", "CC0", "--kind", "replay"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "1 SIMULATED clips" in done.stdout
    assert len(read_manifest(tmp_path / "out" / "manifest.csv")) == 2


def test_engines_of_others_are_named_in_one_place() -> None:
    kinds = {*copiers, *missing_copiers(), *talkers}
    assert set(ENGINES) <= kinds
    for name, engine in ENGINES.items():
        assert engine.licence
        assert engine.provenance
        assert all("==" in needed or needed == "torch" for needed in engine.packages.values())
        if name in missing_copiers():
            assert missing_copiers()[name].startswith(("the package", "the program", "the file"))
    guide = Path(__file__).parents[2] / "docs" / "guides" / "simulate.md"
    assert engine_table() in guide.read_text(encoding="utf-8")
    absent = Engine("x", "MIT", "nowhere", {"no_such_module": "no-such-package==1"}, {"no-such-program": "y"})
    assert absent.missing() == "the program 'no-such-program' (y)"
    assert dataclasses.replace(absent, programs={}).missing() == "the package no-such-package==1"
