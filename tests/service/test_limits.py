"""What strangers can ask of the service: little, and never what belongs to others."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.websockets import WebSocketDisconnect

from antispoof.service import connections
from antispoof.service.app import create_app
from antispoof.service.connections import LimitedProtocol, server_options
from antispoof.service.middleware import BODY_LIMIT
from antispoof.service.settings import ENVIRONMENT, Settings

Frames = dict[str, list[bytes]]


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_no_content_type_opens_a_way_round_the_limit(service: Any, kind: str) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        for _ in range(200):
            read += 16384
            yield b"x" * 16384

    headers = {"Authorization": "Bearer ask_made_up", "Content-Type": kind}
    answer = service.client.post("/v1/sessions", headers=headers, content=endless())
    assert code(answer) == (413, "payload_too_large")
    stated = {**headers, "Content-Length": str(BODY_LIMIT + 1)}
    assert service.client.post("/v1/sessions", headers=stated, content=b"x").status_code == 413


@pytest.mark.parametrize("place", ["/v1/sessions", "/v1/check", "/v1/sessions/ses_x/captures"])
def test_without_credentials_no_body_is_read(service: Any, place: str) -> None:
    touched = False

    async def ask() -> int:
        status = 0

        async def receive() -> dict[str, Any]:
            nonlocal touched
            touched = True
            return {"type": "http.request", "body": b"x" * 65536, "more_body": True}

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": place,
            "raw_path": place.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": [
                (b"host", b"testserver"),
                (b"content-type", b"multipart/form-data; boundary=x"),
                (b"transfer-encoding", b"chunked"),
            ],
            "client": ("192.0.2.1", 1),
            "server": ("testserver", 80),
            "state": {},
        }
        await service.client.app(scope, receive, send)
        return status

    assert asyncio.run(ask()) == 401
    assert not touched


def test_streams_that_say_nothing_take_nobodys_place(serve: Any) -> None:
    service = serve(streams=1, greetings_per_address=3)
    session = service.open()
    path = f"/v1/sessions/{session['id']}/stream"
    with contextlib.ExitStack() as silent:
        for _ in range(2):
            silent.enter_context(service.client.websocket_connect(path))
        with service.client.websocket_connect(path), service.client.websocket_connect(path) as fourth:
            assert fourth.receive_json()["code"] == "rate_limited"
            with pytest.raises(WebSocketDisconnect):
                fourth.receive_json()
        with service.client.websocket_connect(path) as mine:
            mine.send_json({"type": "hello", "token": session["client_token"]})
            assert mine.receive_json()["type"] == "ready"


def test_half_a_character_in_a_hello_is_the_clients_mistake(service: Any) -> None:
    session = service.open()
    for hello in ('{"type": "hello", "token": "ast_\\ud800.x"}', '{"type": "\\udfff", "token": "x"}'):
        with service.client.websocket_connect(f"/v1/sessions/{session['id']}/stream") as stream:
            stream.send_text(hello)
            assert stream.receive_json()["code"] in ("invalid_request", "bad_token")
            with pytest.raises(WebSocketDisconnect) as closed:
                stream.receive_json()
            assert 4400 <= closed.value.code < 4500


@pytest.mark.parametrize(
    "body", [{"retention_s": False}, {"ttl_s": True}, {"policy": ["a"]}, {"policy": {}}, {"retention_s": "0"}]
)
def test_values_of_another_type_are_refused(service: Any, body: dict[str, Any]) -> None:
    answer = service.client.post("/v1/sessions", json=body, headers=service.backend)
    assert code(answer) == (400, "invalid_request")


def test_the_policy_of_a_check_is_given_once(service: Any, frames: Frames) -> None:
    files = [
        ("face_rgb", ("a.jpg", frames["bona_fide"][0])),
        ("policy", (None, "a")),
        ("policy", (None, "b")),
    ]
    answer = service.client.post("/v1/check", files=files, headers=service.backend)
    assert code(answer) == (400, "invalid_request")


def test_readiness_means_that_the_store_can_be_written(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert service.client.get("/readyz").status_code == 200
    service.core.store.engine.dispose()
    with service.core.store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    answer = service.client.get("/readyz")
    assert code(answer) == (503, "store_unavailable")
    service.core.store.engine.dispose()
    assert service.client.get("/readyz").status_code == 200
    del monkeypatch


def test_files_of_the_state_are_private(service: Any) -> None:
    session = service.open()
    assert session
    folder: Path = service.core.settings.state
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file.name


def test_the_gauge_of_places_goes_back_to_none(service: Any, frames: Frames) -> None:
    def gauge() -> str:
        text = service.client.get("/metrics").text
        return next(line for line in text.splitlines() if line.startswith("antispoof_queue_places_taken "))

    files = {"face_rgb": ("a.jpg", frames["bona_fide"][0])}
    assert service.client.post("/v1/check", files=files, headers=service.backend).status_code == 200
    assert gauge().endswith(" 0.0")
    files = {"face_rgb": ("a.jpg", b"no picture")}
    assert service.client.post("/v1/check", files=files, headers=service.backend).status_code == 415
    assert gauge().endswith(" 0.0")


def test_sessions_that_are_long_over_are_deleted(service: Any, frames: Frames) -> None:
    session = service.open()
    service.capture(session, 0, frames["attack"][0])
    service.complete(session)
    assert service.get(session).json()["state"] == "failed"
    service.core.clock.now = lambda: time.time() + 89 * 86400
    service.core.sweeper.sweep()
    assert service.get(session, "/result").status_code == 200
    service.core.clock.now = lambda: time.time() + 91 * 86400
    service.core.sweeper.sweep()
    assert code(service.get(session)) == (404, "not_found")


def test_a_passive_session_needs_as_many_samples_as_it_says(serve: Any, frames: Frames) -> None:
    service = serve(passive_frames=3)
    session = service.open()
    assert session["frames_needed"] == 3
    for seq in range(2):
        service.capture(session, seq, frames["bona_fide"][seq])
    answer = service.complete(session)
    assert code(answer) == (409, "state_conflict")
    assert "2 captures of face_rgb, where 3 are needed" in answer.json()["detail"]
    service.capture(session, 2, frames["bona_fide"][2])
    assert service.complete(session).status_code == 200


def test_a_reused_capture_has_one_outcome(service: Any, frames: Frames) -> None:
    for expected in ("bona_fide", "attack"):
        session = service.open()
        for seq in range(3):
            service.capture(session, seq, frames["bona_fide"][seq])
        service.complete(session)
        result = service.get(session, "/result").json()
        assert result["outcome"] == result["verdict"]["outcome"] == expected
        assert result["evidence"]["detector_outcome"] == "bona_fide"
    assert "seen_in_another_session" in result["verdict"]["reasons"]


@pytest.fixture
def listening(
    request: pytest.FixtureRequest, tmp_path: Path, make_bundle: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[int]:
    """A real server on a port of this machine, as `antispoof serve` starts it; yield the port.

    The parameter: after how many seconds it gives up on a request.
    """
    settings = Settings(
        state=tmp_path / "state",
        bundles=(str(make_bundle()),),
        header_timeout_s=request.param,
        connections_per_address=6,
    )
    monkeypatch.setenv(ENVIRONMENT, settings.model_dump_json())
    connections._settings.cache_clear()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(create_app(settings), **server_options(settings))
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(20)
    connections._settings.cache_clear()
    LimitedProtocol.open.clear()


def ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(request)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
        return received


def closed(client: socket.socket) -> bool:
    """Wait for what comes: nothing but the end?"""
    try:
        return client.recv(1024) == b""
    except ConnectionResetError:
        return True


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"


@pytest.mark.parametrize("listening", [0.4], indirect=True)
def test_what_is_begun_comes_to_an_end(listening: int) -> None:
    assert b'{"status":"ok"}' in ask(listening, HEALTH + b"\r\n")
    # Headers end somewhere.
    assert ask(listening, HEALTH + b"X-Long: " + b"a" * 100_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 4")
    # A request that is begun and not ended, and one that is not begun, are given up.
    for beginning in (b"GET /healthz HTT", HEALTH, b""):
        with socket.create_connection(("127.0.0.1", listening), timeout=60) as client:
            client.sendall(beginning)
            assert closed(client)


@pytest.mark.parametrize("listening", [60], indirect=True)
def test_one_address_has_so_many_connections(listening: int) -> None:
    def wait_for(connections: int) -> None:
        until = time.monotonic() + 60
        while LimitedProtocol.open["127.0.0.1"] != connections:
            assert time.monotonic() < until, LimitedProtocol.open
            time.sleep(0.01)

    held = [socket.create_connection(("127.0.0.1", listening)) for _ in range(6)]
    wait_for(6)
    with socket.create_connection(("127.0.0.1", listening), timeout=60) as client:
        assert closed(client)
    for one in held:
        one.close()
    wait_for(0)
    assert b'{"status":"ok"}' in ask(listening, HEALTH + b"\r\n")


def test_only_configured_proxies_are_believed() -> None:
    assert server_options(Settings())["proxy_headers"] is False
    behind = server_options(Settings(proxies=("10.0.0.1", "10.0.0.2")))
    assert behind["proxy_headers"] is True
    assert behind["forwarded_allow_ips"] == "10.0.0.1,10.0.0.2"
