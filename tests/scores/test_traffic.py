"""Unlabelled scores move a threshold; a burst of attacks among them gains nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antispoof.errors import InputError
from antispoof.scores.simulated_site import SimulatedSite
from antispoof.scores.traffic import ATTACK_LIMIT, TrafficRule, fit_traffic, unfitted_traffic

rules = st.builds(
    TrafficRule,
    follow=st.floats(0, 1),
    margin=st.floats(0, 5),
    raise_margin=st.none() | st.floats(-1, 5),
    lowest=st.floats(0, 2),
    highest=st.floats(0, 3),
)
number = st.floats(-30, 30)


@given(rules, st.integers(60, 200), st.floats(-3, 6), st.floats(0, 1), number, st.floats(-2, 2), st.data())
def test_a_burst_never_lowers_the_threshold_and_raises_it_by_a_bounded_amount(
    rule: TrafficRule, people: int, middle: float, share: float, burst: float, threshold: float, data: Any
) -> None:
    """Two fifths of the traffic are the attacker's, who knows the rule and sends what suits."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    honest = random.normal(middle, data.draw(st.floats(0.01, 3)), people)
    most = int(people * ATTACK_LIMIT / (1 - ATTACK_LIMIT))
    count = max(round(share * most), 100 - people)
    attacks = burst + data.draw(st.sampled_from([0.0, 0.5, 4.0])) * random.standard_normal(count)
    traffic = random.permutation(np.concatenate([honest, attacks]))
    if count > most:
        return
    shipped = rule.shift(traffic, threshold)
    assert 0 <= shipped <= rule.highest
    in_force = rule.shift(honest, threshold) if honest.size >= 100 else data.draw(st.floats(0, rule.highest))
    moved = rule.shift(traffic, threshold, at_least=in_force)
    assert in_force <= moved <= rule.highest, "not below what was learned before the burst either"
    let_fall = rule.shift(traffic, threshold, at_least=-np.inf)
    assert -rule.lowest <= let_fall <= rule.highest
    assert let_fall >= rule.called_for(honest, threshold), "even then, not below what people alone call for"
    if rule.called_for(honest, threshold) >= 0:
        assert let_fall >= 0


def sites(seed: int, count: int = 40) -> list[SimulatedSite]:
    random = np.random.default_rng(seed)
    bona_fide = np.repeat([True, False], 50)
    found = []
    for _ in range(count):
        score = np.where(bona_fide, 2.0, -2.0) + random.normal(0, 1.5) + random.normal(0, 0.8, 100)
        found.append(SimulatedSite(score, score[:, None], np.zeros(100, np.intp), bona_fide))
    return found


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_site_that_shifts_all_scores_is_followed(share: float) -> None:
    rule = fit_traffic(sites(1), 0.0).model_copy(update={"lowest": 9.0, "highest": 9.0})
    before, after = [], []
    for site in sites(2):
        people, attacks = site.scores[site.bona_fide], site.scores[~site.bona_fide]
        seen = np.concatenate([np.tile(people, 7), np.tile(attacks, 3) if share else attacks[:0]])
        shift = rule.shift(seen, 0.0, at_least=-np.inf)
        before.append((people < 0).mean() + (attacks >= 0).mean())
        after.append((people < shift).mean() + (attacks >= shift).mean())
    assert np.mean(after) < 0.4 * np.mean(before)


def test_what_was_not_fitted_only_raises() -> None:
    rule = unfitted_traffic(typical=2.0, threshold=0.0)
    assert rule.shift(np.linspace(-9, -5, 200), 0.0) == 0
    assert 0 < rule.shift(np.linspace(3, 5, 200), 0.0) <= rule.highest


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (np.zeros(200), "all 200 scores are 0"),
        (np.tile([-1.0, 1.0], 100), "all 200 scores are of 2 different numbers only"),
        (1.5 + 1e-12 * np.arange(200), "all 200 scores are 1.5"),
        (np.arange(10), "10 scores are too few"),
        ([*range(150), np.nan, np.inf], "2 of 152 scores are no finite numbers"),
    ],
)
def test_bad_input_is_told(scores: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        unfitted_traffic(1.0, 0.0).shift(scores, 0.0)
    with pytest.raises(InputError, match="both classes"):
        fit_traffic([], 0.0)
