"""What the page shows where it is narrow, dark or slow, against a service that is played by the test."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from clips import person, sway, write_film
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
if CHROMIUM is None:
    pytest.skip("no Chromium is installed", allow_module_level=True)

STATIC = Path(__file__).parents[3] / "src" / "antispoof" / "service" / "static"
TOKEN = "ast_ses_1111111111111111.secret"
LIMITS = {"modalities": ["face_rgb"], "attempts_left": 1, "steps": 1, "max_bytes": 9**7}
OFFER = {
    "modes": ["passive", "active"],
    "modalities": ["face_rgb"],
    "challenges": ["movement"],
    "photo": False,
    "version": "1",
}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The built page alone."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: _Quiet(*args, directory=str(STATIC)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One for all, whose camera is a film and is allowed; what a page keeps ends with its context."""
    film = tmp_path_factory.mktemp("films") / "person.mjpeg"
    write_film(film, itertools.islice(person(sway(1), 3), 4))
    flags = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream"]
    flags += ["--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={film}"]
    with playwright.sync_playwright() as play_wright:
        running = play_wright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield running
        running.close()


@contextmanager
def opened_page(browser: Any, **context: Any) -> Iterator[Any]:
    """A page that is new in every respect, and waits for as long as a busy machine takes."""
    with browser.new_context(**context) as own:
        own.set_default_timeout(60_000)
        yield own.new_page()


def stop_the_clock(page: Any) -> None:
    """Let the page's time go on by `run_for` and `fast_forward` alone, however slow the machine is."""
    page.clock.install(time=0)
    page.clock.pause_at(3600)


def until(page: Any, happened: Callable[[], object], step_ms: int = 0) -> None:
    """Wait for what happens on the page or on the test's side of it; a clock that stands goes on by steps."""
    for _ in range(1200):
        if happened():
            return
        if step_ms:
            page.clock.run_for(step_ms)
        page.wait_for_timeout(50)
    raise AssertionError("it did not happen within a minute")


@contextmanager
def capturing(
    browser: Any,
    address: str,
    *,
    hint: str | None = None,
    step: bool = False,
    token: bool = False,
    mode: str = "active",
    link: str = "",
    ends: bool = False,
    **context: Any,
) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """Begin a capture whose service says one thing; yields the page, and the sessions that it opened.

    The page's clock stands. The service takes no pictures, so that it owes no answer whatever the clock says.
    """
    opened: list[dict[str, Any]] = []

    def play(socket: Any) -> None:
        def hello(_: Any) -> None:
            socket.send(json.dumps({"type": "ready", "mode": mode, "window": 0, **LIMITS}))
            socket.send(json.dumps({"type": "hint", "code": hint}))
            shown = {"instruction": "turn_left", "arguments": {}, "duration_ms": 9000}
            if step:
                socket.send(json.dumps({"type": "step", "index": 0, "of": 1, **shown}))
            if ends:
                socket.send(json.dumps({"type": "captured", "captures": 1}))

        socket.on_message(hello)

    def opening(route: Any) -> None:
        opened.append(route.request.post_data_json)
        route.fulfill(json={"client_token": TOKEN}, status=201)

    with opened_page(browser, **context) as page:
        stop_the_clock(page)
        page.route("**/page/options", lambda route: route.fulfill(json=OFFER))
        page.route("**/page/sessions", opening)
        page.route_web_socket("**/stream", play)
        page.goto(address + link + (f"#token={TOKEN}&photo=1" if token else ""))
        page.locator("#consent").click()
        page.wait_for_function("document.getElementById('video').videoWidth > 0")
        page.locator("#log li", has_text="hint").first.wait_for(state="attached")
        yield page, opened


RING_FOLLOWS_OVAL = """() => {
  const height = (id) => document.getElementById(id).getBoundingClientRect().height;
  const oval = Number(document.getElementById("hole-oval").getAttribute("ry")) / 50 * height("stage");
  return Math.abs(height("ring") - 1.03 * oval) <= 1;
}"""


def boxes(page: Any, *selectors: str) -> list[dict[str, float]]:
    """Boxes at one moment, once the ring follows the oval: words that come late move the stage."""
    page.wait_for_function(RING_FOLLOWS_OVAL)
    found: list[dict[str, float]] = page.evaluate(
        "(names) => names.map((name) => document.querySelector(name).getBoundingClientRect().toJSON())",
        selectors,
    )
    return found


