"""A modality is one file: a toy that is registered here works everywhere, and nothing else was edited."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from miniature import metadata
from numpy.typing import NDArray
from onnx import TensorProto, helper

import antispoof
from antispoof.data.folder import import_folder
from antispoof.errors import InputError, MediaError
from antispoof.runtime.bundle import seal
from antispoof.sensing.capture import Box, Quality, Recording, Sample, Source
from antispoof.sensing.modalities import modalities


class Palm:
    """``palm``: an 8 × 8 picture of the veins of a hand, in a ``.npy`` file."""

    name = "palm"
    title = "picture of the palm"
    folders: tuple[str, ...] = ("palms", "veins")
    unnamed: tuple[str, ...] = ()
    unit = "float32, (8, 8), 0 to 1"
    windowed = False
    reasons: Mapping[str, str] = {"empty": "no hand was found: lay it on the sensor"}

    def load(self, source: Source) -> Sample:
        if isinstance(source, Sample):
            return source
        if isinstance(source, Recording):  # a file with what was stated about it: a palm has no units
            source = source.source
        try:
            file = io.BytesIO(source) if isinstance(source, bytes) else source
            return Sample(np.asarray(np.load(file), np.float32))  # type: ignore[arg-type]
        except (OSError, ValueError):
            raise MediaError("decode_failed", "a palm is a .npy file") from None

    def quality(self, sample: Sample) -> Quality:
        return Quality(("empty",) if sample.array.max() <= 0 else (), {"mean": float(sample.array.mean())})

    def frame(self, sample: Sample, quality: Quality, **_: Any) -> Box | None:
        del sample, quality
        return None

    def prepare(self, sample: Sample, quality: Quality, **_: Any) -> NDArray[np.float32]:
        del quality
        return np.asarray(sample.array[None], np.float32)


@pytest.fixture(autouse=True)
def palm() -> Iterator[None]:
    len(modalities)  # what ships is found before the toy is added
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(modalities._things, "palm", Palm())
        yield


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Write a bundle whose raw score is the mean of a palm."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["palm"], ["score"], axes=[1, 2, 3], keepdims=0)],
        "palm",
        [helper.make_tensor_value_info("palm", TensorProto.FLOAT, ["B", 1, 8, 8])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["B"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    about = metadata(
        name="palms", inputs=[{"name": "palm", "modality": "palm", "prepare": {}}], description="Palms."
    )
    path = tmp_path / "palms.onnx"
    path.write_bytes(seal(bytes(model.SerializeToString()), about))
    return path


@pytest.fixture
def palms(tmp_path: Path) -> dict[str, Path]:
    files = {}
    for name, value in {"live": 0.9, "print": 0.01, "nobody": 0.0}.items():
        files[name] = tmp_path / f"{name}.npy"
        np.save(files[name], np.full((8, 8), value, np.float32))
    return files


def test_from_python(bundle: Path, palms: dict[str, Path]) -> None:
    detector = antispoof.load(bundle)
    outcomes = [detector.check(palm=path).outcome for path in palms.values()]
    assert outcomes == ["bona_fide", "attack", "non_response"]
    with pytest.raises(InputError, match=r"write .*palm="):
        detector.check(palms["live"])


def test_on_the_command_line(run: Any, bundle: Path, palms: dict[str, Path]) -> None:
    code, out, _ = run("check", "--bundle", bundle, "--palm", palms["live"], "--json")
    assert code == 0
    (result,) = json.loads(out)["results"]
    assert result["verdict"]["evidence"][0]["modality"] == "palm"
    assert run("check", "--bundle", bundle, "--palm", palms["print"])[0] == 1
    code, out, _ = run("check", "--bundle", bundle, "--palm", palms["nobody"])
    assert code == 2
    assert "no hand was found" in out
    assert "--palm" in run("check", "--help")[1]
    assert "--palm" in run("calibrate", "--help")[1]


def test_under_a_policy(
    run: Any, tmp_path: Path, bundle: Path, palms: dict[str, Path], portrait: Any
) -> None:
    from miniature import network

    (tmp_path / "face.onnx").write_bytes(seal(network(), metadata()))
    policy = tmp_path / "door.yaml"
    policy.write_text(
        f"name: door\nrequired: [palm]\noptional: [face_rgb]\nbundles: [{bundle}, {tmp_path / 'face.onnx'}]\n"
    )
    detector = antispoof.load(policy=policy)
    assert detector.check(palm=palms["live"]).outcome == "bona_fide"
    lacking = detector.check(face_rgb=portrait)
    assert lacking.outcome == "non_response"
    assert "missing_palm" in lacking.reasons
    assert "a picture of the palm" in " ".join(lacking.advice)
    code, out, _ = run("policy", "explain", policy)
    assert code == 0
    assert "palm" in out


def test_a_folder_is_imported(tmp_path: Path, palms: dict[str, Path]) -> None:
    for label, name in (("bona_fide", "live"), ("attack/print", "print")):
        place = tmp_path / "tree" / label / "veins" / f"{name}.npy"
        place.parent.mkdir(parents=True)
        place.write_bytes(palms[name].read_bytes())
    found = import_folder(tmp_path / "tree").presentations
    assert sorted((one.pai_species or "bona_fide", *one.captures) for one in found) == [
        ("bona_fide", "palm"),
        ("print", "palm"),
    ]


def test_over_http(tmp_path: Path, bundle: Path, palms: dict[str, Path]) -> None:
    pytest.importorskip("fastapi")
    import hashlib

    from fastapi.testclient import TestClient

    from antispoof.service.app import create_app
    from antispoof.service.settings import Settings

    app = create_app(Settings(state=tmp_path / "state", bundles=(str(bundle),)))
    with TestClient(app) as client:
        backend = {"Authorization": f"Bearer {app.state.core.keys.add('door')}"}
        files = {"palm": ("palm.npy", palms["live"].read_bytes())}
        answer = client.post("/v1/check", headers=backend, files=files)
        assert answer.status_code == 200, answer.text
        assert answer.json()["verdict"]["outcome"] == "bona_fide"
        opened = client.post(
            "/v1/sessions", headers=backend, json={"mode": "passive", "modalities": ["palm"]}
        )
        assert opened.status_code == 201, opened.text
        session = opened.json()
        device = {"Authorization": f"Bearer {session['client_token']}"}
        for seq in range(3):
            palm = io.BytesIO()
            np.save(palm, np.full((8, 8), 0.9 + seq / 100, np.float32))
            content = palm.getvalue()
            kept = client.post(
                f"/v1/sessions/{session['id']}/captures",
                headers=device,
                data={"modality": "palm", "seq": str(seq), "sha256": hashlib.sha256(content).hexdigest()},
                files={"file": ("palm.npy", content)},
            )
            assert kept.status_code in (200, 201), kept.text
        assert client.post(f"/v1/sessions/{session['id']}/complete", headers=device).status_code < 300
        result = client.get(f"/v1/sessions/{session['id']}/result", headers=backend)
        assert result.json()["outcome"] == "bona_fide", result.text
