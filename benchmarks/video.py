"""Clips: what evidence from time adds, on SIMULATED clips held out, on injected streams, on real clips.

    python benchmarks/video.py --clips held-out/manifest.csv --json video.json
    python benchmarks/video.py --clips held-out/manifest.csv --injected injected-held-out/manifest.csv
    python benchmarks/video.py --real DIR
    python benchmarks/video.py --cost PORTRAITS
    python benchmarks/video.py --speed PORTRAITS
    python benchmarks/video.py --still taught/manifest.csv one-picture/manifest.csv
    python benchmarks/video.py --relief taught/manifest.csv calm/manifest.csv
    python benchmarks/video.py --rates DIR

``--clips`` is the suite held out by ``antispoof simulate clip --suite held_out``: relief alone, all cues
together, and the bundle of single frames without and with them. ``--injected`` takes what ``antispoof
simulate inject --suite held_out`` made of it: each kind at the threshold where 5 % of those bona fide clips
are rejected. ``--real`` judges a folder with ``bonafide`` and ``replay``, which taught nothing either.
``--cost`` makes a clip of 3 s in 720p and judges it in a process of its own, on one thread. ``--still`` tells
what the limits of ``still`` were set by: how far faces moved, and what of that scaling, turning and shifting
one picture does not explain, of people and of ``inject_one_picture``. ``--relief`` tells what ``too_still``
is set by: what ``face_relief`` says of people, also of those who move little (``simulate clip
--liveliness``), and of planes, at several rates of pictures, by how much a face has to move. ``--rates``
judges the first seconds of real clips at several rates. No wheel of a permissive licence judges the course of
a clip, so there is no peer.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import antispoof
from antispoof.data.manifest import read_manifest
from antispoof.evaluation.metrics import apcer, auc, d_eer, threshold_at_bpcer
from antispoof.runtime.bundle import default_bundle
from antispoof.runtime.cues import shipped_rules
from antispoof.runtime.verdict import Verdict
from antispoof.scores.calibration import calibrate
from antispoof.sensing.cues import face_relief
from antispoof.sensing.video import film_pictures
from antispoof.sensing.watch import MOVED, STILL_S, Watch
from antispoof.simulation.clip.codecs import CODECS, encode
from antispoof.simulation.clip.render import ClipSpec, simulate_clip
from antispoof.simulation.clip.suites import SUITES
from antispoof.simulation.face.collection import portrait_files, read_portrait

Scores = NDArray[np.float64]
Picture = NDArray[np.uint8]
Relief = tuple[float, float, float] | None
JUDGE = """
import json, sys, time
import cv2
import antispoof
cv2.setNumThreads(1)
detector, found = antispoof.load(sys.argv[2]), []
for _ in range(3):
    wall, cpu = time.perf_counter(), time.process_time()
    detector.check(face_rgb=sys.argv[1])
    found.append((time.process_time() - cpu, time.perf_counter() - wall))
