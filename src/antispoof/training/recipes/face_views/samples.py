"""Simulated captures as the network will see them: what a quantised one takes its ranges from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.files import replacing
from antispoof.sensing.faces import crop
from antispoof.simulation.face.augmentation import jitter_box
from antispoof.simulation.face.portrait import Portrait
from antispoof.simulation.face.presentations import simulate_pairs
from antispoof.training.disk import cannot_write
from antispoof.training.recipes.face_views.experiment import FaceViewsExperiment
from antispoof.training.recipes.face_views.network import crop_recipe

__all__ = ["keep_samples", "read_samples"]

SAMPLES = "samples.npz"
PAIRS = 32  # people, one after another, each once bona fide and once with every kind of attack


def keep_samples(experiment: FaceViewsExperiment, people: Sequence[Portrait]) -> None:
    """Simulate captures that training has not seen, and write their views to the run folder, as bytes."""
    rng = np.random.default_rng([experiment.seed, len(people)])
    simulation = experiment.simulation
    faces = [
        face
        for number in range(PAIRS)
        for face in simulate_pairs(
            people,
            number % len(people),
            simulation.variants + number // len(people),
            experiment.seed,
            simulation.attacks,
            simulation.wide_share,
        )
    ]
    boxes = [jitter_box(face.face, rng) for face in faces]
    views: dict[str, Any] = {
        name: np.stack(
            [
                crop(face.image, box, crop_recipe(experiment.views[name]))
                for face, box in zip(faces, boxes, strict=True)
            ]
        )
        for name in experiment.view_names
    }
    path = experiment.run_dir / SAMPLES
    try:
        with replacing(path) as draft, draft.open("wb") as file:
            np.savez(file, **views)
    except OSError as error:
        raise cannot_write(path, error) from None


def read_samples(run: Path) -> dict[str, NDArray[np.float32]]:
    """Read what `keep_samples` wrote: view → float32, (N, 3, H, W), 0..1, people one after another.

    Raises:
        InputError: there is no such file in the run folder, or it is damaged.
    """
    try:
        with np.load(run / SAMPLES) as held:
            return {
                name: np.ascontiguousarray(held[name].transpose(0, 3, 1, 2) / np.float32(255))
                for name in held
            }
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{str(run)!r} holds a damaged run, train it again: {error}") from None
