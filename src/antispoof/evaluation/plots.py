"""Plots as SVG text: a few kilobytes each, sharp at any size, readable without a library.

Colours come from the style sheet of the report (classes ``genuine``, ``attack``, ``s0`` … ``s7``), so
that print and screen can differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from antispoof.evaluation.calibration_quality import ReliabilityBin
from antispoof.evaluation.confidence import Interval
from antispoof.evaluation.curve import ErrorCurve

__all__ = [
    "COLOURS",
    "Curve",
    "Point",
    "det",
    "differences",
    "histograms",
    "interval_bar",
    "reliability_diagram",
    "roc",
    "scatter",
    "standalone",
    "thin",
]

COLOURS = 8
"""How many classes ``s0`` … a style sheet must define; more curves than that repeat them."""

_PROBIT = NormalDist().inv_cdf
_RATES = (1e-5, 1e-4, 1e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99)
_POINTS = 500


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a DET or ROC plot.

    Attributes:
        name: for the legend.
        curve: error counts.
        threshold: where to put the dot of the operating point; None for no dot.
        css: class that colours it.
    """

    name: str
    curve: ErrorCurve
    threshold: float | None
    css: str


def thin(curve: ErrorCurve, points: int = _POINTS) -> NDArray[np.intp]:
    """Choose at most about ``points`` indices of the curve that draw the same line on probit axes."""
    across, up = _probit(curve.apcer), _probit(curve.bpcer)
    walked = np.concatenate(([0.0], np.cumsum(np.abs(np.diff(across)) + np.abs(np.diff(up)))))
    steps = np.searchsorted(walked, np.linspace(0, walked[-1], points // 2))
    return np.unique(np.concatenate((steps, np.maximum(steps - 1, 0))))  # both ends of every long step


def det(curves: Sequence[Curve], label: str = "Detection error trade-off") -> str:
    """Draw BPCER over APCER on probit axes, where normal scores make straight lines."""
    least = 1 / min(min(each.curve.attack_count, each.curve.bona_fide_count) for each in curves)
    worst = max(each.curve.equal_error_rate().value for each in curves)
    low = max([rate for rate in _RATES if rate <= min(2 * least, 0.01)], default=_RATES[0])
    dots = [(each.curve, each.curve.index(each.threshold)) for each in curves if each.threshold is not None]
    farthest = max((max(curve.apcer[at], curve.bpcer[at]) for curve, at in dots), default=0.0)
    high = 0.99 if worst > 0.3 or farthest > 0.6 else 0.6
    frame = _Frame(_PROBIT(low), _PROBIT(high), _PROBIT(low), _PROBIT(high), 460, 440)
    ticks = [rate for rate in _RATES if low <= rate <= high]
    body = frame.grid(
        [(_PROBIT(r), _percent(r)) for r in ticks],
        [(_PROBIT(r), _percent(r)) for r in ticks],
        "APCER",
        "BPCER",
    )
    start, end = frame.at(_PROBIT(low), _PROBIT(low)), frame.at(_PROBIT(high), _PROBIT(high))
    body += f'<line class="guide" x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}"/>'
    return frame.svg(body + _curves(frame, curves, _probit, lambda bpcer: _probit(bpcer)), label)


def roc(curves: Sequence[Curve], label: str = "Receiver operating characteristic") -> str:
    """Draw the share of bona fide accepted over APCER."""
    frame = _Frame(0, 1, 0, 1, 460, 440)
    ticks = [(k / 5, f"{20 * k} %") for k in range(6)]
    body = frame.grid(ticks, ticks, "APCER", "bona fide accepted (1 − BPCER)")
    start, end = frame.at(0, 0), frame.at(1, 1)
    body += f'<line class="guide" x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}"/>'
    return frame.svg(body + _curves(frame, curves, lambda apcer: apcer, lambda bpcer: 1 - bpcer), label)


def histograms(rows: Sequence[tuple[str, NDArray[np.float64], bool]], threshold: float) -> str:
    """Draw one histogram a row on a common score axis, the wrong side of the threshold in full colour.

    Args:
        rows: name, scores (n,), n ≥ 1, and True for bona fide.
        threshold: drawn as a line.
    """
    pooled = np.concatenate([scores for _, scores, _ in rows])
    low, high = (float(x) for x in np.quantile(pooled, (0.001, 0.999)))
    if low <= threshold <= high or abs(threshold - (low + high) / 2) < 2 * (high - low):
        low, high = min(low, threshold), max(high, threshold)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    margin = 0.03 * (high - low)
    low, high = low - margin, high + margin
    row_height, left, width, bins = (64 if len(rows) < 6 else 46), 160, 1010, 110
    height = row_height * len(rows) + 46
    edges = np.linspace(low, high, bins + 1)

    def x(score: float) -> float:
        return left + (width - left - 16) * (score - low) / (high - low)

    body = ""
    for tick in _nice_ticks(low, high, 6):
        place = f"{x(tick):.1f}"
        body += f'<line class="grid" x1="{place}" y1="8" x2="{place}" y2="{height - 38}"/>'
        body += f'<text class="tick" x="{place}" y="{height - 22}" text-anchor="middle">{tick:g}</text>'
    for row, (name, scores, genuine) in enumerate(rows):
        base = 8 + row_height * (row + 1)
        counts, _ = np.histogram(np.clip(scores, low, high), edges)
        tallest = max(int(counts.max()), 1)
        bars = ["", ""]
        for k, count in enumerate(counts.tolist()):
            if not count:
                continue
            tall = max(0.8, (row_height - 12) * count / tallest)
            for wrong, start, end in _split(float(edges[k]), float(edges[k + 1]), threshold, genuine):
                bars[wrong] += f"M{x(start):.1f} {base}V{base - tall:.1f}H{x(end):.1f}V{base}z"
        css = "genuine" if genuine else "attack"
        body += f'<path class="{css} right" d="{bars[0]}"/><path class="{css} wrong" d="{bars[1]}"/>'
        body += f'<line class="axis" x1="{left}" y1="{base}" x2="{width - 16}" y2="{base}"/>'
        shown = name if len(name) <= 20 else name[:19] + "…"
        body += (
            f'<text class="name" x="{left - 12}" y="{base - 20}" text-anchor="end">{escape(shown)}'
            f"<title>{escape(name)}</title></text>"
            f'<text class="tick" x="{left - 12}" y="{base - 6}" text-anchor="end">{len(scores):,}</text>'
        )
    if low <= threshold <= high:
        place = f"{x(threshold):.1f}"
        body += f'<line class="threshold" x1="{place}" y1="2" x2="{place}" y2="{height - 38}"/>'
    middle = (left + width - 16) / 2
    label = f'<text class="label" x="{middle}" y="{height - 4}" text-anchor="middle">'
    body += f"{label}score (higher = bona fide)</text>"
    return _wrap(body, width, height, "Histograms of scores by kind of presentation")


def reliability_diagram(bins: Sequence[ReliabilityBin]) -> str:
    """Draw what came true over what the scores stated, with exact intervals; a dot's area is its share."""
    frame = _Frame(0, 1, 0, 1, 460, 440)
    ticks = [(k / 5, f"{k / 5:g}") for k in range(6)]
    body = frame.grid(ticks, ticks, "chance of bona fide, as stated by the score", "share that was bona fide")
    start, end = frame.at(0, 0), frame.at(1, 1)
    body += f'<line class="guide" x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}"/>'
    path = ""
    for each in bins:
        place, top = frame.at(each.predicted, each.interval.high)
        _, bottom = frame.at(each.predicted, each.interval.low)
        _, middle = frame.at(each.predicted, each.observed)
        path += f"{'L' if path else 'M'}{place} {middle}"
        said = (
            f"stated {each.predicted:.3f}, came true {each.observed:.3f} "
            f"({each.bona_fide:,} bona fide, {each.attacks:,} attacks)"
        )
        body += f'<line class="s0 whisker" x1="{place}" y1="{top}" x2="{place}" y2="{bottom}"/>'
        radius = 3 + 9 * math.sqrt(each.weight)
        circle = f'<circle class="s0 dot" cx="{place}" cy="{middle}" r="{radius:.1f}">'
        body += f"{circle}<title>{said}</title></circle>"
    return frame.svg(body + f'<path class="s0 curve thin" d="{path}"/>', "Reliability diagram")


def differences(
    rows: Sequence[tuple[str, float, Interval]],
    label: str,
    lower_is_better: bool,
    write: Callable[[float], str] = lambda value: f"{value:g}",
) -> str:
    """Draw one difference and its interval a row, beside a line at no difference.

    Args:
        rows: name, difference, interval.
        label: of the axis.
        lower_is_better: which side is shaded as worse.
        write: writes the ticks.
    """
    ends = [0.0, *(end for _, value, ends in rows for end in (value, ends.low, ends.high))]
    low, high = min(ends), max(ends)
    margin = 0.06 * (high - low) or 0.5
    low, high = low - margin, high + margin
    left, width, row_height = 270, 1010, 34
    height = row_height * len(rows) + 64

    def x(value: float) -> float:
        return left + (width - left - 24) * (value - low) / (high - low)

    floor = height - 46
    worse = (x(0), x(high)) if lower_is_better else (x(low), x(0))
    body = (
        f'<rect class="attack worse" x="{worse[0]:.1f}" y="8" width="{worse[1] - worse[0]:.1f}" '
        f'height="{floor - 8}" fill="#c2410c" fill-opacity="0.06"/>'
    )
    for tick in _nice_ticks(low, high, 6):
        place = f"{x(tick):.1f}"
        body += f'<line class="grid" x1="{place}" y1="8" x2="{place}" y2="{floor}"/>'
        body += f'<text class="tick" x="{place}" y="{floor + 17}" text-anchor="middle">{write(tick)}</text>'
    body += f'<line class="threshold" x1="{x(0):.1f}" y1="4" x2="{x(0):.1f}" y2="{floor}"/>'
    for number, (name, value, interval) in enumerate(rows):
        middle = f"{8 + row_height * (number + 0.5):.1f}"
        beneath = f"{12 + row_height * (number + 0.5):.1f}"
        clear = interval.low > 0 or interval.high < 0
        css = "s6" if not clear else "s1" if (value > 0) == lower_is_better else "s2"
        shown = name if len(name) <= 38 else name[:37] + "…"
        said = f"{escape(name)}: {write(value)} ({write(interval.low)} to {write(interval.high)})"
        body += (
            f'<text class="name" x="{left - 14}" y="{beneath}" text-anchor="end">{escape(shown)}</text>'
            f'<line class="{css} whisker" x1="{x(interval.low):.1f}" y1="{middle}" '
            f'x2="{x(interval.high):.1f}" y2="{middle}"/>'
            f'<circle class="{css} dot" cx="{x(value):.1f}" cy="{middle}" r="6">'
            f"<title>{said}</title></circle>"
        )
    centre = (left + width - 24) / 2
    body += f'<text class="label" x="{centre}" y="{height - 8}" text-anchor="middle">{escape(label)}</text>'
    return _wrap(body, width, height, label)


@dataclass(frozen=True, slots=True)
class Point:
    """One mark of a scatter plot.

    Attributes:
        name: stands beside it.
        x: across, greater than 0: the axis is logarithmic.
        y: upwards.
        css: class that colours it.
    """

    name: str
    x: float
    y: float
    css: str


def scatter(points: Sequence[Point], x_label: str, y_label: str) -> str:
    """Draw points over a logarithmic axis, each with its name."""
    across = [math.log10(point.x) for point in points]
    left, right = min(across) - 0.15, max(across) + 0.45
    low, high = min(point.y for point in points), max(point.y for point in points)
    margin = 0.12 * (high - low) or max(0.1 * abs(high), 0.01)
    frame = _Frame(left, right, low - margin, high + margin, 900, 460)
    ticks = [
        (math.log10(m) + e, _short(m * 10.0**e))
        for e in range(math.floor(left), math.ceil(right) + 1)
        for m in (1, 2, 5)
        if left <= math.log10(m) + e <= right
    ]
    upward = [(tick, f"{tick:g}") for tick in _nice_ticks(low - margin, high + margin, 6)]
    body = frame.grid(ticks, upward, escape(x_label), escape(y_label))
    for point, place in zip(points, across, strict=True):
        x, y = frame.at(place, point.y)
        said = f"{escape(point.name)}: {_short(point.x)}, {point.y:.4g}"
        body += (
            f'<circle class="{point.css} dot" cx="{x}" cy="{y}" r="6"><title>{said}</title></circle>'
            f'<text class="tick" x="{x + 10}" y="{y + 4}">{escape(point.name)}</text>'
        )
    return frame.svg(body, f"{y_label} over {x_label}")


def standalone(svg: str) -> str:
    """Make a plot a file of its own, with its colours inside."""
    style = (
        resources.files("antispoof.evaluation").joinpath("templates/style.css").read_text(encoding="utf-8")
    )
    opening, _, rest = svg.partition(">")
    width, height = opening.partition('viewBox="0 0 ')[2].partition('"')[0].split()
    return (
        f'{opening} xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f"<style>{style}\nsvg text {{ font-family: system-ui, sans-serif; }}</style>"
        f'<rect width="{width}" height="{height}" fill="#fff"/>{rest}\n'
    )


def interval_bar(value: float, interval: Interval, most: float, css: str = "attack") -> str:
    """Draw a rate and its interval on a small axis from 0 to ``most``, for a table cell."""
    width, height = 130.0, 16.0
    if math.isnan(value):
        return ""

    def x(rate: float) -> float:
        return 5 + (width - 10) * min(rate / most, 1) if most else 5.0

    body = f'<line class="grid" x1="5" y1="8" x2="{width - 5}" y2="8"/>'
    if not math.isnan(interval.low):
        low, high = x(interval.low), x(interval.high)
        body += f'<line class="{css} whisker" x1="{low:.1f}" y1="8" x2="{high:.1f}" y2="8"/>'
    body += f'<circle class="{css} dot" cx="{x(value):.1f}" cy="8" r="4"/>'
    return f'<svg class="bar" viewBox="0 0 {width:g} {height:g}" aria-hidden="true">{body}</svg>'


class _Frame:
    """A plotting area with axes, and the way from data to pixels."""

    def __init__(self, left: float, right: float, bottom: float, top: float, width: int, height: int) -> None:
        self.left, self.right, self.bottom, self.top = left, right, bottom, top
        self.width, self.height = width, height
        self.inset = (66, 12, 24, 56)  # left, top, right, bottom, in pixels

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.left) / (self.right - self.left)
        up = (y - self.bottom) / (self.top - self.bottom)
        left, top, right, bottom = self.inset
        return (
            round(left + across * (self.width - left - right), 1),
            round(self.height - bottom - up * (self.height - top - bottom), 1),
        )

    def grid(
        self, across: Sequence[tuple[float, str]], up: Sequence[tuple[float, str]], x_label: str, y_label: str
    ) -> str:
        left, top, right, bottom = self.inset
        floor, wall = self.height - bottom, self.width - right
        parts = [f'<rect class="area" x="{left}" y="{top}" width="{wall - left}" height="{floor - top}"/>']
        last = -math.inf
        for value, text in across:
            x, _ = self.at(value, self.bottom)
            parts.append(f'<line class="grid" x1="{x}" y1="{top}" x2="{x}" y2="{floor}"/>')
            if x - last >= 36:  # labels must not run into each other
                parts.append(
                    f'<text class="tick" x="{x}" y="{floor + 18}" text-anchor="middle">{text}</text>'
                )
                last = x
        for value, text in up:
            _, y = self.at(self.left, value)
            parts.append(f'<line class="grid" x1="{left}" y1="{y}" x2="{wall}" y2="{y}"/>')
            parts.append(f'<text class="tick" x="{left - 8}" y="{y + 4}" text-anchor="end">{text}</text>')
        middle, centre = (top + floor) / 2, (left + wall) / 2
        turn = f"rotate(-90 14 {middle})"
        parts.append(
            f'<text class="label" x="{centre}" y="{self.height - 12}" text-anchor="middle">{x_label}</text>'
            f'<text class="label" x="14" y="{middle}" text-anchor="middle" transform="{turn}">'
            f"{y_label}</text>"
        )
        return "".join(parts)

    def clip(self, body: str) -> str:
        """Cut ``body`` off at the edges, by nesting a viewport that needs no id."""
        left, top, right, bottom = self.inset
        width, height = self.width - left - right, self.height - top - bottom
        return (
            f'<svg x="{left}" y="{top}" width="{width}" height="{height}" '
            f'viewBox="{left} {top} {width} {height}">{body}</svg>'
        )

    def svg(self, body: str, label: str) -> str:
        return _wrap(body, self.width, self.height, label)


def _curves(
    frame: _Frame,
    curves: Sequence[Curve],
    across: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    up: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> str:
    lines, dots = "", ""
    for each in reversed(curves):  # the first named lies on top
        index = thin(each.curve)
        xs, ys = across(each.curve.apcer[index]), up(each.curve.bpcer[index])
        points = dict.fromkeys(frame.at(float(x), float(y)) for x, y in zip(xs, ys, strict=True))
        path = "M" + "L".join(f"{x} {y}" for x, y in points)
        lines += f'<path class="{each.css} curve" d="{path}"><title>{escape(each.name)}</title></path>'
        if each.threshold is not None:
            at = each.curve.index(each.threshold)
            apcer, bpcer = each.curve.apcer[at : at + 1], each.curve.bpcer[at : at + 1]
            x, y = frame.at(float(across(apcer)[0]), float(up(bpcer)[0]))
            left, top, right, bottom = frame.inset
            x = min(max(x, left), frame.width - right)
            y = min(max(y, top), frame.height - bottom)
            rates = f"APCER {apcer[0]:.4f}, BPCER {bpcer[0]:.4f}"
            said = f"{escape(each.name)} at threshold {each.threshold:.6g}: {rates}"
            dots += f'<circle class="{each.css} dot" cx="{x}" cy="{y}" r="5"><title>{said}</title></circle>'
    return frame.clip(lines) + dots


def _split(start: float, end: float, threshold: float, genuine: bool) -> list[tuple[bool, float, float]]:
    """Cut a histogram bin at the threshold: (is it the wrong side, start, end)."""
    if end <= threshold or start >= threshold:
        return [((end <= threshold) == genuine, start, end)]
    return [(genuine, start, threshold), (not genuine, threshold, end)]


def _probit(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map rates to normal quantiles, 0 and 1 to ±6; by table, exact to a hundredth of a pixel."""
    grid = np.linspace(-6, 6, 4801)
    return np.interp(rates, _normal_cdf(grid), grid)


def _normal_cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray([math.erfc(-value / math.sqrt(2)) / 2 for value in x.tolist()])


def _nice_ticks(low: float, high: float, about: int) -> list[float]:
    raw = (high - low) / about
    magnitude = 10 ** math.floor(math.log10(raw))
    step = next(s * magnitude for s in (1, 2, 5, 10) if s * magnitude >= raw)
    first = math.ceil(low / step)
    return [round(k * step, 12) for k in range(first, math.floor(high / step) + 1)]


def _short(value: float) -> str:
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def _percent(rate: float) -> str:
    return f"{100 * rate:g} %"


def _wrap(body: str, width: int, height: int, label: str) -> str:
    box = f"0 0 {width} {height}"
    return f'<svg class="plot" viewBox="{box}" role="img" aria-label="{escape(label)}">{body}</svg>'
