"""The detector of manipulated faces: forgeries by methods it never saw, bona fide pictures of all kinds.

    antispoof simulate manipulated PORTRAITS forgeries --licence "public domain" --variants 2 --seed 31
    python benchmarks/manipulation.py --forgeries forgeries/manifest.csv --data DIR --json manipulation.json

``--forgeries`` is what training learned from: people of its test had no part in that, and their pictures are
forged and sent by the methods held out. All of that is SIMULATED. DIR holds ``manifest.csv`` (path, modality,
pai_species, source) as described in docs/benchmarks.md; its bona fide pictures are for evaluation only, by
source. ``--portraits`` and ``--generated N`` measure the control: whether two numbers of the spectrum alone
tell pictures that a program made as a whole, by enlarging a mixture of faces with transposed convolutions; it
says nothing of real generators. Nothing is fitted here.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

import antispoof
from antispoof.data.manifest import read_manifest
from antispoof.evaluation.confidence import bootstrap, percentile_interval
from antispoof.evaluation.metrics import apcer, auc, bpcer, d_eer
from antispoof.runtime.detector import Detector
from antispoof.sensing.media import load_image
from antispoof.simulation.face.collection import portrait_files
from antispoof.simulation.face.manipulation import seen
from antispoof.simulation.face.manipulation.delivery import deliver
from antispoof.simulation.face.manipulation.generated import generate, spectral_numbers

TOGETHER = 32


def judged(detector: Detector, paths: list[Path]) -> NDArray[np.float64]:
    """Scores of pictures, NaN where there is none."""
    found: list[float] = []
    for start in range(0, len(paths), TOGETHER):
        verdicts = detector.check_many([{"face_rgb": path} for path in paths[start : start + TOGETHER]])
        found += [np.nan if verdict.score is None else verdict.score for verdict in verdicts]
    return np.array(found)


def measure_forgeries(detector: Detector, manifest: Path, console: Console) -> dict[str, Any]:
    """Every kind beside the bona fide pictures of the same people, sent the same way."""
    told: dict[str, Any] = {}
    threshold = detector.operating_point.threshold
    for partition in ("dev", "test"):
        rows = [row for row in read_manifest(manifest) if row.partition == partition]
        scores = judged(detector, [row.captures["face_rgb"].path for row in rows])
        known = np.isfinite(scores)
        kind = np.array([row.pai_species or "" for row in rows])
        people = np.array([row.subject for row in rows])
        bona_fide = known & (kind == "")
        method = rows[0].attributes["method"]
        console.print(
            f"{partition}, SIMULATED, methods {method}: {bona_fide.sum()} bona fide of "
            f"{len(set(people[bona_fide]))} people, {100 * (1 - known.mean()):.1f} % no response, "
            f"BPCER {100 * bpcer(scores[bona_fide], threshold):.1f} %"
        )
        part: dict[str, Any] = {"bpcer": bpcer(scores[bona_fide], threshold), "method": method}
        groups = {name: known & (kind == name) for name in sorted({*kind} - {""})}
        groups["swaps and morphs"] = known & np.isin(kind, ("face_swap", "face_morph"))
        for name, chosen in groups.items():
            figures = _figures(scores, bona_fide, chosen, people, threshold)
            part[name] = figures
            low, high = figures["auc_interval"]
            console.print(
                f"  {name:<18} n {chosen.sum():<4} AUC {100 * figures['auc']:.1f} "
                f"({100 * low:.1f}–{100 * high:.1f}), "
                f"EER {100 * figures['eer']:.1f} %, APCER {100 * figures['apcer']:.1f} %"
            )
        told[partition] = part
    return told


def _figures(
    scores: NDArray[np.float64],
    bona_fide: NDArray[np.bool_],
    attack: NDArray[np.bool_],
    people: NDArray[np.str_],
    threshold: float,
) -> dict[str, Any]:
    names, place = np.unique(people, return_inverse=True)

    def resampled(counts: NDArray[np.int32]) -> float:
        often = counts[place]
        genuine, forged = (np.repeat(scores[rows], often[rows]) for rows in (bona_fide, attack))
        return auc(genuine, forged) if len(genuine) and len(forged) else np.nan

    [interval] = percentile_interval(bootstrap(resampled, len(names), resamples=500))
    return {
        "auc": auc(scores[bona_fide], scores[attack]),
        "auc_interval": [interval.low, interval.high],
        "eer": d_eer(scores[bona_fide], scores[attack]).value,
        "apcer": apcer(scores[attack], threshold),
        "n": int(attack.sum()),
    }


def measure_bona_fide(detector: Detector, data: Path, console: Console) -> dict[str, Any]:
    """BPCER on the bona fide pictures of every source, for evaluation only."""
    with (data / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            row for row in csv.DictReader(file) if row["modality"] == "face_rgb" and not row["pai_species"]
        ]
    paths: dict[str, list[Path]] = defaultdict(list)
    for row in rows:
        if row["source"].startswith("collected"):
            paths[row["source"]].append(data.parent / row["path"])
    threshold = detector.operating_point.threshold
    rates = {}
    for source, pictures in sorted(paths.items()):
        scores = judged(detector, pictures)
        known = scores[np.isfinite(scores)]
        if len(known):
            rates[source] = bpcer(known, threshold)
            console.print(
                f"  {source:<16} {len(known):>3} judged of {len(pictures)}, BPCER {100 * rates[source]:.1f} %"
            )
    macro = float(np.mean([rate for source, rate in rates.items() if source != "collected-print"]))
    console.print(f"real bona fide captures, evaluation only: macro BPCER {100 * macro:.1f} % over sources")
    return {"macro": macro, "by_source": rates}


def measure_generated(portraits: Path, count: int, console: Console) -> dict[str, float]:
    """AUC of each spectral number by itself, with and without compression; SIMULATED."""
    pictures = [load_image(path) for path in portrait_files(portraits)[: 4 * count]]
    people = [one for one in map(seen, pictures) if one is not None]
    told: dict[str, float] = {}
    for sent in ("as made", "sent"):
        numbers: dict[str, list[tuple[float, float]]] = {"bona_fide": [], "generated": []}
        for index in range(min(count, len(people) // 4)):
            rng = np.random.default_rng(index)
            made = generate(people[4 * index : 4 * index + 4], rng)
            real = np.asarray(people[4 * index].picture * 255 + 0.5, np.uint8)
            for name, image in (("bona_fide", real), ("generated", made)):
                if sent == "sent":
                    image = deliver(image, 160.0, np.random.default_rng([index, 1]), "held_out")
                numbers[name].append(spectral_numbers(image))
        for column, number in enumerate(("slope", "grid")):
            genuine, forged = (np.array(numbers[name])[:, column] for name in numbers)
            told[f"{number}, {sent}"] = auc(-genuine, -forged) if number == "grid" else auc(genuine, forged)
            console.print(
                f"control, SIMULATED, {sent}: {number} alone, AUC {100 * told[f'{number}, {sent}']:.1f}"
            )
    return told


def measure_speed(detector: Detector, picture: Path, console: Console) -> float:
    """Milliseconds of processor a frame, the median of fifty, without decoding and finding the face."""
    presented = [detector.look({"face_rgb": picture})]
    taken = []
    for _ in range(50):
        start = time.process_time()
        detector.judge(presented)
        taken.append(time.process_time() - start)
    median = 1000 * float(np.median(taken))
    console.print(f"{median:.1f} ms of one processor a frame, the median of 50")
    return median


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", default="face-manipulation")
    parser.add_argument("--forgeries", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--portraits", type=Path)
    parser.add_argument("--generated", type=int, default=0)
    parser.add_argument("--speed", type=Path, help="a picture")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    console = Console(highlight=False, width=120)
    told: dict[str, Any] = {}
    if arguments.portraits and arguments.generated:
        told["generated"] = measure_generated(arguments.portraits, arguments.generated, console)
    if arguments.forgeries or arguments.data or arguments.speed:
        detector = antispoof.load(arguments.bundle)
        point = detector.operating_point
        console.print(f"{arguments.bundle} {detector.bundle.metadata.version}, {point.name} ({point.rule})")
        if arguments.forgeries:
            told["forgeries"] = measure_forgeries(detector, arguments.forgeries, console)
        if arguments.data:
            told["bona_fide"] = measure_bona_fide(detector, arguments.data, console)
        if arguments.speed:
            told["ms_a_frame"] = measure_speed(detector, arguments.speed, console)
    if arguments.json:
        arguments.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
