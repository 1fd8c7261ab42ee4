"""One test for each line of the table in docs/concepts/threats.md."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from typing import Any

import httpx2
import pytest

from antispoof.service.app import create_app

Frames = dict[str, list[bytes]]


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def check(service: Any, content: bytes, name: str = "selfie.jpg", **data: str) -> httpx2.Response:
    answer: httpx2.Response = service.client.post(
        "/v1/check", headers=service.backend, files={"face_rgb": (name, content)}, data=data
    )
    return answer


def png(width: int, height: int, rows: bytes) -> bytes:
    """A PNG of a stated size, grey, with these compressed rows."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_replayed_capture(service: Any, frames: Frames) -> None:
    """What was good in one session is an attack in the next."""
    outcomes = []
    for _ in range(2):
        session = service.open()
        service.capture(session, 0, frames["bona_fide"][0])
        service.complete(session)
        result = service.get(session, "/result").json()
        outcomes.append((result["outcome"], result["reasons"]))
    assert outcomes == [("bona_fide", []), ("attack", ["seen_in_another_session"])]


def test_spent_token(service: Any, frames: Frames) -> None:
    session = service.open()
    service.capture(session, 0, frames["attack"][0])
    assert service.complete(session).status_code == 200
    assert code(service.complete(session)) == (401, "bad_token")
    assert code(service.capture(session, 1, frames["bona_fide"][0])) == (401, "bad_token")
    assert service.get(session, "/result").json()["outcome"] == "attack"


def test_token_of_another_session(service: Any, frames: Frames) -> None:
    mine, other = service.open(), service.open()
    stolen = {**other, "client_token": mine["client_token"]}
    assert code(service.capture(stolen, 0, frames["bona_fide"][0])) == (401, "bad_token")
    assert code(service.complete(stolen)) == (401, "bad_token")


@pytest.mark.parametrize("token", ["", "x", "ast_", "ast_.", "ask_x", "ast_{id}.", "ast_{id}.AAAA", "\u00e9"])
def test_made_up_token(service: Any, token: str) -> None:
    session = service.open()
    header = f"Bearer {token.replace('{id}', session['id'])}".encode()
    for place in ("/complete", "/captures"):
        answer = service.client.post(
            f"/v1/sessions/{session['id']}{place}", headers={"Authorization": header}
        )
        assert code(answer) == (401, "bad_token")


def test_device_cannot_read_its_verdict(service: Any, frames: Frames) -> None:
    session = service.open()
    service.capture(session, 0, frames["attack"][0])
    told = service.complete(session).json()
    assert "attack" not in json.dumps(told)
    headers = {"Authorization": f"Bearer {session['client_token']}"}
    for place in ("", "/result", "/audit"):
        assert code(service.client.get(f"/v1/sessions/{session['id']}{place}", headers=headers)) == (
            401,
            "bad_token",
        )


def test_decompression_bomb(service: Any) -> None:
    """A hundred kilobytes that would become 144 million pixels; refused by the header."""
    bomb = png(12_000, 12_000, zlib.compress(bytes(12_001 * 12_000), 9))
    assert len(bomb) < 200_000
    assert code(check(service, bomb)) == (413, "pixel_limit")


