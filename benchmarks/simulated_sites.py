"""Simulated sites on which forms and constants of rules are chosen, so that no real capture is looked at.

Half of the people that the shipped bundle's layers left for its rules stand at the sites on which rules are
fitted; the other half at those on which they are judged, where every capture is of a day of its own: light
and camera change it by a share of one of the changes of ``camera_changes``, drawn for each. ``DIR`` holds one
portrait a person, as for ``configs/face-rgb.yaml``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

import antispoof
from antispoof.scores.simulated_site import SimulatedSite
from antispoof.sensing.copies import FaceLook
from antispoof.simulation.face.camera_changes import CAMERA_CHANGES
from antispoof.simulation.face.portrait import Portrait
from antispoof.training.experiment import read_experiment
from antispoof.training.recipes.face_views.experiment import FaceViewsExperiment
from antispoof.training.recipes.face_views.people import portrait_presentations, read_people
from antispoof.training.recipes.face_views.sites import simulate_site
from antispoof.training.reporter import SILENT

EXPERIMENT = Path(__file__).parent.parent / "configs" / "face-rgb.yaml"
SEED = 77  # not the recipe's


@dataclass(frozen=True)
class Site:
    """A simulated site: what the rules are fitted on, its kind of attack, and how its pictures look.

    Attributes:
        scored: see `SimulatedSite`; captures without a usable face are left out.
        kind: of its attacks.
        patterns: float32, (N, D), what copies are known by.
    """

    scored: SimulatedSite
    kind: str
    patterns: NDArray[np.float32]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which sites."""
    parser.add_argument("--simulated", type=Path, required=True, metavar="DIR", help="folder of portraits")
    parser.add_argument("--bundle", default="face-rgb")
    parser.add_argument("--sites", type=int, default=36, help="to fit on, and as many to judge on")
    parser.add_argument("--captures", type=int, default=30, help="bona fide captures a site, and attacks")
    parser.add_argument(
        "--keep", type=Path, metavar="NPZ", help="keep what was simulated, or take it from there"
    )


def simulated_sites(arguments: argparse.Namespace) -> tuple[list[Site], list[Site]]:
    """Return sites to fit on, and sites to judge on."""
    if arguments.keep and arguments.keep.is_file():
        with np.load(arguments.keep) as held:
            return _read(held, "fit"), _read(held, "judge")
    experiment = read_experiment(EXPERIMENT, [f"portraits={arguments.simulated}", "run_dir=unused"])
    assert isinstance(experiment, FaceViewsExperiment)
    portraits, dev = read_people(experiment, portrait_presentations(experiment), SILENT)
    people = [portrait for portrait, kept in zip(portraits, dev, strict=True) if kept]
    detector = antispoof.load(arguments.bundle)
    kinds = experiment.simulation.attacks
    found = {
        part: [
            _site(detector, half, kinds[n % len(kinds)], arguments.captures, [SEED, k, n], changed=k == 1)
            for n in track(range(arguments.sites), part)
        ]
        for k, (part, half) in enumerate((("fit", people[::2]), ("judge", people[1::2])))
    }
    if arguments.keep:
        tables: dict[str, Any] = {k: v for part, sites in found.items() for k, v in _kept(part, sites)}
        np.savez(arguments.keep, **tables)
    return found["fit"], found["judge"]


def _site(
    detector: antispoof.Detector,
    people: list[Portrait],
    kind: str,
    captures: int,
    seed: list[int],
    changed: bool,
) -> Site:
    names = [portrait.subject for portrait in people]
    random, changes = np.random.default_rng(seed), [*CAMERA_CHANGES.values()]
    scores, features, person, bona_fide, patterns = [], [], [], [], []
    for face in simulate_site(people, kind, captures, seed):
        image = face.image
        if changed:
            picture, share = image.astype(np.float32) / np.float32(255), np.float32(random.random())
            other = changes[int(random.integers(len(changes)))](picture)
            image = np.asarray(255 * ((1 - share) * picture + share * other) + 0.5, np.uint8)
        verdict = detector.check(face_rgb=image)
        evidence = verdict.evidence[0]
        if evidence.score is None or evidence.features is None or evidence.region is None:
            continue
        scores.append(evidence.score)
        features.append(evidence.features)
        person.append(names.index(face.subject))
        bona_fide.append(face.pai_species is None)
        patterns.append(FaceLook.of(image, evidence.region).pattern.ravel())
    scored = SimulatedSite(np.array(scores), np.array(features), np.array(person), np.array(bona_fide))
    return Site(scored, kind, np.array(patterns))


def _kept(part: str, sites: list[Site]) -> list[tuple[str, NDArray[np.generic]]]:
    tables = [
        ("scores", np.concatenate([one.scored.scores for one in sites])),
        ("features", np.concatenate([one.scored.features for one in sites]).astype(np.float32)),
        ("person", np.concatenate([one.scored.person for one in sites])),
        ("bona_fide", np.concatenate([one.scored.bona_fide for one in sites])),
        ("patterns", np.concatenate([one.patterns for one in sites]).astype(np.float16)),
        ("counts", np.array([one.scored.scores.size for one in sites])),
        ("kinds", np.array([one.kind for one in sites])),
    ]
    return [(f"{part}_{name}", table) for name, table in tables]


def _read(held: np.lib.npyio.NpzFile, part: str) -> list[Site]:
    ends = np.cumsum(held[f"{part}_counts"])[:-1]
    scores, features, person, bona_fide, patterns = (
        np.split(held[f"{part}_{name}"], ends)
        for name in ("scores", "features", "person", "bona_fide", "patterns")
    )
    return [
        Site(SimulatedSite(s, f.astype(np.float64), p, b), str(kind), look.astype(np.float32))
        for s, f, p, b, look, kind in zip(
            scores, features, person, bona_fide, patterns, held[f"{part}_kinds"], strict=True
        )
    ]
