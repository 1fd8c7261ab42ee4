"""What detection rejects is never compared, and counts all the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antispoof.errors import InputError
from antispoof.evaluation import evaluate
from antispoof.evaluation.full_system import EstimatedRate, full_system
from antispoof.evaluation.scores import ScoreSet
from antispoof.evaluation.tandem import VerificationScores


def detector(genuine: int = 10, attacks: int = 10, rejected: int = 2) -> ScoreSet:
    """People 0 to 9, of whom the first two are rejected; prints 0 to 9, of which the first two pass."""
    return ScoreSet.from_columns(
        [f"b{k}" for k in range(genuine)] + [f"a{k}" for k in range(attacks)],
        [-1.0 if k < rejected else 1.0 for k in range(genuine)]
        + [1.0 if k < rejected else -1.0 for k in range(attacks)],
        [None] * genuine + ["print"] * attacks,
    )


def trials(target: list[str], spoof: list[str], nontarget: list[str] | None = None, **more: Any) -> Any:
    return VerificationScores(
        np.full(len(target), 0.9),
        np.full(len(nontarget or ["n"]), 0.1),
        np.full(len(spoof), 0.9),
        tuple(target),
        tuple(spoof),
        tuple(nontarget or ()),
        **more,
    )


def test_the_rejected_count_though_nobody_compared_them() -> None:
    passed = [f"b{k}" for k in range(2, 10)]
    found = full_system(detector(), 0.0, trials(passed, ["a0", "a1"]), 0.5)
    assert (found.frr.errors, found.frr.trials) == (2, 10)
    assert (found.iapar["print"].errors, found.iapar["print"].trials) == (2, 10)
    assert (found.rejected_uncompared, found.accepted_uncompared) == (10, 0)


def test_all_compared_says_the_same_as_sequential() -> None:
    everybody = full_system(
        detector(), 0.0, trials([f"b{k}" for k in range(10)], [f"a{k}" for k in range(10)]), 0.5
    )
    sequential = full_system(detector(), 0.0, trials([f"b{k}" for k in range(2, 10)], ["a0", "a1"]), 0.5)
    assert everybody.frr == sequential.frr
    assert everybody.iapar == sequential.iapar


@pytest.mark.parametrize("rejected_too", [False, True])
def test_a_sample_of_trials_stands_for_all(rejected_too: bool) -> None:
    """However the trials were drawn, the estimate is that of the whole, to the size of the sample."""
    random = np.random.default_rng(0)
    size = 4000
    passed, matches = random.random(size) < 0.7, random.random(size) < 0.9
    scores = ScoreSet.from_columns(
        [f"b{k}" for k in range(size)] + ["a0"],
        [*np.where(passed, 1.0, -1.0), -1.0],
        [None] * size + ["print"],
    )
    drawn = random.choice(np.flatnonzero(passed | rejected_too), 1000, replace=False)
    asv = VerificationScores(
        matches[drawn].astype(float),
        np.array([0.0]),
        np.array([0.0]),
        tuple(f"b{k}" for k in drawn),
        ("a0",),
    )
    found = full_system(scores, 0.0, asv, 0.5)
    truth = 1 - (passed & matches).mean()
    assert isinstance(found.frr, EstimatedRate)
    assert found.frr.value == pytest.approx(truth, abs=0.02)
    assert truth in found.frr.interval
    assert found.frr.interval.high - found.frr.interval.low < 0.08
    assert found.accepted_uncompared == passed.sum() - passed[drawn].sum()


def test_one_missing_trial_changes_little() -> None:
    """A single presentation that was accepted and not compared does not drop all that were rejected."""
    found = full_system(detector(), 0.0, trials([f"b{k}" for k in range(2, 9)], ["a0"]), 0.5)
    assert found.accepted_uncompared == 2
    assert found.frr.value == pytest.approx(0.2)
    assert found.iapar["print"].value == pytest.approx(0.2)
    with_one_rejected = full_system(
        detector(), 0.0, trials([f"b{k}" for k in range(1, 9)], ["a0", "a9"]), 0.5
    )
    assert with_one_rejected.frr.value == pytest.approx(0.2)
    assert with_one_rejected.iapar["print"].value == pytest.approx(0.2)


def test_a_species_that_was_not_compared() -> None:
    stopped = full_system(detector(rejected=0), 0.0, trials([f"b{k}" for k in range(10)], []), 0.5)
    assert (stopped.iapar["print"].errors, stopped.iapar["print"].trials) == (0, 10)
    some_pass = full_system(detector(), 0.0, trials([f"b{k}" for k in range(2, 10)], []), 0.5)
    assert np.isnan(some_pass.iapar["print"].value)
    assert np.isnan(some_pass.riapar("print"))


def test_impostors_that_detection_rejects_are_no_mated_presentations() -> None:
    """Of 20 people each, 4 are rejected and not compared: nobody says whether as themselves or as another."""
    names = [f"{kind}{k}" for kind in "bn" for k in range(20)]
    scores = ScoreSet.from_columns(
        [*names, "a0"], [*([-1.0] * 4 + [1.0] * 16) * 2, -1.0], [None] * 40 + ["print"]
    )
    asv = VerificationScores(
        np.full(16, 0.9),
        np.array([0.9] * 2 + [0.1] * 14),
        np.zeros(0),
        tuple(names[4:20]),
        (),
        tuple(names[24:]),
    )
    found = full_system(scores, 0.0, asv, 0.5)
    assert (found.frr.errors, found.frr.trials) == (4, 20)
    assert found.far is not None
    assert (found.far.errors, found.far.trials) == (2, 20)
    said = replace(asv, uncompared={"nontarget": tuple(names[20:24])})
    assert full_system(scores, 0.0, said, 0.5).frr == found.frr


def test_impostors_of_whom_only_some_were_before_the_detector() -> None:
    found = full_system(detector(), 0.0, trials(["b2"], ["a0"], ["b9", "x1", "x2"]), 0.5)
    assert found.far is None
    assert found.unknown_impostors == 2


def test_presentations_without_a_comparison_score_are_not_accepted() -> None:
    without = {"target": ("b0", "b2"), "spoof": tuple(f"a{k}" for k in range(1, 10))}
    found = full_system(
        detector(),
        0.0,
        trials(["b1", *(f"b{k}" for k in range(3, 10))], ["a0"], uncompared=without),
        0.5,
    )
    assert (found.frr.errors, found.frr.trials) == (3, 10)  # b0 and b1 by detection, b2 for want of a score
    assert (found.iapar["print"].errors, found.iapar["print"].trials) == (1, 10)


def test_impostors_are_no_mated_presentations() -> None:
    impostors = ["b0", "b9"]
    found = full_system(
        detector(), 0.0, trials([f"b{k}" for k in range(2, 9)], ["a0", "a1"], impostors), 0.05
    )
    assert (found.frr.errors, found.frr.trials) == (1, 8)  # b1, whom detection rejects; b0 is an impostor
    assert found.far is not None
    assert (found.far.errors, found.far.trials) == (1, 2)  # b9 at so low a threshold; b0 is rejected
    strangers = full_system(detector(), 0.0, trials(["b2"], ["a0"], ["x1", "x2"]), 0.5)
    assert strangers.far is None


def test_warnings_say_what_the_joined_rates_rest_on() -> None:
    def said(asv: VerificationScores, **more: Any) -> str:
        return " ".join(
            evaluate(detector(), at="threshold=0", verification=asv, resamples=0, **more).warnings
        )

    passed = [f"b{k}" for k in range(2, 10)]
    sequential = said(trials(passed, ["a0", "a1"]), verification_threshold=0.5)
    assert "10 presentations that detection rejected were never compared" in sequential
    assert "ASV EER, t-DCF, t-EER and a-DCF are over the presentations that were compared" in sequential
    everybody = said(trials([f"b{k}" for k in range(10)], [f"a{k}" for k in range(10)]))
    assert "never compared" not in everybody
    assert "t-DCF" not in everybody
    assert "1 presentations that detection accepts have no trial" in said(trials(passed, ["a0"]))
    assert "IAPAR of print is not told" in said(trials(passed, []))
    assert "2 zero-effort impostors have no score" in said(trials(passed[:7], ["a0"], ["b9", "x", "y"]))
    backwards = replace(
        trials(passed, ["a0"]), target=-np.arange(8.0) - 9, nontarget=np.arange(8.0), nontarget_ids=()
    )
    assert "do higher scores mean the same person?" in said(backwards)


def write(folder: Path, rows: list[str]) -> Path:
    (folder / "v.csv").write_text("id,score,trial\n" + "\n".join(rows))
    return folder / "v.csv"


def test_an_empty_score_is_no_trial_that_was_compared(tmp_path: Path) -> None:
    path = write(tmp_path, ["b0,0.9,target", "b1,,target", "n,0.1,nontarget", "a0,0.8,spoof", "a1, ,spoof"])
    read = VerificationScores.read(path)
    assert read.target.tolist() == [0.9]
    assert read.uncompared == {"target": ("b1",), "spoof": ("a1",)}
    (tmp_path / "v.csv").write_text("score,trial\n0.9,target\n,target\n0.1,nontarget\n0.2,spoof\n")
    with pytest.raises(InputError, match="row 2 has no score: leave out trials"):
        VerificationScores.read(tmp_path / "v.csv")


def test_words_of_others_and_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_text("ID;Score;Trial\nb0;0,9;Mated\nn;-0,1;Zero-effort impostor\nx;0;Non-target\na0;;ATTACK\n")
    read = VerificationScores.read(path)
    assert (read.target.tolist(), read.nontarget.tolist(), read.spoof.tolist()) == ([0.9], [-0.1, 0.0], [])
    assert read.uncompared == {"spoof": ("a0",)}
    path.write_text("id;score;trial\nb0;0,9;target\nn;0.1;nontarget\n")
    with pytest.raises(InputError, match="another decimal mark"):
        VerificationScores.read(path)


def test_a_detector_that_stops_every_attack_leaves_no_spoof_trial(run: Any, tmp_path: Path) -> None:
    detector(rejected=0).write(tmp_path / "d.csv")
    rows = [f"b{k},0.9,target" for k in range(10)] + ["n,0.1,nontarget"]
    code, out, _ = run(
        "evaluate",
        tmp_path / "d.csv",
        *("--at", "threshold=0", "--asv", write(tmp_path, rows), "--asv-threshold", 0.5, "--resamples", 0),
    )
    assert code == 0
    assert "0 of 10, 0.0 %" in out
    assert "need spoof trials with a score" in " ".join(out.split())


@pytest.mark.parametrize("cell", ["high", "nan", "inf"])
def test_what_is_no_score_is_told_with_its_id(tmp_path: Path, cell: str) -> None:
    path = write(tmp_path, ["b0,0.9,target", f"b1,{cell},target", "n,0.1,nontarget", "a0,0.8,spoof"])
    with pytest.raises(InputError, match="the score of id 'b1' must be"):
        VerificationScores.read(path)


def test_on_the_command_line(run: Any, tmp_path: Path) -> None:
    detector().write(tmp_path / "d.csv")
    rows = [f"b{k},0.9,target" for k in range(2, 10)] + ["a0,0.9,spoof", "a1,0.1,spoof", "n,0.1,nontarget"]
    code, out, _ = run(
        "evaluate",
        tmp_path / "d.csv",
        *("--at", "threshold=0", "--asv", write(tmp_path, rows), "--asv-threshold", 0.5, "--resamples", 0),
        *("--json", tmp_path / "o.json"),
    )
    assert code == 0
    assert "10 presentations that detection rejected were never compared" in " ".join(out.split())
    full = json.loads((tmp_path / "o.json").read_text())["tandem"]["full_system"]
    assert full["frr"]["value"] == pytest.approx(0.2)
    assert full["iapar"]["print"]["value"] == pytest.approx(0.1)


People = st.lists(
    st.tuples(st.sampled_from(["target", "nontarget", "print", "mask"]), st.booleans(), st.booleans()),
    min_size=1,
    max_size=30,
)


@given(People)
def test_whoever_is_compared_the_counts_are_of_everybody(people: list[tuple[str, bool, bool]]) -> None:
    """One trial each, then none for those whom detection rejects, then an empty one: all say the same."""
    people = [*people, ("target", True, True), ("nontarget", True, False), ("print", True, True)]
    ids = [f"p{k}" for k in range(len(people))]
    scores = ScoreSet.from_columns(
        ids,
        [1.0 if passed else -1.0 for _, passed, _ in people],
        [None if kind in ("target", "nontarget") else kind for kind, _, _ in people],
    )

    def asv(compare_rejected: bool, say_so: bool) -> VerificationScores:
        rows = [
            (
                kind if kind in ("target", "nontarget") else "spoof",
                name,
                float(matches),
                passed or compare_rejected,
            )
            for name, (kind, passed, matches) in zip(ids, people, strict=True)
        ]
        arrays, names, silent = {}, {}, {}
        for trial in ("target", "nontarget", "spoof"):
            own = [row for row in rows if row[0] == trial]
            arrays[trial] = np.array([row[2] for row in own if row[3]])
            names[f"{trial}_ids"] = tuple(row[1] for row in own if row[3])
            silent[trial] = tuple(row[1] for row in own if not row[3]) if say_so else ()
        return VerificationScores(**arrays, **names, uncompared=silent)

    everybody = full_system(scores, 0.0, asv(True, False), 0.5)
    for kind, rate in (("target", everybody.frr), ("nontarget", everybody.far)):
        own = [passed and matches for name, passed, matches in people if name == kind]
        assert rate is not None
        assert (rate.errors, rate.trials) == (sum(x == (kind != "target") for x in own), len(own))
    for kind, rate in everybody.iapar.items():
        own = [passed and matches for name, passed, matches in people if name == kind]
        assert (rate.errors, rate.trials) == (sum(own), len(own))
    stated = full_system(scores, 0.0, asv(False, True), 0.5)
    assert (stated.frr, stated.far, stated.iapar) == (everybody.frr, everybody.far, everybody.iapar)
    sequential = full_system(scores, 0.0, asv(False, False), 0.5)
    assert sequential.iapar == everybody.iapar
    rejected = sum(not passed for kind, passed, _ in people if kind in ("target", "nontarget"))
    assert sequential.far is not None
    both = sequential.frr.trials + sequential.far.trials
    came = sum(passed for kind, passed, _ in people if kind in ("target", "nontarget"))
    assert abs(both - came - rejected) <= 1  # shared out between them, to the nearest whole
