"""The iris model that ships: an eye out of the box, never a bona fide verdict where there is no iris."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

import antispoof
from antispoof.runtime.bundle import default_bundle
from antispoof.runtime.detector import Detector
from antispoof.sensing.capture import Sample
from antispoof.sensing.modalities import modalities
from antispoof.simulation.iris.presentations import simulate_iris

Grey = NDArray[np.uint8]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return antispoof.load(default_bundle("iris"))


@pytest.fixture(scope="module")
def eyes() -> list[Grey]:
    """Simulated eyes that can be judged."""
    pictures = (simulate_iris(31, k, 0, None, "binocular").picture for k in range(12))
    return [each for each in pictures if modalities["iris"].quality(Sample(each)).usable]


def test_live_eyes_pass_and_prints_do_not(detector: Detector, eyes: list[Grey]) -> None:
    live = [detector.check(iris=eye).score for eye in eyes]
    prints = [
        detector.check(iris=simulate_iris(31, k, 1, "print_inkjet", "binocular").picture).score
        for k in range(10)
    ]
    judged = [score for score in prints if score is not None]
    assert judged
    assert np.median([score for score in live if score is not None]) > max(judged)


def test_out_of_the_box_on_the_command_line(run: Any, tmp_path: Path, eyes: list[Grey]) -> None:
    Image.fromarray(eyes[0]).save(tmp_path / "e.bmp")
    code, out, problems = run("check", "--iris", tmp_path / "e.bmp", "--json")
    assert code in (0, 1), problems
    (result,) = json.loads(out)["results"]
    (evidence,) = result["verdict"]["evidence"]
    assert evidence["modality"] == "iris"
    assert evidence["status"] == "used"
    Image.fromarray(np.zeros((240, 320), np.uint8)).save(tmp_path / "black.png")
    code, out, _ = run("check", "--iris", tmp_path / "black.png")
    assert code == 2
    assert "check that the infrared lamp is on" in out


def test_where_it_looks_false_is_shown(detector: Detector, eyes: list[Grey]) -> None:
    (evidence,) = detector.check(iris=eyes[0]).evidence
    assert evidence.heat_map is not None
    assert evidence.heat_map.ndim == 2
    assert evidence.frame is not None


def test_over_http(tmp_path: Path, eyes: list[Grey]) -> None:
    pytest.importorskip("fastapi")
    from fastapi.testclient import TestClient

    from antispoof.service.app import create_app
    from antispoof.service.settings import Settings

    app = create_app(Settings(state=tmp_path / "state", bundles=(default_bundle("iris"),)))
    file = io.BytesIO()
    Image.fromarray(eyes[0]).save(file, "JPEG2000")
    with TestClient(app) as client:
        backend = {"Authorization": f"Bearer {app.state.core.keys.add('door')}"}
        files = {"iris": ("e.jp2", file.getvalue())}
        answer = client.post("/v1/check", headers=backend, files=files)
        coloured = bytes(cv2.imencode(".png", np.dstack([eyes[0], eyes[0] // 2, eyes[0] // 3]))[1])
        refused = client.post("/v1/check", headers=backend, files={"iris": ("e.png", coloured)})
    assert answer.status_code == 200, answer.text
    assert answer.json()["verdict"]["evidence"][0]["status"] == "used"
    assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media")
    assert "colour picture" in refused.json()["detail"]


def not_an_eye(kind: str, rng: np.random.Generator) -> Grey:
    rows, columns = (int(n) for n in rng.integers(60, 300, 2))
    y, x = np.mgrid[:rows, :columns].astype(float)
    if kind == "noise":
        picture = rng.uniform(0, 255, (rows, columns))
    elif kind == "stripes":
        picture = 128 + 120 * np.cos((x * rng.normal() + y * rng.normal()) * rng.uniform(0.05, 1))
    elif kind == "fabric":
        weave = np.cos(x * rng.uniform(0.3, 1.5)) * np.cos(y * rng.uniform(0.3, 1.5))
        picture = 120 + 60 * weave + 20 * rng.standard_normal((rows, columns))
    elif kind == "halftone":
        pitch = rng.uniform(3, 24)
        dots = 0.5 + 0.25 * (np.cos(2 * np.pi * x / pitch) + np.cos(2 * np.pi * y / pitch))
        picture = np.where(x / columns > dots, 230.0, 25.0)
    else:  # a closed eye: skin, and the dark line of the lid
        lid = y - rows / 2 - 0.1 * (x - columns / 2) ** 2 / columns
        picture = 170 - 60 * np.exp(-((lid / 4) ** 2)) + 6 * rng.standard_normal((rows, columns))
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


@settings(max_examples=40)
@given(kind=st.sampled_from(["noise", "stripes", "fabric", "halftone", "closed"]), seed=st.integers(0, 2**32))
def test_without_an_iris_never_bona_fide(detector: Detector, kind: str, seed: int) -> None:
    assert detector.check(iris=not_an_eye(kind, np.random.default_rng(seed))).outcome != "bona_fide"


@settings(max_examples=25)
@given(
    picture=arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 120), st.integers(1, 120)), elements=st.integers(0, 255)
    )
)
def test_any_array_is_judged_and_none_passes(detector: Detector, picture: Grey) -> None:
    assert detector.check(iris=picture).outcome != "bona_fide"


def test_pictures_of_other_modalities_do_not_pass(detector: Detector, close_up: Any) -> None:
    face = np.asarray(Image.fromarray(close_up).convert("L").resize((360, 400)))
    assert detector.check(iris=face).outcome != "bona_fide"
    ridges = 128 + 100 * np.cos(np.hypot(*np.mgrid[-150:150, -120:180]) * 0.7)  # a whorl
    assert detector.check(iris=np.asarray(ridges, np.uint8)).outcome != "bona_fide"
