"""What a module costs: parameters and multiply-accumulates."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["Cost", "cost"]


@dataclass(frozen=True, slots=True)
class Cost:
    """Size and work of a module.

    Attributes:
        parameters: how many numbers it has learned or may learn.
        macs: multiplications with addition, in convolutions and matrix products, for the inputs given.
    """

    parameters: int
    macs: int


def cost(module: nn.Module, *inputs: object) -> Cost:
    """Run a module once, and count."""
    module.eval()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        module(*inputs)
    parameters: list[Tensor] = list(module.parameters())
    return Cost(sum(p.numel() for p in parameters), counter.get_total_flops() // 2)
