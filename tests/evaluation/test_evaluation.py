import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antispoof.errors import InputError
from antispoof.evaluation import evaluate, metrics
from antispoof.evaluation.calibration_quality import cllr
from antispoof.evaluation.clustering import Clustering
from antispoof.evaluation.detection_cost import act_dcf, min_dcf
from antispoof.evaluation.error_rates import ErrorRates
from antispoof.evaluation.scores import ScoreSet
from antispoof.evaluation.thresholds import by_species

Draw = Callable[..., ScoreSet]
NAN = float("nan")

rows = st.lists(
    st.tuples(
        st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, NAN]),
        st.sampled_from(["bona_fide", "print", "mask"]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=25,
)


def a_set(drawn: list[tuple[float, str, int]]) -> ScoreSet:
    return ScoreSet.from_columns(
        [str(k) for k in range(len(drawn))],
        [row[0] for row in drawn],
        [row[1] for row in drawn],
        subject=[f"s{row[2]}" for row in drawn],
    )


def call(scores: ScoreSet, weights: np.ndarray | None = None) -> dict[str, float]:
    assert scores.subject is not None
    compute = ErrorRates(scores, 0.5, 0.0, scores.subject.codes)
    found = compute(np.ones(len(scores.subject.names), np.int32) if weights is None else weights)
    return dict(zip(compute.names, found.tolist(), strict=True))


@given(rows)
def test_a_species_alone_has_the_equal_error_rate_of_its_scores(drawn: list[tuple[float, str, int]]) -> None:
    scores = a_set(drawn)
    bona_fide, species = scores.bona_fide, by_species(scores)
    for kind in evaluate(scores, at="threshold=0.5", resamples=0).species:
        if kind.name in species and len(bona_fide):
            assert kind.d_eer == metrics.d_eer(bona_fide, species[kind.name]).value
        else:
            assert math.isnan(kind.d_eer)


@given(rows)
def test_figures_equal_the_pure_functions(drawn: list[tuple[float, str, int]]) -> None:
    scores = a_set(drawn)
    found = call(scores)
    bona_fide, attack, species = scores.bona_fide, scores.attack, by_species(scores)
    presented = {"print": 0, "mask": 0, "bona_fide": 0}
    for _, kind, _ in drawn:
        presented[kind] += 1
    for kind in scores.pai_species.names:
        passed = sum(score >= 0.5 for score, each, _ in drawn if each == kind)
        assert found[f"apcer:{kind}"] == pytest.approx(passed / presented[kind])
    if not len(bona_fide) or not len(attack):
        assert math.isnan(found["auc"])
        return
    expected = {
        "auc": metrics.auc(bona_fide, attack),
        "d_eer": metrics.d_eer(bona_fide, attack).value,
        "bpcer10": metrics.bpcer_at_apcer(bona_fide, species, 0.1),
        "bpcer20": metrics.bpcer_at_apcer(bona_fide, species, 0.05),
        "bpcer100": metrics.bpcer_at_apcer(bona_fide, species, 0.01),
        "tpr_at_fpr_1e-2": metrics.tpr_at_fpr(bona_fide, attack, 1e-2),
        "min_dcf": min_dcf(bona_fide, attack),
        "act_dcf": act_dcf(bona_fide, attack),
        "cllr": cllr(bona_fide, attack),
    }
    if scores.is_response.all():
        expected |= {
            "max_apcer": metrics.max_apcer(species, 0.5),
            "bpcer": metrics.bpcer(bona_fide, 0.5),
            "far": metrics.far(attack, 0.5),
            "frr": metrics.frr(bona_fide, 0.5),
            "hter": metrics.hter(bona_fide, attack, 0.0),
        }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12, nan_ok=True)


