"""L2-regularised logistic regression with classes weighted alike, on top of frozen features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["Linear", "fit_logistic"]


@dataclass(frozen=True, slots=True)
class Linear:
    """``x @ weight + bias``, natural-log odds, bona fide against attack, at even prior odds."""

    weight: NDArray[np.float64]
    bias: float

    def __call__(self, x: NDArray[np.floating]) -> NDArray[np.float64]:
        """Apply to (N, F)."""
        return np.asarray(x.astype(np.float64) @ self.weight + self.bias, np.float64)


def fit_logistic(
    x: NDArray[np.floating],
    bona_fide: NDArray[np.bool_],
    inverse_strength: float,
    towards: NDArray[np.float64] | None = None,
) -> Linear:
    """Minimise ``|w − w0|² / 2 + inverse_strength · Σ weighted log-loss`` over standardised features.

    Args:
        x: (N, F).
        bona_fide: (N,).
        inverse_strength: inverse of the L2 penalty, on the summed loss; small is strong.
        towards: (F,), the weight for standardised features that the penalty draws to; None means zero.

    Raises:
        ValueError: one of the classes is missing.
    """
    if bona_fide.all() or not bona_fide.any():
        raise ValueError("logistic regression needs both classes")
    mean, scale = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64) + 1e-6
    features = torch.from_numpy((x - mean) / scale)
    sign = torch.from_numpy(np.where(bona_fide, 1.0, -1.0))
    share = bona_fide.mean()
    balance = torch.from_numpy(np.where(bona_fide, 0.5 / share, 0.5 / (1 - share)))
    origin = torch.zeros(x.shape[1], dtype=torch.float64) if towards is None else torch.from_numpy(towards)
    weight = origin.clone().requires_grad_()
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=500, tolerance_grad=1e-9, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        margin = sign * (features @ weight + bias)
        data = (balance * torch.nn.functional.softplus(-margin)).sum()
        value: torch.Tensor = 0.5 * (weight - origin).square().sum() + inverse_strength * data
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    fitted = weight.detach().numpy() / scale
    return Linear(fitted, float(bias.detach()) - float(mean @ fitted))
