"""The supervised recipe: from a manifest to a bundle, with what can go wrong on the way."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stand_ins
import torch
from safetensors.torch import load_file

import antispoof
from antispoof.data.manifest import manifest_digest
from antispoof.errors import ExperimentError, InputError, TrainingError, UnknownNameError
from antispoof.evaluation import ScoreSet
from antispoof.runtime.bundle import read_bundle
from antispoof.runtime.scorer import Scorer
from antispoof.scores.calibration import supported_ratio
from antispoof.training.checkpoint import read_tensors
from antispoof.training.experiment import read_experiment
from antispoof.training.export import load_run
from antispoof.training.fit import train
from antispoof.training.recipes.supervised import learner
from antispoof.training.reporter import SILENT, Reporter

Run = Callable[..., tuple[int, str, str]]


pytestmark = pytest.mark.usefixtures("stand_in_sensors")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plates")
    manifest = stand_ins.write_collection(folder)
    (folder / "plates.yaml").write_text(
        stand_ins.CONFIG.format(folder=folder, manifest=manifest), encoding="utf-8"
    )
    return folder


def experiment_of(folder: Path, *changes: str) -> Any:
    return read_experiment(folder / "plates.yaml", changes)


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def trained(folder: Path, said: list[str]) -> Path:
    return train(experiment_of(folder), Reporter(said.append, lambda *_: None))


def test_a_run_leaves_all_that_is_promised(trained: Path, folder: Path, said: list[str]) -> None:
    assert any("epoch 3 of 3: loss" in line and "dev auc" in line and "dev eer" in line for line in said)
    with (trained / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    about = read_tensors(trained / "checkpoint.safetensors")[1]
    assert about["manifest_sha256"] == manifest_digest(folder / "manifest.csv")
    assert about["experiment"] == json.loads((trained / "experiment.json").read_text())
    assert about["experiment"]["modalities"]["right"]["prepare"] == {"gain": 0.5}
    test = ScoreSet.read(trained / "test.csv")
    assert len(test) == 12
    assert test.simulated.all()
    assert not list(trained.rglob("*.ckpt"))  # nothing that would have to be unpickled
    assert not list(trained.rglob("*.part"))


def test_the_bundle_scores_like_the_network_with_any_sensors(trained: Path, folder: Path, run: Run) -> None:
    code, _, errors = run("export", trained, "-o", folder / "plates.onnx")
    assert code == 0, errors
    bundle = read_bundle(folder / "plates.onnx")
    about = bundle.metadata
    assert about.modalities == ("left", "right")
    recipe = json.loads(about.training.recipe)
    assert recipe["manifest_sha256"] == manifest_digest(folder / "manifest.csv")
    assert recipe["training"]["epochs"] == 3
    assert set(about.subset_calibrations) == {"left", "right"}
    assert set(about.modality_calibrations) == {"left", "right"}
    dev = ScoreSet.read(trained / "dev.csv")
    assert dev.subject is not None
    who = np.array(dev.subject.decode())
    people = min(len(set(who[dev.is_bona_fide == live])) for live in (True, False))
    assert about.calibration.limit == pytest.approx(supported_ratio(people))
    assert np.abs(dev.scores).max() <= about.calibration.limit
    assert [data.simulated for data in about.training.data] == [True]
    assert all("simulated" in result.data for result in about.results)
    graph = load_run(trained).graph
    rng = np.random.default_rng(0)
    arrays = {
        name: rng.random((4, *x.shape[1:]), np.float32)
        for name, x in graph.inputs.items()
        if name != "presence"
    }
    presence = np.array([[1, 1], [1, 0], [0, 1], [1, 1]], np.float32)
    with torch.inference_mode():
        expected = graph.network(*map(torch.from_numpy, arrays.values()), torch.from_numpy(presence))[
            0
        ].numpy()
    np.testing.assert_allclose(Scorer(bundle)(arrays, presence).score, expected, atol=1e-4)
    # What training says of test is what the bundle's user gets of the same manifest.
    detector = antispoof.load(folder / "plates.onnx")
    found = {row["id"]: row for row in antispoof.score(folder / "manifest.csv", detector=detector)}
    test = ScoreSet.read(trained / "test.csv")
    got = [found[name]["score"] for name in test.ids]
    np.testing.assert_allclose(got, test.scores, atol=0.01)  # training keeps its samples in half precision
    assert {found[name]["partition"] for name in test.ids} == {"test"}


def weights(run: Path) -> dict[str, Any]:
    return load_file(run / "checkpoint.safetensors")


def same(one: Path, other: Path) -> bool:
    first, second = weights(one), weights(other)
    return all(torch.equal(first[name], second[name]) for name in first) and first.keys() == second.keys()


def test_the_seed_decides_everything(trained: Path, folder: Path) -> None:
    again = train(experiment_of(folder, f"run_dir={folder}/again"))
    assert same(again, trained)
    assert (again / "test.csv").read_text() == (trained / "test.csv").read_text()


@pytest.mark.parametrize("moment", [1, 7])
def test_killed_at_any_moment_it_ends_the_same(
    trained: Path, folder: Path, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    original = learner.Learner.training_step

    def failing(self: Any, batch: Any) -> Any:
        steps.append(1)
        if len(steps) > moment:
            raise RuntimeError("the power fails")
        return original(self, batch)

    killed = experiment_of(folder, f"run_dir={folder}/killed{moment}")
    with monkeypatch.context() as patch:
        patch.setattr(learner.Learner, "training_step", failing)
        with pytest.raises(RuntimeError, match="the power fails"):
            train(killed)
    assert same(train(killed), trained)
    log = (folder / f"killed{moment}" / "log.csv").read_text().splitlines()
    expected = (trained / "log.csv").read_text().splitlines()
    for line, other in zip(log, expected, strict=True):
        assert line.rsplit(",", 1)[0] == other.rsplit(",", 1)[0]  # but for the seconds


def test_a_folder_holds_one_experiment(trained: Path, folder: Path) -> None:
    with pytest.raises(InputError, match=r"differs in training.learning_rate: 0\.003 there, 0\.1 here"):
        train(experiment_of(folder, "training.learning_rate=0.1"))
    assert trained.exists()


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            "fusion.name=cross_modul",
            UnknownNameError,
            "unknown fusion 'cross_modul'; did you mean 'cross_modal'",
        ),
        ("fusion=", ExperimentError, "left and right need a fusion; there are: "),
        (
            "fusion.wdith=3",
            ExperimentError,
            "fusion 'cross_modal' has no option 'wdith'; did you mean 'width'?",
        ),
        ("modalities.left.encoder.widths=many", ExperimentError, "encoder 'mobile', option 'widths'"),
        (
            "modalities.left.prepare.gian=1",
            ExperimentError,
            "prepare of 'left' has no option 'gian'; did you mean",
        ),
        ("losses=[{name: focus}]", UnknownNameError, "unknown loss 'focus'"),
        ("training.epoch=3", ExperimentError, "training.epoch: unknown key; did you mean 'epochs'?"),
        (
            "modalities.left.encodr={name: mobile}",
            ExperimentError,
            "modalities.left.encodr: unknown key; did you mean",
        ),
        ("augmentation=[{name: flop}]", UnknownNameError, "did you mean 'flip'"),
        (
            "augmentation=[{name: flip, modalities: [up]}]",
            ExperimentError,
            "names 'up', which is none of left, right",
        ),
        ("recipe=supervise", UnknownNameError, "unknown recipe 'supervise'; did you mean 'supervised'"),
    ],
)
def test_mistakes_are_told_before_any_work(
    folder: Path, change: str, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        experiment_of(folder, change)
    assert message in str(caught.value)


def test_one_sensor_has_no_fusion(folder: Path) -> None:
    with pytest.raises(ExperimentError, match="needs two modalities or more, got left alone"):
        experiment_of(folder, "modalities={left: {encoder: {name: mobile}}}")


def test_a_loss_that_is_no_number_keeps_the_batch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from antispoof.networks.losses.binary_cross_entropy import BinaryCrossEntropy

    original = BinaryCrossEntropy.forward
    monkeypatch.setattr(BinaryCrossEntropy, "forward", lambda *args: original(*args) * torch.nan)
    run = folder / "nan"
    with pytest.raises(TrainingError, match=r"the loss became nan in epoch 1; lower training\.learning_rate"):
        train(experiment_of(folder, f"run_dir={run}"))
    tensors, about = read_tensors(run / "failed_batch.safetensors")
    assert tensors["inputs.left"].shape == (8, 1, 16, 16)
    assert len(about["ids"]) == 8


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "out of memory with training.batch_size 8: halve it"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out of memory"),
        (OSError(28, "No space left on device"), "the disk is full"),
    ],
)
def test_what_runs_out_is_told_in_words(
    folder: Path, error: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(learner.Learner, "training_step", failing)
    with pytest.raises(TrainingError, match=message):
        train(experiment_of(folder, f"run_dir={folder}/full"), SILENT)
