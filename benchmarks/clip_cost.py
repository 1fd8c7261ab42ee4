"""What a clip costs from its bytes to the verdict, with every cue of time, on one core.

    python benchmarks/clip_cost.py clip.mp4 [--frames 90]

Prints seconds of processor time over the length of the clip, without cues and with them, and the most memory
that the process took. Run it where nothing else runs: a core that is shared counts what others cost in its
caches.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from pathlib import Path

import cv2

import antispoof
from antispoof.runtime import presentation
from antispoof.sensing.capture import Recording
from antispoof.sensing.frames import load_member


def memory() -> float:
    """The most that the process took so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", type=int, help="the first so many pictures")
    given = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    detector = antispoof.load()
    clip = Recording(given.clip, frames=(0, given.frames) if given.frames else None)
    detector.check(face_rgb=clip)
    once = memory()
    lasts = max(end for _, end in load_member("face_rgb", clip).spans_s)

    def without(*arguments: object, cues: bool = False) -> object:
        del cues
        return load_member(*arguments)  # type: ignore[arg-type]

    for name, load in (("without cues", without), ("with every cue", load_member)):
        presentation.load_member = load  # type: ignore[assignment,attr-defined]
        detector.check(face_rgb=clip)
        spent = []
        for _ in range(3):
            begin = time.process_time()
            verdict = detector.check(face_rgb=clip)
            spent.append(time.process_time() - begin)
        print(
            f"{name:15} {min(spent):.2f} s, {min(spent) / lasts:.2f} of the {lasts:.2f} s it lasts; {verdict}"
        )
    for cue in verdict.cues:
        print(f"  {cue.name:12} {cue.status:15} {cue.contribution:+.2f} {' '.join(cue.reasons)}")
    print(f"most memory: {once:.0f} MB for one check, {memory():.0f} MB after nine in one process")


if __name__ == "__main__":
    main()
