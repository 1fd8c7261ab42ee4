from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.evaluation import tandem
from antispoof.evaluation.full_system import full_system
from antispoof.evaluation.scores import ScoreSet
from antispoof.evaluation.tandem import TandemCost, VerificationScores

Draw = Callable[..., ScoreSet]

Scores = NDArray[np.float64]
few = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=12).map(np.array)

# Worked by hand. Detector: t = 0.3 gives BPCER 0, APCER 1/2; t = 0.5 gives 1/4, 1/4; above 0.7 gives 1/2, 0.
BONA_FIDE, ATTACK = np.array([0.3, 0.6, 0.8, 0.9]), np.array([0.1, 0.2, 0.4, 0.7])
# Verification: the EER is 1/4 at 2.0. At 1.0, the next score below, P_miss = 0, P_fa = 1/4, half the spoofs.
VERIFICATION = VerificationScores(
    target=np.array([1.0, 2.0, 3.0, 4.0]),
    nontarget=np.array([-1.0, 0.0, 0.5, 2.5]),
    spoof=np.array([0.0, 1.5, -1.0, 3.0]),
)


def test_the_verification_system_stands_just_below_its_eer_threshold() -> None:
    assert VERIFICATION.equal_error_rate().value == 0.25
    assert VERIFICATION.equal_error_rate().threshold == 2.0
    # Spoof scores have no say: the next lower target or nontarget score is 1.0.
    assert VERIFICATION.threshold() == 1.0


def test_t_dcf_2019_by_hand() -> None:
    # At 1.0: P_miss 0, P_fa 1/4, spoofs accepted 1/2.
    c1 = 0.9405 * (1 - 0) - 0.0095 * 10 * 0.25
    c2 = 10 * 0.05 * 0.5
    candidates = [c1 * b + c2 * a for b, a in ((0, 0.5), (0.25, 0.25), (0.5, 0), (0, 0.75), (0, 1), (1, 0))]
    found = tandem.min_t_dcf_2019(BONA_FIDE, ATTACK, VERIFICATION)
    assert found == pytest.approx(min(candidates) / min(c1, c2))


def test_t_dcf_of_asvspoof_5_by_hand() -> None:
    c0 = 0.9405 * 0 + 0.0095 * 10 * 0.25
    c1 = 0.9405 - c0
    c2 = 0.05 * 10 * 0.5
    candidates = [c1 * b + c2 * a for b, a in ((0, 0.5), (0.25, 0.25), (0.5, 0), (0, 0.75), (0, 1), (1, 0))]
    found = tandem.min_t_dcf_asvspoof5(BONA_FIDE, ATTACK, VERIFICATION)
    assert found == pytest.approx((c0 + min(candidates)) / (c0 + min(c1, c2)))


def test_a_dcf_by_hand() -> None:
    # t = 3: misses 1 of 2, accepts no nontarget, no spoof: 0.45. t = 2: no miss, 1 spoof of 2: 0.5.
    found = tandem.min_a_dcf([2.0, 3.0], [0.0], [2.5, 0.0])
    assert found == pytest.approx(0.45 / 0.9)
    assert tandem.min_a_dcf([2.0], [0.0], [1.0]) == 0.0
    assert tandem.min_a_dcf([0.0], [1.0], [1.0]) == 1.0


@given(few, few, few)
def test_a_dcf_equals_trying_every_threshold(target: Scores, nontarget: Scores, spoof: Scores) -> None:
    costs = [
        0.9 * np.mean(target < t) + 0.5 * np.mean(nontarget >= t) + 1.0 * np.mean(spoof >= t)
        for t in [*target, *nontarget, *spoof, np.inf]
    ]
    assert tandem.min_a_dcf(target, nontarget, spoof) == pytest.approx(min(costs) / 0.9)


def brute_t_eer(bona_fide: Scores, attack: Scores, asv: VerificationScores) -> set[float]:
    """Follow the definition point by point; ties may leave several answers."""
    found: list[tuple[float, float]] = []
    thresholds = [*sorted({*bona_fide, *attack}), np.inf]
    for s in sorted({*asv.target, *asv.nontarget, *asv.spoof}):
        path = []
        for t in thresholds:
            bpcer, apcer = np.mean(bona_fide < t), np.mean(attack >= t)
            miss = bpcer + (1 - bpcer) * np.mean(asv.target < s)
            three = miss, (1 - bpcer) * np.mean(asv.nontarget >= s), apcer * np.mean(asv.spoof >= s)
            path.append((abs(miss - (three[1] + three[2]) / 2), max(three) - min(three), sum(three) / 3))
        nearest = min(gap for gap, _, _ in path)
        found += [(spread, mean) for gap, spread, mean in path if gap < nearest + 1e-12]
    return {mean for _, mean in found}


@given(few, few, few, few, few)
@settings(max_examples=60)
def test_t_eer_lies_on_the_path_of_its_definition(
    b: Scores, a: Scores, t: Scores, n: Scores, s: Scores
) -> None:
    asv = VerificationScores(t, n, s)
    found = tandem.t_eer(b, a, asv)
    assert min(abs(found - each) for each in brute_t_eer(b, a, asv)) < 1e-9


