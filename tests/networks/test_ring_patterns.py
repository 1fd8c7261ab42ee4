"""What is seen where on an eye: numbers of a place are shown there, those of the iris on all of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from antispoof.networks.encoders.ring_patterns import RingPatterns

SIDE = 256


def eye(printed: bool) -> Tensor:
    """Dark pupil, grey iris, light around it; printed with dots of one pitch, on the iris alone."""
    y, x = np.mgrid[:SIDE, :SIDE] * 2 / SIDE - 1
    apart = np.hypot(y, x)
    picture = np.select([apart < 0.2, apart < 2 / 3], [0.1, 0.4], 0.7)
    picture = picture + 0.02 * np.random.default_rng(0).standard_normal((SIDE, SIDE))
    dots = np.cos(np.pi * SIDE / 8 * x) * np.cos(np.pi * SIDE / 8 * y)
    picture = picture + 0.1 * dots * ((apart >= 0.25) & (apart < 0.6)) * printed
    return torch.from_numpy(picture.clip(0, 1).astype(np.float32))[None, None]


def test_a_lattice_on_the_iris_is_shown_on_the_iris() -> None:
    encoder = RingPatterns(1)
    before, after = (encoder.by_patch(eye(printed)) for printed in (False, True))
    moved = (after - before)[0].abs().amax(0)
    middle = (np.arange(16) + 0.5) / 8 - 1
    apart = np.hypot(middle[:, None], middle)
    on_iris = torch.from_numpy((apart > 0.3) & (apart < 0.6))
    assert moved[on_iris].min() > 10 * moved[torch.from_numpy(apart > 0.85)].max()


def test_every_number_of_grain_is_of_one_ring() -> None:
    encoder = RingPatterns(1)
    seen = encoder.seen_in()
    assert seen.shape == (encoder.size, 11)
    counts = seen.sum(1)
    assert [int((counts == count).sum()) for count in (0, 1, 6)] == [5 + 11, 66 + 24, 12 + 21]
