"""What a network costs: parameters, operations, memory, time; and what that buys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from antispoof._moved import old_names
from antispoof.evaluation.plots import Point, scatter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ModelCost", "accuracy_versus_cost", "as_record"]

if not TYPE_CHECKING:
    __getattr__ = old_names(__name__)


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What one network costs for one presentation.

    Attributes:
        name: of the network, or of the subset of sensors that it is used with.
        parameters: learned numbers.
        macs: multiplications with addition in convolutions and matrix products; other operations are not
            counted.
        peak_bytes: most memory that inputs and intermediate results take at one time, nothing done in place.
        file_bytes: of the ONNX file.
        median_ms: time of one run, one thread.
        p95_ms: 95th percentile of that time.
        reference: whether it is a network for comparison.
    """

    name: str
    parameters: int
    macs: int
    peak_bytes: int
    file_bytes: int
    median_ms: float
    p95_ms: float
    reference: bool = False


def as_record(costs: Sequence[ModelCost]) -> dict[str, Any]:
    """Return the JSON document of ``antispoof complexity --json``."""
    return {"costs": [{name: getattr(cost, name) for name in ModelCost.__slots__} for cost in costs]}


def accuracy_versus_cost(runs: Sequence[tuple[str, int, float]], figure: str, simulated: bool) -> Figure:
    """Draw a figure over operations.

    Args:
        runs: name, multiplications with addition, value of the figure.
        figure: as it is written.
        simulated: whether any presentation is simulated.
    """
    points = [Point(name, max(macs, 1), value) for name, macs, value in runs]
    mark = " (simulated)" if simulated else ""
    return scatter(points, "multiplications with addition, one presentation", f"{figure}{mark}")
