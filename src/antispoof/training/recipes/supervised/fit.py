"""The recipe, read from top to bottom: prepare, learn, choose weights, calibrate, tell.

Every draw depends on the seed, the epoch and the step, and the state is kept after every epoch, so that a run
that was killed and started again ends with the weights of one that was not.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata as distribution
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from numpy.typing import NDArray
from torch import Tensor, nn

from antispoof.data.manifest import manifest_digest, read_manifest
from antispoof.data.presentation import Presentation
from antispoof.errors import InputError, TrainingError
from antispoof.evaluation.metrics import auc, d_eer
from antispoof.networks.network import MultiSensorNetwork, Target
from antispoof.training.checkpoint import (
    SafetensorsIO,
    cannot_write,
    load_weights,
    read_tensors,
    write_tensors,
)
from antispoof.training.operating_points import calibrated_cost
from antispoof.training.prepared import PreparedStore
from antispoof.training.recipes.supervised.data import (
    Batch,
    Collection,
    TrainingBatches,
    collect,
    evaluation_batches,
    number_of,
)
from antispoof.training.recipes.supervised.experiment import Experiment
from antispoof.training.recipes.supervised.finish import CHECKPOINT, EXPERIMENT, METADATA, describe
from antispoof.training.recipes.supervised.network import build, build_losses, frozen_parts
from antispoof.training.recipes.supervised.processes import Processes, processes
from antispoof.training.reporter import SILENT, Reporter

__all__ = ["join", "shapes_of", "train", "train_on"]

MONITOR = "dev_cost"
DATA = "data.json"


def train(experiment: Experiment, report: Reporter = SILENT) -> Path:
    """Run the recipe; what an interrupted run left is used.

    Returns:
        The run folder, with ``checkpoint.safetensors``, ``experiment.json``, ``bundle.json``,
        ``log.csv``, and the
        calibrated scores of dev and test.

    Raises:
        InputError: the data cannot be used, or the run folder holds another experiment.
        TrainingError: the loss is no number, or memory or disk are full.
    """
    return train_on(experiment, read_manifest(experiment.data.manifest), report)


def train_on(
    experiment: Experiment, presentations: tuple[Presentation, ...], report: Reporter = SILENT
) -> Path:
    """Run the recipe on presentations that need not be those of the manifest: a fold of them, for example."""
    run = experiment.run_dir
    data = {
        "manifest_sha256": manifest_digest(experiment.data.manifest),
        "presentations_sha256": _digest(presentations),
    }
    _claim(run, {EXPERIMENT: dict(experiment.record()), DATA: data})
    if (run / METADATA).exists():
        report.say(f"{run} is finished already")
        return run
    collection = collect(presentations, experiment, report)
    _check_partitions(collection)
    about = {"experiment": experiment.record(), **data, "code_version": distribution.version("antispoof")}
    about["shapes"] = {name: list(shape) for name, shape in collection.shapes.items()}
    with _clear_failures(experiment), processes(experiment.training, (experiment, presentations)) as group:
        network = _learn(experiment, collection, group, report if group.rank == 0 else SILENT)
    if group.rank:
        return run
    scores, metadata = describe(experiment, collection, network, report)
    write_tensors(run / CHECKPOINT, network.state_dict(), about)
    try:
        for name, score_set in scores.items():
            score_set.write(run / f"{name}.csv")
        (run / METADATA).write_text(metadata.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise cannot_write(run, error) from None
    return run


def shapes_of(experiment: Experiment) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the prepared arrays: modality → shape, from as few samples as will do.

    Raises:
        InputError: no sample of a modality can be judged.
    """
    presentations = read_manifest(experiment.data.manifest)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, part in experiment.modalities.items():
        store = PreparedStore(experiment.cache, name, part.prepare)
        files = [p.captures[name] for p in presentations if name in p.captures]
        for file in files:
            store.make([file], lambda *_: None)
            if (shape := store.shape()) is not None:
                shapes[name] = shape
                break
        else:
            raise InputError(f"no sample of {name!r} can be judged")
    return shapes


def join(experiment: Experiment, presentations: tuple[Presentation, ...]) -> None:
    """Learn beside the process that started this one, which keeps the result."""
    collection = collect(presentations, experiment, SILENT)
    with processes(experiment.training, ()) as group:
        _learn(experiment, collection, group, SILENT)