@pytest.mark.parametrize(
    ("width", "height", "dark"), [(740, 360, False), (320, 480, True), (390, 844, True), (1280, 800, False)]
)
def test_the_oval_stays_large_and_nothing_is_cut_off(
    browser: Any, address: str, tmp_path: Path, width: int, height: int, dark: bool
) -> None:
    scheme = "dark" if dark else "light"
    with capturing(
        browser, address, step=True, viewport={"width": width, "height": height}, color_scheme=scheme
    ) as (page, _):
        heading(page, "Turn your head to the left")
        page.clock.run_for(200)
        page.get_by_text("Step 1 of 1, 9 s left").wait_for()
        page.clock.fast_forward(3000)
        page.get_by_text("Step 1 of 1, 6 s left").wait_for()
        page.screenshot(path=tmp_path / "shown.png")
        stage, ring, stop = boxes(page, "#stage", "#ring", "#cancel")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        assert stop["y"] + stop["height"] <= height
        whole = page.evaluate("getComputedStyle(document.getElementById('video')).objectFit") == "contain"
        assert whole == (width > height or height < 576)
        shown = min(stage["width"] / 640, stage["height"] / 480)  # the film is 640×480
        if whole:
            assert 0.9 * 480 * shown < ring["height"] <= 480 * shown
        if (width, height) == (740, 360):
            assert stage["height"] == height
            assert stop["x"] >= stage["x"] + stage["width"], "the controls stand beside the picture"
            assert ring["height"] > 0.8 * height
        if (width, height) == (390, 844):
            assert ring["width"] > 0.7 * width


def test_in_the_dark_the_page_helps_more_and_more_and_offers_another_way(
    browser: Any, address: str, tmp_path: Path
) -> None:
    with capturing(
        browser, address, hint="more_light", viewport={"width": 390, "height": 844}, color_scheme="dark"
    ) as (page, opened):
        page.get_by_text("Find a brighter place, or face a lamp").wait_for()
        assert page.locator("body.lit").count() == 0
        page.clock.run_for(5_800)
        assert page.locator("body.lit").count() == 0
        page.clock.run_for(400)
        page.locator("body.lit").wait_for()
        page.get_by_text("Hold the phone closer").wait_for()
        other = page.get_by_role("button", name="Go on without prompts")
        page.clock.fast_forward(13_000)
        assert other.is_hidden()
        page.clock.fast_forward(1_000)
        other.wait_for()
        page.screenshot(path=tmp_path / "dark.png")
        page.wait_for_function(RING_FOLLOWS_OVAL)
        other.click()
        until(page, lambda: len(opened) == 2)
        assert [session["mode"] for session in opened] == ["active", "passive"]
        page.get_by_role("heading", name="Put your face in the oval").wait_for()
        assert page.locator("body.lit").count() == 1, "the light stays for the way without prompts"
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("heading", name="The check was stopped").wait_for()
        assert page.locator("body.lit").count() == 0


@pytest.mark.parametrize(
    ("token", "mode", "photo"), [(True, "passive", True), (True, "active", False), (False, "active", False)]
)
def test_without_prompts_a_photo_is_the_way_on_where_it_is_allowed(
    browser: Any, address: str, tmp_path: Path, token: bool, mode: str, photo: bool
) -> None:
    """A link of a backend says whether, and what is captured live takes none; sent are the pixels alone."""
    taken = Image.new("RGB", (3200, 1600), (90, 80, 70))
    exif = Image.Exif()
    exif[271] = "Maker of the phone"
    taken.save(tmp_path / "photo.jpg", exif=exif)
    sent: list[bytes] = []
    finished = {"session": "ses_1", "state": "finished", "attempts_left": 0, "advice": []}
    size = {"width": 390, "height": 844}
    with capturing(browser, address, hint="more_light", token=token, mode=mode, viewport=size) as (
        page,
        opened,
    ):
        page.route(
            "**/captures", lambda route: (sent.append(route.request.post_data_buffer), route.fulfill(json={}))
        )
        page.route("**/complete", lambda route: route.fulfill(json=finished))
        other = page.get_by_role("button", name="Hand in a photo instead")
        page.clock.fast_forward(19_000)
        assert other.is_hidden()
        page.clock.fast_forward(2_000)
        page.get_by_text("It does not have to work here").wait_for()
        if not photo:
            assert other.is_hidden()
            return
        with page.expect_file_chooser() as chooser:
            other.click()
        chooser.value.set_files(tmp_path / "photo.jpg")
        page.get_by_role("heading", name="Thank you, that is all").wait_for()
        assert not opened
    (body,) = sent
    start = body.index(b"\xff\xd8")
    picture = Image.open(io.BytesIO(body[start:]))
    assert picture.size == (1600, 800)
    assert not picture.getexif()


