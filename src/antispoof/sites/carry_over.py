"""Carry a site calibration over to another bundle, by what both scored at the site; no capture is needed.

What a site calibration knows is where bona fide scores lie at its site. Presentations that the old bundle
scored near there tell, by what the new bundle made of the same ones, where that is on the new bundle's scale.
Attacks among them change it little: few of them score like the typical person.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import BundleError, InputError
from antispoof.runtime.bundle import BundleMetadata, SiteRule
from antispoof.runtime.site import SiteCalibration, how_to_refit

__all__ = ["MIN_TRAFFIC", "carry_over"]

MIN_TRAFFIC = 20
NEAR_SHARE = 1 / 3  # of the presentations: those whose old scores lie nearest to the typical one
RESAMPLES = 1000
MOST_RESAMPLED = 5000  # at a time: of more traffic the interval is given a little too wide
INTERVAL = (5.0, 95.0)  # percentiles
NORMAL_95 = 1.6449  # half the width of a 90 % interval, in standard deviations


def carry_over(
    site: SiteCalibration,
    old: BundleMetadata,
    new: BundleMetadata,
    old_scores: NDArray[np.float64],
    new_scores: NDArray[np.float64],
    *,
    seed: int = 0,
) -> SiteCalibration:
    """Learn the calibration of a site for a new bundle from that for the old one.

    Args:
        site: of the old bundle.
        old: what the old bundle tells of itself.
        new: what the new one tells.
        old_scores: (N,), calibrated scores of presentations at the site; NaN where there is none.
        new_scores: (N,), the new bundle's of the same presentations.
        seed: of the bootstrap.

    Raises:
        InputError: ``site`` belongs to another bundle, rests on attacks without saying where bona fide scores
            lie, or too few of the presentations were scored by both, or none like a person of the site.
        BundleError: a bundle cannot be calibrated from bona fide captures alone.
    """
    site.check(old)
    starts = []
    for metadata in (old, new):
        if metadata.site is None:
            raise BundleError(f"bundle {metadata.name!r} does not say what site calibration starts from")
        starts.append(metadata.site)
    typical = _typical(site, starts[0], new)
    both = ~(np.isnan(old_scores) | np.isnan(new_scores))
    known, wanted = old_scores[both], new_scores[both]
    if known.size < MIN_TRAFFIC:
        raise InputError(
            f"{known.size} presentations were scored by both bundles; carrying a site calibration over needs "
            f"{MIN_TRAFFIC} or more"
        )
    if not np.quantile(known, 0.05) <= typical <= np.quantile(known, 0.95):
        raise InputError(
            f"a person of the site scores {typical:+.2f} with {old.name!r}, and hardly any of these "
            f"presentations does (5 to 95 % of them: {np.quantile(known, 0.05):+.2f} to "
            f"{np.quantile(known, 0.95):+.2f}): take traffic of that site, with people in it"
        )
    random = np.random.default_rng(seed)
    spread = (site.shift_interval[1] - site.shift_interval[0]) / (2 * NORMAL_95)
    drawn = []
    for _ in range(RESAMPLES):
        rows = random.integers(0, known.size, min(known.size, MOST_RESAMPLED))
        about = typical + random.normal() * spread
        drawn.append(starts[1].shift(_seen_near(about, known[rows], wanted[rows]), site.distinct))
    low, high = np.percentile(drawn, INTERVAL)
    moved = _seen_near(typical, known, wanted)
    return site.model_copy(
        update={
            "bundle": new.name,
            "bundle_version": new.version,
            "bundle_sha256": new.sha256,
            "typical_score": moved,
            "shift": starts[1].shift(moved, site.distinct),
            "shift_interval": (float(low), float(high)),
            "attack": 0,
            "captures": (),
            "advice": (
                f"carried over from {old.name!r} by {known.size} presentations that both bundles scored: "
                "captures of the site (antispoof calibrate) make it surer",
            ),
        }
    )


def _typical(site: SiteCalibration, start: SiteRule, new: BundleMetadata) -> float:
    """The typical bona fide score at the site; files of version 0.1 hold only what follows from it."""
    if site.typical_score is not None:
        return site.typical_score
    if site.unlabelled:
        raise InputError(
            "this site calibration rests on unlabelled scores, and does not say where bona fide scores lie: "
            f"make it anew from scores of {new.name!r}, with antispoof calibrate --scores"
        )
    if site.attack:
        raise InputError(
            "this site calibration of version 0.1 rests on attacks too, and does not say where bona fide "
            f"scores lie. {how_to_refit(new)}"
        )
    return start.bona_fide_score + site.shift * (1 + start.prior_captures / site.distinct)


def _seen_near(score: float, known: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    """What the new bundle says where the old one says ``score``: a line through the nearest presentations."""
    count = int(known.size * NEAR_SHARE)
    near = np.argpartition(np.abs(known - score), count)[:count]
    away = known[near] - score
    slope = np.cov(away, wanted[near])[0, 1] / max(float(away.var(ddof=1)), 1e-12)
    return float(wanted[near].mean() - slope * away.mean())
