"""Miniature networks, built by hand: bundles that score a colour, or how bright a voice is; an opinion."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from antispoof.runtime.bundle import BundleMetadata


def metadata(**changes: Any) -> BundleMetadata:
    """Describe the miniature network."""
    values: dict[str, Any] = {
        "name": "miniature",
        "version": "1",
        "description": "Scores how red the face is.",
        "licence": "Apache-2.0",
        "inputs": [
            {"name": "tight", "modality": "face_rgb", "prepare": {"scale": 1.1, "size": 32}},
            {"name": "wide", "modality": "face_rgb", "prepare": {"scale": 2.5, "size": 16}},
        ],
        "calibration": {"slope": 20.0, "intercept": -1.0},
        "operating_points": {
            "balanced": {"threshold": 0.5, "rule": "equal error rate", "data": "dev"},
            "strict": {"threshold": 4.0, "rule": "APCER <= 1 %", "data": "dev"},
        },
        "default_operating_point": "balanced",
        "training": {
            "data": [{"name": "none", "licence": "CC0", "presentations": 0, "simulated": True}],
            "recipe": "by hand",
            "seed": 0,
            "code_version": "0",
        },
        "results": [{"data": "test", "simulated": True, "metrics": {"AUC %": 50.0}}],
        "site": {"bona_fide_score": 3.0, "prior_captures": 2.0},
    }
    return BundleMetadata(**{**values, **changes})


def network(features: bool = True, heat_map: bool = True, gain: float = 1.0) -> bytes:
    """Build red minus blue of the tight view, plus nothing of the wide one, as an ONNX model.

    Weights are float16, as shipped bundles store them.
    """
    weight = numpy_helper.from_array(np.array([gain, 0, -gain], np.float16).reshape(1, 3, 1, 1), "w16")
    nodes = [
        helper.make_node("Cast", ["w16"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["tight", "w"], ["map4"]),
        helper.make_node("GlobalAveragePool", ["map4"], ["tight_mean"]),
        helper.make_node("GlobalAveragePool", ["wide"], ["wide_mean"]),
        helper.make_node("Flatten", ["wide_mean"], ["wide_flat"]),
        helper.make_node("ReduceSum", ["wide_flat", "one"], ["wide_sum"], keepdims=0),
        helper.make_node("Mul", ["wide_sum", "nought"], ["wide_nothing"]),
        helper.make_node("Flatten", ["tight_mean"], ["tight_flat"]),
        helper.make_node("ReduceSum", ["tight_flat", "one"], ["tight_sum"], keepdims=0),
        helper.make_node("Add", ["tight_sum", "wide_nothing"], ["score"]),
        helper.make_node("GlobalAveragePool", ["tight"], ["colour"]),
        helper.make_node("Flatten", ["colour"], ["features"]),
        helper.make_node("AveragePool", ["map4"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Squeeze", ["pooled", "one"], ["heat_map"]),
    ]
    outputs = [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["B"])]
    if features:
        outputs.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, ["B", 3]))
    if heat_map:
        outputs.append(helper.make_tensor_value_info("heat_map", TensorProto.FLOAT, ["B", 4, 4]))
    graph = helper.make_graph(
        nodes,
        "miniature",
        [
            helper.make_tensor_value_info("tight", TensorProto.FLOAT, ["B", 3, 32, 32]),
            helper.make_tensor_value_info("wide", TensorProto.FLOAT, ["B", 3, 16, 16]),
        ],
        outputs,
        [
            weight,
            numpy_helper.from_array(np.array([1]), "one"),
            numpy_helper.from_array(np.float32(0), "nought"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


TWO_SENSORS: list[dict[str, Any]] = [
    {"name": "face_rgb", "modality": "face_rgb", "prepare": {"scale": 1.1, "size": 8}},
    {"name": "face_depth", "modality": "face_depth", "prepare": {"scale": 1.1, "size": 4}},
]


def sensor_network() -> bytes:
    """Build a network of two sensors: the sum of the means of those that are present."""
    inputs = {"face_rgb": ["B", 3, 8, 8], "face_depth": ["B", 1, 4, 4], "presence": ["B", 2]}
    graph = helper.make_graph(
        [
            *(
                helper.make_node("ReduceMean", [x], [f"{x}_mean"], axes=[1, 2, 3], keepdims=0)
                for x in inputs
                if x != "presence"
            ),
            helper.make_node("Unsqueeze", ["face_rgb_mean", "one"], ["first"]),
            helper.make_node("Unsqueeze", ["face_depth_mean", "one"], ["second"]),
            helper.make_node("Concat", ["first", "second"], ["modality_scores"], axis=1),
            helper.make_node("Mul", ["modality_scores", "presence"], ["present"]),
            helper.make_node("ReduceSum", ["present", "one"], ["score"], keepdims=0),
        ],
        "two sensors",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, ["B"]),
            helper.make_tensor_value_info("modality_scores", TensorProto.FLOAT, ["B", 2]),
        ],
        [numpy_helper.from_array(np.array([1]), "one")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


VOICE = {
    "seconds": 4.0,
    "hop": 2.0,
    "low_hz": 70.0,
    "high_hz": 7000.0,
    "level_db": -26.0,
    "floor_db": -60.0,
}


def voice_metadata(**changes: Any) -> BundleMetadata:
    """Describe the miniature network for voices."""
    values: dict[str, Any] = {
        "name": "miniature-voice",
        "description": "Scores how bright the voice is.",
        "inputs": [{"name": "voice", "modality": "voice", "prepare": VOICE}],
        "calibration": {"slope": 5000.0, "intercept": -4.0},
    }
    return metadata(**{**values, **changes})


def voice_network() -> bytes:
    """Build the mean square of what changes from sample to sample, as an ONNX model."""
    nodes = [
        helper.make_node("Unsqueeze", ["voice", "one"], ["channel"]),
        helper.make_node("Conv", ["channel", "difference"], ["bright"]),
        helper.make_node("Mul", ["bright", "bright"], ["power"]),
        helper.make_node("ReduceMean", ["power"], ["score"], axes=[1, 2], keepdims=0),
        helper.make_node("ReduceMean", ["power"], ["features"], axes=[2], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "miniature-voice",
        [helper.make_tensor_value_info("voice", TensorProto.FLOAT, ["B", 64000])],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, ["B"]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["B", 1]),
        ],
        [
            numpy_helper.from_array(np.array([1]), "one"),
            numpy_helper.from_array(np.array([[[1, -1]]], np.float32), "difference"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def opinion(size: int, batch: int | str = "B") -> bytes:
    """Build a finished network whose three logits are the means of blue, green and thrice red."""
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["rgb"], ["means"]),
            helper.make_node("Flatten", ["means"], ["flat"]),
            helper.make_node("Gather", ["flat", "order"], ["bgr"], axis=1),
            helper.make_node("Mul", ["bgr", "gain"], ["logits"]),
        ],
        "opinion",
        [helper.make_tensor_value_info("rgb", TensorProto.FLOAT, [batch, 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 3])],
        [
            numpy_helper.from_array(np.array([2, 1, 0]), "order"),
            numpy_helper.from_array(np.array([1, 1, 3], np.float32), "gain"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
