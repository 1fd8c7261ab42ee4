"""What is learned from in an epoch: batches that depend on the seed, the epoch and the step alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from antispoof.errors import InputError
from antispoof.training.augmentations import Draw, augmentations
from antispoof.training.collection import Batch, Collection, number_of
from antispoof.training.recipes.supervised.experiment import (
    AugmentationEntry,
    SupervisedExperiment,
    TrainingSettings,
)

__all__ = ["TrainingBatches", "draw_order"]


class TrainingBatches(torch.utils.data.IterableDataset[Batch]):
    """Batches of one epoch, for one of several processes.

    Args:
        collection: what there is.
        rows: what is trained on.
        experiment: how often what is drawn, and changed how.
        rank: number of this process.
        world: how many processes there are.
    """

    def __init__(
        self,
        collection: Collection,
        rows: NDArray[np.intp],
        experiment: SupervisedExperiment,
        rank: int,
        world: int,
    ) -> None:
        settings = experiment.training
        if settings.batch_size % world:
            raise InputError(f"batch_size {settings.batch_size} cannot be divided between {world} processes")
        self.collection, self.rows, self.settings = collection, rows, settings
        self.seed, self.entries = experiment.seed, experiment.augmentation
        self.size = settings.batch_size // world
        self.first = rank * self.size
        self.epoch = 0

    def __len__(self) -> int:
        """Return the steps of an epoch."""
        return max(1, round(len(self.rows) / self.settings.batch_size))

    def __iter__(self) -> Iterator[Batch]:
        """Draw, read, hide and change."""
        order = self.rows[
            draw_order(self.collection, self.rows, self.settings, len(self), self.seed, self.epoch)
        ]
        total = self.settings.batch_size
        for step in range(len(self)):
            rows = order[step * total + self.first : step * total + self.first + self.size]
            seed = number_of(self.seed, self.epoch, step)
            draw = Draw(seed, total, self.first, self.size)
            batch = self.collection.batch(rows, draw.uniform().double().numpy())
            presence = _hide(batch.presence, self.settings.modality_dropout, draw)
            inputs, mask = self._augmented(batch, seed)
            yield batch._replace(inputs=inputs, presence=presence, pixel_mask=mask)

    def _augmented(self, batch: Batch, seed: int) -> tuple[dict[str, Tensor], Tensor | None]:
        inputs, mask = dict(batch.inputs), batch.pixel_mask
        for number, entry in enumerate(self.entries):
            chosen = _members(batch, entry, self.collection)
            augmentation = augmentations[entry.name]
            for name in entry.modalities or [one for one, x in inputs.items() if augmentation.fits(x)]:
                draw = Draw(number_of(seed, number), self.settings.batch_size, self.first, self.size)
                x = inputs[name]
                if not augmentation.fits(x):
                    raise InputError(
                        f"augmentation {entry.name!r} is for {augmentation.takes}s, which {name!r} is not"
                    )
                changed = augmentation.change(x, draw, **entry.options)
                inputs[name] = torch.where(chosen.view(-1, *(1,) * (x.dim() - 1)), changed, x)
            if mask is not None and augmentation.moves:
                draw = Draw(number_of(seed, number), self.settings.batch_size, self.first, self.size)
                mask = torch.where(
                    chosen.view(-1, 1, 1, 1), augmentation.change(mask, draw, **entry.options), mask
                )
        return inputs, mask


def draw_order(
    collection: Collection,
    rows: NDArray[np.intp],
    settings: TrainingSettings,
    steps: int,
    seed: int,
    epoch: int,
) -> NDArray[np.intp]:
    """Decide which rows make up an epoch: (steps * batch_size,), indices into ``rows``."""
    rng = np.random.default_rng(number_of(seed, epoch, "order"))
    wanted = steps * settings.batch_size
    if settings.balance == "none":
        return _cycle(np.arange(len(rows)), wanted, rng)
    species = collection.species[rows]
    bona_fide = np.flatnonzero(species == 0)
    if settings.balance == "pair":
        first = _cycle(bona_fide, -(-wanted // 2), rng)
        second = _partners(first, collection.pair[rows], species, rng)
        return np.stack([first, second], 1).ravel()[:wanted]
    kinds = [np.flatnonzero(species > 0)]
    if settings.balance == "species":
        kinds = [np.flatnonzero(species == one) for one in np.unique(species[species > 0])]
    half = wanted // 2
    counts = np.full(len(kinds), (wanted - half) // len(kinds))
    counts[: (wanted - half) - counts.sum()] += 1
    parts = [_cycle(bona_fide, half, rng)]
    parts += [
        _cycle(kind, int(count), rng) for kind, count in zip(kinds, rng.permutation(counts), strict=True)
    ]
    return rng.permutation(np.concatenate(parts))


def _cycle(rows: NDArray[np.intp], count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw ``count`` rows, each as often as any other, give or take one."""
    rounds = [rng.permutation(rows) for _ in range(-(-count // len(rows)))]
    return np.concatenate([*rounds, rows[:0]])[:count]


def _partners(
    first: NDArray[np.intp], pair: NDArray[np.int64], species: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Draw an attack on the same subject for every bona fide presentation; any attack where there is none."""
    attacks = np.flatnonzero(species > 0)
    by_subject: dict[int, list[int]] = {}
    for row in attacks:
        by_subject.setdefault(int(pair[row]), []).append(int(row))
    chosen = [rng.choice(by_subject.get(int(pair[row]), attacks)) for row in first]
    return np.array(chosen, np.intp)


def _hide(presence: Tensor, chance: float, draw: Draw) -> Tensor:
    """Hide present modalities, each with ``chance``; one of them, drawn, always stays."""
    count = presence.shape[1]
    drawn, kept = draw.uniform(count), draw.uniform(count)
    if chance == 0 or count == 1:
        return presence
    stays = _greatest(kept * presence + (presence - 1))
    return presence * torch.maximum((drawn >= chance).float(), stays)


def _greatest(x: Tensor) -> Tensor:
    """Return 1 at the greatest value of every row, 0 elsewhere."""
    return torch.nn.functional.one_hot(x.argmax(1), x.shape[1]).to(x.dtype)


def _members(batch: Batch, entry: AugmentationEntry, collection: Collection) -> Tensor:
    if not entry.group:
        return torch.ones_like(batch.label, dtype=torch.bool)
    if entry.group == "attack":
        return batch.label == 0
    if entry.group not in collection.species_names:
        raise InputError(
            f"augmentation {entry.name!r}: group {entry.group!r} is none of attack, "
            f"{', '.join(collection.species_names)}"
        )
    return batch.species == collection.species_names.index(entry.group)
