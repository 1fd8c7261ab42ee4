"""The whole check in a real browser, with films in place of its camera and microphone."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import person, person_on_a_screen, sway, write_film

from antispoof.challenges import challenges
from antispoof.sensing import frames

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("fastapi", reason="the service extra is not installed")
if CHROMIUM is None:
    pytest.skip("no Chromium is installed", allow_module_level=True)

Film = Callable[[str], Path]
PHONE = {"width": 390, "height": 844}
KEYS: dict[str, str] = {}
DESKTOP = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve on a free port of this machine, with the model that ships."""
    import uvicorn

    from antispoof.service.app import create_app
    from antispoof.service.settings import Settings

    app = create_app(Settings(state=tmp_path_factory.mktemp("state"), page=True))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws_ping_interval=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    KEYS[f"http://127.0.0.1:{port}/"] = app.state.core.keys.add("docs")
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    """Make a film of its own for each browser: one that is shown twice is recognised."""
    folder = tmp_path_factory.mktemp("films")
    seeds = itertools.count()

    def make(name: str) -> Path:
        seed = next(seeds)
        path = folder / f"{seed}.mjpeg"
        write_film(path, person_on_a_screen(sway(12)) if name == "screen" else person(sway(20), seed))
        return path

    return make


@contextmanager
def browser(
    film: Path | None, *, allowed: bool = True, **context: Any
) -> Iterator[tuple[Any, list[str], list[str]]]:
    """Open a page whose camera is a film, or a test pattern; yields page, addresses, complaints."""
    flags = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream"]
    if allowed:
        flags += ["--use-fake-ui-for-media-stream"]
    if film is not None:
        flags += [f"--use-file-for-fake-video-capture={film}"]
    asked: list[str] = []
    complaints: list[str] = []
    with playwright.sync_playwright() as play:
        running = play.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            page = running.new_context(**context).new_page()
            page.set_default_timeout(60_000)
            page.on("request", lambda request: asked.append(request.url))
            page.on("websocket", lambda socket: asked.append(socket.url))
            page.on(
                "console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None
            )
            page.on("pageerror", lambda error: complaints.append(str(error)))
            yield page, asked, complaints
        finally:
            running.close()


def result_of(page: Any) -> dict[str, Any]:
    """What the developer panel shows, once it is there."""
    page.locator("#evidence pre").wait_for(state="attached")
    document: dict[str, Any] = json.loads(page.locator("#evidence pre").text_content())
    return document


def until_finished(page: Any) -> None:
    """Wait for the end; a machine too busy for enough pictures asks to try again, as it should."""
    end = page.get_by_role("heading", name="Thank you, that is all")
    again = page.get_by_role("heading", name="Let us try once more")
    for _ in range(3):
        end.or_(again).wait_for()
        if end.is_visible():
            return
        page.get_by_role("button", name="Try again").click()
    raise AssertionError("no attempt came to an end")


def outcomes(result: dict[str, Any]) -> dict[str, str]:
    return {entry["challenge"]: entry["outcome"] for entry in result["challenges"]}


def only_from(address: str, asked: list[str]) -> bool:
    own = (address, address.replace("http", "ws"), f"blob:{address}")
    return bool(asked) and all(url.startswith(own) for url in asked)


def test_a_person_passes_by_keyboard_and_nobody_else_is_asked(address: str, film: Film) -> None:
    with browser(film("person"), viewport=PHONE, has_touch=True, color_scheme="dark") as (
        page,
        asked,
        complaints,
    ):
        page.goto(address)
        page.get_by_role("heading", name="Camera check").wait_for()
        assert page.evaluate("document.activeElement.id") == "welcome-title"
        page.get_by_label("Without prompts").check()
        page.get_by_role("button", name="I agree: use my camera").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Look straight ahead").wait_for()
        page.locator("#ring.good").wait_for()
        until_finished(page)
        said = page.locator("#notice").inner_text()
        result = result_of(page)
        assert only_from(address, asked), asked
        assert complaints == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert result["outcome"] == "bona_fide"
    assert outcomes(result) == {"passive": "passed", "repetition": "passed"}
    assert result["jws"].count(".") == 2

    with browser(film("screen"), viewport=DESKTOP) as (page, asked, complaints):
        page.goto(address)
        page.get_by_label("Without prompts").check()
        page.get_by_role("button", name="I agree").click()
        until_finished(page)
        assert page.locator("#notice").inner_text() == said, "the person is told the same"
        result = result_of(page)
        assert result["outcome"] == result["verdict"]["outcome"] == "attack"
        assert only_from(address, asked), asked
        assert complaints == []


