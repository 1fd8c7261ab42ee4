"""What the numbers of a sample mean goes with it over HTTP, and into the store."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from antispoof.simulation.scene.render import SceneSpec, render_scene


@pytest.fixture
def multispectral(serve: Any) -> Any:
    return serve(bundles=("face-multispectral",))


@pytest.fixture(scope="module")
def scene() -> dict[str, Any]:
    return render_scene(SceneSpec(5, 1, 1, None, "desk", "office"), 128)


def post(service: Any, files: dict[str, bytes], **data: str) -> tuple[int, Any]:
    answer = service.client.post("/v1/check", headers=service.backend, files=files, data=data)
    return answer.status_code, answer.json()


def test_a_check_takes_units(multispectral: Any, scene: dict[str, Any], encode: Any) -> None:
    depth, infrared = scene["face_depth"], scene["face_infrared"].astype(np.uint16)
    _, plain = post(
        multispectral,
        {"face_depth": encode(depth, "PNG"), "face_infrared": encode(scene["face_infrared"], "PNG")},
    )
    tenths = {
        "face_depth": encode(depth * np.uint16(10), "PNG"),
        "face_infrared": encode(infrared << 4, "PNG"),
    }
    units = {"unit.face_depth": "0.1 mm", "unit.face_infrared": "12 bit"}
    status, stated = post(multispectral, tenths, **units)
    assert status == 200
    assert stated["verdict"]["score"] == pytest.approx(plain["verdict"]["score"], abs=1e-4)
    assert post(multispectral, tenths)[1]["verdict"]["outcome"] == "non_response"
    status, problem = post(multispectral, tenths, **{**units, "unit.face_depth": "inch"})
    assert (status, problem["code"]) == (400, "invalid_request")
    assert "unit of face_depth must be mm" in problem["detail"]
    status, problem = post(multispectral, tenths, **{"unit.face_thermal": "kelvin"})
    assert (status, problem["code"]) == (400, "invalid_request")


def test_a_session_keeps_units_with_its_captures(
    multispectral: Any, scene: dict[str, Any], encode: Any
) -> None:
    session = multispectral.open(modalities=["face_depth"])
    content = encode(scene["face_depth"] * np.uint16(10), "PNG")

    def capture(seq: int, **fields: str) -> tuple[int, str]:
        answer = multispectral.client.post(
            f"/v1/sessions/{session['id']}/captures",
            headers={"Authorization": f"Bearer {session['client_token']}"},
            data={
                "modality": "face_depth",
                "seq": str(seq),
                "sha256": hashlib.sha256(content).hexdigest(),
                **fields,
            },
            files={"file": content},
        )
        return answer.status_code, answer.json().get("code", "")

    assert capture(0) == (422, "low_quality")
    assert capture(0, unit="inch") == (400, "invalid_request")
    assert capture(0, unit="0.1 mm") == (201, "")
    assert capture(0, unit="0.1 mm") == (200, "")
    assert capture(0, unit="0.11 mm") == (409, "duplicate_seq")
    multispectral.complete(session)
    result = multispectral.get(session, "/result").json()
    (evidence,) = [e for e in result["verdict"]["evidence"] if e["modality"] == "face_depth"]
    assert evidence["status"] == "used"
    assert 200 < evidence["measurements"]["face_mm"] < 1000
