"""Divide presentations into train, dev and test so that nobody stands on two sides."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from antispoof.data.presentation import PARTITIONS, Presentation, one_spelling
from antispoof.errors import InputError

__all__ = ["split", "split_rest"]


def split(
    presentations: Sequence[Presentation], fractions: tuple[float, float, float], seed: int
) -> tuple[Presentation, ...]:
    """Give every presentation a partition: disjoint by subject, stratified, seeded.

    The strata are the kinds of attack of each dataset. Subjects are taken largest first, in an order that
    the seed decides between equals; each goes where the counts per stratum are then nearest to what the
    fractions ask for. A presentation without a subject counts as a person of its own.

    Args:
        presentations: any number; partitions that they already have are replaced.
        fractions: shares of train, dev and test; at least 0 each, and 1 together.
        seed: any integer; the same seed gives the same split on every machine.

    Returns:
        The presentations in their order, with ``partition`` set and one spelling for each kind of attack.

    Raises:
        InputError: the fractions do not add up, or there are fewer subjects than partitions asked for.
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise InputError(f"fractions must be at least 0 and add up to 1, got {fractions}")
    presentations = one_spelling(presentations)
    groups: dict[object, list[Presentation]] = defaultdict(list)
    for p in presentations:
        groups[p.person or p.id].append(p)
    wanted = sum(fraction > 0 for fraction in fractions)
    if len(groups) < wanted:
        raise InputError(
            f"{len(groups)} subjects cannot be divided into {wanted} partitions without sharing one"
        )
    totals = Counter(_stratum(p) for p in presentations)
    strata = sorted(totals)
    targets = np.array([[fraction * totals[stratum] for stratum in strata] for fraction in fractions])
    # Σ filled² / target is least where the counts are as asked; a step adds (2 filled + row) row / target.
    weights = 1 / np.array(
        [totals[stratum] for stratum in strata]
    )  # a rare species counts as much as a common one
    filled = np.zeros_like(targets)
    shuffled = np.random.Generator(np.random.PCG64(seed)).permutation(len(groups))
    names = list(groups)
    order = sorted((names[i] for i in shuffled), key=lambda name: -len(groups[name]))
    where: dict[object, str] = {}
    open_partitions = [i for i in range(3) if fractions[i] > 0]
    for done, name in enumerate(order):
        counts = Counter(_stratum(p) for p in groups[name])
        row = np.array([counts[stratum] for stratum in strata])
        empty = [i for i in open_partitions if not filled[i].any()]
        # The last subjects are owed to partitions that are still empty.
        choices = empty if len(empty) >= len(order) - done else open_partitions
        costs = [float(np.sum((2 * filled[i] + row) * row / targets[i] * weights)) for i in choices]
        best = choices[int(np.argmin(costs))]
        filled[best] += row
        where[name] = PARTITIONS[best]
    return tuple(dataclasses.replace(p, partition=where[p.person or p.id]) for p in presentations)


def split_rest(
    presentations: Sequence[Presentation], fractions: tuple[float, float, float], seed: int
) -> tuple[Presentation, ...]:
    """Keep test as it is, and divide the rest between train and dev, in the shares that they have.

    Args:
        presentations: some of which are test already: those of a dataset that comes without dev.
        fractions: shares of train, dev and test; the last is not looked at.
        seed: see `split`.

    Raises:
        InputError: as `split` does, or a person stands in test and in the rest.
    """
    test = [p for p in one_spelling(presentations) if p.partition == "test"]
    rest = [p for p in one_spelling(presentations) if p.partition != "test"]
    shared = {p.person for p in test} & {p.person for p in rest} - {None}
    if shared:
        raise InputError(
            f"{len(shared)} subjects stand in test and in the rest, the first is {min(map(str, shared))}"
        )
    both = fractions[0] + fractions[1]
    if not test or both <= 0:
        raise InputError(f"nothing is test yet, or train and dev get no share of the rest: {fractions}")
    divided = split(rest, (fractions[0] / both, fractions[1] / both, 0.0), seed)
    found = {p.id: p for p in (*test, *divided)}
    return tuple(found[p.id] for p in presentations)


def _stratum(p: Presentation) -> tuple[str, str]:
    return p.dataset, p.pai_species or ""