def test_t_eer_by_hand_and_at_its_limits() -> None:
    perfect = VerificationScores(np.array([2.0, 3.0]), np.array([0.0, 1.0]), np.array([2.0, 3.0]))
    assert tandem.t_eer([1.0, 2.0], [-1.0, 0.0], perfect) == 0.0
    # A detector that tells nothing before a verification system that accepts every spoof: with both wide open
    # the rates are 0, 0 and 1; no thresholds bring the three together below one third.
    assert tandem.t_eer([1.0], [1.0], perfect) == pytest.approx(1 / 3)


def test_a_dense_case_meets_the_concurrent_point() -> None:
    random = np.random.default_rng(1)
    target, nontarget, spoof = (random.normal(mean, 1, 4000) for mean in (2.0, -2.0, 1.5))
    asv = VerificationScores(target, nontarget, spoof)
    bona_fide, attack = random.normal(1.5, 1, 4000), random.normal(-1.5, 1, 4000)
    value = tandem.t_eer(bona_fide, attack, asv)
    gaps = []
    for s, t in product(np.linspace(-2, 2, 81), np.linspace(-2, 2, 81)):
        bpcer = np.mean(bona_fide < t)
        miss = bpcer + (1 - bpcer) * np.mean(asv.target < s)
        three = (
            miss,
            (1 - bpcer) * np.mean(asv.nontarget >= s),
            np.mean(attack >= t) * np.mean(asv.spoof >= s),
        )
        gaps.append((max(three) - min(three), sum(three) / 3))
    assert value == pytest.approx(min(gaps)[1], abs=0.003)


def test_full_system_rates_join_by_id(tiny: Draw) -> None:
    scores = tiny([2.0, 2.0, -1.0, 3.0, 3.0, float("nan")], ["", "", "", "print", "print", "mask"])
    asv = VerificationScores(
        target=np.array([5.0, 1.0, 5.0]),
        nontarget=np.array([0.0, 0.5, 2.0]),
        spoof=np.array([5.0, 0.0, 5.0]),
        target_ids=("p0", "p1", "p2"),
        spoof_ids=("p3", "p4", "p5"),
    )
    found = full_system(scores, 0.0, asv)
    assert found.verification_threshold == 2.0
    assert (found.frr.errors, found.frr.trials) == (2, 3)  # p1 fails verification, p2 detection
    assert (found.iapar["print"].errors, found.iapar["print"].trials) == (1, 2)
    assert found.iapar["mask"].errors == 0  # a non-response is never accepted
    strict = full_system(scores, 0.0, asv, verification_threshold=6.0)
    assert (strict.frr.errors, strict.iapar["print"].errors) == (3, 0)
    assert found.riapar("print") == pytest.approx(1 + 1 / 2 - (1 - 2 / 3))


def test_ids_that_do_not_fit_are_refused(tiny: Draw) -> None:
    scores = tiny([1.0, 2.0], ["", "print"])
    some = np.array([1.0])
    with pytest.raises(InputError, match="carry no ids"):
        full_system(scores, 0.0, VERIFICATION)
    with pytest.raises(InputError, match="'other' is not in tiny"):
        full_system(scores, 0.0, VerificationScores(some, some, some, ("other",), ("p1",)))
    with pytest.raises(InputError, match="'p0' is a spoof trial, but the other class in tiny"):
        full_system(scores, 0.0, VerificationScores(some, some, some, ("p0",), ("p0",)))


def test_a_hopeless_verification_system_has_no_t_dcf() -> None:
    blind = VerificationScores(np.array([1.0]), np.array([0.0]), np.array([-5.0]))
    with pytest.raises(InputError, match="C2=0"):
        tandem.min_t_dcf_2019(BONA_FIDE, ATTACK, blind)


def test_priors_must_sum_to_one() -> None:
    with pytest.raises(InputError, match="priors must sum to 1"):
        TandemCost(pi_target=0.5)


def test_verification_files_are_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "asv.csv"
    path.write_text("id,score,trial\na,1,target\nb,0,Nontarget\nc,0.5,spoof\n")
    read = VerificationScores.read(path)
    assert (read.target.tolist(), read.nontarget.tolist(), read.spoof.tolist()) == ([1.0], [0.0], [0.5])
    assert (read.target_ids, read.spoof_ids) == (("a",), ("c",))
    for text, message in {
        "score,trial\n1,friend\n": "trial 'friend' is not one of target, nontarget, spoof",
        "score,trial\n1,target\n": "nontarget scores must be one-dimensional and hold at least one",
        "score,trial\nx,target\n": "must be a number",
        "score\n1\n": "no column 'trial'",
    }.items():
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            VerificationScores.read(path)
    with pytest.raises(InputError, match="does not exist"):
        VerificationScores.read(tmp_path / "absent.csv")
