"""A new bundle beside the old: it judges after the answer, has no say, and one setting goes on or back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Serve, Service
from miniature import network

from antispoof.service import shadow as shadows
from antispoof.service.clock import Clock
from antispoof.service.metrics import Metrics
from antispoof.service.settings import Settings
from antispoof.service.shadow import Answer, Shadow


@pytest.fixture
def contrary(make_bundle: Any) -> Path:
    """A bundle that takes for an attack what the other passes, and the other way round."""
    path: Path = make_bundle("contrary.onnx", model=network(gain=-1.0), name="contrary", version="2")
    return path


def metric(service: Service, line: str) -> float:
    found = [text for text in service.client.get("/metrics").text.splitlines() if text.startswith(line + " ")]
    return float(found[0].split()[-1]) if found else 0.0


def wait_for(happened: Callable[[], object]) -> None:
    for _ in range(3000):
        if happened():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen within a minute")


def check(service: Service, content: bytes) -> dict[str, Any]:
    answer = service.client.post("/v1/check", headers=service.backend, files={"face_rgb": ("a.jpg", content)})
    assert answer.status_code == 200, answer.text
    verdict: dict[str, Any] = answer.json()["verdict"]
    return verdict


def judged(service: Service, frame: bytes, **body: Any) -> dict[str, Any]:
    session = service.open(modalities=["face_rgb"], **body)
    assert service.capture(session, 0, frame).status_code == 201
    assert service.complete(session).status_code == 200
    return session


COMPARED = 'antispoof_shadow_verdicts_total{kind="%s",outcome="%s",shadow_outcome="%s"}'


def test_a_check_is_judged_again_after_its_answer(serve: Serve, frames: Any, contrary: Path) -> None:
    alone = check(serve(), frames["bona_fide"][0])
    service = serve(shadow_bundles=(str(contrary),))
    assert check(service, frames["bona_fide"][0]) == alone
    check(service, frames["attack"][0])
    wait_for(lambda: metric(service, COMPARED % ("check", "attack", "bona_fide")))
    assert metric(service, COMPARED % ("check", "bona_fide", "attack")) == 1
    for judge in ("answer", "shadow"):
        assert metric(service, f'antispoof_shadow_margin_count{{judge="{judge}"}}') == 2
        assert metric(service, f'antispoof_shadow_margin_bucket{{judge="{judge}",le="0.0"}}') == 1


def test_a_session_whose_verdict_would_change_is_noted(serve: Serve, frames: Any, contrary: Path) -> None:
    service = serve(shadow_bundles=(str(contrary),))
    session = judged(service, frames["bona_fide"][0])
    result = service.get(session, "/result").json()
    assert result["outcome"] == "bona_fide"
    assert [bundle["name"] for bundle in result["verdict"]["bundles"]] == ["miniature"]

    def noted() -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = service.get(session, "/audit").json()["events"]
        return [event for event in events if event["event"] == "shadow_disagreed"]

    wait_for(noted)
    assert noted()[0]["details"] == {
        "outcome": "bona_fide",
        "shadow_outcome": "attack",
        "bundles": "contrary 2",
    }
    assert metric(service, COMPARED % ("session", "bona_fide", "attack")) == 1
    assert service.get(session, "/result").json() == result


def test_bundles_that_agree_leave_no_trace_of_a_session(serve: Serve, frames: Any, make_bundle: Any) -> None:
    service = serve(shadow_bundles=(str(make_bundle("same.onnx", version="2")),))
    session = judged(service, frames["bona_fide"][0])
    wait_for(lambda: metric(service, COMPARED % ("session", "bona_fide", "bona_fide")))
    assert "shadow" not in service.get(session, "/audit").text


def test_a_shadow_that_fails_harms_nobody(serve: Serve, frames: Any, tmp_path: Path) -> None:
    service = serve(shadow_bundles=(str(tmp_path / "missing.onnx"),))
    assert check(service, frames["bona_fide"][0])["outcome"] == "bona_fide"
    assert service.client.get("/readyz").status_code == 200
    wait_for(lambda: metric(service, 'antispoof_shadow_left_out_total{reason="failed"}'))


def test_under_load_answers_are_left_out_and_counted(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core, metrics = serve().core, Metrics()
    busy = [True]

    def made() -> Shadow:
        return Shadow(Settings(state=tmp_path), core.store, Clock(), metrics, lambda: not busy[0])

    def count(reason: str) -> float:
        value = metrics.shadow_left_out.labels(reason)._value.get()
        return float(value)

    asked = []

    def again(checks: object) -> Answer:
        asked.append(checks)
        return Answer("attack", -1.0)

    shadow = made()
    shadow.start()
    given = Answer("attack", -2.0)
    for _ in range(shadows.MOST_WAITING + 5):  # one may have been taken from the queue already
        shadow.offer("check", given, 10, again)
    assert 4 <= count("queue_full") <= 5
    assert not asked
    busy[0] = False
    wait_for(lambda: len(asked) == shadows.MOST_WAITING + 5 - count("queue_full"))
    busy[0] = True
    before = count("queue_full")
    shadow.offer("check", given, shadows.MOST_BYTES, again)
    shadow.offer("check", given, 1, again)
    assert count("queue_full") == before + 1
    shadow.close()  # at once, and what waited is forgotten
    assert count("waited_too_long") == 0

    monkeypatch.setattr(shadows, "LONGEST_WAIT_S", 0.0)
    shadow = made()
    shadow.start()
    shadow.offer("check", given, 10, again)
    wait_for(lambda: count("waited_too_long") == 1)
    shadow.close()


def test_a_session_is_judged_by_the_bundle_of_the_moment_and_going_back_is_a_setting(
    serve: Serve, frames: Any, contrary: Path, make_bundle: Any
) -> None:
    old, new = str(make_bundle()), str(contrary)
    before = serve(bundles=(old,))
    session = before.open(modalities=["face_rgb"])
    before.capture(session, 0, frames["bona_fide"][0])
    after = serve(bundles=(new,))
    after.key = before.key
    assert after.complete(session).status_code == 200
    result = after.get(session, "/result").json()
    assert (result["outcome"], result["verdict"]["bundles"][0]["name"]) == ("attack", "contrary")
    back = serve(bundles=(old,), shadow_bundles=(new,))
    assert check(back, frames["bona_fide"][1])["outcome"] == "bona_fide"


@pytest.mark.parametrize("setting", ["bundles", "shadow_bundles"])
def test_a_bundle_that_is_not_there_is_told_before_anything_listens(
    setting: str, tmp_path: Path, run: Any
) -> None:
    config = tmp_path / "service.yaml"
    config.write_text(f"state: {tmp_path / 'state'}\n{setting}: [{tmp_path / 'missing.onnx'}]\n")
    code, _, err = run("serve", "--config", config, "--port", "65321")
    assert code == 3
    assert f"error: {setting}, default_policy: no such bundle file" in err
