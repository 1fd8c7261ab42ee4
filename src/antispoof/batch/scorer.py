"""Rows in, records out: what a worker does, wherever it runs."""

from __future__ import annotations

import hashlib
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import cast

import cv2

from antispoof.batch.addresses import fetched
from antispoof.batch.records import Record, record_of, unscored
from antispoof.batch.rows import Row
from antispoof.errors import InputError
from antispoof.runtime.batching import judge_each
from antispoof.runtime.bundle import default_bundle
from antispoof.runtime.detector import Detector, load
from antispoof.runtime.policy import read_policy
from antispoof.runtime.pool import limit_cores
from antispoof.runtime.presentation import Presented
from antispoof.sensing.capture import Source

__all__ = ["RowScorer", "Setup", "score_rows"]


@dataclass(frozen=True, slots=True)
class Setup:
    """Which detector judges, in words that any process can follow.

    Attributes:
        bundles: by name or path; none for those that ship.
        policy: by name or path.
        at: operating point, by name or rule.
        site: path of a site calibration.
    """

    bundles: tuple[str, ...] = ()
    policy: str | None = None
    at: str | None = None
    site: str | None = None

    def detector(self) -> Detector:
        """Load it; raise as `antispoof.load` does."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what has no say was named before the work began
            detector = load(self.bundles or None, policy=self.policy, at=self.at)
        return detector if self.site is None else detector.calibrated(self.site)

    def for_modalities(self, modalities: Sequence[str]) -> Setup:
        """Return the same with the bundle that ships for a modality, where that is the only one to judge."""
        if self.bundles or self.policy is not None or len(modalities) != 1:
            return self
        return replace(self, bundles=(default_bundle(modalities[0]),))

    def digest(self, detector: Detector) -> dict[str, str]:
        """Say what decides over the scores: two runs with the same are the same run."""
        policy = None if self.policy is None else read_policy(self.policy)
        return {
            "bundles": ", ".join(
                f"{bundle.metadata.name} ({bundle.metadata.sha256[:12]}…)" for bundle in detector.bundles
            ),
            "policy": "" if policy is None else f"{policy.name} ({_sha256(policy.model_dump_json())})",
            "site": "" if self.site is None else f"{self.site} ({_sha256(Path(self.site).read_text())})",
            "operating point": self.at or "",
        }


class RowScorer:
    """Scores rows with one detector, loaded once; a row that cannot be read is a record that says so.

    It is one of as many processes as there are cores, so from then on its process keeps to one of them.

    Args:
        setup: which detector.

    Raises:
        AntispoofError: as `antispoof.load`.
    """

    def __init__(self, setup: Setup) -> None:
        cv2.setNumThreads(1)
        limit_cores(1)
        self._detector = setup.detector()

    def __call__(self, rows: Sequence[Row]) -> list[Record]:
        """Return one record a row, in order; raise `BundleError` where a network fails."""
        return list(score_rows(rows, self._detector))


def score_rows(rows: Iterable[Row], detector: Detector) -> Iterator[Record]:
    """Score rows one after the other, as they come; those that follow one another with the same references
    share what was seen of them.

    Raises:
        BundleError: a network fails, or its bundle has no rule for references.
    """
    for references, alike in groupby(rows, lambda row: row.references):
        judge = detector
        if references:
            try:
                with fetched({"": references}) as here:
                    judge = detector.knowing(cast("Sequence[Source]", here[""]))
            except InputError as error:
                for row in alike:
                    yield unscored(row, "unusable_reference", str(error))
                continue
        yield from _score_alike(alike, judge)


def _score_alike(rows: Iterable[Row], detector: Detector) -> Iterator[Record]:
    taken: deque[Row] = deque()

    def noted() -> Iterator[Row]:
        for row in rows:
            taken.append(row)
            yield row

    def look(row: Row) -> Presented:
        with fetched(row.captures) as captures:
            return detector.look(captures)

    for judged in judge_each(detector, noted(), look):
        yield record_of(taken.popleft(), judged)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
