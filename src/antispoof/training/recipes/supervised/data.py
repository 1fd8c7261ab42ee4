"""Presentations as rows of arrays, and batches of them that depend on the seed, the epoch and the step
alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from antispoof.data.presentation import Presentation
from antispoof.errors import InputError
from antispoof.training.augmentations import Draw, augmentations
from antispoof.training.prepared import PreparedStore, Rows
from antispoof.training.recipes.supervised.experiment import AugmentationEntry, Experiment, Training
from antispoof.training.reporter import Reporter

__all__ = ["Batch", "Collection", "TrainingBatches", "collect", "evaluation_batches", "number_of"]


class Batch(NamedTuple):
    """Some presentations.

    Attributes:
        inputs: modality → (B, …).
        presence: (B, M).
        label: (B,), 1 = bona fide.
        species: (B,), int.
        pair: (B,), int, the subject.
        rows: (B,), int, which presentations of the collection.
    """

    inputs: dict[str, Tensor]
    presence: Tensor
    label: Tensor
    species: Tensor
    pair: Tensor
    rows: Tensor


@dataclass(frozen=True, slots=True)
class Collection:
    """N presentations, prepared.

    Attributes:
        presentations: as the manifest lists them.
        stores: modality → where its samples are.
        places: modality → where each sample lies, (N,); None where the modality is absent.
        shapes: modality → shape of one prepared array.
        windows: (N, M), windows of each sample; 0 where the modality is absent or was rejected.
        label: (N,), 1 = bona fide.
        species: (N,), index into ``species_names``; bona fide is 0.
        pair: (N,), number of the subject.
        species_names: bona fide first.
    """

    presentations: tuple[Presentation, ...]
    stores: Mapping[str, PreparedStore]
    places: Mapping[str, Sequence[Rows | None]]
    shapes: Mapping[str, tuple[int, ...]]
    windows: NDArray[np.int64]
    label: NDArray[np.float32]
    species: NDArray[np.int64]
    pair: NDArray[np.int64]
    species_names: tuple[str, ...]

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names, in the order of the columns."""
        return tuple(self.stores)

    @property
    def presence(self) -> NDArray[np.float32]:
        """(N, M), 1 where a modality is there."""
        return (self.windows > 0).astype(np.float32)

    def partition(self, name: str) -> NDArray[np.intp]:
        """Return the rows of one partition in which any modality is there."""
        inside = np.array([p.partition == name for p in self.presentations])
        return np.flatnonzero(inside & (self.windows > 0).any(1))

    def batch(self, rows: NDArray[np.intp], window: NDArray[np.float64]) -> Batch:
        """Read presentations.

        Args:
            rows: (B,).
            window: (B,) in 0..1, which window, as a share of those that there are.
        """
        inputs = {}
        for column, (name, store) in enumerate(self.stores.items()):
            out = np.zeros((len(rows), *self.shapes[name]), np.float32)
            there = np.flatnonzero(self.windows[rows, column])
            at = (window[there] * self.windows[rows[there], column]).astype(int)
            places = self.places[name]
            chosen = [(places[row], int(w)) for row, w in zip(rows[there].tolist(), at, strict=True)]
            values = (
                out if len(there) == len(rows) else np.empty((len(there), *self.shapes[name]), np.float32)
            )
            store.read(((place, w) for place, w in chosen if place is not None), values)
            if values is not out:
                out[there] = values
            inputs[name] = torch.from_numpy(out)
        return Batch(
            inputs,
            torch.from_numpy(self.presence[rows]),
            torch.from_numpy(self.label[rows]),
            torch.from_numpy(self.species[rows]),
            torch.from_numpy(self.pair[rows]),
            torch.from_numpy(rows),
        )


def collect(presentations: Sequence[Presentation], experiment: Experiment, report: Reporter) -> Collection:
    """Prepare what is not prepared yet, and number everything.

    Raises:
        InputError: no presentation has any of the modalities, or a modality is in none.
    """
    stores = {
        name: PreparedStore(experiment.cache, name, part.prepare)
        for name, part in experiment.modalities.items()
    }
    shapes = {}
    places: dict[str, list[Rows | None]] = {}
    windows = np.zeros((len(presentations), len(stores)), np.int64)
    for column, (name, store) in enumerate(stores.items()):
        having = [row for row, p in enumerate(presentations) if name in p.captures]
        if not having:
            present = sorted({one for p in presentations for one in p.captures})
            raise InputError(f"no presentation has {name!r}; the manifest has {', '.join(present)}")
        store.make(
            [presentations[row].captures[name] for row in having],
            lambda done, of, name=name: report.progress(f"preparing {name}", done, of),  # type: ignore[misc]
        )
        rejected: dict[str, int] = {}
        places[name] = [None] * len(presentations)
        for row in having:
            where = store.rows(presentations[row].captures[name])
            places[name][row] = where
            windows[row, column] = where.count
            if not where.count:
                rejected[where.reason] = rejected.get(where.reason, 0) + 1
        if rejected:
            why = ", ".join(f"{reason} {count}" for reason, count in sorted(rejected.items()))
            report.say(
                f"{name}: {sum(rejected.values())} of {len(having)} cannot be judged and count as absent "
                f"({why})"
            )
        shape = store.shape()
        if shape is None:
            raise InputError(f"no sample of {name!r} can be judged")
        shapes[name] = shape
    names = sorted({p.pai_species for p in presentations if p.pai_species is not None})
    number = {None: 0} | {name: index + 1 for index, name in enumerate(names)}
    subjects: dict[Any, int] = {}
    pair = [subjects.setdefault(p.person or p.id, len(subjects)) for p in presentations]
    return Collection(
        tuple(presentations),
        stores,
        places,
        shapes,
        windows,
        np.array([p.bona_fide for p in presentations], np.float32),
        np.array([number[p.pai_species] for p in presentations], np.int64),
        np.array(pair, np.int64),
        ("bona_fide", *names),
    )


def number_of(*parts: object) -> int:
    """Return a seed that depends on all parts: 0 ≤ seed < 2⁶³."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little") >> 1


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
        self, collection: Collection, rows: NDArray[np.intp], experiment: Experiment, rank: int, world: int
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
            yield batch._replace(inputs=self._augmented(batch, seed), presence=presence)

    def _augmented(self, batch: Batch, seed: int) -> dict[str, Tensor]:
        inputs = dict(batch.inputs)
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
        return inputs


def draw_order(
    collection: Collection,
    rows: NDArray[np.intp],
    settings: Training,
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


def evaluation_batches(
    collection: Collection, rows: NDArray[np.intp], size: int, columns: Sequence[int] | None = None
) -> Iterator[Batch]:
    """Read every window of every row once.

    Args:
        collection: what there is.
        rows: which presentations.
        size: windows a batch.
        columns: modalities that count for the number of windows; None means all.
    """
    windows = collection.windows[rows]
    counts = (windows if columns is None else windows[:, list(columns)]).max(1)
    item = np.repeat(rows, counts)
    share = np.concatenate([(np.arange(count) + 0.5) / count for count in counts] or [np.zeros(0)])
    for start in range(0, len(item), size):
        yield collection.batch(item[start : start + size], share[start : start + size])
