"""Published results: from small tables derived of published score files, and from these files where they are.

A table says how many presentations of each class score below some thresholds, those that decide among them;
see `oracles/derive.py`. Scores are made again from it: with every threshold that decides, all is the same.
"""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from antispoof.evaluation import metrics
from antispoof.evaluation.calibration_quality import cllr, min_cllr
from antispoof.evaluation.confidence import clopper_pearson, student_quantile
from antispoof.evaluation.detection_cost import min_dcf
from antispoof.evaluation.tandem import VerificationScores, min_t_dcf_2019

ORACLES = Path(__file__).parent / "oracles"
FOLDER = Path(__file__).parents[3] / "shared" / "data" / "scores"
published_files = pytest.mark.skipif(not FOLDER.is_dir(), reason="the published score files are not here")

Scores = NDArray[np.float64]


def oracle(name: str) -> dict[str, Any]:
    return dict(json.loads((ORACLES / f"{name}.json").read_text(encoding="utf-8")))


def scores_of(table: dict[str, Any]) -> list[Scores]:
    """Make scores of each class that lie where the table counts them: between thresholds 0, 1, 2 …"""
    return [
        np.repeat(np.arange(len(steps), dtype=float), steps) for steps in np.diff(table["rejected"], axis=0).T
    ]


@pytest.mark.parametrize("name", ["air_softmax", "air_amsoftmax", "air_ocsoftmax", "lfcc_gmm"])
def test_systems_on_asvspoof_2019_la(name: str) -> None:
    table = oracle(name)
    bona_fide, attack = scores_of(table)
    assert (len(bona_fide), len(attack)) == (7355, 63882)
    verification = VerificationScores(*scores_of(oracle("asvspoof2019_la_asv")))
    found = {
        "eer_percent": f"{100 * metrics.d_eer(bona_fide, attack).value:.4f}",
        "min_t_dcf_2019": f"{min_t_dcf_2019(bona_fide, attack, verification):.6f}",
    }
    assert found == table["published"]


def test_the_verification_system_of_asvspoof_2019() -> None:
    table = oracle("asvspoof2019_la_asv")
    verification = VerificationScores(*scores_of(table))
    assert f"{100 * verification.equal_error_rate().value:.4f}" == table["published"]["asv_eer_percent"]


def test_dermalog_at_livdet_iris_2025() -> None:
    table = oracle("livdet_iris_2025_dermalog")
    bona_fide, attack = scores_of(table)
    assert (len(bona_fide), len(attack)) == (15_684, 21_320)
    threshold = table["rejected"].index(table["at_threshold"])
    found = {
        "apcer": f"{metrics.apcer(attack, threshold):.4f}",
        "bpcer": f"{metrics.bpcer(bona_fide, threshold):.4f}",
        "auc": f"{metrics.auc(bona_fide, attack):.4f}",
    }
    assert found == table["published"]


@pytest.mark.parametrize("drawn", oracle("synthetic")["sets"], ids=["large", "uneven", "small"])
def test_values_of_scipy_and_scikit_learn(drawn: dict[str, Any]) -> None:
    bona_fide, attack = drawn.pop("bona_fide"), drawn.pop("attack")
    passed = sum(score >= 0 for score in attack)
    interval = clopper_pearson(passed, len(attack))
    found = {
        "auc": metrics.auc(bona_fide, attack),
        "d_eer": metrics.d_eer(bona_fide, attack).value,
        "bpcer_at_0": metrics.bpcer(bona_fide, 0),
        "apcer_at_0": metrics.apcer(attack, 0),
        "apcer_interval": pytest.approx([interval.low, interval.high], abs=1e-12),
        "min_dcf": min_dcf(bona_fide, attack),
        "cllr": cllr(bona_fide, attack),
        "min_cllr": min_cllr(bona_fide, attack),
        "u": metrics.auc(bona_fide, attack) * len(bona_fide) * len(attack),
    }
    assert drawn.pop("apcer_interval") == found.pop("apcer_interval")
    assert found == pytest.approx(drawn, abs=1e-9)


def test_student_quantiles_of_scipy() -> None:
    for probability, degrees, expected in oracle("synthetic")["student_quantiles"]:
        assert student_quantile(probability, degrees) == pytest.approx(expected)


def rows(name: str, delimiter: str = " ") -> list[list[str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


@pytest.fixture(scope="module")
def verification() -> VerificationScores:
    trials = rows("asvspoof2019_la/asv_eval.txt")
    target, nontarget, spoof = (
        np.array([float(score) for _, each, score in trials if each == kind])
        for kind in ("target", "nontarget", "spoof")
    )
    return VerificationScores(target, nontarget, spoof)


def air(name: str, sign: int) -> tuple[Scores, Scores]:
    read = rows(f"air_asvspoof/{name}.txt")
    scores = sign * np.array([float(row[3]) for row in read])
    genuine = np.array([row[2] == "bonafide" for row in read])
    return scores[genuine], scores[~genuine]


@published_files
@pytest.mark.parametrize(
    ("name", "sign", "eer", "t_dcf"),
    [
        ("softmax", 1, "5.0578", "0.120837"),
        ("amsoftmax", 1, "3.1650", "0.077145"),
        ("ocsoftmax", -1, "2.1780", "0.055816"),  # higher means spoof in this file
    ],
)
def test_air_on_asvspoof_2019_la(
    verification: VerificationScores, name: str, sign: int, eer: str, t_dcf: str
) -> None:
    bona_fide, attack = air(name, sign)
    assert f"{100 * metrics.d_eer(bona_fide, attack).value:.4f}" == eer
    assert f"{min_t_dcf_2019(bona_fide, attack, verification):.6f}" == t_dcf


@published_files
def test_lfcc_gmm_on_asvspoof_2019_la(verification: VerificationScores) -> None:
    from scipy.io import loadmat

    scores = loadmat(FOLDER / "lfcc_gmm" / "eval.mat")["scores_eval"].ravel()
    genuine = np.array([row[-1] == "bonafide" for row in rows("asvspoof2019_la/cm_protocol_eval.txt")])
    assert f"{100 * metrics.d_eer(scores[genuine], scores[~genuine]).value:.4f}" == "3.5056"
    assert f"{min_t_dcf_2019(scores[genuine], scores[~genuine], verification):.6f}" == "0.093442"


@published_files
def test_the_verification_system_of_asvspoof_2019_la(verification: VerificationScores) -> None:
    assert f"{100 * verification.equal_error_rate().value:.4f}" == "2.4578"


@published_files
def test_livdet_iris_2025_dermalog() -> None:
    read = np.array(
        [[float(row[0]), float(row[1])] for row in rows("livdet_iris_2025/task1_dermalog_001.csv", ",")]
    )
    # In these files a higher score means attack, and the competition counts 0.5 itself as an attack.
    attack, bona_fide = -read[read[:, 0] == 1, 1], -read[read[:, 0] == 0, 1]
    threshold = np.nextafter(-0.5, np.inf)
    assert (len(bona_fide), len(attack)) == (15_684, 21_320)
    assert f"{metrics.apcer(attack, threshold):.4f}" == "0.1069"
    assert f"{metrics.bpcer(bona_fide, threshold):.4f}" == "0.2826"
    assert f"{metrics.auc(bona_fide, attack):.4f}" == "0.9057"
