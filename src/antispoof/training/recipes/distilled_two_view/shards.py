"""What training reads, made once and kept: simulated pictures as features, maps and teachers' answers.

One shard holds one group of people. A shard is written under another name and then renamed, so that what an
interruption leaves is either complete or not there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, fields
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from antispoof.networks.encoders.efficientnet_lite import imagenet_state
from antispoof.networks.pooling import mean_and_deviation
from antispoof.networks.two_view import TwoViewNetwork
from antispoof.sensing.capture import Box
from antispoof.sensing.faces import CropRecipe, crop
from antispoof.simulation.face import augmentation
from antispoof.simulation.face.portrait import Portrait
from antispoof.simulation.face.presentations import SimulatedFace, simulate_pairs
from antispoof.simulation.face.staging import draw_framing, stage
from antispoof.training.recipes.distilled_two_view.experiment import DistilledTwoViewExperiment, View
from antispoof.training.recipes.distilled_two_view.teacher import Teacher

__all__ = ["NaturalShard", "Shard", "fingerprint", "make_shards", "read_shards"]

PEOPLE_PER_SHARD = 4
BONA_FIDE = ""


@dataclass(frozen=True, slots=True)
class Shard:
    """Simulated presentations of N pictures, V views of each for the student.

    Attributes:
        species: (N,), str, empty for bona fide.
        subject: (N,), int, index of the person.
        pooled: (N, F), float32, features of the close view.
        maps: (N, V, C, h, w), float16, shared maps of the context view; the first of V is unchanged but for
            its box.
        taught: (N, V), float32, mean log-odds of the teachers.
    """

    species: NDArray[np.str_]
    subject: NDArray[np.int64]
    pooled: NDArray[np.float32]
    maps: NDArray[np.float16]
    taught: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class NaturalShard:
    """Unsimulated portraits, lightly changed: what the teachers say of good photos, M views.

    Attributes:
        subject: (M,), int, index of the person.
        maps: (M, C, h, w), float16, shared maps of the context view.
        taught: (M,), float32, mean log-odds of the teachers.
    """

    subject: NDArray[np.int64]
    maps: NDArray[np.float16]
    taught: NDArray[np.float32]


Kind = TypeVar("Kind", Shard, NaturalShard)
_KINDS = (Shard, NaturalShard)


class _Maker:
    """Makes shards in one process; the networks stay loaded between them."""

    def __init__(self, experiment: DistilledTwoViewExperiment, portraits: list[Portrait]) -> None:
        torch.set_num_threads(1)
        self.experiment = experiment
        self.portraits = portraits
        self.network = TwoViewNetwork(experiment.network.stages, experiment.network.context_channels)
        self.network.encoder.load_state_dict(imagenet_state(self.network.encoder))
        self.network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.teachers = [Teacher(path) for path in experiment.teachers]

    def make(self, people: list[int], path: Path) -> None:
        """Simulate some people and write what training needs of them."""
        experiment = self.experiment
        rng = np.random.default_rng([experiment.seed, people[0]])
        faces: list[SimulatedFace] = []
        subjects: list[int] = []
        for index in people:
            for variant in range(experiment.simulation.variants):
                pair = list(
                    simulate_pairs(
                        self.portraits,
                        index,
                        variant,
                        experiment.seed,
                        experiment.simulation.attacks,
                        experiment.simulation.wide_share,
                    )
                )
                faces += pair
                subjects += [index] * len(pair)
        close = [
            crop(f.image, augmentation.jitter_box(f.face, rng, 0.04, 0.08), _recipe(experiment.views.close))
            for f in faces
        ]
        context, taught = [], []
        for face in faces:
            other = faces[int(rng.integers(len(faces)))]
            for image, box in self._variations(face, other, rng):
                context.append(crop(image, box, _recipe(experiment.views.context)))
                taught.append(np.mean([teacher(image, box) for teacher in self.teachers]))
        views = experiment.distillation.views_per_picture
        maps = self._run(context, lambda x: self.network.shared_maps(x).half())
        pooled = self._run(close, lambda x: mean_and_deviation(self.network.encoder(x)[1:]))
        _write(
            path,
            Shard(
                species=np.array([face.pai_species or BONA_FIDE for face in faces]),
                subject=np.array(subjects),
                pooled=pooled.astype(np.float32),
                maps=maps.reshape(len(faces), views, *maps.shape[1:]).astype(np.float16),
                taught=np.array(taught, np.float32).reshape(len(faces), views),
            ),
        )

    def make_natural(self, people: list[int], path: Path) -> None:
        """Change some portraits lightly and write what the context branch learns from them."""
        rng = np.random.default_rng([self.experiment.seed, people[0], 1])
        crops, taught, subjects = [], [], []
        for index in people:
            portrait = self.portraits[index]
            for _ in range(self.experiment.distillation.natural_views):
                image, box = portrait.image, portrait.face
                if rng.random() < 0.5:
                    staged = stage(portrait, draw_framing(rng), rng)
                    image, box = np.asarray(staged.picture * 255 + 0.5, np.uint8), staged.face
                if rng.random() < 0.5:
                    image, box = augmentation.reframe(image, box, rng)
                if rng.random() < 0.7:
                    image = augmentation.perturb_tone(image, rng, strength=rng.uniform(0.1, 1))
                if rng.random() < 0.5:
                    image, box = augmentation.shrink(image, box, rng)
                box = augmentation.jitter_box(box, rng)
                crops.append(crop(image, box, _recipe(self.experiment.views.context)))
                taught.append(np.mean([teacher(image, box) for teacher in self.teachers]))
                subjects.append(index)
        maps = self._run(crops, lambda x: self.network.shared_maps(x).half())
        _write(path, NaturalShard(np.array(subjects), maps.astype(np.float16), np.array(taught, np.float32)))

    def _variations(
        self, face: SimulatedFace, other: SimulatedFace, rng: np.random.Generator
    ) -> Iterator[tuple[NDArray[np.uint8], Box]]:
        """As captured; closer; changed in tone; mixed with another: and so on in turn."""
        for number in range(self.experiment.distillation.views_per_picture):
            image, box = face.image, face.face
            kind = number % 4
            if kind == 3:
                image = augmentation.mix(image, other.image, rng)
            if kind == 1 or (kind > 1 and rng.random() < 0.5):
                image, box = augmentation.reframe(image, box, rng)
            if kind >= 2:
                image = augmentation.perturb_tone(image, rng)
            yield image, augmentation.jitter_box(box, rng)

    def _run(
        self, crops: list[NDArray[np.uint8]], network: Callable[[torch.Tensor], torch.Tensor]
    ) -> NDArray[np.float32]:
        parts = []
        with torch.inference_mode():
            for start in range(0, len(crops), 32):
                batch = (
                    torch.from_numpy(np.stack(crops[start : start + 32])).permute(0, 3, 1, 2).float() / 255
                )
                parts.append(
                    network(batch.contiguous(memory_format=torch.channels_last)).contiguous().numpy()
                )
        return np.concatenate(parts)


def make_shards(
    experiment: DistilledTwoViewExperiment,
    portraits: list[Portrait],
    folder: Path,
    progress: Callable[[int, int], None],
) -> None:
    """Make every shard, of simulated and of natural pictures, that is not there yet; one process a core.

    Args:
        experiment: what to simulate.
        portraits: whom.
        folder: where shards are kept; those of another experiment in it are not mixed up with this one's.
        progress: told how many shards are done, of how many.
    """
    folder.mkdir(parents=True, exist_ok=True)
    groups = [
        list(range(start, min(start + PEOPLE_PER_SHARD, len(portraits))))
        for start in range(0, len(portraits), PEOPLE_PER_SHARD)
    ]
    key = fingerprint(experiment, portraits)
    wanted = [(kind, group, _shard_path(folder, key, kind, group[0])) for kind in _KINDS for group in groups]
    missing = [task for task in wanted if not task[2].exists()]
    done = len(wanted) - len(missing)
    progress(done, len(wanted))
    if not missing:
        return
    workers = os.cpu_count() or 1
    # Spawned, because a forked child of a process that runs torch threads can hang.
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_start, initargs=(experiment, portraits)
    ) as pool:
        running: set[Future[None]] = {pool.submit(_make, *task) for task in missing}
        try:
            while running:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    done += 1
                    progress(done, len(wanted))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def read_shards(
    experiment: DistilledTwoViewExperiment, portraits: list[Portrait], folder: Path, kind: type[Kind]
) -> Kind:
    """Read all shards of one kind as one."""
    key = fingerprint(experiment, portraits)
    paths = [_shard_path(folder, key, kind, start) for start in range(0, len(portraits), PEOPLE_PER_SHARD)]
    parts = [np.load(path) for path in paths]
    return kind(
        **{field.name: np.concatenate([part[field.name] for part in parts]) for field in fields(kind)}
    )


def _recipe(view: View) -> CropRecipe:
    return CropRecipe(view.scale, view.size, view.fit)


def fingerprint(experiment: DistilledTwoViewExperiment, portraits: list[Portrait]) -> str:
    """Digest of everything that shards depend on: settings, pictures and teachers by their content."""
    parts = experiment.model_dump(mode="json", include={"seed", "views"})
    parts["simulation"] = experiment.simulation.model_dump(mode="json", exclude={"dev_share"})
    parts["stages"] = experiment.network.stages
    parts |= experiment.distillation.model_dump(include={"views_per_picture", "natural_views"})
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    for path in experiment.teachers:
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    for portrait in portraits:
        digest.update(portrait.subject.encode() + hashlib.sha256(portrait.image.tobytes()).digest())
    return digest.hexdigest()[:12]


def _shard_path(folder: Path, key: str, kind: type, first: int) -> Path:
    return folder / f"{kind.__name__.lower()}-{key}-{first:05d}.npz"


def _write(path: Path, shard: Shard | NaturalShard) -> None:
    half_written = path.with_suffix(".part")
    with half_written.open("wb") as file:
        np.savez(file, **{field.name: getattr(shard, field.name) for field in fields(shard)})
    half_written.replace(path)


_maker: _Maker | None = None


def _start(experiment: DistilledTwoViewExperiment, portraits: list[Portrait]) -> None:
    global _maker
    _maker = _Maker(experiment, portraits)


def _make(kind: type, people: list[int], path: Path) -> None:
    assert _maker is not None
    (_maker.make if kind is Shard else _maker.make_natural)(people, path)
