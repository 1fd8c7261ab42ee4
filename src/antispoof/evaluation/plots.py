"""Plots of evaluations, drawn by Matplotlib: figures to save as SVG or PNG, or to set into a page."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from statistics import NormalDist
from textwrap import wrap
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError, MissingExtraError
from antispoof.evaluation.calibration_quality import ReliabilityBin
from antispoof.evaluation.confidence import Interval
from antispoof.evaluation.curve import ErrorCurve, probit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "INK",
    "SOFT",
    "SUFFIXES",
    "Curve",
    "Point",
    "check_target",
    "differences",
    "figure_of",
    "histograms",
    "inline_svg",
    "rates_over_threshold",
    "reliability_diagram",
    "save",
    "scatter",
    "styled",
    "trade_off",
]

COLOURS = ("#1f4e9c", "#d55e00", "#009e73", "#b4569a", "#a97900", "#3597d3", "#6b7280", "#7c2d12")
"""Colours of lines and points, told apart by the colour-blind too; more lines than that repeat them."""

GENUINE, ATTACK, INK, SOFT = "#0f766e", "#c2410c", "#1b2430", "#5b6675"
SUFFIXES = (".svg", ".png")

P = ParamSpec("P")

_PROBIT = NormalDist().inv_cdf
_RATES = (1e-5, 1e-4, 1e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99)
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#b8c1cc",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e9edf1",
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "text.parse_math": False,  # a name may hold dollar signs
    "svg.fonttype": "none",  # text stays text: searchable, and a tenth of the bytes
    "svg.hashsalt": "antispoof",  # the same figure gives the same bytes
}


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a DET or ROC plot.

    Attributes:
        name: for the legend.
        curve: error counts.
        threshold: where to put the dot of the threshold in force; None for no dot.
        colour: of the line.
    """

    name: str
    curve: ErrorCurve
    threshold: float | None
    colour: str = INK


@dataclass(frozen=True, slots=True)
class Point:
    """One mark of a scatter plot.

    Attributes:
        name: stands beside it.
        x: across, greater than 0: the axis is logarithmic.
        y: upwards.
    """

    name: str
    x: float
    y: float


def check_target(path: str | Path | None = None) -> None:
    """Make sure, before work starts, that a plot can be drawn, and saved at ``path``.

    Raises:
        MissingExtraError: Matplotlib is not installed.
        InputError: the name ends neither in .svg nor in .png.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise MissingExtraError("a plot", "report") from None
    if path is not None and Path(path).suffix.lower() not in SUFFIXES:
        raise InputError(f"a plot is written as {' or '.join(SUFFIXES)}, got {str(path)!r}")


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as SVG or PNG, by the ending of its name.

    Raises:
        InputError: the name ends in neither, or cannot be written.
    """
    path = Path(path)
    check_target(path)
    try:
        _write(figure, path, path.suffix.lower().removeprefix("."))
    except OSError as error:
        raise InputError(f"cannot write {str(path)!r}: {error.strerror}") from None


def inline_svg(figure: Figure, label: str) -> str:
    """Return a figure as an SVG element for a page; ``label`` tells those who cannot see it what it is."""
    from xml.sax.saxutils import quoteattr

    drawn = io.StringIO()
    _write(figure, drawn, "svg")
    text = drawn.getvalue()
    opening = f'<svg class="plot" role="img" aria-label={quoteattr(label)} '
    return opening + text[text.index("<svg ") + len("<svg ") :].rstrip()


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in the style of this file, or name the extra that is missing."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        check_target()
        import matplotlib

        with matplotlib.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return styled


