"""Trained weights → calibration, operating points and all else that a bundle tells; and back from the
run folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata as distribution
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from antispoof.data.manifest import manifest_digest
from antispoof.data.presentation import Presentation
from antispoof.errors import InputError
from antispoof.evaluation.scores import ScoreSet
from antispoof.networks.network import MultiSensorNetwork
from antispoof.runtime.bundle import (
    BundleMetadata,
    Head,
    Input,
    MeasuredResult,
    OperatingPointEntry,
    SiteRule,
    Training,
    TrainingData,
    subset_key,
)
from antispoof.scores.calibration import Calibration, calibrate
from antispoof.sites.learning import typical_score
from antispoof.training.checkpoint import load_weights, read_tensors
from antispoof.training.operating_points import NO_EVIDENCE, calibration_of, figures, operating_points
from antispoof.training.recipes import Trained
from antispoof.training.recipes.supervised.data import Collection
from antispoof.training.recipes.supervised.experiment import Experiment
from antispoof.training.recipes.supervised.network import build
from antispoof.training.recipes.supervised.scoring import as_score_set, predict, predict_alone, subsets
from antispoof.training.reporter import Reporter

__all__ = ["CHECKPOINT", "EXPERIMENT", "METADATA", "describe", "graph_of", "load", "load_network"]

CHECKPOINT, EXPERIMENT, METADATA = "checkpoint.safetensors", "experiment.json", "bundle.json"
FEWEST = 4  # presentations of each class on which a subset of modalities is calibrated by itself


def describe(
    experiment: Experiment, collection: Collection, network: MultiSensorNetwork, report: Reporter
) -> tuple[dict[str, ScoreSet], BundleMetadata]:
    """Calibrate on dev, set operating points there, measure on dev and test.

    Returns:
        Calibrated scores by file name (``dev``, ``test``; with ``-`` and a subset of modalities, those of the
        subset), and the metadata of the bundle.
    """
    manifest = experiment.data.manifest
    chosen = subsets(collection.modalities)
    whole = chosen[0]
    dev = collection.partition("dev")
    raw = predict(network, collection, dev, chosen)
    kinds = [collection.presentations[row].pai_species for row in dev]
    data = _said_of([collection.presentations[row] for row in dev], "dev")
    calibrations: dict[str, Calibration] = {}
    points: dict[str, dict[str, OperatingPointEntry]] = {}
    site: SiteRule | None = None
    for subset in chosen:
        present = _all_present(collection, dev, subset)
        if subset == whole and not _enough(kinds, present):
            present = np.isfinite(raw[subset])
        if not _enough(kinds, present, 1 if subset == whole else FEWEST):
            report.say(
                f"{subset_key(subset)}: too few presentations of dev have it; it is calibrated like the whole"
            )
            continue
        bona_fide, attacks = _by_species(raw[subset], kinds, present)
        calibration = calibration_of(bona_fide, np.concatenate(list(attacks.values())))
        if calibration == NO_EVIDENCE:
            report.say(
                f"{subset_key(subset)}: attacks score as high as bona fide presentations on dev; it tells "
                f"nothing"
            )
        key = subset_key(subset)
        calibrations[key] = calibration
        ratios = {name: calibrate(scores, calibration) for name, scores in attacks.items()}
        people = calibrate(bona_fide, calibration)
        points[key] = operating_points(people, ratios, data)
        if len(whole) == 1:  # a site is one sensor's
            site = SiteRule(bona_fide_score=typical_score(people))
    key = subset_key(whole)
    about = BundleMetadata(
        name=experiment.name,
        version=experiment.version,
        description=experiment.description
        or f"{', '.join(collection.modalities)}, trained from {experiment.name}",
        licence=experiment.licence or "unknown",
        inputs=[
            Input(name=name, modality=name, prepare=dict(part.prepare))
            for name, part in experiment.modalities.items()
        ],
        calibration=calibrations[key],
        operating_points=points[key],
        default_operating_point="balanced",
        subset_calibrations={k: v for k, v in calibrations.items() if k != key},
        subset_operating_points={k: v for k, v in points.items() if k != key},
        modality_calibrations=_modality_calibrations(network, collection, kinds),
        training=Training(
            data=_training_data(collection),
            recipe=json.dumps({**experiment.record(), "manifest_sha256": manifest_digest(manifest)}),
            seed=experiment.seed,
            code_version=distribution.version("antispoof"),
        ),
        results=[],
        head=_head(network),
        site=site,
    )
    scores: dict[str, ScoreSet] = {}
    results: list[MeasuredResult] = []
    for partition in ("dev", "test"):
        rows = collection.partition(partition)
        if not len(rows):
            continue
        found = raw if partition == "dev" else predict(network, collection, rows, chosen)
        for subset in chosen:
            name = partition if subset == whole else f"{partition}-{subset_key(subset)}"
            if np.isfinite(found[subset]).any():
                scores[name] = as_score_set(name, collection, rows, found[subset], about, subset)
                result = _result(scores[name], partition, subset, whole)
                if result is not None:
                    results.append(result)
                    told = ", ".join(f"{k} {result.metrics[k]:.4f}" for k in ("auc", "d_eer"))
                    report.say(f"{result.data}: {told}")
    return scores, about.model_copy(update={"results": results})


def _enough(kinds: list[str | None], present: Any, fewest: int = 1) -> bool:
    bona_fide = sum(kind is None for kind, here in zip(kinds, present, strict=True) if here)
    return bona_fide >= fewest and int(present.sum()) - bona_fide >= fewest


def _all_present(collection: Collection, rows: Any, subset: tuple[str, ...]) -> Any:
    columns = [collection.modalities.index(name) for name in subset]
    return (collection.windows[np.ix_(rows, columns)] > 0).all(1)


def _by_species(scores: Any, kinds: list[str | None], present: Any) -> tuple[Any, dict[str, Any]]:
    of = np.array([kind or "" for kind in kinds])
    bona_fide = scores[present & (of == "")]
    return bona_fide, {str(name): scores[present & (of == name)] for name in np.unique(of[present]) if name}


def _result(
    scores: ScoreSet, partition: str, subset: tuple[str, ...], whole: tuple[str, ...]
) -> MeasuredResult | None:
    kinds: list[str | None] = [name or None for name in scores.pai_species.decode()]
    answered = scores.is_response
    if not _enough(kinds, answered):
        return None
    bona_fide, attacks = _by_species(scores.scores, kinds, answered)
    simulated = bool(scores.simulated.any())
    datasets = ", ".join(sorted(set(scores.attributes["dataset"].names)))
    with_only = "" if subset == whole else f", {' + '.join(subset)} alone"
    return MeasuredResult(
        data=f"{partition} of {datasets}{' (simulated)' * simulated}{with_only}",
        simulated=simulated,
        metrics=figures(bona_fide, attacks),
    )


def _said_of(presentations: list[Presentation], partition: str) -> str:
    datasets = ", ".join(sorted({p.dataset for p in presentations}))
    return f"{partition} of {datasets}{' (simulated)' * any(p.simulated for p in presentations)}"


def _training_data(collection: Collection) -> list[TrainingData]:
    counts: dict[tuple[str, str, bool], int] = {}
    for row in collection.partition("train"):
        p = collection.presentations[row]
        key = p.dataset, p.licence or "unknown", p.simulated
        counts[key] = counts.get(key, 0) + 1
    return [
        TrainingData(name=name, licence=licence, presentations=count, simulated=simulated)
        for (name, licence, simulated), count in sorted(counts.items())
    ]


def _modality_calibrations(
    network: MultiSensorNetwork, collection: Collection, kinds: list[str | None]
) -> dict[str, Calibration]:
    """Calibrate what each modality says by itself, beside the others."""
    if len(collection.modalities) == 1:
        return {}
    dev = collection.partition("dev")
    said = predict_alone(network, collection, dev)
    found = {}
    for column, name in enumerate(collection.modalities):
        present = np.isfinite(said[:, column])
        if _enough(kinds, present, FEWEST):
            bona_fide, attacks = _by_species(said[:, column], kinds, present)
            found[name] = calibration_of(bona_fide, np.concatenate(list(attacks.values())))
    return found


def _head(network: MultiSensorNetwork) -> Head | None:
    """Of one modality the score is a linear function of the embedding."""
    if network.fusion is not None:
        return None
    output: Any = network.heads[network.modalities[0]].output
    return Head(weight=output.weight.detach()[0].double().tolist(), bias=float(output.bias.detach()))


def load_network(run: Path) -> tuple[MultiSensorNetwork, Experiment, dict[str, tuple[int, ...]]]:
    """Load the network of a finished run, its experiment, and the shapes of its inputs.

    Raises:
        InputError: the folder holds no finished run, or a damaged one.
    """
    if not (run / CHECKPOINT).is_file():
        raise InputError(f"{str(run)!r} holds no finished run: {CHECKPOINT} is missing")
    tensors, about = read_tensors(run / CHECKPOINT)
    try:
        experiment = Experiment.model_validate({**about["experiment"], "run_dir": run})
        shapes = {name: tuple(shape) for name, shape in about["shapes"].items()}
    except (ValidationError, KeyError, TypeError) as error:
        raise InputError(f"{str(run)!r} holds a damaged run, train it again: {error}") from None
    network = build(experiment, {name: shape[0] if len(shape) == 3 else 1 for name, shape in shapes.items()})
    load_weights(network, tensors, run / CHECKPOINT)
    return network.eval(), experiment, shapes


def load(run: Path) -> Trained:
    """Load a finished run for export; errors as in `load_network`."""
    network, _, shapes = load_network(run)
    try:
        metadata = BundleMetadata.model_validate_json((run / METADATA).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise InputError(f"{str(run)!r} holds a damaged run, train it again: {error}") from None
    graph, inputs, outputs = graph_of(network, shapes)
    return Trained(graph, inputs, outputs, metadata)


def graph_of(
    network: MultiSensorNetwork, shapes: Mapping[str, tuple[int, ...]]
) -> tuple[nn.Module, dict[str, Tensor], tuple[str, ...]]:
    """Wrap a network for export: what takes inputs by position, example inputs, names of outputs.

    Args:
        network: in evaluation mode.
        shapes: modality → shape of its arrays. The graph does without modalities that are left out.
    """
    generator = torch.Generator().manual_seed(0)
    inputs = {name: torch.rand((2, *shape), generator=generator) for name, shape in shapes.items()}
    outputs = ["score", "features"]
    if len(network.modalities) > 1:
        outputs.append("modality_scores")
        if len(shapes) == len(network.modalities):
            inputs["presence"] = torch.ones(2, len(shapes))
            inputs["presence"][1, 1:] = 0
    return _Graph(network, tuple(shapes), tuple(outputs)).eval(), inputs, tuple(outputs)


class _Graph(nn.Module):
    """Takes inputs by position, and gives a plain tuple."""

    def __init__(self, network: MultiSensorNetwork, names: tuple[str, ...], outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.names, self.outputs = network, names, outputs

    def forward(self, *arrays: Tensor) -> tuple[Tensor, ...]:
        """Judge (B, …) arrays, and presence (B, M) where there are several."""
        inputs: Mapping[str, Tensor] = dict(zip(self.names, arrays, strict=False))
        presence = arrays[-1] if len(arrays) > len(self.names) else None
        said = self.network(inputs, presence)
        known = {"score": said.score, "features": said.embedding, "modality_scores": said.modality_scores}
        return tuple(known[name] for name in self.outputs)
