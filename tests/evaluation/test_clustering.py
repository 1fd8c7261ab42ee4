"""Labels that tie no presentations together are no clustering, and that is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from antispoof.evaluation import ScoreSet, compare, evaluate
from antispoof.evaluation.clustering import Clustering

Draw = Callable[..., ScoreSet]
ROWS = 40
SCORES = [float(k) for k in range(ROWS)]
SPECIES = ["print"] * 15 + ["bona_fide"] * 25
NO_CLUSTERING = {
    "empty": (
        [""] * ROWS,
        "No {} is known (the column is empty), so intervals take presentations as independent",
    ),
    "each its own": ([f"s{k}" for k in range(ROWS)], "No two presentations have the same {}, so"),
    "each its own, or none": (
        ["", *(f"s{k}" for k in range(1, ROWS))],
        "No two presentations have the same {}, so",
    ),
    "one": (["s"] * ROWS, "All presentations have the same {}, so intervals take"),
}


@pytest.mark.parametrize("case", NO_CLUSTERING)
@pytest.mark.parametrize("column", ["subject", "session"])
def test_no_clustering(tiny: Draw, case: str, column: str) -> None:
    labels, said = NO_CLUSTERING[case]
    scores = tiny(SCORES, SPECIES, **{column: labels})
    asked: dict[str, Any] = {"resamples": 20, "cluster": None if column == "subject" else column}
    result = evaluate(scores, at="threshold=12", **asked)
    assert (result.cluster, result.clusters) == (None, ROWS)
    assert any(warning.startswith(said.format(column)) for warning in result.warnings)
    both = compare({"a": scores, "b": scores}, **asked)
    assert (both.cluster, both.clusters) == (None, ROWS)
    assert any(warning.startswith(said.format(column)) for warning in both.warnings)
    without = evaluate(tiny(SCORES, SPECIES), at="threshold=12", resamples=20)
    assert result.figures["bpcer"] == without.figures["bpcer"]


def test_a_clustering_is_called_by_its_column(tiny: Draw) -> None:
    scores = tiny(SCORES, SPECIES, session=[f"s{k // 2}" for k in range(ROWS)])
    result = evaluate(scores, cluster="session", resamples=5)
    assert (result.cluster, result.clusters) == ("session", ROWS // 2)
    assert not any("independent" in warning for warning in result.warnings)


def test_few_clusters_and_few_presentations_are_said(tiny: Draw) -> None:
    of_four = tiny(SCORES, SPECIES, subject=[f"s{k % 4}" for k in range(ROWS)])
    assert (
        "Only 4 values of subject: bootstrap intervals over so few are too narrow."
        in Clustering.of(of_four).remarks
    )
    alone = tiny(SCORES[:26], SPECIES[:26])
    assert (
        "Only 26 presentations: bootstrap intervals over so few are too narrow."
        in Clustering.of(alone).remarks
    )
    assert len(Clustering.of(tiny(SCORES, SPECIES)).remarks) == 1


def test_numbers_skip_labels_that_a_part_does_not_hold(tiny: Draw) -> None:
    scores = tiny(SCORES[:6], SPECIES[:6], subject=["a", "b", "c", "c", "", "a"])
    part = scores.take(np.array([0, 2, 3, 4, 5]))
    assert Clustering.of(part).numbers().tolist() == [0, 1, 1, 2, 0]
