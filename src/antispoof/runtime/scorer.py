"""Run a bundle's network. ONNX Runtime, one thread unless more are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import BundleError
from antispoof.files import onnx_session
from antispoof.runtime.bundle import Bundle

__all__ = ["Scorer", "Scores"]

PRESENCE = "presence"


@dataclass(frozen=True, slots=True)
class Scores:
    """What the network says of B samples.

    Attributes:
        score: float64, (B,): raw, higher = bona fide.
        heat_map: float32, (B, h, w), or None.
        features: float64, (B, F), or None.
        modality_scores: float64, (B, M), or None: raw, what each modality says by itself; without meaning
            where it is absent.
    """

    score: NDArray[np.float64]
    heat_map: NDArray[np.float32] | None
    features: NDArray[np.float64] | None
    modality_scores: NDArray[np.float64] | None = None


class Scorer:
    """A loaded network; safe to call from several threads.

    Args:
        bundle: what to run.
        threads: how many one call may use.

    Raises:
        BundleError: ONNX Runtime cannot load the graph, or its inputs are not those that the metadata name.
    """

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        self._name = bundle.metadata.name
        try:
            self._session: Any = onnx_session(bundle.model, threads=threads)
        except Exception as error:  # its exceptions share no base class
            raise BundleError(f"bundle {self._name!r}: ONNX Runtime cannot load it: {error}") from error
        self._modalities = bundle.metadata.modalities
        self._inputs = {entry.name: entry.modality for entry in bundle.metadata.inputs}
        taken = {entry.name: tuple(entry.shape[1:]) for entry in self._session.get_inputs()}
        self._outputs = [entry.name for entry in self._session.get_outputs()]
        stated = [*self._inputs, *([PRESENCE] if len(self._modalities) > 1 else [])]
        if sorted(stated) != sorted(taken) or "score" not in self._outputs:
            raise BundleError(
                f"bundle {self._name!r}: the metadata name the inputs {stated}, the graph takes "
                f"{list(taken)} and gives {self._outputs}"
            )
        if len(self._modalities) > 1 and not all(
            isinstance(side, int) for name in self._inputs for side in taken[name]
        ):
            raise BundleError(f"bundle {self._name!r}: its inputs need fixed shapes, as some may be absent")
        self._shapes = taken

    def __call__(
        self, arrays: Mapping[str, NDArray[np.float32]], presence: NDArray[np.float32] | None = None
    ) -> Scores:
        """Score B samples.

        Args:
            arrays: input name → float32, (B, …), as `prepare` gives them. A network of several modalities
                does without those that are not there.
            presence: (B, M), 1 where a sample has the modality, columns in the order of
                ``metadata.modalities``; None takes those for present whose arrays are given. What stands in
                the arrays of an absent modality is not looked at.

        Raises:
            BundleError: no modality is there, the network fails, or gives a score that is not a finite
                number.
        """
        feed: dict[str, NDArray[Any]] = dict(arrays)
        if len(self._modalities) > 1:
            feed = self._masked(arrays, presence)
        try:
            values = dict(zip(self._outputs, self._session.run(self._outputs, feed), strict=True))
        except Exception as error:
            raise BundleError(f"bundle {self._name!r} fails: {error}") from error
        score = np.asarray(values["score"], np.float64).reshape(-1)
        if not np.isfinite(score).all():
            raise BundleError(f"bundle {self._name!r} gives a score that is not a finite number")
        features, single = values.get("features"), values.get("modality_scores")
        return Scores(
            score,
            values.get("heat_map"),
            None if features is None else np.asarray(features, np.float64),
            None if single is None else np.asarray(single, np.float64),
        )

    def _masked(
        self, arrays: Mapping[str, NDArray[np.float32]], presence: NDArray[np.float32] | None
    ) -> dict[str, NDArray[Any]]:
        rows = len(next(iter(arrays.values()), ()))
        given = {modality for name, modality in self._inputs.items() if name in arrays}
        given -= {modality for name, modality in self._inputs.items() if name not in arrays}
        there = np.tile(np.array([name in given for name in self._modalities], np.float32), (rows, 1))
        if presence is not None:
            there = there * (np.asarray(presence, np.float32) > 0)
        if rows == 0 or not there.any(axis=1).all():
            raise BundleError(f"bundle {self._name!r} needs at least one of {list(self._modalities)}")
        feed: dict[str, NDArray[Any]] = {PRESENCE: there}
        for name, modality in self._inputs.items():
            here = there[:, self._modalities.index(modality)] > 0
            feed[name] = np.zeros((rows, *self._shapes[name]), np.float32)
            if not here.any():
                continue
            if arrays[name].shape != feed[name].shape:
                raise BundleError(
                    f"bundle {self._name!r}: {name} is of shape {arrays[name].shape}, not {feed[name].shape}"
                )
            feed[name][here] = arrays[name][here]
        return feed
