"""A finger and an eye of one person together: verdict, page, dataset, site calibration, a signed session."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import pytest

import antispoof
from antispoof.runtime.bundle import default_bundle
from antispoof.simulation.fingerprint.collection import plan_prints, write_prints
from antispoof.simulation.iris.collection import plan_irises, write_irises

CAPTURES = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bona fide prints and eyes, and one attack of each, by name."""
    root = tmp_path_factory.mktemp("both")
    prints = write_prints(plan_prints(20261129, CAPTURES, 1, 1), root / "prints", workers=1)
    eyes = write_irises(
        plan_irises(20261129, CAPTURES, 1, 1, ["print_laser"], ["handheld_pair"]), root / "eyes", workers=1
    )
    for modality, manifest in (("fingerprint", prints), ("iris", eyes)):
        with manifest.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                kind = "live" if row["pai_species"] == "bona_fide" else "attack"
                place = root / modality / kind
                place.mkdir(parents=True, exist_ok=True)
                picture = manifest.parent / row[f"path.{modality}"]
                (place / f"{row['subject']}.png").write_bytes(picture.read_bytes())
    return root


def nth(folder: Path, modality: str, kind: str, number: int) -> Path:
    return sorted((folder / modality / kind).iterdir())[number]


def test_both_are_judged_together_and_shown(run: Any, folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    live = {m: nth(folder, m, "live", 0) for m in ("fingerprint", "iris")}
    options = [part for m, path in live.items() for part in (f"--{m}", path)]
    _, out, _ = run("check", *options, "--json", "--report", page)
    verdict = json.loads(out)["results"][0]["verdict"]
    assert [each["modality"] for each in verdict["evidence"]] == ["fingerprint", "iris"]
    assert antispoof.load().check(**live).score == pytest.approx(verdict["score"])
    text = page.read_text(encoding="utf-8")
    assert text.count("speaks for") == 2
    assert "fingerprint-edge" in text
    assert "iris-edge" in text
    cast = nth(folder, "fingerprint", "attack", 0), nth(folder, "iris", "attack", 0)
    code, out, _ = run("check", "--fingerprint", cast[0], "--iris", cast[1], "--policy", "convenience")
    assert code in (1, 2), out


def test_a_dataset_of_both_is_scored_and_evaluated(run: Any, folder: Path, tmp_path: Path) -> None:
    rows = ["id,subject,pai_species,path.fingerprint,path.iris,simulated"]
    for kind, name in (("live", "bona_fide"), ("attack", "both_forged")):
        for k in range(3):
            finger, eye = (nth(folder, m, kind, k) for m in ("fingerprint", "iris"))
            rows.append(f"{kind}{k},{k},{name},{finger},{eye},true")
    rows.append(f"alone,9,bona_fide,{nth(folder, 'fingerprint', 'live', 4)},,true")
    manifest, scores, report = (tmp_path / name for name in ("both.csv", "scores.csv", "report.html"))
    manifest.write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert run("score", manifest, "-o", scores, "-j", "1")[0] == 0
    with scores.open(encoding="utf-8", newline="") as file:
        told = list(csv.DictReader(file))
    assert len(told) == 7
    assert [row["bundle"] for row in told].count("fingerprint-edge+iris-edge") == 6
    assert (told[-1]["status.fingerprint"], told[-1]["status.iris"]) == ("used", "")
    assert run("evaluate", scores, "--html", report)[0] == 0
    assert "both_forged" in report.read_text(encoding="utf-8")


@pytest.mark.parametrize("modality", ["fingerprint", "iris"])
def test_a_site_is_calibrated_from_captures(run: Any, folder: Path, tmp_path: Path, modality: str) -> None:
    site = tmp_path / "site.json"
    code, out, _ = run("calibrate", f"--{modality}", folder / modality / "live", "-o", site)
    assert code == 0
    assert "bona fide captures" in out
    _, out, _ = run("check", f"--{modality}", nth(folder, modality, "live", 0), "--site", site, "--json")
    point = json.loads(out)["results"][0]["verdict"]["operating_point"]
    usual = (
        antispoof.load(default_bundle(modality))
        .check(**{modality: nth(folder, modality, "live", 0)})
        .operating_point
    )
    assert usual is not None
    assert point["threshold"] != usual.threshold


def test_a_session_with_both_ends_in_a_signed_result(run: Any, folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    from fastapi.testclient import TestClient

    from antispoof.service.app import create_app
    from antispoof.service.settings import Settings

    app = create_app(Settings(state=tmp_path / "state", bundles=("fingerprint-edge", "iris-edge")))
    tiff = bytes(cv2.imencode(".tiff", cv2.imread(str(nth(folder, "iris", "live", 0)), 0))[1])
    captures = {"fingerprint": nth(folder, "fingerprint", "live", 0).read_bytes(), "iris": tiff}
    with TestClient(app) as client:
        backend = {"Authorization": f"Bearer {app.state.core.keys.add('door')}"}
        asked = {"mode": "passive", "modalities": list(captures)}
        session = client.post("/v1/sessions", headers=backend, json=asked).json()
        device = {"Authorization": f"Bearer {session['client_token']}"}
        at = f"/v1/sessions/{session['id']}"
        for seq, (modality, content) in enumerate(captures.items()):
            form = {"modality": modality, "seq": str(seq), "sha256": hashlib.sha256(content).hexdigest()}
            taken = client.post(f"{at}/captures", headers=device, data=form, files={"file": content})
            assert taken.status_code == 201, taken.text
        assert client.post(f"{at}/complete", headers=device).status_code in (200, 202)
        while (answer := client.get(f"{at}/result", headers=backend)).status_code == 409:
            pass
        keys = client.get("/.well-known/jwks.json")
    document = answer.json()
    assert [each["status"] for each in document["verdict"]["evidence"]] == ["used", "used"]
    for name, content in (("result.json", answer.content), ("jwks.json", keys.content)):
        (tmp_path / name).write_bytes(content)
    code, out, _ = run(
        "verify-result",
        tmp_path / "result.json",
        "--keys",
        tmp_path / "jwks.json",
        f"--nonce={session['nonce']}",
    )
    assert code == 0, out
