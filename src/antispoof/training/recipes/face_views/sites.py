"""Simulated sites: what every rule is learned on that several captures of one place take part in.

A site is one room, one camera and one instrument, seen many times: all captures of a site draw the same
light, camera and instrument parameters, while people, pose and background change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from antispoof.runtime.bundle import SiteRule
from antispoof.scores.location import typical_score
from antispoof.scores.pooling import Pooling, fit_pooling
from antispoof.scores.reference import ReferenceRule, fit_reference
from antispoof.scores.simulated_site import SimulatedSite
from antispoof.scores.traffic import TrafficRule, fit_traffic
from antispoof.simulation.face.augmentation import jitter_box
from antispoof.simulation.face.portrait import Portrait
from antispoof.simulation.face.presentations import SimulatedFace, present
from antispoof.simulation.face.staging import draw_framing, stage
from antispoof.training.recipe import Graph
from antispoof.training.recipes.face_views.experiment import FaceViewsExperiment
from antispoof.training.recipes.face_views.network import look

__all__ = ["SiteRules", "fit_rules", "score_sites", "simulate_site", "site_margin"]

PEOPLE = 3


class SiteRules(NamedTuple):
    """What `fit_rules` finds, as the bundle tells it."""

    site: SiteRule
    pooling: Pooling
    reference: ReferenceRule
    traffic: TrafficRule


def score_sites(
    experiment: FaceViewsExperiment,
    graph: Graph,
    people: Sequence[Portrait],
    progress: Callable[[int, int], None],
) -> list[SimulatedSite]:
    """Simulate the sites of an experiment, one kind of attack each, in turn, and score their captures.

    Args:
        experiment: how many, and of how many captures.
        graph: judges; its scores are calibrated.
        people: who may be seen.
        progress: is told how many are done, of how many.
    """
    numbers = {portrait.subject: number for number, portrait in enumerate(people)}
    kinds, wanted = experiment.simulation.attacks, experiment.sites.count
    sites = []
    for number in range(wanted):
        seed = [experiment.seed, number]
        faces = simulate_site(people, kinds[number % len(kinds)], experiment.sites.captures, seed)
        rng = np.random.default_rng(seed)
        scores, features = look(experiment, graph, [(f.image, jitter_box(f.face, rng)) for f in faces])
        person = np.array([numbers[face.subject] for face in faces])
        bona_fide = np.array([face.pai_species is None for face in faces])
        sites.append(SimulatedSite(scores, features, person, bona_fide))
        progress(number + 1, wanted)
    return sites


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


def fit_rules(sites: Sequence[SimulatedSite], threshold: float) -> SiteRules:
    """Fit every rule that several captures of one place take part in.

    Args:
        sites: simulated.
        threshold: of the operating point that the bundle decides at.

    Raises:
        InputError: the sites are too few, or too small.
    """
    return SiteRules(
        site=SiteRule(bona_fide_score=threshold + site_margin(sites, typical_score)),
        pooling=fit_pooling(sites),
        reference=fit_reference(sites),
        traffic=fit_traffic(sites, threshold),
    )


def site_margin(sites: Sequence[SimulatedSite], location: Callable[[NDArray[np.float64]], float]) -> float:
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
        people, attacks = np.sort(site.scores[site.bona_fide]), np.sort(site.scores[~site.bona_fide])
        thresholds = location(people) - margins
        rejected = np.searchsorted(people, thresholds, side="left") / people.size
        accepted = 1 - np.searchsorted(attacks, thresholds, side="left") / attacks.size
        errors += (rejected + accepted) / 2
    best = np.flatnonzero(errors <= errors.min() + 1e-9 * len(sites))
    plateaus = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    return float(margins[max(plateaus, key=len)].mean())
