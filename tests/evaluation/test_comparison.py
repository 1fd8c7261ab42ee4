import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from antispoof.errors import InputError
from antispoof.evaluation import compare, cross_dataset, evaluate
from antispoof.evaluation.confidence import sign_test
from antispoof.evaluation.matrix import NO_RATE
from antispoof.evaluation.scores import ScoreSet

Draw = Callable[..., ScoreSet]


def noisier(scores: ScoreSet, by: float = 2.0) -> ScoreSet:
    noise = np.random.default_rng(9).normal(size=len(scores)) * by
    return dataclasses.replace(scores, scores=scores.scores + noise)


def test_each_system_scores_what_it_scores_alone(draw: Draw) -> None:
    good, bad = draw(), noisier(draw())
    result = compare({"good": good, "bad": bad}, at="threshold=0", resamples=50)
    for system, scores in zip(result.systems, (good, bad), strict=True):
        alone = evaluate(scores, at="threshold=0", resamples=50).figures
        for name in ("d_eer", "auc", "max_apcer", "bpcer20"):
            assert system.figures[name].value == alone[name].value
            assert system.figures[name].interval.high == pytest.approx(alone[name].interval.high)
    assert result.systems[0].differences == {}
    difference = result.systems[1].differences["d_eer"]
    assert (
        difference.value
        == result.systems[1].figures["d_eer"].value - result.systems[0].figures["d_eer"].value
    )
    assert difference.interval.low > 0


def test_a_system_does_not_differ_from_itself(draw: Draw) -> None:
    result = compare({"a": draw(), "b": draw()}, resamples=50)
    interval = result.systems[1].differences["auc"].interval
    assert (interval.low, interval.high) == (0.0, 0.0)
    assert result.disagreements == ()


def test_pairing_is_by_id_whatever_the_order(draw: Draw) -> None:
    scores, other = draw(), noisier(draw())
    shuffled = other.take(np.random.default_rng(0).permutation(len(other)))
    straight = compare({"a": scores, "b": other}, resamples=20)
    crossed = compare({"a": scores, "b": shuffled}, resamples=20)
    assert straight.systems[1].differences["auc"] == crossed.systems[1].differences["auc"]
    assert straight.disagreements == crossed.disagreements


def test_paired_intervals_are_narrower_than_the_systems_own(draw: Draw) -> None:
    result = compare({"a": draw(), "b": noisier(draw(), by=0.1)}, resamples=300)
    own, paired = result.systems[1].figures["auc"].interval, result.systems[1].differences["auc"].interval
    assert paired.high - paired.low < (own.high - own.low) / 2


def test_the_baseline_can_be_named_and_stands_first(draw: Draw) -> None:
    result = compare({"a": draw(), "b": noisier(draw())}, baseline="b", resamples=0)
    assert [system.name for system in result.systems] == ["b", "a"]
    assert math.isnan(result.systems[1].differences["auc"].interval.low)


def test_each_system_keeps_its_own_dev_threshold(draw: Draw) -> None:
    dev = {"a": draw(seed=5, name="dev-a"), "b": draw(seed=6, name="dev-b")}
    result = compare({"a": draw(), "b": noisier(draw())}, dev=dev, at="BPCER<=5%", resamples=0)
    assert [system.operating_point.source for system in result.systems] == ["dev-a", "dev-b"]
    assert not math.isnan(result.systems[1].figures["hter"].value)


def test_where_two_systems_disagree_is_told_worst_first(tiny: Draw) -> None:
    species = [""] * 40 + ["print"] * 40 + ["mask"] * 40
    gender = ["f", "m"] * 60
    good = tiny([1.0] * 40 + [-1.0] * 80, species, gender=gender)
    bad = tiny([1.0] * 40 + [-1.0] * 40 + [1.0] * 30 + [-1.0] * 10, species)
    first, *_ = compare({"good": good, "bad": bad}, at="threshold=0", resamples=0).disagreements
    assert (first.system, first.group) == ("bad", "attacks: mask")
    assert (first.differing.errors, first.differing.trials) == (30, 40)
    assert (first.only_system_right, first.only_baseline_right) == (0, 30)
    assert first.p_value == pytest.approx(2 * 0.5**30)
    groups = {
        each.group for each in compare({"a": good, "b": bad}, at="threshold=0", resamples=0).disagreements
    }
    assert groups == {"attacks: mask", "attacks, gender = f", "attacks, gender = m"}


def test_what_one_file_knows_of_a_presentation_holds_for_all(draw: Draw) -> None:
    known = draw(simulated=True)
    bare = ScoreSet.from_columns(known.ids.tolist(), known.scores, known.pai_species.decode())
    result = compare({"bare": bare, "known": known}, resamples=10)
    assert result.cluster == "subject"
    assert any("120 of 240 presentations were simulated" in warning for warning in result.warnings)
    assert "gender" in result.scores.attributes


def test_sign_test_equals_scipy() -> None:
    from scipy.stats import binomtest

    for wins, losses in [(0, 0), (1, 0), (3, 9), (9, 3), (5, 5), (400, 470), (0, 60)]:
        expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
        assert sign_test(wins, losses) == pytest.approx(expected, rel=1e-9)


