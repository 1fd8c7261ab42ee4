"""The learner: what happens in a step, after an epoch, and which weights are kept."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from numpy.typing import NDArray
from torch import Tensor, nn

from antispoof.errors import TrainingError
from antispoof.evaluation.metrics import auc, d_eer
from antispoof.networks.network import MultiSensorNetwork, Target
from antispoof.training.checkpoint import read_tensors, write_tensors
from antispoof.training.collection import Batch, Collection, evaluation_batches, number_of
from antispoof.training.operating_points import calibrated_cost
from antispoof.training.recipes.supervised.batches import TrainingBatches
from antispoof.training.recipes.supervised.experiment import SupervisedExperiment
from antispoof.training.recipes.supervised.network import build_losses, frozen_parts
from antispoof.training.recipes.supervised.processes import Processes
from antispoof.training.reporter import Reporter

__all__ = ["MONITOR", "DevBatches", "KeptWeights", "Learner", "Log", "State", "chosen_weights"]

MONITOR = "dev_cost"


class DevBatches(torch.utils.data.IterableDataset[Batch]):
    """Every process looks at its share of dev."""

    def __init__(self, collection: Collection, rows: NDArray[np.intp], size: int, group: Processes) -> None:
        self.collection, self.size = collection, size
        self.rows = rows[group.rank :: group.world]

    def __iter__(self) -> Iterator[Batch]:
        """Read every window once."""
        return evaluation_batches(self.collection, self.rows, self.size)


class Learner(lightning.LightningModule):
    """Steps, epochs and what dev says after each; see Lightning for when each method is called."""

    def __init__(
        self,
        experiment: SupervisedExperiment,
        network: MultiSensorNetwork,
        collection: Collection,
        batches: TrainingBatches,
        dev: NDArray[np.intp],
        group: Processes,
        report: Reporter,
    ) -> None:
        super().__init__()
        self.network = network
        self.losses = nn.ModuleDict(build_losses(experiment))
        self.experiment, self.collection, self.batches = experiment, collection, batches
        self.dev, self.group, self.report = dev, group, report
        self.told: dict[str, float] = {}
        self._said: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
        self._lost: list[Tensor] = []
        self._frozen: list[nn.Module] = []
        thawed = [one for one in experiment.freeze if one.until_epoch is not None]
        for part in frozen_parts(network, thawed, 0):
            part.requires_grad_(True)  # an encoder may come with parts that are frozen
        for part in frozen_parts(network, experiment.freeze, None):
            part.requires_grad_(False)

    def on_train_epoch_start(self) -> None:
        """Set what is drawn, and what stays as it is, in this epoch."""
        self.batches.epoch = self.current_epoch
        torch.manual_seed(number_of(self.experiment.seed, self.current_epoch, self.group.rank))
        self._frozen = frozen_parts(self.network, self.experiment.freeze, self.current_epoch)
        for part in self._frozen:
            part.eval()  # statistics of batch normalisation stay as they are, too

    def training_step(self, batch: Batch) -> Tensor:
        """Return the weighted sum of the losses."""
        output = self.network(batch.inputs, batch.presence)
        target = Target(batch.label, batch.species, batch.pair, batch.presence, pixel_mask=batch.pixel_mask)
        values = [loss(output, target) for loss in self.losses.values()]
        terms = zip(self.experiment.losses, values, strict=True)
        total = torch.stack([term.weight * value for term, value in terms]).sum()
        if not torch.isfinite(total):
            raise _no_number(self, batch, float(total.detach()))
        self._lost.append(torch.stack([total, *values]).detach())
        self.log("loss", total, prog_bar=True, batch_size=len(batch.label))
        return total

    def on_before_optimizer_step(self, optimizer: Any) -> None:  # noqa: ARG002
        """Leave frozen parts as they are."""
        for part in self._frozen:
            for parameter in part.parameters():
                parameter.grad = None

    def validation_step(self, batch: Batch) -> None:
        """Score windows of dev."""
        score = self.network(batch.inputs, batch.presence).score
        self._said.append((batch.rows.cpu().numpy(), score.double().cpu().numpy()))

    def on_validation_epoch_end(self) -> None:
        """Tell the losses, and how well dev is told apart."""
        parts = self.group.gathered(self._said)
        self._said = []
        rows = np.concatenate([rows for rows, _ in parts])
        scores = np.concatenate([scores for _, scores in parts])
        if not np.isfinite(scores).all():
            raise TrainingError("the network gives scores that are no numbers; lower training.learning_rate")
        known, where = np.unique(rows, return_inverse=True)
        mean = np.bincount(where, scores) / np.bincount(where)
        bona_fide, attack = (mean[self.collection.label[known] == label] for label in (1, 0))
        own = torch.stack(self._lost).mean(0).double().cpu().numpy()
        lost = np.mean(self.group.gathered([own]), axis=0)
        self._lost = []
        names = [f"loss_{name}" for name in self.losses] if len(self.losses) > 1 else []
        self.told = {
            **dict(zip(["loss", *names], lost.tolist(), strict=False)),
            "dev_auc": auc(bona_fide, attack),
            "dev_eer": d_eer(bona_fide, attack).value,
            MONITOR: calibrated_cost(bona_fide, attack),
        }
        self.log_dict(
            {name: value for name, value in self.told.items() if name.startswith("dev")}, prog_bar=True
        )
        words = ", ".join(
            f"{name.replace('_', ' ')} {self.told[name]:.4f}"
            for name in ("loss", "dev_auc", "dev_eer", MONITOR)
        )
        self.report.say(f"epoch {self.current_epoch + 1} of {self.experiment.training.epochs}: {words}")

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return AdamW with its schedule."""
        settings = self.experiment.training
        optimizer = torch.optim.AdamW(
            [p for p in self.parameters() if p.requires_grad],
            settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
        steps = settings.epochs * len(self.batches)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _schedule(steps, settings.warm_up))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _schedule(steps: int, warm_up: float) -> Callable[[int], float]:
    rising = max(1, round(steps * warm_up))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1 + float(np.cos(np.pi * min(1.0, (step - rising) / max(1, steps - rising)))))

    return factor


