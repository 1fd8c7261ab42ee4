"""The client of backends against the real service, over a real connection."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from doc_blocks import read_blocks
from fastapi.openapi.models import OpenAPI
from jsonschema import Draft202012Validator
from miniature import metadata, network

import antispoof
from antispoof.client import (
    AsyncClient,
    Client,
    IncompatibleServiceError,
    RefusedError,
    UnreachableError,
    UnverifiedResultError,
)
from antispoof.contract import API_HEADER, API_VERSION, documents
from antispoof.errors import InputError
from antispoof.runtime.bundle import seal
from antispoof.service.app import create_app
from antispoof.service.connections import server_options
from antispoof.service.core import Core
from antispoof.service.settings import Settings

ROOT = Path(__file__).parents[2]
Frames = dict[str, list[bytes]]


class Running:
    """A service on a port of this machine, and a key to it."""

    def __init__(self, core: Core, url: str, key: str) -> None:
        self.core, self.url, self.key = core, url, key


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("client")
    (folder / "miniature.onnx").write_bytes(seal(network(), metadata()))
    settings = Settings(
        state=folder / "state",
        bundles=(str(folder / "miniature.onnx"),),
        attempts=2,
        webhook_hosts=("hooks.example.com",),
    )
    app = create_app(settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, **server_options(settings)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        core: Core = app.state.core
        yield Running(core, f"http://127.0.0.1:{listener.getsockname()[1]}", core.keys.add("test"))
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    with Client(running.url, running.key) as it:
        yield it


def fresh(frames: list[bytes]) -> list[bytes]:
    """The same pictures, as bytes that no session has seen: a comment segment more after the SOI."""
    fresh.count = getattr(fresh, "count", 0) + 1  # type: ignore[attr-defined]
    note = b"%d" % fresh.count  # type: ignore[attr-defined]
    return [each[:2] + b"\xff\xfe" + (len(note) + 2).to_bytes(2, "big") + note + each[2:] for each in frames]


@pytest.mark.parametrize("kind", ["bona_fide", "attack"])
def test_a_session_from_opening_to_a_verified_result(client: Client, frames: Frames, kind: str) -> None:
    session = client.open_session(modalities=["face_rgb"], ttl_s=60)
    with pytest.raises(RefusedError) as early:
        client.result(session)
    assert early.value.code == "state_conflict"
    for seq, frame in enumerate(fresh(frames[kind][:3])):
        assert client.capture(session, frame, seq).captures == seq + 1
    assert client.complete(session).state == ("succeeded" if kind == "bona_fide" else "failed")
    result = client.result(session)
    assert result.outcome == result.verdict.outcome == kind
    assert result.nonce == session.nonce
    assert client.session(session.id).captures == 3
    assert [event.event for event in client.audit(session).events][-1] == "judged"
    client.erase(session)
    assert client.session(session).state == "revoked"


def test_the_asynchronous_client_does_the_same(running: Running, frames: Frames, tmp_path: Path) -> None:
    pictures = fresh(frames["bona_fide"][:2])

    async def work() -> None:
        async with AsyncClient(running.url, running.key) as client:
            session = await client.open_session()
            (tmp_path / "frame.jpg").write_bytes(pictures[0])
            await client.capture(session, tmp_path / "frame.jpg", 0)
            assert (await client.refer(session, pictures[1], 0)).references == 1
            waiting = asyncio.create_task(client.result(session, wait_s=20))
            await client.complete(session)
            assert (await waiting).outcome == "bona_fide"
            assert (await client.models()).models[0].modalities == ["face_rgb"]
            files = [pictures[0], tmp_path / "none.jpg", b"no picture", *pictures]
            found = [each async for each in client.check_files(files, at_once=2)]
            assert [each.file for each in found] == files
            assert [each.verdict is not None for each in found] == [True, False, False, True, True]

    asyncio.run(work())


def test_a_batch_tells_of_each_file_in_its_place(client: Client, frames: Frames, tmp_path: Path) -> None:
    files: list[Any] = [frames["bona_fide"][0], tmp_path / "none.jpg", b"no picture", 5, frames["attack"][0]]
    found = list(client.check_files(files, at_once=2))
    outcomes = [None if each.verdict is None else each.verdict.outcome for each in found]
    assert outcomes == ["bona_fide", None, None, None, "attack"]
    assert isinstance(found[1].problem, InputError)
    assert isinstance(found[3].problem, InputError)
    assert "a path, or its content as bytes; got int" in str(found[3].problem)
    assert isinstance(found[2].problem, RefusedError)
    assert found[2].problem.code == "unsupported_media"


def test_results_of_others_and_changed_ones_are_refused(running: Running, frames: Frames) -> None:
    with Client(running.url, running.key) as client:
        mine, other = client.open_session(), client.open_session()
        for session in (mine, other):
            client.capture(session, fresh(frames["attack"])[0], 0)
            client.complete(session)
        theirs = client.result(other, verified=False).jws
        with pytest.raises(UnverifiedResultError, match="nonce"):
            client.result(mine.id, nonce=other.nonce)
    strange = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "A" * 43, "kid": "x"}]}
    with Client(running.url, running.key, keys=strange) as client, pytest.raises(UnverifiedResultError):
        client.result(mine)

    swapped: dict[str, str] = {}

    def swap(request: httpx2.Request) -> httpx2.Response:
        """A service, or what stands before it, that lies in the unsigned part, or swaps results."""
        answer = httpx2.request(request.method, request.url, headers=request.headers)
        if not request.url.path.endswith("/result"):
            return answer
        lie = {**answer.json(), "outcome": "bona_fide", **swapped}
        return httpx2.Response(200, json=lie, headers={API_HEADER: API_VERSION})

    with Client(running.url, running.key, transport=httpx2.MockTransport(swap)) as client:
        assert client.result(mine).outcome == "attack", "what was signed counts, not the copy beside it"
    swapped["jws"] = theirs
    with (
        Client(running.url, running.key, transport=httpx2.MockTransport(swap)) as client,
        pytest.raises(UnverifiedResultError, match="another session"),
    ):
        client.result(mine)


class Unreliable(httpx2.BaseTransport):
    """A network that loses answers, or a service that asks to come again: ``faults`` come first."""

    def __init__(self, *faults: Callable[[httpx2.Request], httpx2.Response | None]) -> None:
        self.faults, self.sent = list(faults), 0
        self.real = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.sent += 1
        answer = None
        if self.faults:
            answer = self.faults.pop(0)(request)
        return answer or self.real.handle_request(request)

    def close(self) -> None:
        self.real.close()


def lost(request: httpx2.Request) -> httpx2.Response:
    """It was done, and nobody hears of it."""
    with httpx2.HTTPTransport() as network:
        network.handle_request(request).read()
    raise httpx2.ReadError("connection reset")


def busy(_: httpx2.Request) -> httpx2.Response:
    content = documents.ProblemDocument(
        title="", status=503, detail="", code="overloaded", recoverable=True, retry_after_s=0, request_id="x"
    )
    headers = {"Content-Type": "application/problem+json", API_HEADER: API_VERSION}
    return httpx2.Response(503, content=content.model_dump_json(), headers=headers)


def proxy(_: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(502, html="<h1>Bad gateway</h1>")


def test_webhooks_are_registered_listed_and_removed_whatever_is_lost(running: Running) -> None:
    transport = Unreliable(lost)
    with Client(running.url, running.key, transport=transport) as client:
        hook = client.add_webhook("https://hooks.example.com/told")
        assert hook.secret.startswith("whsec_")
        assert [each.id for each in client.webhooks().webhooks] == [hook.id]
        with pytest.raises(RefusedError, match="invalid_request"):
            client.add_webhook("https://elsewhere.example.org/")
        transport.faults = [lost]
        client.remove_webhook(hook)
        with pytest.raises(RefusedError, match="not_found"):
            client.remove_webhook(hook.id)
        with pytest.raises(InputError, match="no identifier of a webhook"):
            client.remove_webhook("../sessions")

    async def work() -> None:
        async with AsyncClient(running.url, running.key) as client:
            hook = await client.add_webhook("https://hooks.example.com/told")
            assert len((await client.webhooks()).webhooks) == 1
            await client.remove_webhook(hook.id)
            assert not (await client.webhooks()).webhooks

    asyncio.run(work())


def test_what_is_lost_is_sent_again_and_done_once(running: Running, frames: Frames) -> None:
    transport = Unreliable(lost, busy)
    with Client(running.url, running.key, transport=transport) as client:
        before = len(client_sessions(running))
        session = client.open_session()
        assert len(client_sessions(running)) == before + 1, "the second call carried the same key"
        picture = fresh(frames["attack"])[0]
        transport.faults = [lost, proxy]
        assert client.capture(session, picture, 0).captures == 1
        transport.faults = [lost]
        assert client.complete(session).state == "failed"
        repeated, same = client.open_session(), fresh(frames["bona_fide"])[0]
        for seq in range(2):  # the same picture twice is a non-response, and the session opens again
            client.capture(repeated, same, seq)
        transport.faults = [lost]
        told = client.complete(repeated)
        assert (told.state, told.attempts_left) == ("capturing", 1)
        with pytest.raises(RefusedError, match="0 captures"):
            client.complete(repeated)


def client_sessions(running: Running) -> list[Any]:
    from sqlalchemy import select

    from antispoof.service.store.tables import Session

    with running.core.store.read() as transaction:
        return list(transaction.scalars(select(Session.id)))


def test_trying_has_an_end(running: Running) -> None:
    transport = Unreliable(*[busy] * 9)
    with Client(running.url, running.key, transport=transport, retries=2) as client:
        with pytest.raises(RefusedError, match="503 overloaded"):
            client.models()
        assert transport.sent == 3
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with (
        Client(f"http://127.0.0.1:{port}", "ask_x", retries=0) as client,
        pytest.raises(UnreachableError, match=r"ConnectError.*tried 1 times"),
    ):
        client.models()
    with Client(running.url, "ask_wrong") as client, pytest.raises(RefusedError, match="401 bad_token"):
        client.models()
    for url in ("id.example.com", "ftp://x", "", "http://[", "http://a b", "http://x:99999"):
        with pytest.raises(InputError, match="url"):
            Client(url, "ask_x")
    for key in ("", "ask_ü", "ask_x\n"):
        with pytest.raises(InputError, match="key: an API key"):
            Client(running.url, key)
    for name, number in (("retries", -1), ("retries", None), ("timeout_s", 0), ("longest_wait_s", "x")):
        with pytest.raises(InputError, match=rf"^{name}: has to be "):
            Client(running.url, running.key, **{name: number})  # type: ignore[arg-type]
    with Client(running.url, running.key) as client:
        for wrong, told in (
            (lambda: client.session("../keys"), "identifier"),
            (lambda: client.session(None), "session: has to be one"),  # type: ignore[arg-type]
            (lambda: client.open_session("ü"), "idempotency_key: "),
            (lambda: client.open_session(policy=b"x"), "what JSON can say"),  # type: ignore[typeddict-item]
            (lambda: client.capture("ses_1", b"", 0, client_token="ü"), "client_token: "),
            (lambda: client.check(face_rgb=None), "a sample is a path"),  # type: ignore[arg-type]
            (client.check, "samples: name at least one"),
            (lambda: client.check(face_rgb=[]), "samples: name at least one"),
            (lambda: next(client.check_files([b""], at_once=0)), "at_once: "),
        ):
            with pytest.raises(InputError, match=told):
                wrong()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("content", "headers"), [(b"[" * 100_000, {}), (b"no gzip", {"content-encoding": "gzip"})]
)
def test_an_answer_that_cannot_be_read_is_none(content: bytes, headers: dict[str, str]) -> None:
    def broken(_: httpx2.Request) -> httpx2.Response:
        stream = httpx2.ByteStream(content)
        return httpx2.Response(200, stream=stream, headers={API_HEADER: API_VERSION, **headers})

    with (
        Client("http://x", "ask_x", transport=httpx2.MockTransport(broken), retries=0) as client,
        pytest.raises(UnreachableError),
    ):
        client.models()


@pytest.mark.parametrize(
    ("header", "body", "message"),
    [
        (None, {}, rf"version {API_VERSION} .*{antispoof.__version__}.* service 1\.0 \(antispoof 0\.1\.0\)"),
        ("2.0", {}, rf"version {API_VERSION} .* the service 2\.0: update the client"),
        ("1.0", {}, r"update the service"),
        (None, None, "no antispoof service"),
    ],
)
def test_a_service_of_another_version_is_refused(header: str | None, body: Any, message: str) -> None:
    def old(request: httpx2.Request) -> httpx2.Response:
        if body is None:
            return httpx2.Response(200, html="<h1>It works!</h1>")
        about = {"info": {"title": "antispoof", "version": "0.1.0"}}
        headers = {} if header is None else {API_HEADER: header}
        return httpx2.Response(200, headers=headers, json=about if "openapi" in str(request.url) else body)

    error = UnreachableError if body is None else IncompatibleServiceError
    with (
        Client("http://old", "ask_x", transport=httpx2.MockTransport(old)) as client,
        pytest.raises(error, match=message),
    ):
        client.models()


@pytest.mark.parametrize("version", [None, "2.0"])
def test_a_result_that_another_version_has_judged_is_told_as_that(
    running: Running, frames: Frames, version: str | None
) -> None:
    """Results are kept for months, and updates of the service do not change what was signed."""
    from antispoof.service.store.tables import Result

    with Client(running.url, running.key) as client:
        session = client.open_session()
        client.capture(session, fresh(frames["bona_fide"])[0], 0)
        client.complete(session)
        with running.core.store.write() as transaction:
            row = transaction.get_one(Result, session.id)
            document = json.loads(row.document)
            document.pop("schema_version")
            row.document = json.dumps(
                document if version is None else {**document, "schema_version": version}
            )
        with pytest.raises(
            IncompatibleServiceError, match=f"schema_version {version!r}, this client reads 1"
        ):
            client.result(session)


def test_every_answer_is_what_the_openapi_document_says(running: Running, frames: Frames) -> None:
    """The documents of the contract are those of the document, and the service's answers obey it."""
    described = httpx2.get(f"{running.url}/openapi.json").json()
    OpenAPI.model_validate(described)
    seen: list[tuple[str, int]] = []

    class Watching(httpx2.HTTPTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            answer = super().handle_request(request)
            path = request.url.path.replace(session_id, "{session_id}")
            operation = described["paths"][path][request.method.lower()]
            content = operation["responses"][str(answer.status_code)].get("content", {})
            if answer.status_code != 204:
                kind = answer.headers["content-type"]
                schema = {**content[kind]["schema"], "components": described["components"]}
                Draft202012Validator(schema).validate(json.loads(answer.read()))
            seen.append((path, answer.status_code))
            return answer

    session_id = "-"
    with Client(running.url, running.key, transport=Watching(), retries=0) as client:
        session = client.open_session()
        session_id = session.id
        pictures = fresh(frames["bona_fide"])
        client.refer(session, pictures[3], 0)
        for seq in (0, 1):
            client.capture(session, pictures[seq], seq)
        with pytest.raises(RefusedError):
            client.capture(session, b"no picture", 2)
        with pytest.raises(RefusedError):
            client.result(session)
        client.complete(session)
        result = client.result(session)
        client.audit(session)
        client.session(session)
        client.models()
        client.check(face_rgb=pictures[:2])
        client.add_webhook("https://hooks.example.com/")
        client.webhooks()
        client.erase(session)
    operations = {(path, status) for path, status in seen}
    assert ("/v1/sessions/{session_id}/captures", 415) in operations
    assert len(operations) >= 12
    schemas = described["components"]["schemas"]
    for name in documents.__all__:
        model = getattr(documents, name)
        if isinstance(model, type):
            assert set(model.model_fields) == set(schemas[name]["properties"]), name
    published = httpx2.get(f"{running.url}/schemas/result-1.json").json()
    Draft202012Validator.check_schema(published)
    assert published == json.loads((ROOT / "docs/reference/result-1.schema.json").read_text())
    Draft202012Validator(published).validate(result.model_dump())
    assert result.schema_version == "1.0"


def test_the_example_of_the_guide(
    running: Running, frames: Frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    blocks = read_blocks(ROOT / "docs/guides/service.md")
    block = next(each for each in blocks if "antispoof.client" in each.text)
    code = [line for line in block.text.splitlines() if line and not line.startswith("#")]
    assert len(code) <= 15
    monkeypatch.chdir(tmp_path)
    for number, frame in enumerate(fresh(frames["bona_fide"][:3])):
        Path(f"frame{number}.jpg").write_bytes(frame)
    monkeypatch.setenv("ANTISPOOF_URL", running.url)
    monkeypatch.setenv("ANTISPOOF_KEY", running.key)
    exec(compile(block.text, "guide", "exec"), {})
    assert "bona_fide" in capsys.readouterr().out
