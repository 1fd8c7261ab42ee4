"""The package for browsers sees, cuts and scores what Python does, and says in words what goes wrong.

Needs ``web/package`` to be built: ``make test-web`` does it.
"""

from __future__ import annotations

import base64
import functools
import gzip
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from antispoof.runtime.bundle import read_bundle
from antispoof.runtime.scorer import Scorer
from antispoof.sensing.capture import Box, Sample
from antispoof.sensing.faces import CropRecipe, crop, find_faces
from antispoof.sensing.modalities import modalities
from antispoof.simulation.scene.collection import plan_scenes
from antispoof.simulation.scene.render import render_scene

PACKAGE = Path(__file__).parents[2] / "web" / "package"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
if CHROMIUM is None:
    pytest.skip("no Chromium is installed", allow_module_level=True)
if not (PACKAGE / "dist" / "worker.js").is_file():
    pytest.skip("web/package is not built: make test-web", allow_module_level=True)

PICTURES = 50
OPEN = """async (changed) => {
  const { Looker } = await import('./index.js');
  const files = { worker: 'worker.js', bundle: 'bundle.onnx', detector: 'yunet_n_dynamic.onnx',
    runtime: 'ort-wasm-simd-threaded.wasm', ...changed };
  try { window.looker = await Looker.open(files); return (await window.looker.about()).name; }
  catch (error) { return `${error.code}: ${error.message}`; }
}"""
LOOK = """async ({ data, width, height }) => {
  const bytes = Uint8ClampedArray.from(atob(data), (c) => c.charCodeAt(0));
  try { return await window.looker.look(new ImageData(bytes, width, height)); }
  catch (error) { return `${error.code}: ${error.message}`; }
}"""
CROP = """async ({ data, width, height, box, recipe }) => {
  const { crop, rgbOf } = await import('./index.js');
  const bytes = Uint8ClampedArray.from(atob(data), (c) => c.charCodeAt(0));
  return Array.from(crop(rgbOf({ data: bytes, width, height }), box, recipe).data);
}"""


