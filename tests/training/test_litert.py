"""LiteRT: its converter is another program, its runtime is asked for scores, the file tells what it is."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from antispoof.errors import InputError
from antispoof.runtime.bundle import BundleMetadata, read_bundle
from antispoof.training import edge_formats, litert

SHOWN = np.random.default_rng(6).random((3, 3, 8, 8), np.float32)


def tiny() -> bytes:
    """The graph of which ``tiny.tflite`` was made."""
    rng = np.random.default_rng(5)
    weight = numpy_helper.from_array(rng.normal(size=(2, 3, 3, 3)).astype(np.float32), "w")
    dense = numpy_helper.from_array(rng.normal(size=(2, 1)).astype(np.float32), "d")
    x = helper.make_tensor_value_info("close", TensorProto.FLOAT, [1, 3, 8, 8])
    y = helper.make_tensor_value_info("score", TensorProto.FLOAT, [1, 1])
    nodes = [
        helper.make_node(
            "Conv", ["close", "w"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]
        ),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("ReduceMean", ["r"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["m", "d"], ["score"]),
    ]
    graph = helper.make_graph(nodes, "tiny", [x], [y], [weight, dense])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def test_the_runtime_says_what_onnx_runtime_says_and_the_file_what_it_is(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the edge extra is not installed")
    content = (Path(__file__).parent / "tiny.tflite").read_bytes()
    expected = edge_formats.raw_scores(tiny(), {"close": SHOWN}, batch=1)
    assert np.ptp(expected) > 0.001
    np.testing.assert_allclose(litert.litert_scores(content, {"close": SHOWN}), expected, atol=1e-5)
    about = read_bundle("face-rgb-edge").metadata
    paths = [tmp_path / name for name in ("one.tflite", "two.tflite")]
    for path in paths:
        edge_formats._LiteRt(about, content).write(path, about)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    whole = paths[0].read_bytes()
    np.testing.assert_allclose(litert.litert_scores(whole, {"close": SHOWN}), expected, atol=1e-5)
    told = zipfile.ZipFile(paths[0]).read("antispoof.json")
    assert BundleMetadata.model_validate_json(told) == about


def test_the_real_converter_makes_what_the_runtime_runs() -> None:
    pytest.importorskip("ai_edge_litert", reason="the edge extra is not installed")
    try:
        litert.converter()
    except InputError:
        pytest.skip("onnx2tf is not installed in an environment of its own")
    made = litert.litert_graph(tiny())
    expected = edge_formats.raw_scores(tiny(), {"close": SHOWN}, batch=1)
    np.testing.assert_allclose(litert.litert_scores(made, {"close": SHOWN}), expected, atol=1e-5)


def test_a_missing_or_failing_converter_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"python3\.11 -m venv .*pip install onnx2tf==1\.29\.24"):
        litert.litert_graph(tiny())
    python = tmp_path / "antispoof" / "onnx2tf" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\ntest -f calibration_image_sample_data_20x128x128x3_float32.npy || exit 9\n")
    python.chmod(0o755)
    with pytest.raises(InputError, match="cannot convert this network: exit code 0"):
        litert.litert_graph(tiny())
    python.write_text("#!/bin/sh\necho 'TopK is not known' >&2\nexit 1\n")
    with pytest.raises(InputError, match="cannot convert this network: TopK is not known"):
        litert.litert_graph(tiny())
