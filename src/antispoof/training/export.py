"""A finished run → a bundle: one ONNX file whose outputs are those of the network to 1e-4."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from antispoof.errors import BundleError, InputError
from antispoof.files import onnx_session
from antispoof.runtime.bundle import BundleMetadata, MeasuredResult, seal
from antispoof.training.fast_graph import fast_graph, joined_integers
from antispoof.training.onnx_parts import join
from antispoof.training.quantise import quantise
from antispoof.training.recipe import Graph, Trained, detector_recipe

__all__ = ["export", "load_run", "onnx_of"]

TOLERANCE = 1e-4
QUANTISED_TOLERANCE = 0.25  # root mean square of differences between scores, over their standard deviation
OPSET = 17


def export(run: Path, output: Path, results: Path | None = None) -> Path:
    """Write the bundle of a finished run.

    Args:
        run: folder that `antispoof.training.fit.train` filled.
        output: path of the bundle, ``.onnx``.
        results: JSON that a benchmark wrote for this bundle; what it measured joins the metadata.

    Raises:
        InputError: the run is not finished, or ``output`` cannot be written or does not end in ``.onnx``, or
            ``results`` holds none.
        BundleError: ONNX Runtime and PyTorch disagree on a random input, or 8-bit integers and floating point
            on simulated ones.
    """
    if output.suffix != ".onnx":
        raise InputError(f"output must end in .onnx, got {str(output)!r}")
    trained = load_run(run)
    metadata = trained.metadata
    metadata = metadata.model_copy(update={"results": [*metadata.results, *_measured(results)]})
    model = onnx_of(trained.graph)
    if trained.samples is not None:
        _compare(trained.graph, model)
        model, metadata = _quantised(trained, model, metadata, trained.samples)
    else:
        model = fast_graph(model)
        _compare(trained.graph, model)
    model = seal(model, metadata)
    try:
        output.write_bytes(model)
    except OSError as error:
        raise InputError(f"cannot write {str(output)!r}: {error.strerror}") from None
    return output


def load_run(run: Path) -> Trained:
    """Load a finished run by the recipe that its ``experiment.json`` names.

    Raises:
        InputError: the folder holds no finished run, or a damaged one.
    """
    try:
        recipe = json.loads((run / "experiment.json").read_text(encoding="utf-8"))["recipe"]
    except OSError:
        raise InputError(f"{str(run)!r} holds no finished run: experiment.json is missing") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{str(run)!r} holds a damaged run, train it again: {error}") from None
    return detector_recipe(str(recipe), f"export of {str(run)!r}").load(run)


def _measured(path: Path | None) -> list[MeasuredResult]:
    if path is None:
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["results"]
        return [MeasuredResult.model_validate(result) for result in found]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{str(path)!r} holds no results of a benchmark: {error}") from None


def onnx_of(graph: Graph) -> bytes:
    """Return the network as a serialized ONNX model; the first axis of every input and output is free."""
    file = io.BytesIO()
    parts = {_answer(name): (name, part) for name, part in graph.parts.items()}
    taken = [_answer(name) if name in graph.parts else name for name in graph.inputs]
    examples = graph.answered({name: torch.zeros_like(x[:1]) for name, x in graph.inputs.items()})
    names = (*taken, *graph.outputs)
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, yet the only one whose graph ONNX Runtime fuses completely;
        # what it traces as constant here are sizes, which are fixed.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.network,
            examples,
            file,  # type: ignore[arg-type]
            input_names=taken,
            output_names=list(graph.outputs),
            dynamic_axes={name: {0: "batch"} for name in names},
            opset_version=OPSET,
            dynamo=False,
        )
    return join(file.getvalue(), parts) if parts else file.getvalue()


def _answer(name: str) -> str:
    return f"{name}_logits"


def _compare(graph: Graph, model: bytes) -> None:
    """Hold the finished graph against the network in PyTorch, which asks every part by itself."""
    expected = graph(graph.inputs)
    got = _run(model, {name: example.numpy() for name, example in graph.inputs.items()}, graph.outputs)
    for (name, torch_says), onnx_says in zip(expected.items(), got, strict=True):
        difference = float(np.abs(torch_says.numpy() - onnx_says).max(initial=0))
        if not difference <= TOLERANCE * max(1.0, float(torch_says.abs().max())):
            raise BundleError(
                f"ONNX Runtime and PyTorch differ by {difference:.2g} on the same input, in {name!r}"
            )


def _quantised(
    trained: Trained, model: bytes, metadata: BundleMetadata, samples: Mapping[str, NDArray[np.float32]]
) -> tuple[bytes, BundleMetadata]:
    """Quantise, and scale scores back, on one half of the samples; compare them on the other.

    The operating points were set in floating point, so a shift of all scores would move them.
    """
    half = len(next(iter(samples.values()))) // 2
    known, unseen = (
        {name: x[part] for name, x in samples.items()} for part in (slice(half), slice(half, None))
    )
    small = joined_integers(quantise(model, known, trained.quantised))

    def both(inputs: Mapping[str, NDArray[np.float32]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        exact = trained.graph({name: torch.from_numpy(x) for name, x in inputs.items()})["score"]
        return np.asarray(_run(small, inputs, ("score",))[0], np.float64), exact.double().numpy()

    slope, intercept = np.polyfit(*both(known), 1)
    found, exact = both(unseen)
    off = slope * found + intercept - exact
    difference = float(np.sqrt(np.mean(off**2)) / np.std(exact))
    if not difference <= QUANTISED_TOLERANCE:
        raise BundleError(
            f"scores in 8-bit integers and in floating point differ by {difference:.2g} of their spread, "
            f"more than {QUANTISED_TOLERANCE:g}; leave out quantise"
        )
    told = MeasuredResult(
        data="8-bit integers beside floating point, simulated captures",
        simulated=True,
        metrics={"score_rms_difference_of_spread": difference, "score_mean_difference": float(off.mean())},
    )
    calibration = metadata.calibration.rescaled(slope, intercept)
    changed = {"calibration": calibration, "results": [*metadata.results, told]}
    return small, metadata.model_copy(update=changed)


def _run(model: bytes, inputs: Mapping[str, NDArray[Any]], outputs: tuple[str, ...]) -> list[NDArray[Any]]:
    found: list[NDArray[Any]] = onnx_session(model).run(list(outputs), dict(inputs))
    return found
