"""Changes that come again: a period forwards, and turning points backwards."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from antispoof.sensing.playback import PLAYED, Change, Changes, likeness


def filmed(places: list[int], coded: float, seed: int = 0) -> Changes:
    """Changes of a film whose pictures are those of ``places``, with new noise of coding over each."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 60, 96)[np.newaxis] + np.linspace(0, 60, 64)[:, np.newaxis]
    taken = [128 + 40 * np.sin((ramp + place) / 5) + rng.normal(0, 3, ramp.shape) for place in range(60)]
    shown = [np.clip(taken[k] + rng.normal(0, coded, ramp.shape), 0, 255).astype(np.uint8) for k in places]
    changes = Changes()
    for before, after in pairwise(shown):
        changes.see(Change.of(before, after))
    return changes


FRO = [place if place <= 8 else 16 - place for place in range(16)]


@pytest.mark.parametrize("places", [FRO * 3, list(range(12)) * 4])
def test_a_piece_that_runs_again_is_found(places: list[int]) -> None:
    assert filmed(places, 1.5).returning() > PLAYED


def test_a_camera_is_not_a_loop_however_evenly_things_move() -> None:
    assert filmed(list(range(45)), 1.5).returning() < 0.25
    rng = np.random.default_rng(1)
    swaying = [int(place) for place in 20 + 8 * np.sin(np.arange(45) / 2.5)]
    ramp = np.linspace(0, 60, 96)[np.newaxis] + np.linspace(0, 60, 64)[:, np.newaxis]
    changes = Changes()
    before: NDArray[np.uint8] | None = None
    for place in swaying:  # the movement again and again, under noise that is new
        now = 128 + 40 * np.sin((ramp + place) / 5) + rng.normal(0, 3, ramp.shape)
        after = np.clip(now, 0, 255).astype(np.uint8)
        if before is not None:
            changes.see(Change.of(before, after))
        before = after
    assert changes.returning() < PLAYED


def test_what_cannot_be_compared_says_nothing() -> None:
    assert Changes().returning() == 0.0
    assert likeness(np.full((40, 40), np.nan)) == 0.0
    still = np.full((64, 96), 100, np.uint8)
    changes = Changes()
    for _ in range(30):
        changes.see(Change.of(still, still))
    assert changes.returning() == 0.0
    changes.see(Change.of(np.zeros((20, 20), np.uint8), np.ones((20, 20), np.uint8)))
    assert changes.count == 1, "pictures of another size begin anew"
