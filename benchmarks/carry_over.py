"""A site calibration carried over to another bundle, beside one learned anew: HTER, macro over sources.

    python benchmarks/carry_over.py --data DIR --old face-rgb-edge-1.onnx --new face-rgb

Every source of the pictures (see `face_rgb.py`) is a site. Of its people 20 teach the site calibration of the
old bundle, two thirds of the others are traffic, with a share of attacks, and the rest are the test; eight
draws of each.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from face_rgb import ENROLLED, PRINT, Picture, Scores, ours, read_pictures, score_all
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from antispoof.errors import InputError
from antispoof.runtime.bundle import BundleMetadata, SiteRule
from antispoof.runtime.site import SiteCalibration
from antispoof.scores.location import typical_score
from antispoof.sites.carry_over import carry_over

DRAWS = 8
Rows = NDArray[np.intp]


def learned(metadata: BundleMetadata, scores: Scores) -> SiteCalibration:
    """As `learn_site` would, of captures that are no near-duplicates."""
    rule = metadata.site or SiteRule(bona_fide_score=0.0)
    typical = typical_score(scores)
    spread = 1.6 * float(scores.std()) / np.sqrt(scores.size)
    shift = rule.shift(typical, scores.size)
    return SiteCalibration(
        bundle=metadata.name,
        bundle_sha256=metadata.sha256,
        typical_score=typical,
        shift=shift,
        shift_interval=(shift - spread, shift + spread),
        bona_fide=scores.size,
        distinct=scores.size,
        attack=0,
        rejected=0,
        suspicious=(),
        advice=(),
    )


def threshold(metadata: BundleMetadata) -> float:
    return metadata.operating_points[metadata.default_operating_point].threshold


def divided(source: NDArray[np.str_], attack: NDArray[np.bool_], share: float) -> Iterator[tuple[Rows, ...]]:
    """Yield, for every source and draw, enrolled people, traffic, people and attacks of the test."""
    rng = np.random.default_rng(0)
    for name in sorted(set(source)):
        people, attacks = (
            np.flatnonzero((source == name) & ~attack),
            np.flatnonzero((source == name) & attack),
        )
        if not attacks.size or name == f"collected-{PRINT}":
            continue
        for _ in range(DRAWS):
            people, attacks = rng.permutation(people), rng.permutation(attacks)
            enrolled = min(ENROLLED, people.size // 3)
            traffic_people = (people.size - enrolled) * 2 // 3
            among = min(round(share / (1 - share) * traffic_people), attacks.size // 2)
            traffic = np.concatenate([people[enrolled : enrolled + traffic_people], attacks[:among]])
            yield people[:enrolled], traffic, people[enrolled + traffic_people :], attacks[among:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--old", required=True)
    parser.add_argument("--new", required=True)
    arguments = parser.parse_args()
    pictures: list[Picture] = [p for p in read_pictures(arguments.data) if p.quality.usable]
    source = np.array([p.source for p in pictures])
    attack = np.array([p.pai_species != "" for p in pictures])
    (old_system, one), (new_system, other) = ours(arguments.old), ours(arguments.new)
    old, new = score_all(old_system, pictures), score_all(new_system, pictures)
    before, after = one.bundle.metadata, other.bundle.metadata
    kinds = ("old, at its site", "new, as shipped", "new, learned anew", "new, carried over")
    table = Table("attacks in the traffic", *kinds, "refused", title="HTER %")
    for share in (0.0, 0.1, 0.3, 0.5):
        found: dict[str, list[float]] = {kind: [] for kind in kinds}
        refused = 0
        for enrolled, traffic, people, attacks in divided(source, attack, share):
            site = learned(before, old[enrolled])
            try:
                carried = carry_over(site, before, after, old[traffic], new[traffic]).shift
            except InputError:
                refused += 1
                continue
            anew = learned(after, new[enrolled]).shift
            cases = (
                (old, threshold(before) + site.shift),
                (new, threshold(after)),
                (new, threshold(after) + anew),
                (new, threshold(after) + carried),
            )
            for kind, (scores, at) in zip(kinds, cases, strict=True):
                errors = np.mean(scores[people] < at), np.mean(scores[attacks] >= at)
                found[kind].append(float(np.mean(errors)))
        means = (f"{100 * np.mean(found[kind]):.1f}" for kind in kinds)
        table.add_row(f"{share:.0%}", *means, str(refused))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
