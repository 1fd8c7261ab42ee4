"""The exact test against every permutation, and against SciPy's."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from antispoof.evaluation import ScoreSet, compare, evaluate
from antispoof.evaluation.curve import ErrorCurve
from antispoof.evaluation.rank_test import chance_of_auc_at_most

Few = st.lists(st.integers(0, 4), min_size=1, max_size=4)


@settings(max_examples=40)
@given(genuine=Few, attacks=Few)
def test_exact_with_ties(genuine: list[int], attacks: list[int]) -> None:
    everything = genuine + attacks
    observed = ErrorCurve.of(genuine, attacks).auc()
    places = range(len(everything))
    aucs = []
    for chosen in itertools.combinations(places, len(genuine)):
        others = [everything[i] for i in places if i not in chosen]
        aucs.append(ErrorCurve.of([everything[i] for i in chosen], others).auc())
    expected = np.mean(np.array(aucs) <= observed + 1e-12)
    assert chance_of_auc_at_most(ErrorCurve.of(genuine, attacks)) == pytest.approx(expected)


@pytest.mark.parametrize(("genuine", "attacks"), [(8, 8), (3, 100), (20, 25), (60, 70), (400, 300)])
def test_like_scipy(genuine: int, attacks: int) -> None:
    random = np.random.default_rng(1)
    a, b = random.normal(-0.3, 1, genuine), random.normal(0, 1, attacks)
    expected = mannwhitneyu(a, b, alternative="less", use_continuity=False).pvalue
    exact = mannwhitneyu(a, b, alternative="less", method="exact").pvalue
    found = chance_of_auc_at_most(ErrorCurve.of(a, b))
    assert found == pytest.approx(exact if min(genuine, attacks) <= 20 else expected, rel=1e-6)


@pytest.mark.parametrize(("genuine", "attacks"), [(1, 400), (2, 900), (5, 400), (9, 1000), (500, 4)])
def test_few_among_many_like_scipys_exact_test(genuine: int, attacks: int) -> None:
    random = np.random.default_rng(2)
    for shift in (-2.0, -0.5, 0.5):
        a, b = random.normal(shift, 1, genuine), random.normal(0, 1, attacks)
        exact = mannwhitneyu(a, b, alternative="less", method="exact").pvalue
        assert chance_of_auc_at_most(ErrorCurve.of(a, b)) == pytest.approx(exact, rel=0.05, abs=1e-4)


def reversed_warning(bona_fide: list[float], attacks: list[float]) -> bool:
    scores = ScoreSet.from_columns(
        [str(k) for k in range(len(bona_fide) + len(attacks))],
        [*bona_fide, *attacks],
        [None] * len(bona_fide) + ["print"] * len(attacks),
    )
    found = evaluate(scores, at="threshold=0", resamples=0)
    return any("are higher scores bona fide?" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("genuine", "attacks"), [(5, 5), (8, 8), (3, 100), (100, 3), (5, 30), (2, 5000), (3000, 2), (500, 500)]
)
def test_reversed_scores_of_few_presentations_are_noticed(genuine: int, attacks: int) -> None:
    low, high = [k / genuine for k in range(genuine)], [1 + k / 2000 for k in range(attacks)]
    assert reversed_warning(low, high)
    assert not reversed_warning([-x for x in low], [-x for x in high])


def test_scores_that_say_nothing_are_hardly_ever_suspected() -> None:
    random = np.random.default_rng(0)
    suspected = [
        reversed_warning(random.normal(size=n).tolist(), random.normal(size=m).tolist())
        for n, m in ((8, 8), (3, 100), (2, 400), (40, 40), (200, 200))
        for _ in range(100)
    ]
    assert sum(suspected) <= 9  # 0.5 % of 500 are 2.5


def test_development_scores_and_compared_systems_are_asked_too() -> None:
    right = ScoreSet.from_columns(
        [str(k) for k in range(16)], list(range(16)), ["print"] * 8 + [None] * 8, name="right"
    )
    wrong = replace(right, scores=-right.scores, name="wrong")
    with_dev = evaluate(right, dev=wrong, at="threshold=0", resamples=0).warnings
    assert [w for w in with_dev if w.startswith("Of the development scores the AUC is 0.0000, far below")]
    both = compare({"a": right, "b": wrong}, at="threshold=0", resamples=0).warnings
    assert [w for w in both if w.startswith("The AUC of b is 0.0000")]
    assert not [w for w in both if w.startswith("The AUC of a")]
