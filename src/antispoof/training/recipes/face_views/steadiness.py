"""What other cameras change in features, which the layer over the close view learns to leave alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from antispoof.files import replacing
from antispoof.networks.face_views import FaceViewsNetwork
from antispoof.sensing.faces import crop
from antispoof.simulation.face.augmentation import jitter_box
from antispoof.simulation.face.camera_changes import CAMERA_CHANGES
from antispoof.simulation.face.portrait import Portrait
from antispoof.simulation.face.presentations import simulate_pairs
from antispoof.training.recipes.face_views.experiment import CLOSE, FaceViewsExperiment
from antispoof.training.recipes.face_views.network import as_batch, crop_recipe
from antispoof.training.recipes.face_views.shards import fingerprint

__all__ = ["mean_changes"]


def mean_changes(
    experiment: FaceViewsExperiment,
    network: FaceViewsNetwork,
    portraits: Sequence[Portrait],
    dev_people: NDArray[np.bool_],
    folder: Path,
    progress: Callable[[int, int], None],
) -> NDArray[np.float64]:
    """Return what each change of ``head.steady`` does to the features of bona fide pictures, on average.

    One simulated picture of each person of train is changed; the result is kept in ``folder``.

    Args:
        experiment: names the changes.
        network: its encoder has learned all that it will.
        portraits: everybody.
        dev_people: (N,), who is left out.
        folder: where it is kept, under a name that tells of what it is.
        progress: told how many people are done, of how many.

    Returns:
        (K, P), in the order of ``head.steady``.
    """
    names = experiment.head.steady
    key = hashlib.sha256(repr((fingerprint(experiment, list(portraits), dev_people), names)).encode())
    path = folder / f"changes-{key.hexdigest()[:12]}.npy"
    if path.exists():
        return np.asarray(np.load(path), np.float64)
    recipe = crop_recipe(experiment.views[CLOSE])
    people = np.flatnonzero(~dev_people)
    total = np.zeros((len(names), network.pooled))
    for done, index in enumerate(people):
        seed, share = experiment.seed, experiment.simulation.wide_share
        face = next(simulate_pairs(portraits, int(index), 0, seed, (), share))
        rng = np.random.default_rng([seed, int(index)])
        seen = crop(face.image, jitter_box(face.face, rng, 0.04, 0.08), recipe)
        picture = np.asarray(seen / 255, np.float32)
        changed = [np.asarray(CAMERA_CHANGES[name](picture) * 255 + 0.5, np.uint8) for name in names]
        with torch.inference_mode():
            pooled = network.pooled_features(as_batch([seen, *changed])).double().numpy()
        total += pooled[1:] - pooled[0]
        progress(done + 1, len(people))
    mean = total / len(people)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft, draft.open("wb") as file:
        np.save(file, mean)
    return np.asarray(mean, np.float64)
