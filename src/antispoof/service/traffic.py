"""How the scores of each site are spread: drift is seen by it, and a move is proposed from it.

Kept are counts, a day and a tenth of a unit of score at a time: nothing of a person, and no order. A move is
proposed, never made: a site calibration judges once an operator names it in a policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, select

from antispoof.errors import AntispoofError
from antispoof.runtime.bundle import BundleMetadata
from antispoof.runtime.references import default_threshold, traffic_rule
from antispoof.runtime.site import SiteCalibration
from antispoof.service.store.database import Store, Transaction
from antispoof.service.store.tables import ScoreCount
from antispoof.service.tenants import DEFAULT
from antispoof.sites.traffic import learn_from_scores

__all__ = ["SiteTraffic", "count_scores", "forget_old", "read_traffic"]

DAY_S = 86_400.0
DAYS = 28
WIDTH = 0.1
FARTHEST = 200  # bins on either side of 0


@dataclass(frozen=True, slots=True)
class SiteTraffic:
    """The scores of one site by one model, over the last 28 days.

    Attributes:
        tenant: whose it is.
        site: its name, as sessions were opened with.
        bundle: which model.
        sha256: of its graph.
        scores: (N,), each the middle of its bin, day by day.
    """

    tenant: str
    site: str
    bundle: str
    sha256: str
    scores: NDArray[np.float64]

    def proposal(
        self, metadata: BundleMetadata, in_force: SiteCalibration | None = None
    ) -> SiteCalibration | None:
        """Learn a move of the threshold from the scores; None where they do not suffice for one.

        Args:
            metadata: of a bundle.
            in_force: by what its thresholds are moved already; nothing is taken back of that.
        """
        if metadata.sha256 != self.sha256:
            return None
        try:
            return learn_from_scores(metadata, self.scores, in_force=in_force)
        except AntispoofError:
            return None

    def drift(self, metadata: BundleMetadata) -> float | None:
        """Tell by how much the scores call for another threshold than shipped, a lower one too."""
        if metadata.sha256 != self.sha256:
            return None
        try:
            return traffic_rule(metadata).shift(self.scores, default_threshold(metadata), -np.inf)
        except AntispoofError:
            return None


def count_scores(
    store: Store,
    transaction: Transaction,
    now: float,
    site: str,
    verdict: Mapping[str, Any],
    tenant: str = DEFAULT,
) -> None:
    """Count what the models said of one presentation, each that judged one sensor.

    Args:
        store: the database.
        transaction: that the judgement is kept in.
        now: seconds since 1970.
        site: where it was taken.
        verdict: `Verdict.as_dict`.
        tenant: whose session it was.
    """
    own = {part["modality"]: part["score"] for part in verdict["evidence"]}
    checksums = {bundle["name"]: bundle["sha256"] for bundle in verdict["bundles"]}
    store.in_turn(transaction, "score counts")
    for opinion in verdict["opinions"]:
        score = own.get(opinion["modalities"][0]) if len(opinion["modalities"]) == 1 else None
        if score is None:
            continue
        place = int(np.clip(np.floor(score / WIDTH), -FARTHEST, FARTHEST - 1))
        key = (tenant, int(now // DAY_S), site, opinion["bundle"], checksums[opinion["bundle"]], place)
        row = transaction.get(ScoreCount, key)
        if row is None:
            names = ("tenant", "day", "site", "bundle", "sha256", "bin")
            transaction.add(ScoreCount(**dict(zip(names, key, strict=True)), count=1))
        else:
            row.count += 1


def forget_old(transaction: Transaction, now: float) -> None:
    """Delete the counts of days that are over for long."""
    transaction.execute(delete(ScoreCount).where(ScoreCount.day <= int(now // DAY_S) - DAYS))


def read_traffic(store: Store, now: float) -> list[SiteTraffic]:
    """Return the scores of every tenant's sites, by model, of the last 28 days."""
    query = select(ScoreCount).where(ScoreCount.day > int(now // DAY_S) - DAYS)
    order = (
        ScoreCount.tenant,
        ScoreCount.site,
        ScoreCount.bundle,
        ScoreCount.sha256,
        ScoreCount.day,
        ScoreCount.bin,
    )
    found: dict[tuple[str, str, str, str], list[NDArray[np.float64]]] = {}
    with store.read() as transaction:
        for row in transaction.scalars(query.order_by(*order)):
            middle = (row.bin + 0.5) * WIDTH
            found.setdefault((row.tenant, row.site, row.bundle, row.sha256), []).append(
                np.full(row.count, middle)
            )
    return [SiteTraffic(*key, np.concatenate(scores)) for key, scores in found.items()]
