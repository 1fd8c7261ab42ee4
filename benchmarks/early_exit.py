"""What a cascade would do: the wider views are asked only where the close view leaves the verdict open.

    python benchmarks/early_exit.py --data DIR --bundle face-rgb

DIR is that of ``face_rgb.py``. The log-odds of a wider view are clipped, so with the weight of each in the
joint layer they can move a score by so much and no more: where the close view alone is further than that from
the threshold, the verdict is proven. What a cascade costs is everything else that is made of a score: its
order within a source (AUC, EER), and with it what several frames, earlier captures and sites make of it.
Scores that leave early are those of the close view, scaled to those of all views by least squares.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from face_rgb import PRINT, read_pictures
from rich.console import Console
from rich.table import Table

import antispoof
from antispoof.evaluation.metrics import auc, d_eer
from antispoof.networks.face_views import LIMIT

MARGINS = (0.5, 1.0, 1.5, 2.0, 3.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--bundle", default="face-rgb", help="one with finished networks on wider views")
    arguments = parser.parse_args()
    detector = antispoof.load(arguments.bundle)
    metadata = detector.bundle.metadata
    wider = len(metadata.inputs) - 1
    assert metadata.head is not None
    if not wider:
        raise SystemExit(f"{metadata.name} has the close view alone")
    weights = np.array(metadata.head.weight[-wider:]) * metadata.calibration.slope
    threshold = detector.operating_point.threshold
    whole, added, sources, attack = [], [], [], []
    for picture in read_pictures(arguments.data):
        evidence = detector.check(face_rgb=picture.image).evidence[0]
        if evidence.features is None or evidence.score is None:
            continue
        whole.append(evidence.score)
        added.append(float(evidence.features[-wider:] @ weights))
        sources.append(picture.source)
        attack.append(bool(picture.pai_species))
    full, of_source, is_attack = np.array(whole), np.array(sources), np.array(attack)
    close = np.polyval(np.polyfit(full - added, full, 1), full - np.array(added))
    most = LIMIT * np.abs(weights).sum()
    proven = np.abs(full - np.array(added) - threshold) > most
    table = Table("leaves early", "share %", "verdicts changed %", "AUC %", "EER %", "AUC of prints %")

    def row(name: str, early: np.ndarray) -> None:
        scores = np.where(early, close, full)
        figures = []
        for source in sorted(set(sources) - {f"collected-{PRINT}"}):
            here = of_source == source
            if 0 < is_attack[here].sum() < here.sum():
                people, attacks = scores[here & ~is_attack], scores[here & is_attack]
                figures.append((auc(people, attacks), d_eer(people, attacks).value))
        prints = of_source == f"collected-{PRINT}"
        cells = (
            early.mean(),
            np.mean((scores >= threshold) != (full >= threshold)),
            *np.mean(figures, axis=0),
            auc(scores[prints & ~is_attack], scores[prints & is_attack]),
        )
        table.add_row(name, *(f"{100 * cell:.2f}" for cell in cells))

    row("nothing", np.zeros(len(full), bool))
    row(f"what is proven (±{most:.2f})", proven)
    for margin in MARGINS:
        row(f"further than {margin:g} from the threshold", np.abs(close - threshold) > margin)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
