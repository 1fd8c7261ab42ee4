"""Tokens of several modalities and what is present → one embedding and one score, one fusion a file.

A fusion never depends on the order of the modalities: what it keeps for one is filed under its name, and
where it puts modalities side by side it does so in the alphabetical order of their names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from torch import Tensor, nn

from antispoof.errors import InputError
from antispoof.networks.tokens import Levels, select
from antispoof.registry import Registry

__all__ = ["HUB_ORDER", "Dims", "Fusion", "FusionFactory", "fusions", "linear_of_each"]

Dims = Mapping[str, tuple[int, int, int]]
"""Modality name → widths of its shallow, middle and deep tokens, in the order of the columns of presence."""

HUB_ORDER = ("face_rgb", "face_infrared", "face_depth", "face_thermal")
"""Which modality speaks first where a fusion has a hub; others follow in alphabetical order."""


class Fusion(nn.Module, ABC):
    """What every fusion is.

    Args:
        dims: widths of the tokens of every modality, two or more.
        dim: width of the embedding.

    Attributes:
        modalities: names, in the order of the columns of presence.
        dim: width of the embedding.
        joins_inputs: the fusion takes place before the encoder, of which there is only one; the network then
            hands the same tokens over for every modality.

    Raises:
        InputError: there are fewer than two modalities.
    """

    joins_inputs: ClassVar[bool] = False

    def __init__(self, dims: Dims, dim: int) -> None:
        super().__init__()
        if len(dims) < 2:
            raise InputError(
                f"a fusion needs two modalities or more, got {', '.join(dims) or 'none'}: "
                "add a modality, or leave the fusion out"
            )
        self.modalities = tuple(dims)
        self.dim = dim
        self.head: nn.Module = nn.Linear(dim, 1)

    @abstractmethod
    def forward(self, levels: Mapping[str, Levels], presence: Tensor) -> Tensor:
        """Fuse.

        Args:
            levels: tokens of every modality; those of an absent one may hold anything, NaN included.
            presence: (B, M), 1 where a modality is present, else 0; columns in the order of ``modalities``.

        Returns:
            Embedding, (B, dim). Finite even where nothing is present.
        """

    def score(
        self,
        embedding: Tensor,
        modality_scores: Tensor,  # noqa: ARG002 (fusions of scores use it)
        presence: Tensor,  # noqa: ARG002
    ) -> Tensor:
        """Raw score (B,), higher = bona fide, of an embedding.

        Args:
            embedding: (B, dim), what `forward` returned.
            modality_scores: (B, M), what each modality says by itself; 0 where it is absent.
            presence: (B, M).
        """
        score: Tensor = self.head(embedding)
        return score[:, 0]

    def present(self, name: str, presence: Tensor) -> Tensor:
        """Return the column (B,) of one modality."""
        return presence[:, self.modalities.index(name)]

    def selected(self, levels: Mapping[str, Levels], presence: Tensor) -> dict[str, Levels]:
        """Return the tokens by name, alphabetically, with zeros where a modality is absent."""
        chosen = {}
        for name in sorted(self.modalities):
            shallow, middle, deep = levels[name]
            here = self.present(name, presence)
            chosen[name] = (select(shallow, here), select(middle, here), select(deep, here))
        return chosen


def linear_of_each(widths: Mapping[str, int], width: int) -> nn.ModuleDict:
    """Return one linear layer to the same width for each modality, filed under its name."""
    return nn.ModuleDict({name: nn.Linear(widths[name], width) for name in sorted(widths)})


FusionFactory = Callable[..., Fusion]
"""``factory(dims, *, options with defaults) -> Fusion``."""

fusions: Registry[FusionFactory] = Registry("fusion", __name__)
