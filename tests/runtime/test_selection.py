"""Which bundles judge: as many sensors as possible at once, and none twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antispoof.runtime.selection import choose

SENSORS = ("depth", "face", "infrared", "voice")


class Bundle:
    def __init__(self, *modalities: str) -> None:
        self.metadata = self
        self.modalities = modalities


FACE, VOICE = Bundle("face"), Bundle("voice")
MULTI, PAIR = Bundle("face", "depth", "infrared"), Bundle("face", "depth")


@pytest.mark.parametrize(
    ("usable", "expected"),
    [
        ({"face"}, [(FACE, ("face",))]),
        ({"face", "voice"}, [(FACE, ("face",)), (VOICE, ("voice",))]),
        ({"face", "depth"}, [(PAIR, ("face", "depth"))]),
        ({"face", "depth", "infrared"}, [(MULTI, ("face", "depth", "infrared"))]),
        ({"face", "depth", "voice"}, [(PAIR, ("face", "depth")), (VOICE, ("voice",))]),
        ({"infrared"}, [(MULTI, ("infrared",))]),
        ({"depth", "voice"}, [(VOICE, ("voice",)), (PAIR, ("depth",))]),
        (set(), []),
        ({"iris"}, []),
    ],
)
def test_the_bundle_that_covers_most_is_taken(usable: set[str], expected: Any) -> None:
    assert set(choose([FACE, VOICE, MULTI, PAIR], usable)) == set(expected)  # type: ignore[list-item]


@given(
    bundles=st.lists(st.lists(st.sampled_from(SENSORS), min_size=1, unique=True), min_size=1, max_size=6),
    usable=st.sets(st.sampled_from(SENSORS)),
)
def test_no_sensor_is_counted_twice_and_none_forgotten(bundles: list[list[str]], usable: set[str]) -> None:
    candidates: Any = [Bundle(*names) for names in bundles]
    judged = [name for _, names in choose(candidates, usable) for name in names]
    assert len(judged) == len(set(judged))
    assert set(judged) == usable & {name for names in bundles for name in names}
