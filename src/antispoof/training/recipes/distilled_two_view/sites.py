"""Simulated sites: where the margin comes from that site calibration keeps below the site's bona fide scores.

A site is one room, one camera and one instrument, seen many times: all captures of a site draw the same
light, camera and instrument parameters, while people, pose and background change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.face.portrait import Portrait
from antispoof.simulation.face.presentations import SimulatedFace, present
from antispoof.simulation.face.staging import draw_framing, stage

__all__ = ["SiteScores", "simulate_site", "site_margin"]

PEOPLE = 3


@dataclass(frozen=True, slots=True)
class SiteScores:
    """Calibrated scores of one site: (N,) bona fide, (M,) attacks."""

    bona_fide: NDArray[np.float64]
    attack: NDArray[np.float64]


def simulate_site(
    portraits: Sequence[Portrait], species: str, captures: int, seed: Sequence[int]
) -> list[SimulatedFace]:
    """Simulate ``captures`` bona fide captures of a site and as many attacks, of three people."""
    site = np.random.default_rng(seed)
    people = [portraits[int(i)] for i in site.integers(0, len(portraits), PEOPLE)]
    scene, attack = (int(s) for s in site.integers(0, 2**31, 2))
    # One framing and one generator state for the whole site: noise takes as many draws as there are pixels,
    # so only pictures of one size go on to draw the same light, the same camera, the same instrument.
    framing = draw_framing(site)
    faces = []
    for number in range(captures):
        person = people[number % PEOPLE]
        staged = stage(person, framing, np.random.default_rng([*seed, number]))
        for kind, state in ((None, scene), (species, attack)):
            image, face = present(staged, None, kind, np.random.default_rng(state))
            faces.append(SimulatedFace(image, face, kind, person.subject))
    return faces


def site_margin(sites: Sequence[SiteScores], location: Callable[[NDArray[np.float64]], float]) -> float:
    """Margin below a site's typical bona fide score that makes the mean error over all sites least.

    Args:
        sites: scores by site.
        location: what "typical" means, a robust mean.

    Returns:
        The margin, in the unit of the scores: the middle of the widest range where the error is least.
    """
    margins = np.arange(0, 8, 0.01)
    errors = np.zeros_like(margins)
    for site in sites:
        thresholds = location(site.bona_fide) - margins
        rejected = np.searchsorted(np.sort(site.bona_fide), thresholds, side="left") / site.bona_fide.size
        accepted = 1 - np.searchsorted(np.sort(site.attack), thresholds, side="left") / site.attack.size
        errors += (rejected + accepted) / 2
    best = np.flatnonzero(errors <= errors.min() + 1e-9 * len(sites))
    plateaus = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    return float(margins[max(plateaus, key=len)].mean())