cpu, wall = min(found)
# What getrusage tells of memory begins with that of the process that started it; VmHWM does not.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([wall, cpu, int(peak.split()[1]) / 1024]))
"""
PLANES = ("print_", "replay_phone_still", "mask_")
RATES = (30, 15, 8, 10, 5, 6, 3, 4)  # pictures a second; every second of them for what is simulated
FIRST_S = 4.0
AGAINST = -1.0  # a ratio that turns away somebody whose pictures are good
MOTIONS = (0.0, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.25)  # sides of the face


def judged(manifest: Path, bundle: str) -> list[dict[str, Any]]:
    """One row a clip: kind, score with and without the cues, what each cue says."""
    detector, rows = antispoof.load(bundle), []
    for row in read_manifest(manifest):
        verdict = detector.check(face_rgb=row.captures["face_rgb"].path)
        rows.append({"id": row.id, "kind": row.pai_species or "", **told(verdict)})
        print(f"\r{len(rows)}", end="", flush=True)
    print("\r", end="")
    return rows


def told(verdict: Verdict) -> dict[str, Any]:
    """Scores of a verdict; without a response they are None."""
    said = {cue.name: cue.score for cue in verdict.cues if cue.status == "used"}
    brought = sum(cue.contribution for cue in verdict.cues)
    silent = verdict.score is None or verdict.outcome == "non_response"  # as where a film loops
    score = None if silent else verdict.score
    alone = None if score is None else score - brought
    return {
        "outcome": verdict.outcome,
        "score": score,
        "alone": alone,
        "brought": brought,
        "cues": said,
    }


def column(rows: list[dict[str, Any]], key: str) -> Scores:
    """Scores of one kind; what has none passes below all."""
    return np.array([-99.0 if row[key] is None else row[key] for row in rows], np.float64)


def divided(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    """Bona fide rows, and those of each kind of attack."""
    kinds = sorted({row["kind"] for row in rows} - {""})
    return [r for r in rows if not r["kind"]], {k: [r for r in rows if r["kind"] == k] for k in kinds}


def measure_clips(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Each cue alone, all together, and what they add to the single frames."""
    live, kinds = divided(rows)
    attacks = [row for kind in kinds.values() for row in kind]
    found: dict[str, Any] = {"bona fide": len(live), "attacks": {k: len(v) for k, v in kinds.items()}}
    print(f"SIMULATED, held out: {len(live)} bona fide clips, {len(attacks)} attacks")
    for name in shipped_rules():
        b = np.array([row["cues"][name] for row in live if name in row["cues"]])
        by_kind = {k: np.array([r["cues"][name] for r in v if name in r["cues"]]) for k, v in kinds.items()}
        a = np.concatenate([values for values in by_kind.values() if len(values)] or [np.zeros(0)])
        if not len(a) or not len(b):
            continue
        flat = [v for k, v in by_kind.items() if k.startswith(PLANES) and len(v)]
        found[name] = {
            "auc": auc(b, a),
            "eer": d_eer(b, a).value,
            "auc of what is a plane": auc(b, np.concatenate(flat)) if flat else None,
            "auc by kind": {k: auc(b, v) for k, v in by_kind.items() if len(v)},
            "not measurable": 1 - (len(a) + len(b)) / len(rows),
        }
        print(f"  {name} alone: AUC {100 * found[name]['auc']:.2f} %", end="")
        if flat:
            print(
                f", of sheets, masks and stills {100 * found[name]['auc of what is a plane']:.2f} %", end=""
            )
        print(f"; not measurable {100 * found[name]['not measurable']:.0f} %")
        for kind, value in found[name]["auc by kind"].items():
            print(f"      {kind}: AUC {100 * value:.1f} %")
    for key, title in (
        ("brought", "all cues"),
        ("alone", "single frames"),
        ("score", "single frames and cues"),
    ):
        b, a = column(live, key), column(attacks, key)
        found[title] = {"eer": d_eer(b, a).value, "auc": auc(b, a)}
        print(f"  {title}: EER {100 * found[title]['eer']:.2f} %, AUC {100 * found[title]['auc']:.2f} %")
        limit = threshold_at_bpcer(b, 0.05)
        found[title]["apcer at bpcer 5 %"] = {k: apcer(column(v, key), limit) for k, v in kinds.items()}
        for kind, value in found[title]["apcer at bpcer 5 %"].items():
            print(f"      {kind}: APCER {100 * value:.1f} % at BPCER 5 %")
    before, after = found["single frames"]["eer"], found["single frames and cues"]["eer"]
    found["EER cut"] = 1 - after / before if before else None
    if before:
        print(f"  the cues cut the EER by {100 * found['EER cut']:.0f} %")
    return found


def measure_injected(rows: list[dict[str, Any]], live: list[dict[str, Any]]) -> dict[str, Any]:
    """APCER of each kind at the threshold of those bona fide clips."""
    found: dict[str, Any] = {}
    print(f"SIMULATED injected streams, thresholds at BPCER 5 % of {len(live)} bona fide clips")
    for kind, streams in divided(rows)[1].items():
        found[kind] = {"streams": len(streams)}
        line = f"  {kind}: {len(streams)}"
        for key, title in (("alone", "single frames"), ("brought", "cues"), ("score", "both")):
            limit = threshold_at_bpcer(column(live, key), 0.05)
            found[kind][title] = apcer(column(streams, key), limit)
            line += f"; {title} {100 * found[kind][title]:.0f} %"
        print(line)
    return found


