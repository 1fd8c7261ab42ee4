"""A finished run → a bundle: one ONNX file whose scores are those of the network to 1e-4."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from antispoof.errors import BundleError, InputError
from antispoof.networks.two_view import TwoViewNetwork, TwoViewOutput
from antispoof.runtime.bundle import Bundle, MeasuredResult, seal
from antispoof.runtime.scorer import Scorer
from antispoof.training.fit import load_checkpoint

__all__ = ["export"]

TOLERANCE = 1e-4
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
        BundleError: ONNX Runtime and PyTorch disagree on a random input.
    """
    if output.suffix != ".onnx":
        raise InputError(f"output must end in .onnx, got {str(output)!r}")
    network, metadata, experiment = load_checkpoint(run)
    sizes = (experiment.views.close.size, experiment.views.context.size)
    metadata = metadata.model_copy(update={"results": [*metadata.results, *_measured(results)]})
    model = seal(_onnx(network, sizes), metadata)
    _compare(network, Bundle(metadata, model), sizes)
    try:
        output.write_bytes(model)
    except OSError as error:
        raise InputError(f"cannot write {str(output)!r}: {error.strerror}") from None
    return output


def _measured(path: Path | None) -> list[MeasuredResult]:
    if path is None:
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["results"]
        return [MeasuredResult.model_validate(result) for result in found]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{str(path)!r} holds no results of a benchmark: {error}") from None


class _Tuple(nn.Module):
    """The exporter names outputs by position, and takes a plain tuple."""

    def __init__(self, network: TwoViewNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, close: torch.Tensor, context: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.network(close, context))


def _onnx(network: TwoViewNetwork, sizes: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    inputs, outputs = ["close", "context"], list(TwoViewOutput._fields)
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, yet the only one whose graph ONNX Runtime fuses completely;
        # what it traces as constant here are sizes, which are fixed.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Tuple(network).eval(),
            tuple(torch.zeros(1, 3, size, size) for size in sizes),
            file,  # type: ignore[arg-type]
            input_names=inputs,
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in (*inputs, *outputs)},
            opset_version=OPSET,
            dynamo=False,
        )
    return file.getvalue()


def _compare(network: TwoViewNetwork, bundle: Bundle, sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    views = [rng.random((2, 3, size, size), np.float32) for size in sizes]
    with torch.inference_mode():
        expected = network(*(torch.from_numpy(view) for view in views)).score.numpy()
    got = Scorer(bundle)({"close": views[0], "context": views[1]}).score
    difference = float(np.abs(expected - got).max())
    if difference > TOLERANCE:
        raise BundleError(f"ONNX Runtime and PyTorch differ by {difference:.2g} on the same input")
