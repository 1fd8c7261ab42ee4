"""A session from opening to verdict, and every way out of it."""

from __future__ import annotations

from typing import Any

import pytest

Frames = dict[str, list[bytes]]


@pytest.mark.parametrize(("kind", "state"), [("bona_fide", "succeeded"), ("attack", "failed")])
def test_session_from_opening_to_verdict(service: Any, frames: Frames, kind: str, state: str) -> None:
    session = service.open()
    assert session["state"] == "created"
    for seq, content in enumerate(frames[kind][:3]):
        answer = service.capture(session, seq, content)
        assert answer.status_code == 201, answer.text
        assert answer.json()["captures"] == seq + 1
    early = service.get(session, "/result")
    assert (early.status_code, early.json()["code"]) == (409, "state_conflict")
    answer = service.complete(session)
    assert answer.json() == {
        "session": session["id"],
        "state": "finished",
        "attempts_left": 0,
        "advice": [],
    }
    assert service.get(session).json()["state"] == state
    result = service.get(session, "/result").json()
    assert result["outcome"] == result["verdict"]["outcome"] == kind
    assert result["nonce"] == session["nonce"]
    assert [frame["outcome"] for frame in result["frames"]] == [kind] * 3
