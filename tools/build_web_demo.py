"""Gather the demo page of `antispoof-web` in one folder that any static server can serve, without a network.

    python tools/build_web_demo.py build/web-demo

The package has to be built before: ``npm ci && npm run build`` in ``web/package``.
"""

from __future__ import annotations

import argparse
import json
import shutil
from importlib.resources import files
from pathlib import Path

from PIL import Image

from antispoof.runtime.bundle import shipped_bundles
from antispoof.sensing.modalities import modalities
from antispoof.simulation.scene.render import SceneSpec, render_scene

PACKAGE = Path(__file__).parents[1] / "web" / "package"
RUNTIME = PACKAGE / "node_modules" / "onnxruntime-web" / "dist" / "ort-wasm-simd-threaded.wasm"
BUILT = (*(PACKAGE / "dist" / name for name in ("index.js", "worker.js")), RUNTIME)
"""What ``npm ci`` and ``npm run build`` leave in ``web/package``."""
BUNDLE = "face-rgb-edge"
RENDERED = SceneSpec(5, 3, 0, None, "phone", "office")


def build(out: Path, bundle: Path | None = None) -> None:
    """Fill ``out``; ``bundle`` is the one that looks, in place of the shipped ``face-rgb-edge``."""
    out.mkdir(parents=True, exist_ok=True)
    detector = Path(str(files("antispoof.sensing"))) / "weights" / "yunet_n_dynamic.onnx"
    for path in (
        *(PACKAGE / "demo").iterdir(),
        *BUILT,
        detector,
    ):
        shutil.copy(path, out / path.name)
    shutil.copy(bundle or shipped_bundles()[BUNDLE], out / "bundle.onnx")
    words = dict(modalities["face_rgb"].reasons)
    (out / "words.json").write_text(json.dumps(words, indent=1) + "\n")
    Image.fromarray(render_scene(RENDERED, 480)["face_rgb"]).save(out / "rendered.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--bundle", type=Path, help="another bundle, such as one for ort-web")
    given = parser.parse_args()
    if missing := [path for path in BUILT if not path.exists()]:
        parser.error(f"no {missing[0]}: (cd web/package && npm ci --ignore-scripts && npm run build)")
    build(given.out, given.bundle)
    print(f"{given.out}: serve it with: python3 -m http.server --bind 127.0.0.1 -d {given.out}")


if __name__ == "__main__":
    main()
