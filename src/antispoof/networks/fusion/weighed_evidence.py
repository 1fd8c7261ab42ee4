"""Weighed evidence: log-odds of the modalities, weighed by their reliability, corrected by what pairs show.

The house's own. A product of experts (G. Hinton, "Training Products of Experts by Minimizing Contrastive
Divergence", Neural Computation 2002) is a sum of log-odds, right if the experts are independent; an average
is right if they all say the same. Between the two lies a learned exponent β of the number n of modalities
present:

    score = n^β Σ_m w_m s_m + c,   Σ_m w_m = 1,   0 < β < 1

The weights w come from the shallow and middle tokens, where noise, blur and darkness show, in competition
with the other modalities that are present (X. Lin et al., "Suppress and Rebalance", CVPR 2024, hold
unreliable ones down likewise). The correction c comes from pairs of modalities: products and
differences of what both see in the same region. With one modality w = 1, n = 1 and c = 0, so the score is
exactly that of a network of this modality alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor, nn

from antispoof.networks.fusion import Dims, Fusion, fusions, linear_of_each
from antispoof.networks.tokens import Levels, regions, statistics

__all__ = ["WeighedEvidence"]

_ABSENT = -1e4


@fusions.register("weighed_evidence")
class WeighedEvidence(Fusion):
    """Weighted log-odds of the modalities, and a correction from pairs.

    The embedding holds what the modalities show alone (width), what pairs show (width), and the weights
    (M, by name in alphabetical order).

    Args:
        dims: see `Fusion`.
        width: features of a region.
        side: pairs are compared over side × side regions.
    """

    def __init__(self, dims: Dims, *, width: int = 48, side: int = 4) -> None:
        super().__init__(dims, 2 * width + len(dims))
        self.width, self.side = width, side
        self.middle = linear_of_each({name: middle for name, (_, middle, _) in dims.items()}, width)
        self.deep = linear_of_each({name: deep for name, (_, _, deep) in dims.items()}, width)
        self.norm = nn.LayerNorm(width)
        self.reliability = linear_of_each(
            {name: 2 * (shallow + middle) for name, (shallow, middle, _) in dims.items()}, 1
        )
        self.reliability_norm = nn.ModuleDict(
            {name: nn.LayerNorm(2 * (dims[name][0] + dims[name][1])) for name in sorted(dims)}
        )
        self.pairs = tuple(combinations(sorted(dims), 2))
        self.pair_names = nn.ParameterDict({f"{a}+{b}": torch.zeros(width) for a, b in self.pairs})
        self.compare = nn.Sequential(nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.beta = nn.Parameter(torch.zeros(()))
        # No bias, and zero at first: without a pair there is no correction, and it must earn its place.
        self.head = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.head.weight)

    def forward(self, levels: Mapping[str, Levels], presence: Tensor) -> Tensor:
        """See `Fusion.forward`."""
        chosen = self.selected(levels, presence)
        here = {name: self.present(name, presence)[:, None] for name in chosen}
        seen = {
            name: self.norm(
                self.middle[name](regions(middle, self.side)) + self.deep[name](regions(deep, self.side))
            )
            for name, (_, middle, deep) in chosen.items()
        }
        count = torch.stack(list(here.values())).sum(0).clamp(min=1)
        alone = torch.stack([here[name] * seen[name].mean(1) for name in seen]).sum(0) / count
        together = torch.zeros_like(alone)
        for a, b in self.pairs:
            both = torch.cat([seen[a] * seen[b], (seen[a] - seen[b]).abs()], 2)
            shown = self.compare(both).mean(1) + self.pair_names[f"{a}+{b}"]
            together = together + here[a] * here[b] * shown
        together = together / (count * (count - 1) / 2).clamp(min=1)
        return torch.cat([alone, together, self._weights(chosen, here)], 1)

    def score(self, embedding: Tensor, modality_scores: Tensor, presence: Tensor) -> Tensor:
        """See `Fusion.score`."""
        together, weights = embedding[:, self.width : 2 * self.width], embedding[:, 2 * self.width :]
        order = sorted(range(len(self.modalities)), key=lambda column: self.modalities[column])
        said = torch.stack([modality_scores[:, column] for column in order], 1)
        experts = torch.exp(torch.sigmoid(self.beta) * presence.sum(1).clamp(min=1).log())
        score: Tensor = experts * (weights * said).sum(1) + self.head(together)[:, 0]
        return score

    def _weights(self, chosen: Mapping[str, Levels], here: Mapping[str, Tensor]) -> Tensor:
        """How far each modality is relied upon, (B, M); the present ones add up to one."""
        logits = []
        for name, (shallow, middle, _) in chosen.items():
            quality = torch.cat([statistics(shallow), statistics(middle)], 1)
            said = self.reliability[name](self.reliability_norm[name](quality))
            logits.append(torch.where(here[name] > 0, said, _ABSENT))
        present = torch.cat(list(here.values()), 1)
        return torch.cat(logits, 1).softmax(1) * present
