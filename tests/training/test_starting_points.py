"""Where weights come from, other runs and pretraining; what stays frozen; what is drawn how often."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stand_ins
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from antispoof.data.manifest import read_manifest
from antispoof.errors import ExperimentError, InputError
from antispoof.evaluation import ScoreSet
from antispoof.runtime.bundle import read_bundle
from antispoof.training.augmentations import Draw, augmentations
from antispoof.training.checkpoint import load_weights
from antispoof.training.collection import collect
from antispoof.training.experiment import read_experiment
from antispoof.training.export import export
from antispoof.training.fit import train
from antispoof.training.recipes.supervised.batches import draw_order
from antispoof.training.recipes.supervised.network import build
from antispoof.training.recipes.supervised.pretraining import masked, pretrain
from antispoof.training.reporter import SILENT, Reporter

Run = Callable[..., tuple[int, str, str]]


pytestmark = pytest.mark.usefixtures("stand_in_sensors")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("starts")
    manifest = stand_ins.write_collection(folder, people=8)
    text = stand_ins.CONFIG.format(folder=folder, manifest=manifest).replace("epochs: 3", "epochs: 2")
    (folder / "plates.yaml").write_text(text, encoding="utf-8")
    return folder


def experiment_of(folder: Path, *changes: str) -> Any:
    return read_experiment(folder / "plates.yaml", changes)


ONE = "modalities={left: {encoder: {name: mobile, widths: [4, 4, 8, 8]}}}"


def test_pretraining_is_a_start_and_goes_on_after_an_interruption(folder: Path) -> None:
    said: list[str] = []
    report = Reporter(said.append, lambda *_: None)
    masks = "pretraining={epochs: 3, batch_size: 8, patch: 4}"
    whole = pretrain(experiment_of(folder, masks, f"run_dir={folder}/pre"), report)
    errors = [float(line.rpartition(" ")[2]) for line in said if "masked" in line]
    assert errors[-1] < errors[0]
    part = "pretraining={epochs: 1, batch_size: 8, patch: 4}"
    pretrain(experiment_of(folder, part, f"run_dir={folder}/part"))
    again = pretrain(experiment_of(folder, masks, f"run_dir={folder}/part"))
    first, second = load_file(whole), load_file(again)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert all(name.startswith("encoders.") for name in first)
    said.clear()
    start = (f"initial={whole}", f"run_dir={folder}/started", "training.epochs=1")
    train(experiment_of(folder, *start, "freeze=[{stages: [shallow, middle, deep]}]"), report)
    assert any(f"{len(first)} arrays loaded" in line for line in said)
    learned = load_file(folder / "started" / "checkpoint.safetensors")
    assert all(torch.equal(learned[name], value) for name, value in first.items())  # frozen for good
    with pytest.raises(ExperimentError, match="has no pretraining"):
        pretrain(experiment_of(folder))


def test_frozen_stages_thaw(folder: Path) -> None:
    run = folder / "thawing"
    changes = (ONE, "fusion=", "training.average_last=2", "freeze=[{stages: [shallow], until_epoch: 1}]")
    experiment = experiment_of(folder, *changes, f"run_dir={run}")
    train(experiment)
    torch.manual_seed(0)
    first, second = (load_file(run / "weights" / f"epoch-000{epoch}.safetensors") for epoch in (0, 1))
    import lightning

    lightning.seed_everything(experiment.seed, verbose=False)
    start = build(experiment, {"left": 1}).state_dict()
    encoder = build(experiment, {"left": 1}).encoders["left"]
    stage: Any = encoder.stages["shallow"]  # type: ignore[index]
    shallow = {id(parameter) for parameter in stage.parameters()}
    names = [f"encoders.left.{name}" for name, value in encoder.named_parameters() if id(value) in shallow]
    assert names
    assert all(torch.equal(first[name], start[name]) for name in names)
    assert not any(torch.equal(second[name], start[name]) for name in names)
    assert not torch.equal(first["heads.left.output.weight"], start["heads.left.output.weight"])
    # The final weights are the mean of both epochs.
    final = load_file(run / "checkpoint.safetensors")
    torch.testing.assert_close(final[names[0]], (first[names[0]] + second[names[0]]) / 2)
    with pytest.raises(ExperimentError, match=r"has no stage 'stem'; it has shallow, middle, deep"):
        train(experiment_of(folder, ONE, "fusion=", "freeze=[{stages: [stem]}]", f"run_dir={folder}/none"))


def test_a_checkpoint_of_another_architecture_names_its_keys(folder: Path) -> None:
    one, other = (build(experiment_of(folder, ONE, "fusion="), {"left": channels}) for channels in (1, 2))
    with pytest.raises(InputError, match=r"of another architecture; it has of another shape: encoders\.left"):
        load_weights(one, other.state_dict(), Path("other"))
    with pytest.raises(InputError, match="it lacks: encoders"):
        load_weights(one, {"nothing": torch.zeros(1)}, Path("other"), strict=False)


def test_windows_are_averaged(tmp_path: Path) -> None:
    manifest = stand_ins.write_collection(tmp_path, people=8, names=("strip",))
    text = stand_ins.CONFIG.format(folder=tmp_path, manifest=manifest).replace("epochs: 3", "epochs: 1")
    (tmp_path / "plates.yaml").write_text(text, encoding="utf-8")
    run = train(
        read_experiment(
            tmp_path / "plates.yaml",
            ["modalities={strip: {encoder: {name: mobile, widths: [4, 4, 8, 8]}}}", "fusion="],
        )
    )
    assert len(ScoreSet.read(run / "test.csv")) == 6  # one score a presentation, of three windows each
    assert read_bundle(export(run, tmp_path / "strip.onnx")).metadata.modalities == ("strip",)


def test_what_cannot_be_judged_is_absent(folder: Path, tmp_path: Path) -> None:
    manifest = stand_ins.write_collection(tmp_path, people=8)
    np.save(tmp_path / "3-None-left.npy", np.zeros((1, 16, 16)))
    (tmp_path / "3-print-right.npy").write_bytes(b"no array")
    experiment = experiment_of(folder, f"data.manifest={manifest}", f"data.cache={tmp_path}/prepared")
    said: list[str] = []
    collection = collect(read_manifest(manifest), experiment, Reporter(said.append, lambda *_: None))
    ids = [p.id for p in collection.presentations]
    assert collection.presence[ids.index("3-None")].tolist() == [0, 1]
    assert collection.presence[ids.index("3-print")].tolist() == [1, 0]
    assert "left: 1 of 24 cannot be judged and count as absent (dark 1)" in said


@pytest.mark.parametrize("balance", ["none", "class", "species", "pair"])
def test_how_often_is_what_drawn(folder: Path, balance: str) -> None:
    experiment = experiment_of(folder, f"training.balance={balance}")
    collection = collect(read_manifest(folder / "manifest.csv"), experiment, SILENT)
    rows = np.arange(len(collection.presentations))[:-1]  # one replay fewer
    order = draw_order(collection, rows, experiment.training, 6, seed=1, epoch=2)
    assert len(order) == 48
    np.testing.assert_array_equal(order, draw_order(collection, rows, experiment.training, 6, 1, 2))
    assert not np.array_equal(order, draw_order(collection, rows, experiment.training, 6, 1, 3))
    species = collection.species[rows[order]]
    counts = np.bincount(species, minlength=3)
    if balance == "species":
        assert counts.tolist() == [24, 12, 12]
    elif balance != "none":
        assert counts[0] == 24
    if balance == "pair":
        pair = collection.pair[rows[order]]
        assert (pair[::2] == pair[1::2]).all()
        assert (species[::2] == 0).all()
        assert (species[1::2] > 0).all()


@given(seed=st.integers(0, 2**62), cut=st.integers(1, 7))
def test_draws_do_not_depend_on_how_a_batch_is_divided(seed: int, cut: int) -> None:
    x = torch.rand(8, 2, 12, 12, generator=torch.Generator().manual_seed(seed))
    for name in augmentations:
        augmentation = augmentations[name]
        batch = x if augmentation.fits(x) else 2 * x.flatten(1) - 1
        whole = augmentation.change(batch, Draw(seed, 8, 0, 8))
        first = augmentation.change(batch[:cut], Draw(seed, 8, 0, cut))
        second = augmentation.change(batch[cut:], Draw(seed, 8, cut, 8 - cut))
        torch.testing.assert_close(torch.cat([first, second]), whole)
        assert whole.shape == batch.shape
        assert torch.isfinite(whole).all()
        assert whole.max() <= 1
        assert whole.min() >= (0 if batch.dim() == 4 else -1)


def test_masks_cover_their_share() -> None:
    for x in (torch.zeros(64, 3, 64, 64), torch.zeros(64, 16000)):
        mask = masked(x, 8, 0.5, 3)
        assert mask.dtype == torch.bool
        assert mask.float().mean() == pytest.approx(0.5, abs=0.05)
        assert torch.equal(mask, masked(x, 8, 0.5, 3))


def test_what_can_be_loaded_is_listed(run: Run) -> None:
    code, printed, _ = run("pretrained")
    assert code == 0
    assert "facebook/dinov2-small" in printed
    assert "Apache-2.0" in printed
