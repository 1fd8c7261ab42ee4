"""The shipped iris model on real captures, on simulated ones, and on what is no eye.

    python benchmarks/iris.py --data DIR --json iris.json
    python benchmarks/iris.py --protocol loio/matrix.csv
    python benchmarks/iris.py --not-eyes 300

DIR holds ``manifest.csv`` (path, pai_species, subject, source) as described in docs/benchmarks.md: prints
beside bona fide, and bona fide of a sensor that was never simulated by name. They are for evaluation only:
nothing is fitted here. ``--simulate N`` makes N eyes with a seed of their own before the family of sensors
that neither training nor thresholds saw, and judges those. ``--protocol`` reads what ``antispoof protocol run
configs/iris-edge.yaml leave-one-out:pai_species`` wrote: every instrument unheard of once, before an unseen
sensor. ``--not-eyes N`` hands in N pictures in which there is no iris. Simulated figures are marked.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

import antispoof
from antispoof.data.manifest import read_manifest
from antispoof.evaluation.metrics import apcer, auc, threshold_at_bpcer
from antispoof.evaluation.scores import ScoreSet
from antispoof.runtime.bundle import default_bundle
from antispoof.runtime.detector import Detector
from antispoof.runtime.verdict import Verdict
from antispoof.sensing.media import load_grey
from antispoof.simulation.iris.collection import plan_irises, write_irises

Grey = NDArray[np.uint8]


def scored(verdicts: list[Verdict]) -> NDArray[np.float64]:
    """Scores, NaN where there is none."""
    return np.array([np.nan if v.score is None else v.score for v in verdicts], np.float64)


def rates(verdicts: list[Verdict]) -> dict[str, float]:
    """Shares of the outcomes."""
    return {
        outcome: float(np.mean([v.outcome == outcome for v in verdicts]))
        for outcome in ("bona_fide", "attack", "non_response")
    }


def measure_real(detector: Detector, data: Path, console: Console) -> dict[str, Any]:
    """Prints against bona fide of one source, and bona fide of the others, by person."""
    with (data / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found: dict[str, Any] = {}
    for source in dict.fromkeys(row["source"] for row in rows):
        here = [row for row in rows if row["source"] == source]
        paths = [data.parent / row["path"] for row in here]
        verdicts = detector.check_many({"iris": path} for path in paths)
        live = [v for v, row in zip(verdicts, here, strict=True) if not row["pai_species"]]
        kinds = sorted({row["pai_species"] for row in here} - {""})
        result: dict[str, Any] = {"bona fide": len(live), **rates(live)}
        people = np.array([row["subject"] for row in here if not row["pai_species"]])
        if len(set(people)) > 1:
            by_person = [
                np.mean([v.outcome == "attack" for v, who in zip(live, people, strict=True) if who == each])
                for each in sorted(set(people))
            ]
            draws = np.random.default_rng(0).integers(len(by_person), size=(2000, len(by_person)))
            result["BPCER 95 % over people"] = np.quantile(
                np.asarray(by_person)[draws].mean(axis=1), (0.025, 0.975)
            ).tolist()
        console.print(
            f"[bold]{source}[/]: {len(live)} bona fide: rejected (BPCER) {100 * result['attack']:.1f} %, "
            f"no response {100 * result['non_response']:.1f} %",
            soft_wrap=True,
        )
        for kind in kinds:
            attacks = [v for v, row in zip(verdicts, here, strict=True) if row["pai_species"] == kind]
            a, b = scored(attacks), scored(live)
            floor = min(np.nanmin(a), np.nanmin(b)) - 1  # without a response nothing passes
            result[kind] = {
                "attacks": len(attacks),
                **rates(attacks),
                "auc of what was judged": auc(b[~np.isnan(b)], a[~np.isnan(a)]),
                "auc, no response below all": auc(np.nan_to_num(b, nan=floor), np.nan_to_num(a, nan=floor)),
            }
            of = result[kind]
            console.print(
                f"  {kind}: {len(attacks)}, passed (APCER) {100 * of['bona_fide']:.1f} %, no response "
                f"{100 * of['non_response']:.1f} %; AUC of what was judged "
                f"{of['auc of what was judged']:.4f}, with the others below all "
                f"{of['auc, no response below all']:.4f}",
                soft_wrap=True,
            )
        found[source] = result
    return found


def measure_simulated(detector: Detector, eyes: int, console: Console) -> dict[str, Any]:
    """SIMULATED eyes of another seed, before the family of sensors that training and thresholds never saw."""
    with tempfile.TemporaryDirectory() as folder:
        specs = plan_irises(4242, eyes, 2, 3, families=["binocular"])
        rows = read_manifest(write_irises(specs, Path(folder) / "irises", workers=1))
        verdicts = detector.check_many({"iris": row.captures["iris"].path} for row in rows)
    live = [v for v, row in zip(verdicts, rows, strict=True) if row.bona_fide]
    b = scored(live)
    limit = threshold_at_bpcer(b[~np.isnan(b)], 0.05)
    found: dict[str, Any] = {"bona fide": {"count": len(live), **rates(live)}}
    console.print(f"SIMULATED, unseen sensor, {len(live)} bona fide: {rates(live)}", soft_wrap=True)
    for kind in sorted({row.pai_species or "" for row in rows} - {""}):
        attacks = [v for v, row in zip(verdicts, rows, strict=True) if row.pai_species == kind]
        a = scored(attacks)
        a = a[~np.isnan(a)]
        found[kind] = {"count": len(attacks), **rates(attacks), "APCER at BPCER 5 %": apcer(a, limit)}
        console.print(
            f"  {kind}: {len(attacks)}, passed {100 * found[kind]['bona_fide']:.1f} % at the shipped point, "
            f"{100 * found[kind]['APCER at BPCER 5 %']:.1f} % at BPCER 5 %",
            soft_wrap=True,
        )
    return found


def measure_protocol(matrix: Path, console: Console) -> dict[str, Any]:
    """SIMULATED: APCER of the instrument that was left out, at BPCER 5 % on the test's own bona fide."""
    with matrix.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found: dict[str, Any] = {}
    for row in rows:
        scores = ScoreSet.read(matrix.parent / row["scores"])
        kind = np.array(scores.pai_species.decode())
        b, a = (scores.scores[(kind == each) & scores.is_response] for each in ("", row["test"]))
        found[f"{row['test']}, {row['train']}"] = apcer(a, threshold_at_bpcer(b, 0.05))
    for name, value in found.items():
        console.print(f"SIMULATED, left out: {name}: APCER {100 * value:.1f} % at BPCER 5 %", soft_wrap=True)
    values = np.array(list(found.values()))
    found = {"folds": found, "mean": float(values.mean()), "worst": float(values.max())}
    console.print(f"mean {100 * found['mean']:.1f} %, worst {100 * found['worst']:.1f} %")
    return found