def _claim(run: Path, records: Mapping[str, Any]) -> None:
    """Write down what is learned from what; refuse a folder that holds something else."""
    try:
        run.mkdir(parents=True, exist_ok=True)
        for name, record in records.items():
            path = run / name
            wanted = json.loads(json.dumps(record))
            if not path.exists():
                draft = run / f".{name}.{os.getpid()}"
                draft.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
                draft.replace(path)
            elif (held := json.loads(path.read_text(encoding="utf-8"))) != wanted:
                raise InputError(
                    f"run_dir {str(run)!r} holds another experiment; it differs in "
                    f"{_difference(held, wanted)}. Choose another run_dir, or delete this one"
                )
    except (OSError, ValueError) as error:
        raise InputError(f"cannot use run_dir {str(run)!r}: {error}") from None


def _digest(presentations: tuple[Presentation, ...]) -> str:
    """Digest of which presentations stand in which partition."""
    text = json.dumps([[p.id, p.partition, p.pai_species, sorted(p.captures)] for p in presentations])
    return hashlib.sha256(text.encode()).hexdigest()


def _difference(one: Any, other: Any, where: str = "") -> str:
    """Name the first key that differs."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            if one.get(key) != other.get(key):
                return _difference(one.get(key), other.get(key), f"{where}.{key}" if where else key)
    return f"{where}: {json.dumps(one)} there, {json.dumps(other)} here"


def _check_partitions(collection: Collection) -> None:
    for name in ("train", "dev"):
        rows = collection.partition(name)
        rows = rows[(collection.windows[rows] > 0).any(1)]
        if len(np.unique(collection.label[rows])) < 2:
            raise InputError(
                f"partition {name!r} needs bona fide presentations and attacks that can be judged, it has "
                f"{int(collection.label[rows].sum())} and {int((1 - collection.label[rows]).sum())}; "
                "'antispoof data split' divides a manifest"
            )


def _learn(
    experiment: Experiment, collection: Collection, group: Processes, report: Reporter
) -> MultiSensorNetwork:
    settings = experiment.training
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # no banners, no advertisements
    lightning.seed_everything(experiment.seed, verbose=False)
    network = build(
        experiment, {name: shape[0] if len(shape) == 3 else 1 for name, shape in collection.shapes.items()}
    )
    if experiment.initial is not None:
        tensors, _ = read_tensors(experiment.initial)
        kept = load_weights(network, tensors, experiment.initial, strict=False)
        report.say(
            f"{experiment.initial}: {len(network.state_dict()) - len(kept)} arrays loaded, {len(kept)} "
            f"start anew"
        )
    usable = np.flatnonzero((collection.windows > 0).any(1))
    rows = np.intersect1d(collection.partition("train"), usable)
    batches = TrainingBatches(collection, rows, experiment, group.rank, group.world)
    dev = np.intersect1d(collection.partition("dev"), usable)
    learner = _Learner(experiment, network, collection, batches, dev, group, report)
    run = experiment.run_dir
    state = _State(run, filename="last", enable_version_counter=False)
    callbacks: list[Callback] = [state]
    if group.rank == 0:
        callbacks += [_Weights(run / "weights", settings.average_last), _Log(run / "log.csv")]
    if settings.patience is not None:
        callbacks.append(EarlyStopping(MONITOR, patience=settings.patience, check_finite=False))
    trainer = lightning.Trainer(
        **group.trainer_arguments,
        precision="bf16-mixed" if settings.precision == "bf16" else "32-true",
        max_epochs=settings.epochs,
        gradient_clip_val=settings.gradient_clip,
        logger=False,
        callbacks=callbacks,
        plugins=[SafetensorsIO(), *group.plugins],
        enable_model_summary=False,
        enable_progress_bar=group.rank == 0 and sys.stderr.isatty(),
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        deterministic="warn",
    )
    last = run / f"last{state.FILE_EXTENSION}"
    loader: Any = torch.utils.data.DataLoader
    with warnings.catch_warnings():
        # Advice on worker processes and log intervals, which batches from memory maps do not need.
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*does not have a deterministic implementation.*")
        try:
            trainer.fit(
                learner,
                loader(batches, batch_size=None),
                loader(_DevBatches(collection, dev, settings.batch_size, group), batch_size=None),
                ckpt_path=last if last.exists() else None,
            )
        except SystemExit:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from None
    if group.rank == 0:
        chosen = _chosen_weights(run / "weights", settings.average_last, report)
        load_weights(network, chosen, run / "weights")
    return network.cpu().eval()


class _DevBatches(torch.utils.data.IterableDataset[Batch]):
    """Every process looks at its share of dev."""

    def __init__(self, collection: Collection, rows: NDArray[np.intp], size: int, group: Processes) -> None:
        self.collection, self.size = collection, size
        self.rows = rows[group.rank :: group.world]

    def __iter__(self) -> Iterator[Batch]:
        return evaluation_batches(self.collection, self.rows, self.size)


class _Learner(lightning.LightningModule):
    def __init__(
        self,
        experiment: Experiment,
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
        self.batches.epoch = self.current_epoch
        torch.manual_seed(number_of(self.experiment.seed, self.current_epoch, self.group.rank))
        self._frozen = frozen_parts(self.network, self.experiment.freeze, self.current_epoch)
        for part in self._frozen:
            part.eval()  # statistics of batch normalisation stay as they are, too

    def training_step(self, batch: Batch) -> Tensor:
        output = self.network(batch.inputs, batch.presence)
        target = Target(batch.label, batch.species, batch.pair, batch.presence)
        values = [loss(output, target) for loss in self.losses.values()]
        terms = zip(self.experiment.losses, values, strict=True)
        total = torch.stack([term.weight * value for term, value in terms]).sum()
        if not torch.isfinite(total):
            raise _no_number(self, batch, float(total.detach()))
        self._lost.append(torch.stack([total, *values]).detach())
        self.log("loss", total, prog_bar=True, batch_size=len(batch.label))
        return total

    def on_before_optimizer_step(self, optimizer: Any) -> None:  # noqa: ARG002
        for part in self._frozen:
            for parameter in part.parameters():
                parameter.grad = None

    def validation_step(self, batch: Batch) -> None:
        score = self.network(batch.inputs, batch.presence).score
        self._said.append((batch.rows.cpu().numpy(), score.double().cpu().numpy()))

    def on_validation_epoch_end(self) -> None:
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


def _no_number(learner: _Learner, batch: Batch, value: float) -> TrainingError:
    path = learner.experiment.run_dir / "failed_batch.safetensors"
    ids = [learner.collection.presentations[row].id for row in batch.rows.tolist()]
    tensors = {f"inputs.{name}": x for name, x in batch.inputs.items()}
    tensors |= dict(zip(batch._fields[1:], batch[1:], strict=True))
    write_tensors(path, tensors, {"ids": ids, "epoch": learner.current_epoch, "loss": str(value)})
    bad = [name for name, x in batch.inputs.items() if not torch.isfinite(x).all()]
    why = (
        f"its {' and '.join(bad)} hold values that are no numbers" if bad else "lower training.learning_rate"
    )
    return TrainingError(
        f"the loss became {value} in epoch {learner.current_epoch + 1}; {why}. The batch is kept in "
        f"{str(path)!r}"
    )


class _State(ModelCheckpoint):
    FILE_EXTENSION = ".safetensors"


class _Weights(Callback):
    """Keeps the weights of the last epochs and of the best one, with what dev said of them."""

    def __init__(self, folder: Path, last: int) -> None:
        self.folder, self.last = folder, last

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        epoch = trainer.current_epoch
        cost = float(trainer.callback_metrics[MONITOR])
        path = self.folder / f"epoch-{epoch:04d}.safetensors"
        write_tensors(path, pl_module.network.state_dict(), {"epoch": epoch, "cost": cost})
        kept = {one: read_tensors(one)[1] for one in self.folder.glob("epoch-*.safetensors")}
        best = min(kept, key=lambda one: (kept[one]["cost"], kept[one]["epoch"]))
        for one, about in kept.items():
            if one != best and about["epoch"] <= epoch - self.last:
                one.unlink()


class _Log(Callback):
    """One line an epoch; lines of epochs that are done again are replaced."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._started = time.monotonic()

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
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


def _chosen_weights(folder: Path, last: int, report: Reporter) -> Mapping[str, Tensor]:
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


@contextmanager
def _clear_failures(experiment: Experiment) -> Iterator[None]:
    """Turn what runs out into words."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        words = str(error)
        if not (
            isinstance(error, MemoryError) or "out of memory" in words or "can't allocate memory" in words
        ):
            raise
        raise TrainingError(
            f"out of memory with training.batch_size {experiment.training.batch_size}: halve it, or set "
            "training.precision to bf16; what was learned up to the last epoch is kept"
        ) from error
    except OSError as error:
        raise cannot_write(experiment.run_dir, error) from error
