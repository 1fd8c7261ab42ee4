"""`antispoof watch`: a verdict every second, of a film or a camera, and an exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from filmed import head, write
from numpy.typing import NDArray

import antispoof
from antispoof.runtime.live import WINDOW_S, LiveJudge

Picture = NDArray[np.uint8]


@pytest.fixture
def film(portrait: Picture, tmp_path: Path) -> Path:
    return write(tmp_path / "a.mp4", head(portrait, seconds=2.4, rate=10), rate=10)


def test_a_film_is_watched_to_its_end(run: Any, make_bundle: Callable[..., Path], film: Path) -> None:
    bundle = make_bundle()
    code, out, _ = run("watch", film, "--bundle", bundle)
    lines = out.splitlines()
    assert len(lines) == 3, "after one second, after two, at the end"
    assert [line.split()[0] for line in lines] == ["1.0", "2.0", "2.3"]
    assert code == (0 if "bona fide" in lines[-1] else 1)
    assert len(run("watch", film, "--bundle", bundle, "--seconds", "1")[1].splitlines()) == 1


def test_a_camera_is_watched_and_given_back(
    run: Any, make_bundle: Callable[..., Path], portrait: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = []

    class Camera:
        def __init__(self, number: int) -> None:
            self.pictures = iter([p for _, p in head(portrait, seconds=0.5)] if number == 0 else [])
            self.number = number

        def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
            return self.number < 2

        def read(self) -> tuple[bool, Any]:
            picture = next(self.pictures, None)
            return (False, None) if picture is None else (True, picture[..., ::-1])

        def release(self) -> None:
            released.append(self.number)

    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    bundle = make_bundle()
    assert run("watch", "--camera", 0, "--bundle", bundle)[0] in (0, 1)
    code, _, err = run("watch", "--camera", 1, "--bundle", bundle)
    assert (code, "camera 1 gives no picture" in err) == (3, True)
    code, _, err = run("watch", "--camera", 2, "--bundle", bundle)
    assert (code, "there is no such camera" in err) == (3, True)
    for number in (-1, 2**31):  # the real VideoCapture crashes, or raises what is no word of ours
        code, _, err = run("watch", "--camera", number, "--bundle", bundle)
        assert (code, "counted from 0" in err) == (3, True)
    assert released == [0, 1, 2]


def test_what_to_watch_is_named_once(run: Any, film: Path, tmp_path: Path) -> None:
    assert run("watch")[0] == run("watch", film, "--camera", 0)[0] == 3
    other = tmp_path / "a.txt"
    other.write_text("no film")
    code, _, err = run("watch", other)
    assert (code, "is no film" in err) == (3, True)


def test_a_window_shows_it_or_says_why_there_is_none(
    run: Any, make_bundle: Callable[..., Path], film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, str]] = []

    class Window:
        def show(self, time_s: float, picture: Picture, words: tuple[str, str]) -> bool:
            assert picture.ndim == 3
            shown.append(words)
            return time_s < 0.25  # somebody closes it

    bundle = make_bundle()
    monkeypatch.setattr("antispoof.cli.window.opened", lambda _: Window())
    code, out, _ = run("watch", film, "--bundle", bundle, "--window")
    assert (code in (0, 1), len(out.splitlines()), len(shown)) == (True, 1, 4)
    monkeypatch.setattr("antispoof.cli.window.opened", lambda _: "there is no display")
    _, out, err = run("watch", film, "--bundle", bundle, "--window", "--seconds", "0.2")
    assert "no window: there is no display; the verdict is told here" in err
    assert len(out.splitlines()) == 1


def test_a_bundle_judges_instead_of_those_of_the_policy(
    run: Any, make_bundle: Callable[..., Path], film: Path, tmp_path: Path
) -> None:
    mine, other = make_bundle(), make_bundle("other.onnx", name="other")
    policy = tmp_path / "p.yaml"
    policy.write_text(f"name: p\nbundles: [{other}]\n", encoding="utf-8")
    _, _, err = run("watch", film, "--seconds", "1", "--policy", policy)
    assert err == ""
    _, out, err = run("watch", film, "--seconds", "1", "--policy", policy, "--bundle", mine)
    assert err.splitlines() == [f"--bundle {mine} judges instead of the bundles of the policy p: {other}"]
    assert out


def test_another_scene_in_the_last_seconds_is_spliced(
    make_bundle: Callable[..., Path], portrait: Picture
) -> None:
    judge = LiveJudge(antispoof.load(make_bundle()))
    pictures = list(head(portrait, seconds=0.8))
    for time_s, picture in pictures:
        judge.see(time_s, picture)
    whole = judge.verdict()
    for time_s, picture in pictures[:6]:
        judge.see(0.8 + time_s, np.ascontiguousarray(255 - picture[:, ::-1] // 2))
    cut = judge.verdict()
    assert whole is not None
    assert cut is not None
    assert "spliced" not in whole.reasons
    assert "spliced" in cut.reasons
    assert cut.outcome != "bona_fide"


def test_only_the_last_seconds_count(make_bundle: Callable[..., Path], portrait: Picture) -> None:
    """A head first, then a picture that stands still: after a while nothing of the head is left."""
    judge = LiveJudge(antispoof.load(make_bundle()))
    assert judge.verdict() is None
    pictures = list(head(portrait, seconds=WINDOW_S, rate=5))
    still, rng = pictures[-1][1].astype(np.float32), np.random.default_rng(0)
    for time_s, picture in pictures:
        judge.see(time_s, picture)
    moving = judge.verdict()
    assert moving is not None
    assert "too_still" not in {reason for cue in moving.cues for reason in cue.reasons}
    for number in range(round(2 * WINDOW_S * 5)):
        noisy = np.clip(still + rng.normal(0, 2, still.shape), 0, 255).astype(np.uint8)
        judge.see(WINDOW_S + number / 5, noisy)
    later = judge.verdict()
    assert later is not None
    assert "too_still" in {reason for cue in later.cues for reason in cue.reasons}


def test_people_who_change_places_while_nobody_watches(
    make_bundle: Callable[..., Path], portrait: Picture
) -> None:
    """No step is a jump across a gap, so the pictures themselves are held against each other."""

    def told(gap_s: float) -> set[str]:
        judge = LiveJudge(antispoof.load(make_bundle()))
        for time_s, picture in head(portrait, seconds=0.8):
            judge.see(time_s, picture)
        for time_s, picture in head(portrait, seconds=0.8):
            judge.see(0.8 + gap_s + time_s, np.ascontiguousarray(picture[:, ::-1] // 2 + 20))
        verdict = judge.verdict()
        assert verdict is not None
        assert verdict.outcome != "bona_fide"
        return {*verdict.reasons}

    assert "spliced" in told(0.0)
    assert "several_people" in told(0.3)
