"""Two processes learn what one learns."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import stand_ins
import torch
from safetensors.torch import load_file

from antispoof.errors import InputError
from antispoof.training.experiment import read_experiment
from antispoof.training.fit import train

VIT = "{name: vit, patch: 8, width: 16, depth: 3, heads: 2}"


def test_two_processes_have_the_loss_curve_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_ins.register(monkeypatch)
    manifest = stand_ins.write_collection(tmp_path, people=8)
    text = stand_ins.CONFIG.format(folder=tmp_path, manifest=manifest)
    (tmp_path / "plates.yaml").write_text(text, encoding="utf-8")
    # No batch normalisation: its statistics are those of a process. Two of 4 rows are then one of 8.
    changes = [f"modalities.{name}.encoder={VIT}" for name in ("left", "right")]
    changes += ["training.epochs=2", "augmentation=[{name: noise}, {name: flip}]"]
    with pytest.raises(InputError, match="batch_size 9 cannot be divided between 2 processes"):
        train(
            read_experiment(
                tmp_path / "plates.yaml",
                [*changes, "training.processes=2", "training.batch_size=9", f"run_dir={tmp_path}/odd"],
            )
        )
    curves, weights = [], []
    for processes in (1, 2):
        run = tmp_path / f"run{processes}"
        setting = [*changes, f"training.processes={processes}", f"run_dir={run}"]
        train(read_experiment(tmp_path / "plates.yaml", setting))
        with (run / "log.csv").open() as file:
            curves.append([(float(row["loss"]), float(row["dev_auc"])) for row in csv.DictReader(file)])
        weights.append(load_file(run / "checkpoint.safetensors"))
    for one, other in zip(*curves, strict=True):
        assert other == pytest.approx(one, rel=1e-3)
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=1e-3, atol=1e-3)