def measure_real(folder: Path, bundle: str) -> list[dict[str, Any]]:
    """The verdict on each real clip, and the sign of every cue."""
    detector, rows = antispoof.load(bundle), []
    right = 0
    for path in sorted(folder.glob("*/*")):
        live = path.parent.name == "bonafide"
        verdict = detector.check(face_rgb=path)
        row = {"clip": path.name, "bona fide": live, **told(verdict)}
        row["absent"] = {cue.name: cue.reasons or ("hint",) for cue in verdict.cues if cue.status != "used"}
        right += verdict.outcome == ("bona_fide" if live else "attack")
        said = ", ".join(f"{name} {value:+.2f}" for name, value in row["cues"].items())
        print(
            f"{'bona fide' if live else 'replay':9} {path.name}: {verdict.outcome}, score {row['score']}, "
            f"of that cues {row['brought']:+.2f} ({said}); absent: {row['absent']}"
        )
        rows.append(row)
    print(f"{right} of {len(rows)} right by the fused verdict")
    return rows


def measure_cost(portraits: Path, bundle: str) -> dict[str, float]:
    """Seconds and memory of judging a clip of 3 s, 30 frames a second, 1280 × 720."""
    people = usable(portraits, 2)
    with tempfile.TemporaryDirectory() as folder:
        clip = simulate_clip(ClipSpec(5, 0, 0, None, "taught", 3.0), *people)
        scale = 720 / clip.settings.height
        settings = replace(
            clip.settings, width=1280, height=720, focal=clip.settings.focal * scale, fps=30.0, dropped=0.0
        )
        path = Path(folder) / "clip.mp4"
        encode(replace(clip, settings=settings).frames(), path, CODECS["h264"], 23, 30.0)
        # A process that imports what a user's would, and nothing of this benchmark.
        command = [sys.executable, "-c", JUDGE, str(path), bundle]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        out = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
        seconds, cpu, megabytes = json.loads(out)
    print(
        f"a clip of 3 s, 30 frames a second, 1280 × 720 (SIMULATED), one thread: {seconds:.2f} s, "
        f"{cpu:.2f} s of the processor, {cpu / 3:.2f} of its length; largest memory {megabytes:.0f} MB"
    )
    return {"seconds": seconds, "processor": cpu, "of its length": cpu / 3, "MB": megabytes}


def measure_still(manifests: list[Path]) -> dict[str, Any]:
    """What moved in the faces of people and what came again, and in streams that a program makes."""
    rows: dict[str, list[tuple[float, float, float, bool, bool]]] = {}
    for manifest in manifests:
        for row in read_manifest(manifest):
            kind = row.pai_species or "bona fide"
            if kind != "bona fide" and not kind.startswith("inject_"):
                continue
            watch = Watch(())
            for time_s, picture in film_pictures(row.captures["face_rgb"].path):
                watch.see(time_s, picture)
            if watch.rest.followed_s < STILL_S:
                continue
            told = ("still" in watch.reasons, "looped" in watch.reasons)
            rows.setdefault(kind, []).append((watch.rest.moved, watch.rest.left, watch.returning, *told))
    found: dict[str, Any] = {}
    for kind, values in rows.items():
        *numbers, still, looped = (np.array(column) for column in zip(*values, strict=True))
        found[kind] = {"clips": len(values), "still": int(still.sum()), "looped": int(looped.sum())}
        print(f"  {kind}: {len(values)} clips followed, {still.sum()} still, {looped.sum()} looped")
        names = ("moved", "left by one picture", "comes again")
        for name, column in zip(names, numbers, strict=True):
            least, tenth, most = np.quantile(column, (0, 0.9, 1), method="lower").tolist()
            found[kind][name] = {"least": least, "nine tenths": tenth, "most": most}
            print(f"      {name}: least {least:.4f}, 90 % {tenth:.4f}, most {most:.4f}")
        far = numbers[1][numbers[0] >= MOVED]
        if len(far):
            print(f"      left by one picture, of those that moved by {MOVED:g}: least {far.min():.4f}")
    return found


