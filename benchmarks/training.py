"""What the recipe costs beside a bare PyTorch loop: pictures a second of both, in the same run.

    python benchmarks/training.py --json out.json

Both train the same network with the same loss, optimizer, gradient clipping and batch size, in turns.
The bare loop has its
batches ready in memory; the recipe reads them from memory maps, draws, hides, mirrors, logs and checks.
Loading alone is
timed as well. Times are processor time of this process, because other work on the machine would decide
otherwise. The pictures
are noise.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.networks.network import Target
from antispoof.training.collection import Collection
from antispoof.training.prepared import PreparedStore, Rows
from antispoof.training.recipes.supervised import fit
from antispoof.training.recipes.supervised.batches import TrainingBatches
from antispoof.training.recipes.supervised.experiment import SupervisedExperiment
from antispoof.training.recipes.supervised.learner import Learner
from antispoof.training.recipes.supervised.network import build, build_losses
from antispoof.training.recipes.supervised.processes import Processes
from antispoof.training.reporter import SILENT


def make_experiment(folder: Path, encoder: str, size: int, batch: int, epochs: int) -> SupervisedExperiment:
    return SupervisedExperiment.model_validate(
        {
            "recipe": "supervised",
            "name": "benchmark",
            "version": "1",
            "seed": 0,
            "run_dir": folder,
            "data": {"manifest": folder / "none.csv"},
            "modalities": {
                "face_rgb": {"prepare": {"scale": 1.5, "size": size}, "encoder": {"name": encoder}}
            },
            "losses": [{"name": "binary_cross_entropy"}],
            "training": {
                "epochs": epochs,
                "batch_size": batch,
                "learning_rate": 1e-3,
                "balance": "none",
                "accelerator": "cpu",
            },
            "augmentation": [{"name": "flip"}],
        }
    )


def make_collection(folder: Path, experiment: SupervisedExperiment, count: int, size: int) -> Collection:
    store = PreparedStore(folder, "face_rgb", experiment.modalities["face_rgb"].prepare)
    store.folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    np.save(store.folder / "noise.npy", rng.integers(0, 256, (count, 3, size, size), np.uint8))
    file = CaptureFile(folder / "none.png")
    presentations = tuple(
        Presentation(
            str(n),
            "noise",
            {"face_rgb": file},
            "print" if n % 2 else None,
            partition="train" if n % 16 else "dev",
        )
        for n in range(count - 2)
    ) + tuple(
        Presentation(f"dev{n}", "noise", {"face_rgb": file}, "print" if n else None, partition="dev")
        for n in (0, 1)
    )
    label = np.array([p.bona_fide for p in presentations], np.float32)
    return Collection(
        presentations,
        {"face_rgb": store},
        {"face_rgb": [Rows("noise", n, 1) for n in range(count)]},
        {"face_rgb": (3, size, size)},
        np.ones((count, 1), np.int64),
        label,
        (1 - label).astype(np.int64),
        np.arange(count),
        ("bona_fide", "print"),
    )


class Timed(Learner):
    """Tells the processor time of every epoch's training steps."""

    spent: list[float] = []  # noqa: RUF012

    def on_train_epoch_start(self) -> None:
        """Start the clock."""
        super().on_train_epoch_start()
        self._from = time.process_time()

    def on_validation_epoch_start(self) -> None:
        """Stop the clock."""
        self.spent.append(time.process_time() - self._from)


def recipe(experiment: SupervisedExperiment, collection: Collection) -> float:
    fit.Learner = Timed  # type: ignore[attr-defined]
    Timed.spent.clear()
    group = Processes(0, 1, {"accelerator": "cpu", "devices": 1})
    fit._learn(experiment, collection, group, SILENT)
    return min(Timed.spent[1:] or Timed.spent)


def bare(experiment: SupervisedExperiment, batches: list[Any], epochs: int) -> float:
    network = build(experiment, {"face_rgb": 3}).train()
    loss = next(iter(build_losses(experiment).values()))
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.01)
    spent = []
    for _ in range(epochs):
        started = time.process_time()
        for batch in batches:
            target = Target(batch.label, batch.species, batch.pair, batch.presence)
            value = loss(network(batch.inputs, batch.presence), target)
            optimizer.zero_grad()
            value.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        spent.append(time.process_time() - started)
    return min(spent[1:] or spent)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--encoder", default="mobile")
    arguments.add_argument("--size", type=int, default=96)
    arguments.add_argument("--batch", type=int, default=32)
    arguments.add_argument("--count", type=int, default=512)
    arguments.add_argument("--epochs", type=int, default=3)
    arguments.add_argument("--rounds", type=int, default=2)
    arguments.add_argument("--json", type=Path)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    ratios, rates = [], []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            experiment = make_experiment(folder, given.encoder, given.size, given.batch, given.epochs)
            collection = make_collection(folder, experiment, given.count, given.size)
            batches = TrainingBatches(collection, collection.partition("train"), experiment, 0, 1)
            started = time.process_time()
            ready = list(batches)
            loading = time.process_time() - started
            pictures = len(ready) * given.batch
            own, plain = recipe(experiment, collection), bare(experiment, ready, given.epochs)
        rates.append(
            {"recipe": pictures / own, "bare loop": pictures / plain, "loading alone": pictures / loading}
        )
        ratios.append(plain / own)
    best = {name: max(rate[name] for rate in rates) for name in rates[0]}
    for name, rate in best.items():
        print(f"{name:14} {rate:8.1f} pictures a second of processor time")
    print(f"recipe over bare loop: {np.median(ratios):.3f} (rounds: {', '.join(f'{r:.3f}' for r in ratios)})")
    print(
        f"{given.encoder}, {given.size} px, batches of {given.batch}, one thread, "
        f"{platform.processor() or platform.machine()}"
    )
    if given.json:
        record = {
            "rates": best,
            "ratio": float(np.median(ratios)),
            "rounds": ratios,
            "settings": vars(given) | {"json": ""},
        }
        given.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
