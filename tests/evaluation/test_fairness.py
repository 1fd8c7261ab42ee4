import math
from collections.abc import Callable

import numpy as np
import pytest

from antispoof.errors import InputError
from antispoof.evaluation.confidence import Rate
from antispoof.evaluation.fairness import differential, fairness, gini
from antispoof.evaluation.scores import ScoreSet

Draw = Callable[..., ScoreSet]


def grouped(errors: dict[str, tuple[int, int, int, int]]) -> ScoreSet:
    """Scores ±1 with (bona fide rejected, bona fide, attacks accepted, attacks) by group, judged at 0."""
    scores, species, group = [], [], []
    for name, (rejected, genuine, accepted, attacks) in errors.items():
        scores += [-1.0] * rejected + [1.0] * (genuine - rejected)
        scores += [1.0] * accepted + [-1.0] * (attacks - accepted)
        species += ["bona_fide"] * genuine + ["print"] * attacks
        group += [name] * (genuine + attacks)
    ids = [str(k) for k in range(len(scores))]
    return ScoreSet.from_columns(ids, scores, species, attributes={"age": group})


def test_rates_gaps_and_ratios_by_hand() -> None:
    found = fairness(grouped({"old": (8, 40, 4, 40), "young": (2, 40, 1, 40)}), "age", 0.0)
    assert [group.name for group in found.groups] == ["old", "young"]
    assert [group.bpcer.value for group in found.groups] == [0.2, 0.05]
    assert found.groups[0].apcer["print"].value == 0.1
    bpcer, apcer = found.differentials
    assert (bpcer.rate, bpcer.worst, bpcer.best) == ("BPCER", "old", "young")
    assert bpcer.gap == pytest.approx(0.15)
    assert bpcer.worst_to_best == pytest.approx(4)
    assert bpcer.worst_to_geometric_mean == pytest.approx(0.2 / 0.1)
    assert apcer.gap == pytest.approx(0.075)
    assert found.fdr == pytest.approx(1 - (0.075 + 0.15) / 2)
    # Gini of (0.2, 0.05) with n / (n - 1): |difference| / (sum) = 0.15 / 0.25; of (0.1, 0.025) alike.
    assert found.garbe == pytest.approx(0.6)


def test_equal_groups_are_fair() -> None:
    found = fairness(grouped({"a": (4, 40, 4, 40), "b": (4, 40, 4, 40)}), "age", 0.0)
    assert (found.fdr, found.garbe) == (1.0, 0.0)


def test_small_groups_are_shown_and_not_ranked() -> None:
    found = fairness(grouped({"a": (0, 40, 0, 40), "b": (4, 40, 4, 40), "few": (29, 29, 29, 29)}), "age", 0.0)
    few = next(group for group in found.groups if group.name == "few")
    assert few.small
    assert few.bpcer.value == 1.0
    assert {each.worst for each in found.differentials} == {"b"}
    assert all(math.isnan(each.worst_to_best) for each in found.differentials)  # group a made no error


def test_with_one_ranked_group_nothing_is_compared() -> None:
    found = fairness(grouped({"a": (4, 40, 4, 40), "few": (1, 5, 1, 5)}), "age", 0.0)
    assert found.differentials == ()
    assert math.isnan(found.fdr)
    assert differential("BPCER", {"a": Rate(1, 40)}) is None


def test_presentations_without_a_value_form_no_group_and_non_responses_are_no_errors(tiny: Draw) -> None:
    scores = tiny([1.0, float("nan"), -1.0], ["", "", ""], age=["old", "old", ""])
    (group,) = fairness(scores, "age", 0.0).groups
    assert (group.bpcer.errors, group.bpcer.trials) == (0, 2)


def test_unknown_and_empty_attributes_are_refused(tiny: Draw) -> None:
    with pytest.raises(InputError, match="has no column 'age'"):
        fairness(tiny([1.0], [""]), "age", 0.0)
    with pytest.raises(InputError, match="no presentation has a value in column 'age'"):
        fairness(tiny([1.0], [""], age=[""]), "age", 0.0)


def test_gini_by_definition() -> None:
    x = np.array([0.1, 0.2, 0.4, 0.7])
    pairs = sum(abs(a - b) for a in x for b in x)
    assert gini(list(x)) == pytest.approx(4 / 3 * pairs / (2 * 16 * x.mean()))
    assert gini([0.0, 0.0]) == 0.0
    assert gini([0.0, 0.3]) == pytest.approx(1.0)
    with pytest.raises(InputError, match="at least 2"):
        gini([0.1])
