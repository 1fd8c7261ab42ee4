"""Who is told that a session is over: signed, from the store, again and again, never at an inside address."""

from __future__ import annotations

import asyncio
import base64
import datetime
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook as StandardWebhook
from standardwebhooks import WebhookVerificationError

from antispoof.client import verify_webhook
from antispoof.errors import InputError
from antispoof.service.core import Core
from antispoof.service.outbound import Outbound
from antispoof.service.store.tables import Delivery
from antispoof.service.webhooks import AT_ONCE, LEASE_S, WAITS_S

Frames = dict[str, list[bytes]]
INSIDE: dict[str, Any] = {
    "webhook_hosts": ("localhost",),
    "webhook_networks": ("127.0.0.0/8", "::1/128"),
    "webhook_timeout_s": 30,  # a busy machine takes its time
}


class Receiver(ThreadingHTTPServer):
    """Somebody's server: its path says what it answers; what it got is kept."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.leave = threading.Event()

    def url(self, path: str) -> str:
        return f"http://localhost:{self.server_port}/{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        if self.path == "/hang":
            self.server.leave.wait(600)
            return
        self.send_response({"/fine": 204, "/redirect": 302, "/broken": 500, "/gone": 410}[self.path])
        if self.path == "/redirect":
            self.send_header("Location", "/fine")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.leave.set()
    server.shutdown()
    thread.join()
    server.server_close()


def register(service: Any, url: str, status: int = 201) -> Any:
    answer = service.client.post("/v1/webhooks", headers=service.backend, json={"url": url})
    assert answer.status_code == status, answer.text
    return answer.json()


def listed(service: Any) -> list[Any]:
    found: list[Any] = service.client.get("/v1/webhooks", headers=service.backend).json()["webhooks"]
    return found


def finish(service: Any, frames: Frames) -> str:
    session = service.open()
    service.capture(session, 0, frames["attack"][0])
    assert service.complete(session).json()["state"] == "finished"
    return str(session["id"])


def try_all(core: Core) -> None:
    """One round of what a running service does every second."""
    for message in core.webhooks.due():
        status, failure = asyncio.run(core.webhooks.outbound.post(message.url, message.headers, message.body))
        core.webhooks.settle(message, status, failure)


def test_a_running_service_tells_once_and_signed(serve: Any, receiver: Receiver, frames: Frames) -> None:
    service = serve(**INSIDE)
    hook = register(service, receiver.url("fine"))
    assert register(service, receiver.url("fine")) == hook, "the same URL is the same webhook"
    session = finish(service, frames)
    until = time.monotonic() + 60
    while not receiver.got and time.monotonic() < until:
        time.sleep(0.02)
    _, headers, body = receiver.got[0]
    told = StandardWebhook(hook["secret"]).verify(body, headers)
    assert told == verify_webhook(body, headers, hook["secret"])
    assert (told["type"], told["data"]) == ("session.finished", {"session": session}), "and not with what"
    with pytest.raises(WebhookVerificationError):
        StandardWebhook("whsec_" + base64.b64encode(b"another").decode()).verify(body, headers)
    for changed in ({"body": body + b" "}, {"headers": {**headers, "webhook-id": "msg_x"}}):
        with pytest.raises(InputError, match="not signed"):
            verify_webhook(**{"body": body, "headers": headers, "secret": hook["secret"], **changed})
    with pytest.raises(InputError, match="are needed"):
        verify_webhook(body, {}, hook["secret"])
    time.sleep(1.2)
    assert len(receiver.got) == 1
    assert [(each["waiting"], each["given_up"]) for each in listed(service)] == [(0, 0)]


def test_a_silent_receiver_holds_up_nobody(
    serve: Any, receiver: Receiver, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = serve(**INSIDE)
    patient = Outbound(INSIDE["webhook_hosts"], INSIDE["webhook_networks"], timeout_s=600)
    monkeypatch.setattr(service.core.webhooks, "outbound", patient)  # it is not given up meanwhile
    register(service, receiver.url("hang"))
    register(service, receiver.url("fine"))
    for number in (1, 2):
        session = service.open()
        service.capture(session, 0, frames["attack"][number])
        service.complete(session)
        until = time.monotonic() + 300
        while [path for path, _, _ in receiver.got].count("/fine") < number:
            assert time.monotonic() < until, receiver.got
            time.sleep(0.02)
    assert not receiver.leave.is_set()
    receiver.leave.set()


@pytest.mark.parametrize(
    "changed",
    [{"webhook-timestamp": "9" * 400}, {"webhook-id": "\udc80"}, {"webhook-signature": "v1,\udcff"}],
)
def test_headers_that_no_service_sends_are_refused_in_words(changed: dict[str, str]) -> None:
    from antispoof.contract.webhooks import signed_headers

    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    with pytest.raises(InputError, match="webhook"):
        verify_webhook(b"{}", {**signed_headers("msg_x", time.time(), b"{}", secret), **changed}, secret)


def test_old_messages_are_refused() -> None:
    from antispoof.contract.webhooks import signed_headers

    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    headers = signed_headers("msg_x", time.time() - 301, b"{}", secret)
    with pytest.raises(InputError, match=r"30\d s old; 300 are accepted"):
        verify_webhook(b"{}", headers, secret)
    assert verify_webhook(b"{}", signed_headers("msg_x", time.time() - 290, b"{}", secret), secret) == {}


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_ü", "whsec_?"])
def test_a_secret_that_was_not_set_checks_nothing(secret: str) -> None:
    stamp = str(int(time.time()))
    signature = base64.b64encode(hmac.digest(b"", f"msg_x.{stamp}.{{}}".encode(), "sha256")).decode()
    headers = {"webhook-id": "msg_x", "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}
    with pytest.raises(InputError, match="secret: has to be like whsec_"):
        verify_webhook(b"{}", headers, secret)


@pytest.mark.parametrize(
    ("path", "failure"),
    [("broken", "status 500"), ("redirect", "status 302"), ("hang", "no answer within 1 s")],
)
def test_bad_receivers_are_tried_again_later_and_given_up(
    serve: Any, receiver: Receiver, frames: Frames, monkeypatch: pytest.MonkeyPatch, path: str, failure: str
) -> None:
    from antispoof.service.store.tables import Delivery

    monkeypatch.setattr("antispoof.service.app.AT_ONCE", 0)  # the test alone tells
    service = serve(**{**INSIDE, **({"webhook_timeout_s": 1} if path == "hang" else {})})
    core, now = service.core, [service.core.clock.now()]
    monkeypatch.setattr(core.clock, "now", lambda: now[0])
    register(service, receiver.url(path))
    finish(service, frames)
    for attempt in range(len(WAITS_S) + 1):
        try_all(core)
        assert len(receiver.got) == attempt + 1
        try_all(core)  # not yet
        assert len(receiver.got) == attempt + 1
        now[0] += 1.21 * (WAITS_S[attempt] if attempt < len(WAITS_S) else 3600)
        if attempt == 1:  # another process, on the same store
            core = Core(core.settings)
            monkeypatch.setattr(core.clock, "now", lambda: now[0])
        if path == "hang" and attempt == 1:
            break
    assert {got for got, _, _ in receiver.got} == {f"/{path}"}, "no redirect is followed"
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 1
    stamps = [int(headers["webhook-timestamp"]) for _, headers, _ in receiver.got]
    assert stamps == sorted(set(stamps)), "each attempt is signed anew"
    with core.store.read() as transaction:
        row = transaction.query(Delivery).one()
        assert (row.failure, row.ended_at is not None) == (failure, path != "hang")
    if path != "hang":
        try_all(core)
        assert len(receiver.got) == len(WAITS_S) + 1
        assert core.webhooks.all("default")[0]["given_up"] == 1
        core.webhooks.forget_old()
        assert core.webhooks.all("default")[0]["given_up"] == 1
        now[0] += 8 * 86_400
        core.webhooks.forget_old()
        assert core.webhooks.all("default")[0]["given_up"] == 0


def test_who_is_gone_is_told_no_more(
    serve: Any, receiver: Receiver, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("antispoof.service.app.AT_ONCE", 0)  # the test alone tells
    service = serve(**INSIDE, tenants={"bank": {}})
    register(service, receiver.url("gone"))
    finish(service, frames)
    try_all(service.core)
    assert listed(service) == []
    hook = register(service, receiver.url("fine"))
    foreign = {"Authorization": f"Bearer {service.core.keys.add('x', tenant='bank')}"}
    assert service.client.get("/v1/webhooks", headers=foreign).json() == {"webhooks": []}
    assert service.client.delete(f"/v1/webhooks/{hook['id']}", headers=foreign).status_code == 404
    session = service.client.post("/v1/sessions", headers=foreign, json={}).json()
    now = service.core.clock.now()
    monkeypatch.setattr(service.core.clock, "now", lambda: now + 400)
    assert service.core.sweeper.sweep() == 1
    assert session["id"] not in str(service.core.webhooks.due()), "another tenant's session"
    assert service.client.delete(f"/v1/webhooks/{hook['id']}", headers=service.backend).status_code == 204
    assert listed(service) == []


def test_two_processes_do_not_tell_the_same(
    serve: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("antispoof.service.app.AT_ONCE", 0)  # the test alone tells
    service = serve(**INSIDE)
    core, now = service.core, service.core.clock.now()
    register(service, receiver.url("fine"))
    service.open(ttl_s=30)
    monkeypatch.setattr(core.clock, "now", lambda: now + 31)
    core.sweeper.sweep()
    (message,) = core.webhooks.due()
    assert json.loads(message.body)["type"] == "session.expired"
    assert core.webhooks.due() == []
    monkeypatch.setattr(core.clock, "now", lambda: now + 32 + LEASE_S)
    (again,) = core.webhooks.due()  # the first process was killed
    assert (again.id, again.attempt) == (message.id, 2)
    core.webhooks.settle(again, 204, "")
    core.webhooks.settle(message, 500, "")
    assert core.webhooks.due() == []


def test_one_tenant_does_not_hold_up_another(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antispoof.service.app.AT_ONCE", 0)  # the test alone tells
    core = serve(**INSIDE, tenants={"busy": {}, "quiet": {}}).core
    hooks = {name: core.webhooks.register(name, "http://localhost:9/")["id"] for name in ("busy", "quiet")}
    with core.store.write() as transaction:
        for number, name in enumerate(["busy"] * (3 * AT_ONCE) + ["quiet"]):
            transaction.add(
                Delivery(
                    id=f"msg_{number}",
                    webhook_id=hooks[name],
                    body="{}",
                    created_at=0.0,
                    attempts=0,
                    next_at=float(number),
                    ended_at=None,
                    status=None,
                    failure="",
                )
            )
    taken = core.webhooks.due()
    assert len(taken) == AT_ONCE
    assert hooks["quiet"] in {message.webhook for message in taken}


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "https://other.example.com/",
        "https://user@hooks.example.com/",
        "https://hooks.example.com.evil.example/",
        "https://hooks.example.com:0/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "file:///etc/passwd",
        "https://hooks.example.com/#x",
        "https://hooks.example.com@127.0.0.1/",
    ],
)
def test_urls_that_are_not_told(serve: Any, url: str) -> None:
    answer = register(serve(webhook_hosts=("hooks.example.com",)), url, 400)
    assert answer["code"] == "invalid_request"


def test_names_of_hosts_have_no_case(serve: Any) -> None:
    own = {"default": {"webhook_hosts": ("Hooks.Example.com",)}}
    service = serve(webhook_hosts=("hooks.example.COM",), tenants=own)
    hook = register(service, "https://hooks.example.com/A")
    assert register(service, "https://HOOKS.example.com/A")["id"] == hook["id"]
    assert register(service, "https://hooks.example.com/a")["id"] != hook["id"], "a path has"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
        *("::1", "fe80::1%lo", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::"),
        *("fec0::1", "::127.0.0.1", "::ffff:0:127.0.0.1", "3fff::1", "5f00::1", "192.88.99.1", "192.0.0.8"),
    ],
)
def test_a_name_that_leads_inside_is_not_called(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """A good address does not excuse a bad one, and what is connected to is what was looked at."""
    outbound = Outbound(["hooks.example.com"], timeout_s=60)

    async def resolve(_loop: Any, _host: str, port: int, **_: Any) -> Any:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))
        return [good, (family, socket.SOCK_STREAM, 6, "", (address, port))]

    async def never(*_: Any, **__: Any) -> None:
        raise AssertionError("connected")

    monkeypatch.setattr("asyncio.BaseEventLoop.getaddrinfo", resolve)
    monkeypatch.setattr("httpcore2.AnyIOBackend.connect_tcp", never)
    status, failure = asyncio.run(outbound.post("https://hooks.example.com/", {}, b""))
    assert (status, failure) == (0, "the host has an address that may not be called (webhook_networks)")


def test_the_connection_goes_to_the_address_that_was_looked_at(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that has another address the second time is not asked a second time."""
    outbound = Outbound(["hooks.example.com"], ["127.0.0.0/8"], timeout_s=60)
    asked = []

    async def resolve(_loop: Any, host: Any, port: int, **_: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr("asyncio.BaseEventLoop.getaddrinfo", resolve)
    url = f"http://hooks.example.com:{receiver.server_port}/fine"
    assert asyncio.run(outbound.post(url, {}, b"{}")) == (204, "")
    assert asked.count("hooks.example.com") == 1
    assert receiver.got[0][1]["Host"].startswith("hooks.example.com")


def test_networks_that_are_none(run: Any, tmp_path: Any) -> None:
    (tmp_path / "service.yaml").write_text("webhook_networks: [inside]\n")
    code, _, err = run("serve", "--config", tmp_path / "service.yaml", "--state", tmp_path / "state")
    assert (code, "webhook_networks" in err) == (3, True)


def certificate(name: str, folder: Path) -> Path:
    """A certificate that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(("name", "status"), [("localhost", 204), ("elsewhere.example.com", 0)])
def test_the_receiver_shows_the_certificate_of_its_name(
    receiver: Receiver, tmp_path: Path, name: str, status: int
) -> None:
    pem = certificate(name, tmp_path)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(pem)
    receiver.socket = theirs.wrap_socket(receiver.socket, server_side=True, do_handshake_on_connect=False)
    outbound = Outbound(["localhost"], ["127.0.0.0/8", "::1"], 60, ssl.create_default_context(cafile=pem))
    url = receiver.url("fine").replace("http:", "https:")
    assert asyncio.run(outbound.post(url, {}, b"{}"))[0] == status
    unknown = Outbound(["localhost"], ["127.0.0.0/8", "::1"], 60)
    assert asyncio.run(unknown.post(url, {}, b"{}")) == (0, "ConnectError")