@styled
def trade_off(curves: Sequence[Curve]) -> Figure:
    """Draw both error rates: DET on probit axes, where normal scores make straight lines, and ROC beside it.

    Args:
        curves: the first named lies on top.
    """
    figure = figure_of(9.6, 4.9)
    left, right = figure.subplots(1, 2)
    with_dot = [each for each in curves if each.threshold is not None]
    least = 1 / min(min(each.curve.attack_count, each.curve.bona_fide_count) for each in curves)
    low = max([rate for rate in _RATES if rate <= min(2 * least, 0.01)], default=_RATES[0])
    worst = max(each.curve.equal_error_rate().value for each in curves)
    farthest = max((max(_rates_at(each)) for each in with_dot), default=0.0)
    high = 0.99 if worst > 0.3 or farthest > 0.6 else 0.6
    lines: list[Any] = []
    for each in reversed(curves):
        index = each.curve.thinned()
        apcer, bpcer = each.curve.apcer[index], each.curve.bpcer[index]
        (line,) = left.plot(probit(apcer), probit(bpcer), color=each.colour)
        lines.insert(0, line)
        right.plot(apcer, 1 - bpcer, color=each.colour)
    for each in with_dot:
        at = _rates_at(each)
        inside = np.clip(probit(np.array(at)), _PROBIT(low), _PROBIT(high)).tolist()
        dot: dict[str, Any] = {"color": each.colour, "markeredgecolor": "white", "markersize": 8}
        left.plot(*inside, "o", clip_on=False, zorder=5, **dot)
        right.plot(at[0], 1 - at[1], "o", clip_on=False, zorder=5, **dot)
    ticks = [rate for rate in _RATES if low <= rate <= high]
    places, names = [_PROBIT(rate) for rate in ticks], [_percent(rate) for rate in ticks]
    left.set(xlim=(_PROBIT(low), _PROBIT(high)), ylim=(_PROBIT(low), _PROBIT(high)))
    left.set_xticks(places, names, rotation=45 if len(ticks) > 7 else 0)
    left.set_yticks(places, names)
    left.axline((0, 0), slope=1, color="#b8c1cc", linestyle="--", linewidth=1)
    left.set(xlabel="APCER", ylabel="BPCER", title="Detection error trade-off")
    fifths = [k / 5 for k in range(6)]
    for axis in (right.xaxis, right.yaxis):
        axis.set_ticks(fifths, [_percent(rate) for rate in fifths])
    right.axline((0, 0), slope=1, color="#b8c1cc", linestyle="--", linewidth=1)
    right.set(xlim=(-0.01, 1), ylim=(0, 1.01), xlabel="APCER", ylabel="bona fide accepted (1 − BPCER)")
    right.set_title("Receiver operating characteristic")
    for axes in (left, right):
        axes.set_box_aspect(1)
    names = [_folded(each.name, 48) for each in curves]
    figure.legend(lines, names, loc="outside lower center", ncols=min(2, len(curves)))
    return figure


