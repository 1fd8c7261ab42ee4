#!/usr/bin/env bash
# onnx 1.23.2: a model made by `compose.merge_models` lists the same operator set twice; ONNX Runtime 1.32.0 runs
# it and cannot quantise it.
#
# Merging two models of operator set 17 gives `opset_import` [17, 17] of one domain, three merges give more.
# `onnx.checker` passes it with full_check, ONNX Runtime loads and runs it, and
# `onnxruntime.quantization.quantize_static` ends with "Failed to find proper ai.onnx domain", which counts the
# entries of that domain and wants exactly one. Deleting the copies helps.
#
# Seen: opset_import [17, 17]; checker passes; the model runs; ValueError as quoted; none once one entry is left.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import logging

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, compose, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, quantize_static

logging.disable(logging.WARNING)  # advice to preprocess


def layer(name):
    weight = numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), f"{name}/w")
    shape = ["B", 1, 8, 8]
    graph = helper.make_graph(
        [helper.make_node("Conv", [f"{name}/x", f"{name}/w"], [f"{name}/y"], f"{name}/conv", pads=[1] * 4)],
        name,
        [helper.make_tensor_value_info(f"{name}/x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(f"{name}/y", TensorProto.FLOAT, shape)],
        [weight],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class Samples(CalibrationDataReader):
    def __init__(self):
        self.left = [{"a/x": np.full((1, 1, 8, 8), k, np.float32)} for k in range(3)]

    def get_next(self):
        return self.left.pop() if self.left else None


def quantised(model):
    onnx.save(model, "merged.onnx")
    try:
        quantize_static("merged.onnx", "small.onnx", Samples())
    except ValueError as error:
        return str(error)
    return "quantised"


merged = compose.merge_models(layer("a"), layer("b"), io_map=[("a/y", "b/x")])
sets = [entry.version for entry in merged.opset_import]
onnx.checker.check_model(merged, full_check=True)
session = onnxruntime.InferenceSession(merged.SerializeToString(), providers=["CPUExecutionProvider"])
ran = session.run(None, {"a/x": np.ones((1, 1, 8, 8), np.float32)})[0][0, 0, 4, 4]
before = quantised(merged)
del merged.opset_import[1:]
after = quantised(merged)
print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}: opset_import {sets}, middle {ran}")
print(f"quantize_static: {before!r}, with one entry left: {after!r}")
assert sets == [17, 17]
assert ran == 81.0
assert before == "Failed to find proper ai.onnx domain"
assert after == "quantised"
PYTHON