def test_a_judgement_that_takes_long_is_told_and_goes_on_by_itself(browser: Any, address: str) -> None:
    """Lost answers too: the first is never received, the second comes late."""
    asked: list[Any] = []
    finished = {"session": "ses_1", "state": "finished", "attempts_left": 0, "advice": []}

    def judge(route: Any) -> None:
        asked.append(route)
        if len(asked) == 1:
            route.abort()

    with capturing(browser, address, token=True, ends=True) as (page, _):
        page.route("**/complete", judge)
        page.get_by_role("heading", name="One moment, please").wait_for()
        page.clock.fast_forward(2_600)
        page.get_by_text("The service is slow to answer").wait_for()
        until(page, lambda: len(asked) == 2, step_ms=500)
        asked[1].fulfill(json=finished)
        page.get_by_role("heading", name="Thank you, that is all").wait_for()


@pytest.mark.parametrize(("width", "height"), [(390, 844), (740, 360), (1280, 800)])
def test_arabic_runs_from_right_to_left(
    browser: Any, address: str, tmp_path: Path, width: int, height: int
) -> None:
    view = {"width": width, "height": height}
    with capturing(browser, address, step=True, link="?lang=ar", viewport=view) as (page, _):
        heading(page, "أدر رأسك إلى اليسار")
        page.clock.run_for(200)
        page.get_by_text("الخطوة 1 من 1، بقيت").wait_for()
        page.screenshot(path=tmp_path / "arabic.png")
        assert page.evaluate("[document.documentElement.dir, document.documentElement.lang]") == ["rtl", "ar"]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        stage, stop = boxes(page, "#stage", "#cancel")
        if height == 360:
            assert stop["x"] + stop["width"] <= stage["x"], "the controls stand on the other side"
        page.get_by_role("button", name="إيقاف").click()
        page.get_by_role("heading", name="أُوقف التحقق").wait_for()


def test_a_language_is_chosen_on_the_page_and_in_the_browser(browser: Any, address: str) -> None:
    with capturing(browser, address, locale="de-AT") as (page, _):
        page.get_by_role("button", name="Aufhören").click()
        page.get_by_role("button", name="Noch einmal versuchen").wait_for()
        page.goto(address)
        page.get_by_label("Sprache").select_option("es")
        assert page.title() == "Comprobación con la cámara"
        assert page.locator("#consent").inner_text() == "Acepto: usar mi cámara"
        assert page.get_by_label("Idioma").locator("option").all_inner_texts() == [
            "English",
            "Español",
            "Deutsch",
            "العربية",
        ]


def test_a_look_on_the_device_sends_nothing_and_works_without_hints(browser: Any, address: str) -> None:
    """The test's server has the page alone: nothing to look with."""
    with capturing(browser, address, token=True) as (page, _):
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="Try again").wait_for()
        page.goto("about:blank")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.method))
        page.route_web_socket("**/stream", lambda _: asked.append("websocket"))
        page.goto(address)
        page.get_by_role("button", name="See yourself first").click()
        page.get_by_text("This picture stays on your device until you agree").wait_for()
        page.get_by_text("Hints are not there on this device").wait_for()
        page.get_by_role("button", name="Back").click()
        page.get_by_role("heading", name="Camera check").wait_for()
        page.get_by_role("button", name="See yourself first").click()
        assert set(asked) == {"GET"}
        page.get_by_role("button", name="I agree: send my pictures").click()
        page.get_by_role("button", name="Stop").wait_for()
        until(page, lambda: "websocket" in asked)
        assert "POST" in asked


def test_an_attempt_without_a_good_picture_ends_and_names_what_was_seen(browser: Any, address: str) -> None:
    with capturing(browser, address, hint="closer", token=True, mode="passive") as (page, _):
        page.get_by_text("Come a little closer").wait_for()
        page.clock.fast_forward(21_000)
        page.get_by_text("choose another way below").wait_for()
        assert page.locator("body.lit").count() == 0, "the light was not the cause"
        assert page.get_by_role("button", name="Go on without prompts").is_hidden()
        page.clock.fast_forward(40_000)
        page.get_by_role("heading", name="The camera could not see you well").wait_for()
        assert page.locator("#notice-advice li").all_inner_texts() == ["Come a little closer"]
        assert page.get_by_role("button", name="Try again").is_visible()


