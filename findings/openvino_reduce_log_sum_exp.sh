#!/usr/bin/env bash
# OpenVINO 2026.4.1: reading ONNX, ReduceLogSumExp overlooks its axes where they are an attribute.
#
# Up to operator set 17 the axes of ReduceLogSumExp are an attribute; from 18 on they are an input. Of a model of
# operator set 17 OpenVINO reduces over everything, batch included, and says nothing: a (2, 3) input with
# axes=[1], keepdims=0 gives one number in place of two. ReduceMax, of the same operator set, is right, and so is
# ReduceLogSumExp of operator set 18. The sum then spreads silently over the batch where it is broadcast.
#
# Seen: ONNX Runtime gives shape (2,), OpenVINO (); with operator set 18 both give (2,) and agree.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openvino==2026.4.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io

import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

X = np.array([[0, 1, 2], [5, -5, 0]], np.float32)


def answers(kind, opset):
    constants, inputs, attributes = [], ["x"], {"axes": [1]}
    if opset >= 18:
        constants, inputs, attributes = [numpy_helper.from_array(np.array([1]), "axes")], ["x", "axes"], {}
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node(kind, inputs, ["y"], keepdims=0, **attributes)],
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", 3])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["B"])],
            constants,
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    expected = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, {"x": X})[0]
    core = openvino.Core()
    got = core.compile_model(core.read_model(io.BytesIO(data)), "CPU")({"x": X})[0]
    return expected, got


print("openvino", openvino.__version__)
for kind, opset in (("ReduceLogSumExp", 17), ("ReduceLogSumExp", 18), ("ReduceMax", 17)):
    expected, got = answers(kind, opset)
    print(kind, opset, "ONNX Runtime", expected.tolist(), "OpenVINO", got.tolist())
    if (kind, opset) == ("ReduceLogSumExp", 17):
        assert expected.shape == (2,)
        assert got.shape == ()
    else:
        np.testing.assert_allclose(got, expected, rtol=1e-5)
PYTHON