@styled
def histograms(rows: Sequence[tuple[str, NDArray[np.float64], bool]], threshold: float) -> Figure:
    """Draw one histogram a row on a common score axis, the wrong side of the threshold in full colour.

    Args:
        rows: name, scores (n,), n ≥ 1, and True for bona fide.
        threshold: drawn as a line.
    """
    low, high = _score_range([scores for _, scores, _ in rows], threshold)
    edges = np.linspace(low, high, 111)
    if low < threshold < high:  # it is an edge, so that no bar stands on both its sides
        step = edges[1] - edges[0]
        before, after = math.ceil((threshold - low) / step), math.ceil((high - threshold) / step)
        edges = threshold + step * np.arange(-before, after + 1)
        low, high = float(edges[0]), float(edges[-1])
    names = [f"{_folded(name, 32)}\n{len(scores):,}" for name, scores, _ in rows]
    heights = [max(0.62 if len(rows) < 6 else 0.46, 0.1 + 0.15 * (1 + name.count("\n"))) for name in names]
    figure = figure_of(9.6, 0.55 + sum(heights))
    stacked = figure.subplots(len(rows), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes, name, (_, scores, genuine) in zip(stacked, names, rows, strict=True):
        counts, _ = np.histogram(np.clip(scores, low, high), edges)
        wrong = (edges[:-1] >= threshold) != genuine
        colour = GENUINE if genuine else ATTACK
        axes.stairs(np.where(wrong, 0, counts), edges, fill=True, color=colour, alpha=0.28)
        axes.stairs(np.where(wrong, counts, 0), edges, fill=True, color=colour)
        axes.axvline(threshold, color=INK, linestyle="--", linewidth=1)
        axes.set(yticks=[], xlim=(low, high), ylim=(0, max(int(counts.max()), 1)))
        axes.spines["left"].set_visible(False)
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    axes.set_xlabel("score (higher = bona fide)")
    return figure


@styled
def rates_over_threshold(
    bona_fide: NDArray[np.float64], attacks: Mapping[str, NDArray[np.float64]], threshold: float
) -> Figure:
    """Draw the BPCER, and the APCER of each species, over the threshold.

    Args:
        bona_fide: scores (N,), N ≥ 1.
        attacks: scores by species, none empty.
        threshold: in force, drawn as a line.
    """
    figure = figure_of(9.6, 4.2)
    axes = figure.subplots()
    low, high = _score_range([bona_fide, *attacks.values()], threshold)
    across = np.linspace(low, high, 801)
    rejected = np.searchsorted(np.sort(bona_fide), across) / len(bona_fide)
    axes.plot(across, rejected, color=INK, linewidth=2.4, label="BPCER")
    for k, (name, scores) in enumerate(attacks.items()):
        passed = 1 - np.searchsorted(np.sort(scores), across) / len(scores)
        axes.plot(across, passed, color=COLOURS[k % len(COLOURS)], label=_folded(f"APCER {name}", 32))
    axes.axvline(threshold, color=INK, linestyle="--", linewidth=1)
    fifths = [k / 5 for k in range(6)]
    axes.set_yticks(fifths, [_percent(rate) for rate in fifths])
    axes.set(xlim=(low, high), ylim=(0, 1), xlabel="threshold (a score at or above it is bona fide)")
    figure.legend(loc="outside right upper")
    return figure


@styled
def reliability_diagram(bins: Sequence[ReliabilityBin]) -> Figure:
    """Draw what came true over what the scores stated, with exact intervals; a dot's area is its share."""
    figure = figure_of(4.7, 4.5)
    axes = figure.subplots()
    across, up = [each.predicted for each in bins], [each.observed for each in bins]
    axes.axline((0, 0), slope=1, color="#b8c1cc", linestyle="--", linewidth=1)
    axes.vlines(
        across,
        [each.interval.low for each in bins],
        [each.interval.high for each in bins],
        color=COLOURS[0],
        alpha=0.45,
    )
    axes.plot(across, up, color=COLOURS[0], linewidth=1)
    sizes = [20 + 260 * each.weight for each in bins]
    axes.scatter(across, up, sizes, color=COLOURS[0], edgecolors="white", zorder=3)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set(xlabel="chance of bona fide, as stated by the score", ylabel="share that was bona fide")
    axes.set_box_aspect(1)
    return figure


@styled
def differences(
    rows: Sequence[tuple[str, float, Interval]],
    label: str,
    lower_is_better: bool,
    write: Callable[[float], str] = lambda value: f"{value:g}",
) -> Figure:
    """Draw one difference and its interval a row, beside a line at no difference.

    Args:
        rows: name, difference, interval (NaN where there is none).
        label: of the axis.
        lower_is_better: which side is shaded as worse.
        write: writes the ticks.
    """
    figure = figure_of(9.6, 0.9 + 0.36 * len(rows))
    axes = figure.subplots()
    for number, (_, value, interval) in enumerate(rows):
        clear = interval.low > 0 or interval.high < 0
        colour = COLOURS[6] if not clear else ATTACK if (value > 0) == lower_is_better else GENUINE
        axes.hlines(number, interval.low, interval.high, color=colour, alpha=0.45, linewidth=2.4)
        axes.plot(value, number, "o", color=colour, markeredgecolor="white", markersize=8)
    axes.axvline(0, color=INK, linestyle="--", linewidth=1)
    axes.margins(x=0.06)
    low, high = axes.get_xlim()
    worse = (0, max(high, 0)) if lower_is_better else (min(low, 0), 0)
    axes.axvspan(*worse, color=ATTACK, alpha=0.06, linewidth=0)
    axes.set(xlim=(low, high), ylim=(len(rows) - 0.5, -0.5), xlabel=label)
    axes.xaxis.set_major_formatter(lambda value, _: write(value))
    axes.set_yticks(range(len(rows)), [_folded(name, 44) for name, _, _ in rows], color=INK)
    axes.grid(visible=False, axis="y")
    return figure


@styled
def scatter(points: Sequence[Point], x_label: str, y_label: str) -> Figure:
    """Draw points over a logarithmic axis, each with its name."""
    figure = figure_of(8.6, 4.6)
    axes = figure.subplots()
    axes.set_xscale("log")
    for k, point in enumerate(points):
        axes.plot(
            point.x, point.y, "o", color=COLOURS[k % len(COLOURS)], markeredgecolor="white", markersize=8
        )
        axes.annotate(
            _folded(point.name, 44), (point.x, point.y), (7, 0), textcoords="offset points", va="center"
        )
    across = [point.x for point in points]
    axes.set_xlim(min(across) / 1.5, max(across) * 3)
    axes.margins(y=0.12)
    axes.xaxis.set_major_formatter(lambda value, _: _short(value))
    axes.set(xlabel=x_label, ylabel=y_label)
    return figure


def figure_of(width: float, height: float) -> Figure:
    """Make an empty figure of so many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _write(figure: Figure, target: Any, kind: str) -> None:
    import matplotlib

    # Without a date and a creator the same results give the same file.
    metadata: dict[str, str | None] = {"Creator": None, "Date": None, "Format": None, "Type": None}
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a browser has more fonts
        figure.savefig(target, format=kind, dpi=150, metadata=metadata if kind == "svg" else None)


def _folded(name: str, width: int) -> str:
    """Break a name into lines; what cannot be printed, and XML may not hold, becomes a blank."""
    printable = "".join(letter if letter.isprintable() else " " for letter in name)
    return "\n".join(wrap(printable, width)) or "–"


def _rates_at(each: Curve) -> tuple[float, float]:
    assert each.threshold is not None
    at = each.curve.index(each.threshold)
    return float(each.curve.apcer[at]), float(each.curve.bpcer[at])


def _score_range(scores: Sequence[NDArray[np.float64]], threshold: float) -> tuple[float, float]:
    """Choose an axis that shows nearly all scores, and the threshold if it is not far off."""
    low, high = (float(x) for x in np.quantile(np.concatenate(scores), (0.001, 0.999)))
    if low <= threshold <= high or abs(threshold - (low + high) / 2) < 2 * (high - low):
        low, high = min(low, threshold), max(high, threshold)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    margin = 0.03 * (high - low)
    return low - margin, high + margin


def _short(value: float) -> str:
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def _percent(rate: float) -> str:
    return f"{100 * rate:g} %"
