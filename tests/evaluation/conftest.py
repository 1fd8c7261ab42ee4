"""Score sets that several tests use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from antispoof.evaluation.scores import ScoreSet

Draw = Callable[..., ScoreSet]


def _draw(
    seed: int = 0,
    bona_fide: int = 120,
    species: dict[str, tuple[int, float]] | None = None,
    subjects: int = 15,
    name: str = "scores",
    simulated: bool = False,
) -> ScoreSet:
    """Draw normal scores: bona fide around 2, each species (count, mean) around its own mean."""
    random = np.random.default_rng(seed)
    kinds = {"print": (80, -2.0), "mask": (40, -0.5)} if species is None else species
    labels = ["bona_fide"] * bona_fide + [kind for kind, (count, _) in kinds.items() for _ in range(count)]
    means = [2.0] * bona_fide + [mean for count, mean in kinds.values() for _ in range(count)]
    rows = len(labels)
    of = random.integers(0, subjects, rows)
    return ScoreSet.from_columns(
        ids=[f"{name}-{k}" for k in range(rows)],
        scores=random.normal(means),
        pai_species=labels,
        subject=[f"{name}-s{s}" for s in of],
        attributes={"gender": ["f" if s % 2 else "m" for s in of]},
        simulated=[simulated and label != "bona_fide" for label in labels],
        name=name,
    )


def _tiny(scores: list[float], species: list[str], **columns: list[str]) -> ScoreSet:
    """A set with ids p0, p1, … and the given scores (NaN is a non-response)."""
    ids = [f"p{k}" for k in range(len(scores))]
    subject = columns.pop("subject", None)
    return ScoreSet.from_columns(ids, scores, species, subject=subject, attributes=columns, name="tiny")


@pytest.fixture(scope="session")
def draw() -> Draw:
    return _draw


@pytest.fixture(scope="session")
def tiny() -> Draw:
    return _tiny
