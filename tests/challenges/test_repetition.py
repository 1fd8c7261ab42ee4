"""Frozen, looped and duplicated pictures are found; people who hold still or repeat themselves are not."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from antispoof.challenges import ShownStep, Step, challenges
from antispoof.challenges.frame import Frame, hint, observe
from antispoof.sensing.repetition import (
    RUN_S,
    THUMBNAIL_SIDE,
    find_repetition,
    find_splices,
    in_one_run,
)

PASSIVE = challenges["passive"]


def camera(positions: NDArray[np.float64], noise: float = 1.0, seed: int = 0) -> list[Frame]:
    """Frames of a textured thing that moves to ``positions``, (N, 2) in thumbnail cells, at ten a second."""
    rng = np.random.default_rng(seed)
    scene = cv2.GaussianBlur(rng.normal(128, 300, (40, 40)), (0, 0), 2.0).astype(np.float32)
    frames = []
    for i, (x, y) in enumerate(positions):
        shift = np.array([[1, 0, -8 + x], [0, 1, -8 + y]])
        picture = cv2.warpAffine(scene, shift, (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        picture = picture + noise * rng.standard_normal(picture.shape)
        frames.append(
            Frame(
                time_s=i / 10,
                digest=f"{seed}-{i}",
                thumbnail=picture.astype(np.float32),
                faces=1,
                box=None,
                landmarks=None,
                aligned=None,
                skin=None,
                background=None,
                luminance=100,
                width=640,
                height=480,
            )
        )
    return frames


def wander(count: int, seed: int) -> NDArray[np.float64]:
    steps = np.random.default_rng(seed).normal(0, 0.3, (count, 2))
    for i in range(1, count):  # drawn back to the middle
        steps[i] += 0.95 * steps[i - 1]
    return steps


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), noise=st.floats(0.1, 3))
def test_a_camera_passes(seed: int, noise: float) -> None:
    assert find_repetition(camera(wander(60, seed), noise, seed)).reasons == ()


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_holding_still_passes(seed: int) -> None:
    still = np.random.default_rng(seed).normal(0, 0.01, (60, 2))
    assert find_repetition(camera(still, 0.2, seed)).reasons == ()


def nods(seed: int) -> list[Frame]:
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(3):
        parts.append(np.zeros(8))
        parts.append(rng.uniform(0.8, 1.3) * np.sin(np.linspace(0, np.pi, rng.integers(8, 16))) * 3)
    path = np.concatenate(parts)
    return camera(np.column_stack([np.cumsum(rng.normal(0, 0.05, len(path))), path]), 0.5, seed)


def loop(seed: int) -> list[Frame]:
    """New noise in each round, and frames that fall between those of the round before."""
    rng = np.random.default_rng(seed)
    period, offset = int(rng.integers(16, 41)), rng.uniform(0, 0.5)
    turn = 2 * np.pi * (np.arange(round(2.5 * period) + 20) * (1 + offset / period)) / period
    path = np.column_stack([3 * np.sin(turn + rng.uniform(0, 6)), 2 * np.sin(2 * turn)])
    return camera(path * 16 / period + 3, 0.1, seed)


def test_loops_compressed_anew_are_told_from_nodding_twice() -> None:
    """Both are matters of degree, so rates are tested: by chance somebody nods three times alike."""
    seeds = range(120)
    found = {make: [find_repetition(make(seed)).reasons for seed in seeds] for make in (nods, loop)}
    assert set(found[nods]) <= {(), ("looped",)}
    assert found[nods].count(("looped",)) <= 1
    assert found[loop].count(("looped",)) >= 119


def test_equal_bytes_are_found() -> None:
    frames = camera(wander(40, 1))
    again = [*frames[:20], *(replace(f, time_s=f.time_s + 2) for f in frames[:20])]
    assert "looped" in find_repetition(again).reasons
    assert find_repetition(again).returned == 20
    # A page that reads faster than its camera delivers sends pictures twice in a row.
    twice = [replace(f, time_s=f.time_s + d) for f in frames for d in (0, 0.05)]
    found = find_repetition(twice)
    assert found.reasons == ()
    assert found.duplicated == pytest.approx(0.5, abs=0.02)


def test_a_frozen_picture_is_found() -> None:
    frames = camera(wander(40, 2))
    stuck = frames[:10] + [replace(frames[10], time_s=1 + i / 10) for i in range(15)] + frames[25:]
    found = find_repetition(stuck)
    assert found.reasons == ("frozen",)
    assert found.frozen_s == pytest.approx(1.4)


def test_pictures_of_an_earlier_capture_are_found() -> None:
    frames = camera(wander(20, 3))
    assert find_repetition(frames, {frames[7].digest}).reasons == ("seen_before",)
    assert find_repetition(frames, {"another"}).reasons == ()
    assert find_repetition([], {"another"}).reasons == ()


def passive(frames: list[Frame]) -> tuple[str, tuple[str, ...]]:
    result = PASSIVE.verify(frames, None, [ShownStep(Step("look_ahead", 2.5), 0.0, 2.5)])
    assert len(result.advice) == len(result.reasons)
    return result.outcome, result.reasons


def test_passive(portrait: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(0)
    small = cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA)

    def shot(i: int, x: int = 0) -> Frame:
        moved = np.roll(small, x, axis=1).astype(np.int16) + rng.integers(-3, 4, small.shape)
        return observe(np.clip(moved, 0, 255).astype(np.uint8), i / 8)

    frames = [shot(i) for i in range(16)]
    assert passive(frames) == ("passed", ())
    assert passive(frames[:4]) == ("inconclusive", ("too_few_frames",))
    assert passive([]) == ("inconclusive", ("too_few_frames",))
    assert passive([replace(frames[0], time_s=f.time_s) for f in frames]) == ("failed", ("frozen",))
    assert passive([*frames[:8], *(shot(i, -70) for i in range(8, 16))])[1] == ("discontinuous",)
    assert passive([replace(f, faces=2) for f in frames])[1] == ("several_faces",)
    assert passive([replace(f, box=None) for f in frames])[1] == ("no_face",)


def test_hints(portrait: NDArray[np.uint8], blank: NDArray[np.uint8]) -> None:
    def told(image: NDArray[np.uint8]) -> str | None:
        return hint(observe(np.ascontiguousarray(image), 0.0))

    centred = portrait[0:260, 90:350]
    assert told(centred) is None
    assert told(blank) == "no_face"
    assert told(portrait) == "closer"
    assert told(portrait[40:200, 150:310]) in ("farther", None)
    assert told(np.hstack([centred, centred])) == "several_faces"
    assert told(portrait[0:260, 20:280]) == "centre"
    assert told((centred * 0.15).astype(np.uint8)) == "more_light"


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), at=st.integers(4, 50))
def test_a_splice_is_found_where_it_is(seed: int, at: int) -> None:
    one, other = camera(wander(60, seed), 0.5, seed), camera(wander(60, seed), 0.5, seed + 1)
    assert find_splices(one) == ()
    assert find_splices([*one[:at], *other[at:]]) == (at / 10,)
    brighter = [replace(frame, thumbnail=frame.thumbnail + 30) for frame in one[at:]]
    assert find_splices([*one[:at], *brighter]) == (), "an exposure that changes is no splice"


@settings(max_examples=8)
@given(seed=st.integers(0, 10**6), every=st.integers(1, 3), scenes=st.integers(2, 6))
def test_cuts_to_and_fro_are_splices(seed: int, every: int, scenes: int) -> None:
    """However often: a person who moves does not jump back to where the picture was."""
    takes = [camera(wander(60, seed), 0.5, seed + one) for one in range(scenes)]
    assert len(find_splices([takes[at // every % scenes][at] for at in range(60)])) >= 3


def test_a_camera_is_watched_in_one_run() -> None:
    frames, other = camera(wander(40, 5), 0.5, 5), camera(wander(40, 5), 0.5, 6)
    assert in_one_run(frames)
    assert in_one_run(frames[:1])
    assert not in_one_run([*frames[:10], *frames[20:]]), "nobody saw what was in between"
    slow = [replace(frame, time_s=at * 1.05 * RUN_S) for at, frame in enumerate(frames)]
    assert not in_one_run(slow)
    assert not in_one_run([*frames[:20], *other[20:]])
    assert not in_one_run([(frames, other)[at % 2][at] for at in range(40)])
