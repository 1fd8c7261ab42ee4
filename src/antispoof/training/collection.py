"""Presentations as rows of arrays, each sensor prepared by the code that serves it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from antispoof.data.presentation import Presentation
from antispoof.errors import InputError
from antispoof.training.prepared import MASK_SIDE, PreparedStore, Rows
from antispoof.training.reporter import Reporter
from antispoof.training.schema import ManifestExperiment

__all__ = [
    "Batch",
    "Collection",
    "SampleStore",
    "channels_of",
    "collect",
    "evaluation_batches",
    "number_of",
    "shapes_of",
]


class SampleStore(Protocol):
    """Where the samples of one sensor are."""

    def read(self, rows: Iterable[tuple[Rows, int]], out: NDArray[np.float32]) -> None:
        """Fill ``out`` with one window of each sample, row by row."""
        ...


class Batch(NamedTuple):
    """Some presentations.

    Attributes:
        inputs: modality → (B, …).
        presence: (B, M).
        label: (B,), 1 = bona fide.
        species: (B,), int.
        pair: (B,), int, the subject.
        rows: (B,), int, which presentations of the collection.
        pixel_mask: (B, 1, h, w), share of skin, NaN where unknown; None where the collection has no masks.
    """

    inputs: dict[str, Tensor]
    presence: Tensor
    label: Tensor
    species: Tensor
    pair: Tensor
    rows: Tensor
    pixel_mask: Tensor | None = None


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
        masks: (N, 1, h, w), what is known of the places of each sample: share of skin, NaN where unknown;
            None where no attack has a mask.
    """

    presentations: tuple[Presentation, ...]
    stores: Mapping[str, SampleStore]
    places: Mapping[str, Sequence[Rows | None]]
    shapes: Mapping[str, tuple[int, ...]]
    windows: NDArray[np.int64]
    label: NDArray[np.float32]
    species: NDArray[np.int64]
    pair: NDArray[np.int64]
    species_names: tuple[str, ...]
    masks: NDArray[np.float32] | None = None

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
            None if self.masks is None else torch.from_numpy(self.masks[rows]),
        )


def collect(
    presentations: Sequence[Presentation], experiment: ManifestExperiment, report: Reporter
) -> Collection:
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
    label = np.array([p.bona_fide for p in presentations], np.float32)
    return Collection(
        tuple(presentations),
        stores,
        places,
        shapes,
        windows,
        label,
        np.array([number[p.pai_species] for p in presentations], np.int64),
        np.array(pair, np.int64),
        ("bona_fide", *names),
        _masks(stores, places, label),
    )


def _masks(
    stores: Mapping[str, PreparedStore],
    places: Mapping[str, Sequence[Rows | None]],
    label: NDArray[np.float32],
) -> NDArray[np.float32] | None:
    """Return the masks of attacks, of the first sensor that has one; a bona fide presentation is all skin."""
    found = np.full((len(label), 1, MASK_SIDE, MASK_SIDE), np.nan, np.float32)
    for name, store in stores.items():
        for row, place in enumerate(places[name]):
            if place is not None and np.isnan(found[row, 0, 0, 0]):
                mask = store.mask(place)
                if mask is not None:
                    found[row, 0] = mask / np.float32(254)
    if np.isnan(found).all():
        return None
    found[label > 0] = 1
    return found


def shapes_of(
    presentations: Sequence[Presentation], experiment: ManifestExperiment
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the prepared arrays: modality → shape, from as few samples as will do.

    Raises:
        InputError: no sample of a modality can be judged.
    """
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


def channels_of(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Return the channels of every modality; a recording has one."""
    return {name: shape[0] if len(shape) == 3 else 1 for name, shape in shapes.items()}


def number_of(*parts: object) -> int:
    """Return a seed that depends on all parts: 0 ≤ seed < 2⁶³."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little") >> 1


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
