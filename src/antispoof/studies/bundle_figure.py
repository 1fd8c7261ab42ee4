"""The scores of two bundles over each other, with both thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from antispoof.evaluation.plots import COLOURS, INK, SOFT, figure_of, styled
from antispoof.studies.bundle_change import BundleChange

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["change_figure"]

MOST_POINTS = 20_000


@styled
def change_figure(result: BundleChange) -> Figure:
    """Draw every presentation that both bundles scored; those whose verdict changes stand out.

    Of more than 20,000 whose verdict stays, as many are drawn by chance.
    """
    old, new = result.old, result.new
    both = ~(np.isnan(old.scores) | np.isnan(new.scores))
    changed = both & (old.outcomes != new.outcomes)
    same = np.flatnonzero(both & ~changed)
    if same.size > MOST_POINTS:
        same = np.random.default_rng(0).choice(same, MOST_POINTS, replace=False)
    figure = figure_of(6.4, 5.6)
    axes = figure.subplots()
    axes.plot(old.scores[same], new.scores[same], ".", color=SOFT, alpha=0.3, markersize=4, rasterized=True)
    for code, colour, name in ((0, COLOURS[1], "taken for an attack now"), (1, COLOURS[2], "passes now")):
        rows = np.flatnonzero(changed & (new.outcomes == code))
        axes.plot(
            old.scores[rows],
            new.scores[rows],
            ".",
            color=colour,
            markersize=6,
            rasterized=True,
            label=f"{name}: {rows.size:,}",
        )
    for point, line in ((old.point, axes.axvline), (new.point, axes.axhline)):
        if point is not None:
            line(point.threshold, color=INK, linestyle="--", linewidth=1)
    axes.set_xlabel(f"score of {old.bundle.name} {old.bundle.version} (higher = bona fide)")
    axes.set_ylabel(f"score of {new.bundle.name} {new.bundle.version}")
    figure.legend(loc="outside lower center", ncols=2)
    return figure
