"""The recipe, from portraits to a checkpoint, read from top to bottom; every step is kept and not done again.

1. Simulate presentations of every portrait; compute frozen features, and the teachers' answers (`shards`).
2. Teach the context branch (`distil`).
3. Fit the linear layer over the close view, on the people of train.
4. Join both views, calibrate, and set the operating points, on the people of dev.
5. Set the margin of site calibration on simulated sites of the people of dev (`sites`).
6. Score the test presentations, where there are any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from antispoof.data.presentation import Presentation
from antispoof.evaluation.scores import ScoreSet
from antispoof.networks.encoders.efficientnet_lite import imagenet_state
from antispoof.networks.two_view import TwoViewNetwork
from antispoof.runtime.bundle import MeasuredResult, OperatingPointEntry
from antispoof.scores.logistic import Linear, fit_logistic
from antispoof.sensing.faces import CropRecipe, crop
from antispoof.simulation.face.augmentation import jitter_box
from antispoof.simulation.face.portrait import Portrait
from antispoof.sites.learning import typical_score
from antispoof.training.description import measured
from antispoof.training.operating_points import figures, operating_points
from antispoof.training.recipes.distilled_two_view.description import describe_bundle
from antispoof.training.recipes.distilled_two_view.distil import distil
from antispoof.training.recipes.distilled_two_view.experiment import DistilledTwoViewExperiment
from antispoof.training.recipes.distilled_two_view.people import read_people, without_unseen
from antispoof.training.recipes.distilled_two_view.shards import (
    BONA_FIDE,
    NaturalShard,
    Shard,
    fingerprint,
    make_shards,
    read_shards,
)
from antispoof.training.recipes.distilled_two_view.sites import SiteScores, simulate_site, site_margin
from antispoof.training.recipes.distilled_two_view.teacher import Teacher
from antispoof.training.recipes.distilled_two_view.testing import score_presentations
from antispoof.training.reporter import SILENT, Reporter
from antispoof.training.run_folder import claim, finish, presentations_digest

__all__ = ["train_on"]


def train_on(
    experiment: DistilledTwoViewExperiment,
    presentations: tuple[Presentation, ...],
    report: Reporter = SILENT,
) -> Path:
    """Run the recipe; see `antispoof.training.recipe.Recipe.train_on`."""
    for path in experiment.teachers:
        Teacher(path)  # fails now rather than in the processes that ask it
    experiment = without_unseen(experiment, presentations, report)
    report.say("reading portraits")
    portraits, dev_people = read_people(experiment, presentations, report)
    report.say(f"{len(portraits)} people, {int(dev_people.sum())} of them for dev")
    data = {
        "presentations_sha256": presentations_digest(presentations),
        "portraits_sha256": fingerprint(experiment, portraits),
    }
    run, kept = experiment.run_dir, experiment.kept
    if claim(experiment, data):
        report.say(f"{run} is finished already")
        return run
    network = _network(experiment)

    report.say("simulating presentations, asking the teachers")
    make_shards(experiment, portraits, kept / "shards", lambda done, of: report.progress("shards", done, of))
    shard = read_shards(experiment, portraits, kept / "shards", Shard)
    natural = read_shards(experiment, portraits, kept / "shards", NaturalShard)
    dev = dev_people[shard.subject]

    report.say("teaching the context branch")
    views = shard.maps.shape[1]
    distil(
        network.context,
        np.concatenate([shard.maps.reshape(-1, *shard.maps.shape[2:]), natural.maps]),
        np.concatenate([shard.taught.reshape(-1), natural.taught]),
        np.concatenate([np.repeat(dev, views), dev_people[natural.subject]]),
        experiment.distillation,
        kept / "distillation" / _student_key(experiment, portraits, dev_people),
        experiment.seed,
    )

    report.say("fitting the linear layers")
    close = _fit_close(experiment, shard, ~dev)
    context = _context_scores(network, shard.maps[:, 0])
    bona_fide = shard.species == BONA_FIDE
    pair = np.stack([close(shard.pooled), context], 1)
    joint = fit_logistic(pair[dev], bona_fide[dev], ridge=1 / int(dev.sum()))
    with torch.no_grad():
        weight = np.append(close.weight * joint.weight[0], joint.weight[1])
        network.head.weight.copy_(torch.from_numpy(weight)[None])
        network.head.bias.fill_(joint.bias + close.bias * joint.weight[0])
    scores = _scores(network, shard, dev)

    report.say("simulating sites")
    points, results = _operating_points(scores, shard.species[dev])
    people = [portrait for portrait, held_out in zip(portraits, dev_people, strict=True) if held_out]
    margin = _margin(experiment, people, network, lambda done, of: report.progress("sites", done, of))

    found = {"dev": _dev_scores(scores, shard, dev, portraits)}
    test = tuple(p for p in presentations if p.partition == "test" and "face_rgb" in p.captures)
    if test:
        report.say("scoring test")
        found["test"] = score_presentations(experiment, network, test, report)
        results += [result for result in [measured(found["test"], "test")] if result is not None]
    metadata = describe_bundle(experiment, network, shard, points, results, margin)
    for result in results:
        report.say(f"{result.data}: " + ", ".join(f"{k} {v:.4f}" for k, v in result.metrics.items()))
    return finish(experiment, network.state_dict(), data, found, metadata)


def _student_key(
    experiment: DistilledTwoViewExperiment, portraits: list[Portrait], dev_people: NDArray[np.bool_]
) -> str:
    """Digest of everything that the context branch depends on."""
    settings = experiment.distillation, experiment.network, np.flatnonzero(dev_people).tolist()
    text = fingerprint(experiment, portraits) + repr(settings)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _network(experiment: DistilledTwoViewExperiment) -> TwoViewNetwork:
    torch.manual_seed(experiment.seed)
    network = TwoViewNetwork(experiment.network.stages, experiment.network.context_channels)
    network.encoder.load_state_dict(imagenet_state(network.encoder))
    return network.eval()


def _fit_close(experiment: DistilledTwoViewExperiment, shard: Shard, rows: NDArray[np.bool_]) -> Linear:
    chosen = rows & np.isin(shard.species, (BONA_FIDE, *experiment.head.attacks))
    ridge = 1 / (experiment.head.inverse_strength * int(chosen.sum()))
    return fit_logistic(shard.pooled[chosen], shard.species[chosen] == BONA_FIDE, ridge=ridge)


def _context_scores(network: TwoViewNetwork, maps: NDArray[np.float16]) -> NDArray[np.float64]:
    with torch.inference_mode():
        parts = [
            network.context(torch.from_numpy(maps[start : start + 128]).float())
            for start in range(0, len(maps), 128)
        ]
    return torch.cat(parts).double().numpy()


def _scores(network: TwoViewNetwork, shard: Shard, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    features = np.column_stack([shard.pooled[rows], _context_scores(network, shard.maps[rows, 0])])
    with torch.inference_mode():
        raw: torch.Tensor = network.head(torch.from_numpy(features).float())
    return raw[:, 0].double().numpy()


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


def _margin(
    experiment: DistilledTwoViewExperiment,
    people: list[Portrait],
    network: TwoViewNetwork,
    progress: Callable[[int, int], None],
) -> float:
    sites = []
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast
    recipes = [CropRecipe(v.scale, v.size, v.fit) for v in (experiment.views.close, experiment.views.context)]
    for number in range(experiment.sites.count):
        species = experiment.simulation.attacks[number % len(experiment.simulation.attacks)]
        seed = [experiment.seed, number]
        faces = simulate_site(people, species, experiment.sites.captures, seed)
        rng = np.random.default_rng(seed)
        views: tuple[list[NDArray[np.uint8]], ...] = ([], [])
        for face in faces:
            box = jitter_box(face.face, rng)
            for recipe, crops in zip(recipes, views, strict=True):
                crops.append(crop(face.image, box, recipe))
        with torch.inference_mode():
            close, context = (
                (torch.from_numpy(np.stack(v)).permute(0, 3, 1, 2).float() / 255).contiguous(
                    memory_format=torch.channels_last
                )
                for v in views
            )
            scores = network(close, context).score.double().numpy()
        bona_fide = np.array([face.pai_species is None for face in faces])
        sites.append(SiteScores(scores[bona_fide], scores[~bona_fide]))
        progress(number + 1, experiment.sites.count)
    return site_margin(sites, typical_score)
