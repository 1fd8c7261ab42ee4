"""Published results, reproduced from published score files; skipped where the files are not."""

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from antispoof.evaluation import metrics
from antispoof.evaluation.tandem import VerificationScores, min_t_dcf_2019

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "scores"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the published score files are not here")

Scores = NDArray[np.float64]


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


def test_lfcc_gmm_on_asvspoof_2019_la(verification: VerificationScores) -> None:
    from scipy.io import loadmat

    scores = loadmat(FOLDER / "lfcc_gmm" / "eval.mat")["scores_eval"].ravel()
    genuine = np.array([row[-1] == "bonafide" for row in rows("asvspoof2019_la/cm_protocol_eval.txt")])
    assert f"{100 * metrics.d_eer(scores[genuine], scores[~genuine]).value:.4f}" == "3.5056"
    assert f"{min_t_dcf_2019(scores[genuine], scores[~genuine], verification):.6f}" == "0.093442"


def test_the_verification_system_of_asvspoof_2019_la(verification: VerificationScores) -> None:
    assert f"{100 * verification.equal_error_rate().value:.4f}" == "2.4578"


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