def thinned(pictures: Iterable[tuple[float, Picture]], rate: float) -> Iterator[tuple[float, Picture]]:
    """Leave out pictures of a film, so that no more than so many a second are left."""
    due: float | None = None
    for time_s, picture in pictures:
        if due is None or time_s >= due - 1e-3:
            yield time_s, picture
            due = time_s if due is None else due
            while due <= time_s + 1e-3:
                due += 1 / rate


def relief_of(pictures: Iterable[tuple[float, Picture]]) -> Relief:
    """How far the face of a film moved in the picture and before the room, in its sides, and the ratio before
    its bounds; None where it could not be measured if it moved more."""
    watch, rule = Watch(["face_relief"]), shipped_rules()["face_relief"]
    for time_s, picture in pictures:
        watch.see(time_s, picture)
    (found,) = watch.measured()
    if found.features is None or not rule.knows(found.features[np.newaxis])[0]:
        return None
    motion, own = np.exp(found.features[:2]).tolist()
    raw = rule.raw(found.features[np.newaxis])
    return motion, own, float(calibrate(raw, rule.calibration)[0])


def measure_relief(manifests: list[Path]) -> dict[str, Any]:
    """What `face_relief` says at each rate, and of whom, by how much a face has to move."""
    shipped, face_relief.LEAST_MOTION = face_relief.LEAST_MOTION, 0.0
    said: dict[str, dict[int, list[Relief]]] = {}
    for manifest in manifests:
        for row in read_manifest(manifest):
            kind = "planes" if (row.pai_species or "").startswith(PLANES) else "people"
            if row.pai_species and kind == "people":
                continue  # a film of a head has the relief of one
            pictures = list(film_pictures(row.captures["face_rgb"].path))
            for rate in RATES[::2]:
                found = said.setdefault(f"{kind} of {manifest.parent.name}", {}).setdefault(rate, [])
                found.append(relief_of(thinned(pictures, rate)))
    face_relief.LEAST_MOTION = shipped
    print(f"SIMULATED: spoken against by more than {-AGAINST:g}, % (silent, %)")
    print("  ", "; ".join(f"{name} ({len(kind[RATES[0]])})" for name, kind in said.items()))

    def line(least: float, rates: Iterable[int]) -> str:
        shares = [against([v for rate in rates for v in kind[rate]], least) for kind in said.values()]
        return "; ".join(f"{100 * told:.1f} ({100 * silent:.0f})" for told, silent in shares)

    for rate in RATES[::2]:
        print(f"  {rate} pictures a second, a face that moves by {shipped:g}: {line(shipped, [rate])}")
    for least in MOTIONS:
        print(f"  a face that moves by {least:g}, all rates: {line(least, RATES[::2])}")
    return {"said": said}


def against(values: list[Relief], least: float) -> tuple[float, float]:
    """Shares that are spoken against, and of which nothing is said, where a face has to move so far."""
    known = [value for value in values if value is not None and max(value[:2]) >= least]
    return sum(value[2] < AGAINST for value in known) / len(values), 1 - len(known) / len(values)


