"""A session from opening to verdict, and every way out of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import numpy as np
import pytest

from antispoof.service.attempts import Judgeable
from antispoof.service.problems import Problem

Frames = dict[str, list[bytes]]


def problem(answer: Any) -> tuple[int, str]:
    """Status and code, after a look at the rest of the document."""
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["request_id"] == answer.headers["x-request-id"]
    if document["retry_after_s"] is not None:
        assert answer.headers["retry-after"] == str(document["retry_after_s"])
    return answer.status_code, document["code"]


@pytest.mark.parametrize(("kind", "state"), [("bona_fide", "succeeded"), ("attack", "failed")])
def test_session_from_opening_to_verdict(service: Any, frames: Frames, kind: str, state: str) -> None:
    session = service.open()
    assert session["state"] == "created"
    for seq, content in enumerate(frames[kind][:3]):
        answer = service.capture(session, seq, content)
        assert answer.status_code == 201, answer.text
        assert answer.json()["captures"] == seq + 1
    assert problem(service.get(session, "/result")) == (409, "state_conflict")
    told = {"session": session["id"], "state": "finished", "attempts_left": 0, "advice": []}
    assert service.complete(session).json() == told, "the device learns no verdict"
    assert service.get(session).json()["state"] == state
    result = service.get(session, "/result").json()
    assert result["outcome"] == result["verdict"]["outcome"] == kind
    assert result["nonce"] == session["nonce"]
    assert [frame["outcome"] for frame in result["frames"]] == [kind] * 3
    events = [event["event"] for event in service.get(session, "/audit").json()["events"]]
    assert events == ["opened", "captured", "captured", "captured", "judging", "judged"]


def test_one_good_frame_among_attacks_does_not_pass(service: Any, frames: Frames) -> None:
    session = service.open()
    for seq, content in enumerate([frames["bona_fide"][0], *frames["attack"][:2], frames["bona_fide"][1]]):
        assert service.capture(session, seq, content).status_code == 201
    service.complete(session)
    result = service.get(session, "/result").json()
    assert sorted(frame["outcome"] for frame in result["frames"]) == ["attack"] * 2 + ["bona_fide"] * 2
    assert result["outcome"] == "attack"
    assert result["verdict"]["score"] <= sorted(frame["score"] for frame in result["frames"])[1]


def test_upload_may_be_repeated_but_not_replaced(service: Any, frames: Frames) -> None:
    session = service.open()
    first, second = frames["bona_fide"][:2]
    assert service.capture(session, 0, first).status_code == 201
    again = service.capture(session, 0, first)
    assert (again.status_code, again.json()["captures"]) == (200, 1)
    assert problem(service.capture(session, 0, second)) == (409, "duplicate_seq")


def test_the_same_frame_twice_is_no_live_camera(serve: Any, frames: Frames) -> None:
    service = serve(attempts=1)
    session = service.open()
    for seq in range(2):
        assert service.capture(session, seq, frames["bona_fide"][0]).status_code == 201
    service.complete(session)
    result = service.get(session, "/result").json()
    assert (result["outcome"], result["reasons"]) == ("non_response", ["duplicate_frames"])
    assert service.get(session).json()["state"] == "failed"


def test_attempts_are_counted_and_end(serve: Any, frames: Frames) -> None:
    service = serve(attempts=2)
    session = service.open()
    picture = frames["bona_fide"][0]
    for seq in range(2):
        service.capture(session, seq, picture)
    answer = service.complete(session).json()
    assert (answer["state"], answer["attempts_left"]) == ("capturing", 1)
    assert answer["advice"], "the person is told what to do"
    assert service.get(session).json()["captures"] == 0
    for seq in range(2):
        assert service.capture(session, seq, picture).status_code == 201, "numbers begin anew"
    assert service.complete(session).json()["state"] == "finished"
    assert service.get(session, "/result").json()["outcome"] == "non_response"


def test_nothing_captured_is_no_verdict(service: Any) -> None:
    session = service.open()
    assert problem(service.complete(session)) == (409, "state_conflict")
    assert service.get(session).json()["state"] == "created"


def test_pictures_that_cannot_be_judged_are_refused_with_advice(
    service: Any, blank: Any, portrait: Any, encode: Any, frames: Frames
) -> None:
    import numpy as np

    session = service.open()
    empty = service.capture(session, 0, encode(blank, "JPEG"))
    assert problem(empty) == (422, "no_face")
    assert empty.json()["advice"]
    assert empty.json()["recoverable"]
    two = np.hstack([portrait, portrait])
    assert problem(service.capture(session, 0, encode(two, "JPEG"))) == (422, "multiple_faces")
    tiny = portrait[::4, ::4]
    assert problem(service.capture(session, 0, encode(tiny, "JPEG"))) == (422, "low_quality")
    cut = frames["bona_fide"][0][:4000]
    assert problem(service.capture(session, 0, cut)) == (422, "decode_failed")
    assert problem(service.capture(session, 0, b"GIF89a" + bytes(50))) == (415, "unsupported_media")
    assert service.get(session).json()["captures"] == 0


def test_expiry(service: Any, frames: Frames, monkeypatch: pytest.MonkeyPatch) -> None:
    session = service.open(ttl_s=30)
    service.capture(session, 0, frames["bona_fide"][0])
    now = service.core.clock.now()
    monkeypatch.setattr(service.core.clock, "now", lambda: now + 31)
    assert problem(service.capture(session, 1, frames["bona_fide"][1])) == (410, "session_expired")
    assert problem(service.complete(session)) == (410, "session_expired")
    assert service.core.sweeper.sweep() == 1
    assert service.get(session).json()["state"] == "expired"
    assert problem(service.get(session, "/result")) == (410, "session_expired")
    assert captures_in(service, session) == 0


def test_revoking_erases(service: Any, frames: Frames) -> None:
    session = service.open(retention_s=3600, consent_basis="explicit consent")
    service.capture(session, 0, frames["bona_fide"][0])
    service.complete(session)
    assert captures_in(service, session) == 1
    for _ in range(2):
        answer = service.client.delete(f"/v1/sessions/{session['id']}", headers=service.backend)
        assert answer.status_code == 204
    assert captures_in(service, session) == 0
    assert problem(service.get(session, "/result")) == (409, "state_conflict")
    assert problem(service.complete(session))[0] in (401, 409)
    assert service.get(session, "/audit").json()["events"][-1]["event"] == "revoked"


def test_idempotency_key(service: Any) -> None:
    headers = {**service.backend, "Idempotency-Key": "order-17"}
    first = service.client.post("/v1/sessions", json={"ttl_s": 60}, headers=headers)
    again = service.client.post("/v1/sessions", json={"ttl_s": 60}, headers=headers)
    assert first.json() == again.json()
    other = service.client.post("/v1/sessions", json={"ttl_s": 61}, headers=headers)
    assert problem(other) == (409, "idempotency_mismatch")


@pytest.mark.parametrize(
    "body",
    [
        {"mode": "other"},
        {"ttl_s": 5},
        {"retention_s": 60},
        {"modalities": []},
        {"modalities": ["face_rgb", "face_rgb"]},
        {"modalities": ["gait"]},
        {"policy": "lenient"},
        {"policy": "/etc/passwd"},
        {"policy": "../../site.yaml"},
        {"image_url": "http://169.254.169.254/"},
        {"challenges": ["passive"]},
        {"mode": "active", "challenges": ["juggling"]},
        {"device_id": "a\nb"},
    ],
)
def test_sessions_that_cannot_be(service: Any, body: dict[str, Any]) -> None:
    answer = service.client.post("/v1/sessions", json=body, headers=service.backend)
    assert problem(answer) == (400, "invalid_request")


def test_device_that_failed_too_often_has_to_wait(serve: Any, frames: Frames) -> None:
    service = serve(device_failures_per_hour=1)
    session = service.open(device_id="phone")
    service.capture(session, 0, frames["attack"][0])
    service.complete(session)
    answer = service.client.post("/v1/sessions", json={"device_id": "phone"}, headers=service.backend)
    assert problem(answer) == (429, "attempts_exhausted")
    assert service.open(device_id="tablet")


def test_rates_are_limited(serve: Any, frames: Frames) -> None:
    service = serve(requests_per_minute=2, captures_per_second=1)
    session = service.open()
    assert service.get(session).status_code == 200
    assert problem(service.get(session)) == (429, "rate_limited")
    service.core.limits.capture(session["id"])
    assert problem(service.capture(session, 0, frames["bona_fide"][0])) == (429, "rate_limited")


def test_a_missing_modality_is_asked_for(service: Any, frames: Frames) -> None:
    """A session cannot be passed by leaving out the sensor that is harder to fool."""
    from antispoof.service.attempts import JudgeableCapture
    from antispoof.service.judging import judge

    capture = JudgeableCapture("face_rgb", 0, "0" * 64, frames["bona_fide"][0])
    judged = Judgeable("ses_x", 1, "passive", ("face_rgb", "voice"), None, False, (), (capture,))
    decision = judge(judged, service.core.checks.check, 5)
    assert (decision.outcome, decision.reasons) == ("non_response", ("modality_not_used",))


def test_an_active_session_without_its_challenges_does_not_pass(service: Any, frames: Frames) -> None:
    from antispoof.service.attempts import JudgeableCapture
    from antispoof.service.judging import judge

    capture = JudgeableCapture("face_rgb", 0, "0" * 64, frames["bona_fide"][0])
    failed = {"challenge": "light", "outcome": "failed", "reasons": ["no_response"], "advice": ["Try again"]}
    for results, reason in (((), "no_challenge"), ((failed,), "light.no_response")):
        judged = Judgeable("ses_x", 1, "active", ("face_rgb",), "balanced", False, results, (capture,))
        decision = judge(judged, service.core.checks.check, 5)
        assert decision.outcome == "non_response"
        assert reason in decision.reasons
    passed = {"challenge": "light", "outcome": "passed", "reasons": [], "advice": []}
    judged = Judgeable("ses_x", 1, "active", ("face_rgb",), "balanced", False, (passed,), (capture,))
    assert judge(judged, service.core.checks.check, 5).outcome == "bona_fide"


@pytest.mark.parametrize(
    ("challenge", "good", "bad", "reason"),
    [
        ("light", [5.3, 6.0], [0.4, 0.5], "light.unclear_reflection"),
        ("movement", [0.16, 0.0, 0.05, 2.2], [0.0, 0.03, 0.15, 0.5], "movement.not_answered"),
    ],
)
def test_an_answer_is_evidence_and_lets_nobody_pass_by_itself(
    service: Any, frames: Frames, challenge: str, good: list[float], bad: list[float], reason: str
) -> None:
    from antispoof.challenges.answers import EVIDENCE
    from antispoof.sensing.cues import Measured
    from antispoof.service.attempts import JudgeableCapture
    from antispoof.service.judging import judge

    result = {"challenge": challenge, "outcome": "measured", "reasons": [], "advice": []}

    def decided(who: str, numbers: list[float] | None) -> Any:
        capture = JudgeableCapture("face_rgb", 0, "0" * 64, frames[who][0])
        cue = Measured(EVIDENCE[challenge][0], None if numbers is None else np.array(numbers), ())
        judged = Judgeable(
            "ses_x", 1, "active", ("face_rgb",), None, False, (result,), (capture,), cues=(cue,)
        )
        return judge(judged, service.core.checks.check, 5)

    def ratio(decision: Any) -> float:
        (told,) = decision.evidence["verdict"]["cues"]
        return float(told["contribution"])

    answered, wrong, absent = (decided("bona_fide", numbers) for numbers in (good, bad, None))
    assert (answered.outcome, answered.reasons) == ("bona_fide", ())
    assert 0 < ratio(answered) <= 1
    assert ratio(wrong) < 0
    assert wrong.outcome != "bona_fide"
    assert absent.outcome == "non_response"
    assert reason in absent.reasons
    assert absent.advice
    assert decided("attack", good).outcome == "attack", "a good answer does not make up for a picture"


def test_active_sessions_take_no_uploads(service: Any, frames: Frames) -> None:
    session = service.open(mode="active")
    assert problem(service.capture(session, 0, frames["bona_fide"][0])) == (409, "state_conflict")


def captures_in(service: Any, session: dict[str, Any]) -> int:
    """How many samples the store holds, sealed or not."""
    from sqlalchemy import func, select

    from antispoof.service.store.tables import Capture

    with service.core.store.read() as transaction:
        query = select(func.count()).select_from(Capture).where(Capture.session_id == session["id"])
        return int(transaction.scalar(query) or 0)


def test_a_stateless_check_takes_several_frames(service: Any, frames: Frames) -> None:
    def check(contents: list[bytes]) -> Any:
        parts = [("face_rgb", ("frame.jpg", content)) for content in contents]
        return service.client.post("/v1/check", headers=service.backend, files=parts)

    good, bad = frames["bona_fide"], frames["attack"]
    for contents, outcome in (
        (good[:3], "bona_fide"),
        ([bad[0], good[0]], "attack"),
        (good[:1], "bona_fide"),
    ):
        answer = check(contents)
        assert answer.status_code == 200, answer.text
        verdict = answer.json()["verdict"]
        assert verdict["outcome"] == outcome
        assert len(verdict["evidence"][0]["frames"]) == (len(contents) if len(contents) > 1 else 0)
    assert check([good[0], good[0]]).json()["verdict"]["reasons"] == ["repeated"]
    assert problem(check(good * 3)) == (400, "invalid_request")


def test_frames_are_spread_over_the_attempt_and_judged_at_once(serve: Any, frames: Frames) -> None:
    service = serve(judged_frames=2)
    session = service.open()
    for seq, content in enumerate(frames["bona_fide"]):
        assert service.capture(session, seq, content).status_code == 201
    service.complete(session)
    result = service.get(session, "/result").json()
    assert [frame["seq"] for frame in result["frames"]] == [1, 2]
    assert len(result["verdict"]["evidence"][0]["frames"]) == 2
    assert result["outcome"] == "bona_fide"


def test_a_judgement_that_takes_long_is_nobody_elses(
    serve: Any, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives signs of life while it lasts; only one that gives none is begun again."""
    service = serve(judging_timeout_s=0.4)
    core = service.core
    session = service.open()
    service.capture(session, 0, frames["bona_fide"][0])
    began, let, renewed, check, renew = Event(), Event(), Event(), core.checks.check, core.judgements.renew
    now = [core.clock.now()]
    monkeypatch.setattr(core.clock, "now", lambda: now[0])

    def slow(*arguments: Any) -> Any:
        began.set()
        assert let.wait(60)
        return check(*arguments)

    def noted(judged: Any) -> None:
        renew(judged)
        renewed.set()

    monkeypatch.setattr(core.checks, "check", slow)
    monkeypatch.setattr(core.judgements, "renew", noted)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(service.complete, session)
        try:
            assert began.wait(30)
            now[0] += 20
            for _ in range(2):  # the first may have looked at the clock before
                renewed.clear()
                assert renewed.wait(30)
            with pytest.raises(Problem, match="being judged"):
                core.judgements.begin(session["id"])
        finally:
            let.set()
        assert first.result().json()["state"] == "finished"
    assert service.get(session).json()["state"] == "succeeded"
