"""A bundle → the same network for another runtime.

========== ================================ ==========================================================
name       file                             runtime
========== ================================ ==========================================================
onnx-int8  ``.onnx``, a bundle              ONNX Runtime; convolutions in 8-bit integers
openvino   ``.xml`` and ``.bin`` beside it  OpenVINO; metadata under ``antispoof`` in its ``rt_info``
litert     ``.tflite``                      LiteRT; metadata as ``antispoof.json`` in the zip file at its end
ort-web    ``.onnx``, a bundle              ONNX Runtime in a browser: one presentation a call, score only
========== ================================ ==========================================================
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from antispoof.errors import InputError
from antispoof.files import onnx_session, replacing
from antispoof.runtime.bundle import Bundle, BundleMetadata, seal
from antispoof.training.edge_samples import Samples
from antispoof.training.fast_graph import folded
from antispoof.training.litert import litert_graph, litert_scores
from antispoof.training.quantise import quantise

__all__ = ["FORMATS", "Converted", "EdgeFormat", "raw_scores"]


class Converted(Protocol):
    """A network that another runtime runs."""

    @property
    def metadata(self) -> BundleMetadata:
        """What the bundle tells, where it differs as the network does."""
        ...

    def scores(self, samples: Samples) -> NDArray[np.float64]:
        """Score N samples on the runtime that the file is for: (N,), raw."""
        ...

    def write(self, output: Path, metadata: BundleMetadata) -> None:
        """Write the file, which tells ``metadata``."""
        ...


@dataclass(frozen=True, slots=True)
class EdgeFormat:
    """One kind of file.

    Attributes:
        suffix: how the file's name ends.
        modules: what has to be installed.
        largest: difference of a calibrated score from the bundle's that is still allowed; None where
            integers round, and ``largest_of_spread`` counts.
        largest_of_spread: root mean square of those differences over the standard deviation of the scores.
        convert: bundle and simulated samples → what is written.
    """

    suffix: str
    modules: tuple[str, ...]
    largest: float | None
    largest_of_spread: float
    convert: Callable[[Bundle, Samples], Converted]


def raw_scores(model: bytes, samples: Samples, batch: int = 16) -> NDArray[np.float64]:
    """Ask ONNX Runtime for raw scores: (N,)."""
    session = onnx_session(model)
    count = len(next(iter(samples.values())))
    parts = [
        session.run(["score"], {name: x[start : start + batch] for name, x in samples.items()})[0]
        for start in range(0, count, batch)
    ]
    return np.concatenate([np.asarray(part, np.float64).reshape(-1) for part in parts])


@dataclass(frozen=True, slots=True)
class _Onnx:
    metadata: BundleMetadata
    model: bytes
    batch: int = 16

    def scores(self, samples: Samples) -> NDArray[np.float64]:
        return raw_scores(self.model, samples, self.batch)

    def write(self, output: Path, metadata: BundleMetadata) -> None:
        with replacing(output) as draft:
            draft.write_bytes(seal(self.model, metadata))


def _integers(bundle: Bundle, samples: Samples) -> Converted:
    """Quantise, and scale scores back, as operating points were set in floating point."""
    graph = _bare(bundle.model)
    if any(node.op_type == "DequantizeLinear" for node in graph.graph.node):
        raise InputError(
            f"bundle {bundle.metadata.name!r} computes in 8-bit integers already: use it as it is"
        )
    if not any(node.op_type == "Conv" for node in graph.graph.node):
        raise InputError(
            f"bundle {bundle.metadata.name!r} has no convolution, which is what becomes integers"
        )
    small = _bare(quantise(graph.SerializeToString(), samples)).SerializeToString(deterministic=True)
    slope, intercept = np.polyfit(raw_scores(small, samples), raw_scores(bundle.model, samples), 1)

    about = bundle.metadata
    changed = {
        "calibration": about.calibration.rescaled(slope, intercept),
        "subset_calibrations": {
            key: each.rescaled(slope, intercept) for key, each in about.subset_calibrations.items()
        },
    }
    return _Onnx(about.model_copy(update=changed), small)


def _for_browsers(bundle: Bundle, samples: Samples) -> _Onnx:  # noqa: ARG001
    """Leave only the score, of one presentation: what computes sizes becomes constant and goes."""
    graph = _bare(bundle.model)
    for value in (*graph.graph.input, *graph.graph.output):
        if value.type.tensor_type.shape.dim:
            value.type.tensor_type.shape.dim[0].dim_value = 1
    others = [value for value in graph.graph.output if value.name != "score"]
    for value in others:
        graph.graph.output.remove(value)
    del graph.graph.value_info[:]
    small = _bare(folded(graph.SerializeToString()).SerializeToString())
    del small.graph.value_info[:]
    gone: dict[str, Any] = {"head": None, "reference": None, "modality_calibrations": {}}
    model = small.SerializeToString(deterministic=True)
    return _Onnx(bundle.metadata.model_copy(update=gone), model, batch=1)


@dataclass(frozen=True, slots=True)
class _OpenVino:
    metadata: BundleMetadata
    model: Any

    def scores(self, samples: Samples) -> NDArray[np.float64]:
        import openvino

        # Without the hint processors that have bfloat16 round to it.
        network = openvino.Core().compile_model(self.model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        count = len(next(iter(samples.values())))
        rows = [
            network({name: x[row : row + 1] for name, x in samples.items()})["score"] for row in range(count)
        ]
        return np.concatenate([np.asarray(row, np.float64).reshape(-1) for row in rows])

    def write(self, output: Path, metadata: BundleMetadata) -> None:
        import openvino

        self.model.set_rt_info(metadata.model_dump_json(), "antispoof")
        openvino.save_model(self.model, output, compress_to_fp16=False)


def _for_openvino(bundle: Bundle, samples: Samples) -> Converted:  # noqa: ARG001
    import openvino

    graph = _bare(bundle.model)
    _spell_out_log_sum_exp(graph)
    try:
        model = openvino.Core().read_model(io.BytesIO(graph.SerializeToString()))
    except RuntimeError as error:
        lines = [line.strip("- ") for line in str(error).splitlines()]
        said = lines[lines.index("Summary:") + 1] if "Summary:" in lines else lines[0]
        raise InputError(f"OpenVINO cannot read the network of {bundle.metadata.name!r}: {said}") from None
    return _OpenVino(bundle.metadata, model)


@dataclass(frozen=True, slots=True)
class _LiteRt:
    metadata: BundleMetadata
    content: bytes

    def scores(self, samples: Samples) -> NDArray[np.float64]:
        return litert_scores(self.content, samples)

    def write(self, output: Path, metadata: BundleMetadata) -> None:
        # Files that belong to a LiteRT model are a zip archive after it, which the runtime does not read.
        with replacing(output) as draft:
            draft.write_bytes(self.content)
            with zipfile.ZipFile(draft, "a") as archive:
                about = zipfile.ZipInfo("antispoof.json")  # dated 1980: the same export is the same file
                archive.writestr(about, metadata.model_dump_json())


def _for_litert(bundle: Bundle, samples: Samples) -> Converted:
    web = _for_browsers(bundle, samples)
    return _LiteRt(web.metadata, litert_graph(web.model))


def _spell_out_log_sum_exp(model: onnx.ModelProto) -> None:
    """Write ReduceLogSumExp as m + log Σ exp(x − m), m being the largest.

    OpenVINO 2026.4.1 overlooks its axes where they are an attribute, as they are before opset 18.
    """
    nodes = []
    for node in model.graph.node:
        axes = next((a.ints for a in node.attribute if a.name == "axes"), None)
        if node.op_type != "ReduceLogSumExp" or axes is None:
            nodes.append(node)
            continue
        kept = next((a.i for a in node.attribute if a.name == "keepdims"), 1)
        x, whole = node.input[0], node.output[0] if kept else f"{node.output[0]}/kept"
        most, low, high, total, log, over = (
            f"{node.output[0]}/{part}" for part in ("most", "low", "high", "total", "log", "axes")
        )
        model.graph.initializer.append(numpy_helper.from_array(np.array(axes, np.int64), over))
        nodes += [
            helper.make_node("ReduceMax", [x], [most], axes=list(axes), keepdims=1),
            helper.make_node("Sub", [x, most], [low]),
            helper.make_node("Exp", [low], [high]),
            helper.make_node("ReduceSum", [high, over], [total], keepdims=1),
            helper.make_node("Log", [total], [log]),
            helper.make_node("Add", [log, most], [whole]),
        ]
        if not kept:
            nodes.append(helper.make_node("Squeeze", [whole, over], [node.output[0]]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _bare(model: bytes) -> onnx.ModelProto:
    """Return the model without what it tells of itself."""
    graph = onnx.load_from_string(model)
    del graph.metadata_props[:]
    return graph


FORMATS = {
    "onnx-int8": EdgeFormat(".onnx", ("onnx",), None, 0.25, _integers),
    "openvino": EdgeFormat(".xml", ("onnx", "openvino"), 0.05, 0.05, _for_openvino),
    "litert": EdgeFormat(".tflite", ("onnx", "ai_edge_litert"), 0.05, 0.05, _for_litert),
    "ort-web": EdgeFormat(".onnx", ("onnx",), 0.05, 0.05, _for_browsers),
}