def test_a_film_does_not_reflect_the_screen_and_is_asked_again(address: str, film: Film) -> None:
    with browser(film("person"), viewport=DESKTOP) as (page, asked, complaints):
        page.goto(address)
        page.evaluate("""() => { const send = window.fetch; window.fetch = (url, init) => {
            if (String(url).endsWith('page/sessions')) {
                const body = JSON.parse(init.body); body.challenges = ['passive', 'light'];
                init = {...init, body: JSON.stringify(body)};
            }
            return send(url, init);
        } }""")
        page.get_by_role("button", name="I agree").click()
        page.locator("body.lit").wait_for()
        page.get_by_role("heading", name="Let us try once more").wait_for()
        assert page.locator("body.lit").count() == 0
        advice = page.locator("#notice-advice li").all_inner_texts()
        words = {**challenges["light"].reasons, **challenges["passive"].reasons, **frames.REASONS}.values()
        assert advice
        assert set(advice) <= {sentence[0].upper() + sentence[1:] for sentence in words}
        assert page.get_by_role("button", name="Try again").is_visible()
        assert only_from(address, asked), asked
        assert complaints == []


def test_a_camera_that_is_refused_is_told_in_words(address: str) -> None:
    with browser(None, allowed=False, viewport=PHONE) as (page, _, complaints):
        page.goto(address)
        page.get_by_role("button", name="I agree").click()
        page.get_by_role("heading", name="The camera is not allowed yet").wait_for()
        assert page.get_by_role("button", name="Try again").is_visible()
        assert complaints == []


def test_hints_of_the_device_come_before_anything_is_sent(address: str, film: Film) -> None:
    """By antispoof-web, under the service's content security policy."""
    with browser(film("person"), viewport=PHONE) as (page, asked, complaints):
        methods: list[str] = []
        page.on("request", lambda request: methods.append(request.method))
        page.goto(address)
        page.get_by_role("button", name="See yourself first").click()
        page.get_by_text("Good. Stay like this").wait_for()
        good = page.locator("#log li", has_text='"reasons":[]').first
        look = json.loads(good.text_content().split(" ", 2)[2])
        assert look["score"] is not None
        page.get_by_role("button", name="Back").click()
        assert set(methods) == {"GET"}, "nothing was sent"
        assert any("page/device/face-rgb-edge.onnx" in url for url in asked)
        assert only_from(address, asked), asked
        assert complaints == []


def test_a_link_that_is_not_valid_is_told_in_words(address: str) -> None:
    with browser(None, viewport=PHONE) as (page, _, _):
        page.goto(f"{address}#token=ast_ses_0000000000000000.nothing")
        page.get_by_role("button", name="I agree").wait_for()
        assert "token" not in page.url, "the secret does not stay in the address"
        assert page.locator("#choices").is_hidden()
        assert page.locator("#panel").is_hidden()
        page.get_by_role("button", name="I agree").click()
        page.get_by_role("heading", name="This link is no longer valid").wait_for()


def test_sound_is_sent_while_digits_are_shown(address: str) -> None:
    """Against a service that is played by the test, because the model that ships judges no voices in it."""
    token = "ast_ses_1111111111111111.secret"
    heard: list[tuple[dict[str, Any], bytes]] = []
    read = threading.Event()

    def play(socket: Any) -> None:
        def answer(message: Any) -> None:
            if isinstance(message, str):
                assert json.loads(message) == {"type": "hello", "token": token}
                say(
                    type="ready",
                    mode="active",
                    modalities=["face_rgb", "voice"],
                    steps=1,
                    window=4,
                    max_bytes=9**7,
                )
                say(
                    type="step",
                    index=0,
                    of=1,
                    instruction="read_digit",
                    arguments={"digit": "7"},
                    duration_ms=900,
                )
                return
            length = int.from_bytes(message[:4], "big")
            header = json.loads(message[4 : 4 + length])
            heard.append((header, message[4 + length :]))
            say(type="ack", modality=header["modality"], seq=header["seq"])
            seen = any(each["modality"] == "face_rgb" for each, _ in heard)
            if read.is_set() and seen and header["modality"] == "voice" and header["seq"] >= 7:  # two seconds
                say(type="captured", captures=1)

        def say(**message: Any) -> None:
            socket.send(json.dumps(message))

        socket.on_message(answer)

    offer = {"modes": ["passive", "active"], "modalities": ["face_rgb", "voice"], "challenges": ["digits"]}
    finished = {"session": "ses_1", "state": "finished", "attempts_left": 0, "advice": []}
    with browser(None, viewport=PHONE, permissions=["camera", "microphone"]) as (page, _, complaints):
        page.route(
            "**/page/options", lambda route: route.fulfill(json={**offer, "photo": False, "version": "1"})
        )
        page.route("**/page/sessions", lambda route: route.fulfill(json={"client_token": token}, status=201))
        page.route("**/complete", lambda route: route.fulfill(json=finished))
        page.route("**/result", lambda route: route.fulfill(json={"outcome": "bona_fide", "reasons": []}))
        page.route_web_socket("**/stream", play)
        page.goto(address)
        page.get_by_label("Read digits aloud").check()
        page.get_by_role("button", name="I agree: use my camera and microphone").click()
        page.get_by_role("heading", name="Read the digit aloud: 7").wait_for()
        assert page.locator("#gesture .digit").inner_text() == "7"
        read.set()
        page.get_by_role("heading", name="Thank you, that is all").wait_for()
        assert complaints == []
    voice = [(header, content) for header, content in heard if header["modality"] == "voice"]
    assert [header["seq"] for header, _ in voice][:8] == list(range(8))
    rate = voice[0][0]["rate"]
    assert all(len(content) == 2 * round(rate / 4) for _, content in voice)
    samples = np.frombuffer(b"".join(content for _, content in voice), "<i2")
    assert np.abs(samples.astype(int)).max() > 1000, "the browser's fake microphone beeps"
    assert any(header["modality"] == "face_rgb" for header, _ in heard)


