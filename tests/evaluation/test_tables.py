"""Tables fit eighty columns: names fold, numbers stay whole, nothing is cut."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from antispoof.evaluation import ScoreSet, compare, cross_dataset, evaluate
from antispoof.evaluation.ablation import ablation
from antispoof.evaluation.matrix import TOO_FEW
from antispoof.evaluation.tables import print_ablation, print_comparison, print_evaluation, print_matrix

NAMES = (
    "silicone mask with eye holes, worn by others",
    "replay on a 27 inch curved monitor",
    "paper_mask_with_a_name_that_nothing_breaks",
    "print",
)


def a_set(each: int, seed: int = 0, name: str = "scores") -> ScoreSet:
    random = np.random.default_rng(seed)
    species = ["bona_fide"] * (4 * each) + [kind for kind in NAMES for _ in range(each)]
    return ScoreSet.from_columns(
        [str(k) for k in range(8 * each)],
        random.normal(np.repeat([1.5, -1.5], 4 * each)),
        species,
        subject=[f"s{k % 30}" for k in range(8 * each)],
        attributes={
            "capture_device": [("Canon EOS 90D with its flash", "phone")[k % 2] for k in range(8 * each)]
        },
        name=name,
    )


def shown(show: Callable[..., None], result: object, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    show(console, result)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    in_tables = [line for line in text.splitlines() if line.startswith("  ") and line.endswith("  ")]
    assert in_tables
    assert not [line for line in in_tables if len(line) > width or "…" in line]
    return text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_an_evaluation(width: int) -> None:
    text = shown(print_evaluation, evaluate(a_set(40), resamples=5), width)
    for name in NAMES:
        assert all(word in text for word in name.split() if len(word) < 12)
    assert "Canon" in text
    assert re.search(r"\d/80 +\d+\.\d\d %", text) or width == 200


def test_a_comparison_with_long_names() -> None:
    systems = {"our_best_model_of_the_whole_year": a_set(40), "their_model": a_set(40, 1)}
    text = shown(print_comparison, compare(systems, resamples=10))
    assert "our_best_model_of_th" in text
    assert "e_whole_year" in text


def matrix_of(folder: Path, pairs: list[tuple[str, str]], each: int) -> str:
    a_set(each).write(folder / "s.csv")
    lines = [f"{train},{test},s.csv" for train, test in pairs]
    (folder / "m.csv").write_text("train,test,scores\n" + "\n".join(lines) + "\n")
    return shown(print_matrix, cross_dataset(folder / "m.csv", resamples=5))


def test_a_matrix_of_twenty_two_folds_lists_its_pairs(tmp_path: Path) -> None:
    text = matrix_of(tmp_path, [(f"without instrument {k}", f"instrument {k}") for k in range(22)], 4)
    assert len(re.findall(r"without instrument \d+ +instrument \d+ +\d+\.\d\d % †", text)) == 22
    assert TOO_FEW in text


def test_a_wide_matrix_says_a_row_each(tmp_path: Path) -> None:
    names = [f"dataset-{k}" for k in range(6)]
    text = matrix_of(tmp_path, [(a, b) for a in names for b in names], 10)
    assert len(re.findall(r"dataset-\d +\d+\.\d\d % +\d+\.\d\d % +dataset-\d", text)) == 6
    assert "all 36 pairs: antispoof compare --matrix" in text
    assert "†" not in text


def test_a_narrow_matrix_stays_one(tmp_path: Path) -> None:
    text = matrix_of(tmp_path, [(a, b) for a in "AB" for b in "AB"], 10)
    assert "train ↓ test →" in text


def test_an_ablation_of_two_seeds_has_no_interval(tmp_path: Path) -> None:
    two = ablation("d_eer", [1, 2], [0.1, 0.11], {"without " + NAMES[0]: [0.2, 0.22]}, simulated=True)
    text = shown(print_ablation, two)
    assert "none" in text
    assert "2 seeds: too few for an interval; 3 or more give one" in text
    assert not two.contributions[0].clear
    two.write(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines()[2].endswith(",,,true")
    ten = ablation(
        "d_eer", range(10), [0.1] * 10, {NAMES[1]: [0.2 + k / 1000 for k in range(10)]}, simulated=False
    )
    assert "worse" in shown(print_ablation, ten)
    assert "too few" not in shown(print_ablation, ten)
