"""Make the finished networks of the face models from minivision's two networks, as ONNX files.

    python tools/make_face_parts.py PEERS configs/parts

PEERS holds ``minifasnet_v2_crop2.7_80.onnx`` and ``minifasnet_v1se_crop4.0_80.onnx``: the networks that
minivision published under Apache-2.0 (Silent-Face-Anti-Spoofing, 2020; ``2.7_80x80_MiniFASNetV2.pth`` and
``4_0_0_80x80_MiniFASNetV1SE.pth``), exported to ONNX. Their weights are not touched. What changes: the first
axis is free, and two nodes before the network take RGB in 0..1, as this project prepares pictures, to BGR in
0..255. The same files come out every time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

PARTS = {
    "minifasnet_v2_crop2.7_80.onnx": "minifasnet_v2.onnx",
    "minifasnet_v1se_crop4.0_80.onnx": "minifasnet_v1se.onnx",
}
VIEW, LOGITS = "rgb", "logits"


def part_of(model: onnx.ModelProto) -> onnx.ModelProto:
    """Take RGB in 0..1, (B, 3, H, W), with B free; give logits (B, classes)."""
    graph = model.graph
    (picture,), (logits,) = graph.input, graph.output
    size = [one.dim_value for one in picture.type.tensor_type.shape.dim[1:]]
    classes = logits.type.tensor_type.shape.dim[1].dim_value
    for node in graph.node:
        node.output[:] = [LOGITS if name == logits.name else name for name in node.output]
        if node.op_type == "Constant" and node.output[0].endswith("flatten/Constant_output_0"):
            node.attribute[0].t.CopyFrom(
                numpy_helper.from_array(np.array([0, -1]), "")
            )  # 0: as many as come in
    before = [
        helper.make_node("Gather", [VIEW, "blue_green_red"], ["bgr"], name="bgr", axis=1),
        helper.make_node("Mul", ["bgr", "full"], [picture.name], name="0..255"),
    ]
    joined = helper.make_graph(
        [*before, *graph.node],
        graph.name,
        [helper.make_tensor_value_info(VIEW, onnx.TensorProto.FLOAT, ["B", *size])],
        [helper.make_tensor_value_info(LOGITS, onnx.TensorProto.FLOAT, ["B", classes])],
        [
            *graph.initializer,
            numpy_helper.from_array(np.array([2, 1, 0]), "blue_green_red"),
            numpy_helper.from_array(np.array(255, np.float32), "full"),
        ],
    )
    part = helper.make_model(joined, opset_imports=model.opset_import, ir_version=model.ir_version)
    onnx.checker.check_model(part, full_check=True)
    return part


def main(peers: Path, out: Path) -> None:
    """Write both files."""
    out.mkdir(parents=True, exist_ok=True)
    for source, name in PARTS.items():
        part = part_of(onnx.load(peers / source))
        (out / name).write_bytes(part.SerializeToString(deterministic=True))
        print(out / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
