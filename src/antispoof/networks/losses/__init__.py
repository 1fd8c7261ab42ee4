"""What a network said and what is true → one number to make small, one loss a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

from antispoof.registry import Registry

if TYPE_CHECKING:
    from antispoof.networks.network import NetworkOutput, Target

__all__ = ["Loss", "LossFactory", "losses", "modality_cross_entropy"]


class Loss(nn.Module, ABC):
    """What every loss is.

    Attributes:
        needs: outputs that the network must be built with, see `antispoof.networks.network.OUTPUTS`.
        modalities_needed: how many modalities the network must have at least.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    modalities_needed: ClassVar[int] = 1

    def __init__(self) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, output: NetworkOutput, target: Target) -> Tensor:
        """Return a scalar, 0 or more; 0 where nothing in the batch tells anything."""


def modality_cross_entropy(output: NetworkOutput, target: Target) -> Tensor:
    """Binary cross-entropy of what each modality says by itself, (B, M)."""
    label = target.label[:, None].expand_as(output.modality_scores)
    return nn.functional.binary_cross_entropy_with_logits(output.modality_scores, label, reduction="none")


LossFactory = Callable[..., Loss]
"""``factory(*, options with defaults) -> Loss``."""

losses: Registry[LossFactory] = Registry("loss", __name__)
