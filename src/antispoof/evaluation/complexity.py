"""What a network costs: parameters, operations, memory, time; and what that buys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from antispoof._moved import old_names
from antispoof.evaluation.plots import Point, scatter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RASPBERRY_PI_4", "Device", "ModelCost", "accuracy_versus_cost", "as_record"]

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
        integer_macs: those of ``macs`` that multiply 8-bit integers.
        weight_bytes: of the stored numbers.
        moved_bytes: to and from memory, where no cache keeps anything between operators; weights once.
        instructions: of one run in ONNX Runtime; None where they were not counted.
    """

    name: str
    parameters: int
    macs: int
    peak_bytes: int
    file_bytes: int
    median_ms: float
    p95_ms: float
    reference: bool = False
    integer_macs: int = 0
    weight_bytes: int = 0
    moved_bytes: int = 0
    instructions: int | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A class of small computers, as its data sheet has it: what a network needs there at least.

    Attributes:
        name: of the class.
        macs_per_s: multiplications with addition of 32-bit floats, one core at its best.
        integer_macs_per_s: the same of 8-bit integers.
        bytes_per_s: to and from memory.
        joules_per_mac: of 32-bit floats.
        joules_per_integer_mac: of 8-bit integers.
        joules_per_byte: to or from memory.
    """

    name: str
    macs_per_s: float
    integer_macs_per_s: float
    bytes_per_s: float
    joules_per_mac: float
    joules_per_integer_mac: float
    joules_per_byte: float

    def least_ms(self, cost: ModelCost) -> float:
        """Milliseconds of one run at best: of computing, or of moving where that takes longer."""
        floats = cost.macs - cost.integer_macs
        computing = floats / self.macs_per_s + cost.integer_macs / self.integer_macs_per_s
        return 1e3 * max(computing, cost.moved_bytes / self.bytes_per_s)

    def millijoules(self, cost: ModelCost) -> tuple[float, float]:
        """Energy of one run on paper: of computing, and of moving everything to and from memory."""
        floats = cost.macs - cost.integer_macs
        computing = floats * self.joules_per_mac + cost.integer_macs * self.joules_per_integer_mac
        return 1e3 * computing, 1e3 * cost.moved_bytes * self.joules_per_byte


RASPBERRY_PI_4 = Device(
    name="Raspberry Pi 4 class",
    macs_per_s=1.5e9 * 4,  # Cortex-A72: a vector of four floats a cycle
    integer_macs_per_s=1.5e9 * 8,  # without dot-product instructions: eight bytes, widened, a cycle
    bytes_per_s=4e9,
    # Horowitz, Computing's energy problem, ISSCC 2014: 45 nm; memory 640 pJ for 32 bits.
    joules_per_mac=4.6e-12,
    joules_per_integer_mac=0.23e-12,
    joules_per_byte=160e-12,
)
"""Cortex-A72 at 1.5 GHz, one core; figures on paper, nothing was measured on one."""


def as_record(costs: Sequence[ModelCost]) -> dict[str, Any]:
    """Return the JSON document of ``antispoof complexity --json``."""
    return {
        "costs": [
            {
                **{name: getattr(cost, name) for name in ModelCost.__slots__},
                "raspberry_pi_4_least_ms": RASPBERRY_PI_4.least_ms(cost),
                "raspberry_pi_4_millijoules": list(RASPBERRY_PI_4.millijoules(cost)),
            }
            for cost in costs
        ]
    }


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
