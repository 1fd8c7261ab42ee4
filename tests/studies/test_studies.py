"""Protocols and ablations: many trainings, one table."""

from __future__ import annotations

import dataclasses
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stand_ins
from scipy import stats

from antispoof.data.folds import folds
from antispoof.data.manifest import read_manifest
from antispoof.errors import ExperimentError, InputError
from antispoof.evaluation import ScoreSet, cross_dataset
from antispoof.evaluation.ablation import FULL, ablation
from antispoof.studies.ablation import variants_of
from antispoof.training.experiment import read_experiment
from antispoof.training.recipes.supervised import fit

Run = Callable[..., tuple[int, str, str]]

ABLATION = """
ablation:
  seeds: [0, 1]
  figure: d_eer
  variants:
    - {without_modality: right}
    - {fusion: {name: early_concatenation}, set: {training.epochs: 1}, name: early}
"""


pytestmark = pytest.mark.usefixtures("stand_in_sensors")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    manifest = stand_ins.write_collection(folder)
    text = stand_ins.CONFIG.format(folder=folder, manifest=manifest) + ABLATION
    (folder / "plates.yaml").write_text(text.replace("epochs: 3", "epochs: 1"), encoding="utf-8")
    return folder


def trainings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Count the trainings that are done, not those that are found done."""
    done: list[Path] = []
    original = fit._learn

    def counted(experiment: Any, *rest: Any) -> Any:
        done.append(experiment.run_dir)
        return original(experiment, *rest)

    monkeypatch.setattr(fit, "_learn", counted)
    return done


def test_leave_one_instrument_out(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done = trainings(monkeypatch)
    command = ("protocol", "run", folder / "plates.yaml", "leave-one-out:pai_species", "-o", folder / "loo")
    code, printed, errors = run(*command)
    assert code == 0, errors
    assert len(done) == 2
    assert "(simulated)" in printed
    assert "without print" in printed
    matrix = cross_dataset(folder / "loo" / "matrix.csv", resamples=0)
    assert set(matrix.cells) == {("without print", "print"), ("without replay", "replay")}
    scores = ScoreSet.read(folder / "loo" / "runs" / "without-print-3" / "test.csv")
    assert set(scores.pai_species.names) == {"print"}
    assert run(*command)[0] == 0
    assert len(done) == 2  # nothing is trained twice


def test_missing_modality_trains_once(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done = trainings(monkeypatch)
    output = folder / "missing"
    code, _, errors = run("protocol", "run", folder / "plates.yaml", "missing-modality", "-o", output)
    assert code == 0, errors
    assert len(done) == 1
    assert set(cross_dataset(output / "matrix.csv", resamples=0).cells) == {
        ("all", "all"),
        ("all", "left"),
        ("all", "right"),
    }


def test_folds_divide_as_they_say(folder: Path) -> None:
    rows = read_manifest(folder / "manifest.csv")
    crossed = folds(rows, "cross:capture_device")
    assert [fold.train for fold in crossed] == ["d0", "d1"]
    for fold in crossed:
        assert set(fold.tests) == {"d0", "d1"}
        for p in fold.presentations:
            assert p.partition == "test" or p.attributes["capture_device"] == fold.train
    two = [dataclasses.replace(p, dataset="set" + p.attributes["capture_device"]) for p in rows]
    for fold in folds(two, "leave-one-out:dataset"):
        held = fold.train.removeprefix("without ")
        assert all((p.dataset == held) == (p.partition == "test") for p in fold.presentations)
    attacks = [
        dataclasses.replace(p, dataset="engine", id=f"engine/{p.id}", partition="train")
        for p in rows
        if not p.bona_fide
    ]
    assert {fold.train for fold in folds([*two, *attacks], "leave-one-out:dataset")} == {
        "without setd0",
        "without setd1",
    }, "what holds one class is no test, and stays in training"


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ("leave-one-out", "unknown protocol 'leave-one-out'; write leave-one-out:pai_species"),
        ("leave-one-out:lens", "needs two values of 'lens' or more, found none; the manifest has dataset"),
        ("cross:pai_species", "would train without bona fide presentations"),
        ("mmdg_cps_w", "needs casia_cefa"),
    ],
)
def test_protocols_that_cannot_be(folder: Path, run: Run, protocol: str, message: str) -> None:
    code, _, errors = run("protocol", "run", folder / "plates.yaml", protocol, "-o", folder / "none")
    assert code == 3
    assert message in errors
    with pytest.raises(InputError):
        folds(read_manifest(folder / "manifest.csv"), protocol)


def test_an_ablation_asks_for_its_plot_before_it_trains(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = trainings(monkeypatch)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, _, errors = run("ablate", folder / "plates.yaml")
    assert code == 3
    assert "[report]" in errors
    assert not done


def test_an_ablation_from_file_to_plot(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done = trainings(monkeypatch)
    code, printed, errors = run("ablate", folder / "plates.yaml")
    assert code == 0, errors
    assert len(done) == 6
    assert "without right" in printed
    assert "simulated" in printed
    lines = (folder / "run" / "ablation.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["variant", FULL, "without right", "early"]
    plot = ET.parse(folder / "run" / "ablation.svg").getroot()
    assert plot.tag == "{http://www.w3.org/2000/svg}svg"
    assert run("ablate", folder / "plates.yaml")[0] == 0
    assert len(done) == 6


def test_variants_are_checked_before_any_training(folder: Path) -> None:
    for variant, message in (
        ("{without_loss: focal}", "names 'focal', which is none of binary_cross_entropy"),
        ("{without_modality: up}", "names 'up', which is none of left, right"),
        ("{}", "a variant of the ablation changes nothing"),
        ("{set: {training.epoch: 3}}", "did you mean 'epochs'"),
        ("{without_loss: binary_cross_entropy}", "losses"),
        ("{encoder: {name: mobile, width: 3}}", "did you mean 'widths'"),
    ):
        experiment: Any = read_experiment(folder / "plates.yaml", [f"ablation.variants=[{variant}]"])
        with pytest.raises(ExperimentError) as caught:
            variants_of(experiment)
        assert message in str(caught.value)


def test_intervals_are_those_of_a_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    full, other = rng.random(5), rng.random(5)
    result = ablation("d_eer", range(5), full.tolist(), {"other": other.tolist()}, False)
    one = result.contributions[0]
    theirs = stats.ttest_rel(other, full).confidence_interval()
    assert one.difference == pytest.approx((other - full).mean())
    assert (one.interval.low, one.interval.high) == pytest.approx((theirs.low, theirs.high))
    with pytest.raises(InputError, match="2 values for 3 seeds"):
        ablation("d_eer", range(3), [0.1, 0.2], {}, False)
