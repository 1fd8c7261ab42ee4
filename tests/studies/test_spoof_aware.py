"""Spoof-aware verification on trials whose best score is known."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from antispoof.errors import InputError
from antispoof.studies.spoof_aware import PUBLISHED, JointTrials, compare_spoof_aware

Run = Callable[..., tuple[int, str, str]]


def write(path: Path, count: int = 3000, label: str = "trial") -> Path:
    """Targets (+, +), nontargets (-, +), spoofs (+, -), normal, on scales of their own."""
    random = np.random.default_rng(0)
    kinds = np.array(["target", "nontarget", "spoof"])[np.arange(count) % 3]
    a = random.normal(np.where(kinds == "nontarget", -1.5, 1.5)) * 0.1 + 3
    b = random.normal(np.where(kinds == "spoof", -1.5, 1.5)) * 20
    codes = {"target": "1.0", "nontarget": "2.0", "spoof": "0.0"}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["asv_score", "cm_score", label])
        for row in zip(a, b, kinds.tolist(), strict=True):
            writer.writerow([row[0], row[1], row[2] if label == "trial" else codes[row[2]]])
    return path


def test_rules_that_know_the_scales_win(tmp_path: Path) -> None:
    dev, test = JointTrials.read(write(tmp_path / "t.csv")).split(0.5)
    found = {result.name: result for result in compare_spoof_aware(dev, test, resamples=40)}
    assert found[PUBLISHED].difference is None
    for poor in ("verification", "detection", "sum"):
        difference = found[poor].difference
        assert difference is not None
        assert difference[0] > 0.1
        assert difference[1].low > 0
    assert found[PUBLISHED].a_dcf < 0.9 * found["llr-sum"].a_dcf
    # LLR of both are normal here, so nothing is left to learn.
    assert found["learned"].a_dcf < 1.1 * found[PUBLISHED].a_dcf
    assert found["gate"].t_eer == pytest.approx(0.13, abs=0.04)
    assert found["verification"].spf_eer == pytest.approx(0.5, abs=0.05)
    assert found["verification"].sv_eer == pytest.approx(0.067, abs=0.02)


def test_both_spellings_and_the_split(tmp_path: Path) -> None:
    plain = JointTrials.read(write(tmp_path / "a.csv"))
    coded = JointTrials.read(write(tmp_path / "b.csv", label="sasv_label"))
    assert plain.trial.tolist() == coded.trial.tolist()
    dev, test = plain.split(0.3)
    assert len(dev.trial) + len(test.trial) == 3000
    assert not set(dev.ids) & set(test.ids)
    assert len(dev.trial) == pytest.approx(900, abs=80)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("asv_score,cm_score\n1,2\n", "no column 'trial'"),
        ("asv_score,trial\n1,target\n", "no column 'cm_score'"),
        ("asv_score,cm_score,trial\n1,2,friend\n", "trial 'friend' is not one of"),
        ("asv_score,cm_score,trial\n1,x,target\n", "could not convert"),
        ("asv_score,cm_score,trial\n1,inf,target\n", "must be finite"),
        ("asv_score,cm_score,trial\n1,2,target\n", "there is no nontarget trial"),
    ],
)
def test_bad_trials_are_told(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        JointTrials.read(path)


def test_on_the_command_line(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", 900)
    code, out, _ = run("spoof-aware", path, "--dev-share", 0.5, "--resamples", 20)
    assert code == 0
    assert "best published" in out
    assert "learned" in out
    for arguments, words in (
        (("--asv", path), "Missing option '--dev-share'"),
        (("--asv", path, "--dev-share", 1.5), "between 0 and 1"),
        (("--asv", path, "--dev-share", 0.5, "--method", "and"), "No such option"),
    ):
        code, _, err = run("fuse", *arguments)
        assert code == 3
        assert words in err