def test_picture_that_ends_early(service: Any) -> None:
    assert code(check(service, png(64, 64, zlib.compress(bytes(10))))) == (422, "decode_failed")


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a/*" + bytes(100),
        b"%PDF-1.7" + bytes(100),
        b"PK\x03\x04" + bytes(100),
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"\x1aE\xdf\xa3" + bytes(100),
        b"https://169.254.169.254/latest/meta-data",
        b"/etc/passwd",
    ],
)
def test_other_kinds_of_files(service: Any, content: bytes) -> None:
    assert code(check(service, content)) == (415, "unsupported_media")


def test_polyglot(service: Any, frames: Frames) -> None:
    """A JPEG with an archive after its end is a JPEG: the rest is not looked at, and nothing serves it."""
    picture = frames["attack"][0]
    answer = check(service, picture + b"PK\x03\x04" + b"<script>alert(1)</script>")
    assert answer.json()["verdict"]["outcome"] == "attack"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_huge_multipart(serve: Any) -> None:
    service = serve(max_file_bytes=100_000)
    assert code(check(service, bytes(300_000))) == (413, "payload_too_large")
    assert code(check(service, bytes(120_000))) == (413, "payload_too_large")

    def endless() -> Any:  # without a Content-Length
        yield b'--x\r\nContent-Disposition: form-data; name="face_rgb"; filename="a"\r\n\r\n'
        for _ in range(100):
            yield bytes(10_000)

    headers = {**service.backend, "Content-Type": "multipart/form-data; boundary=x"}
    answer = service.client.post("/v1/check", headers=headers, content=endless())
    assert code(answer) == (413, "payload_too_large")
    many = {f"file{number}": b"x" for number in range(20)}
    answer = service.client.post("/v1/check", headers=service.backend, files=many)
    assert code(answer) == (400, "invalid_request")
    assert answer.json()["detail"] == "a body may have 8 files, and as many fields"
    long = {"policy": "x" * 10_000}
    answer = service.client.post("/v1/check", headers=service.backend, files={"face_rgb": b"x"}, data=long)
    assert code(answer) == (400, "invalid_request")
    assert code(service.client.post("/v1/sessions", headers=service.backend, content=b"[" * 70_000)) == (
        413,
        "payload_too_large",
    )
    deep = service.client.post("/v1/sessions", headers=service.backend, content=b"[" * 60_000)
    assert code(deep) == (400, "invalid_request")


def test_path_in_a_file_name(service: Any, frames: Frames, tmp_path: Any) -> None:
    before = sorted(tmp_path.rglob("*"))
    for name in ("../../../../etc/cron.d/x", "/etc/passwd", "..\\..\\x", "a\x00b", "x" * 1000):
        assert check(service, frames["attack"][0], name).status_code == 200
    assert sorted(path for path in tmp_path.rglob("*") if "service.db" not in path.name) == [
        path for path in before if "service.db" not in path.name
    ], "nothing was written"


def test_no_field_takes_a_url(service: Any) -> None:
    """Nothing the service is sent makes it fetch something."""
    for body in ({"image_url": "http://169.254.169.254/"}, {"callback": "http://internal/"}):
        answer = service.client.post("/v1/sessions", json=body, headers=service.backend)
        assert code(answer) == (400, "invalid_request")
    document = json.dumps(service.client.get("/openapi.json").json())
    assert '"format": "uri"' not in document
    answer = service.client.post(
        "/v1/check", headers=service.backend, files={"face_rgb": (None, "http://169.254.169.254/")}
    )
    assert code(answer) == (400, "invalid_request")


def test_header_injection(service: Any) -> None:
    for value in (b"a\r\nSet-Cookie: x=1", b"a" * 5000, "\u00e9".encode(), b"<script>"):
        answer = service.client.get("/healthz", headers={b"X-Request-ID": value})
        assert answer.headers["x-request-id"].isalnum()
        assert "set-cookie" not in answer.headers
    answer = service.client.get("/%0d%0aSet-Cookie:%20x=1")
    assert "set-cookie" not in answer.headers
    for key in ("a b", "\x7f", "x" * 129):
        headers = {**service.backend, "Idempotency-Key": key}
        assert code(service.client.post("/v1/sessions", json={}, headers=headers)) == (400, "invalid_request")


def test_host_header(serve: Any) -> None:
    service = serve(hosts=("testserver",))
    assert service.client.get("/healthz").status_code == 200
    answer = service.client.get("/healthz", headers={"Host": "evil.example"})
    assert code(answer) == (400, "invalid_request")


def test_cross_origin(serve: Any) -> None:
    """Another site's page can neither read an answer nor make the service act for its own page."""
    service = serve(page=True)
    evil = {"Origin": "https://evil.example"}
    preflight = service.client.options(
        "/v1/sessions", headers={**evil, "Access-Control-Request-Method": "POST"}
    )
    answers = [preflight, service.client.get("/page/options", headers=evil)]
    answers.append(service.client.post("/page/sessions", json={}, headers=evil))
    answers.append(service.client.post("/page/sessions", json={}, headers={"Sec-Fetch-Site": "cross-site"}))
    for answer in answers:
        assert answer.status_code in (403, 405)
        assert "access-control-allow-origin" not in answer.headers
    own = service.client.post("/page/sessions", json={}, headers={"Origin": "http://testserver"})
    assert own.status_code == 201
    page = own.headers
    assert "default-src 'none'" in page["content-security-policy"]
    assert page["x-frame-options"] == "DENY"
    assert page["cache-control"] == "no-store"


def test_only_the_worker_of_the_page_may_compile(serve: Any) -> None:
    """What hints on the device need: four files, by their names, and no other."""
    service = serve(page=True, page_photo=True)
    assert service.client.get("/page/options").json()["photo"] is True
    worker = service.client.get("/page/device/worker.js")
    assert "'wasm-unsafe-eval'" in worker.headers["content-security-policy"]
    assert "'unsafe-eval'" not in worker.headers["content-security-policy"]
    assert "wasm" not in service.client.get("/").headers["content-security-policy"]
    runtime = service.client.get("/page/device/ort-wasm-simd-threaded.wasm")
    assert runtime.content[:4] == b"\0asm"
    assert runtime.headers["content-type"] == "application/wasm"
    for name in ("face-rgb-edge.onnx", "yunet_n_dynamic.onnx"):
        assert len(service.client.get(f"/page/device/{name}").content) > 100_000
    for name in ("face-rgb.onnx", "LICENSE.onnxruntime", "..%2Fpage.py", "%2e%2e%2fapp.py"):
        assert service.client.get(f"/page/device/{name}").status_code == 404
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert service.client.get("/page/device/worker.js", headers=elsewhere).status_code == 403


def test_page_is_off_unless_asked_for(service: Any) -> None:
    assert code(service.client.get("/page/device/worker.js")) == (404, "not_found")
    assert code(service.client.post("/page/sessions", json={})) == (404, "not_found")


def test_page_sessions_are_limited(serve: Any) -> None:
    service = serve(page=True, page_sessions_per_minute=1)
    assert service.client.post("/page/sessions", json={}).status_code == 201
    assert code(service.client.post("/page/sessions", json={})) == (429, "rate_limited")


def test_queue_is_bounded(serve: Any, frames: Frames) -> None:
    service = serve(inference_threads=1, queue_length=1)
    with service.core.judges.reserve(), service.core.judges.reserve():
        answer = check(service, frames["bona_fide"][0])
        assert code(answer) == (503, "overloaded")
        assert answer.headers["retry-after"] == "1"
    assert check(service, frames["bona_fide"][0]).status_code == 200


def test_failing_model_lets_nobody_through(
    service: Any, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = service.open()
    service.capture(session, 0, frames["bona_fide"][0])
    detector = service.core.checks.detector()

    def fail(*_: Any) -> Any:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(type(detector), "judge", fail)
    assert code(service.complete(session)) == (503, "model_unavailable")
    assert code(check(service, frames["bona_fide"][0])) == (503, "model_unavailable")
    view = service.get(session).json()
    assert (view["state"], view["attempts_left"], view["captures"]) == ("capturing", 3, 1)
    monkeypatch.undo()
    assert service.complete(session).json()["state"] == "finished"
    assert service.get(session, "/result").json()["outcome"] == "bona_fide"


def test_defect_tells_nothing(service: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("secret words")

    monkeypatch.setattr(service.core.sessions, "view", fail)
    answer = service.get(service.open())
    assert code(answer) == (500, "internal_error")
    assert "secret words" not in answer.text + "".join(capsys.readouterr())


def test_missing_model_is_told(serve: Any, tmp_path: Any) -> None:
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"no model")
    service = serve(bundles=(str(damaged),))
    assert service.client.get("/healthz").status_code == 200
    assert code(service.client.get("/readyz")) == (503, "model_unavailable")


def test_half_sent_and_slow_uploads(serve: Any) -> None:
    """Spoken to over ASGI, where an upload can stop in the middle."""
    import asyncio

    service = serve(upload_timeout_s=0.2)
    session = service.open()
    body = io.BytesIO(b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc').read()

    async def upload(then: str) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []
        messages = [{"type": "http.request", "body": body, "more_body": True}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            if then == "leave":
                return {"type": "http.disconnect"}
            await asyncio.sleep(60)
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": f"/v1/sessions/{session['id']}/captures",
            "query_string": b"",
            "headers": [
                (b"host", b"testserver"),
                (b"authorization", f"Bearer {session['client_token']}".encode()),
                (b"content-type", b"multipart/form-data; boundary=x"),
                (b"content-length", b"5000"),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("testserver", 80),
            "scheme": "http",
            "root_path": "",
            "http_version": "1.1",
        }
        await service.client.app(scope, receive, send)
        return sent

    for then in ("leave", "stall"):
        sent = asyncio.run(upload(then))
        assert sent[0]["status"] == 400
        assert json.loads(sent[1]["body"])["code"] == "invalid_request"
    assert service.get(session).json()["captures"] == 0


def test_clock_jump(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    session = service.open(ttl_s=60)
    now = time.time()
    for jump in (-86_400, 86_400):
        monkeypatch.setattr(time, "time", lambda jump=jump: now + jump)
        assert service.get(session).json()["state"] == "created"
    monkeypatch.undo()
    clock = service.core.clock
    base = clock.now()
    monkeypatch.setattr(clock, "now", lambda: base - 86_400)  # started again with the clock set back
    assert code(service.capture(session, 0, b"x")) == (410, "session_expired")


def test_settings_come_from_the_environment(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, make_bundle: Any
) -> None:
    from antispoof.errors import InputError

    monkeypatch.setenv(
        "ANTISPOOF_SERVICE", json.dumps({"state": str(tmp_path), "bundles": [str(make_bundle())]})
    )
    app = create_app()
    assert app.state.core.settings.state == tmp_path
    app.state.core.close()
    monkeypatch.setenv("ANTISPOOF_SERVICE", '{"stat": 1}')
    with pytest.raises(InputError, match="stat"):
        create_app()


def test_wrong_digest(service: Any, frames: Frames) -> None:
    session = service.open()
    answer = service.capture(session, 0, frames["bona_fide"][0], sha256=hashlib.sha256(b"").hexdigest())
    assert code(answer) == (400, "invalid_request")


@pytest.mark.parametrize("page", [True, False])
def test_other_methods_are_told(serve: Any, page: bool) -> None:
    service = serve(page=page)
    answer = service.client.put("/v1/sessions/ses_x")
    assert code(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET"
    assert code(service.client.get("/v1/check")) == (405, "method_not_allowed")
    assert code(service.client.get("/v1/nothing")) == (404, "not_found")


def test_a_session_of_the_page_takes_no_upload_unless_photos_are_allowed(serve: Any, frames: Frames) -> None:
    service = serve(page=True)
    session = service.client.post("/page/sessions", json={"mode": "passive"}).json()
    assert code(service.capture(session, 0, frames["bona_fide"][0])) == (409, "state_conflict")


def test_the_page_may_look_at_its_result_with_the_spent_token(serve: Any, frames: Frames) -> None:
    service = serve(page=True, page_photo=True)
    session = service.client.post("/page/sessions", json={}).json()
    header = {"Authorization": f"Bearer {session['client_token']}"}
    path = f"/page/sessions/{session['id']}/result"
    assert service.client.get(path, headers=header).status_code == 409
    service.capture(session, 0, frames["attack"][0])
    service.complete(session)
    assert service.client.get(path, headers=header).json()["outcome"] == "attack"
    assert code(service.client.get(path)) == (401, "bad_token")
    service.client.delete(f"/v1/sessions/{session['id']}", headers=service.backend)
    assert code(service.client.get(path, headers=header)) == (401, "bad_token")


def test_the_page_reads_no_result_of_a_backend(serve: Any, frames: Frames) -> None:
    """Where the page is on, a device with a token still does not learn its verdict."""
    service = serve(page=True, page_photo=True)
    opened = service.client.post("/page/sessions", json={}).json()
    for session, status in ((service.open(), 404), (opened, 200)):
        service.capture(session, 0, frames["attack"][status % 3])
        service.complete(session)
        token = {"Authorization": f"Bearer {session['client_token']}"}
        answer = service.client.get(f"/page/sessions/{session['id']}/result", headers=token)
        assert answer.status_code == status