@pytest.mark.parametrize(("width", "height"), [(195, 422), (370, 180)])
def test_twice_the_size_and_a_screen_reader_get_through(
    browser: Any, address: str, tmp_path: Path, width: int, height: int
) -> None:
    """A browser's zoom of 200 % halves the window that the page is laid out in."""
    with capturing(browser, address, step=True, viewport={"width": width, "height": height}) as (page, _):
        heading(page, "Turn your head to the left")
        assert page.locator("#prompt").get_attribute("aria-live") == "assertive"
        assert page.locator("#detail").get_attribute("aria-live") == "polite"
        assert page.get_by_role("timer").count() == page.get_by_role("status").count() == 1
        assert page.get_by_role("progressbar", name="Progress of the check").count() == 1
        page.screenshot(path=tmp_path / "zoomed.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        ring, prompt, gesture = boxes(page, "#ring", "#prompt", "#gesture svg")
        assert ring["height"] > 100
        assert prompt["y"] >= 0
        assert gesture["x"] >= 0
        page.get_by_role("button", name="Stop").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="The check was stopped").wait_for()
        assert page.evaluate("document.activeElement.id") == "notice-title"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@contextmanager
def shown(browser: Any, script: str = "") -> Iterator[Any]:
    """A page that nobody has touched; ``script`` runs before the page's own."""
    with opened_page(browser, viewport={"width": 390, "height": 844}) as page:
        page.add_init_script(script)
        page.route("**/page/options", lambda route: route.fulfill(json=OFFER))
        page.route("**/page/sessions", lambda route: route.fulfill(json={"client_token": TOKEN}))
        yield page


def heading(page: Any, name: str) -> None:
    page.get_by_role("heading", name=name).wait_for()


COUNTED = """window.asked = 0;
    const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wanted) => { window.asked++; return real(wanted); };"""


def test_a_new_link_in_the_window_of_an_old_one_is_followed(browser: Any, address: str) -> None:
    """Browsers load nothing anew for it, and the secret would stay in the address."""
    hellos: list[str] = []
    with shown(browser, COUNTED) as page:
        page.route_web_socket("**/stream", lambda socket: socket.on_message(lambda sent: hellos.append(sent)))
        page.goto(f"{address}#token=nonsense")
        heading(page, "This link is no longer valid")
        page.goto(f"{address}#token={TOKEN}")
        heading(page, "Camera check")
        assert page.evaluate("[location.hash, window.asked]") == ["", 0]
        page.locator("#consent").click()
        page.get_by_role("button", name="Stop").wait_for()
        until(page, lambda: hellos)
        assert json.loads(hellos[0]) == {"type": "hello", "token": TOKEN}


def test_a_service_that_did_not_answer_is_asked_again_and_no_camera_before(
    browser: Any, address: str
) -> None:
    with shown(browser, COUNTED) as page:
        page.route("**/page/options", lambda route: route.abort())
        page.goto(address)
        heading(page, "The connection was interrupted")
        page.route("**/page/options", lambda route: route.fulfill(json={"code": "overloaded"}, status=503))
        page.get_by_role("button", name="Try again").click()
        page.get_by_text("The service is busy").wait_for()
        page.route("**/page/options", lambda route: route.fulfill(json=OFFER))
        page.get_by_role("button", name="Try again").click()
        heading(page, "Camera check")
        assert page.evaluate("window.asked") == 0


def test_who_is_asked_for_the_camera_can_stop(browser: Any, address: str) -> None:
    with shown(browser, "navigator.mediaDevices.getUserMedia = () => new Promise(() => {})") as page:
        page.goto(address)
        page.locator("#consent").click()
        page.get_by_role("button", name="Stop").click()
        heading(page, "The check was stopped")
        page.get_by_role("button", name="Try again").click()
        page.get_by_role("button", name="See yourself first").click()
        page.get_by_role("button", name="Back").click()
        heading(page, "Camera check")


def test_a_connection_that_is_cut_without_a_word_ends_the_attempt(browser: Any, address: str) -> None:
    """No end of the connection arrives, as where a phone has left its network."""
    ready = {"type": "ready", "mode": "passive", "window": 4, **LIMITS}
    hint = {"type": "hint", "code": "closer"}

    def begin(socket: Any) -> None:
        def hello(message: Any) -> None:
            if isinstance(message, str):
                socket.send(json.dumps(ready))
                socket.send(json.dumps(hint))

        socket.on_message(hello)

    with shown(browser) as page:
        stop_the_clock(page)
        page.route_web_socket("**/stream", begin)
        page.goto(f"{address}#token={TOKEN}")
        page.locator("#consent").click()
        page.get_by_text("Come a little closer").wait_for()
        until(page, page.get_by_text("The service is slow to answer").is_visible, step_ms=500)
        page.clock.fast_forward(28_000)
        interrupted = page.get_by_role("heading", name="The connection was interrupted")
        until(page, interrupted.is_visible, step_ms=500)
        assert page.locator("#notice-advice li").count() == 0, "how the person looked is not the cause"