def measure_rates(folder: Path, bundle: str) -> list[dict[str, Any]]:
    """The verdict on the first seconds of each real clip, at each rate, written to a file anew."""
    detector, rows = antispoof.load(bundle), []
    for path in sorted(folder.glob("*/*")):
        expected = "bona_fide" if path.parent.name == "bonafide" else "attack"
        first = [
            (time_s, np.ascontiguousarray(one[: one.shape[0] // 2 * 2, : one.shape[1] // 2 * 2]))
            for time_s, one in film_pictures(path)
            if time_s < FIRST_S
        ]
        for rate in RATES:
            with tempfile.TemporaryDirectory() as place:
                file = Path(place, "clip.mp4")
                encode(thinned(first, rate), file, CODECS["h264"], 20, rate)
                verdict = detector.check(face_rgb=file)
            row = {"clip": path.name, "rate": rate, "expected": expected, **told(verdict)}
            (relief,) = (cue for cue in verdict.cues if cue.name == "face_relief")
            row["relief"] = ", ".join(relief.reasons) or f"{relief.contribution:+.2f}"
            moved = [v for name, v in relief.measurements.items() if name in ("motion", "own_motion")]
            row["moved"] = float(np.exp(max(moved))) if moved else None
            rows.append(row)
            score = "none" if row["score"] is None else f"{row['score']:+.2f}"
            said = f"{row['outcome']} {score}, relief {row['relief']}, moved {row['moved']}"
            print(f"{expected} {path.name} at {rate}: {said}", flush=True)
    for rate in RATES:
        here = [row for row in rows if row["rate"] == rate]
        right = sum(row["outcome"] == row["expected"] for row in here)
        print(f"{rate} pictures a second: {right} of {len(here)} right")
    return rows


def measure_speed(portraits: Path) -> dict[str, float]:
    """Frames a second of one core, by its own time: rendering, without the codec."""
    people = usable(portraits, 2)
    found: dict[str, float] = {}
    for suite, contents in SUITES.items():
        for kind in (None, *contents.instruments):
            clip = simulate_clip(ClipSpec(7, 0, 0, kind, suite, 1.0), *people)
            start = time.process_time()
            count = sum(1 for _ in clip.frames())
            rate = count / (time.process_time() - start)
            name = f"{suite} {kind or 'bona fide'}, {clip.settings.width} × {clip.settings.height}"
            found[name] = rate
            print(f"  {name}: {rate:.0f} frames a second")
    print(f"slowest {min(found.values()):.0f}, median {np.median(list(found.values())):.0f} frames a second")
    return found


def usable(folder: Path, count: int) -> list[Any]:
    """The first usable portraits of a folder."""
    from antispoof.data.presentation import CaptureFile

    people: list[Any] = []
    for path in portrait_files(folder):
        person = read_portrait(CaptureFile(path), path.stem, print)
        if person is not None:
            people.append(person)
        if len(people) == count:
            break
    return people


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, help="manifest of the suite held out")
    parser.add_argument("--injected", type=Path, help="manifest of streams made of its bona fide clips")
    parser.add_argument("--real", type=Path, help="folder with bonafide and replay")
    parser.add_argument("--cost", type=Path, metavar="PORTRAITS", help="time and memory of a clip")
    parser.add_argument("--speed", type=Path, metavar="PORTRAITS", help="frames rendered a second")
    parser.add_argument("--still", type=Path, nargs="+", metavar="MANIFEST", help="what sets `still`")
    parser.add_argument(
        "--relief", type=Path, nargs="+", metavar="MANIFEST", help="what sets how far a face has to move"
    )
    parser.add_argument(
        "--rates", type=Path, metavar="DIR", help="folder with bonafide and replay, at several rates"
    )
    parser.add_argument("--bundle", default=default_bundle("face_rgb"), help="of single frames")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    found: dict[str, Any] = {}
    if arguments.injected and not arguments.clips:
        parser.error("--injected needs --clips: the threshold is set on its bona fide clips")
    if arguments.clips:
        rows = judged(arguments.clips, arguments.bundle)
        found["clips"] = {"rows": rows, **measure_clips(rows)}
        if arguments.injected:
            streams = judged(arguments.injected, arguments.bundle)
            found["injected"] = {"rows": streams, **measure_injected(streams, divided(rows)[0])}
    parts: Mapping[str, Any] = {
        "real": lambda path: measure_real(path, arguments.bundle),
        "cost": lambda path: measure_cost(path, arguments.bundle),
        "speed": measure_speed,
        "still": measure_still,
        "relief": measure_relief,
        "rates": lambda path: measure_rates(path, arguments.bundle),
    }
    for name, part in parts.items():
        if getattr(arguments, name):
            found[name] = part(getattr(arguments, name))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1, default=str), encoding="utf-8")


if __name__ == "__main__":
    main()
