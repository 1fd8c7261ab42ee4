"""antispoof policy, and antispoof check with several sensors, through the real entry point."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from miniature import voice_metadata, voice_network

from antispoof.runtime.bundle import seal

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def desk(tmp_path: Path, make_bundle: Any, encode: Any, portrait: Any, speech: Any) -> Path:
    import soundfile

    make_bundle()
    about = voice_metadata(calibration={"slope": 8000.0, "intercept": -5.0})
    (tmp_path / "miniature-voice.onnx").write_bytes(seal(voice_network(), about))
    (tmp_path / "a.jpg").write_bytes(encode(portrait, "JPEG", quality=90))
    soundfile.write(tmp_path / "b.wav", speech, 16_000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(48_000), 16_000)
    return tmp_path


def bundles(desk: Path) -> tuple[object, ...]:
    return ("--bundle", desk / "miniature.onnx", "--bundle", desk / "miniature-voice.onnx")


def test_a_face_and_a_voice(run: Run, desk: Path) -> None:
    code, out, err = run(
        "check",
        "--face-rgb",
        desk / "a.jpg",
        "--voice",
        desk / "b.wav",
        *bundles(desk),
        "--report",
        desk / "page.html",
    )
    assert code == 0
    first, *rest = out.splitlines()
    assert first.endswith("b.wav: bona fide")
    assert any(line.startswith("  together") for line in rest)
    assert "beside the others it" in out
    page = (desk / "page.html").read_text(encoding="utf-8")
    assert "What each sensor did to the score" in page
    assert err == ""


def test_json_names_the_files_of_each_sensor(run: Run, desk: Path) -> None:
    (desk / "two.yaml").write_text("name: two\nat_least: 2\n", encoding="utf-8")
    code, out, _ = run(
        "check",
        "--face-rgb",
        desk / "a.jpg",
        "--voice",
        desk / "silent.wav",
        *bundles(desk),
        "--json",
        "--policy",
        desk / "two.yaml",
    )
    (result,) = json.loads(out)["results"]
    assert code == 2
    assert set(result["sources"]) == {"face_rgb", "voice"}
    assert result["verdict"]["reasons"] == ["too_few_sensors", "silent"]
    assert result["verdict"]["policy"] == "two"


def test_files_of_several_sensors_are_paired(run: Run, desk: Path) -> None:
    code, _, err = run(
        "check",
        "--face-rgb",
        desk / "a.jpg",
        "--face-rgb",
        desk / "a.jpg",
        "--voice",
        desk / "b.wav",
        *bundles(desk),
    )
    assert code == 3
    assert "got 2 of face_rgb, 1 of voice" in err
    code, _, err = run("check", "--face-rgb", desk / "a.jpg", "--voice", desk / "a.jpg", *bundles(desk))
    assert code == 3
    assert "a.jpg + " in err


def test_policies_are_listed_and_explained(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("policy", "list")
    assert code == 0
    assert "convenience" in out
    assert "high-security" in out
    code, out, _ = run("policy", "explain", "high-security")
    assert code == 0
    assert "at least 2 must be judged" in out
    assert "bayesian (partial 0.8)" in out
    (tmp_path / "mine.yaml").write_text(
        "name: mine\nrequired: [face_rgb, voice]\nif_missing: attack\nfusion: {rule: and}\nretry_band: 1\n",
        encoding="utf-8",
    )
    code, out, _ = run("policy", "explain", tmp_path / "mine.yaml")
    assert "where a required sample is missing, it is taken for an attack" in out
    assert "nothing yet" in out
    code, _, err = run("policy", "explain", "strict")
    assert code == 3
    assert "unknown policy 'strict'" in err
