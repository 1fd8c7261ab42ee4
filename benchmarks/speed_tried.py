"""What was tried for the figures of ``check_speed.py`` that are missed, each beside what ships.

    python benchmarks/speed_tried.py [--bundle face-rgb] [--burst]

Milliseconds of the processor, the fastest of several runs; those of five frames by the clock. What a whole
process takes is measured in processes that take turns. The wider views only where the close one is not sure:
``early_exit.py``; the views in floating point or in integers: ``--set quantise=…`` of the recipe.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from check_speed import burst, environment, photos
from PIL import Image
from rich.console import Console
from rich.table import Table

import antispoof
from antispoof.runtime.pool import limit_cores
from antispoof.sensing.faces import cut, find_faces
from antispoof.sensing.media import load_picture
from antispoof.sensing.modalities import modalities

LIBRARIES = "import numpy, cv2, onnxruntime, typer, pydantic"
START = """
import atexit, sys, time
def tell():
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(time.process_time(), peak.split()[1], file=sys.stderr)
atexit.register(tell)
"""
CHECK = "from antispoof.cli import main; main()"
OPTIONS = """
import onnxruntime
made = onnxruntime.SessionOptions
def changed():
    options = made()
    options.{} = False
    return options
onnxruntime.SessionOptions = changed
"""
PROCESSES = {
    "as it ships": CHECK,
    "the libraries alone": LIBRARIES,
    "garbage never collected": f"import gc; gc.disable(); gc.set_threshold = print; {CHECK}",
    "without the arena of ONNX Runtime": OPTIONS.format("enable_cpu_mem_arena") + CHECK,
    "without its memory patterns": OPTIONS.format("enable_mem_pattern") + CHECK,
}
ROUNDS = 7
NEAR_SIDE, NEAR_SCALE = 96, 2.0  # px, and times the face: where it is sought once it was found


def fastest(run: Callable[[], object], clock: Callable[[], float] = time.thread_time) -> float:
    """Milliseconds of the fastest of some runs."""
    times = []
    for _ in range(ROUNDS + 1):
        start = clock()
        run()
        times.append(1e3 * (clock() - start))
    return min(times[1:])


def decoding(photo: bytes, pixels: int) -> dict[str, float]:
    def pillow() -> None:
        picture = Image.open(io.BytesIO(photo))
        picture.draft("RGB", (picture.width // 8, picture.height // 8))
        picture.load()

    array = np.frombuffer(photo, np.uint8)
    return {
        "whole": fastest(lambda: load_picture(photo)),
        "at 1/4, as it ships": fastest(lambda: load_picture(photo, enough_pixels=pixels // 16)),
        "at 1/8": fastest(lambda: load_picture(photo, enough_pixels=pixels // 64)),
        "at 1/8, OpenCV": fastest(lambda: cv2.imdecode(array, cv2.IMREAD_REDUCED_COLOR_8)),
        "at 1/8, Pillow": fastest(pillow),
    }


def frames(bundle: str, shown: list[bytes]) -> dict[str, float]:
    one, wide = antispoof.load(bundle), antispoof.load(bundle, threads=2)
    return {
        "one picture": fastest(lambda: one.check(face_rgb=shown[0]), time.perf_counter),
        "five, as it ships": fastest(lambda: one.check(face_rgb=shown), time.perf_counter),
        "five, networks on two threads each": fastest(lambda: wide.check(face_rgb=shown), time.perf_counter),
        "five, one by one": fastest(
            lambda: [one.check(face_rgb=frame) for frame in shown], time.perf_counter
        ),
    }


def on_two_cores(bundle: str, shown: list[bytes]) -> dict[str, float]:
    """What five frames take by the clock where two cores are idle, from what each step takes of a processor.

    Where no two cores are idle, as on a crowded machine, the clock itself tells nothing.
    """
    limit_cores(1)
    clock = time.process_time
    modality, detector = modalities["face_rgb"], antispoof.load(bundle)
    examiner = next(iter(detector._candidates.all()))
    samples = [modality.load(one) for one in shown]
    seen = [{"face_rgb": (sample, modality.quality(sample))} for sample in samples]
    box = find_faces(samples[0].array)[0].box
    score = [0.0] + [fastest(partial(examiner.score_many, seen[:n], here=True), clock) for n in range(1, 6)]
    look = fastest(lambda: modality.quality(modality.load(shown[0])), clock)
    near = look - fastest(lambda: find_faces(samples[0].array), clock)
    near += fastest(lambda: find_faces(cut(samples[0].array, box, NEAR_SIDE, NEAR_SCALE)[0]), clock)
    one = fastest(lambda: detector.check(face_rgb=shown[0]), clock)
    rest = fastest(lambda: detector.check(face_rgb=shown), clock) - 5 * look - score[5]  # once all are scored
    before = clocked(look, (score[3], score[2]), (3, 2))
    found = {"one picture": one, "five, scored three and two, as it ships": before + rest}
    found["five, scored two, two and one"] = clocked(look, (score[2], score[2], score[1]), (2, 2, 1)) + rest
    found["five, each scored by itself"] = clocked(look, (score[1],) * 5, (1,) * 5) + rest
    found["five, the face sought near where it was"] = (
        clocked(near, (score[3], score[2]), (3, 2)) + look - near + rest
    )
    return found | {f"{how}, times one": spent / one for how, spent in list(found.items())[1:]}


def clocked(look: float, scores: tuple[float, ...], sizes: tuple[int, ...]) -> float:
    """When two cores have looked at five pictures, and scored these batches of them."""
    free, looked = [0.0, 0.0], []
    for _ in range(5):
        core = int(np.argmin(free))
        free[core] += look
        looked.append(free[core])
    for spent, end in zip(scores, np.cumsum(sizes).tolist(), strict=True):
        core = int(np.argmin(free))
        free[core] = max(free[core], max(looked[:end])) + spent
    return max(free)


def processes(bundle: str, photo: Path) -> dict[str, tuple[float, float]]:
    """Milliseconds of the processor and MiB at most, medians."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in PROCESSES}
    for _ in range(ROUNDS):
        for name, program in PROCESSES.items():
            words = ["check", "--bundle", bundle, "--face-rgb", str(photo)]
            done = subprocess.run(
                [sys.executable, "-c", START + program, *words],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                env=environment(sys.executable),
                check=False,
            )
            seconds, kibibytes = done.stderr.split()[-2:]
            seen[name].append((1e3 * float(seconds), float(kibibytes) / 1024))
    return {
        name: (statistics.median(ms for ms, _ in runs), statistics.median(mib for _, mib in runs))
        for name, runs in seen.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", default="face-rgb")
    parser.add_argument("--burst", action="store_true", help="only five frames on two cores")
    arguments = parser.parse_args()
    bundle = arguments.bundle
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        small, large = photos(Path(folder)).values()
        table = Table("what", "how", "ms", "MiB")
        shown = [frame.read_bytes() for frame in burst(small)]
        if not arguments.burst:
            whole(table, bundle, shown, large)
        for how, spent in on_two_cores(bundle, shown).items():
            table.add_row("frames, two idle cores", how, f"{spent:.2f}", "")
    Console(width=110).print(table)


def whole(table: Table, bundle: str, shown: list[bytes], large: Path) -> None:
    for how, spent in decoding(large.read_bytes(), 12_000_000).items():
        table.add_row("decoding 12 Mpx", how, f"{spent:.1f}", "")
    for how, spent in frames(bundle, shown).items():
        table.add_row("frames", how, f"{spent:.1f}", "")
    for how, (spent, most) in processes(bundle, large).items():
        table.add_row("start to verdict, 12 Mpx", how, f"{spent:.0f}", f"{most:.0f}")


if __name__ == "__main__":
    main()
