"""References move the next threshold: up by any amount, down by a stated one at most."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antispoof.errors import InputError
from antispoof.scores.reference import ReferenceRule, fit_reference, unfitted_reference
from antispoof.scores.simulated_site import SimulatedSite

number = st.floats(-20, 20)
rules = st.builds(
    ReferenceRule,
    follow=st.floats(0, 1),
    per_distance=st.floats(0, 3),
    offset=st.floats(-5, 5),
    per_known=st.floats(0, 3),
    known_offset=st.floats(-5, 5),
    centre=st.floats(-5, 5),
    prior_references=st.floats(0, 100),
    usual=st.none() | st.floats(-2, 2),
    directions=st.just([[1.0, 0.0], [0.0, 2.0], [0.5, 0.5]]),
    lowest=st.floats(0, 2),
)
feature = st.lists(number, min_size=3, max_size=3)


@given(rules, st.lists(st.tuples(number, feature), min_size=1, max_size=6), feature, number)
def test_whatever_the_references_they_lower_by_no_more_than_stated(
    rule: ReferenceRule, references: list[tuple[float, list[float]]], sample: list[float], without: float
) -> None:
    scores, features = [score for score, _ in references], [feature for _, feature in references]
    moved = rule.threshold(scores, rule.tone(features), rule.tone(sample), without)
    assert moved >= without - rule.lowest
    better = rule.threshold(np.array(scores) + 1, rule.tone(features), rule.tone(sample), without)
    assert better >= moved - 1e-9, "better references never lower it"
    spoofed = rule.threshold([*scores, 99.0], rule.tone([*features, sample]), rule.tone(sample), without)
    assert spoofed >= without - rule.lowest, "one that is the sample itself"


def sites(count: int, seed: int, features: int = 30) -> list[SimulatedSite]:
    """Sites that shift all scores; attacks differ in three of the features, people in others."""
    random = np.random.default_rng(seed)
    kinds = np.eye(3, features)
    found = []
    for _ in range(count):
        person, bona_fide = np.tile(np.repeat(np.arange(3), 8), 2), np.repeat([True, False], 24)
        camera = random.normal(0, 1.5)
        score = np.where(bona_fide, 1.2, -1.2) + camera + random.normal(0, 1, 48)
        people = random.normal(0, 3, (3, features)) * (np.arange(features) >= 3)
        tone = people[person] + random.normal(0, 0.5, features) + random.normal(0, 1, (48, features))
        tone[~bona_fide] += 6 * kinds[random.integers(3)] * random.choice([-1, 1])
        found.append(SimulatedSite(score, tone, person, bona_fide))
    return found


def errors(rule: ReferenceRule, several: list[SimulatedSite], known: int) -> float:
    """Half total error where the first captures of a person are the references of the others."""
    wrong = []
    for site in several:
        tones = rule.tone(site.features)
        for person in range(3):
            own = np.flatnonzero(site.person == person)
            first, rest = own[:known], own[known:]
            for index in rest:
                moved = rule.threshold(site.scores[first], tones[first], tones[index], 0.0)
                people = bool(site.bona_fide[index])
                wrong.append((people, bool(site.scores[index] < moved) == people))
    label, missed = np.array(wrong).T
    return float(missed[label].mean() + missed[~label].mean()) / 2


@pytest.fixture(scope="module")
def learned() -> ReferenceRule:
    return fit_reference(sites(24, 1))


def test_features_tell_more_than_scores_and_references_more_than_none(learned: ReferenceRule) -> None:
    blind = learned.model_copy(update={"directions": [], "per_distance": 0.0})
    new = sites(10, 2)
    without = float(np.mean([((s.scores < 0) == s.bona_fide).mean() for s in new]))
    scores_alone = min(
        errors(blind.model_copy(update={"offset": offset}), new, 3) for offset in np.arange(-3, 2, 0.5)
    )
    assert errors(learned, new, 3) < 0.9 * scores_alone < 0.9 * 0.8 * without
    assert errors(learned, new, 3) <= errors(learned, new, 1) + 0.01


def test_how_far_is_far_references_tell_by_how_far_they_lie_from_each_other() -> None:
    """Four times the distances, of a sample and of references alike: known, that changes hardly anything."""
    rule = ReferenceRule(
        follow=0, per_distance=1, offset=0, usual=0, directions=[[1.0, 0.0], [0.0, 1.0]], lowest=99
    )
    random = np.random.default_rng(3)
    sample = np.array([6.0, 0.0])
    for count, share in ((1, 1.0), (3, 0.5), (9, 0.2)):
        tones = random.normal(0, 1, (count, 2))
        near, far = (rule.threshold(np.zeros(count), k * tones, k * sample, 0.0) for k in (1, 4))
        assert far - near == pytest.approx(share * np.log(4), abs=0.15), count
        unscaled = rule.model_copy(update={"usual": None})
        near, far = (unscaled.threshold(np.zeros(count), k * tones, k * sample, 0.0) for k in (1, 4))
        assert far - near == pytest.approx(np.log(4), abs=0.1)


def test_the_more_references_there_are_the_further_their_score_is_followed() -> None:
    rule = ReferenceRule(follow=0.5, per_distance=0, offset=0, centre=1, prior_references=1, lowest=99)
    moved = [rule.threshold(np.full(count, 5.0), [], [], 0.0) for count in (1, 3, 9)]
    assert moved == pytest.approx([0.5 * 3, 0.5 * 4, 0.5 * 4.6])
    assert rule.model_copy(update={"prior_references": 0}).threshold([5.0], [], [], 0.0) == pytest.approx(2.5)


@pytest.mark.parametrize("camera", [0.1, 1.0, 3.0])
def test_one_tells_what_the_variance_of_a_site_leaves_to_tell(camera: float) -> None:
    """The oracle: sites whose cameras, people and takes have the very variances that they were drawn with."""
    random = np.random.default_rng(5)
    shifts, people, takes = (
        spread * (drawn - drawn.mean(axis=-1, keepdims=True)) / drawn.std(axis=-1, ddof=1, keepdims=True)
        for spread, drawn in (
            (camera, random.normal(size=20)),
            (1.0, random.normal(size=(20, 3))),
            (0.5, random.normal(size=(20, 3, 4))),
        )
    )
    found = []
    for one in range(20):
        score = (2 + shifts[one] + people[one][:, None] + takes[one]).ravel()
        found.append(
            SimulatedSite(
                np.concatenate([score, score - 3]),
                random.normal(size=(24, 2)),
                np.tile(np.repeat(np.arange(3), 4), 2),
                np.repeat([True, False], 12),
            )
        )
    rule = fit_reference(found)
    # takes and people share a mean over takes of variance 0, and means over people as they were drawn
    within, between = 1.0 + 0.25 * (1 - 1 / 4), camera**2 - 1 / 3
    assert rule.centre == pytest.approx(2)
    assert rule.prior_references == pytest.approx(within / between if between > 0 else 100)


def test_many_references_are_compared_with_some_of_them(learned: ReferenceRule) -> None:
    """Two thousand cost no more than thousands of distances, and say what a hundred of them do."""
    random = np.random.default_rng(4)
    tones, sample = random.normal(0, 1, (2000, 10)), random.normal(0, 3, 10)
    few = learned.threshold(np.zeros(100), tones[:100], sample, 0.0)
    assert learned.threshold(np.zeros(2000), tones, sample, 0.0) == pytest.approx(few, abs=2.0)


def test_it_finds_the_directions_in_which_attacks_differ(learned: ReferenceRule) -> None:
    """The oracle: attacks differ in the first three features, whatever people do in the others."""
    directions: Any = np.array(learned.directions)
    share = np.linalg.norm(directions[:3, :3]) / np.linalg.norm(directions[:, :3])
    assert share > 0.9


def test_what_was_not_fitted_only_raises() -> None:
    rule = unfitted_reference(typical=2.0, threshold=0.5)
    assert rule.threshold([5.0], [], [], 0.5) == pytest.approx(1.5)
    assert rule.threshold([-9.0], [], [], 0.5) == 0.5
    assert rule.tone(None).size == 0


def test_bad_input_is_told() -> None:
    rule = unfitted_reference(2.0, 0.5)
    with pytest.raises(InputError, match="at least one"):
        rule.threshold([], [], [], 0.0)
    with pytest.raises(InputError, match="finite"):
        rule.threshold([np.nan], [], [], 0.0)
    with pytest.raises(InputError, match="takes 3 features, got 2"):
        ReferenceRule(follow=0, per_distance=1, offset=0, directions=[[1.0]] * 3).tone([1.0, 2.0])
    (site,) = sites(1, 0)
    people = site.bona_fide
    alone = SimulatedSite(site.scores[people], site.features[people], site.person[people], people[people])
    with pytest.raises(InputError, match="sites with attacks"):
        fit_reference([alone])
