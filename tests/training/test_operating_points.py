"""Thresholds are set, and named, by what they do to every kind of attack."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from antispoof.evaluation.metrics import apcer, bpcer, d_eer, max_apcer
from antispoof.training.operating_points import balanced_threshold, operating_points

scores = arrays(float, st.integers(1, 12), elements=st.integers(-5, 5).map(float))


@given(scores, st.dictionaries(st.sampled_from(["replay", "print", "mask"]), scores, min_size=1))
@settings(max_examples=80)
def test_every_point_says_what_it_does_to_every_kind(bona_fide: Any, attacks: dict[str, Any]) -> None:
    points = operating_points(bona_fide, attacks, "dev")
    assert set(points) == {"balanced", "secure", "apcer10", "apcer5", "bpcer5"}
    for point in points.values():
        assert point.apcer == {kind: apcer(of, point.threshold) for kind, of in attacks.items()}
        assert point.bpcer == bpcer(bona_fide, point.threshold)
    assert max(points["apcer10"].apcer.values()) <= 0.10
    assert max(points["apcer5"].apcer.values()) <= 0.05
    # No other threshold makes the larger of both errors smaller.
    worst = [
        max(max_apcer(attacks, threshold), bpcer(bona_fide, threshold)) for threshold in np.arange(-6, 7, 0.5)
    ]
    balanced = points["balanced"].threshold
    assert points["secure"].threshold >= balanced
    assert max(max_apcer(attacks, balanced), bpcer(bona_fide, balanced)) == pytest.approx(min(worst))


def test_a_rare_kind_that_passes_is_not_lost_in_the_pool() -> None:
    rng = np.random.default_rng(0)
    bona_fide = rng.normal(3, 1, 1000)
    attacks = {"replay": rng.normal(-3, 1, 1000), "mask": rng.normal(2, 1, 20)}
    pooled = d_eer(bona_fide, np.concatenate(list(attacks.values()))).threshold
    threshold = balanced_threshold(bona_fide, attacks)
    assert apcer(attacks["mask"], pooled) > 0.5
    assert apcer(attacks["mask"], threshold) < 0.4
    assert d_eer(bona_fide, attacks["mask"]).value == pytest.approx(
        max(apcer(attacks["mask"], threshold), bpcer(bona_fide, threshold)), abs=0.05
    )
