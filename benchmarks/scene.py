"""How many simulated multi-sensor presentations a second: python benchmarks/scene.py

Prints the rate of `render_scene` at 128 × 128 over processes, half bona fide and half attacks of all kinds,
and in the same run what a peer takes, for scale: OpenCV decoding and resizing a 12-megapixel JPEG, the usual
price of one real picture in a training set. Processor time is what other programs disturb least.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import cv2
import numpy as np

from antispoof.simulation.scene.collection import plan_scenes
from antispoof.simulation.scene.render import render_scene

PROCESSES = 2
SIZE = 128


def main() -> None:
    specs = plan_scenes(0, subjects=12, bona_fide=13, attacks=13)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context, cv2.setNumThreads, (1,)) as pool:
        list(pool.map(render_scene, specs[:16], [SIZE] * 16, chunksize=4))  # start the processes
        start = time.perf_counter()
        for _ in pool.map(render_scene, specs, [SIZE] * len(specs), chunksize=4):
            pass
        rate = len(specs) / (time.perf_counter() - start)
    cv2.setNumThreads(1)
    for spec in specs[:4]:
        render_scene(spec, SIZE)
    start = time.process_time()
    for spec in specs[::6]:
        render_scene(spec, SIZE)
    processor_ms = 1000 * (time.process_time() - start) / len(specs[::6])
    photo = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 255, (3000, 4000, 3)).astype(np.uint8), (0, 0), 3
    )
    _, data = cv2.imencode(".jpg", photo)
    start = time.process_time()
    for _ in range(5):
        picture: Any = cv2.imdecode(data, cv2.IMREAD_COLOR)
        cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    peer_ms = 1000 * (time.process_time() - start) / 5
    result = {
        "presentations": len(specs),
        "size": SIZE,
        "processes": PROCESSES,
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "presentations_per_second": round(rate, 1),
        "processor_ms_per_presentation": round(processor_ms, 1),
        "peer_jpeg_12mp_processor_ms": round(peer_ms, 1),
        "ratio_to_peer": round(processor_ms / peer_ms, 2),
        "python": platform.python_version(),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
