"""Self-supervised pretraining: parts of every sample are masked, and the encoders learn to fill them in.

As in Z. Xie et al., "SimMIM: A Simple Framework for Masked Image Modeling", CVPR 2022, masked parts are
removed from the input itself and the loss is the absolute error on them, so that any encoder will do,
convolutional or not. As in R. Bachmann et al., "MultiMAE", ECCV 2022, what one sensor misses is also told by
the others: the decoder of each sees its own tokens and a summary of theirs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from antispoof.data.manifest import manifest_digest, read_manifest
from antispoof.errors import ExperimentError, TrainingError
from antispoof.networks.encoders import Encoder
from antispoof.networks.network import MultiSensorNetwork
from antispoof.networks.tokens import statistics
from antispoof.training.augmentations import Draw
from antispoof.training.checkpoint import read_tensors, write_tensors
from antispoof.training.collection import Batch, Collection, channels_of, collect, number_of
from antispoof.training.recipes.supervised.experiment import Pretraining, SupervisedExperiment
from antispoof.training.recipes.supervised.network import build
from antispoof.training.reporter import SILENT, Reporter
from antispoof.training.scoring import moved

__all__ = ["Reconstruction", "masked", "pretrain"]

# A masked part is told in DETAIL × DETAIL means of every channel, that of a recording in DETAIL² levels.
DETAIL = 4


def pretrain(experiment: SupervisedExperiment, report: Reporter = SILENT) -> Path:
    """Pretrain the encoders of an experiment on its train partition, without labels.

    An interrupted run goes on after its last finished epoch.

    Returns:
        The checkpoint ``pretrained.safetensors`` in the run folder, for ``initial``.

    Raises:
        ExperimentError: the experiment has no ``pretraining``.
        TrainingError: the loss is no number, or the disk is full.
    """
    if experiment.pretraining is None:
        raise ExperimentError("the experiment has no pretraining: say epochs under 'pretraining'")
    settings = experiment.pretraining
    collection = collect(read_manifest(experiment.data.manifest), experiment, report)
    rows = collection.partition("train")
    rows = rows[(collection.windows[rows] > 0).any(1)]
    lightning.seed_everything(experiment.seed, verbose=False)
    network = build(experiment, channels_of(collection.shapes))
    if network.joins_inputs:
        raise ExperimentError(
            "pretraining masks each sensor by itself: name a fusion that has an encoder for each"
        )
    task = Reconstruction(network, collection.shapes, settings)
    device = torch.device(
        "cuda" if torch.cuda.is_available() and experiment.training.accelerator != "cpu" else "cpu"
    )
    task.to(device).train()
    optimizer = torch.optim.AdamW(task.parameters(), settings.learning_rate, weight_decay=0.05)
    last = experiment.run_dir / "pretraining.safetensors"
    first = _resumed(last, task, optimizer) if last.exists() else 0
    for epoch in range(first, settings.epochs):
        torch.manual_seed(number_of(experiment.seed, "pretraining", epoch))
        losses = []
        for seed, batch in _batches(collection, rows, settings, experiment.seed, epoch):
            loss = task(moved(batch, device), seed)
            if not torch.isfinite(loss):
                raise TrainingError(
                    f"the loss became {float(loss)} in epoch {epoch + 1}; lower pretraining.learning_rate"
                )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(task.parameters(), 1.0)
            optimizer.step()
            losses.append(float(loss.detach()))
        report.say(f"epoch {epoch + 1} of {settings.epochs}: error on what was masked {np.mean(losses):.4f}")
        _keep(last, task, optimizer, epoch + 1)
    path = experiment.run_dir / "pretrained.safetensors"
    about = {"experiment": experiment.record(), "manifest_sha256": manifest_digest(experiment.data.manifest)}
    encoders = {name: value for name, value in network.state_dict().items() if name.startswith("encoders.")}
    write_tensors(path, encoders, about)
    return path


class Reconstruction(nn.Module):
    """Encoders, and a linear decoder for each.

    Args:
        network: whose encoders learn.
        shapes: modality → shape of its arrays.
        settings: how much is masked.
    """

    def __init__(
        self, network: MultiSensorNetwork, shapes: Mapping[str, tuple[int, ...]], settings: Pretraining
    ) -> None:
        super().__init__()
        self.encoders, self.names, self.settings = network.encoders, network.modalities, settings
        widths = {}
        for name in self.names:
            encoder = network.encoders[name]
            assert isinstance(encoder, Encoder)
            widths[name] = encoder.dims[2]
        context = 2 * sum(widths.values())
        self.decoders = nn.ModuleDict(
            {name: nn.Linear(width + context, _detail(shapes[name])) for name, width in widths.items()}
        )

    def forward(self, batch: Batch, seed: int) -> Tensor:
        """Mean absolute error on what is masked, over the sensors that are present."""
        levels, masks = {}, {}
        for number, name in enumerate(self.names):
            x = batch.inputs[name]
            mask = masked(x, self.settings.patch, self.settings.share, number_of(seed, number))
            masks[name] = mask
            levels[name] = self.encoders[name](x * ~mask)[2]
        present = {name: batch.presence[:, number] for number, name in enumerate(self.names)}
        context = torch.cat([statistics(levels[name]) * present[name][:, None] for name in self.names], 1)
        errors = []
        for name in self.names:
            tokens = levels[name]
            told = torch.cat([tokens, context[:, None].expand(-1, tokens.shape[1], -1)], 2)
            target, weight = _parts(batch.inputs[name], masks[name], tokens.shape[1])
            error = (self.decoders[name](told) - target).abs().mean(2)
            weight = weight * present[name][:, None]
            errors.append((error * weight).sum() / weight.sum().clamp(min=1e-6))
        return torch.stack(errors).mean()


def masked(x: Tensor, patch: int, share: float, seed: int) -> Tensor:
    """Draw which patches are masked: bool, of the shape of ``x`` with one channel.

    Args:
        x: (B, C, H, W), or (B, N).
        patch: side of a patch in pixels; of a recording, a patch is ``patch`` times 16 samples.
        share: of the patches.
        seed: decides everything.
    """
    if x.dim() == 2:
        length = 16 * patch
        drawn = Draw(seed, len(x), 0, len(x)).uniform(-(-x.shape[1] // length)) < share
        return drawn.repeat_interleave(length, 1)[:, : x.shape[1]].to(x.device)
    height, width = x.shape[2:]
    drawn = Draw(seed, len(x), 0, len(x)).uniform(1, -(-height // patch), -(-width // patch)) < share
    mask = drawn.repeat_interleave(patch, 2).repeat_interleave(patch, 3)
    return mask[:, :, :height, :width].to(x.device)


def _detail(shape: tuple[int, ...]) -> int:
    return DETAIL * DETAIL * (shape[0] if len(shape) == 3 else 1)


def _parts(x: Tensor, mask: Tensor, tokens: int) -> tuple[Tensor, Tensor]:
    """Return what each token stands for, (B, T, D), and how much of it is masked, (B, T)."""
    if x.dim() == 2:
        level = torch.log1p(100 * nn.functional.adaptive_avg_pool1d(x.abs()[:, None], tokens * DETAIL**2))
        weight = nn.functional.adaptive_avg_pool1d(mask[:, None].to(x), tokens)
        return level.view(len(x), tokens, DETAIL**2), weight[:, 0]
    side = math.isqrt(tokens)
    fine = nn.functional.adaptive_avg_pool2d(x, side * DETAIL)
    parts = fine.view(len(x), x.shape[1], side, DETAIL, side, DETAIL).permute(0, 2, 4, 1, 3, 5)
    weight = nn.functional.adaptive_avg_pool2d(mask.to(x), side)
    return parts.reshape(len(x), side * side, -1), weight.flatten(1)


def _batches(
    collection: Collection, rows: NDArray[np.intp], settings: Pretraining, seed: int, epoch: int
) -> Iterator[tuple[int, Batch]]:
    order = np.random.default_rng(number_of(seed, "pretraining", epoch)).permutation(rows)
    size = min(settings.batch_size, len(order))
    for step in range(len(order) // size):
        chosen = order[step * size : (step + 1) * size]
        drawn = number_of(seed, "pretraining", epoch, step)
        window = Draw(drawn, size, 0, size).uniform().double().numpy()
        yield drawn, collection.batch(chosen, window)


def _keep(path: Path, task: Reconstruction, optimizer: torch.optim.Optimizer, epochs: int) -> None:
    tensors = {f"task.{name}": value for name, value in task.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
    write_tensors(path, tensors, {"epochs": epochs})


def _resumed(path: Path, task: Reconstruction, optimizer: torch.optim.Optimizer) -> int:
    tensors, about = read_tensors(path)
    task.load_state_dict({name[5:]: value for name, value in tensors.items() if name.startswith("task.")})
    state: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimizer":
            number, _, key = rest.partition(".")
            state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(about["epochs"])
