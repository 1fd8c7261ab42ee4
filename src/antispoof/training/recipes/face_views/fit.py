"""The recipe, from portraits to a checkpoint, read from top to bottom; every step is kept and not done again.

1. Simulate presentations of every portrait; compute frozen features and ask finished networks (`shards`).
2. Teach the context branch, where there is one, on the people of train (`branch`).
3. Fit the linear layer over the close view, on the people of train (`layers`), steadied against what other
   cameras do (`steadiness`).
4. Weigh what all views say, which calibrates as well, and set the operating points, on the people of dev.
5. On simulated sites of the people of dev, fit how several frames become one ratio, and how the captures of a
   site, its traffic and earlier captures of a person move the threshold (`sites`).
6. Score the test presentations, where there are any.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from antispoof.data.presentation import Presentation
from antispoof.evaluation.scores import ScoreSet
from antispoof.networks.face_views import FaceViewsNetwork
from antispoof.runtime.bundle import MeasuredResult, OperatingPointEntry
from antispoof.simulation.face.portrait import Portrait
from antispoof.training.description import measured
from antispoof.training.operating_points import figures, operating_points
from antispoof.training.recipes.face_views.branch import teach
from antispoof.training.recipes.face_views.description import describe_bundle
from antispoof.training.recipes.face_views.experiment import FaceViewsExperiment
from antispoof.training.recipes.face_views.layers import fit_close, fit_joint, set_layers
from antispoof.training.recipes.face_views.network import build_network, graph_of, read_parts, with_imagenet
from antispoof.training.recipes.face_views.people import read_people, without_unseen
from antispoof.training.recipes.face_views.samples import keep_samples
from antispoof.training.recipes.face_views.shards import (
    BONA_FIDE,
    Shard,
    fingerprint,
    make_shards,
    read_shards,
)
from antispoof.training.recipes.face_views.sites import fit_rules, score_sites
from antispoof.training.recipes.face_views.steadiness import mean_changes
from antispoof.training.recipes.face_views.testing import score_presentations
from antispoof.training.reporter import SILENT, Reporter
from antispoof.training.run_folder import claim, finish, presentations_digest

__all__ = ["train_on"]

_ROWS = 128


def train_on(
    experiment: FaceViewsExperiment,
    presentations: tuple[Presentation, ...],
    report: Reporter = SILENT,
) -> Path:
    """Run the recipe; see `antispoof.training.recipe.Recipe.train_on`."""
    parts = read_parts(experiment)  # fails now rather than in the processes that ask them
    experiment = without_unseen(experiment, presentations, report)
    report.say("reading portraits")
    portraits, dev_people = read_people(experiment, presentations, report)
    report.say(f"{len(portraits)} people, {int(dev_people.sum())} of them for dev")
    data = {
        "presentations_sha256": presentations_digest(presentations),
        "portraits_sha256": fingerprint(experiment, portraits, dev_people),
    }
    run, kept = experiment.run_dir, experiment.kept
    if claim(experiment, data):
        report.say(f"{run} is finished already")
        return run
    network = with_imagenet(build_network(experiment))

    report.say("simulating presentations")
    make_shards(
        experiment,
        portraits,
        dev_people,
        kept / "shards",
        lambda done, of: report.progress("shards", done, of),
    )
    shard = read_shards(experiment, portraits, dev_people, kept / "shards")
    dev = dev_people[shard.subject]

    if network.context is not None and experiment.context is not None:
        report.say("teaching the context branch")
        known = np.isin(shard.species, (BONA_FIDE, *experiment.context.attacks))
        teach(
            network.context,
            shard.maps,
            shard.species == BONA_FIDE,
            known & ~dev,
            known & dev,
            experiment.context,
            kept / "branch" / _branch_key(experiment, portraits, dev_people),
            experiment.seed,
        )

    report.say("fitting the linear layers")
    changes = None
    if experiment.head.steady:
        changes = mean_changes(
            experiment,
            network,
            portraits,
            dev_people,
            kept / "changes",
            lambda done, of: report.progress("other cameras", done, of),
        )
    close = fit_close(shard.pooled[~dev], shard.species[~dev], experiment.head, changes)
    opinions = np.column_stack([close(shard.pooled[dev, 0]), _odds(network, shard, dev)])
    joint = fit_joint(opinions, shard.species[dev], experiment.joint)
    set_layers(network, close, joint)
    weighed = zip(("close", *experiment.view_names[1:]), joint.weight, strict=True)
    report.say("weights of the views: " + ", ".join(f"{name} {weight:.3f}" for name, weight in weighed))
    scores = joint(opinions)
    points, results = _operating_points(scores, shard.species[dev])

    report.say("simulating sites")
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast
    graph = graph_of(experiment, network, parts)
    people = [portrait for portrait, held_out in zip(portraits, dev_people, strict=True) if held_out]
    sites = score_sites(experiment, graph, people, lambda done, of: report.progress("sites", done, of))
    rules = fit_rules(sites, points[experiment.operating_point].threshold)

    if experiment.quantise:
        keep_samples(
            experiment, [p for p, held_out in zip(portraits, dev_people, strict=True) if not held_out]
        )
    found = {"dev": _dev_scores(scores, shard, dev, portraits)}
    test = tuple(p for p in presentations if p.partition == "test" and "face_rgb" in p.captures)
    if test:
        report.say("scoring test")
        found["test"] = score_presentations(experiment, graph, test, report)
        results += [result for result in [measured(found["test"], "test")] if result is not None]
    metadata = describe_bundle(experiment, network, shard, points, results, rules)
    for result in results:
        report.say(f"{result.data}: " + ", ".join(f"{k} {v:.4f}" for k, v in result.metrics.items()))
    return finish(experiment, network.state_dict(), data, found, metadata)


def _branch_key(
    experiment: FaceViewsExperiment, portraits: list[Portrait], dev_people: NDArray[np.bool_]
) -> str:
    """Digest of everything that the context branch depends on."""
    settings = experiment.context, experiment.head.stages
    text = fingerprint(experiment, portraits, dev_people) + repr(settings)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _odds(network: FaceViewsNetwork, shard: Shard, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What the wider views say of some pictures, (N, O), in the order of the network's features."""
    said = [shard.answers[rows].astype(np.float64)]
    if network.context is not None:
        maps = shard.maps[rows, 0]
        with torch.inference_mode():
            branch = [
                network.branch_odds(torch.from_numpy(maps[start : start + _ROWS]).float())
                for start in range(0, len(maps), _ROWS)
            ]
        said.insert(0, torch.cat(branch).double().numpy())
    return np.column_stack(said)


def _operating_points(
    scores: NDArray[np.float64], species: NDArray[np.str_]
) -> tuple[dict[str, OperatingPointEntry], list[MeasuredResult]]:
    """Thresholds and figures on dev; the joint logistic regression makes its scores log-likelihood ratios."""
    data = "dev people of the simulation (simulated)"
    bona_fide = scores[species == BONA_FIDE]
    attacks = {str(name): scores[species == name] for name in np.unique(species) if name != BONA_FIDE}
    metrics = figures(bona_fide, attacks)
    result = MeasuredResult(data=data, simulated=True, metrics=metrics)
    return operating_points(bona_fide, attacks, data), [result]


def _dev_scores(
    scores: NDArray[np.float64], shard: Shard, dev: NDArray[np.bool_], portraits: list[Portrait]
) -> ScoreSet:
    rows = np.flatnonzero(dev)
    people = [portraits[int(shard.subject[row])].subject for row in rows]
    return ScoreSet.from_columns(
        [f"{person}-{row}" for person, row in zip(people, rows, strict=True)],
        scores,
        [str(shard.species[row]) or None for row in rows],
        subject=people,
        simulated=[True] * len(rows),
        name="dev",
    )
