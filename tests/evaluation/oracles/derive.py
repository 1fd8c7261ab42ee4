"""Derives the small tables beside it: `derive.py FOLDER`, the folder that holds the published score files.

Of each file points of the error curve are kept: how many presentations of each class score below a
threshold, at the thresholds that decide (about the equal error rate and on the convex hull, where every
minimum cost lies) and at some more. No score and no name of a file is kept. Published values are
written down, not computed; those of `synthetic.json` come from SciPy and scikit-learn.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
ASVSPOOF = "ASVspoof 2019 LA evaluation set"


def rejected(classes: list[NDArray[np.float64]], thresholds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Count for each threshold (K,) what scores below it, and add a row of everything: (K + 1, classes)."""
    below = [np.searchsorted(np.sort(scores), thresholds) for scores in classes]
    return np.column_stack([np.append(counts, len(s)) for counts, s in zip(below, classes, strict=True)])


def deciding(counts: NDArray[np.int64], more: int) -> NDArray[np.intp]:
    """Choose the rows about the equal error rate, on the convex hull, and ``more`` others."""
    shares = counts[:, :2] / counts[-1, :2]
    gap = np.abs(shares[:, 0] - (1 - shares[:, 1]))
    at = int(np.argmin(gap))
    kept = {0, len(counts) - 1, *range(max(0, at - 3), min(len(counts), at + 4))}
    hull: list[int] = []
    for k, (miss, found) in enumerate(shares):  # the upper left chain: few bona fide rejected, many attacks
        while len(hull) > 1:
            (x0, y0), (x1, y1) = shares[hull[-2]], shares[hull[-1]]
            if (x1 - x0) * (found - y0) - (y1 - y0) * (miss - x0) < 0:
                break
            hull.pop()
        hull.append(k)
    walked = np.abs(np.diff(shares, axis=0)).sum(axis=1).cumsum()
    kept |= set(hull) | set(np.searchsorted(walked, np.linspace(0, walked[-1], more)).tolist())
    return np.asarray(sorted(kept))


def table(classes: list[NDArray[np.float64]], more: int = 60, also: float | None = None) -> list[list[int]]:
    thresholds = np.unique(np.concatenate(classes[:2]))
    if also is not None:
        thresholds = np.union1d(thresholds, [also])
    counts = rejected(classes, thresholds)
    rows = deciding(counts, more)
    if also is not None:
        rows = np.union1d(rows, np.searchsorted(thresholds, also))
    return np.unique(counts[rows], axis=0).tolist()


def write(name: str, **content: Any) -> None:
    rows = content.pop("rejected")
    text = json.dumps(content, indent=1, ensure_ascii=False)[:-2]
    lines = ",\n  ".join(json.dumps(row) for row in rows)
    (HERE / f"{name}.json").write_text(f'{text},\n "rejected": [\n  {lines}\n ]\n}}\n', encoding="utf-8")


def asvspoof(folder: Path) -> None:
    def rows(name: str) -> list[list[str]]:
        with (folder / name).open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file, delimiter=" "))

    trials = rows("asvspoof2019_la/asv_eval.txt")
    classes = [np.array([float(t[2]) for t in trials if t[1] == k]) for k in ("target", "nontarget", "spoof")]
    write(
        "asvspoof2019_la_asv",
        source=f"ASV scores of the organisers, {ASVSPOOF} (Wang et al., Computer Speech & Language 2020)",
        classes=["target", "nontarget", "spoof"],
        published={"asv_eer_percent": "2.4578"},
        rejected=table(classes),
    )
    for name, sign, eer, t_dcf in (
        ("softmax", 1, "5.0578", "0.120837"),
        ("amsoftmax", 1, "3.1650", "0.077145"),
        ("ocsoftmax", -1, "2.1780", "0.055816"),  # higher means spoof in this file
    ):
        read = rows(f"air_asvspoof/{name}.txt")
        scores = sign * np.array([float(row[3]) for row in read])
        genuine = np.array([row[2] == "bonafide" for row in read])
        write(
            f"air_{name}",
            source=f"AIR-ASVspoof, {name}, {ASVSPOOF} (Zhang et al., IEEE Signal Processing Letters 2021)",
            classes=["bona fide", "attack"],
            published={"eer_percent": eer, "min_t_dcf_2019": t_dcf},
            rejected=table([scores[genuine], scores[~genuine]]),
        )
    from scipy.io import loadmat

    scores = loadmat(folder / "lfcc_gmm" / "eval.mat")["scores_eval"].ravel()
    genuine = np.array([row[-1] == "bonafide" for row in rows("asvspoof2019_la/cm_protocol_eval.txt")])
    write(
        "lfcc_gmm",
        source=f"an LFCC-GMM, {ASVSPOOF}",
        classes=["bona fide", "attack"],
        published={"eer_percent": "3.5056", "min_t_dcf_2019": "0.093442"},
        rejected=table([scores[genuine], scores[~genuine]]),
    )


