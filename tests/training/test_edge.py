"""Bundles for other runtimes say what the bundle says, on those runtimes, or are not written."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import antispoof
from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.errors import BundleError, InputError, UnknownNameError
from antispoof.runtime.bundle import Bundle, BundleMetadata, read_bundle
from antispoof.sensing.capture import Sample
from antispoof.simulation.scene.collection import plan_scenes
from antispoof.simulation.scene.render import render_scene
from antispoof.training import edge, edge_formats
from antispoof.training.edge_samples import Samples, listed, prepared, rendered
from antispoof.training.edge_targets import EDGE_TARGETS

SMALL = "face-multispectral"


@pytest.fixture(scope="module")
def samples() -> Samples:
    metadata = read_bundle(SMALL).metadata
    return prepared(metadata, rendered(metadata, 40))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, samples: Samples) -> None:
    monkeypatch.setattr(edge, "prepared", lambda *_: samples)
    monkeypatch.setattr(edge, "COMPARED", 30)


def test_of_several_sensors_every_subset_is_compared(samples: Samples) -> None:
    known, unseen = edge._divided(samples)
    assert len(known["presence"]) + len(unseen["presence"]) == len(samples["presence"])
    assert len(np.unique(samples["presence"], axis=0)) == 15
    absent = samples["presence"][:, 0] == 0
    assert absent.any()
    assert not samples["face_rgb"][absent].any()


@pytest.mark.usefixtures("quick")
def test_integers_are_a_bundle_that_judges_alike(tmp_path: Path) -> None:
    output = tmp_path / "small.onnx"
    (found,) = edge.export_edge(SMALL, "onnx-int8", output)
    assert 0 < found.of_spread < 0.25
    small, whole = read_bundle(output), read_bundle(SMALL)
    kinds = [node.op_type for node in onnx.load_from_string(small.model).graph.node]
    assert "DequantizeLinear" in kinds
    told = small.metadata.results[-1]
    assert told.simulated
    assert told.metrics["largest_difference"] == found.largest
    assert len(small.metadata.results) == len(whole.metadata.results) + 1
    (spec,) = plan_scenes(9, 1, 1, 1)[:1]
    scene = {name: Sample(array) for name, array in render_scene(spec, 256).items()}
    verdicts = [antispoof.load(path).check(**scene) for path in (SMALL, output)]
    assert verdicts[0].outcome == verdicts[1].outcome
    assert verdicts[0].score is not None
    assert verdicts[1].score == pytest.approx(verdicts[0].score, abs=1.5)
    with pytest.raises(InputError, match="in 8-bit integers already"):
        edge.export_edge(output, "onnx-int8", tmp_path / "again.onnx")


@pytest.mark.usefixtures("quick")
def test_openvino_runs_the_file_and_it_tells_what_it_is(tmp_path: Path, samples: Samples) -> None:
    openvino = pytest.importorskip("openvino", reason="the edge extra is not installed")
    output = tmp_path / "small.xml"
    (found,) = edge.export_edge(SMALL, "openvino", output)
    assert found.largest < 1e-3
    model = openvino.Core().read_model(output)
    about = BundleMetadata.model_validate_json(model.get_rt_info("antispoof").value)
    assert about.sha256 == read_bundle(SMALL).metadata.sha256
    assert about.results[-1].metrics["largest_difference"] == found.largest
    network = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    some = {name: x[:4] for name, x in samples.items()}
    expected = edge_formats.raw_scores(read_bundle(SMALL).model, some)
    np.testing.assert_allclose(network(some)["score"], expected, atol=1e-3)


def test_what_openvino_cannot_read_is_told_in_words() -> None:
    pytest.importorskip("openvino", reason="the edge extra is not installed")
    with pytest.raises(
        InputError, match=r"OpenVINO cannot read the network of 'face-rgb': No conversion rule"
    ):
        edge_formats._for_openvino(read_bundle("face-rgb"), {})


@pytest.mark.parametrize("kept", [0, 1])
def test_openvino_is_handed_no_log_sum_exp_with_axes(kept: int) -> None:
    """The rewritten graph says the same in ONNX Runtime, large values included."""
    node = helper.make_node("ReduceLogSumExp", ["x"], ["score"], axes=[1], keepdims=kept)
    shape = ["B", 1] if kept else ["B"]
    x, score = (helper.make_tensor_value_info(n, 1, s) for n, s in (("x", ["B", 3]), ("score", shape)))
    model = helper.make_model(
        helper.make_graph([node], "g", [x], [score]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    values = {"x": np.array([[0, 1, 2], [300, 300, -300], [5, -5, 0]], np.float32)}
    before = edge_formats.raw_scores(model.SerializeToString(), values)
    edge_formats._spell_out_log_sum_exp(model)
    onnx.checker.check_model(model, full_check=True)
    assert "ReduceLogSumExp" not in [each.op_type for each in model.graph.node]
    np.testing.assert_allclose(edge_formats.raw_scores(model.SerializeToString(), values), before, rtol=1e-6)


@pytest.mark.usefixtures("quick")
def test_for_browsers_one_presentation_and_the_score_are_left(tmp_path: Path) -> None:
    output = tmp_path / "small.onnx"
    others = tmp_path / "others.csv"
    write_manifest([Presentation("1", "d", {"face_rgb": CaptureFile(tmp_path / "a.png")}, None)], others)
    found = edge.export_edge(SMALL, "ort-web", output, captures=others)
    assert max(each.largest for each in found) < 1e-4
    told = read_bundle(output).metadata.results[-2:]
    assert [each.simulated for each in told] == [True, False], "scenes, and what somebody listed"
    graph = onnx.load(output).graph
    assert [value.name for value in graph.output] == ["score"]
    assert all(value.type.tensor_type.shape.dim[0].dim_value == 1 for value in graph.input)
    assert "Shape" not in [node.op_type for node in graph.node]
    assert read_bundle(output).metadata.head is None


@pytest.mark.usefixtures("quick")
def test_what_moves_scores_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def worse(bundle: Bundle, known: Samples) -> edge_formats.Converted:
        made = edge_formats._for_browsers(bundle, known)
        graph = onnx.load_from_string(made.model)  # type: ignore[attr-defined]
        weight = max(graph.graph.initializer, key=lambda one: len(one.raw_data))
        array = numpy_helper.to_array(weight)
        weight.CopyFrom(numpy_helper.from_array(array * 0.5, weight.name))
        return replace(made, model=graph.SerializeToString())  # type: ignore[type-var]

    wanted = replace(edge_formats.FORMATS["ort-web"], convert=worse)
    monkeypatch.setitem(edge_formats.FORMATS, "ort-web", wanted)
    with pytest.raises(
        BundleError, match=r"moves the calibrated scores .* more than 0.05: nothing is written"
    ):
        edge.export_edge(SMALL, "ort-web", tmp_path / "worse.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("quick")
def test_too_few_to_compare_on_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "COMPARED", 500)
    with pytest.raises(InputError, match=r"left to compare on, and 500 are wanted .*: list 584"):
        edge.export_edge(SMALL, "ort-web", tmp_path / "few.onnx")


def test_wrong_requests_are_told_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="openvino"):
        edge.export_edge(SMALL, "openvinos", tmp_path / "x.xml")
    with pytest.raises(InputError, match=r"must end in \.xml for openvino"):
        edge.export_edge(SMALL, "openvino", tmp_path / "x.onnx")
    with pytest.raises(InputError, match="judges voice, which cannot be rendered: name a manifest"):
        edge.export_edge("voice-edge", "ort-web", tmp_path / "x.onnx")


def test_a_wrong_name_is_told_before_an_extra_is_asked_for(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["antispoof.cli.app"], "find_spec", lambda _: None)
    code, _, err = run("export", SMALL, "--to", "foo", "-o", tmp_path / "x.onnx")
    assert (code, "unknown export format 'foo'; known: litert, onnx-int8, openvino" in err) == (3, True), err
    for target in EDGE_TARGETS:
        assert "needs the 'edge' extra" in run("export", SMALL, "--to", target, "-o", tmp_path / "x.onnx")[2]
    assert set(EDGE_TARGETS) == set(edge_formats.FORMATS)


def test_only_simulated_presentations_calibrate(tmp_path: Path) -> None:
    picture = CaptureFile(tmp_path / "a.png")
    rows = [
        Presentation(str(n), "d", {"face_rgb": picture}, pai_species=None, simulated=n > 0) for n in range(3)
    ]
    write_manifest(rows, tmp_path / "m.csv")
    shown = listed(read_bundle("face-rgb-edge").metadata, tmp_path / "m.csv", 9)
    assert len(list(shown)) == 2, "the first is of somebody real"
    write_manifest(rows[:1], tmp_path / "m.csv")
    with pytest.raises(InputError, match="none of 1 presentations is simulated"):
        edge.export_edge(SMALL, "ort-web", tmp_path / "x.onnx", samples=tmp_path / "m.csv")
