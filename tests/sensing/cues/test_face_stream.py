"""What a program does to a stream: a piece that runs again, and another clock."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from filmed import head
from numpy.typing import NDArray

from antispoof.sensing.cues import cues
from antispoof.sensing.watch import Watch

Shown = list[tuple[float, NDArray[np.uint8]]]


def numbers(shown: Shown) -> dict[str, float]:
    watch = Watch(["face_stream"])
    for time_s, picture in shown:
        watch.see(time_s, picture)
    (found,) = watch.measured()
    assert found.features is not None
    assert np.isfinite(found.features).all()
    assert len(found.course) > 12
    return dict(zip(cues["face_stream"].features, found.features.tolist(), strict=True))


def test_what_runs_again_is_found_with_new_noise_over_it(portrait: NDArray[np.uint8]) -> None:
    live = list(head(portrait, noise=3))
    rng = np.random.default_rng(3)
    piece = [picture for _, picture in live[:16]]
    plain = numbers(live)
    for again in (piece * 2, piece + piece[-2::-1]):
        shown = [
            (k / 15, np.clip(p + rng.normal(0, 1, p.shape), 0, 255).astype(np.uint8))
            for k, p in enumerate(again)
        ]
        found = numbers(shown)
        assert found["returned"] > np.log(0.4) > plain["returned"] + 0.7
        assert found["returned_sure"] > plain["returned_sure"] + 0.7


def test_pictures_that_are_mixed_share_what_changed(portrait: NDArray[np.uint8]) -> None:
    live = list(head(portrait, noise=3))
    mixed: Shown = []
    for (at, one), (_, other) in pairwise(live[:20]):
        mixed += [(at, one), (at + 1 / 30, ((one.astype(np.uint16) + other) // 2).astype(np.uint8))]
    plain, found = numbers(live), numbers(mixed)
    assert (
        found["next_alike"] + found["next_alike_high"] > plain["next_alike"] + plain["next_alike_high"] + 0.3
    )
