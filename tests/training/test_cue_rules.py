"""Rules of cues: what is measured once, and what a rule learns from it."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.errors import InputError
from antispoof.evaluation.metrics import auc
from antispoof.runtime.cues import read_rule
from antispoof.sensing.cues import cues
from antispoof.simulation.clip.codecs import CODECS, encode
from antispoof.simulation.clip.suites import SUITES
from antispoof.training.cue_rules import answers, talks
from antispoof.training.cue_rules.fitting import RulesExperiment, fit_rule, said
from antispoof.training.cue_rules.measuring import MeasuredClip, measure_clips, read_measured

Run = Callable[..., tuple[int, str, str]]
CUE = "face_relief"
WIDTH = len(cues[CUE].features)


def clips(count: int, seed: int, partitions: tuple[str, ...] = ("train", "dev")) -> list[MeasuredClip]:
    """Bona fide around a ring of two of the numbers, one kind of attack within it, another far off."""
    rng, made = np.random.default_rng(seed), []
    for number in range(count):
        kind = (None, "print_flat", None, "replay_phone")[number % 4]
        values = np.zeros(WIDTH)
        angle = rng.uniform(0, 6.28)
        size = {"print_flat": 0.3, "replay_phone": 9.0, None: 3.0}[kind]
        values[:2] = size * np.array([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.3, 2)
        partition = partitions[number // 4 % len(partitions)]
        made.append(
            MeasuredClip(f"{seed}-{number}", f"p{number // 2}", kind, partition, "CC0", True, {CUE: values})
        )
    return made


def experiment(**changes: object) -> RulesExperiment:
    cue = {"description": "of a test", "bounds": (-3, 1.5), "hidden": 12, "ridge": 1e-3, **changes}
    return RulesExperiment.model_validate({"version": "1", "licence": "CC0", "seed": 1, "cues": {CUE: cue}})


def test_a_rule_learns_what_no_plane_divides_and_keeps_its_bounds(tmp_path: Path) -> None:
    taught, held_out = clips(800, 1), clips(400, 2, ("test",))
    rule = fit_rule(CUE, experiment(), taught, held_out)
    ratios = said(rule, held_out)
    live = np.array([clip.pai_species is None for clip in held_out])
    assert auc(ratios[live], ratios[~live]) > 0.95
    assert ratios.min() >= -3
    assert ratios.max() <= 1.5
    straight = said(fit_rule(CUE, experiment(hidden=0), taught, held_out), held_out)
    assert auc(straight[live], straight[~live]) < 0.7
    held = rule.results[1]
    assert held.simulated
    assert held.metrics["auc"] == pytest.approx(auc(ratios[live], ratios[~live]), abs=0.01)
    assert {"auc_print_flat", "auc_replay_phone", "not_measurable"} <= held.metrics.keys()
    assert rule.operating_points["bpcer5"].bpcer <= 0.05
    assert rule.training.data[0].presentations == 800
    path = tmp_path / f"{CUE}.json"
    path.write_text(rule.model_dump_json())
    assert np.array_equal(said(read_rule(path), held_out), ratios)


def test_what_was_not_measured_or_is_left_out_says_nothing() -> None:
    absent = MeasuredClip("a", "p", None, "test", "CC0", True, {CUE: ("too_still",)})
    rule = fit_rule(CUE, experiment(), clips(400, 3), [absent, *clips(40, 4, ("test",))])
    assert said(rule, [absent]).tolist() == [0.0]
    assert rule.results[1].metrics["not_measurable"] == pytest.approx(1 / 41)
    blind = fit_rule(CUE, experiment(without=cues[CUE].features[:2]), clips(400, 3), [])
    few = clips(40, 5)
    moved = [
        MeasuredClip(c.id, c.subject, c.pai_species, c.partition, c.licence, True, {CUE: c.cues[CUE] + shift})
        for c, shift in zip(few, [np.eye(WIDTH)[0]] * len(few), strict=True)
        if isinstance(c.cues[CUE], np.ndarray)
    ]
    assert np.array_equal(said(blind, few), said(blind, moved))
    assert len(blind.results) == 1


def test_each_kind_of_attack_has_a_view_and_the_worst_counts() -> None:
    """Two kinds on either side of bona fide: no one plane divides them, one for each does."""

    def sided(count: int, seed: int) -> list[MeasuredClip]:
        rng, made = np.random.default_rng(seed), []
        for number, clip in enumerate(clips(count, seed)):
            values = np.zeros(WIDTH)
            values[0] = {None: 0.0, "print_flat": 3.0, "replay_phone": -3.0}[clip.pai_species] + rng.normal(
                0, 0.5
            )
            made.append(replace(clip, id=f"{seed}-{number}", cues={CUE: values}))
        return made

    test = sided(200, 2)
    attack = np.array([clip.pai_species is not None for clip in test])
    one, each, sure = (
        fit_rule(CUE, experiment(hidden=0, **how), sided(400, 1), test)
        for how in ({}, {"each": True}, {"each": True, "doubt": 1.5})
    )
    scores = said(each, test)
    assert auc(scores[~attack], scores[attack]) > 0.97
    assert auc(said(one, test)[~attack], said(one, test)[attack]) < 0.7
    assert len(each.layers[0].bias) == 2
    assert sure.calibration.intercept == pytest.approx(each.calibration.intercept + 1.5)
    with pytest.raises(ValueError, match="hidden must be 0"):
        experiment(each=True)


def test_too_few_clips_and_unknown_numbers_are_named() -> None:
    with pytest.raises(
        InputError, match="6 clips of the class bona fide on train were measurable, 8 are needed"
    ):
        fit_rule(CUE, experiment(), clips(24, 1), [])
    with pytest.raises(InputError, match=r"0 clips of the class attack \(mask_\*\) on train"):
        fit_rule(CUE, experiment(against=("mask_*",)), clips(400, 1), [])
    with pytest.raises(InputError, match="face_relief measures no height"):
        fit_rule(CUE, experiment(without=("height",)), clips(400, 1), [])


def test_clips_are_measured_once_and_a_stop_costs_one(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    pictures = [(k / 25, rng.integers(0, 255, (64, 96, 3)).astype(np.uint8)) for k in range(6)]
    encode(pictures, tmp_path / "clip.mp4", CODECS["h264"], 20, 25.0)
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "clip.mp4").read_bytes()[:900])
    rows = [
        Presentation(name, "toy", {"face_rgb": CaptureFile(tmp_path / f"{name}.mp4")}, simulated=True)
        for name in ("clip", "cut")
    ]
    write_manifest(rows, tmp_path / "manifest.csv")
    out = tmp_path / "measured.jsonl"
    code, printed, errors = run("cues", "measure", tmp_path / "manifest.csv", "--out", out)
    assert code == 0
    assert "1 clips measured" in printed
    assert "left out cut: " in errors
    (found,) = read_measured(out)
    assert found.id == "clip"
    assert found.simulated
    assert found.cues[CUE] == ("no_face",)
    before = out.read_text()
    assert measure_clips([tmp_path / "manifest.csv"], out, lambda *_: None)[0].startswith("cut: ")
    assert out.read_text() == before
    with pytest.raises(InputError, match="an id occurs in two of the manifests"):
        measure_clips([tmp_path / "manifest.csv"] * 2, out, lambda *_: None)
    for line, message in (
        ('{"id": "a"}', "holds no measured clips"),
        ("nothing", "holds no measured clips"),
        (json.dumps({**json.loads(before), "cues": {CUE: [1.0]}}), "1 were measured: measure them anew"),
    ):
        out.write_text(line)
        with pytest.raises(InputError, match=message):
            read_measured(out)


def test_rules_are_learned_from_the_command_line(run: Run, tmp_path: Path) -> None:
    def line(clip: MeasuredClip) -> str:
        values = {name: list(found) for name, found in clip.cues.items()}
        told = {name: getattr(clip, name) for name in clip.__slots__}
        return json.dumps({**told, "cues": values})

    for name, made in (("taught", clips(240, 1)), ("held", clips(80, 2, ("test",)))):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(line(clip) for clip in made))
    (tmp_path / "cues.yaml").write_text(
        "version: '1'\nlicence: CC0\nseed: 1\ncues:\n  face_relief: {description: toy, bounds: [-3, 1]}\n"
    )
    command = ("cues", "fit", tmp_path / "cues.yaml", "--taught", tmp_path / "taught.jsonl")
    code, printed, _ = run(*command, "--held-out", tmp_path / "held.jsonl", "--out", tmp_path / "rules")
    assert code == 0
    assert "SIMULATED" in printed
    rule = read_rule(tmp_path / "rules" / "face_relief.json")
    assert rule.bounds == (-3, 1)
    assert not rule.hint
    code, _, errors = run(*command, "--out", tmp_path / "rules", "--set", "cues.face_relief.hiden=3")
    assert code == 3
    assert "hiden" in errors


def test_bounds_are_what_errors_support() -> None:
    taught = clips(800, 1)
    rule = fit_rule(CUE, experiment(bounds="supported"), taught, ())
    low, high = rule.bounds
    assert -5 <= low < -1
    assert 1 < high <= 2
    # As many people as attacks on either side of nothing: no ratio says more than nothing.
    weak = [replace(clip, cues={CUE: np.zeros(WIDTH)}) for clip in taught]
    rng = np.random.default_rng(3)
    weak = [replace(clip, cues={CUE: rng.normal(0, 1, WIDTH)}) for clip in weak]
    low, high = fit_rule(CUE, experiment(bounds="supported"), weak, ()).bounds
    assert -0.3 < low <= 0 <= high < 0.3


@pytest.fixture
def four(
    portrait: NDArray[np.uint8],
    encode: Callable[..., bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Portraits of four people, before cameras with small pictures and few of them."""
    monkeypatch.setitem(SUITES, "taught", replace(SUITES["taught"], sizes=((320, 240),), fps=(15.0,)))
    folder = tmp_path / "portraits"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.png").write_bytes(encode(np.roll(portrait, number, 1)[::2, ::2], "PNG"))
    return folder


