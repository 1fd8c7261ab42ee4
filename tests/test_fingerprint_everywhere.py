"""The fingerprint model out of the box: the command line, a policy, HTTP, a scored dataset."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import antispoof
from antispoof.runtime.bundle import default_bundle
from antispoof.simulation.fingerprint.collection import plan_prints
from antispoof.simulation.fingerprint.presentation import PrintSpec, present
from antispoof.simulation.fingerprint.sensors import SENSORS

LIVE, CAST = plan_prints(20261128, 2, 2, 2)[1:3]
PPI = SENSORS[LIVE.sensor].ppi


def file_of(spec: PrintSpec) -> bytes:
    file = io.BytesIO()
    ppi = SENSORS[spec.sensor].ppi
    Image.fromarray(present(spec)[0]).save(file, "PNG", dpi=(ppi, ppi))
    return file.getvalue()


@pytest.fixture(scope="module")
def prints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A live print, and a cast that is far from one."""
    folder = tmp_path_factory.mktemp("prints")
    specs = {"live": LIVE, "cast": CAST}
    for name, spec in specs.items():
        (folder / f"{name}.png").write_bytes(file_of(spec))
    return {name: folder / f"{name}.png" for name in specs}


@pytest.fixture(scope="module")
def detector() -> antispoof.Detector:
    return antispoof.load(default_bundle("fingerprint"))


def test_on_the_command_line(run: Any, prints: dict[str, Path]) -> None:
    code, out, _ = run("check", "--fingerprint", prints["live"], "--json")
    (result,) = json.loads(out)["results"]
    assert (code, result["verdict"]["outcome"]) == (0, "bona_fide")
    assert result["verdict"]["evidence"][0]["measurements"]["ppi"] == pytest.approx(PPI, abs=0.1)
    code, out, _ = run("check", "--fingerprint", prints["cast"])
    assert code == 1
    assert "attack" in out
    raw = prints["live"].with_suffix(".raw")
    picture = present(LIVE)[0]
    raw.write_bytes(picture.tobytes())
    stated = f"fingerprint={picture.shape[1]}x{picture.shape[0]}, {PPI} ppi"
    assert run("check", "--fingerprint", raw, "--unit", stated)[0] == 0


def test_it_says_where_a_print_looks_false(detector: antispoof.Detector, prints: dict[str, Path]) -> None:
    (evidence,) = detector.check(fingerprint=prints["cast"]).evidence
    assert evidence.heat_map is not None
    assert evidence.heat_map.shape == (10, 10)  # 0.8 mm each
    assert evidence.heat_map.mean() < 0
    assert evidence.frame is not None
    assert evidence.frame.width == pytest.approx(160 * SENSORS[CAST.sensor].ppi / 500, abs=1)


def test_under_a_policy(tmp_path: Path, prints: dict[str, Path], portrait: Any) -> None:
    policy = tmp_path / "gate.yaml"
    policy.write_text("name: gate\nrequired: [fingerprint]\noptional: [face_rgb]\n")
    detector = antispoof.load(policy=policy)
    assert detector.check(fingerprint=prints["live"]).outcome == "bona_fide"
    assert detector.check(fingerprint=prints["cast"], face_rgb=portrait).outcome == "attack"
    lacking = detector.check(face_rgb=portrait)
    assert lacking.outcome == "non_response"
    assert "missing_fingerprint" in lacking.reasons


def test_over_http(tmp_path: Path, prints: dict[str, Path]) -> None:
    pytest.importorskip("fastapi")
    from fastapi.testclient import TestClient

    from antispoof.service.app import create_app
    from antispoof.service.settings import Settings

    app = create_app(Settings(state=tmp_path / "state", bundles=("fingerprint-edge",)))
    with TestClient(app) as client:
        backend = {"Authorization": f"Bearer {app.state.core.keys.add('door')}"}
        for name, outcome in (("live", "bona_fide"), ("cast", "attack")):
            files = {"fingerprint": ("print.png", prints[name].read_bytes())}
            answer = client.post("/v1/check", headers=backend, files=files)
            assert answer.status_code == 200, answer.text
            assert answer.json()["verdict"]["outcome"] == outcome


def test_a_scored_folder(run: Any, tmp_path: Path, prints: dict[str, Path]) -> None:
    for label, name in (("bona_fide", "live"), ("attack/play_doh", "cast")):
        place = tmp_path / "tree" / label / "fingers" / f"{name}.png"
        place.parent.mkdir(parents=True)
        place.write_bytes(prints[name].read_bytes())
    manifest, scores = tmp_path / "m.csv", tmp_path / "scores.csv"
    assert run("data", "import", "folder", tmp_path / "tree", "--out", manifest)[0] == 0
    assert run("score", manifest, "-o", scores, "-j", "1")[0] == 0
    text = scores.read_text(encoding="utf-8")
    assert "play_doh" in text
    assert "bona_fide" in text
    assert run("evaluate", scores)[0] == 0


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**31),
    kind=st.sampled_from(["noise", "stripes", "fabric", "halftone", "blobs"]),
    pitch=st.floats(2.0, 40.0),
    turn=st.floats(0, np.pi),
)
def test_what_has_no_ridges_is_never_bona_fide(
    detector: antispoof.Detector, seed: int, kind: str, pitch: float, turn: float
) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:320, :300].astype(np.float64)
    across, along = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    waves = [np.sin(2 * np.pi * axis / pitch) for axis in (across, along)]
    blobs = cv2.GaussianBlur(rng.normal(size=x.shape), (0, 0), pitch / 4)
    field = {
        "noise": rng.normal(size=x.shape),
        "stripes": waves[0],
        "fabric": waves[0] + waves[1],
        "halftone": np.sign(waves[0] * waves[1] - 0.2),
        "blobs": blobs,
    }[kind]
    grey = field / np.abs(field).max() * 110 + 127 + rng.normal(0, 6, x.shape)
    verdict = detector.check(fingerprint=np.clip(grey, 0, 255).astype(np.uint8))
    assert verdict.outcome != "bona_fide", (kind, pitch, turn, verdict)
