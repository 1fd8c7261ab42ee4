"""What `antispoof-web` costs in a browser on this machine: a frame, the first verdict, the download.

    python benchmarks/web.py [--bundle FILE] [--rounds 30]

Processor times hold on a busy machine too; they are of the renderer, page and worker together.
Headless Chromium, WebAssembly with SIMD, one thread, a rendered face in a picture of 640 × 480. Needs
``web/package`` to be built (``make test-web``). ``--bundle`` is looked at in place of the shipped
``face-rgb-edge``, such as an export ``--to ort-web`` or ``onnx-int8``. Bytes are those of gzip -9.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import http.server
import os
import shutil
import statistics
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TARGETS = {"frame": 60.0, "first verdict": 2000.0, "download": 12.0}
OPEN = """async () => {
  const start = performance.now();
  const { Looker } = await import('./index.js');
  window.looker = await Looker.open({ worker: 'worker.js', bundle: 'bundle.onnx',
    detector: 'yunet_n_dynamic.onnx', runtime: 'ort-wasm-simd-threaded.wasm' });
  const picture = await createImageBitmap(await (await fetch('frame.png')).blob());
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  window.context = canvas.getContext('2d', { willReadFrequently: true });
  window.context.drawImage(picture, 0, 0);
  await window.looker.look(window.context.getImageData(0, 0, canvas.width, canvas.height));
  return performance.now() - start;
}"""
LOOKS = """async (rounds) => {
  const looks = [];
  for (let round = 0; round < rounds; round++) {
    const { width, height } = window.context.canvas;
    const image = window.context.getImageData(0, 0, width, height);
    const before = performance.now();
    const look = await window.looker.look(image);
    const whole = performance.now() - before;
    looks.push({ whole, find: look.findMs, rest: look.scoreMs, score: look.score });
  }
  return looks;
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and writes no log."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def measured(folder: Path, rounds: int) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as play:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = play.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/words.json")
        before = renderers_s()
        first = page.evaluate(OPEN)
        opened = renderers_s()
        page.evaluate(LOOKS, 5)  # until the compiler has seen it
        warm = renderers_s()
        looks = page.evaluate(LOOKS, rounds)
        cpu_ms = 1e3 * (renderers_s() - warm) / rounds
        found = {"first": first, "first_cpu_ms": 1e3 * (opened - before), "looks": looks, "cpu_ms": cpu_ms}
        browser.close()
        server.shutdown()
        return found


def renderers_s() -> float:
    """Return the seconds of the processor that this program's renderers, workers included, have taken."""
    parents, times = {}, {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            renders = b"--type=renderer" in (path / "cmdline").read_bytes()
        except OSError:
            continue
        parents[int(path.name)] = int(fields[1])
        if renders:
            times[int(path.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def mine(process: int) -> bool:
        while process not in (0, os.getpid()):
            process = parents.get(process, 0)
        return process != 0

    return sum(seconds for process, seconds in times.items() if mine(process))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=30)
    given = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
    from build_web_demo import BUILT, build

    if missing := [path for path in BUILT if not path.exists()]:
        parser.error(f"no {missing[0]}: (cd web/package && npm ci --ignore-scripts && npm run build)")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder, given.bundle)
        face = np.asarray(Image.open(folder / "rendered.png"))
        Image.fromarray(np.pad(face, ((0, 0), (80, 80), (0, 0)), "edge")).save(folder / "frame.png")
        found = measured(folder, given.rounds)
        files = (
            "index.js",
            "worker.js",
            "ort-wasm-simd-threaded.wasm",
            "yunet_n_dynamic.onnx",
            "bundle.onnx",
        )
        sizes = {name: len(gzip.compress((folder / name).read_bytes(), 9)) / 1e6 for name in files}
    print(f"SIMULATED face, score {found['looks'][0]['score']:.3f}")
    for key in ("whole", "find", "rest"):
        values = [look[key] for look in found["looks"]]
        print(f"{key}: median {statistics.median(values):.1f} ms, fastest {min(values):.1f} ms")
    print(f"frame: {found['cpu_ms']:.1f} ms of the processor, target {TARGETS['frame']:g} ms")
    print(
        f"first verdict: {found['first']:.0f} ms, {found['first_cpu_ms']:.0f} ms of the processor, "
        f"target {TARGETS['first verdict']:g} ms"
    )
    print("download: " + ", ".join(f"{name} {size:.2f} MB" for name, size in sizes.items()))
    print(f"download: {sum(sizes.values()):.2f} MB, target {TARGETS['download']:g} MB")


if __name__ == "__main__":
    main()