DIES = """addEventListener('message', (event) => {
  if (event.data.look) { event.stopImmediatePropagation(); close(); }
});
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from build_web_demo import build

    out: Path = tmp_path_factory.mktemp("demo")
    build(out)
    model = bytearray((out / "bundle.onnx").read_bytes())
    model[len(model) // 2] ^= 1
    (out / "damaged.onnx").write_bytes(model)
    (out / "short.onnx").write_bytes(model[: len(model) // 2])
    worker = (out / "worker.js").read_text()
    (out / "no-simd.js").write_text("WebAssembly.validate = () => false;\n" + worker)
    (out / "dies.js").write_text(DIES + worker)
    (out / "throws.js").write_text("throw new Error('no');\n")
    return out


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page(viewport={"width": 800, "height": 900})
        page.set_default_timeout(60_000)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.get_by_text("Ready.").wait_for()
        yield page
        browser.close()
        assert all(url.startswith((address, "data:")) for url in asked), "it asks somebody else"


def sent(picture: NDArray[np.uint8]) -> dict[str, Any]:
    height, width = picture.shape[:2]
    opaque = np.dstack([picture, np.full((height, width), 255, np.uint8)])
    return {"data": base64.b64encode(opaque.tobytes()).decode(), "width": width, "height": height}


def test_the_page_of_the_service_has_this_worker_and_this_runtime() -> None:
    kept = PACKAGE.parents[1] / "src" / "antispoof" / "service" / "device"
    runtime = PACKAGE / "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"
    advice = "the package changed: run npm run build && npm run keep in web/package"
    assert (kept / "worker.js").read_bytes() == (PACKAGE / "dist/worker.js").read_bytes(), advice
    packed = (kept / "ort-wasm-simd-threaded.wasm.gz").read_bytes()
    assert gzip.decompress(packed) == runtime.read_bytes(), advice


def test_the_package_is_small() -> None:
    for worker in ("worker.js", "worker-webgpu.js"):
        built = [PACKAGE / "dist" / name for name in ("index.js", "service.js", worker)]
        assert sum(file.stat().st_size for file in built) <= 150_000


def test_it_says_of_fifty_pictures_what_python_says(page: Any) -> None:
    modality, bundle = modalities["face_rgb"], read_bundle("face-rgb-edge")
    scorer, calibration = Scorer(bundle), bundle.metadata.calibration
    assert page.evaluate(OPEN, {}) == bundle.metadata.name
    scored = 0
    for index, spec in enumerate(plan_scenes(812, PICTURES // 2, 1, 1)):
        picture = render_scene(spec, (128, 256, 400)[index % 3])["face_rgb"]
        if index % 10 == 9:
            picture = (picture // 12).astype(np.uint8)  # a dark room
        quality = modality.quality(Sample(picture))
        found = page.evaluate(LOOK, sent(picture))
        assert found["reasons"] == list(quality.reasons), index
        if quality.reasons or quality.quarter_turns:
            continue
        assert quality.region is not None
        box = (quality.region.x, quality.region.y, quality.region.width, quality.region.height)
        seen = found["faces"][0]["box"]
        np.testing.assert_allclose([seen[key] for key in ("x", "y", "width", "height")], box, atol=0.5)
        views = {
            view.name: modality.prepare(Sample(picture), quality, **view.prepare)[None]
            for view in bundle.metadata.inputs
        }
        expected = calibration.slope * float(scorer(views).score[0]) + calibration.intercept
        assert found["score"] == pytest.approx(expected, abs=0.05), index
        scored += 1
    assert scored >= PICTURES * 0.8


def test_the_export_for_browsers_runs_there_and_says_what_the_bundle_says(page: Any, folder: Path) -> None:
    pytest.importorskip("onnx", reason="the edge extra is not installed")
    from antispoof.training.edge_formats import FORMATS

    made = FORMATS["ort-web"].convert(read_bundle("face-rgb-edge"), {})
    made.write(folder / "web.onnx", made.metadata)
    picture = render_scene(plan_scenes(814, 1, 1, 1)[0], 256)["face_rgb"]
    said = []
    for bundle in ("bundle.onnx", "web.onnx"):
        assert page.evaluate(OPEN, {"bundle": bundle}) == "face-rgb-edge"
        said.append(page.evaluate(LOOK, sent(picture))["score"])
    assert said[0] is not None
    assert said[1] == pytest.approx(said[0], abs=1e-4)


@pytest.mark.parametrize(
    ("side", "scale", "fit"),
    [(160, 1.15, "square"), (80, 2.7, "inside"), (80, 4.0, "square"), (300, 1.3, "square")],
)
def test_crops_are_the_same_to_one_grey_level(page: Any, side: int, scale: float, fit: Any) -> None:
    spec = plan_scenes(813, 1, 1, 1)[0]
    picture = render_scene(spec, 300)["face_rgb"]
    found = find_faces(picture)[0].box
    for box in (found, Box(found.x - 80, found.y - 90.3, found.width, found.height), Box(5, 7, 61, 83)):
        recipe = {"scale": scale, "size": side, "fit": fit}
        place = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
        got = page.evaluate(CROP, {**sent(picture), "box": place, "recipe": recipe})
        expected = crop(picture, box, CropRecipe(scale, side, fit))
        off = np.abs(np.array(got).reshape(expected.shape) - expected.astype(int))
        assert off.max() <= 1, (box, off.max())


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"bundle": "damaged.onnx"}, "damaged: the model is damaged: its weights do not match"),
        ({"bundle": "short.onnx"}, "damaged: "),
        ({"bundle": "words.json"}, "damaged: "),
        ({"bundle": "yunet_n_dynamic.onnx"}, "damaged: the model is no bundle"),
        ({"detector": "words.json"}, "damaged: the detector is damaged"),
        ({"runtime": "words.json"}, "failed: "),
        ({"bundle": "nowhere.onnx"}, "unreachable: cannot load"),
        ({"worker": "no-simd.js"}, "unsupported: this browser has no WebAssembly with SIMD"),
        ({"worker": "throws.js"}, "worker_lost: the worker ended"),
    ],
)
def test_what_cannot_start_says_why(page: Any, changed: dict[str, str], told: str) -> None:
    assert page.evaluate(OPEN, changed).startswith(told)


GPU = {"worker": "worker-webgpu.js", "runtime": "ort-wasm-simd-threaded.asyncify.wasm"}
BACKEND = "async () => (await window.looker.about()).backend"


def test_webgpu_says_what_webassembly_says_where_it_is_there(folder: Path, address: str, page: Any) -> None:
    """Chromium's own software adapter stands for a graphics processor."""
    shutil.copy(PACKAGE / "dist" / GPU["worker"], folder)
    shutil.copy(PACKAGE / "node_modules/onnxruntime-web/dist" / GPU["runtime"], folder)
    assert page.evaluate(OPEN, {"webgpu": GPU}) == "face-rgb-edge"
    assert page.evaluate(BACKEND) == "wasm", "this browser has no adapter"
    pictures = [sent(render_scene(spec, 256)["face_rgb"]) for spec in plan_scenes(815, 1, 1, 1)[:1]]
    expected = [page.evaluate(LOOK, picture)["score"] for picture in pictures]
    assert None not in expected
    browser = page.context.browser.browser_type.launch(
        executable_path=CHROMIUM, args=["--enable-unsafe-webgpu"]
    )
    try:
        other = browser.new_page()
        other.set_default_timeout(60_000)
        other.goto(address)
        other.get_by_text("Ready.").wait_for()
        if not other.evaluate("async () => Boolean(await navigator.gpu?.requestAdapter())"):
            pytest.skip("this Chromium has no adapter for WebGPU")
        patient = {"webgpu": GPU, "patience": 120_000}  # the processor plays the adapter
        assert other.evaluate(OPEN, patient) == "face-rgb-edge"
        assert other.evaluate(BACKEND) == "webgpu"
        found = [other.evaluate(LOOK, picture) for picture in pictures]
        assert all(isinstance(each, dict) for each in found), found
        assert [each["score"] for each in found] == pytest.approx(expected, abs=0.05)
        for broken in ({"runtime": "words.json"}, {"worker": "throws.js"}):
            assert other.evaluate(OPEN, {"webgpu": {**GPU, **broken}}) == "face-rgb-edge"
            assert other.evaluate(BACKEND) == "wasm"
            assert other.evaluate(LOOK, pictures[0])["score"] == pytest.approx(expected[0], abs=1e-5)
    finally:
        browser.close()


