"""Everything that training reads, made once and kept: simulated pictures as features, maps and teachers'
answers.

One shard holds one group of people. A shard is written under another name and then renamed, so that what an
interruption leaves is either complete or not there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from antispoof.data.simulation import augmentation
from antispoof.data.simulation.face import SimulatedFace, simulate_pairs
from antispoof.data.simulation.portrait import Portrait
from antispoof.networks.encoders.efficientnet_lite import imagenet_state
from antispoof.networks.pooling import mean_and_deviation
from antispoof.networks.two_view import TwoViewNetwork
from antispoof.sensing.capture import Box
from antispoof.sensing.faces import CropRecipe, crop
from antispoof.training.experiment import Experiment, View
from antispoof.training.teacher import Teacher

__all__ = ["Shard", "fingerprint", "make_shards", "read_shards"]

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


class _Maker:
    """Makes shards in one process; the networks stay loaded between them."""

    def __init__(self, experiment: Experiment, portraits: list[Portrait]) -> None:
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
        half_written = path.with_suffix(".part")
        with half_written.open("wb") as file:
            np.savez(
                file,
                species=np.array([face.pai_species or BONA_FIDE for face in faces]),
                subject=np.array(subjects),
                pooled=pooled.astype(np.float32),
                maps=maps.reshape(len(faces), views, *maps.shape[1:]),
                taught=np.array(taught, np.float32).reshape(len(faces), views),
            )
        half_written.replace(path)

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
    experiment: Experiment, portraits: list[Portrait], folder: Path, progress: Callable[[int, int], None]
) -> None:
    """Make every shard that is not there yet, in one process a core.

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
    paths = [_shard_path(folder, key, group[0]) for group in groups]
    missing = [(group, path) for group, path in zip(groups, paths, strict=True) if not path.exists()]
    done = len(groups) - len(missing)
    progress(done, len(groups))
    if not missing:
        return
    workers = os.cpu_count() or 1
    # Spawned, because a forked child of a process that runs torch threads can hang.
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_start, initargs=(experiment, portraits)
    ) as pool:
        running: set[Future[None]] = {pool.submit(_make, group, path) for group, path in missing}
        try:
            while running:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    done += 1
                    progress(done, len(groups))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def read_shards(experiment: Experiment, portraits: list[Portrait], folder: Path) -> Shard:
    """Read all shards as one."""
    key = fingerprint(experiment, portraits)
    paths = [_shard_path(folder, key, start) for start in range(0, len(portraits), PEOPLE_PER_SHARD)]
    parts = [np.load(path) for path in paths]
    return Shard(**{name: np.concatenate([part[name] for part in parts]) for name in Shard.__slots__})


def _recipe(view: View) -> CropRecipe:
    return CropRecipe(view.scale, view.size, view.fit)


def fingerprint(experiment: Experiment, portraits: list[Portrait]) -> str:
    """Digest of everything that shards depend on: settings, pictures and teachers by their content."""
    parts = experiment.model_dump(mode="json", include={"seed", "views"})
    parts["simulation"] = experiment.simulation.model_dump(mode="json", exclude={"dev_share"})
    parts["stages"] = experiment.network.stages
    parts["views_per_picture"] = experiment.distillation.views_per_picture
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    for path in experiment.teachers:
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    for portrait in portraits:
        digest.update(portrait.subject.encode() + hashlib.sha256(portrait.image.tobytes()).digest())
    return digest.hexdigest()[:12]


def _shard_path(folder: Path, key: str, first: int) -> Path:
    return folder / f"{key}-{first:05d}.npz"


_maker: _Maker | None = None


def _start(experiment: Experiment, portraits: list[Portrait]) -> None:
    global _maker
    _maker = _Maker(experiment, portraits)


def _make(people: list[int], path: Path) -> None:
    assert _maker is not None
    _maker.make(people, path)
