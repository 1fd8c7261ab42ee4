"""A simulated site: what the rules for pooling, references and traffic are fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SimulatedSite"]


@dataclass(frozen=True, slots=True)
class SimulatedSite:
    """Frames of one room, one camera and one instrument, of several people.

    Attributes:
        scores: (N,), natural-log likelihood ratios, higher = bona fide.
        features: (N, F), what the network's last layer looks at.
        person: (N,), whose face or voice it is; frames of one person and one class are one presentation.
        bona_fide: (N,), bool.
    """

    scores: NDArray[np.float64]
    features: NDArray[np.float64]
    person: NDArray[np.intp]
    bona_fide: NDArray[np.bool_]
