"""Trained weights → calibration, operating points and all else that a bundle tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata as distribution
from typing import Any

import numpy as np
from torch import nn

from antispoof.data.manifest import manifest_digest
from antispoof.data.presentation import Presentation
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
from antispoof.scores.calibration import Calibration, calibrate, supported_ratio, unseen_ratio
from antispoof.scores.location import typical_score
from antispoof.training.collection import Collection
from antispoof.training.operating_points import NO_EVIDENCE, calibration_of, figures, operating_points
from antispoof.training.reporter import Reporter
from antispoof.training.schema import ManifestExperiment
from antispoof.training.scoring import as_score_set, predict, predict_alone, subsets

__all__ = ["describe", "linear_head", "measured"]

FEWEST = 4  # presentations of each class on which a subset of modalities is calibrated by itself


def describe(
    experiment: ManifestExperiment,
    collection: Collection,
    network: nn.Module,
    head: Head | None,
    report: Reporter,
) -> tuple[dict[str, ScoreSet], BundleMetadata]:
    """Calibrate on dev, set operating points there, measure on dev and test.

    Args:
        experiment: what was run.
        collection: what there is.
        network: in evaluation mode; takes inputs and presence, and says a ``score`` and, where there are
            several modalities, ``modality_scores``.
        head: its last layer, see `linear_head`.
        report: is told the figures.

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
    people = [collection.presentations[row].subject or collection.presentations[row].id for row in dev]
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
                "nothing"
            )
        key = subset_key(subset)
        calibration = _limited(calibration, people, kinds, present, experiment.unseen_d_eer)
        calibrations[key] = calibration
        ratios = {name: calibrate(scores, calibration) for name, scores in attacks.items()}
        genuine = calibrate(bona_fide, calibration)
        points[key] = operating_points(genuine, ratios, data)
        if len(whole) == 1:  # a site is one sensor's
            site = SiteRule(bona_fide_score=typical_score(genuine))
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
        modality_calibrations=_modality_calibrations(
            network, collection, people, kinds, experiment.unseen_d_eer
        ),
        training=Training(
            data=_training_data(collection),
            recipe=json.dumps(_recipe(experiment.record(), manifest_digest(manifest))),
            seed=experiment.seed,
            code_version=distribution.version("antispoof"),
        ),
        results=[],
        head=head,
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
                result = measured(scores[name], partition, "" if subset == whole else " + ".join(subset))
                if result is not None:
                    results.append(result)
                    told = ", ".join(f"{k} {result.metrics[k]:.4f}" for k in ("auc", "d_eer"))
                    report.say(f"{result.data}: {told}")
    return scores, about.model_copy(update={"results": results})


def _enough(kinds: list[str | None], present: Any, fewest: int = 1) -> bool:
    bona_fide = sum(kind is None for kind, there in zip(kinds, present, strict=True) if there)
    return bona_fide >= fewest and int(present.sum()) - bona_fide >= fewest


def _all_present(collection: Collection, rows: Any, subset: tuple[str, ...]) -> Any:
    columns = [collection.modalities.index(name) for name in subset]
    return (collection.windows[np.ix_(rows, columns)] > 0).all(1)


def _limited(
    calibration: Calibration,
    people: list[str],
    kinds: list[str | None],
    present: Any,
    unseen_d_eer: float | None,
) -> Calibration:
    """Limit ratios to what so many people, and attacks of unseen kinds, can support.

    Presentations of one person are not independent.
    """
    rows = np.flatnonzero(present)
    scarcer = min(
        len({people[row] for row in rows if (kinds[row] is None) == live}) for live in (True, False)
    )
    unseen = None if unseen_d_eer is None else unseen_ratio(unseen_d_eer)
    return calibration.model_copy(update={"limit": supported_ratio(scarcer), "unseen": unseen})


def _by_species(scores: Any, kinds: list[str | None], present: Any) -> tuple[Any, dict[str, Any]]:
    of = np.array([kind or "" for kind in kinds])
    bona_fide = scores[present & (of == "")]
    return bona_fide, {str(name): scores[present & (of == name)] for name in np.unique(of[present]) if name}


def measured(scores: ScoreSet, partition: str, sensors: str = "") -> MeasuredResult | None:
    """Return the figures that a bundle tells of calibrated scores; None where a class is missing.

    Args:
        scores: with the attribute ``dataset``.
        partition: what they are of.
        sensors: which alone were looked at, in words; empty for all.
    """
    kinds: list[str | None] = [name or None for name in scores.pai_species.decode()]
    answered = scores.is_response
    if not _enough(kinds, answered):
        return None
    bona_fide, attacks = _by_species(scores.scores, kinds, answered)
    simulated = bool(scores.simulated.any())
    datasets = ", ".join(sorted(set(scores.attributes["dataset"].names)))
    alone = f", {sensors} alone" if sensors else ""
    return MeasuredResult(
        data=f"{partition} of {datasets}{' (simulated)' * simulated}{alone}",
        simulated=simulated,
        metrics=figures(bona_fide, attacks),
    )


def _said_of(presentations: list[Presentation], partition: str) -> str:
    datasets = ", ".join(sorted({p.dataset for p in presentations}))
    return f"{partition} of {datasets}{' (simulated)' * any(p.simulated for p in presentations)}"


def _recipe(record: Mapping[str, Any], digest: str) -> Mapping[str, Any]:
    """Return what was run; of its manifest the digest, for its path is of one machine."""
    data = {key: value for key, value in record["data"].items() if key != "manifest"}
    return {**record, "data": data, "manifest_sha256": digest}


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
    network: nn.Module,
    collection: Collection,
    people: list[str],
    kinds: list[str | None],
    unseen_d_eer: float | None,
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
            own = calibration_of(bona_fide, np.concatenate(list(attacks.values())))
            found[name] = _limited(own, people, kinds, present, unseen_d_eer)
    return found


def linear_head(network: MultiSensorNetwork) -> Head | None:
    """Return the last layer, where there is one modality."""
    if network.fusion is not None:
        return None
    head: Any = network.heads[network.modalities[0]]
    weight = head.output.weight.detach()[0].double().tolist()
    return Head(weight=weight, bias=float(head.output.bias.detach()), knee=head.knee)
