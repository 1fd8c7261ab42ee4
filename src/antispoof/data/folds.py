"""Protocols of several folds: what one manifest can be asked about what it has never shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from antispoof.data.cross_dataset import CROSS_DATASET, combine
from antispoof.data.hold_out import hold_out
from antispoof.data.presentation import PARTITIONS, Presentation
from antispoof.errors import InputError

__all__ = ["FORMS", "Fold", "folds", "value_of"]

FORMS: Mapping[str, str] = {
    "leave-one-out:NAME": "every value of pai_species, dataset or an attribute is kept for the test once; of "
    "datasets, those that hold both classes",
    "cross:NAME": "train on every value of dataset or an attribute, test on every other",
    "missing-modality": "train once, test with every subset of the sensors",
    **{
        name: f"train on {' and '.join(p.sources)}, test on {' and '.join(p.targets)}"
        for name, p in CROSS_DATASET.items()
    },
}
"""How a protocol is written → what it does."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One training, and the test of it.

    Attributes:
        train: what it is trained on, in words: a row of the matrix.
        tests: what it is tested on: a column of the matrix → ids of the test presentations.
        presentations: partitions set.
        subsets: whether each subset of the sensors is a column of its own, instead of ``tests``.
    """

    train: str
    tests: Mapping[str, frozenset[str]]
    presentations: tuple[Presentation, ...]
    subsets: bool = False


def folds(presentations: Sequence[Presentation], protocol: str) -> tuple[Fold, ...]:
    """Divide presentations by a protocol.

    Args:
        presentations: divided into partitions.
        protocol: as `FORMS` tells.

    Raises:
        InputError: no such protocol, or the presentations do not allow it.
    """
    form, _, name = protocol.partition(":")
    if protocol in CROSS_DATASET:
        collections = {
            value: [p for p in presentations if p.dataset == value]
            for value in {p.dataset for p in presentations}
        }
        parts = combine(protocol, collections)
        rows = (*parts.train, *parts.dev, *parts.test)
        about = CROSS_DATASET[protocol]
        return (Fold(" + ".join(about.sources), {" + ".join(about.targets): _tested(rows)}, rows),)
    if any(not p.partition for p in presentations):
        raise InputError("a protocol needs a divided manifest: run 'antispoof data split' first")
    if protocol == "missing-modality":
        return (Fold("all", {}, tuple(presentations), subsets=True),)
    if form not in ("leave-one-out", "cross") or not name:
        raise InputError(
            f"unknown protocol {protocol!r}; write leave-one-out:pai_species, leave-one-out:dataset, "
            "leave-one-out:ATTRIBUTE, cross:dataset, cross:ATTRIBUTE, missing-modality, or one of "
            f"{', '.join(CROSS_DATASET)}"
        )
    values = sorted({value_of(p, name) for p in presentations} - {""})
    if form == "leave-one-out" and name == "dataset":
        # What holds one class alone can be no test, and goes on being trained with.
        classes = {value: {p.bona_fide for p in presentations if p.dataset == value} for value in values}
        values = [value for value in values if len(classes[value]) == 2]
    if len(values) < 2:
        known = sorted({key for p in presentations for key in p.attributes})
        raise InputError(
            f"{protocol} needs two values of {name!r} or more, found {', '.join(values) or 'none'}; the "
            f"manifest "
            f"has dataset, pai_species and {', '.join(known) or 'no attributes'}"
        )
    return tuple(
        (_left_out if form == "leave-one-out" else _crossed)(presentations, name, value) for value in values
    )


def _left_out(presentations: Sequence[Presentation], name: str, value: str) -> Fold:
    if name == "dataset":
        # All of the dataset is test: nothing of it has been seen.
        rows = tuple(
            dataclasses.replace(p, partition="test") if p.dataset == value else p
            for p in presentations
            if p.dataset == value or p.partition != "test"
        )
        _check(rows, f"leaving out {value!r}")
    else:
        rows = hold_out(presentations, name, value)
    return Fold(f"without {value}", {value: _tested(rows)}, rows)


def _crossed(presentations: Sequence[Presentation], name: str, value: str) -> Fold:
    if name == "pai_species":
        raise InputError(
            "cross:pai_species would train without bona fide presentations: use leave-one-out:pai_species"
        )
    rows = tuple(p for p in presentations if p.partition == "test" or value_of(p, name) == value)
    _check(rows, f"training on {name} = {value!r}")
    tests: dict[str, set[str]] = {}
    for p in rows:
        if p.partition == "test" and value_of(p, name):
            tests.setdefault(value_of(p, name), set()).add(p.id)
    return Fold(value, {one: frozenset(ids) for one, ids in sorted(tests.items())}, rows)


def _check(rows: Sequence[Presentation], what: str) -> None:
    for partition in PARTITIONS:
        if len({p.bona_fide for p in rows if p.partition == partition}) < 2:
            raise InputError(f"{what} leaves {partition} without one of the classes")


def _tested(rows: Sequence[Presentation]) -> frozenset[str]:
    return frozenset(p.id for p in rows if p.partition == "test")


def value_of(p: Presentation, name: str) -> str:
    """Return the species, dataset or attribute of a presentation; empty where it has none."""
    if name == "dataset":
        return p.dataset
    return p.pai_species or "" if name == "pai_species" else p.attributes.get(name, "")
