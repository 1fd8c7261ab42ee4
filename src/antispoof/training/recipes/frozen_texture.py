"""Pictures of one sensor: statistics of frozen filters taken once, and one linear layer over them.

What a picture shows at every place is weighed by the same layer, so that the map of its deep level tells
where it looks false. Statistics are kept beside the prepared samples: the folds of a protocol share them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor, nn

from antispoof.data.manifest import manifest_digest, read_manifest
from antispoof.data.presentation import Presentation
from antispoof.errors import ExperimentError, InputError
from antispoof.files import replacing
from antispoof.networks.encoders.frozen_texture import FrozenTexture
from antispoof.networks.network import EncoderChoice, MultiSensorNetwork, build_network
from antispoof.networks.tokens import statistics
from antispoof.scores.logistic import Linear, fit_logistic
from antispoof.training.augmentations import Draw, augmentations
from antispoof.training.checkpoint import load_weights
from antispoof.training.collection import Collection, channels_of, collect, number_of, shapes_of
from antispoof.training.description import describe, linear_head
from antispoof.training.disk import cannot_write
from antispoof.training.graphs import graphs_of
from antispoof.training.options import checked_options
from antispoof.training.prepared import PreparedStore, Rows
from antispoof.training.recipe import Graphs, Recipe, Trained, recipes
from antispoof.training.reporter import SILENT, Reporter
from antispoof.training.run_folder import (
    CHECKPOINT,
    claim,
    finish,
    presentations_digest,
    read_finished,
    recorded_shapes,
)
from antispoof.training.schema import ManifestExperiment, Named, encoder_options

__all__ = ["FrozenTextureExperiment"]

FLOOR = 1e-6  # of a variance, in `statistics`
ROWS = 16  # pictures that are looked at together
ENCODERS = ("frozen_texture", "print_texture")


class FrozenTextureExperiment(ManifestExperiment):
    """One experiment file: one sensor of pictures, with one of `ENCODERS`.

    Attributes:
        copies: changed copies that are learned from, beside each sample as it is.
        augmentation: what changes them, in order.
        ridge: penalty on the weights of the layer, of standardised statistics.
        share: of the training presentations that the layer is fitted on, drawn with the seed.
        operating_point: the bundle's default; see `antispoof.training.operating_points`.
    """

    recipe: Literal["frozen_texture"]
    copies: Annotated[int, Field(ge=0, le=16)] = 1
    augmentation: tuple[Named, ...] = ()
    ridge: Annotated[float, Field(gt=0)] = 1e-3
    share: Annotated[float, Field(gt=0, le=1)] = 0.9
    operating_point: Literal["balanced", "secure", "apcer10", "apcer5", "bpcer5"] = "balanced"

    @model_validator(mode="after")
    def _one_sensor(self) -> Self:
        names = [part.encoder.name for part in self.modalities.values()]
        if names not in ([name] for name in ENCODERS):
            raise ExperimentError(
                f"recipe 'frozen_texture' is for one modality with the encoder {' or '.join(ENCODERS)}, got "
                f"{', '.join(names)}"
            )
        for entry in self.augmentation:
            checked_options(f"augmentation {entry.name!r}", augmentations[entry.name].change, entry.options)
        return self


class _FrozenTexture(Recipe[FrozenTextureExperiment]):
    summary = "pictures of one sensor: statistics of frozen filters, and a linear layer"
    experiment = FrozenTextureExperiment

    def presentations(self, experiment: FrozenTextureExperiment) -> tuple[Presentation, ...]:
        return read_manifest(experiment.data.manifest)

    def train_on(
        self,
        experiment: FrozenTextureExperiment,
        presentations: tuple[Presentation, ...],
        report: Reporter = SILENT,
    ) -> Path:
        data = {
            "manifest_sha256": manifest_digest(experiment.data.manifest),
            "presentations_sha256": presentations_digest(presentations),
        }
        if claim(experiment, data):
            report.say(f"{experiment.run_dir} is finished already")
            return experiment.run_dir
        collection = collect(presentations, experiment, report)
        (name,) = collection.modalities
        torch.manual_seed(experiment.seed)
        network = _build(experiment, collection.shapes)
        encoder = network.encoders[name]
        assert isinstance(encoder, FrozenTexture)
        store = collection.stores[name]
        assert isinstance(store, PreparedStore)
        taken = _Statistics(store, collection, encoder, experiment, report)
        train = collection.partition("train")
        if len(np.unique(collection.label[train])) < 2:
            raise InputError("train holds one class only: bona fide and attack presentations are needed")
        _standardise(encoder, taken.of(train, 0))
        taken.values = _embedded(taken.values, encoder)
        layer = _fit(experiment, collection, taken, train)
        _write(network, name, layer)
        report.say(f"a layer over {len(layer.weight)} statistics of {len(train)} samples")
        seen = replace(collection, stores={name: taken}, shapes={name: (taken.values.shape[2],)})
        head = _Head(name, network)
        scores, metadata = describe(experiment, seen, head.eval(), linear_head(network), report)
        metadata = metadata.model_copy(update={"default_operating_point": experiment.operating_point})
        shapes = {key: list(shape) for key, shape in collection.shapes.items()}
        return finish(experiment, network.eval().state_dict(), {**data, "shapes": shapes}, scores, metadata)

    def untrained(self, experiment: FrozenTextureExperiment) -> Graphs:
        shapes = shapes_of(self.presentations(experiment), experiment)
        torch.manual_seed(0)
        return graphs_of(_build(experiment, shapes).eval(), shapes)

    def load(self, run: Path) -> Trained:
        experiment, tensors, about, metadata = read_finished(run, FrozenTextureExperiment)
        shapes = recorded_shapes(run, about)
        network = _build(experiment, shapes)
        load_weights(network, tensors, run / CHECKPOINT)
        return Trained(graphs_of(network.eval(), shapes), metadata)


def _build(experiment: FrozenTextureExperiment, shapes: Mapping[str, tuple[int, ...]]) -> MultiSensorNetwork:
    channels = channels_of(shapes)
    choices = {
        name: EncoderChoice(part.encoder.name, channels[name], encoder_options(part.encoder))
        for name, part in experiment.modalities.items()
    }
    return build_network(choices, None, ["patch_scores"]).eval()


class _Said(NamedTuple):
    score: Tensor


class _Head(nn.Module):
    """The layer by itself, over what was taken of pictures before."""

    def __init__(self, name: str, network: MultiSensorNetwork) -> None:
        super().__init__()
        output = network.heads[name].output
        assert isinstance(output, nn.Linear)
        self.name, self.output = name, output

    def forward(self, inputs: Mapping[str, Tensor], presence: Tensor | None = None) -> _Said:  # noqa: ARG002
        """Judge embeddings (B, D)."""
        return _Said(self.output(inputs[self.name])[:, 0])


class _Statistics:
    """Statistics of every sample as it is and, of train, of its copies: (samples, 1 + copies, D)."""

    def __init__(
        self,
        store: PreparedStore,
        collection: Collection,
        encoder: FrozenTexture,
        experiment: FrozenTextureExperiment,
        report: Reporter,
    ) -> None:
        (places,) = collection.places.values()
        used = [place for place in places if place is not None and place.count]
        rows = set(collection.partition("train").tolist())
        learned = {place.shard for row, place in enumerate(places) if place is not None and row in rows}
        shards = sorted({place.shard for place in used})
        self.starts: dict[str, int] = {}
        parts: list[NDArray[np.float32]] = []
        for number, shard in enumerate(shards):
            report.progress("looking", number, len(shards))
            self.starts[shard] = sum(len(part) for part in parts)
            copies = [
                _taken(store, shard, encoder, experiment, copy)
                for copy in range(1 + experiment.copies * (shard in learned))
            ]
            copies += copies[:1] * (1 + experiment.copies - len(copies))
            parts.append(np.stack(copies, 1))
        self.values: NDArray[np.float32] = np.concatenate(parts)
        self.places = places

    def read(self, rows: Iterable[tuple[Rows, int]], out: NDArray[np.float32]) -> None:
        """Fill ``out`` with what was taken of each sample, row by row."""
        for target, (where, _) in enumerate(rows):
            out[target] = self.values[self.starts[where.shard] + where.first, 0]

    def of(self, rows: NDArray[np.intp], copy: int) -> NDArray[np.float32]:
        """Return what was taken of one copy of these presentations: (N, D)."""
        found = [self.places[row] for row in rows.tolist()]
        index = [self.starts[place.shard] + place.first for place in found if place is not None]
        return np.asarray(self.values[index, copy])


def _taken(
    store: PreparedStore, shard: str, encoder: FrozenTexture, experiment: FrozenTextureExperiment, copy: int
) -> NDArray[np.float32]:
    """Take mean and deviation of every channel of the three levels, as `statistics` does: (N, D)."""
    (part,) = experiment.modalities.values()
    changes = [(entry.name, entry.options) for entry in experiment.augmentation] if copy else []
    text = json.dumps([part.encoder.model_dump(), changes, copy], sort_keys=True, default=str)
    kept = store.folder / f"{shard}.{hashlib.sha256(text.encode()).hexdigest()[:10]}.texture.npy"
    if kept.exists():
        found: NDArray[np.float32] = np.load(kept)
        return found
    pictures, whole = store.shard(shard), []
    with torch.inference_mode():
        for start in range(0, len(pictures), ROWS):
            rows = np.array(pictures[start : start + ROWS])
            x = torch.from_numpy(rows.astype(np.float32) / (255 if rows.dtype == np.uint8 else 1))
            for number, (name, options) in enumerate(changes):
                draw = Draw(number_of(shard, copy, start, number), len(x), 0, len(x))
                x = augmentations[name].change(x, draw, **options)
            whole.append(torch.cat([statistics(level) for level in encoder.raw(x)], 1).numpy())
    out = np.concatenate(whole)
    try:
        with replacing(kept) as draft, draft.open("wb") as file:
            np.save(file, out)
    except OSError as error:
        raise cannot_write(kept, error) from None
    return out


def _standardise(encoder: FrozenTexture, raw: NDArray[np.float32]) -> None:
    """Set mean and deviation of every channel over all places of what is trained with."""
    at = 0
    means, deviations = [], []
    for width in encoder.dims:
        mean, deviation = raw[:, at : at + width], raw[:, at + width : at + 2 * width]
        centre = mean.mean(0)
        means.append(centre)
        deviations.append(np.sqrt((deviation**2 + (mean - centre) ** 2).mean(0)))
        at += 2 * width
    encoder.mean.copy_(torch.from_numpy(np.concatenate(means)))
    encoder.deviation.copy_(torch.from_numpy(np.concatenate(deviations)).clamp(min=1e-4))


def _embedded(raw: NDArray[np.float32], encoder: FrozenTexture) -> NDArray[np.float32]:
    """Turn raw statistics (…, D) into the embedding of the network: of standardised tokens, normalised."""
    at, out = 0, []
    centres, scales = (
        [part.numpy() for part in torch.split(buffer, list(encoder.dims))]
        for buffer in (encoder.mean, encoder.deviation)
    )
    for width, centre, scale in zip(encoder.dims, centres, scales, strict=True):
        mean, deviation = raw[..., at : at + width], raw[..., at + width : at + 2 * width]
        variance = np.maximum(deviation.astype(np.float64) ** 2 - FLOOR, 0) / scale**2
        out += [(mean - centre) / scale, np.sqrt(variance + FLOOR)]
        at += 2 * width
    whole = np.concatenate(out, -1)
    spread = np.sqrt(whole.var(-1, keepdims=True) + 1e-5)  # as `torch.nn.LayerNorm`
    return np.asarray((whole - whole.mean(-1, keepdims=True)) / spread, np.float32)


def _fit(
    experiment: FrozenTextureExperiment, collection: Collection, taken: _Statistics, train: NDArray[np.intp]
) -> Linear:
    """Fit the layer: every species counts alike, and all of them as much as bona fide."""
    rng = np.random.default_rng(experiment.seed)
    drawn = rng.random(len(train)) < experiment.share
    rows = train[drawn] if len(np.unique(collection.label[train[drawn]])) == 2 else train
    species = np.tile(collection.species[rows], 1 + experiment.copies)
    x = np.concatenate([taken.of(rows, copy) for copy in range(1 + experiment.copies)])
    counts = np.bincount(species)
    return fit_logistic(x, species == 0, ridge=experiment.ridge, weights=1 / counts[species])


def _write(network: MultiSensorNetwork, name: str, layer: Linear) -> None:
    """Write the layer into the network; its part for the means of the deep level weighs places, too."""
    encoder, output = network.encoders[name], network.heads[name].output
    assert isinstance(encoder, FrozenTexture)
    assert isinstance(output, nn.Linear)
    deep = encoder.dims[2]
    patch = network.patch_heads[name]
    assert isinstance(patch, nn.Linear)
    with torch.no_grad():
        output.weight.copy_(torch.from_numpy(layer.weight)[None])
        output.bias.fill_(layer.bias)
        places = layer.weight[-2 * deep : -deep].copy()
        places[encoder.placed :] = 0
        patch.weight.copy_(torch.from_numpy(places)[None])
        patch.bias.zero_()


recipes.register("frozen_texture")(_FrozenTexture())
