"""Earlier bona fide captures of one person and device, examined: what the next decision takes from them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import BundleError, InputError
from antispoof.runtime.bundle import BundleMetadata
from antispoof.scores.reference import ReferenceRule, unfitted_reference
from antispoof.scores.traffic import TrafficRule, unfitted_traffic
from antispoof.sensing.capture import Box, Recording, Sample, Source
from antispoof.sensing.copies import LEAST_APART, FaceLook

__all__ = [
    "Reference",
    "References",
    "as_list",
    "default_threshold",
    "digest_of",
    "reference_rule",
    "traffic_rule",
]

Reference = Source | Sequence[Source] | Mapping[str, Source | Sequence[Source]]
"""References: one, several of one modality, or modality → one or several."""


@dataclass(frozen=True, slots=True)
class References:
    """References of one modality.

    Attributes:
        scores: (K,), natural-log likelihood ratios.
        tones: (K, D), where they lie in the directions of the rule.
        left_out: numbers, from 1, of those that do not count: they are themselves judged attacks.
        digests: of the decoded samples; the same one once more is no new presentation.
        looks: of each, how the face looks in its pictures: a copy of it is no new presentation either.
    """

    scores: NDArray[np.float64]
    tones: NDArray[np.float64]
    left_out: tuple[int, ...] = ()
    digests: frozenset[str] = frozenset()
    looks: tuple[tuple[FaceLook, ...], ...] = ()

    @property
    def counted(self) -> list[int]:
        """Places of those that count."""
        return [place for place in range(self.scores.size) if place + 1 not in self.left_out]

    def copied(self, pictures: Sequence[tuple[NDArray[np.uint8], Box]]) -> tuple[int, ...]:
        """Return numbers, from 1, of those of which one of these pictures, with the face in it, is a copy."""
        return tuple(
            number
            for number, looks in enumerate(self.looks, 1)
            if any(look.apart(*picture) < LEAST_APART for look in looks for picture in pictures)
        )

    def without(self, numbers: Collection[int]) -> References:
        """Return the same, but that these do not count either."""
        return replace(self, left_out=tuple(sorted({*self.left_out, *numbers})))


def as_list(reference: Source | Sequence[Source]) -> list[Source]:
    """Return references of one modality as a list.

    Raises:
        InputError: it is neither a source nor several.
    """
    if isinstance(reference, (str, Path, bytes, np.ndarray, Recording, Sample)):
        return [reference]
    if not isinstance(reference, Iterable):
        raise InputError(f"reference: a path, bytes or an array, or a list of them; got {reference!r}")
    return list(reference)


def digest_of(sample: Sample) -> str:
    """SHA-256 of what was decoded: equal for the same picture or recording alone."""
    return hashlib.sha256(np.ascontiguousarray(sample.array).data).hexdigest()


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
