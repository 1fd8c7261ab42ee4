"""What detection rejects is never compared, and counts all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from antispoof.errors import InputError
from antispoof.evaluation.full_system import full_system
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
    assert (found.rejected_uncompared, found.left_out) == (10, 0)


def test_all_compared_says_the_same_as_sequential() -> None:
    everybody = full_system(
        detector(), 0.0, trials([f"b{k}" for k in range(10)], [f"a{k}" for k in range(10)]), 0.5
    )
    sequential = full_system(detector(), 0.0, trials([f"b{k}" for k in range(2, 10)], ["a0", "a1"]), 0.5)
    assert everybody.frr == sequential.frr
    assert everybody.iapar == sequential.iapar


def test_trials_of_a_sample_are_not_filled_up() -> None:
    found = full_system(detector(), 0.0, trials(["b2", "b3"], ["a0", "a1"]), 0.5)
    assert (found.frr.errors, found.frr.trials) == (0, 2)
    assert found.left_out == 8
    assert found.iapar["print"].trials == 10  # of the prints, only rejected ones were not compared


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
