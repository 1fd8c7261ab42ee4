"""The recipe, read from top to bottom: prepare, take moments once, learn from pairs, calibrate, tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from antispoof.data.folds import value_of
from antispoof.data.manifest import manifest_digest
from antispoof.data.presentation import Presentation
from antispoof.errors import InputError
from antispoof.files import replacing
from antispoof.networks.losses import losses
from antispoof.networks.moments import MomentsEncoder
from antispoof.networks.network import (
    EncoderChoice,
    ModalityHead,
    MultiSensorNetwork,
    NetworkOutput,
    Target,
    build_network,
)
from antispoof.training.collection import Collection, collect
from antispoof.training.description import describe, linear_head
from antispoof.training.disk import cannot_write
from antispoof.training.prepared import PreparedStore, Rows
from antispoof.training.recipes.speech_moments.experiment import SpeechMomentsExperiment
from antispoof.training.reporter import SILENT, Reporter
from antispoof.training.run_folder import claim, finish, presentations_digest
from antispoof.training.schema import encoder_options

__all__ = ["build", "train_on"]

CHANNELS = 1  # of a waveform, or of a grey picture
_ROWS = 24  # windows whose spectra are computed together


def train_on(
    experiment: SpeechMomentsExperiment, presentations: tuple[Presentation, ...], report: Reporter = SILENT
) -> Path:
    """Run the recipe; see `antispoof.training.recipe.Recipe.train_on`. Moments taken before are used."""
    data = {
        "manifest_sha256": manifest_digest(experiment.data.manifest),
        "presentations_sha256": presentations_digest(presentations),
    }
    if claim(experiment, data):
        report.say(f"{experiment.run_dir} is finished already")
        return experiment.run_dir
    collection = collect(presentations, experiment, report)
    torch.manual_seed(experiment.seed)
    network = build(experiment)
    (name,) = collection.modalities
    perceptron = _Perceptron(name, network)
    store = collection.stores[name]
    assert isinstance(store, PreparedStore)
    moments = _Moments(store, collection, perceptron.encoder, report)
    if experiment.pixel and collection.masks is None:
        raise InputError("pixel needs masks of attacks: a column mask.<modality> in the manifest")
    _learn(experiment, collection, perceptron, moments, report)
    taken = replace(collection, stores={name: moments}, shapes={name: (moments.values.shape[1],)})
    scores, metadata = describe(experiment, taken, perceptron.eval(), linear_head(network), report)
    metadata = metadata.model_copy(update={"default_operating_point": experiment.operating_point})
    shapes = {name: list(shape) for name, shape in collection.shapes.items()}
    return finish(experiment, network.eval().state_dict(), {**data, "shapes": shapes}, scores, metadata)


def build(experiment: SpeechMomentsExperiment) -> MultiSensorNetwork:
    """Build the network: waveforms or pictures in, scores out."""
    choices = {
        name: EncoderChoice(part.encoder.name, CHANNELS, encoder_options(part.encoder))
        for name, part in experiment.modalities.items()
    }
    network = build_network(choices, None, ["patch_scores"] if experiment.pixel else [])
    for head in network.heads.values():
        assert isinstance(head, ModalityHead)
        head.knee = experiment.knee
    return network


class _Perceptron(nn.Module):
    """What the network does with moments, once they are taken: all that learns."""

    def __init__(self, name: str, network: MultiSensorNetwork) -> None:
        super().__init__()
        encoder = network.encoders[name]
        assert isinstance(encoder, MomentsEncoder)
        self.name, self.encoder, self.head = name, encoder, network.heads[name]
        self.patch_heads = network.patch_heads

    def forward(self, inputs: Mapping[str, Tensor], presence: Tensor | None = None) -> NetworkOutput:  # noqa: ARG002
        """Judge moments (B, dim)."""
        levels = self.encoder.from_moments(inputs[self.name])
        embedding, score = self.head(levels)
        patches = {key: head(levels[2])[..., 0] for key, head in self.patch_heads.items()}
        return NetworkOutput(score, embedding, score[:, None], patches, {}, {self.name: levels}, (self.name,))


class _Moments:
    """Moments of every window: taken once for each shard of prepared samples, and kept beside it."""

    def __init__(
        self, store: PreparedStore, collection: Collection, encoder: MomentsEncoder, report: Reporter
    ) -> None:
        (places,) = collection.places.values()
        shards = sorted({place.shard for place in places if place is not None})
        self.starts: dict[str, int] = {}
        parts: list[NDArray[np.float32]] = []
        for number, shard in enumerate(shards):
            report.progress("taking moments", number, len(shards))
            self.starts[shard] = sum(len(part) for part in parts)
            parts.append(_of_shard(encoder, store.folder / f"{shard}.npy"))
        self.values: NDArray[np.float32] = np.concatenate(parts)
        self.counts = collection.windows[:, 0]
        self.firsts = np.array([0 if p is None else self.starts[p.shard] + p.first for p in places])

    def read(self, rows: Iterable[tuple[Rows, int]], out: NDArray[np.float32]) -> None:
        """Fill ``out`` with the moments of one window of each sample, row by row."""
        for target, (where, window) in enumerate(rows):
            out[target] = self.values[self.starts[where.shard] + where.first + window]

    def of(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the moments of all windows of these presentations."""
        windows = [np.arange(self.firsts[row], self.firsts[row] + self.counts[row]) for row in rows]
        return np.asarray(self.values[np.concatenate(windows)])

    def drawn(self, rows: NDArray[np.intp], rng: np.random.Generator) -> Tensor:
        """Return the moments of one window of each presentation."""
        window = (rng.random(len(rows)) * self.counts[rows]).astype(int)
        return torch.from_numpy(self.values[self.firsts[rows] + window])