def not_an_eye(number: int) -> Grey:
    """Noise, stripes, fabric, halftone, checks, a gradient, text-like blobs, a bare lid: no iris in any."""
    rng = np.random.default_rng(number)
    rows, columns = int(rng.integers(60, 481)), int(rng.integers(60, 641))
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    kind = number % 8
    if kind == 0:
        picture = rng.integers(0, 256, (rows, columns)).astype(np.float32)
    elif kind == 1:
        picture = 128 + 120 * np.cos((x * rng.normal() + y * rng.normal()) * rng.uniform(0.05, 1))
    elif kind == 2:
        weave = np.cos(x * rng.uniform(0.3, 1.5)) * np.cos(y * rng.uniform(0.3, 1.5))
        picture = 120 + 60 * weave + 20 * rng.standard_normal((rows, columns))
    elif kind == 3:
        pitch = rng.uniform(3, 24)
        tone = np.asarray(cv2.resize(rng.uniform(0, 1, (5, 6)).astype(np.float32), (columns, rows)))
        dots = 0.5 + 0.25 * (np.cos(2 * np.pi * x / pitch) + np.cos(2 * np.pi * y / pitch))
        picture = np.where(tone > dots, 230.0, 25.0)
    elif kind == 4:
        side = rng.uniform(5, 60)
        picture = 255.0 * ((x // side + y // side) % 2)
    elif kind == 5:
        picture = 255 * (x / columns * rng.uniform(0, 1) + y / rows * rng.uniform(0, 1))
    elif kind == 6:
        small = rng.uniform(0, 255, (rows // 12 + 2, columns // 12 + 2)).astype(np.float32)
        picture = np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32)
    else:
        picture = 170 - 60 * np.exp(-(((y - rows / 2 - 0.1 * (x - columns / 2) ** 2 / columns) / 4) ** 2))
        picture = picture + 6 * rng.standard_normal((rows, columns))
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def measure_not_eyes(detector: Detector, count: int, console: Console) -> dict[str, int]:
    """Outcomes of pictures in which there is no iris."""
    verdicts = detector.check_many({"iris": not_an_eye(number)} for number in range(count))
    found: dict[str, int] = dict(Counter(str(v.outcome) for v in verdicts))
    console.print(f"{count} pictures without an iris: {found}", soft_wrap=True)
    return found


def time_check(detector: Detector, content: bytes, console: Console, rounds: int = 60) -> dict[str, float]:
    """Milliseconds from bytes to verdict: by the clock, and of the processor, medians."""
    clock, processor = [], []
    for _ in range(rounds + 3):
        start, spent = time.perf_counter(), time.process_time()
        detector.check(iris=content)
        clock.append(1000 * (time.perf_counter() - start))
        processor.append(1000 * (time.process_time() - spent))
    found = {
        "clock": float(np.median(clock[3:])),
        "processor": float(np.median(processor[3:])),
        "fastest": float(np.min(clock[3:])),
    }
    shape = load_grey(content).array.shape
    console.print(
        f"one check of {shape[1]} × {shape[0]}: {found['clock']:.1f} ms by the clock (fastest "
        f"{found['fastest']:.1f}), {found['processor']:.1f} ms of the processor"
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with manifest.csv of real captures")
    parser.add_argument("--bundle", type=Path, help="other than the one that ships")
    parser.add_argument("--simulate", type=int, default=0, metavar="N", help="simulated eyes to judge")
    parser.add_argument("--protocol", type=Path, help="matrix.csv of a protocol that was run")
    parser.add_argument("--not-eyes", type=int, default=0, metavar="N", help="pictures without an iris")
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    console = Console(width=120, highlight=False)
    detector = antispoof.load(arguments.bundle or default_bundle("iris"))
    found: dict[str, Any] = {}
    if arguments.data:
        found["real"] = measure_real(detector, arguments.data, console)
        first = next(path for path in sorted(arguments.data.rglob("*.png")))
        found["milliseconds"] = time_check(detector, first.read_bytes(), console)
    if arguments.simulate:
        found["simulated"] = measure_simulated(detector, arguments.simulate, console)
    if arguments.protocol:
        found["protocol"] = measure_protocol(arguments.protocol, console)
    if arguments.not_eyes:
        found["not eyes"] = measure_not_eyes(detector, arguments.not_eyes, console)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
