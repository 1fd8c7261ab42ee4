"""Looking and scoring beside each other give what they give one after the other, whoever is quicker."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antispoof.errors import MediaError
from antispoof.runtime.burst import look_and_score


@settings(max_examples=25)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=9), st.integers(1, 4), st.sets(st.integers(0, 8)))
def test_every_source_is_scored_once_in_batches_that_hang_on_no_clock(
    waits: list[int], workers: int, broken: set[int]
) -> None:
    batches: list[list[int]] = []

    def look(place: int) -> int:
        time.sleep(waits[place] / 2000)
        if place in broken:
            raise MediaError("decode_failed", str(place))
        return place

    def score(seen: list[int]) -> list[int]:
        batches.append(seen)
        return [10 * place for place in seen]

    places = range(len(waits))
    with ThreadPoolExecutor(workers) as executor:

        def call() -> list[tuple[int, int]]:
            return look_and_score(places, look, score, workers, lambda f, items: [*executor.map(f, items)])

        if failed := sorted(broken & set(places)):
            with pytest.raises(MediaError, match=f"^{failed[0]}$"):
                call()
            return
        assert call() == [(place, 10 * place) for place in places]
    size = -(-len(waits) // workers)
    assert sorted(batches) == [[*places[start : start + size]] for start in range(0, len(waits), size)]
