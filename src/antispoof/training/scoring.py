"""What a network says of presentations, with any subset of its sensors."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from antispoof.data.presentation import Presentation
from antispoof.evaluation.scores import ScoreSet
from antispoof.runtime.bundle import BundleMetadata
from antispoof.scores.calibration import calibrate
from antispoof.training.collection import Batch, Collection, evaluation_batches

__all__ = ["as_score_set", "moved", "predict", "predict_alone", "scores_of", "subsets"]

MOST = 5  # modalities of which every subset is looked at


def subsets(modalities: Sequence[str]) -> list[tuple[str, ...]]:
    """List subsets, the whole first: all of up to five modalities, else the whole, all but one, and one."""
    sizes = range(len(modalities), 0, -1)
    if len(modalities) > MOST:
        sizes = [len(modalities), len(modalities) - 1, 1]  # type: ignore[assignment]
    return [subset for size in sizes for subset in itertools.combinations(modalities, size)]


def predict(
    network: nn.Module,
    collection: Collection,
    rows: NDArray[np.intp],
    chosen: Iterable[tuple[str, ...]],
    batch_size: int = 64,
) -> dict[tuple[str, ...], NDArray[np.float64]]:
    """Score presentations with some of their modalities.

    Args:
        network: in evaluation mode; takes inputs and presence, and says a ``score`` (B,).
        collection: what there is.
        rows: (N,), which presentations.
        chosen: subsets of modalities.
        batch_size: windows a batch.

    Returns:
        Subset → (N,), raw scores, the mean over windows; NaN where none of the subset is there.
    """
    names = collection.modalities
    columns = {subset: [names.index(name) for name in subset] for subset in chosen}
    place = np.full(len(collection.presentations), -1)
    place[rows] = np.arange(len(rows))
    totals = {subset: np.zeros(len(rows)) for subset in columns}
    counts = {subset: np.zeros(len(rows)) for subset in columns}
    device = next(network.parameters()).device
    with torch.inference_mode():
        for batch in evaluation_batches(collection, rows, batch_size):
            at = place[batch.rows.numpy()]
            for subset, kept in columns.items():
                mask = torch.zeros(len(names))
                mask[kept] = 1
                presence = batch.presence * mask
                there = (presence.sum(1) > 0).numpy()
                if there.any():
                    said = (
                        network(moved(batch, device).inputs, presence.to(device)).score.double().cpu().numpy()
                    )
                    np.add.at(totals[subset], at[there], said[there])
                    np.add.at(counts[subset], at[there], 1)
    return {
        subset: np.divide(total, counts[subset], out=np.full(len(rows), np.nan), where=counts[subset] > 0)
        for subset, total in totals.items()
    }


def predict_alone(
    network: nn.Module, collection: Collection, rows: NDArray[np.intp], batch_size: int = 64
) -> NDArray[np.float64]:
    """Return what each modality says by itself, raw: (N, M), NaN where it is absent."""
    place = np.full(len(collection.presentations), -1)
    place[rows] = np.arange(len(rows))
    total, count = (np.zeros((len(rows), len(collection.modalities))) for _ in range(2))
    device = next(network.parameters()).device
    with torch.inference_mode():
        for batch in evaluation_batches(collection, rows, batch_size):
            there = moved(batch, device)
            said = network(there.inputs, there.presence).modality_scores.double().cpu().numpy()
            at, present = place[batch.rows.numpy()], batch.presence.numpy() > 0
            np.add.at(total, at, np.where(present, said, 0))
            np.add.at(count, at, present)
    mean: NDArray[np.float64] = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean


def moved(batch: Batch, device: torch.device) -> Batch:
    """Return the batch on a device."""
    if device.type == "cpu":
        return batch
    inputs = {name: x.to(device) for name, x in batch.inputs.items()}
    return Batch(
        inputs,
        batch.presence.to(device),
        batch.label.to(device),
        batch.species.to(device),
        batch.pair.to(device),
        batch.rows.to(device),
        None if batch.pixel_mask is None else batch.pixel_mask.to(device),
    )


def as_score_set(
    name: str,
    collection: Collection,
    rows: NDArray[np.intp],
    scores: NDArray[np.float64],
    metadata: BundleMetadata,
    subset: tuple[str, ...],
) -> ScoreSet:
    """Calibrate raw scores and put them beside what is known of the presentations.

    Rows in which a modality of the subset is missing are calibrated for what is there.
    """
    presentations = [collection.presentations[row] for row in rows]
    calibrated = np.full(len(rows), np.nan)
    columns = np.array([collection.modalities.index(one) for one in subset])
    present = collection.windows[np.ix_(rows, columns)] > 0
    for pattern in np.unique(present, axis=0):
        there = tuple(one for one, seen in zip(subset, pattern, strict=True) if seen)
        if there:
            calibration = metadata.calibration_for(there)
            chosen = (present == pattern).all(1)
            calibrated[chosen] = calibrate(scores[chosen], calibration)
    return scores_of(name, presentations, calibrated)


def scores_of(name: str, presentations: Sequence[Presentation], calibrated: NDArray[np.float64]) -> ScoreSet:
    """Put calibrated scores, (N,), beside what is known of the N presentations; NaN is a non-response."""
    attributes: Mapping[str, list[str]] = {
        key: [p.attributes.get(key, "") for p in presentations]
        for key in sorted({key for p in presentations for key in p.attributes})
    }
    return ScoreSet.from_columns(
        [p.id for p in presentations],
        calibrated,
        [p.pai_species for p in presentations],
        subject=[p.subject for p in presentations],
        attributes={"dataset": [p.dataset for p in presentations], **attributes},
        simulated=[p.simulated for p in presentations],
        name=name,
    )
