"""What training reads, made once and kept: simulated pictures as features, answers and maps.

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

import numpy as np
import torch
from numpy.typing import NDArray

from antispoof.networks.face_views import log_odds
from antispoof.sensing.capture import Box
from antispoof.sensing.faces import crop
from antispoof.simulation.face import augmentation
from antispoof.simulation.face.portrait import Portrait
from antispoof.simulation.face.presentations import SimulatedFace, simulate_pairs
from antispoof.training.recipes.face_views.experiment import CLOSE, CONTEXT, FaceViewsExperiment
from antispoof.training.recipes.face_views.network import (
    as_batch,
    build_network,
    crop_recipe,
    read_parts,
    with_imagenet,
)

__all__ = ["BONA_FIDE", "Shard", "fingerprint", "make_shards", "read_shards"]

PEOPLE_PER_SHARD = 4
BONA_FIDE = ""


@dataclass(frozen=True, slots=True)
class Shard:
    """Simulated presentations of N pictures.

    Attributes:
        species: (N,), str, empty for bona fide.
        subject: (N,), int, index of the person.
        pooled: (N, 1 + T, P), float32, features of the close view; the last T in another tone.
        answers: (N, K), float32, log-odds of the K finished networks.
        maps: (N, V, C, h, w), float16, shared maps of V context views, the first of which is unchanged but
            for its box; V is 0 where there is no context branch.
    """

    species: NDArray[np.str_]
    subject: NDArray[np.int64]
    pooled: NDArray[np.float32]
    answers: NDArray[np.float32]
    maps: NDArray[np.float16]


class _Maker:
    """Makes shards in one process; the networks stay loaded between them."""

    def __init__(
        self, experiment: FaceViewsExperiment, portraits: list[Portrait], dev_people: NDArray[np.bool_]
    ) -> None:
        torch.set_num_threads(1)
        self.experiment = experiment
        self.portraits = portraits
        self.dev_people = dev_people
        self.network = with_imagenet(build_network(experiment))
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.parts = read_parts(experiment)

    def make(self, people: list[int], path: Path) -> None:
        """Simulate some people and write what training needs of them."""
        experiment = self.experiment
        rng = np.random.default_rng([experiment.seed, people[0]])
        faces: list[SimulatedFace] = []
        subjects: list[int] = []
        for index in people:
            kinds = experiment.simulation.attacks if self.dev_people[index] else taught(experiment)
            for variant in range(experiment.simulation.variants):
                pair = list(
                    simulate_pairs(
                        self.portraits,
                        index,
                        variant,
                        experiment.seed,
                        kinds,
                        experiment.simulation.wide_share,
                    )
                )
                faces += pair
                subjects += [index] * len(pair)
        tones = 1 + experiment.head.tone_views
        close = self._run(CLOSE, list(self._tones(faces, rng)), self.network.pooled_features)
        answers = [
            self._ask(name, [(f.image, augmentation.jitter_box(f.face, rng)) for f in faces])
            for name in self.parts
        ]
        maps: NDArray[np.float16] = np.zeros((len(faces), 0), np.float16)
        if experiment.context is not None:
            changed = [view for face in faces for view in self._variations(face, rng)]
            flat = self._run(CONTEXT, changed, lambda x: self.network.shared_maps(x).half())
            maps = flat.reshape(len(faces), -1, *flat.shape[1:]).astype(np.float16)
        _write(
            path,
            Shard(
                species=np.array([face.pai_species or BONA_FIDE for face in faces]),
                subject=np.array(subjects),
                pooled=close.reshape(len(faces), tones, -1).astype(np.float32),
                answers=np.array(answers, np.float32).reshape(len(self.parts), len(faces)).T,
                maps=maps,
            ),
        )

    def _tones(
        self, faces: list[SimulatedFace], rng: np.random.Generator
    ) -> Iterator[tuple[NDArray[np.uint8], Box]]:
        """Every picture as captured, then its copies in other tones and boxes."""
        for face in faces:
            for number in range(1 + self.experiment.head.tone_views):
                if number:
                    image = augmentation.perturb_tone(face.image, rng)
                    yield image, augmentation.jitter_box(face.face, rng, 0.06, 0.12)
                else:
                    yield face.image, augmentation.jitter_box(face.face, rng, 0.04, 0.08)

    def _variations(
        self, face: SimulatedFace, rng: np.random.Generator
    ) -> Iterator[tuple[NDArray[np.uint8], Box]]:
        """As captured; closer; changed in tone; smaller: and so on in turn."""
        assert self.experiment.context is not None
        for number in range(self.experiment.context.views_per_picture):
            image, box = face.image, face.face
            kind = number % 4
            if kind == 3:
                image, box = augmentation.shrink(image, box, rng)
            if kind == 1 or (kind > 1 and rng.random() < 0.5):
                image, box = augmentation.reframe(image, box, rng)
            if kind >= 2:
                image = augmentation.perturb_tone(image, rng)
            yield image, augmentation.jitter_box(box, rng)

    def _ask(self, name: str, faces: list[tuple[NDArray[np.uint8], Box]]) -> NDArray[np.float32]:
        """What a finished network says of faces, as log-odds."""
        part, entry = self.parts[name], self.experiment.networks[name]
        return self._run(name, faces, lambda x: log_odds(torch.from_numpy(part(x.numpy())), entry.bona_fide))

    def _run(
        self,
        view: str,
        faces: list[tuple[NDArray[np.uint8], Box]],
        network: Callable[[torch.Tensor], torch.Tensor],
    ) -> NDArray[np.float32]:
        recipe = crop_recipe(self.experiment.views[view])
        parts = []
        with torch.inference_mode():
            for start in range(0, len(faces), 32):
                batch = as_batch([crop(image, box, recipe) for image, box in faces[start : start + 32]])
                parts.append(network(batch).contiguous().numpy())
        return np.concatenate(parts)


def taught(experiment: FaceViewsExperiment) -> tuple[str, ...]:
    """Return the kinds of attack that people of train are seen with: those that something learns from."""
    learners = (experiment.head, experiment.context)
    named = {kind for part in learners if part is not None for kind in part.attacks}
    return tuple(kind for kind in experiment.simulation.attacks if kind in named)


def make_shards(
    experiment: FaceViewsExperiment,
    portraits: list[Portrait],
    dev_people: NDArray[np.bool_],
    folder: Path,
    progress: Callable[[int, int], None],
) -> None:
    """Make every shard that is not there yet; one process a core.

    Args:
        experiment: what to simulate.
        portraits: whom.
        dev_people: (N,), which of them are dev: they are seen with every kind of attack.
        folder: where shards are kept; those of another experiment in it are not mixed up with this one's.
        progress: told how many shards are done, of how many.
    """
    folder.mkdir(parents=True, exist_ok=True)
    groups = [
        list(range(start, min(start + PEOPLE_PER_SHARD, len(portraits))))
        for start in range(0, len(portraits), PEOPLE_PER_SHARD)
    ]
    key = fingerprint(experiment, portraits, dev_people)
    wanted = [(group, _shard_path(folder, key, group[0])) for group in groups]
    missing = [task for task in wanted if not task[1].exists()]
    done = len(wanted) - len(missing)
    progress(done, len(wanted))
    if not missing:
        return
    workers = os.cpu_count() or 1
    # Spawned, because a forked child of a process that runs torch threads can hang.
    with ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=_start,
        initargs=(experiment, portraits, dev_people),
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
    experiment: FaceViewsExperiment, portraits: list[Portrait], dev_people: NDArray[np.bool_], folder: Path
) -> Shard:
    """Read all shards as one."""
    key = fingerprint(experiment, portraits, dev_people)
    paths = [_shard_path(folder, key, start) for start in range(0, len(portraits), PEOPLE_PER_SHARD)]
    columns: dict[str, NDArray[np.generic]] = {}
    for field in fields(Shard):  # one after another, and as wholes: the maps may fill half of the memory
        columns[field.name] = np.concatenate([np.load(path)[field.name] for path in paths])
    return Shard(**columns)  # type: ignore[arg-type]


def fingerprint(
    experiment: FaceViewsExperiment, portraits: list[Portrait], dev_people: NDArray[np.bool_]
) -> str:
    """Digest of everything that shards depend on: settings; pictures and networks by their content."""
    parts = experiment.model_dump(mode="json", include={"seed", "views"})
    parts["simulation"] = experiment.simulation.model_dump(mode="json", exclude={"dev_share"})
    parts["head"] = experiment.head.model_dump(include={"stages", "tone_views"})
    parts["taught"], parts["dev"] = taught(experiment), np.flatnonzero(dev_people).tolist()
    parts["context"] = experiment.context and experiment.context.views_per_picture
    parts["bona_fide"] = {name: entry.bona_fide for name, entry in experiment.networks.items()}
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    for entry in experiment.networks.values():
        digest.update(hashlib.sha256(entry.path.read_bytes()).digest())
    for portrait in portraits:
        digest.update(portrait.subject.encode() + hashlib.sha256(portrait.image.tobytes()).digest())
    return digest.hexdigest()[:12]


def _shard_path(folder: Path, key: str, first: int) -> Path:
    return folder / f"shard-{key}-{first:05d}.npz"


def _write(path: Path, shard: Shard) -> None:
    half_written = path.with_suffix(".part")
    with half_written.open("wb") as file:
        np.savez(file, **{field.name: getattr(shard, field.name) for field in fields(shard)})
    half_written.replace(path)


_maker: _Maker | None = None


def _start(experiment: FaceViewsExperiment, portraits: list[Portrait], dev_people: NDArray[np.bool_]) -> None:
    global _maker
    _maker = _Maker(experiment, portraits, dev_people)


def _make(people: list[int], path: Path) -> None:
    assert _maker is not None
    _maker.make(people, path)
