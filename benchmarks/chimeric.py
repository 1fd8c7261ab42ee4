"""Face and voice together, put together by chance: what each fusion rule and each policy makes of attacks.

    python benchmarks/chimeric.py --face DIR --voice DIR --out SCORES --json chimeric.json

DIR holds ``manifest.csv`` (path, modality, pai_species, use, and source or speaker) as described in
docs/benchmarks.md; what the bundles that ship may have been trained on is left out. A score file
(id, score, pai_species, subject) may be given in place of either folder. Pairs of face source and speaker are
CHIMERIC: drawn by chance, seeded. Rules are fitted on one part of the sources and speakers and measured on
the others; policies are applied as they ship, and nothing is fitted for them.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import antispoof
from antispoof.evaluation import ScoreSet
from antispoof.runtime.bundle import default_bundle, read_bundle
from antispoof.runtime.chimeric import evaluate_chimeric, pair, print_chimeric
from antispoof.runtime.examiner import Examiner
from antispoof.runtime.fusion import Panel
from antispoof.runtime.policy import Policy, decide, read_policy, shipped_policies
from antispoof.runtime.verdict import Evidence

SENSORS = {"face": ("face_rgb", "source"), "voice": ("voice", "speaker")}
PAIRS = 2000


def read(name: str, path: Path, out: Path | None) -> ScoreSet:
    """Read a score file, or score the files of a manifest with the bundle that ships."""
    if path.suffix == ".csv":
        return ScoreSet.read(path)
    modality, subject = SENSORS[name]
    with (path / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["modality"] == modality]
    rows = [row for row in rows if "training allowed" not in row["use"] and "videos" not in row["path"]]
    detector = antispoof.load(default_bundle(modality))
    scores, kept = [], []
    for row in track(rows, f"scoring {name}", console=Console(stderr=True)):
        file_path = path / row["path"] if (path / row["path"]).exists() else path.parent / row["path"]
        try:
            verdict = detector.check(**{modality: file_path})
        except antispoof.MediaError:
            continue
        scores.append(np.nan if verdict.score is None else verdict.score)
        kept.append(row)
    made = ScoreSet.from_columns(
        [row["path"] for row in kept],
        scores,
        [row["pai_species"] for row in kept],
        subject=[row[subject] for row in kept],
        name=name,
    )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        made.write(out / f"{name}.csv")
    return made


def measure(policy: Policy, sets: Mapping[str, ScoreSet], console: Console) -> dict[str, Any]:
    """Apply a policy to chimeric pairs of calibrated scores: error rates by kind of attack."""
    examiners = {name: Examiner(read_bundle(default_bundle(SENSORS[name][0]))) for name in sets}
    pairs = pair(sets["face"], sets["voice"], ("face", "voice"), pairs=PAIRS, seed=0)
    first = pairs["face"]
    label = np.array([kind or "bona_fide" for kind in first.pai_species.decode()])
    found: dict[str, Any] = {"policy": policy.name}
    for present in (("face", "voice"), ("face",), ("voice",)):
        points = {
            name: examiners[name].point(policy.at, examiners[name].metadata.modalities) for name in present
        }
        llr = np.column_stack([pairs[name].scores for name in present])
        limits = np.array([points[name].threshold for name in present])
        fused = policy.fusion.parameters.fuse(Panel.of(present, llr, thresholds=limits))
        outcomes = []
        for row, score in zip(llr, fused.tolist(), strict=True):
            here = [name for name, value in zip(present, row, strict=True) if not np.isnan(value)]
            evidence = [
                Evidence(SENSORS[name][0], "used" if name in here else "rejected") for name in present
            ]
            point = policy.operating_point([points[name] for name in here or present])
            outcomes.append(decide(evidence, score if here else None, point, policy).outcome)
        outcome = np.array(outcomes)
        rates = {
            kind: float((outcome[label == kind] == "bona_fide").mean())
            for kind in ("face only", "voice only", "both")
        }
        genuine = outcome[label == "bona_fide"]
        found["+".join(present)] = {
            "apcer": rates,
            "bpcer": float((genuine == "attack").mean()),
            "asked_again": float((genuine == "non_response").mean()),
            "threshold": {name: point.threshold for name, point in points.items()},
        }
    table = Table(title=f"Policy {policy.name} as it ships (chimeric): %")
    for column in ("given", "passes: face only", "voice only", "both", "bona fide rejected", "asked again"):
        table.add_column(column, justify="left" if column == "given" else "right")
    for given, rates in found.items():
        if given == "policy":
            continue
        cells = [*rates["apcer"].values(), rates["bpcer"], rates["asked_again"]]
        table.add_row(given, *(f"{100 * cell:.1f}" for cell in cells))
    console.print(table)
    return found


def time_sides(console: Console, picture: Path, recording: Path, rounds: int = 30) -> dict[str, float]:
    """Median milliseconds of one check with either sensor and with both, in turn in one process."""
    detector = antispoof.load(["face-rgb-edge", default_bundle("voice")])
    sources = {"face_rgb": picture.read_bytes(), "voice": recording.read_bytes()}
    cases = {"face": ("face_rgb",), "voice": ("voice",), "face + voice": ("face_rgb", "voice")}
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds + 2):
        for name, given in cases.items():
            start = time.perf_counter()
            detector.check(**{each: sources[each] for each in given})
            taken[name].append(1000 * (time.perf_counter() - start))
    found = {name: float(np.median(values[2:])) for name, values in taken.items()}
    found["ratio"] = found["face + voice"] / max(found["face"], found["voice"])
    console.print(
        "one check, median ms: "
        + ", ".join(f"{name} {value:.1f}" for name, value in found.items() if name != "ratio")
        + f"; both together take {found['ratio']:.2f} times the slower alone"
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--face", type=Path, required=True, help="folder with manifest.csv, or a score file")
    parser.add_argument("--voice", type=Path, required=True, help="the same for voices")
    parser.add_argument("--out", type=Path, help="write the score files into this folder")
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--policies", action="store_true", help="the scores are those of shipped bundles")
    parser.add_argument("--picture", type=Path, help="with --recording: time one check")
    parser.add_argument("--recording", type=Path)
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    console = Console(width=120, highlight=False)
    sets = {name: read(name, getattr(arguments, name), arguments.out) for name in SENSORS}
    result = evaluate_chimeric(
        sets["face"], sets["voice"], ("face", "voice"), pairs=PAIRS, resamples=arguments.resamples
    )
    print_chimeric(console, result)
    found: dict[str, Any] = {
        "rows": [asdict(row) for row in result.rows],
        "differences": {
            system.name: asdict(system.differences["d_eer"])
            for system in result.comparison.systems
            if system.differences
        },
        "baseline": result.comparison.baseline,
        "and": {"expected": result.and_expected, "observed": result.and_observed},
    }
    if arguments.policies:
        found["policies"] = [measure(read_policy(name), sets, console) for name in shipped_policies()]
    if arguments.picture and arguments.recording:
        found["milliseconds"] = time_sides(console, arguments.picture, arguments.recording)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