def livdet(folder: Path) -> None:
    with (folder / "livdet_iris_2025/task1_dermalog_001.csv").open(encoding="utf-8", newline="") as file:
        read = np.array([[float(row[0]), float(row[1])] for row in csv.reader(file)])
    # Higher means attack in this file, and the competition counts 0.5 itself as an attack.
    classes = [-read[read[:, 0] == label, 1] for label in (0, 1)]
    threshold = float(np.nextafter(-0.5, np.inf))
    bona_fide, attack = rejected(classes, np.array([threshold]))[0].tolist()
    write(
        "livdet_iris_2025_dermalog",
        source="LivDet-Iris 2025, task 1, dermalog (IJCB 2025)",
        classes=["bona fide", "attack"],
        published={"apcer": "0.1069", "bpcer": "0.2826", "auc": "0.9057"},
        at_threshold=[bona_fide, attack],
        rejected=table(classes, 400, threshold),
    )


def synthetic() -> None:
    from scipy.stats import binomtest, mannwhitneyu, t
    from sklearn.isotonic import IsotonicRegression
    from sklearn.metrics import det_curve, log_loss, roc_auc_score

    sets = []
    for seed, (genuine, attacks) in enumerate(((40, 25), (15, 60), (7, 5))):
        random = np.random.default_rng(seed)
        scores = np.round(random.normal(np.repeat([1.2, -0.8], [genuine, attacks]), 1.5), 1)  # with ties
        labels = np.repeat([1, 0], [genuine, attacks])
        weights = np.where(labels == 1, 0.5 / genuine, 0.5 / attacks)
        fpr, fnr, _ = det_curve(labels, scores)
        fpr, fnr = np.append(fpr, 0.0), np.append(fnr, 1.0)
        gap = np.abs(fpr - fnr)
        means = ((fpr + fnr) / 2)[np.isclose(gap, gap.min(), atol=1e-12)]
        best = IsotonicRegression(y_min=0, y_max=1).fit_transform(scores, labels, sample_weight=weights)
        missed, passed = int((scores[labels == 1] < 0).sum()), int((scores[labels == 0] >= 0).sum())
        exact = binomtest(passed, attacks).proportion_ci(method="exact")
        ranks = mannwhitneyu(
            scores[labels == 1], scores[labels == 0], method="asymptotic", alternative="less"
        )
        sets.append(
            {
                "bona_fide": scores[labels == 1].tolist(),
                "attack": scores[labels == 0].tolist(),
                "auc": roc_auc_score(labels, scores),
                "d_eer": float(means.max()),
                "bpcer_at_0": missed / genuine,
                "apcer_at_0": passed / attacks,
                "apcer_interval": [float(exact.low), float(exact.high)],
                "min_dcf": float((0.95 * fnr + 0.5 * fpr).min() / 0.5),
                "cllr": log_loss(labels, 1 / (1 + np.exp(-scores)), sample_weight=weights) / np.log(2),
                "min_cllr": log_loss(labels, best, sample_weight=weights) / np.log(2),
                "u": float(ranks.statistic),
            }
        )
    content = {
        "source": "drawn; values by SciPy (binomtest, t) and scikit-learn (det_curve, roc_auc_score, "
        "log_loss, IsotonicRegression)",
        "sets": sets,
        "student_quantiles": [[p, d, float(t.ppf(p, d))] for p in (0.9, 0.975) for d in (1, 2, 4, 30)],
    }
    text = json.dumps(content, ensure_ascii=False)
    (HERE / "synthetic.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    published = Path(sys.argv[1])
    asvspoof(published)
    livdet(published)
    synthetic()
