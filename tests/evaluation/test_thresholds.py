from collections.abc import Callable

import pytest

from antispoof.errors import InputError
from antispoof.evaluation import metrics
from antispoof.evaluation.scores import ScoreSet
from antispoof.evaluation.thresholds import Rule, by_species

Draw = Callable[..., ScoreSet]


@pytest.mark.parametrize(
    ("text", "kind", "value", "shown"),
    [
        ("APCER<=1%", "apcer", 0.01, "APCER ≤ 1 %"),
        (" apcer ≤ 0.5 % ", "apcer", 0.005, "APCER ≤ 0.5 %"),
        ("BPCER<=0.05", "bpcer", 0.05, "BPCER ≤ 5 %"),
        ("eer", "eer", 0.0, "EER"),
        ("threshold=-1.5e3", "threshold", -1500.0, "threshold = -1500"),
    ],
)
def test_rules_are_read_and_written(text: str, kind: str, value: float, shown: str) -> None:
    rule = Rule.parse(text)
    assert (rule.kind, rule.value, str(rule)) == (kind, value, shown)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not understood; write 'APCER<=1%'"),
        ("APCER=1%", "is not understood"),
        ("APCER<=1", "write 'APCER<=1%' for per cent"),
        ("BPCER<=500%", "a rate is at most 1"),
        ("threshold=nan", "must be a finite number"),
        ("threshold=high", "must be a finite number"),
    ],
)
def test_what_is_no_rule_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Rule.parse(text)


def test_a_rule_keeps_its_promise_on_the_data_it_was_set_on(draw: Draw) -> None:
    scores = draw()
    for rate in (0.0, 0.01, 0.05, 0.2):
        point = Rule("apcer", rate).fit(scores)
        assert metrics.max_apcer(by_species(scores), point.threshold) <= rate
        point = Rule("bpcer", rate).fit(scores)
        assert metrics.bpcer(scores.bona_fide, point.threshold) <= rate
    assert Rule("eer").fit(scores).threshold == metrics.d_eer(scores.bona_fide, scores.attack).threshold
    assert Rule("eer").fit(scores).source == "scores"
    assert Rule("threshold", 0.5).fit(scores).source == ""


def test_a_rule_needs_the_class_it_watches(tiny: Draw) -> None:
    with pytest.raises(InputError, match=r"no attack presentation has one.*--at threshold="):
        Rule("eer").fit(tiny([1.0, 2.0], ["", ""]))
    with pytest.raises(InputError, match="no bona fide presentation has one"):
        Rule("bpcer", 0.1).fit(tiny([float("nan"), 2.0], ["", "print"]))
