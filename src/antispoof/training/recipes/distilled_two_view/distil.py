"""Teach the context branch what the teachers say.

G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015; here the log-odds
themselves are matched, with a loss that forgives outliers.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from numpy.typing import NDArray
from torch import Tensor, nn

from antispoof.networks.two_view import ContextBranch
from antispoof.training.recipes.distilled_two_view.experiment import Distillation

__all__ = ["distil"]

LIMIT, UNIT = 10.0, 4.0  # log-odds are clipped to ±LIMIT and divided by UNIT


class _Student(lightning.LightningModule):
    def __init__(self, branch: ContextBranch, settings: Distillation, steps: int) -> None:
        super().__init__()
        self.branch = branch
        self.settings = settings
        self.steps = steps

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        maps, taught = batch
        if torch.rand(()) < 0.5:
            maps = maps.flip(3)
        loss = nn.functional.smooth_l1_loss(self.branch(maps.float()) / UNIT, taught / UNIT)
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        maps, taught = batch
        error = nn.functional.l1_loss(self.branch(maps.float()), taught)
        self.log("dev_error", error, prog_bar=True, batch_size=len(taught))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        settings = self.settings
        optimizer = torch.optim.AdamW(
            self.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, settings.learning_rate, total_steps=self.steps, pct_start=0.1
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class _Batches(torch.utils.data.IterableDataset[tuple[Tensor, Tensor]]):
    """Whole batches by fancy indexing: far cheaper than collating single maps."""

    def __init__(
        self, maps: NDArray[np.float16], taught: NDArray[np.float32], size: int, shuffle: bool
    ) -> None:
        self.maps, self.taught, self.size, self.shuffle = maps, taught, size, shuffle

    def __len__(self) -> int:
        full = len(self.maps) // self.size
        # In training a last small batch is left out, unless there is no other.
        return max(full, 1) if self.shuffle else -(-len(self.maps) // self.size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self.maps)).numpy() if self.shuffle else np.arange(len(self.maps))
        for index in range(len(self)):
            chosen = order[index * self.size : (index + 1) * self.size]
            yield torch.from_numpy(self.maps[chosen]), torch.from_numpy(self.taught[chosen])


def distil(
    branch: ContextBranch,
    maps: NDArray[np.float16],
    taught: NDArray[np.float32],
    dev: NDArray[np.bool_],
    settings: Distillation,
    folder: Path,
    seed: int,
) -> None:
    """Train ``branch`` in place; go on from ``folder/last.ckpt`` if an earlier run was interrupted.

    Args:
        branch: the student.
        maps: (N, C, h, w), shared maps.
        taught: (N,), log-odds of the teachers.
        dev: (N,), which rows are kept for the error that is shown.
        settings: epochs, batch size, learning rate, weight decay.
        folder: for checkpoints and the log of losses.
        seed: of shuffling, mirroring and dropout.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # no banners, no advertisements
    lightning.seed_everything(seed, verbose=False)
    taught = np.clip(taught, -LIMIT, LIMIT)
    training = _Batches(maps[~dev], taught[~dev], settings.batch_size, shuffle=True)
    held_out = _Batches(maps[dev], taught[dev], settings.batch_size, shuffle=False)
    student = _Student(branch, settings, settings.epochs * len(training))
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=settings.epochs,
        logger=CSVLogger(folder, name="", version=""),
        callbacks=[ModelCheckpoint(folder, filename="last", enable_version_counter=False)],
        enable_model_summary=False,
        log_every_n_steps=20,
    )
    last = folder / "last.ckpt"
    branch.train()
    loader = torch.utils.data.DataLoader
    with warnings.catch_warnings():
        # Advice on worker processes and log intervals, which these small batches do not need.
        warnings.filterwarnings("ignore", module="lightning")
        try:
            trainer.fit(
                student,
                loader(training, batch_size=None),
                loader(held_out, batch_size=None),
                ckpt_path=last if last.exists() else None,
                weights_only=True,
            )
        except SystemExit:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from None
    branch.eval()
