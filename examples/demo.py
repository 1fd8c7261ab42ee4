"""Judge a photo, and a simulated replay of it on a screen; write a page with the evidence.

Run it with `make demo`, or `python examples/demo.py OUT_DIR`. The photo is NASA's portrait of Eileen
Collins, in the public domain, from scikit-image's wheel; nothing is downloaded.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.data import astronaut

import antispoof
from antispoof.evidence.explanation import OUTCOME_WORDS, details
from antispoof.evidence.page import write_evidence_page
from antispoof.runtime.checking import check_files
from antispoof.sensing.faces import find_faces
from antispoof.simulation.face.portrait import Portrait
from antispoof.simulation.face.presentations import simulate_face
from antispoof.simulation.face.staging import draw_framing


def replay_on_a_screen(photo: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Simulate what a camera sees when it is shown ``photo`` on a screen."""
    portrait = Portrait.of("astronaut", photo, find_faces(photo)[0].box)
    random = np.random.default_rng(seed)
    return simulate_face(portrait, "replay", draw_framing(random), random).image


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    photo = np.asarray(astronaut(), np.uint8)
    pictures = {"photo.jpg": photo, "simulated-replay.jpg": replay_on_a_screen(photo, seed=1)}
    for name, picture in pictures.items():
        cv2.imwrite(str(out / name), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    detector = antispoof.load()
    results = list(check_files(detector, [{"face_rgb": out / name} for name in pictures]))
    for entry in results:
        if entry.verdict is None:
            sys.exit(f"error: {entry.error}")
        print(f"{entry.name}: {OUTCOME_WORDS[entry.verdict.outcome]}")
        for name, words in details(entry.verdict):
            print(f"  {name:9} {words}")

    page = out / "evidence.html"
    write_evidence_page(
        page, results, title="A photo, and a replay of it", simulated=[out / "simulated-replay.jpg"]
    )
    print(f"\nThe replay is simulated. The evidence: {page}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
