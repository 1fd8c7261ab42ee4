"""Earlier bona fide captures of one person and device, examined: what the next decision takes from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import BundleError
from antispoof.runtime.bundle import BundleMetadata
from antispoof.scores.reference import ReferenceRule, unfitted_reference
from antispoof.scores.traffic import TrafficRule, unfitted_traffic
from antispoof.sensing.capture import Recording, Sample, Source

__all__ = ["Reference", "References", "as_list", "default_threshold", "reference_rule", "traffic_rule"]

Reference = Source | Sequence[Source] | Mapping[str, Source | Sequence[Source]]
"""References: one, several of one modality, or modality → one or several."""


@dataclass(frozen=True, slots=True)
class References:
    """References of one modality.

    Attributes:
        scores: (K,), natural-log likelihood ratios of those that count.
        tones: (K, D), where they lie in the directions of the rule.
        left_out: numbers, from 1, of those that are themselves judged attacks.
    """

    scores: NDArray[np.float64]
    tones: NDArray[np.float64]
    left_out: tuple[int, ...] = ()


def as_list(reference: Source | Sequence[Source]) -> list[Source]:
    """Return references of one modality as a list."""
    single = isinstance(reference, (str, Path, bytes, np.ndarray, Recording, Sample))
    return [reference] if single else list(reference)  # type: ignore[arg-type, list-item]


def default_threshold(metadata: BundleMetadata) -> float:
    """Return the threshold that rules move; those of other operating points move with it."""
    return metadata.operating_points[metadata.default_operating_point].threshold


def reference_rule(metadata: BundleMetadata) -> ReferenceRule:
    """Return how references move the threshold; where the bundle does not say, upwards alone.

    Raises:
        BundleError: it judges several sensors together, or does not say what people score.
    """
    if metadata.reference is not None:
        return metadata.reference
    return unfitted_reference(_typical(metadata, "references"), default_threshold(metadata))


def traffic_rule(metadata: BundleMetadata) -> TrafficRule:
    """Return how unlabelled scores move the threshold; where the bundle does not say, upwards alone.

    Raises:
        BundleError: it judges several sensors together, or does not say what people score.
    """
    if metadata.traffic is not None:
        return metadata.traffic
    return unfitted_traffic(_typical(metadata, "unlabelled scores"), default_threshold(metadata))


def _typical(metadata: BundleMetadata, what: str) -> float:
    if metadata.site is None:
        raise BundleError(
            f"bundle {metadata.name!r} does not say what bona fide presentations score: {what} cannot move "
            "its threshold"
        )
    return metadata.site.bona_fide_score
