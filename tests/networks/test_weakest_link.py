"""The soft minimum against plain NumPy, and what it promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from antispoof.networks.fusion.weakest_link import WeakestLink

DIMS = {"face_rgb": (4, 5, 6), "face_depth": (4, 5, 6), "voice": (3, 3, 3)}


def fusion(sharpness: float) -> WeakestLink:
    made = WeakestLink(DIMS, sharpness=sharpness)
    made.head.load_state_dict({name: torch.zeros_like(x) for name, x in made.head.state_dict().items()})
    return made


def fused(made: WeakestLink, scores: np.ndarray, presence: np.ndarray) -> np.ndarray:
    embedding = torch.zeros(len(scores), made.dim)
    with torch.inference_mode():
        result = made.score(embedding, torch.tensor(scores).float(), torch.tensor(presence).float())
    return np.asarray(result)


@pytest.mark.parametrize("sharpness", [0.05, 0.5, 3.0])
def test_it_is_the_soft_minimum_of_those_present(sharpness: float) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 3, (40, 3))
    presence = (rng.random((40, 3)) > 0.4).astype(float)
    presence[:, 1] = np.maximum(presence[:, 1], presence.sum(1) == 0)
    wanted = [
        -np.log(np.mean(np.exp(-sharpness * row[here > 0]))) / sharpness
        for row, here in zip(scores, presence, strict=True)
    ]
    np.testing.assert_allclose(fused(fusion(sharpness), scores, presence), wanted, atol=2e-4)


def test_it_lies_between_the_minimum_and_the_mean() -> None:
    scores = np.random.default_rng(1).normal(0, 4, (30, 3))
    everything = np.ones((30, 3))
    soft = fused(fusion(0.7), scores, everything)
    assert (soft <= scores.mean(1) + 1e-4).all()
    assert (soft >= scores.min(1) - 1e-4).all()
    np.testing.assert_allclose(fused(fusion(1e-3), scores, everything), scores.mean(1), atol=0.05)
    np.testing.assert_allclose(fused(fusion(200.0), scores, everything), scores.min(1), atol=0.02)


def test_one_sensor_is_not_fused() -> None:
    made = WeakestLink(DIMS)
    learned = {name: torch.randn_like(x) for name, x in made.head.state_dict().items()}
    made.head.load_state_dict(learned)  # whatever the correction has learned
    scores = np.random.default_rng(2).normal(0, 3, (9, 3))
    alone = np.eye(3)[np.arange(9) % 3]
    np.testing.assert_allclose(fused(made, scores, alone), (scores * alone).sum(1), atol=1e-4)
