"""Live capture, message by message."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from itertools import count, cycle
from typing import Any

import numpy as np
import pytest
from starlette.websockets import WebSocketDisconnect

from antispoof.challenges import passive
from antispoof.service import limits
from antispoof.service.routes import stream
from antispoof.service.store.tables import Session

EVERY_S = 0.1  # a picture, by the clock


class Clock:
    """That of a stream, which goes on when the test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """However slow the machine is, pictures come as fast as the test has it."""
    clock = Clock()
    for module in (stream, limits):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the passive challenge take few pictures."""
    monkeypatch.setattr(passive, "DURATION_S", 0.8)
    monkeypatch.setattr(passive, "MIN_SPAN_S", 0.1)
    monkeypatch.setattr(passive, "MIN_FRAMES", 3)


@pytest.fixture(scope="session")
def selfies(close_up: Any, encode: Any) -> list[bytes]:
    """A face that fills the oval, with the noise and the small movements of a camera held in a hand."""
    random = np.random.default_rng(5)
    canvas = np.full((300, 300, 3), 120.0)
    canvas[50:250, 60:240] = close_up
    pictures = []
    for _ in range(60):
        moved = np.roll(canvas, random.integers(-3, 4, 2), (0, 1)) * np.array([1.0, 0.8, 0.4])
        noisy = moved + random.normal(0, 3, canvas.shape)
        pictures.append(encode(noisy.clip(0, 255).astype(np.uint8), "JPEG", quality=85))
    return pictures


def sample(content: bytes, seq: int, modality: str = "face_rgb", **header: Any) -> bytes:
    """Put a header before the content."""
    text = json.dumps({"modality": modality, "seq": seq, **header}).encode()
    return struct.pack(">I", len(text)) + text + content


def connect(service: Any, session: dict[str, Any]) -> Any:
    return service.client.websocket_connect(f"/v1/sessions/{session['id']}/stream")


def hello(session: dict[str, Any]) -> str:
    return json.dumps({"type": "hello", "token": session["client_token"]})


def capture_live(socket: Any, pictures: Iterator[bytes], clock: Clock) -> list[dict[str, Any]]:
    """Send pictures, each when the last was answered, until the server has enough."""
    told = []
    for seq, picture in enumerate(pictures):
        clock.now_s += EVERY_S
        socket.send_bytes(sample(picture, seq))
        while True:
            message = socket.receive_json()
            told.append(message)
            if message["type"] in ("captured", "error"):
                return told
            if message["type"] in ("ack", "refused"):
                break
    raise AssertionError(f"no end came: {told[-3:]}")


@pytest.mark.usefixtures("hasty")
def test_passive_stream_to_verdict(service: Any, selfies: list[bytes], clock: Clock) -> None:
    session = service.open()
    with connect(service, session) as socket:
        socket.send_text(hello(session))
        ready = socket.receive_json()
        assert (ready["type"], ready["steps"], ready["attempts_left"]) == ("ready", 1, 2)
        told = capture_live(socket, iter(selfies), clock)
    steps = [message for message in told if message["type"] == "step"]
    assert [step["instruction"] for step in steps] == ["look_ahead"]
    assert told[-1]["type"] == "captured"
    assert 1 <= told[-1]["captures"] <= 16
    assert "score" not in json.dumps(told)
    assert service.complete(session).json()["state"] == "finished"
    result = service.get(session, "/result").json()
    assert {challenge["challenge"] for challenge in result["challenges"]} == {"passive", "repetition"}
    assert result["outcome"] == "bona_fide", result["reasons"]
    (relief,) = result["verdict"]["cues"]
    assert (relief["name"], relief["course"]) == ("face_relief", [])
    assert (relief["status"] == "not_measurable") == bool(relief["reasons"])
    with service.core.store.write() as transaction:
        assert transaction.get(Session, session["id"]).live["cues"] == [], "kept nowhere but in the result"
    events = [event["event"] for event in service.get(session, "/audit").json()["events"]]
    assert events == ["opened", "stream_begun", "stream_ended", "judging", "judged"]


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("gap_s", [0.0, 0.7])
def test_nobody_saw_who_was_there_in_a_gap(
    service: Any, selfies: list[bytes], clock: Clock, monkeypatch: pytest.MonkeyPatch, gap_s: float
) -> None:
    monkeypatch.setattr(passive, "DURATION_S", 1.2)
    session = service.open()

    def pictures() -> Iterator[bytes]:
        for number, picture in enumerate(cycle(selfies)):
            if number == 5:
                clock.now_s += gap_s
            yield picture

    with connect(service, session) as socket:
        socket.send_text(hello(session))
        socket.receive_json()
        capture_live(socket, pictures(), clock)
    seen: list[bool] = []
    check = type(service.core.checks).check

    def noting(*arguments: Any) -> Any:
        seen.append(arguments[-1])
        return check(*arguments)

    monkeypatch.setattr(type(service.core.checks), "check", noting)
    service.complete(session)
    assert seen == [gap_s == 0]


@pytest.mark.usefixtures("hasty")
def test_a_still_picture_held_before_the_service_does_not_pass(
    service: Any, selfies: list[bytes], clock: Clock
) -> None:
    session = service.open()
    with connect(service, session) as socket:
        socket.send_text(hello(session))
        socket.receive_json()
        capture_live(socket, iter(selfies[:1] * 200), clock)
    answer = service.complete(session).json()
    assert answer["state"] == "capturing", "not judged bona fide; another try"
    assert answer["advice"]


def test_one_picture_that_a_program_shifts_is_still_in_a_stream_too(
    service: Any, close_up: Any, encode: Any, clock: Clock
) -> None:
    random = np.random.default_rng(5)
    canvas = np.full((300, 300, 3), 120.0)
    canvas[50:250, 60:240] = close_up * np.array([1.0, 0.8, 0.4])

    def shifted() -> Iterator[bytes]:
        for number in count():
            moved = np.roll(canvas, (number // 3 % 12, number // 2 % 9), (0, 1))
            noisy = moved + random.normal(0, 2, canvas.shape)
            yield encode(noisy.clip(0, 255).astype(np.uint8), "JPEG", quality=90)

    session = service.open()
    with connect(service, session) as socket:
        socket.send_text(hello(session))
        socket.receive_json()
        capture_live(socket, shifted(), clock)
    assert service.complete(session).json()["state"] == "capturing", "not judged bona fide; another try"
    judged = service.get(session, "/audit").json()["events"][-1]
    assert judged["event"] == "judged"
    assert "course.still" in json.dumps(judged)


def test_steps_are_revealed_one_at_a_time(service: Any, selfies: list[bytes], clock: Clock) -> None:
    session = service.open(mode="active", challenges=["movement"])
    told = []
    with connect(service, session) as socket:
        socket.send_text(hello(session))
        ready = socket.receive_json()
        assert ready["steps"] >= 1
        for seq, picture in enumerate(selfies[:6]):
            clock.now_s += EVERY_S
            socket.send_bytes(sample(picture, seq))
            while (message := socket.receive_json())["type"] != "ack":
                told.append(message)
        socket.send_text(json.dumps({"type": "end"}))
        while (message := socket.receive_json())["type"] != "captured":
            told.append(message)
    assert sum(message["type"] == "step" for message in told) <= 1, "too early for a second one"
    answer = service.complete(session).json()
    assert answer["state"] == "capturing", "a challenge cut short is not passed"


def test_bad_pictures_are_refused_and_the_stream_goes_on(service: Any, selfies: list[bytes]) -> None:
    session = service.open()
    with connect(service, session) as socket:
        socket.send_text(hello(session))
        socket.receive_json()
        socket.send_bytes(sample(b"\xff\xd8\xff\xe0 no picture", 0))
        refused = socket.receive_json()
        assert (refused["type"], refused["seq"], refused["code"]) == ("refused", 0, "decode_failed")
        socket.send_bytes(sample(selfies[0], 1))
        assert {socket.receive_json()["type"] for _ in range(1)} <= {"ack", "hint"}


@pytest.mark.parametrize(
    ("first", "code", "status"),
    [
        ('{"type": "hello", "token": "ast_other.x"}', "bad_token", 4401),
        ('{"type": "hello"}', "bad_token", 4401),
        ("[" * 100_000, "invalid_request", 4400),
    ],
)
def test_strangers_get_no_stream(service: Any, first: str, code: str, status: int) -> None:
    session = service.open()
    with connect(service, session) as socket:
        socket.send_text(first)
        error = socket.receive_json()
        assert (error["type"], error["code"]) == ("error", code)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == status
    assert service.get(session).json()["attempts_left"] == 3


def test_token_of_another_session_gets_no_stream(service: Any) -> None:
    mine, other = service.open(), service.open()
    with connect(service, other) as socket:
        socket.send_text(hello(mine))
        assert socket.receive_json()["code"] == "bad_token"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff\xff\xff\xff",
        struct.pack(">I", 2) + b"[]",
        sample(b"x", -1),
        sample(b"x", 0, "iris"),
        sample(b"xyz", 0, "voice", rate=48000),
        sample(b"xy", 0, "voice", rate=1),
    ],
)
def test_malformed_samples_end_the_stream(service: Any, message: bytes) -> None:
    session = service.open()
    with connect(service, session) as socket:
        socket.send_text(hello(session))
        socket.receive_json()
        socket.send_bytes(message)
        assert socket.receive_json()["code"] == "invalid_request"


def test_a_dropped_stream_uses_up_an_attempt_and_keeps_nothing(service: Any, selfies: list[bytes]) -> None:
    session = service.open()
    for left in (2, 1, 0):
        with connect(service, session) as socket:
            socket.send_text(hello(session))
            assert socket.receive_json()["attempts_left"] == left
            socket.send_bytes(sample(selfies[left], 0))
    with connect(service, session) as socket:
        socket.send_text(hello(session))
        assert socket.receive_json()["code"] == "attempts_exhausted"
    assert service.get(session).json()["captures"] == 0
    assert service.complete(session).status_code == 409


def test_a_stream_that_came_to_nothing_gives_way_to_a_picture_where_no_prompts_are_asked(
    service: Any, frames: dict[str, list[bytes]]
) -> None:
    session, active = service.open(), service.open(mode="active")
    for one in (session, active):
        with connect(service, one) as socket:
            socket.send_text(hello(one))
            assert socket.receive_json()["type"] == "ready"
    assert service.complete(session).status_code == 409
    assert service.capture(session, 0, frames["bona_fide"][0]).status_code == 201
    assert service.complete(session).json()["state"] == "finished"
    assert service.capture(active, 0, frames["bona_fide"][1]).json()["code"] == "state_conflict"


def test_a_page_elsewhere_cannot_connect(service: Any) -> None:
    session = service.open()
    with (
        pytest.raises(WebSocketDisconnect),
        service.client.websocket_connect(
            f"/v1/sessions/{session['id']}/stream", headers={"Origin": "https://evil.example"}
        ),
    ):
        pass
