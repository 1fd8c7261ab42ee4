"""Many presentations at once are judged as one by one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spoken import spoken

import antispoof
from antispoof.errors import InputError, MediaError
from antispoof.runtime.batching import AHEAD, PRESENTATIONS, judge_each
from antispoof.runtime.verdict import Verdict
from antispoof.sensing.capture import Sample
from antispoof.simulation.scene.render import SceneSpec, render_scene

SIMULATED = ("face_depth", "face_infrared", "face_rgb", "face_thermal", "voice")
ABSENT, EMPTY = 0, 1  # what a sensor may have seen, beside the numbered subjects


@cache
def detector() -> antispoof.Detector:
    return antispoof.load()


@cache
def source(modality: str, subject: int) -> Any:
    if subject == ABSENT:
        return None
    if modality == "voice":
        sound = np.zeros(16_000, np.float32) if subject == EMPTY else spoken(subject, 8 * subject)
        return Sample(sound, {"sample_rate": 16_000})
    array = render_scene(SceneSpec(5, subject, 1, None, "desk", "office"), 128)[modality]
    return np.zeros_like(array) if subject == EMPTY else array


@cache
def alone(given: tuple[tuple[str, int], ...]) -> Verdict:
    return detector().check(**{name: source(name, subject) for name, subject in given})


presentations = st.dictionaries(
    st.sampled_from(SIMULATED), st.sampled_from([ABSENT, EMPTY, 2, 3]), max_size=4
)


def assert_same(one: Any, other: Any) -> None:
    """Every word is the same; numbers differ by less than 1e-5."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    elif isinstance(one, float):
        assert other == pytest.approx(one, abs=1e-5)
    else:
        assert one == other


@settings(max_examples=5)
@given(st.lists(presentations, max_size=PRESENTATIONS + 3))
def test_any_mixture_of_sensors_is_judged_as_one_by_one(wanted: list[dict[str, int]]) -> None:
    sources = [{name: source(name, subject) for name, subject in each.items()} for each in wanted]
    verdicts = detector().check_many(sources)
    expected = [alone(tuple(each.items())) for each in wanted]
    assert [verdict.outcome for verdict in verdicts] == [verdict.outcome for verdict in expected]
    assert_same([verdict.as_dict() for verdict in verdicts], [verdict.as_dict() for verdict in expected])
    for verdict, other in zip(verdicts, expected, strict=True):
        for part, its in zip(verdict.evidence, other.evidence, strict=True):
            for name in ("heat_map", "features"):
                value, known = getattr(part, name), getattr(its, name)
                assert (value is None) == (known is None)
                if value is not None:
                    np.testing.assert_allclose(value, known, atol=1e-4)


def test_what_cannot_be_decoded_keeps_nothing_else_from_being_judged(close_up: Any) -> None:
    sources = [{"face_rgb": close_up}, {"face_rgb": b"no picture"}, {"face_rgb": close_up}]
    first, broken, last = judge_each(detector(), sources, detector().look)
    assert isinstance(broken.result, MediaError)
    assert first.result == last.result == detector().check(face_rgb=close_up)
    assert min(first.milliseconds, broken.milliseconds) > 0
    with pytest.raises(MediaError, match="the bytes given"):
        detector().check_many(sources)


def test_no_more_is_read_than_is_decoded_ahead(close_up: Any) -> None:
    read = []

    def endless() -> Iterator[dict[str, Any]]:
        while True:
            read.append(None)
            yield {"face_rgb": close_up}

    results = judge_each(detector(), endless(), detector().look)
    next(results)
    assert len(read) <= PRESENTATIONS + AHEAD + 1
    results.close()  # type: ignore[attr-defined]


def test_a_sensor_that_nobody_judges_is_an_error_wherever_it_stands(close_up: Any, make_bundle: Any) -> None:
    face = antispoof.load(make_bundle())
    with pytest.raises(InputError, match="it cannot use voice"):
        face.check_many([{"face_rgb": close_up}, {"voice": "a.wav"}])
