"""Several live streams at once on two cores: does a queue grow?

    python benchmarks/streams.py CLIP [--streams 4] [--seconds 20]

Pictures of a clip, 1280 × 720, coded as JPEG as a browser sends them, arrive five times a second in each
stream and are dealt with by two threads, by what the service does with each: decoding, what a live capture
looks at, the cues that a stream carries. Prints how long a picture waited and was worked on, in the first and
the last third (a queue that grows makes the last longer), and processor time as a share of two cores, which
other work on the machine changes least.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import time
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from antispoof.challenges.live import LiveCapture, challenges_for
from antispoof.sensing.video import film_pictures
from antispoof.sensing.watch import Watch
from antispoof.service.live_samples import LiveSamples
from antispoof.service.routes.stream import CUES, JUDGED_A_SECOND, see_picture
from antispoof.service.settings import Settings

RATE = 5
SIZE = (1280, 720)
CORES = 2


def pictures(clip: Path) -> list[bytes]:
    """Pictures of a clip, five a second, as JPEG."""
    found, due = [], 0.0
    for time_s, picture in islice(film_pictures(clip), 300):
        if time_s < due:
            continue
        due += 1 / RATE
        scale = min(SIZE[0] / picture.shape[1], SIZE[1] / picture.shape[0])
        shown = cv2.resize(picture, None, fx=scale, fy=scale)
        whole = np.full((SIZE[1], SIZE[0], 3), 100, np.uint8)
        left = (SIZE[0] - shown.shape[1]) // 2
        whole[: shown.shape[0], left : left + shown.shape[1]] = shown
        file = io.BytesIO()
        Image.fromarray(whole).save(file, "JPEG", quality=85)
        found.append(file.getvalue())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:CORES]))
    cv2.setNumThreads(1)
    sent = pictures(given.clip)
    streams = [
        (
            LiveCapture(challenges_for("passive", voice=False), random.SystemRandom()),
            LiveSamples(["face_rgb"], Settings()),
            Watch(CUES, JUDGED_A_SECOND),
        )
        for _ in range(given.streams)
    ]
    count = int(given.seconds * RATE)
    took: list[tuple[int, float]] = []

    def deal(stream: int, number: int, due_s: float) -> None:
        live, samples, course = streams[stream]
        see_picture(live, samples, course, sent[number % len(sent)], number / RATE)
        took.append((number, time.perf_counter() - due_s))

    with ThreadPoolExecutor(CORES) as pool:
        deal(0, 0, time.perf_counter())  # networks are loaded
        took.clear()
        last: list[Future[None] | None] = [None] * given.streams
        begin, spent = time.perf_counter(), time.process_time()
        for number in range(1, count):
            for stream in range(given.streams):
                due = begin + (number + stream / given.streams) / RATE
                time.sleep(max(0.0, due - time.perf_counter()))
                before = last[stream]
                if before is not None and not before.done():
                    before.result()  # one picture of a stream after the other
                last[stream] = pool.submit(deal, stream, number, due)
        pool.shutdown(wait=True)
        wall, spent = time.perf_counter() - begin, time.process_time() - spent
    for name, low, high in (("first", 0, 1), ("last", 2, 3)):
        part = [waited for number, waited in took if low * count / 3 <= number < high * count / 3]
        median, slow = np.quantile(part, (0.5, 0.95)).tolist()
        print(f"{name} third: from arrival to done {1000 * median:.0f} ms, 95 % within {1000 * slow:.0f} ms")
    each = 1000 * spent / len(took)
    asked = given.streams * RATE * each / 1000 / CORES
    print(
        f"{given.streams} streams, {RATE} pictures a second each, cues {', '.join(CUES)}: {each:.1f} ms of a "
        f"core a picture, {100 * asked:.0f} % of {CORES} cores; {wall:.1f} s for {given.seconds:.0f} s"
    )


if __name__ == "__main__":
    main()