def _no_number(learner: Learner, batch: Batch, value: float) -> TrainingError:
    path = learner.experiment.run_dir / "failed_batch.safetensors"
    ids = [learner.collection.presentations[row].id for row in batch.rows.tolist()]
    tensors = {f"inputs.{name}": x for name, x in batch.inputs.items()}
    tensors |= {key: x for key, x in zip(batch._fields[1:], batch[1:], strict=True) if x is not None}
    write_tensors(path, tensors, {"ids": ids, "epoch": learner.current_epoch, "loss": str(value)})
    bad = [name for name, x in batch.inputs.items() if not torch.isfinite(x).all()]
    why = (
        f"its {' and '.join(bad)} hold values that are no numbers" if bad else "lower training.learning_rate"
    )
    return TrainingError(
        f"the loss became {value} in epoch {learner.current_epoch + 1}; {why}. The batch is kept in "
        f"{str(path)!r}"
    )


class State(ModelCheckpoint):
    """Where an interrupted run goes on."""

    FILE_EXTENSION = ".safetensors"


class KeptWeights(Callback):
    """Keeps the weights of the last epochs and of the best one, with what dev said of them."""

    def __init__(self, folder: Path, last: int) -> None:
        self.folder, self.last = folder, last

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the weights, and delete those that cannot be chosen any more."""
        epoch = trainer.current_epoch
        cost = float(trainer.callback_metrics[MONITOR])
        path = self.folder / f"epoch-{epoch:04d}.safetensors"
        write_tensors(path, pl_module.network.state_dict(), {"epoch": epoch, "cost": cost})
        kept = {one: read_tensors(one)[1] for one in self.folder.glob("epoch-*.safetensors")}
        best = min(kept, key=lambda one: (kept[one]["cost"], kept[one]["epoch"]))
        for one, about in kept.items():
            if one != best and about["epoch"] <= epoch - self.last:
                one.unlink()


class Log(Callback):
    """One line an epoch; lines of epochs that are done again are replaced."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._started = time.monotonic()

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Take the time."""
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the line."""
        row = {"epoch": trainer.current_epoch + 1, **pl_module.told}
        row["learning_rate"] = trainer.optimizers[0].param_groups[0]["lr"]
        row["seconds"] = round(time.monotonic() - self._started, 2)
        rows = []
        if self.path.exists():
            with self.path.open(encoding="utf-8", newline="") as file:
                rows = [one for one in csv.DictReader(file) if int(one["epoch"]) < row["epoch"]]
        with self.path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            writer.writeheader()
            writer.writerows([*rows, row])


def chosen_weights(folder: Path, last: int, report: Reporter) -> Mapping[str, Tensor]:
    """Return the mean of the last epochs, or the best epoch."""
    kept = [read_tensors(path) for path in sorted(folder.glob("epoch-*.safetensors"))]
    if last == 1:
        state, about = min(kept, key=lambda one: (one[1]["cost"], one[1]["epoch"]))
        report.say(f"the weights of epoch {about['epoch'] + 1} are the best on dev")
        return state
    states = [state for state, _ in kept[-last:]]
    report.say(f"the weights are the mean of the last {len(states)} epochs")
    return {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(first.dtype)
        for name, first in states[0].items()
    }
