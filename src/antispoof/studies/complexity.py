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
from antispoof.studies.graph_cost import count_macs, moved_bytes, peak_bytes, shapes, weight_bytes
from antispoof.studies.instructions import instructions
from antispoof.training.experiment import read_experiment
from antispoof.training.export import load_run, onnx_of
from antispoof.training.graphs import graph_of
from antispoof.training.recipe import Graphs, detector_recipe
from antispoof.training.scoring import subsets

__all__ = ["REFERENCES", "complexity", "measure", "results_in"]

REFERENCES = ("resnet18", "densenet121", "efficientnet_lite0")
"""Encoders that others are held against, with the input of the first picture."""

SECONDS, MOST_RUNS, WARM_UP = 1.0, 200, 3


def complexity(source: str, references: Sequence[str] = REFERENCES, counted: bool = False) -> list[ModelCost]:
    """Measure a bundle, a run folder or an experiment file, with every subset of its sensors.

    Of a bundle the graph is fixed: what an absent sensor would have cost is computed all the same. A run or
    an experiment is measured by graphs that leave absent sensors out.

    Args:
        source: name or path of a bundle, run folder, or experiment file, which is measured untrained.
        references: encoders for comparison; names that no encoder has are passed over.
        counted: whether instructions of a bundle are counted with valgrind, which takes minutes.

    Raises:
        InputError: ``source`` is none of these, or there is no valgrind to count with.
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
        costs, inputs = _of_bundle(source, counted)
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
    counted: bool = False,
) -> ModelCost:
    """Measure one graph with one presentation.

    Args:
        name: for the table.
        model: serialized ONNX graph.
        inputs: name → (1, …), what it is run with.
        parameters: learned numbers, where they are known; None counts those of the graph.
        reference: whether it is for comparison.
        counted: whether instructions are counted, which takes minutes.

    Raises:
        InputError: they shall be counted, and valgrind is not installed.
    """
    import onnx

    graph = onnx.load_from_string(model)
    stored = sum(math.prod(tensor.dims) for tensor in graph.graph.initializer)
    sizes = shapes(graph, inputs)
    macs = count_macs(graph, sizes)
    median, p95 = _timed(model, inputs)
    return ModelCost(
        name=name,
        parameters=stored if parameters is None else parameters,
        macs=macs.whole,
        integer_macs=macs.integers,
        weight_bytes=weight_bytes(graph),
        moved_bytes=moved_bytes(graph, sizes),
        instructions=instructions(model, inputs) if counted else None,
        peak_bytes=peak_bytes(graph, sizes),
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


def _of_bundle(source: str, counted: bool) -> tuple[list[ModelCost], list[tuple[int, ...]]]:
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
    sides = [tuple(x.shape[1:]) for x in inputs.values()]
    if len(about.modalities) == 1:
        return [measure(about.name, bundle.model, inputs, counted=counted)], sides
    costs = []
    for subset in subsets(about.modalities):
        inputs["presence"] = np.array([[float(name in subset) for name in about.modalities]], np.float32)
        whole = counted and subset == about.modalities  # the graph is the same for every subset
        costs.append(measure(subset_key(subset), bundle.model, inputs, counted=whole))
    return costs, sides


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
    return count_macs(model, shapes(model, inputs)).whole


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
