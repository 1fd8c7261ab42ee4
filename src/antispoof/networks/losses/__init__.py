"""What a network said and what is true → one number to make small, one loss a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

from antispoof.registry import Registry

if TYPE_CHECKING:
    from antispoof.networks.network import NetworkOutput, Target

__all__ = ["Loss", "LossFactory", "losses"]


class Loss(nn.Module, ABC):
    """What every loss is.

    Attributes:
        needs: outputs that the network must be built with, see `antispoof.networks.network.OUTPUTS`.
        modalities_needed: how many modalities the network must have at least.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    modalities_needed: ClassVar[int] = 1

    @abstractmethod
    def forward(self, output: NetworkOutput, target: Target) -> Tensor:
        """Return a scalar, 0 or more; 0 where nothing in the batch tells anything."""


LossFactory = Callable[..., Loss]
"""``factory(*, options with defaults) -> Loss``."""

losses: Registry[LossFactory] = Registry("loss", __name__)
