"""A bundle of several sensors beside bundles of one, on simulated scenes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from miniature import TWO_SENSORS, metadata, network, sensor_network, voice_metadata, voice_network

import antispoof
from antispoof.evidence.figures import contributions
from antispoof.evidence.page import write_evidence_page
from antispoof.runtime.bundle import seal
from antispoof.runtime.checking import check_files
from antispoof.runtime.detector import Detector
from antispoof.simulation.scene.render import SceneSpec, render_scene


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    folder = tmp_path_factory.mktemp("bundles")
    pair = metadata(
        name="pair",
        inputs=[TWO_SENSORS[0], {**TWO_SENSORS[1], "modality": "face_infrared"}],
        site=None,
        calibration={"slope": 1.0, "intercept": 0.0},
        subset_calibrations={"face_infrared": {"slope": 2.0, "intercept": 0.0}},
    )
    made = [(network(), metadata()), (sensor_network(), pair), (voice_network(), voice_metadata())]
    paths = []
    for number, (model, about) in enumerate(made):
        paths.append(folder / f"{number}.onnx")
        paths[-1].write_bytes(seal(model, about))
    return antispoof.load(paths)


@pytest.fixture(scope="module")
def scene() -> dict[str, Any]:
    return dict(render_scene(SceneSpec(5, 1, 1, None, "desk", "office"), 128))


def judged(detector: Detector, **sources: Any) -> dict[str, tuple[str, ...]]:
    return {each.bundle: each.modalities for each in detector.check(**sources).bundle_scores}


def test_each_sensor_is_judged_once_by_the_bundle_that_covers_most(
    detector: Detector, scene: dict[str, Any], speech: Any
) -> None:
    face, infrared = scene["face_rgb"], scene["face_infrared"]
    voice = antispoof.Sample(np.asarray(speech), {"sample_rate": 16_000})
    both = ("face_rgb", "face_infrared")
    assert judged(detector, face_rgb=face) == {"miniature": ("face_rgb",)}
    assert judged(detector, face_rgb=face, face_infrared=infrared) == {"pair": both}
    assert judged(detector, face_rgb=face, face_infrared=infrared, voice=voice) == {
        "pair": both,
        "miniature-voice": ("voice",),
    }
    assert judged(detector, face_infrared=infrared) == {"pair": ("face_infrared",)}
    # An infrared sensor that shows nothing leaves the face to the bundle for faces alone.
    assert judged(detector, face_rgb=face, face_infrared=np.zeros_like(infrared)) == {
        "miniature": ("face_rgb",)
    }


def test_a_rejected_sensor_changes_nothing_but_the_advice(detector: Detector, scene: dict[str, Any]) -> None:
    face, empty = scene["face_rgb"], np.zeros_like(scene["face_infrared"])
    without, beside = detector.check(face_rgb=face), detector.check(face_rgb=face, face_infrared=empty)
    assert (beside.outcome, beside.score) == (without.outcome, without.score)
    assert [part.status for part in beside.evidence] == ["used", "rejected"]
    assert len(beside.advice) > len(without.advice)


def test_the_page_shows_every_sensor(detector: Detector, scene: dict[str, Any], tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), scene["face_rgb"][..., ::-1])
    cv2.imwrite(str(tmp_path / "d.png"), scene["face_infrared"])
    files = {"face_rgb": tmp_path / "a.png", "face_infrared": tmp_path / "d.png"}
    write_evidence_page(tmp_path / "page.html", list(check_files(detector, [files])))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") == 2
    assert "picture of the face and the infrared picture of the face" in page


@pytest.mark.parametrize("names", [("iris",), ("face_rgb", "face_depth", "face_infrared")])
def test_numbers_beside_the_bars_stand_free_of_the_axis(names: tuple[str, ...]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    shares: Any = [
        SimpleNamespace(contribution=share, modalities=each)
        for each, share in ((names, 2.31), (("voice",), -4.1))
    ]
    verdict: Any = SimpleNamespace(bundle_scores=shares)
    figure = contributions(verdict)
    FigureCanvasAgg(figure).draw()
    (axes,) = figure.axes
    inside = axes.get_window_extent()
    assert inside.width > 0.5 * figure.bbox.width, "long names leave the bars their room"
    for text in axes.texts:
        assert inside.x0 + 5 < text.get_window_extent().x0
        assert text.get_window_extent().x1 < inside.x1
