"""Teach the context branch to tell simulated attacks from simulated bona fide captures."""

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

from antispoof.networks.face_views import ContextBranch
from antispoof.training.recipes.face_views.experiment import Context

__all__ = ["teach"]


class _Learner(lightning.LightningModule):
    def __init__(self, branch: ContextBranch, settings: Context, bona_fide_share: float, steps: int) -> None:
        super().__init__()
        self.branch = branch
        self.settings = settings
        self.weights = (0.5 / (1 - bona_fide_share), 0.5 / bona_fide_share)  # of attack and bona fide
        self.steps = steps

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the cross-entropy at even prior odds."""
        maps, bona_fide = batch
        weight = torch.where(bona_fide > 0, self.weights[1], self.weights[0])
        said = self.branch(maps.float())
        return nn.functional.binary_cross_entropy_with_logits(said, bona_fide, weight)

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        maps, bona_fide = batch
        loss = self.loss((maps.flip(3) if torch.rand(()) < 0.5 else maps, bona_fide))
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        self.log("dev_loss", self.loss(batch), prog_bar=True, batch_size=len(batch[1]))

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
        self,
        maps: NDArray[np.float16],
        bona_fide: NDArray[np.bool_],
        rows: NDArray[np.bool_],
        size: int,
        shuffle: bool,
    ) -> None:
        views = maps.shape[1]
        pictures = np.flatnonzero(rows)
        self.maps, self.labels = maps, bona_fide.astype(np.float32)
        self.pictures, self.views = np.repeat(pictures, views), np.tile(np.arange(views), len(pictures))
        self.size, self.shuffle = size, shuffle

    def __len__(self) -> int:
        full = len(self.pictures) // self.size
        # In training a last small batch is left out, unless there is no other.
        return max(full, 1) if self.shuffle else -(-len(self.pictures) // self.size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        count = len(self.pictures)
        order = torch.randperm(count).numpy() if self.shuffle else np.arange(count)
        for index in range(len(self)):
            chosen = order[index * self.size : (index + 1) * self.size]
            pictures, views = self.pictures[chosen], self.views[chosen]
            yield torch.from_numpy(self.maps[pictures, views]), torch.from_numpy(self.labels[pictures])


def teach(
    branch: ContextBranch,
    maps: NDArray[np.float16],
    bona_fide: NDArray[np.bool_],
    learned: NDArray[np.bool_],
    held_out: NDArray[np.bool_],
    settings: Context,
    folder: Path,
    seed: int,
) -> None:
    """Train ``branch`` in place; go on from ``folder/last.ckpt`` if an earlier run was interrupted.

    Args:
        branch: the network.
        maps: (N, V, C, h, w), shared maps of V views of each picture.
        bona_fide: (N,), what the pictures are.
        learned: (N,), which pictures are learned from.
        held_out: (N,), which pictures are kept for the loss that is shown.
        settings: epochs, batch size, learning rate, weight decay.
        folder: for checkpoints and the log of losses.
        seed: of shuffling, mirroring and dropout.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # no banners, no advertisements
    lightning.seed_everything(seed, verbose=False)
    training = _Batches(maps, bona_fide, learned, settings.batch_size, shuffle=True)
    shown = _Batches(maps, bona_fide, held_out, settings.batch_size, shuffle=False)
    share = float(bona_fide[learned].mean())
    learner = _Learner(branch, settings, share, settings.epochs * len(training))
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
                learner,
                loader(training, batch_size=None),
                loader(shown, batch_size=None),
                ckpt_path=last if last.exists() else None,
                weights_only=True,
            )
        except SystemExit:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from None
    branch.eval()
