"""Several live streams at once on two cores: from how many on does a queue grow?

    python benchmarks/streams.py CLIP [--streams 1 2 4 8 16 32 48] [--seconds 12]

Pictures of a clip, 1280 × 720, coded as JPEG as a browser sends them, arrive five times a second in each
stream, whether or not those before are done, and are dealt with by two threads, one after the other in each
stream, by what the service does with each: decoding, what a live capture looks at, the cues that a stream
carries. Prints for each number of streams how many pictures were waiting or worked on when one came, in the
first, the middle and the last third (a queue that grows makes the last longer), how long a picture took from
its arrival, and processor time as a share of two cores, which other work on the machine changes least. A
clip that lasts as long as a stream gives every picture once.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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


@dataclass
class Stream:
    """One connection: what waits, and whether something is worked on."""

    live: LiveCapture = field(
        default_factory=lambda: LiveCapture(challenges_for("passive", voice=False), random.SystemRandom())
    )
    samples: LiveSamples = field(default_factory=lambda: LiveSamples(["face_rgb"], Settings()))
    course: Watch = field(default_factory=lambda: Watch(CUES, JUDGED_A_SECOND))
    waiting: deque[tuple[int, float]] = field(default_factory=deque)
    busy: bool = False


class Load:
    """Streams that share two threads."""

    def __init__(self, sent: list[bytes], streams: int) -> None:
        self.sent = sent
        self.streams = [Stream() for _ in range(streams)]
        self.pool = ThreadPoolExecutor(CORES)
        self.lock = threading.Lock()
        self.pending = 0
        self.depths: list[tuple[float, int]] = []
        self.took: list[float] = []

    def arrive(self, stream: Stream, number: int, share: float) -> None:
        """A picture has come."""
        with self.lock:
            self.depths.append((share, self.pending))
            self.pending += 1
            stream.waiting.append((number, time.perf_counter()))
            if not stream.busy:
                stream.busy = True
                self.pool.submit(self.work, stream)

    def work(self, stream: Stream) -> None:
        """Deal with the next picture of a stream, and let others have their turn."""
        number, came_s = stream.waiting.popleft()
        content = self.sent[number % len(self.sent)]
        see_picture(stream.live, stream.samples, stream.course, content, number / RATE)
        with self.lock:
            self.pending -= 1
            self.took.append(time.perf_counter() - came_s)
            if stream.waiting:
                self.pool.submit(self.work, stream)
            else:
                stream.busy = False


def measure(sent: list[bytes], streams: int, seconds: float) -> str:
    """Run so many streams, and return what became of them in one line."""
    load = Load(sent, streams)
    begin, spent = time.perf_counter(), time.process_time()
    for number in range(int(seconds * RATE)):
        for place, stream in enumerate(load.streams):
            due_s = (number + place / streams) / RATE
            time.sleep(max(0.0, begin + due_s - time.perf_counter()))
            load.arrive(stream, number, due_s / seconds)
    while load.pending:
        time.sleep(0.005)
    load.pool.shutdown()
    late_s, spent = time.perf_counter() - begin - seconds, time.process_time() - spent
    thirds = [
        np.mean([depth for share, depth in load.depths if low <= 3 * share < low + 1]) for low in range(3)
    ]
    usual, slow = (1000 * np.quantile(load.took, (0.5, 0.95))).tolist()
    each = 1000 * spent / len(load.took)
    share = 100 * streams * RATE * each / 1000 / CORES
    depths = "".join(f"{depth:8.2f}" for depth in thirds)
    return f"{streams:7}{depths}{usual:10.0f}{slow:8.0f}{each:9.1f}{share:8.0f}{max(late_s, 0):9.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 48])
    parser.add_argument("--seconds", type=float, default=12.0)
    given = parser.parse_args()
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:CORES]))
    cv2.setNumThreads(1)
    sent = pictures(given.clip)
    measure(sent, 1, 1.0)  # networks are loaded
    print(f"{RATE} pictures a second in each stream, {CORES} cores, cues {', '.join(CUES)}")
    print("        waiting, by third       ms to the end   ms of a   % of    s after")
    print("streams   first  middle    last   half    95 %   core each  cores  the last")
    for streams in given.streams:
        print(measure(sent, streams, given.seconds), flush=True)


if __name__ == "__main__":
    main()