def test_a_worker_that_was_killed_is_told_and_another_starts(page: Any) -> None:
    picture = sent(np.full((64, 64, 3), 90, np.uint8))
    assert page.evaluate(OPEN, {"worker": "dies.js", "patience": 1500}) == "face-rgb-edge"
    for _ in range(2):
        assert page.evaluate(LOOK, picture) == "worker_lost: the worker did not answer within 1500 ms"
    page.evaluate(OPEN, {})
    assert page.evaluate(LOOK, picture)["reasons"] == ["no_face"]


MISUSED = """async () => {
  const { Looker } = await import('./index.js');
  const said = (work) => work.then(() => 'nothing', (error) => `${error.code}: ${error.message}`);
  const heard = [await said(window.looker.look({ width: 64, height: 64, data: new Uint8ClampedArray(9) }))];
  const image = new ImageData(64, 64);
  await window.looker.look(image);
  heard.push(await said(window.looker.look(image)));
  const last = window.looker.look(new ImageData(64, 64));
  window.looker.close();
  heard.push(await said(last), await said(Looker.open({ worker: 'worker.js', bundle: 'http://[' })));
  return heard;
}"""


def test_a_look_that_cannot_be_taken_is_told_in_words(page: Any) -> None:
    page.evaluate(OPEN, {})
    heard = page.evaluate(MISUSED)
    assert heard[0] == "failed: the image has 9 bytes for 64 × 64: one that was looked at has none left"
    assert heard[1].startswith("failed: the image has 0 bytes")
    assert heard[2] == "worker_lost: the looker was closed"
    assert heard[3] == "unreachable: http://[ is no address of a file"


def test_the_demo_page_judges_a_rendered_face_and_says_that_it_has_no_camera(page: Any) -> None:
    page.get_by_role("button", name="Show a rendered face").click()
    page.get_by_text("threshold").wait_for()
    assert "a person" in page.locator("#told").text_content()
    page.get_by_role("button", name="Use the camera").click()
    page.locator("#told", has_text="camera").wait_for()
    assert "open a picture" in page.locator("#told").text_content()
    assert page.locator("#figures").text_content() == "", "of the picture before"
    page.get_by_role("button", name="Show a rendered face").click()
    page.get_by_text("threshold").wait_for()
    page.locator("#file").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.get_by_text("This file is no picture").wait_for()
    assert page.locator("#figures").text_content() == ""


def test_the_demo_page_takes_nothing_before_it_is_loaded_and_keeps_why_it_is_not(
    page: Any, address: str
) -> None:
    other = page.context.browser.new_page()
    other.set_default_timeout(60_000)
    held: list[Any] = []
    other.route("**/yunet*", lambda route: held.append(route))
    other.goto(address)
    while not held:
        other.wait_for_timeout(10)
    buttons = [other.locator(each) for each in ("#camera", "#rendered", "#file")]
    assert all(each.is_disabled() for each in buttons)
    held[0].fulfill(status=200, body="no model")
    other.get_by_text("The model was damaged").wait_for()
    assert all(each.is_disabled() for each in buttons)
    other.close()
