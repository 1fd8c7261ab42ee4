"""Face and voice together, put together by chance: what each fusion rule and each policy makes of attacks.

    python benchmarks/chimeric.py --face DIR --voice DIR --out SCORES --json chimeric.json

DIR holds ``manifest.csv`` (path, modality, pai_species, use, and source or speaker) as described in
docs/benchmarks.md; what the bundles that ship may have been trained on is left out. A score file
(id, score, pai_species, subject) may be given in place of either folder. Pairs of face source and speaker are
CHIMERIC: drawn by chance, seeded. Rules are fitted on one part of the sources and speakers and measured on
the others; policies are applied as they ship, and nothing is fitted for them.

    python benchmarks/chimeric.py --several face_rgb=face.csv voice=voice.csv fingerprint=f.csv iris=i.csv

takes score files of any number of sensors, as ``antispoof score`` writes them, and joins two or more by
the default rule of a policy, each subset of the sensors by itself: CHIMERIC again, and every sensor
attacked. Then each sensor is attacked alone, beside all others bona fide: what passes at the threshold that
ships (the highest of the bundles' default ones) and at a BPCER of 5 % (set on one half of the draws, applied
to the other). ``--limit voice=1.5`` limits a sensor's ratios to both sides, ``--partial 0.2`` takes another
prior: what was tried.

    python benchmarks/chimeric.py --four DIR --each 150 --out SCORES

makes those four score files first: faces and voices drawn by chance from DIR/face and DIR/voice, as many of
either class as ``--each`` says, and SIMULATED prints and eyes of seeds of their own, before all kinds of
sensors.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

import antispoof
from antispoof.data.manifest import read_manifest
from antispoof.evaluation import ScoreSet
from antispoof.evaluation.metrics import d_eer
from antispoof.runtime.bundle import default_bundle, read_bundle
from antispoof.runtime.examiner import Examiner
from antispoof.runtime.policy import Policy, decide, read_policy, shipped_policies
from antispoof.runtime.verdict import Evidence
from antispoof.scores.calibration import saturated
from antispoof.scores.fusion import FusionRule, Panel
from antispoof.scores.fusion.bayesian import Bayesian
from antispoof.simulation.fingerprint.collection import plan_prints, write_prints
from antispoof.simulation.iris.collection import plan_irises, write_irises
from antispoof.simulation.iris.sensors import FAMILIES
from antispoof.studies.chimeric import evaluate_chimeric, pair, print_chimeric

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
    rows = list({row["path"]: row for row in rows}.values())  # some are listed once for each system
    found = [
        antispoof.Row(
            row["path"],
            {modality: path / row["path"] if (path / row["path"]).exists() else path.parent / row["path"]},
            row["pai_species"],
            # Where nobody noted the speaker, each recording stands for itself.
            row[subject] if row[subject] != "unknown" else Path(row["path"]).stem,
        )
        for row in rows
    ]
    records = antispoof.score(found, detector=antispoof.load(default_bundle(modality)))
    told = track(records, f"scoring {name}", total=len(found), console=Console(stderr=True))
    kept = [record for record in told if not record.get("error")]
    made = ScoreSet.from_columns(
        [record["id"] for record in kept],
        [np.nan if record["score"] is None else record["score"] for record in kept],
        [record["pai_species"] for record in kept],
        subject=[record["subject"] for record in kept],
        name=name,
    )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        made.write(out / f"{name}.csv")
    return made


def applied(policy: Policy, columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.str_]:
    """Outcomes of a policy as it ships, given calibrated scores by sensor, NaN for a rejected sample."""
    examiners = {name: Examiner(read_bundle(default_bundle(SENSORS[name][0]))) for name in columns}
    points = {name: each.point(policy.at, each.metadata.modalities) for name, each in examiners.items()}
    names = tuple(columns)
    llr = np.column_stack([columns[name] for name in names])
    limits = np.array([points[name].threshold for name in names])
    fused = policy.fusion.parameters.fuse(Panel.of(names, llr, thresholds=limits))
    outcomes = []
    for row, score in zip(llr, fused.tolist(), strict=True):
        here = [name for name, value in zip(names, row.tolist(), strict=True) if value == value]
        evidence = [Evidence(SENSORS[name][0], "used" if name in here else "rejected") for name in names]
        point = policy.operating_point([points[name] for name in here or names])
        outcomes.append(decide(evidence, score if here else None, point, policy).outcome)
    return np.array(outcomes)


def measure_alone(policy: Policy, name: str, scores: ScoreSet, console: Console) -> dict[str, float]:
    """Rates of a policy with one sensor, by species: macro averages over sources or speakers."""
    outcome = applied(policy, {name: scores.scores})
    kind = np.array(scores.pai_species.decode())
    subject = np.array(scores.ids.tolist() if scores.subject is None else scores.subject.decode())

    def share(rows: NDArray[np.bool_], what: str) -> float:
        groups = [rows & (subject == each) for each in np.unique(subject[rows])]
        return float(np.mean([(outcome[group] == what).mean() for group in groups]))

    species = np.unique(kind[kind != ""]).tolist()
    found = {f"{each} passed": share(kind == each, "bona_fide") for each in species}
    found |= {"bona fide rejected": share(kind == "", "attack")}
    found |= {"bona fide asked again": share(kind == "", "non_response")}
    said = ", ".join(f"{what} {100 * rate:.1f} %" for what, rate in found.items())
    console.print(f"policy {policy.name}, {name} alone: {said}", soft_wrap=True)
    return found


def measure_pairs(policy: Policy, sets: Mapping[str, ScoreSet], console: Console) -> dict[str, float]:
    """Rates of a policy on chimeric pairs, by kind of attack."""
    pairs = pair(sets["face"], sets["voice"], ("face", "voice"), pairs=PAIRS, seed=0)
    outcome = applied(policy, {name: scores.scores for name, scores in pairs.items()})
    kind = np.array(pairs["face"].pai_species.decode())
    kinds = ("face only", "voice only", "both")
    found = {f"{each} passed": float((outcome[kind == each] == "bona_fide").mean()) for each in kinds}
    for what, words in (("attack", "rejected"), ("non_response", "asked again")):
        found[f"bona fide {words}"] = float((outcome[kind == ""] == what).mean())
    said = ", ".join(f"{what} {100 * rate:.1f} %" for what, rate in found.items())
    console.print(f"policy {policy.name}, face and voice (chimeric): {said}", soft_wrap=True)
    return found


def measure_several(
    sets: Mapping[str, ScoreSet],
    console: Console,
    seed: int = 0,
    limits: Mapping[str, float] | None = None,
    partial: float | None = None,
) -> dict[str, Any]:
    """D-EER of every sensor and of every subset of two or more, all of them attacked, by the default rule."""
    rng = np.random.default_rng(seed)
    genuine = np.arange(2 * PAIRS) < PAIRS
    columns: dict[str, NDArray[np.float64]] = {}
    for name, scores in sets.items():
        answered = scores.scores[np.isfinite(scores.scores)]
        bona_fide = scores.is_bona_fide[np.isfinite(scores.scores)]
        columns[name] = np.where(
            genuine, rng.choice(answered[bona_fide], 2 * PAIRS), rng.choice(answered[~bona_fide], 2 * PAIRS)
        )
    for name, limit in (limits or {}).items():
        columns[name] = saturated(columns[name], limit)
    rule = Policy(name="default").fusion.parameters if partial is None else Bayesian(partial=partial)
    found: dict[str, Any] = {"simulated": [name for name, scores in sets.items() if scores.simulated.any()]}
    for size in range(1, len(sets) + 1):
        for names in itertools.combinations(columns, size):
            llr = np.column_stack([columns[name] for name in names])
            fused = rule.fuse(Panel.of(names, llr, thresholds=np.zeros(size)))
            alone = [found["d_eer"][name] for name in names] if size > 1 else []
            value = d_eer(fused[genuine], fused[~genuine]).value
            found.setdefault("d_eer", {})[" + ".join(names)] = value
            beside = f", best of them alone {100 * min(alone):.2f} %" if alone else ""
            console.print(f"CHIMERIC, {' + '.join(names)}: D-EER {100 * value:.2f} %{beside}", soft_wrap=True)
    found["attacked_alone"] = attack_one(columns, genuine, rule, console)
    if found["simulated"]:
        console.print(f"SIMULATED presentations among: {', '.join(found['simulated'])}")
    return found


def attack_one(
    columns: Mapping[str, NDArray[np.float64]],
    genuine: NDArray[np.bool_],
    rule: FusionRule,
    console: Console,
) -> dict[str, float]:
    """Shares of attacks on one sensor that pass beside all others bona fide."""
    told = [read_bundle(default_bundle(name)).metadata for name in columns]
    shipped = max(each.operating_points[each.default_operating_point].threshold for each in told)
    llr = np.column_stack(list(columns.values()))
    live, attack = llr[genuine], llr[~genuine]

    def fuse(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return rule.fuse(Panel.of(tuple(columns), rows))

    half = len(live) // 2
    five = float(np.quantile(fuse(live[:half]), 0.05))
    found: dict[str, float] = {}
    for words, threshold in (("as shipped", shipped), ("at BPCER 5 %", five)):
        found[f"bona fide rejected, {words}"] = float((fuse(live[half:]) < threshold).mean())
        for k, name in enumerate(columns):
            mixed = live[half:].copy()
            mixed[:, k] = attack[half:, k]
            found[f"{name} passed, {words}"] = float((fuse(mixed) >= threshold).mean())
        rates = ", ".join(f"{k.split(',')[0]} {v:.1%}" for k, v in found.items() if k.endswith(words))
        console.print(f"CHIMERIC, one attacked, {words} ({threshold:+.2f}): {rates}", soft_wrap=True)
    return found


def draw_four(data: Path, each: int, out: Path) -> dict[str, Path]:
    """Score ``each`` bona fide and ``each`` attacks of four sensors with the bundles that ship."""
    out.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[antispoof.Row]] = {}
    rng = np.random.default_rng(0)
    for name, (modality, subject) in SENSORS.items():
        folder = data / name
        with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
            found = [row for row in csv.DictReader(file) if row["modality"] == modality]
        found = [row for row in found if "training allowed" not in row["use"] and "videos" not in row["path"]]
        rows[modality] = []
        for live in (True, False):
            kept = [row for row in found if (row["pai_species"] in ("", "bona_fide")) == live]
            kept = list({row["path"]: row for row in kept}.values())
            drawn = rng.permutation(len(kept))[:each]
            rows[modality] += [
                antispoof.Row(
                    kept[k]["path"],
                    {modality: data / kept[k]["path"]},
                    kept[k]["pai_species"] or "bona_fide",
                    kept[k][subject],
                )
                for k in drawn
            ]
    half = -(-each // 2)
    prints = write_prints(plan_prints(777, half, 2, 2), out / "prints", workers=1)
    eyes = write_irises(plan_irises(778, half, 2, 2, families=sorted(FAMILIES)), out / "irises", workers=1)
    for modality, manifest in (("fingerprint", prints), ("iris", eyes)):
        rows[modality] = [
            antispoof.Row(
                p.id,
                {modality: p.captures[modality].path},
                p.pai_species or "bona_fide",
                p.subject or "",
                simulated=True,
            )
            for p in read_manifest(manifest)
        ]
    files = {}
    for modality, listed in rows.items():
        detector = antispoof.load(default_bundle(modality))
        told = track(
            antispoof.score(listed, detector=detector),
            f"scoring {modality}",
            len(listed),
            console=Console(stderr=True),
        )
        records = [record for record in told if not record.get("error")]
        made = ScoreSet.from_columns(
            [record["id"] for record in records],
            [np.nan if record["score"] is None else record["score"] for record in records],
            [record["pai_species"] for record in records],
            subject=[record["subject"] for record in records],
            simulated=[modality in ("fingerprint", "iris")] * len(records),
            name=modality,
        )
        files[modality] = out / f"{modality}.csv"
        made.write(files[modality])
    return files


def time_sides(console: Console, picture: Path, recording: Path, rounds: int = 30) -> dict[str, float]:
    """Median milliseconds of one check with either sensor and with both, in turn in one process."""
    detector = antispoof.load([default_bundle("face_rgb"), default_bundle("voice")])
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
    parser.add_argument("--face", type=Path, help="folder with manifest.csv, or a score file")
    parser.add_argument("--voice", type=Path, help="the same for voices")
    parser.add_argument("--out", type=Path, help="write the score files into this folder")
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument(
        "--policies", action="store_true", help="apply the shipped policies to sensors given as folders"
    )
    parser.add_argument("--picture", type=Path, help="with --recording: time one check")
    parser.add_argument("--recording", type=Path)
    parser.add_argument("--json", type=Path, help="write every figure here")
    parser.add_argument(
        "--several", nargs="+", metavar="SENSOR=FILE", help="score files of two or more sensors"
    )
    parser.add_argument("--four", type=Path, metavar="DIR", help="with --out: make four score files first")
    parser.add_argument("--each", type=int, default=150, help="presentations of either class, with --four")
    parser.add_argument(
        "--limit",
        nargs="+",
        metavar="SENSOR=RATIO",
        default=[],
        help="limit ratios of a sensor to both sides",
    )
    parser.add_argument("--partial", type=float, help="another prior of an attack on one sensor alone")
    arguments = parser.parse_args()
    console = Console(width=120, highlight=False)
    if arguments.four and not arguments.out:
        parser.error("--four needs --out, the folder for its score files")
    if arguments.several or arguments.four:
        named = (
            draw_four(arguments.four, arguments.each, arguments.out)
            if arguments.four
            else {name: Path(path) for name, path in (each.split("=", 1) for each in arguments.several)}
        )
        limits = {name: float(ratio) for name, ratio in (each.split("=", 1) for each in arguments.limit)}
        sets = {name: ScoreSet.read(path) for name, path in named.items()}
        several = measure_several(sets, console, limits=limits, partial=arguments.partial)
        if arguments.json:
            arguments.json.write_text(json.dumps(several, indent=1), encoding="utf-8")
        return
    if not (arguments.face and arguments.voice):
        parser.error("give --face and --voice, --several, or --four")
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
        shipped = [name for name in SENSORS if getattr(arguments, name).is_dir()]
        for policy in map(read_policy, shipped_policies()):
            for name in shipped:
                found[f"{policy.name}, {name}"] = measure_alone(policy, name, sets[name], console)
            if len(shipped) == len(SENSORS):
                found[f"{policy.name}, chimeric"] = measure_pairs(policy, sets, console)
    if arguments.picture and arguments.recording:
        found["milliseconds"] = time_sides(console, arguments.picture, arguments.recording)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
