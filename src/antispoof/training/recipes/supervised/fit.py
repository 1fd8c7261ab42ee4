"""The recipe, read from top to bottom: prepare, learn, choose weights, calibrate, tell.

Every draw depends on the seed, the epoch and the step, and the state is kept after every epoch, so that a run
that was killed and started again ends with the weights of one that was not.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping

from antispoof.data.manifest import manifest_digest
from antispoof.data.presentation import Presentation
from antispoof.errors import InputError, TrainingError
from antispoof.networks.network import MultiSensorNetwork
from antispoof.training.checkpoint import load_weights, read_tensors
from antispoof.training.collection import Collection, channels_of, collect
from antispoof.training.description import describe, linear_head
from antispoof.training.disk import cannot_write
from antispoof.training.recipes.supervised.batches import TrainingBatches
from antispoof.training.recipes.supervised.experiment import SupervisedExperiment
from antispoof.training.recipes.supervised.learner import (
    MONITOR,
    DevBatches,
    KeptWeights,
    Learner,
    Log,
    State,
    chosen_weights,
)
from antispoof.training.recipes.supervised.lightning_checkpoint import SafetensorsIO
from antispoof.training.recipes.supervised.network import build
from antispoof.training.recipes.supervised.processes import Processes, processes
from antispoof.training.reporter import SILENT, Reporter
from antispoof.training.run_folder import claim, finish, presentations_digest

__all__ = ["join", "train_on"]


def train_on(
    experiment: SupervisedExperiment, presentations: tuple[Presentation, ...], report: Reporter = SILENT
) -> Path:
    """Run the recipe; see `antispoof.training.recipe.Recipe.train_on`."""
    data = {
        "manifest_sha256": manifest_digest(experiment.data.manifest),
        "presentations_sha256": presentations_digest(presentations),
    }
    run = experiment.run_dir
    if claim(experiment, data):
        report.say(f"{run} is finished already")
        return run
    collection = collect(presentations, experiment, report)
    _check_partitions(collection)
    with _clear_failures(experiment), processes(experiment.training, (experiment, presentations)) as group:
        network = _learn(experiment, collection, group, report if group.rank == 0 else SILENT)
    if group.rank:
        return run
    scores, metadata = describe(experiment, collection, network, linear_head(network), report)
    shapes = {name: list(shape) for name, shape in collection.shapes.items()}
    return finish(experiment, network.state_dict(), {**data, "shapes": shapes}, scores, metadata)


def join(experiment: SupervisedExperiment, presentations: tuple[Presentation, ...]) -> None:
    """Learn beside the process that started this one, which keeps the result."""
    collection = collect(presentations, experiment, SILENT)
    with processes(experiment.training, ()) as group:
        _learn(experiment, collection, group, SILENT)


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
    experiment: SupervisedExperiment, collection: Collection, group: Processes, report: Reporter
) -> MultiSensorNetwork:
    settings = experiment.training
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # no banners, no advertisements
    lightning.seed_everything(experiment.seed, verbose=False)
    network = build(experiment, channels_of(collection.shapes))
    if experiment.initial is not None:
        tensors, _ = read_tensors(experiment.initial)
        kept = load_weights(network, tensors, experiment.initial, strict=False)
        report.say(
            f"{experiment.initial}: {len(network.state_dict()) - len(kept)} arrays loaded, {len(kept)} "
            "start anew"
        )
    usable = np.flatnonzero((collection.windows > 0).any(1))
    rows = np.intersect1d(collection.partition("train"), usable)
    batches = TrainingBatches(collection, rows, experiment, group.rank, group.world)
    dev = np.intersect1d(collection.partition("dev"), usable)
    learner = Learner(experiment, network, collection, batches, dev, group, report)
    run = experiment.run_dir
    state = State(run, filename="last", enable_version_counter=False)
    callbacks: list[Callback] = [state]
    if group.rank == 0:
        callbacks += [KeptWeights(run / "weights", settings.average_last), Log(run / "log.csv")]
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
                loader(DevBatches(collection, dev, settings.batch_size, group), batch_size=None),
                ckpt_path=last if last.exists() else None,
            )
        except SystemExit:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from None
    if group.rank == 0:
        chosen = chosen_weights(run / "weights", settings.average_last, report)
        load_weights(network, chosen, run / "weights")
    return network.cpu().eval()


@contextmanager
def _clear_failures(experiment: SupervisedExperiment) -> Iterator[None]:
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
