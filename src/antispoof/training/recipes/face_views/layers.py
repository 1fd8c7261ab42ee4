"""The two linear layers: over the features of the close view, and over what all views say."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from antispoof.networks.face_views import FaceViewsNetwork
from antispoof.scores.logistic import Linear, fit_logistic
from antispoof.training.recipes.face_views.experiment import Head, Joint
from antispoof.training.recipes.face_views.shards import BONA_FIDE

__all__ = ["fit_close", "fit_joint", "set_layers"]


def fit_close(
    pooled: NDArray[np.float32],
    species: NDArray[np.str_],
    settings: Head,
    changes: NDArray[np.float64] | None = None,
) -> Linear:
    """Fit the layer over the close view.

    The log contrast, last of the features, teaches nothing. Where ``settings.contrast`` is "taken_out", its
    weight is what makes the scores of bona fide pictures independent of it: a dim camera is no attack.

    Args:
        pooled: (N, V, P), features of V copies of each picture, the first in its own tone.
        species: (N,), empty for bona fide; kinds that ``settings.attacks`` does not name are left out.
        settings: how.
        changes: (K, P), what other cameras do to features: how much of it a picture shows shall say nothing.
    """
    chosen = np.isin(species, (BONA_FIDE, *settings.attacks))
    kinds = np.repeat(species[chosen], pooled.shape[1])
    weights = np.ones(len(kinds))
    if settings.balance == "kinds":
        for kind in settings.attacks:
            weights[kinds == kind] /= max(int((kinds == kind).sum()), 1)
    rows = pooled[chosen].reshape(len(kinds), -1)
    ridge = 1 / (settings.inverse_strength * len(rows))
    fitted = fit_logistic(
        rows[:, :-1],
        kinds == BONA_FIDE,
        ridge=ridge,
        weights=weights,
        changes=None if changes is None else changes[:, :-1],
    )
    slope = 0.0
    contrast = pooled[species == BONA_FIDE, 0, -1].astype(np.float64)
    if settings.contrast == "taken_out":
        scores = fitted(pooled[species == BONA_FIDE, 0, :-1])
        slope = float(np.cov(contrast, scores)[0, 1] / contrast.var(ddof=1))
    return Linear(np.append(fitted.weight, -slope), fitted.bias + slope * float(contrast.mean()))


def fit_joint(opinions: NDArray[np.float64], species: NDArray[np.str_], settings: Joint) -> Linear:
    """Fit the layer over what the views say; it never takes an opinion for its opposite.

    The wider views are weighed by their mean: which of two networks fits the simulation better says little
    about which fits the world better.

    Args:
        opinions: (N, 1 + O), the layer over the close view, then log-odds of the wider views.
        species: (N,), as of `fit_close`.
        settings: how.

    Returns:
        A layer whose result is a natural-log likelihood ratio.
    """
    chosen = np.isin(species, (BONA_FIDE, *settings.attacks))
    wider = opinions.shape[1] - 1
    said = opinions[:, :1]
    if wider:
        said = np.column_stack([said, opinions[:, 1:].mean(1)])
    fitted = fit_logistic(
        said[chosen],
        species[chosen] == BONA_FIDE,
        nonnegative=np.ones(said.shape[1], np.bool_),
        ridge=1 / (settings.inverse_strength * int(chosen.sum())),
    )
    weight = np.concatenate([fitted.weight[:1], np.repeat(fitted.weight[1:], wider) / max(wider, 1)])
    return Linear(weight, fitted.bias)


def set_layers(network: FaceViewsNetwork, close: Linear, joint: Linear) -> None:
    """Write both layers, which are one linear function of the features, into the network."""
    with torch.no_grad():
        weight = np.concatenate([close.weight * joint.weight[0], joint.weight[1:]])
        network.head.weight.copy_(torch.from_numpy(weight)[None])
        network.head.bias.fill_(joint.bias + close.bias * joint.weight[0])