@given(rows, st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_weights_count_subjects_as_copies(drawn: list[tuple[float, str, int]], times: list[int]) -> None:
    scores = a_set(drawn)
    assert scores.subject is not None
    weights = np.array([times[int(name[1:])] for name in scores.subject.names], np.int32)
    copies = [row for row in drawn for _ in range(times[row[2]])]
    found = call(scores, weights)
    if not copies:
        assert math.isnan(found["bpcer"])
        return
    expected = call(a_set(copies))
    # Whether a rate may be shown at all is decided by the attacks that were presented, not by a resample.
    compared = [name for name in expected if not name.startswith("tpr")]
    found = {name: found.get(name, NAN) for name in compared}
    assert found == pytest.approx({name: expected[name] for name in compared}, abs=1e-12, nan_ok=True)


def test_clusters_are_subjects_and_the_unknown_stand_alone(tiny: Draw) -> None:
    scores = tiny([1.0] * 5, ["print"] * 5, subject=["a", "", "b", "a", ""])
    clustering = Clustering.of(scores)
    codes = clustering.numbers()
    assert clustering.count == 4
    assert codes[0] == codes[3]
    assert len(set(codes.tolist())) == 4
    assert clustering.remarks[1] == "2 presentations have no subject: each is resampled by itself."


def test_the_threshold_comes_from_dev_and_is_applied_unchanged(draw: Draw) -> None:
    dev, test = draw(seed=1, name="dev"), draw(seed=2, name="test")
    result = evaluate(test, dev=dev, at="APCER<=5%", resamples=20)
    expected = metrics.threshold_at_apcer(dev.bona_fide, by_species(dev), 0.05)
    assert result.operating_point.threshold == expected
    assert result.operating_point.source == "dev"
    assert not result.threshold_is_fitted_here
    assert result.bona_fide.errors.value == metrics.bpcer(test.bona_fide, expected)
    eer = metrics.d_eer(dev.bona_fide, dev.attack).threshold
    assert result.figures["hter"].value == pytest.approx(metrics.hter(test.bona_fide, test.attack, eer))


def test_a_threshold_set_on_the_judged_scores_is_called_descriptive(draw: Draw) -> None:
    result = evaluate(draw(), resamples=0)
    assert result.threshold_is_fitted_here
    assert any("descriptive" in warning for warning in result.warnings)
    assert math.isnan(result.figures["hter"].value)
    assert result.figures["hter"].note == "needs a development set"
    given_one = evaluate(draw(), at="threshold=0.5", resamples=0)
    assert not given_one.threshold_is_fitted_here
    assert not any("descriptive" in warning for warning in given_one.warnings)


def test_species_are_ranked_worst_first_and_counted(draw: Draw) -> None:
    result = evaluate(draw(), at="threshold=-1", resamples=50)
    assert [kind.name for kind in result.species] == ["mask", "print"]
    assert result.worst is result.species[0]
    assert result.figures["max_apcer"].value == result.species[0].errors.value
    assert result.species[0].clustered.low < result.species[0].errors.value < result.species[0].clustered.high
    assert result.bona_fide.subjects == 15


def test_intervals_by_subject_are_wider_when_presentations_of_a_subject_agree() -> None:
    random = np.random.default_rng(0)
    of = np.repeat(np.arange(20), 20)
    scores = random.normal(size=20)[of] + 0.05 * random.normal(size=400) + np.tile([1.0, -1.0], 200)
    labels = ["bona_fide", "print"] * 200
    subjects = [f"s{k}" for k in of]
    given = ScoreSet.from_columns([str(k) for k in range(400)], scores, labels, subject=subjects)
    by_subject = evaluate(given, resamples=300).figures["auc"].interval
    alone = evaluate(dataclasses.replace(given, subject=None), resamples=300).figures["auc"].interval
    assert by_subject.high - by_subject.low > 1.5 * (alone.high - alone.low)


def test_non_responses_stay_in_the_denominator_and_out_of_the_curves(tiny: Draw) -> None:
    scores = tiny([1.0, NAN, -1.0, 1.0, NAN, NAN], ["", "", "", "print", "print", "print"])
    result = evaluate(scores, at="threshold=0", resamples=0)
    assert (result.bona_fide.errors.errors, result.bona_fide.errors.trials) == (1, 3)
    assert (result.species[0].errors.errors, result.species[0].errors.trials) == (1, 3)
    assert result.species[0].non_responses.value == pytest.approx(2 / 3)
    assert result.curve is not None
    assert (result.curve.bona_fide_count, result.curve.attack_count) == (2, 1)
    assert any("3 of 6 presentations got no response" in warning for warning in result.warnings)


def test_reversed_scores_are_suspected(draw: Draw) -> None:
    scores = draw()
    reversed_scores = dataclasses.replace(scores, scores=-scores.scores)
    assert any("are higher scores bona fide?" in w for w in evaluate(reversed_scores, resamples=0).warnings)
    assert not any("are higher scores" in w for w in evaluate(scores, resamples=0).warnings)
    unlucky = ScoreSet.from_columns(["a", "b", "c"], [0.0, 1.0, 2.0], ["", "print", "print"])
    assert not any("are higher scores" in w for w in evaluate(unlucky, resamples=0).warnings)


def test_simulated_data_is_said_to_be(draw: Draw) -> None:
    result = evaluate(draw(simulated=True), resamples=0)
    assert any("120 of 240 presentations were simulated" in warning for warning in result.warnings)
    assert [kind.simulated for kind in result.species] == [40, 80]
    dev = draw(seed=3, name="dev", simulated=True)
    warnings = evaluate(draw(), dev=dev, resamples=0).warnings
    assert any("120 presentations that set the threshold were simulated" in warning for warning in warnings)


def test_a_leak_between_dev_and_test_is_told(draw: Draw) -> None:
    warnings = evaluate(draw(), dev=draw(), resamples=0).warnings
    assert any("240 ids are in the development set and in the test set" in warning for warning in warnings)
    assert any(
        "15 subjects are in the development set and in the test set" in warning for warning in warnings
    )


@pytest.mark.parametrize(
    ("scores", "species", "warning", "note"),
    [
        ([1.0, -1.0], ["", ""], "No attack presentation", "no attack was presented"),
        ([1.0, -1.0], ["print", "print"], "No bona fide presentation", "no bona fide was presented"),
        ([NAN, NAN], ["", "print"], "Every presentation is a non-response", "a class got no response at all"),
    ],
)
def test_degenerate_sets_have_a_stated_answer(
    tiny: Draw, scores: list[float], species: list[str], warning: str, note: str
) -> None:
    result = evaluate(tiny(scores, species), at="threshold=0", resamples=20)
    assert any(each.startswith(warning) for each in result.warnings)
    assert math.isnan(result.figures["d_eer"].value)
    assert result.figures["d_eer"].note == note
    assert result.curve is None
    assert result.calibration is None
    with pytest.raises(InputError, match="--at threshold="):
        evaluate(tiny(scores, species), at="EER")


def test_what_rests_on_too_little_says_so(tiny: Draw) -> None:
    scores = tiny([2.0, 3.0, -1.0, -2.0], ["", "", "print", "print"], subject=["a", "b", "a", "b"])
    result = evaluate(scores, resamples=50)
    assert result.figures["tpr_at_fpr_1e-2"].note == "refused: 2 attacks, needs 100"
    assert result.figures["bpcer100"].note == "few attacks: none of print may pass"
    assert any("Fewer than 30 presentations of print" in warning for warning in result.warnings)
    assert any("Only 2 values of subject" in warning for warning in result.warnings)
    # No resample errs, which is no proof that none ever will: the bootstrap keeps silent.
    assert math.isnan(result.figures["d_eer"].interval.low)


def test_groups_are_found_by_themselves_or_named(draw: Draw) -> None:
    assert [found.attribute for found in evaluate(draw(), resamples=0).fairness] == ["gender"]
    assert evaluate(draw(), by=(), resamples=0).fairness == ()
    assert [found.attribute for found in evaluate(draw(), by=["subject"], resamples=0).fairness] == [
        "subject"
    ]
    with pytest.raises(InputError, match="no column 'age'"):
        evaluate(draw(), by=["age"], resamples=0)


def test_every_resample_is_counted_and_reproducible(draw: Draw) -> None:
    ticks: list[int] = []
    first = evaluate(draw(), resamples=30, tick=lambda: ticks.append(1))
    assert len(ticks) == 30
    assert first.figures["auc"] == evaluate(draw(), resamples=30).figures["auc"]
    assert first.figures["auc"] != evaluate(draw(), resamples=30, seed=1).figures["auc"]
    with pytest.raises(InputError, match="resamples must be at least 0"):
        evaluate(draw(), resamples=-1)


def test_part_of_a_set_is_judged_without_the_species_it_lacks(draw: Draw) -> None:
    scores = draw()
    part = scores.take(scores.pai_species.codes != 1)
    result = evaluate(part, resamples=20)
    assert [kind.name for kind in result.species] == ["print"]
    assert result.figures["max_apcer"].value == result.species[0].errors.value


def test_resampling_changes_no_figure(draw: Draw) -> None:
    scores, dev = draw(), draw(seed=4, name="dev")
    with_, without = (evaluate(scores, dev=dev, resamples=n).figures for n in (20, 0))
    assert {name: f.value for name, f in with_.items()} == pytest.approx(
        {name: f.value for name, f in without.items()}, nan_ok=True
    )