def test_a_camera_that_goes_away_and_a_session_that_is_over_leave_a_way_on(
    browser: Any, address: str
) -> None:
    with shown(browser) as page:
        page.route_web_socket("**/stream", lambda socket: socket.on_message(lambda _: None))
        page.goto(address)
        page.locator("#consent").click()
        page.locator("#log li", has_text="camera").wait_for(state="attached")
        page.evaluate(
            "document.getElementById('video').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))"
        )
        heading(page, "The camera is busy")

        def over(socket: Any) -> None:
            socket.on_message(lambda _: socket.send(json.dumps({"type": "error", "code": "session_expired"})))

        page.route_web_socket("**/stream", over)
        page.get_by_role("button", name="Try again").click()
        heading(page, "The time is over")
        page.get_by_role("button", name="Try again").click()
        heading(page, "Camera check")


def test_a_judgement_is_waited_for_and_owed_while_the_service_is_away(browser: Any, address: str) -> None:
    """It ends while it judges, comes back, takes the judgement up after a minute, and is cut off again."""
    judging = {"code": "state_conflict", "retry_after_s": 1}
    finished = {"session": "ses_1", "state": "finished", "attempts_left": 0, "advice": []}
    asked: list[int] = []
    answers: list[dict[str, Any] | None] = [None] + [judging] * 6 + [None] * 5
    under_way: set[Any] = set()

    def judge(route: Any) -> None:
        answer = answers[len(asked)] if len(asked) < len(answers) else finished
        asked.append(1)
        if answer is None:
            route.abort()
        else:
            route.fulfill(json=answer, status=200 if answer is finished else 409)

    with capturing(browser, address, token=True, ends=True) as (page, _):
        page.on("request", lambda request: under_way.add(request))
        for over in ("requestfinished", "requestfailed"):
            page.on(over, lambda request: under_way.discard(request))
        page.route("**/complete", judge)
        interrupted = page.get_by_role("heading", name="The connection was interrupted")
        for _ in range(1200):
            if interrupted.is_visible():
                break
            if not under_way:  # the service answers in no time
                page.clock.run_for(500)
            page.wait_for_timeout(20)
        assert len(asked) == 8, "asked again for as long as it is being judged"
        answers.clear()
        page.get_by_role("button", name="Try again").click()
        heading(page, "Thank you, that is all")


def test_a_photo_that_waits_to_be_judged_is_judged(browser: Any, address: str, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "photo.png")
    finished = {"session": "ses_1", "state": "finished", "attempts_left": 0, "advice": []}
    refusal = {"code": "duplicate_seq", "retry_after_s": None}
    with shown(browser, "Object.defineProperty(navigator, 'mediaDevices', {value: undefined})") as page:
        page.route("**/captures", lambda route: route.fulfill(json=refusal, status=409))
        page.route("**/complete", lambda route: route.fulfill(json=finished))
        page.goto(f"{address}#token={TOKEN}&photo=1")
        page.locator("#notice-text", has_text="are sent to this service for this check").wait_for()
        page.locator("#photo").set_input_files(tmp_path / "photo.png")
        heading(page, "Thank you, that is all")


@pytest.mark.parametrize(
    ("script", "told", "again"),
    [
        ("", "This check needs the camera", True),
        (
            "Object.defineProperty(navigator, 'mediaDevices', {value: undefined})",
            "This page cannot use the camera",
            False,
        ),
    ],
)
def test_a_photo_that_the_session_does_not_take_is_not_offered_again(
    browser: Any, address: str, tmp_path: Path, script: str, told: str, again: bool
) -> None:
    """A link says photo, and its session is captured live: whoever hands one in is not sent round."""
    Image.new("RGB", (64, 64)).save(tmp_path / "photo.png")
    refusal = {"code": "state_conflict", "retry_after_s": None}
    with shown(browser, script) as page:
        page.route("**/captures", lambda route: route.fulfill(json=refusal, status=409))
        page.goto(f"{address}#token={TOKEN}&photo=1")
        page.locator("#consent, #photo-instead").locator("visible=true").first.wait_for()
        page.locator("#photo").set_input_files(tmp_path / "photo.png")
        page.locator("#photo-instead").wait_for(state="hidden")
        heading(page, told)
        assert page.locator("#photo-instead").is_hidden()
        assert page.get_by_role("button", name="Try again").is_visible() == again
