"""Time and memory of one check, beside an older build and beside minivision's chain, in pairs.

    python benchmarks/check_speed.py --old-python OLD/bin/python --peers PEERS

OLD is a virtual environment with the wheel of an older commit and the same versions of everything else:

    git worktree add old COMMIT && pip wheel --no-deps -w wheels old
    python -m venv OLD && OLD/bin/pip install wheels/antispoof-*.whl scikit-image

Each side is a process of its own; they take turns, a round is the fastest of three, and a ratio is the median
of the ratios of the rounds, so that it holds while the speed of the machine drifts. Times are of the
processor, one thread; those from start to verdict are of a whole process; a burst of five 640 × 480 frames is
held against one of them, both by the clock. PEERS holds the ONNX files of the
peers: their chain decodes and finds the face as we do, in the newer build.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from antispoof.sensing.media import load_image

WORKER = """
import json, sys, time
import cv2
import antispoof
cv2.setNumThreads(1)
what, bundle, peers = json.loads(sys.argv[1])
if what == "chain":
    from face_rgb import minivision, modalities
    system, modality = minivision(peers), modalities["face_rgb"]
    def run(photo):
        sample = modality.load(photo)
        return system.score(sample.array, modality.quality(sample))
else:
    detector = antispoof.load(bundle) if bundle else antispoof.load()
    def run(photo):
        return detector.check(face_rgb=photo)
clock = time.thread_time if what != "burst" else time.perf_counter
for line in sys.stdin:
    photos = [open(name, "rb").read() for name in line.strip().split("\\t")]
    shown = photos if len(photos) > 1 else photos[0]
    times = []
    for _ in range(3):
        start = clock()
        run(shown)
        times.append(clock() - start)
    print(min(times), flush=True)
"""

# What wait4() tells of memory begins with that of the process that started it; VmHWM does not.
COMMAND = """
import atexit, sys, time
def tell():
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(time.process_time(), peak.split()[1], file=sys.stderr)
atexit.register(tell)
from antispoof.cli import main
main()
"""


def photos(folder: Path) -> dict[str, Path]:
    """One person, in a picture of a web camera and in one of a telephone."""
    from skimage import data

    canvas = np.full((480, 640, 3), 128, np.uint8)
    canvas[:, 80:560] = cv2.resize(data.astronaut(), (480, 480), interpolation=cv2.INTER_AREA)
    large = cv2.resize(canvas, (4000, 3000), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    large += np.random.default_rng(0).normal(0, 3, (3000, 4000, 1)).astype(np.float32)
    found = {}
    for name, picture in (("640 × 480", canvas), ("12 Mpx", large)):
        found[name] = folder / f"{name.replace(' ', '')}.jpg"
        found[name].write_bytes(
            cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8)[..., ::-1])[1].tobytes()
        )
    return found


def burst(photo: Path) -> list[Path]:
    """Five frames of one person: the picture, moved by a few pixels and with noise of its own."""
    picture = load_image(photo)
    frames = []
    for number in range(5):
        noise = np.random.default_rng(number).normal(0, 2, picture.shape)
        moved = np.clip(np.roll(picture, 2 * number, axis=1) + noise, 0, 255).astype(np.uint8)
        frames.append(photo.with_name(f"frame{number}.jpg"))
        frames[-1].write_bytes(cv2.imencode(".jpg", moved[..., ::-1])[1].tobytes())
    return frames


def worker(python: str, what: str, bundle: str | None, peers: Path | None) -> subprocess.Popen[str]:
    settings = json.dumps([what, bundle, None if peers is None else str(peers)])
    code = WORKER.replace("minivision(peers)", "minivision(__import__('pathlib').Path(peers))")
    return subprocess.Popen(
        [python, "-c", code, settings],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(python),
    )


def environment(python: str) -> dict[str, str]:
    """The older build is what is installed; the newer one is what runs this script. Both keep bytecode."""
    own = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONPATH": own if python == sys.executable else ""}


def ask(process: subprocess.Popen[str], *photo: Path) -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\t".join(map(str, photo)) + "\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def whole(python: str, arguments: list[str]) -> tuple[float, float]:
    """Seconds of the processor and MiB at most, of a process from its start to its end (Linux)."""
    process = subprocess.run(
        [python, "-c", COMMAND, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(python),
        check=False,
    )
    seconds, kibibytes = process.stderr.split()[-2:]
    return float(seconds), float(kibibytes) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old-python", required=True, help="interpreter with the older build")
    parser.add_argument("--peers", type=Path, help="folder with the peers' ONNX files")
    parser.add_argument("--bundle", help="of the newer build; the default one where it is left out")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=Path, help="write all figures here")
    arguments = parser.parse_args()
    chosen = [] if arguments.bundle is None else ["--bundle", arguments.bundle]
    titles = ("this build", "older build", "ratio", "minivision's chain", "ratio", "one picture", "ratio")
    table = Table("what", *titles)
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        pictures = photos(Path(folder))
        sides = {
            "new": worker(sys.executable, "check", arguments.bundle, None),
            "old": worker(arguments.old_python, "check", None, None),
        }
        if arguments.peers:
            sides["chain"] = worker(sys.executable, "chain", None, arguments.peers)
        for name, picture in pictures.items():
            rounds = [
                {side: 1e3 * ask(process, picture) for side, process in sides.items()}
                for _ in range(arguments.rounds + 1)
            ][1:]
            found[f"one check, {name}, ms"] = ratios(rounds)
        frames = burst(pictures["640 × 480"])
        sides["burst"] = worker(sys.executable, "burst", arguments.bundle, None)
        rounds = [
            {"new": 1e3 * ask(sides["burst"], *frames), "one": 1e3 * ask(sides["burst"], frames[0])}
            for _ in range(arguments.rounds + 1)
        ][1:]
        found["five frames, by the clock, ms"] = ratios(rounds)
        for process in sides.values():
            process.terminate()
        for name, picture in pictures.items():
            spent, most = [], []
            whole(sys.executable, ["check", *chosen, "--face-rgb", str(picture)])  # leaves its bytecode
            for _ in range(max(3, arguments.rounds // 5)):
                new = whole(sys.executable, ["check", *chosen, "--face-rgb", str(picture)])
                old = whole(arguments.old_python, ["check", "--face-rgb", str(picture)])
                spent.append({"new": 1e3 * new[0], "old": 1e3 * old[0]})
                most.append({"new": new[1], "old": old[1]})
            found[f"start to verdict, {name}, ms"] = ratios(spent)
            found[f"most memory, {name}, MiB"] = ratios(most)
    for what, row in found.items():
        cells = [f"{row[key]:.{digits}f}" if key in row else "–" for key, digits in COLUMNS]
        table.add_row(what, *cells)
    Console(width=120).print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


COLUMNS = (
    ("new", 1),
    ("old", 1),
    ("to old", 2),
    ("chain", 1),
    ("to chain", 2),
    ("one", 1),
    ("to one", 2),
)


def ratios(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Median of each side, and of the ratio of the newer build to the others, round by round."""
    row = {side: statistics.median(one[side] for one in rounds) for side in rounds[0]}
    for side in set(row) - {"new"}:
        row[f"to {side}"] = statistics.median(one["new"] / one[side] for one in rounds)
    return row


if __name__ == "__main__":
    main()