def test_answers_are_simulated_and_learned_from(
    run: Run, four: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "WHOLE_S", 2.0)
    monkeypatch.setattr(answers, "TURNED", {"taught": ("print_flat",), "held_out": ()})
    out = tmp_path / "answers.jsonl"
    command = ("cues", "answers", four, "--licence", "CC0", "--people", 2, "--out", out)
    code, printed, _ = run(*command)
    assert code == 0
    assert printed.startswith("20 answers")
    found = read_measured(out)
    assert {clip.pai_species for clip in found} == {
        None,
        "print_flat",
        "film_turning",
        "film_unlit",
        "film_lit",
        "print_lit",
    }
    turns = [clip.cues["face_turn"] for clip in found if "face_turn" in clip.cues]
    assert sum(isinstance(turn, np.ndarray) for turn in turns) >= 6
    code, _, error = run(*command[:-4], "--people", 9, "--out", out)
    assert code != 0
    assert "people must be 2 to" in error


def test_talks_are_simulated_with_their_own_voice_and_with_others(
    run: Run,
    four: Path,
    speech: NDArray[np.float32],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(talks, "SECONDS", 1.6)
    voices = tmp_path / "voices"
    voices.mkdir()
    for number in range(4):
        with wave.open(str(voices / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes((np.roll(np.tile(speech, 2), 4000 * number) * 30000).astype("<i2").tobytes())
    out = tmp_path / "talks.jsonl"
    command = ("cues", "talks", four, voices, "--licence", "CC0", "--people", 2, "--out", out)
    code, printed, _ = run(*command)
    assert (code, printed.split()[0]) == (0, "8")
    kinds = [clip.pai_species for clip in read_measured(out)]
    assert kinds == [None, "dub_film", "dub_still", "dub_roaming"] * 2
    code, _, error = run(*command[:-4], "--people", 5, "--out", out)
    assert code != 0
    assert "portraits and voices of that suite" in error
