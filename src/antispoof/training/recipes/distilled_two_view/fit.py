"""The recipe, from portraits to a checkpoint, read from top to bottom; every step is kept and not done again.

1. Simulate presentations of every portrait; compute frozen features, and the teachers' answers (`shards`).
2. Teach the context branch (`distil`).
3. Fit the linear layer over the close view (`logistic`), on the people of train.
4. Join both views, calibrate, and set the operating points, on the people of dev.
5. Set the margin of site calibration on simulated sites of the people of dev (`sites`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib import metadata as distribution
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from antispoof.errors import InputError
from antispoof.networks.encoders.efficientnet_lite import imagenet_state
from antispoof.networks.two_view import TwoViewNetwork, TwoViewOutput
from antispoof.runtime.bundle import (
    BundleMetadata,
    Head,
    Input,
    MeasuredResult,
    OperatingPointEntry,
    SiteRule,
    Training,
    TrainingData,
)
from antispoof.scores.calibration import Calibration
from antispoof.sensing.faces import CropRecipe, crop
from antispoof.simulation.face.augmentation import jitter_box
from antispoof.simulation.face.collection import read_portraits
from antispoof.simulation.face.portrait import Portrait
from antispoof.sites.learning import typical_score
from antispoof.training.logistic import Linear, fit_logistic
from antispoof.training.operating_points import figures, operating_points
from antispoof.training.recipes import Trained
from antispoof.training.recipes.distilled_two_view.distil import distil
from antispoof.training.recipes.distilled_two_view.experiment import Experiment
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
from antispoof.training.reporter import Reporter

__all__ = ["load", "load_checkpoint", "train"]

CHECKPOINT, EXPERIMENT, METADATA = "checkpoint.safetensors", "experiment.json", "bundle.json"


def train(experiment: Experiment, report: Reporter) -> Path:
    """Run the recipe; what an interrupted run left is used.

    Returns:
        The run folder, with ``checkpoint.safetensors``, ``experiment.json`` and ``bundle.json``.

    Raises:
        InputError: portraits or teachers are missing, or too few people for train and dev.
    """
    run = experiment.run_dir
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make run_dir {str(run)!r}: {error.strerror}") from None
    for path in experiment.teachers:
        Teacher(path)  # fails now rather than in the processes that ask it
    network = _network(experiment)

    report.say("reading portraits")
    portraits = read_portraits(experiment.portraits, report.say)
    dev_people = _dev_people(experiment, len(portraits))
    report.say(f"{len(portraits)} people, {int(dev_people.sum())} of them for dev")

    report.say("simulating presentations, asking the teachers")
    make_shards(experiment, portraits, run / "shards", lambda done, of: report.progress("shards", done, of))
    shard = read_shards(experiment, portraits, run / "shards", Shard)
    natural = read_shards(experiment, portraits, run / "shards", NaturalShard)
    dev = dev_people[shard.subject]

    report.say("teaching the context branch")
    views = shard.maps.shape[1]
    distil(
        network.context,
        np.concatenate([shard.maps.reshape(-1, *shard.maps.shape[2:]), natural.maps]),
        np.concatenate([shard.taught.reshape(-1), natural.taught]),
        np.concatenate([np.repeat(dev, views), dev_people[natural.subject]]),
        experiment.distillation,
        run / "distillation" / _student_key(experiment, portraits),
        experiment.seed,
    )

    report.say("fitting the linear layers")
    close = _fit_close(experiment, shard, ~dev)
    context = _context_scores(network, shard.maps[:, 0])
    bona_fide = shard.species == BONA_FIDE
    pair = np.stack([close(shard.pooled), context], 1)
    joint = fit_logistic(pair[dev], bona_fide[dev], inverse_strength=1.0)
    with torch.no_grad():
        weight = np.append(close.weight * joint.weight[0], joint.weight[1])
        network.head.weight.copy_(torch.from_numpy(weight)[None])
        network.head.bias.fill_(joint.bias + close.bias * joint.weight[0])
    scores = _scores(network, shard, dev)

    report.say("simulating sites")
    points, results = _operating_points(scores, shard.species[dev])
    people = [portrait for portrait, held_out in zip(portraits, dev_people, strict=True) if held_out]
    margin = _margin(experiment, people, network, lambda done, of: report.progress("sites", done, of))
    metadata = _metadata(experiment, network, shard, points, results, margin)
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, run / CHECKPOINT)
    (run / EXPERIMENT).write_text(experiment.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (run / METADATA).write_text(metadata.model_dump_json(indent=1) + "\n", encoding="utf-8")
    for result in results:
        report.say(f"{result.data}: " + ", ".join(f"{k} {v:.4f}" for k, v in result.metrics.items()))
    return run


def load_checkpoint(run: Path) -> tuple[TwoViewNetwork, BundleMetadata, Experiment]:
    """Load what `train` left in a run folder.

    Raises:
        InputError: the folder holds no finished run, or a damaged one.
    """
    try:
        experiment = Experiment.model_validate_json((run / EXPERIMENT).read_text(encoding="utf-8"))
        metadata = BundleMetadata.model_validate_json((run / METADATA).read_text(encoding="utf-8"))
        state = load_file(run / CHECKPOINT)
    except FileNotFoundError as error:
        raise InputError(f"{str(run)!r} holds no finished run: {error.filename} is missing") from None
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(f"{str(run)!r} holds a damaged run, train it again: {error}") from None
    network = TwoViewNetwork(experiment.network.stages, experiment.network.context_channels)
    network.load_state_dict(state)
    return network.eval(), metadata, experiment


def load(run: Path) -> Trained:
    """Load a finished run for export; errors as in `load_checkpoint`."""
    network, metadata, experiment = load_checkpoint(run)
    views = {"close": experiment.views.close, "context": experiment.views.context}
    generator = torch.Generator().manual_seed(0)
    inputs = {
        name: torch.rand((2, 3, view.size, view.size), generator=generator) for name, view in views.items()
    }
    return Trained(_Tuple(network).eval(), inputs, TwoViewOutput._fields, metadata)


class _Tuple(nn.Module):
    """The exporter names outputs by position, and takes a plain tuple."""

    def __init__(self, network: TwoViewNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, close: torch.Tensor, context: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.network(close, context))


def _dev_people(experiment: Experiment, count: int) -> NDArray[np.bool_]:
    held_out = round(count * experiment.simulation.dev_share)
    if held_out < 1 or count - held_out < 2:
        raise InputError(
            f"{count} usable portraits are too few to hold out {experiment.simulation.dev_share:.0%}"
        )
    dev = np.zeros(count, bool)
    dev[np.random.default_rng(experiment.seed).permutation(count)[:held_out]] = True
    return dev


def _student_key(experiment: Experiment, portraits: list[Portrait]) -> str:
    """Digest of everything that the context branch depends on."""
    settings = experiment.distillation, experiment.network, experiment.simulation.dev_share
    text = fingerprint(experiment, portraits) + repr(settings)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _network(experiment: Experiment) -> TwoViewNetwork:
    torch.manual_seed(experiment.seed)
    network = TwoViewNetwork(experiment.network.stages, experiment.network.context_channels)
    network.encoder.load_state_dict(imagenet_state(network.encoder))
    return network.eval()


def _fit_close(experiment: Experiment, shard: Shard, rows: NDArray[np.bool_]) -> Linear:
    chosen = rows & np.isin(shard.species, (BONA_FIDE, *experiment.head.attacks))
    return fit_logistic(
        shard.pooled[chosen], shard.species[chosen] == BONA_FIDE, experiment.head.inverse_strength
    )


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


def _margin(
    experiment: Experiment,
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


def _metadata(
    experiment: Experiment,
    network: TwoViewNetwork,
    shard: Shard,
    points: dict[str, OperatingPointEntry],
    results: list[MeasuredResult],
    margin: float,
) -> BundleMetadata:
    views = {"close": experiment.views.close, "context": experiment.views.context}
    teachers = [path.stem for path in experiment.teachers]
    return BundleMetadata(
        name=experiment.name,
        version=experiment.version,
        description="Replays and prints of a face, from one colour picture: frozen ImageNet features of "
        "a close view and a distilled network for a wider view, joined by a linear layer.",
        licence="Apache-2.0",
        inputs=[
            Input(name=name, modality="face_rgb", prepare={"scale": v.scale, "size": v.size, "fit": v.fit})
            for name, v in views.items()
        ],
        calibration=Calibration(slope=1.0, intercept=0.0),
        operating_points=points,
        default_operating_point="balanced",
        training=Training(
            data=[
                TrainingData(
                    name=experiment.portraits_name,
                    licence=experiment.portraits_licence,
                    presentations=len(np.unique(shard.subject)),
                    simulated=False,
                ),
                TrainingData(
                    name="bona fide captures, replays and prints simulated from them",
                    licence=experiment.portraits_licence,
                    presentations=len(shard.species),
                    simulated=True,
                ),
                TrainingData(
                    name="ImageNet-1k, by the weights of EfficientNet-Lite0",
                    licence="Apache-2.0 (weights)",
                    presentations=1281167,
                    simulated=False,
                ),
                TrainingData(
                    name="undisclosed captures, by distillation from " + ", ".join(teachers),
                    licence="Apache-2.0 (weights)",
                    presentations=0,
                    simulated=False,
                ),
            ],
            recipe=json.dumps(
                experiment.model_dump(mode="json", exclude={"run_dir", "portraits", "teachers"})
            ),
            seed=experiment.seed,
            code_version=distribution.version("antispoof"),
        ),
        results=results,
        head=Head(
            weight=network.head.weight.detach()[0].double().tolist(), bias=float(network.head.bias.detach())
        ),
        site=SiteRule(bona_fide_score=points["balanced"].threshold + margin),
    )
