"""Run a bundle's network. ONNX Runtime, one thread unless more are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import BundleError
from antispoof.runtime.bundle import Bundle

__all__ = ["Scorer", "Scores"]


@dataclass(frozen=True, slots=True)
class Scores:
    """What the network says of B samples.

    Attributes:
        score: float64, (B,): raw, higher = bona fide.
        heat_map: float32, (B, h, w), or None.
        features: float64, (B, F), or None.
    """

    score: NDArray[np.float64]
    heat_map: NDArray[np.float32] | None
    features: NDArray[np.float64] | None


class Scorer:
    """A loaded network; safe to call from several threads.

    Args:
        bundle: what to run.
        threads: how many one call may use.

    Raises:
        BundleError: ONNX Runtime cannot load the graph, or its inputs are not those that the metadata name.
    """

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        import onnxruntime

        self._name = bundle.metadata.name
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only: they come as exceptions as well
        try:
            self._session: Any = onnxruntime.InferenceSession(
                bundle.model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions share no base class
            raise BundleError(f"bundle {self._name!r}: ONNX Runtime cannot load it: {error}") from error
        stated = [entry.name for entry in bundle.metadata.inputs]
        found = [entry.name for entry in self._session.get_inputs()]
        self._outputs = [entry.name for entry in self._session.get_outputs()]
        if sorted(stated) != sorted(found) or "score" not in self._outputs:
            raise BundleError(
                f"bundle {self._name!r}: the metadata name the inputs {stated}, the graph takes {found} "
                f"and gives {self._outputs}"
            )

    def __call__(self, arrays: Mapping[str, NDArray[np.float32]]) -> Scores:
        """Score samples: input name → float32, (B, 3, S, S).

        Raises:
            BundleError: the network fails, or gives a score that is not a finite number.
        """
        try:
            values = dict(zip(self._outputs, self._session.run(self._outputs, dict(arrays)), strict=True))
        except Exception as error:
            raise BundleError(f"bundle {self._name!r} fails: {error}") from error
        score = np.asarray(values["score"], np.float64).reshape(-1)
        if not np.isfinite(score).all():
            raise BundleError(f"bundle {self._name!r} gives a score that is not a finite number")
        features = values.get("features")
        return Scores(
            score, values.get("heat_map"), None if features is None else np.asarray(features, np.float64)
        )