def _of_shard(encoder: MomentsEncoder, path: Path) -> NDArray[np.float32]:
    kept = path.with_suffix(f".{type(encoder).__name__}{encoder.size}.npy")
    if kept.exists():
        found: NDArray[np.float32] = np.load(kept)
        return found
    encoder.moments.eval()  # frozen, as when it serves: a row must not depend on the others
    windows = np.load(path, mmap_mode="r")
    out = np.empty((len(windows), encoder.size), np.float32)
    with torch.inference_mode():
        for start in range(0, len(windows), _ROWS):
            rows = torch.from_numpy(windows[start : start + _ROWS].astype(np.float32))
            if windows.dtype == np.uint8:  # as pictures are kept
                rows = rows / 255
            out[start : start + _ROWS] = encoder.moments(rows).numpy()
    try:
        with replacing(kept) as draft, draft.open("wb") as file:
            np.save(file, out)
    except OSError as error:
        raise cannot_write(kept, error) from None
    return out


def _learn(
    experiment: SpeechMomentsExperiment,
    collection: Collection,
    perceptron: _Perceptron,
    moments: _Moments,
    report: Reporter,
) -> None:
    encoder = perceptron.encoder
    rows = collection.partition("train")
    if len(np.unique(collection.label[rows])) < 2:
        raise InputError("train holds one class only: bona fide and attack presentations are needed")
    seen = torch.from_numpy(moments.of(rows))
    encoder.standardise(seen.mean(0), seen.std(0))
    settings, pairs = experiment.training, experiment.pairs
    rng = np.random.default_rng(experiment.seed)
    draw = _PairDraw(collection, rows, pairs.share, experiment.balance, rng)
    weights = [p for p in perceptron.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, settings.learning_rate, weight_decay=settings.weight_decay)
    half = settings.batch_size // 2
    steps = max(1, settings.epochs * len(rows) // settings.batch_size)
    label = torch.cat([torch.ones(half), torch.zeros(half)])
    soft = label * (1 - 2 * experiment.smoothing) + experiment.smoothing
    pixel = losses["pixel"]()
    perceptron.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * 0.5 * (1 + np.cos(np.pi * step / steps))
        drawn = draw(half)
        x = moments.drawn(drawn, rng)
        x = x + experiment.noise * encoder.deviation * torch.randn_like(x)
        said = perceptron({perceptron.name: x})
        score = said.score
        loss = nn.functional.binary_cross_entropy_with_logits(score, soft)
        apart = score[:half] - score[half:]
        loss = loss + pairs.weight * nn.functional.softplus(pairs.margin - apart).mean()
        if experiment.pixel and collection.masks is not None:
            masks = torch.from_numpy(collection.masks[drawn])
            known = Target(label, label, label, torch.ones(2 * half, 1), pixel_mask=masks)
            loss = loss + experiment.pixel * pixel(said, known)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        report.progress("learning", step + 1, steps)
    report.say(f"{steps} steps; loss of the last {float(loss.detach()):.3f}")


class _PairDraw:
    """Draws bona fide presentations, then as many attacks: every species alike, each beside its original.

    Within bona fide speech, and within a species, every cell of ``balance`` is drawn alike.
    """

    def __init__(
        self,
        collection: Collection,
        rows: NDArray[np.intp],
        share: float,
        balance: Sequence[str],
        rng: np.random.Generator,
    ) -> None:
        cells = [tuple(value_of(p, name) for name in balance) for p in collection.presentations]
        self.of: dict[int, dict[object, list[int]]] = {}
        for row in rows.tolist():
            kind = self.of.setdefault(int(collection.species[row]), {})
            kind.setdefault(cells[row], []).append(row)
        self.kinds = sorted(set(self.of) - {0})
        self.session = [(p.dataset, p.person, p.session) for p in collection.presentations]
        self.originals: dict[object, list[int]] = {}
        for row in rows[collection.species[rows] == 0].tolist():
            self.originals.setdefault(self.session[row], []).append(row)
        self.share, self.rng = share, rng

    def __call__(self, count: int) -> NDArray[np.intp]:
        attacks = [self._one(self.kinds[kind]) for kind in self.rng.integers(len(self.kinds), size=count)]
        return np.array([*map(self._beside, attacks), *attacks], np.intp)

    def _one(self, kind: int) -> int:
        cells = list(self.of[kind].values())
        cell = cells[int(self.rng.integers(len(cells)))]
        return cell[int(self.rng.integers(len(cell)))]

    def _beside(self, attack: int) -> int:
        originals = self.originals.get(self.session[attack])
        if originals and self.rng.random() < self.share:
            return originals[int(self.rng.integers(len(originals)))]
        return self._one(0)
