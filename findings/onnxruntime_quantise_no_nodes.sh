#!/usr/bin/env bash
# quantize_static of ONNX Runtime takes an empty list of nodes_to_quantize for no list at all: asked to quantise no
# node, it quantises every one. A caller who works the list out, as the nodes that are not too sensitive for example,
# gets the opposite of what it says, without a word, just where the list comes out empty.
# Seen with onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv tools
tools/bin/pip install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 2> /dev/null

tools/bin/python - <<'PYTHON' 2> /dev/null
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

rng = np.random.default_rng(0)
weights = [numpy_helper.from_array(rng.standard_normal((4, 4, 3, 3), np.float32), name) for name in ("w1", "w2")]
nodes = [
    helper.make_node("Conv", ["x", "w1"], ["a"], "first"),
    helper.make_node("Conv", ["a", "w2"], ["y"], "second"),
]
graph = helper.make_graph(
    nodes,
    "two",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 8, 8])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 4, 4])],
    weights,
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "two.onnx")


class Samples(quantization.CalibrationDataReader):
    def __init__(self):
        self.left = [{"x": rng.standard_normal((1, 4, 8, 8), np.float32)} for _ in range(4)]

    def get_next(self):
        return self.left.pop() if self.left else None


def quantised(chosen):
    quantization.quantize_static("two.onnx", "small.onnx", Samples(), nodes_to_quantize=chosen)
    made = onnx.load("small.onnx").graph
    rounded = {o for node in made.node if node.op_type == "DequantizeLinear" for o in node.output}
    return [node.name for node in made.node if node.op_type == "Conv" and node.input[1] in rounded]


print("onnxruntime", onnxruntime.__version__)
one, none = quantised(["second"]), quantised([])
print("asked for ['second'] - quantised:", one)
print("asked for [] - quantised:", none)
assert one == ["second"]
assert none == ["first", "second"], "an empty list is an empty list now"
PYTHON
