"""The recipe, read from top to bottom: prepare, take moments once, learn from pairs, calibrate, tell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import metadata as distribution
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn

from antispoof.data.manifest import read_manifest
from antispoof.data.presentation import Presentation
from antispoof.errors import InputError
from antispoof.networks.encoders.speech_moments import SpectralMoments, SpeechMoments
from antispoof.networks.network import MultiSensorNetwork
from antispoof.runtime.bundle import BundleMetadata
from antispoof.training.checkpoint import cannot_write, load_weights, read_tensors, write_tensors
from antispoof.training.prepared import PreparedStore, Rows
from antispoof.training.recipes import Trained
from antispoof.training.recipes.speech_moments.experiment import Experiment
from antispoof.training.recipes.supervised.data import Collection, collect
from antispoof.training.recipes.supervised.finish import CHECKPOINT, EXPERIMENT, METADATA, describe, graph_of
from antispoof.training.recipes.supervised.network import build
from antispoof.training.reporter import SILENT, Reporter

__all__ = ["load", "train", "train_on"]

_ROWS = 24  # windows whose spectra are computed together


def train(experiment: Experiment, report: Reporter = SILENT) -> Path:
    """Run the recipe; moments that were taken before are used.

    Returns:
        The run folder, with ``checkpoint.safetensors``, ``experiment.json``, ``bundle.json``, and the
        calibrated scores of dev and test.

    Raises:
        InputError: the data cannot be used.
        TrainingError: the disk is full.
    """
    return train_on(experiment, read_manifest(experiment.data.manifest), report)


def train_on(
    experiment: Experiment, presentations: tuple[Presentation, ...], report: Reporter = SILENT
) -> Path:
    """Run the recipe on presentations that need not be those of the manifest: a fold of them, for example."""
    run = experiment.run_dir
    if (run / METADATA).exists() and _recorded(run) == experiment.record():
        report.say(f"{run} is finished already")
        return run
    collection = collect(presentations, experiment, report)
    torch.manual_seed(experiment.seed)
    network = build(experiment, dict.fromkeys(collection.modalities, 1))
    (name,) = collection.modalities
    encoder = network.encoders[name]
    assert isinstance(encoder, SpeechMoments)
    moments = _Moments(collection, encoder, report)
    _learn(experiment, collection, network, moments, report)
    with _taken(encoder):
        taken = replace(collection, stores={name: moments}, shapes={name: (encoder.moments.dim,)})
        scores, metadata = describe(experiment, taken, network.eval(), report)
    about = {"experiment": experiment.record(), "code_version": distribution.version("antispoof")}
    about["shapes"] = {name: list(collection.shapes[name])}
    write_tensors(run / CHECKPOINT, network.state_dict(), about)
    try:
        for name, score_set in scores.items():
            score_set.write(run / f"{name}.csv")
        (run / EXPERIMENT).write_text(
            json.dumps(dict(experiment.record()), indent=1) + "\n", encoding="utf-8"
        )
        (run / METADATA).write_text(metadata.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise cannot_write(run, error) from None
    return run


def load(run: Path) -> Trained:
    """Load a finished run for export.

    Raises:
        InputError: the folder holds no finished run, or a damaged one.
    """
    tensors, about = read_tensors(run / CHECKPOINT)
    try:
        experiment = Experiment.model_validate({**about["experiment"], "run_dir": run})
        metadata = BundleMetadata.model_validate_json((run / METADATA).read_text(encoding="utf-8"))
        shapes = {name: tuple(shape) for name, shape in about["shapes"].items()}
    except (OSError, ValidationError, KeyError, TypeError) as error:
        raise InputError(f"{str(run)!r} holds a damaged run, train it again: {error}") from None
    network = build(experiment, dict.fromkeys(shapes, 1))
    load_weights(network, tensors, run / CHECKPOINT)
    graph, inputs, outputs = graph_of(network.eval(), shapes)
    return Trained(graph, inputs, outputs, metadata)


def _recorded(run: Path) -> object:
    try:
        return json.loads((run / EXPERIMENT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@contextmanager
def _taken(encoder: SpeechMoments) -> Iterator[None]:
    """Let an encoder take moments in place of waveforms for a while."""
    spectra = encoder.moments
    encoder.moments = _Passing(spectra.dim)
    try:
        yield
    finally:
        encoder.moments = spectra


class _Passing(SpectralMoments):
    """Stands where moments would be taken, and hands on what has been taken before."""

    def __init__(self, dim: int) -> None:
        nn.Module.__init__(self)
        self.dim = dim

    def forward(self, wave: Tensor) -> Tensor:
        """Return (B, dim) as it came."""
        return wave


class _Moments(PreparedStore):
    """Moments of every window: taken once for each shard of prepared samples, and kept beside it."""

    def __init__(self, collection: Collection, encoder: SpeechMoments, report: Reporter) -> None:
        (name,) = collection.modalities
        store = collection.stores[name]
        super().__init__(store.folder.parent, store.modality, store.arguments)
        self._rows = store._rows
        self.counts = collection.windows[:, 0]
        self.firsts = np.zeros(len(self.counts), np.int64)
        places = {
            row: store.rows(p.captures[name])
            for row, p in enumerate(collection.presentations)
            if name in p.captures
        }
        shards = sorted({where.shard for where in places.values()})
        self.starts: dict[str, int] = {}
        parts: list[NDArray[np.float32]] = []
        for number, shard in enumerate(shards):
            report.progress("taking moments", number, len(shards))
            self.starts[shard] = sum(len(part) for part in parts)
            parts.append(_of_shard(encoder, store.folder / f"{shard}.npy"))
        self.values: NDArray[np.float32] = np.concatenate(parts)
        for row, where in places.items():
            self.firsts[row] = self.starts[where.shard] + where.first

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


def _of_shard(encoder: SpeechMoments, path: Path) -> NDArray[np.float32]:
    kept = path.with_suffix(".moments.npy")
    if kept.exists():
        found: NDArray[np.float32] = np.load(kept)
        return found
    windows = np.load(path, mmap_mode="r")
    out = np.empty((len(windows), encoder.moments.dim), np.float32)
    with torch.inference_mode():
        for start in range(0, len(windows), _ROWS):
            rows = torch.from_numpy(windows[start : start + _ROWS].astype(np.float32))
            out[start : start + _ROWS] = encoder.moments(rows).numpy()
    draft = kept.with_suffix(".part.npy")
    try:
        np.save(draft, out)
        draft.replace(kept)
    except OSError as error:
        raise cannot_write(kept, error) from None
    return out


def _learn(
    experiment: Experiment,
    collection: Collection,
    network: MultiSensorNetwork,
    moments: _Moments,
    report: Reporter,
) -> None:
    (name,) = collection.modalities
    encoder, head = network.encoders[name], network.heads[name]
    assert isinstance(encoder, SpeechMoments)
    rows = collection.partition("train")
    if len(np.unique(collection.label[rows])) < 2:
        raise InputError("train holds one class only: bona fide and attack presentations are needed")
    seen = torch.from_numpy(moments.of(rows))
    encoder.standardise(seen.mean(0), seen.std(0))
    settings, pairs = experiment.training, experiment.pairs
    rng = np.random.default_rng(experiment.seed)
    draw = _PairDraw(collection, rows, pairs.share, rng)
    weights = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, settings.learning_rate, weight_decay=settings.weight_decay)
    half = settings.batch_size // 2
    steps = max(1, settings.epochs * len(rows) // settings.batch_size)
    label = torch.cat([torch.ones(half), torch.zeros(half)])
    soft = label * (1 - 2 * experiment.smoothing) + experiment.smoothing
    network.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * 0.5 * (1 + np.cos(np.pi * step / steps))
        x = moments.drawn(draw(half), rng)
        x = x + experiment.noise * encoder.deviation * torch.randn_like(x)
        _, score = head(encoder.from_moments(x))
        loss = nn.functional.binary_cross_entropy_with_logits(score, soft)
        apart = score[:half] - score[half:]
        loss = loss + pairs.weight * nn.functional.softplus(pairs.margin - apart).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        report.progress("learning", step + 1, steps)
    report.say(f"{steps} steps; loss of the last {float(loss.detach()):.3f}")


class _PairDraw:
    """Draws bona fide presentations, then as many attacks: every species alike, each beside its original."""

    def __init__(
        self, collection: Collection, rows: NDArray[np.intp], share: float, rng: np.random.Generator
    ) -> None:
        species = collection.species[rows]
        self.bona_fide = rows[species == 0]
        self.kinds = [rows[species == kind] for kind in np.unique(species[species > 0])]
        self.session = [(p.dataset, p.person, p.session) for p in collection.presentations]
        self.originals: dict[object, list[int]] = {}
        for row in self.bona_fide:
            self.originals.setdefault(self.session[row], []).append(int(row))
        self.share, self.rng = share, rng

    def __call__(self, count: int) -> NDArray[np.intp]:
        kinds = self.rng.integers(len(self.kinds), size=count)
        attacks = [int(self.rng.choice(self.kinds[kind])) for kind in kinds]
        return np.array([*map(self._beside, attacks), *attacks], np.intp)

    def _beside(self, attack: int) -> int:
        originals = self.originals.get(self.session[attack])
        if originals and self.rng.random() < self.share:
            return int(self.rng.choice(originals))
        return int(self.rng.choice(self.bona_fide))