def test_systems_that_cannot_be_compared_are_refused(draw: Draw, tiny: Draw) -> None:
    scores = draw()
    some = scores.take(np.arange(200))
    with pytest.raises(InputError, match="at least two"):
        compare({"a": scores})
    with pytest.raises(InputError, match="baseline 'c' is not among the systems: a, b"):
        compare({"a": scores, "b": scores}, baseline="c")
    with pytest.raises(InputError, match="b lacks 40 presentations of a, the first is 'scores-200'"):
        compare({"a": scores, "b": some})
    with pytest.raises(InputError, match="a lacks 40 presentations of b"):
        compare({"a": some, "b": scores})
    with pytest.raises(InputError, match="'p1' is print in a and mask in b"):
        compare({"a": tiny([1.0, 0.0], ["", "print"]), "b": tiny([1.0, 0.0], ["", "mask"])})
    with pytest.raises(InputError, match="one score set for each system"):
        compare({"a": scores, "b": scores}, dev={"a": scores})
    with pytest.raises(InputError, match="needs scores of bona fide and of attack"):
        compare({"a": tiny([1.0], [""]), "b": tiny([1.0], [""])}, at="threshold=0")


@pytest.fixture
def manifest(tmp_path: Path, draw: Draw) -> Path:
    lines = ["train,test,scores,dev"]
    for k, (train, test) in enumerate([("X", "X"), ("X", "Y"), ("Y", "X"), ("Y", "Z")]):
        noisier(draw(seed=k), by=float(k)).write(tmp_path / f"{train}{test}.csv")
        draw(seed=10 + k, name="dev").write(tmp_path / f"{train}{test}-dev.csv")
        lines.append(f"{train},{test},{train}{test}.csv,{train}{test}-dev.csv")
    path = tmp_path / "manifest.csv"
    path.write_text("\n".join(lines))
    return path


def test_the_matrix_holds_what_each_file_scores(manifest: Path) -> None:
    matrix = cross_dataset(manifest, resamples=0)
    assert matrix.figure == "hter"
    assert (matrix.train, matrix.test) == (("X", "Y"), ("X", "Y", "Z"))
    alone = evaluate(
        ScoreSet.read(manifest.parent / "XY.csv"),
        dev=ScoreSet.read(manifest.parent / "XY-dev.csv"),
        resamples=0,
    )
    assert matrix.cells["X", "Y"].value == alone.figures["hter"].value
    assert matrix.overall is not None
    unseen = [matrix.cells[pair].value for pair in (("X", "Y"), ("Y", "X"), ("Y", "Z"))]
    assert matrix.overall.mean == pytest.approx(np.mean(unseen))
    assert matrix.overall.worst == max(unseen)
    assert matrix.rows["X"].mean == unseen[0]
    best = cross_dataset(manifest, figure="auc", resamples=0)
    assert best.overall is not None
    assert best.overall.worst == min(best.cells[pair].value for pair in best.cells if pair[0] != pair[1])


def test_broken_manifests_are_refused(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="figure 'speed' is unknown; choose one of max_apcer"):
        cross_dataset(manifest, figure="speed")
    with pytest.raises(InputError, match="does not exist"):
        cross_dataset(tmp_path / "absent.csv")
    broken = tmp_path / "broken.csv"
    broken.write_text("train,test,scores\nX,Y,XY.csv\nX,Y,XY.csv\n")
    with pytest.raises(InputError, match="X → Y appears twice"):
        cross_dataset(broken, resamples=0)
    with pytest.raises(InputError, match="HTER of X → Y is undefined: needs a development set"):
        cross_dataset(broken, figure="hter", resamples=0)
    broken.write_text("train,test,scores\nX,Y,absent.csv\n")
    with pytest.raises(InputError, match=r"absent\.csv' does not exist"):
        cross_dataset(broken)


def test_a_pair_of_too_few_for_a_rate_is_in_no_mean(tmp_path: Path, draw: Draw) -> None:
    """One bona fide clip is wrong or right: no rate comes of that."""
    draw(seed=1).write(tmp_path / "whole.csv")
    draw(seed=2, bona_fide=1).write(tmp_path / "one.csv")
    path = tmp_path / "m.csv"
    path.write_text("train,test,scores\nX,Y,whole.csv\nX,Z,one.csv\nW,Z,one.csv\n")
    found = cross_dataset(path, resamples=0)
    assert found.cells["X", "Z"].note == NO_RATE
    assert found.overall is not None
    assert found.overall.mean == found.rows["X"].mean == found.cells["X", "Y"].value
    assert "W" not in found.rows
    (warning,) = found.warnings
    assert "2 of 3 pairs hold fewer than 4 presentations of a class (X → Z: 1, W → Z: 1)" in warning
    path.write_text("train,test,scores\nX,Z,one.csv\n")
    assert cross_dataset(path, resamples=0).overall is None
    draw(seed=3, species={}).write(tmp_path / "one.csv")
    with pytest.raises(InputError, match=r"m\.csv: X → Z: one: the rule EER cannot set a threshold"):
        cross_dataset(path, resamples=0)