def test_a_service_that_stalls_is_told_and_the_check_goes_on_by_itself(address: str) -> None:
    """Against a service that is played by the test: it answers the first picture when it is told to."""
    token = "ast_ses_1111111111111111.secret"
    sockets: list[Any] = []
    headers: list[dict[str, Any]] = []

    def say(**message: Any) -> None:
        sockets[0].send(json.dumps(message))

    def play(socket: Any) -> None:
        def answer(message: Any) -> None:
            if isinstance(message, str):
                limits = {"steps": 1, "window": 1, "max_bytes": 9**7}
                say(type="ready", mode="passive", modalities=["face_rgb"], attempts_left=1, **limits)
                say(type="hint", code=None)
                return
            length = int.from_bytes(message[:4], "big")
            headers.append(json.loads(message[4 : 4 + length]))
            if len(headers) == 4:
                say(type="captured", captures=4)
            elif len(headers) > 1:
                say(type="ack", **headers[-1])

        sockets.append(socket)
        socket.on_message(answer)

    finished = {"session": "ses_1", "state": "finished", "attempts_left": 0, "advice": []}
    with browser(None, viewport=PHONE, permissions=["camera"]) as (page, _, complaints):
        page.route("**/page/sessions", lambda route: route.fulfill(json={"client_token": token}, status=201))
        page.route("**/complete", lambda route: route.fulfill(json=finished))
        page.route("**/result", lambda route: route.fulfill(json={"outcome": "bona_fide", "reasons": []}))
        page.route_web_socket("**/stream", play)
        page.goto(address)
        page.get_by_label("Without prompts").check()
        page.get_by_role("button", name="I agree: use my camera").click()
        while not headers:  # a busy machine may be slow before that too
            page.wait_for_timeout(50)
        page.get_by_text("The service is slow to answer").wait_for()
        assert len(headers) == 1
        say(type="ack", **headers[0])
        page.get_by_role("heading", name="Thank you, that is all").wait_for()
        assert complaints == []


def test_the_api_can_be_tried_where_it_is_read(
    address: str, tmp_path: Path, portrait: Any, encode: Any
) -> None:
    """From a key to a result, by the forms of /docs alone."""
    (tmp_path / "frame.jpg").write_bytes(encode(portrait, "JPEG"))
    with browser(None) as (page, _, complaints):
        page.goto(address + "docs")
        page.fill("#api-key", KEYS[address])

        def tried(anchor: str) -> str:
            form = page.locator(f"#{anchor} form.try")
            form.get_by_role("button", name="Try it").click()
            output = form.locator("output")
            playwright.expect(output).to_have_text(re.compile(r"^\d{3} "), timeout=60_000)
            return str(output.text_content())

        assert tried("post-v1-sessions").startswith("201 ")
        capture = page.locator("#post-v1-sessions-session_id-captures form.try")
        capture.locator("[name=modality]").fill("face_rgb")
        capture.locator("[name=seq]").fill("0")
        capture.locator("[name=file]").set_input_files(tmp_path / "frame.jpg")
        digest = capture.locator("[name=sha256]")
        playwright.expect(digest).to_have_value(re.compile("^[0-9a-f]{64}$"), timeout=60_000)
        assert tried("post-v1-sessions-session_id-captures").startswith("201 ")
        assert tried("post-v1-sessions-session_id-complete").startswith("200 ")
        assert '"schema_version": "1.0"' in tried("get-v1-sessions-session_id-result")
        assert complaints == []
