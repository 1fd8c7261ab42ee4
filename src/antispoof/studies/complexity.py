"""Measure what a network costs, on the ONNX graph that would run: counted where it can be, timed where not.

Shapes are those of an actual run with one presentation, so that nothing depends on what shape inference
can see.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from antispoof.errors import InputError
from antispoof.evaluation.complexity import ModelCost
from antispoof.files import onnx_session
from antispoof.networks.encoders import encoders
from antispoof.networks.network import EncoderChoice, build_network
from antispoof.runtime.bundle import read_bundle, shipped_bundles, subset_key
from antispoof.runtime.scorer import Scorer
from antispoof.training.experiment import read_experiment
from antispoof.training.export import load_run, onnx_of
from antispoof.training.graphs import graph_of
from antispoof.training.recipe import Graphs, detector_recipe
from antispoof.training.scoring import subsets

__all__ = ["REFERENCES", "complexity", "measure", "results_in"]

REFERENCES = ("resnet18", "densenet121", "efficientnet_lite0")
"""Encoders that others are held against, with the input of the first picture."""

SECONDS, MOST_RUNS, WARM_UP = 1.0, 200, 3


def complexity(source: str, references: Sequence[str] = REFERENCES) -> list[ModelCost]:
    """Measure a bundle, a run folder or an experiment file, with every subset of its sensors.

    Of a bundle the graph is fixed: what an absent sensor would have cost is computed all the same. A run or
    an experiment is measured by graphs that leave absent sensors out.

    Args:
        source: name or path of a bundle, run folder, or experiment file, which is measured untrained.
        references: encoders for comparison; names that no encoder has are passed over.

    Raises:
        InputError: ``source`` is none of these.
        ExperimentError: the recipe makes no detector.
    """
    path = Path(source)
    if path.suffix in (".yaml", ".yml"):
        experiment = read_experiment(path)
        graphs = detector_recipe(experiment.recipe, "complexity").untrained(experiment)
        costs, inputs = _of_graphs(graphs)
    elif path.is_dir():
        costs, inputs = _of_graphs(load_run(path).graphs)
    elif path.suffix == ".onnx" or source in shipped_bundles():
        costs, inputs = _of_bundle(source)
    else:
        raise InputError(f"{source!r} is no bundle, no run folder and no experiment file")
    picture = next((shape for shape in inputs if len(shape) == 3), None)
    if picture is not None:
        costs += [_reference(name, picture) for name in references if name in encoders]
    return costs


def results_in(folder: Path) -> tuple[list[tuple[str, int, float]], bool]:
    """Find the finished runs in a folder, with what they cost and how good they are on test.

    Returns:
        Name, multiplications with addition, and D-EER of each run; and whether any is on simulated data.

    Raises:
        InputError: there are none.
    """
    found: dict[str, tuple[int, list[float]]] = {}
    simulated = False
    for path in sorted(folder.rglob("bundle.json")):
        trained = load_run(path.parent)
        result = next((one for one in trained.metadata.results if one.data.startswith("test")), None)
        if result is None:
            continue
        simulated |= result.simulated
        name = path.parent.name.rpartition("-")[0] or path.parent.name
        if name not in found:
            found[name] = (_macs(onnx_of(trained.graph), _one(trained.graph.inputs)), [])
        found[name][1].append(result.metrics["d_eer"])
    if not found:
        raise InputError(f"{str(folder)!r} holds no finished run with a test partition")
    return [(name, macs, float(np.mean(values))) for name, (macs, values) in found.items()], simulated


def measure(
    name: str,
    model: bytes,
    inputs: Mapping[str, NDArray[Any]],
    parameters: int | None = None,
    reference: bool = False,
) -> ModelCost:
    """Measure one graph with one presentation.

    Args:
        name: for the table.
        model: serialized ONNX graph.
        inputs: name → (1, …), what it is run with.
        parameters: learned numbers, where they are known; None counts those of the graph.
        reference: whether it is for comparison.
    """
    import onnx

    graph = onnx.load_from_string(model)
    stored = sum(math.prod(tensor.dims) for tensor in graph.graph.initializer)
    sizes = _shapes(graph, inputs)
    median, p95 = _timed(model, inputs)
    return ModelCost(
        name=name,
        parameters=stored if parameters is None else parameters,
        macs=_count(graph, sizes),
        peak_bytes=_peak(graph, sizes),
        file_bytes=len(model),
        median_ms=median,
        p95_ms=p95,
        reference=reference,
    )


def _of_graphs(graphs: Graphs) -> tuple[list[ModelCost], list[tuple[int, ...]]]:
    costs = []
    whole, learned = next(iter(graphs)), next(iter(graphs.values())).parameters
    for subset, graph in graphs.items():
        inputs = _one(graph.inputs)
        if "presence" in inputs:
            inputs["presence"] = np.array([[float(name in subset) for name in whole]], np.float32)
        costs.append(measure(subset_key(subset), onnx_of(graph), inputs, learned))
    return costs, [tuple(x.shape[1:]) for x in graphs[whole].inputs.values()]


def _of_bundle(source: str) -> tuple[list[ModelCost], list[tuple[int, ...]]]:
    bundle = read_bundle(source)
    about = bundle.metadata
    Scorer(bundle)  # refuses what does not fit its metadata
    import onnx

    model = onnx.load_from_string(bundle.model)
    rng = np.random.default_rng(0)
    inputs: dict[str, NDArray[Any]] = {}
    for one in model.graph.input:
        shape = (1, *(side.dim_value for side in one.type.tensor_type.shape.dim[1:]))
        if one.name != "presence":
            inputs[one.name] = rng.random(shape, np.float32)
    shapes = [tuple(x.shape[1:]) for x in inputs.values()]
    if len(about.modalities) == 1:
        return [measure(about.name, bundle.model, inputs)], shapes
    costs = []
    for subset in subsets(about.modalities):
        inputs["presence"] = np.array([[float(name in subset) for name in about.modalities]], np.float32)
        costs.append(measure(subset_key(subset), bundle.model, inputs))
    return costs, shapes


def _reference(name: str, shape: tuple[int, ...]) -> ModelCost:
    torch.manual_seed(0)
    network = build_network({"picture": EncoderChoice(name, shape[0])}).eval()
    graph = graph_of(network, {"picture": shape})
    return measure(name, onnx_of(graph), _one(graph.inputs), graph.parameters, reference=True)


def _one(inputs: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    return {name: x[:1].numpy() for name, x in inputs.items()}


def _macs(graph: bytes, inputs: Mapping[str, NDArray[Any]]) -> int:
    import onnx

    model = onnx.load_from_string(graph)
    return _count(model, _shapes(model, inputs))


def _shapes(model: Any, inputs: Mapping[str, NDArray[Any]]) -> dict[str, tuple[tuple[int, ...], int]]:
    """Run once with every intermediate result as an output: name → shape, bytes."""
    import onnx

    told = onnx.ModelProto()
    told.CopyFrom(model)
    names = [name for node in told.graph.node for name in node.output if name]
    del told.graph.output[:]
    told.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    values = onnx_session(told.SerializeToString(), optimised=False).run(names, dict(inputs))
    found = {name: (tuple(value.shape), int(value.nbytes)) for name, value in zip(names, values, strict=True)}
    found |= {name: (tuple(value.shape), int(value.nbytes)) for name, value in inputs.items()}
    return found | {
        tensor.name: (tuple(tensor.dims), 0) for tensor in model.graph.initializer
    }  # weights are no activations


def _count(model: Any, sizes: Mapping[str, tuple[tuple[int, ...], int]]) -> int:
    total = 0
    for node in model.graph.node:
        if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
            continue
        out = sizes[node.output[0]][0]
        first, second = (sizes[name][0] for name in node.input[:2])
        if node.op_type == "Conv":
            total += math.prod(out) * math.prod(second[1:])
        elif node.op_type == "ConvTranspose":
            total += math.prod(first) * math.prod(second[1:])
        elif node.op_type == "Gemm":
            transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
            total += math.prod(out) * first[0 if transposed else 1]
        else:
            total += math.prod(out) * first[-1]
    return total


def _peak(model: Any, sizes: Mapping[str, tuple[tuple[int, ...], int]]) -> int:
    """Walk the graph in its order; a result lives from where it is made to where it is last used."""
    last: dict[str, int] = {one.name: len(model.graph.node) for one in model.graph.output}
    for number, node in enumerate(model.graph.node):
        for name in node.input:
            last[name] = max(last.get(name, 0), number)
    alive = {one.name: sizes[one.name][1] for one in model.graph.input if one.name in sizes}
    most = sum(alive.values())
    for number, node in enumerate(model.graph.node):
        if node.op_type != "Constant":
            alive |= {name: sizes[name][1] for name in node.output if name}
        most = max(most, sum(alive.values()))
        alive = {name: size for name, size in alive.items() if last.get(name, -1) > number}
    return most


def _timed(graph: bytes, inputs: Mapping[str, NDArray[Any]]) -> tuple[float, float]:
    session = onnx_session(graph, optimised=True)
    for _ in range(WARM_UP):
        session.run(None, dict(inputs))
    times: list[float] = []
    started = time.perf_counter()
    while len(times) < 5 or (len(times) < MOST_RUNS and time.perf_counter() - started < SECONDS):
        before = time.perf_counter()
        session.run(None, dict(inputs))
        times.append(1000 * (time.perf_counter() - before))
    return float(np.median(times)), float(np.percentile(times, 95))
