"""Plots: what is drawn is what was counted, in files that open anywhere."""

from __future__ import annotations

import math
import re
import sys
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from antispoof.errors import InputError, MissingExtraError
from antispoof.evaluation import plots
from antispoof.evaluation.calibration_quality import reliability
from antispoof.evaluation.confidence import Interval
from antispoof.evaluation.curve import ErrorCurve

RANDOM = np.random.default_rng(0)
BONA_FIDE, ATTACK = RANDOM.normal(1.5, 1, 300), RANDOM.normal(-1.5, 1, 200)
CURVE = ErrorCurve.of(BONA_FIDE, ATTACK)
ODD_NAMES = ("$x^2 $ and \\frac", "_hidden", "<b>&amp;</b>", "打印", "bell\x07", "a_very_long_name_" * 8)


def every_kind_of_plot(*names: str) -> dict[str, Any]:
    return {
        "trade_off": plots.trade_off([plots.Curve(name, CURVE, 0.1) for name in names]),
        "histograms": plots.histograms([(name, ATTACK, False) for name in names], 0.0),
        "rates": plots.rates_over_threshold(BONA_FIDE, dict.fromkeys(names, ATTACK), 0.0),
        "reliability": plots.reliability_diagram(reliability(BONA_FIDE, ATTACK)),
        "differences": plots.differences(
            [(name, 0.1, Interval(math.nan, math.nan)) for name in names], "D-EER", True
        ),
        "scatter": plots.scatter([plots.Point(name, 1e6, 0.1) for name in names], "cost", "D-EER"),
    }


def letters(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_any_name_is_drawn_whole() -> None:
    for kind, figure in every_kind_of_plot(*ODD_NAMES).items():
        element = plots.inline_svg(figure, f'{kind} of "these" & others')
        read = xml.etree.ElementTree.fromstring(element)
        assert read.get("aria-label") == f'{kind} of "these" & others'
        assert not re.search(r'href="[^#]|url\([^#]|<image', element)
        for name in ODD_NAMES if kind != "reliability" else ():
            assert letters(name.replace("\x07", "")) in letters("".join(read.itertext())), kind


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        plots.save(every_kind_of_plot("x")["trade_off"], tmp_path / f"{name}.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    plots.save(every_kind_of_plot("x")["scatter"], tmp_path / "c.PNG")
    assert (tmp_path / "c.PNG").read_bytes().startswith(b"\x89PNG")


def test_other_endings_and_places_are_refused(tmp_path: Path) -> None:
    figure = every_kind_of_plot("x")["scatter"]
    with pytest.raises(InputError, match=r"written as \.svg or \.png, got .*a\.pdf"):
        plots.save(figure, tmp_path / "a.pdf")
    with pytest.raises(InputError, match=r"cannot write .*: No such file"):
        plots.save(figure, tmp_path / "absent" / "a.svg")


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for call in (plots.check_target, lambda: plots.histograms([("a", ATTACK, False)], 0.0)):
        with pytest.raises(MissingExtraError, match=r"pip install .*\[report\]"):
            call()


def test_the_curve_and_its_dot_stand_at_the_rates() -> None:
    det, roc = plots.trade_off([plots.Curve("x", CURVE, 0.1)]).axes
    at = CURVE.index(0.1)
    apcer, bpcer = (ATTACK >= 0.1).mean(), (BONA_FIDE < 0.1).mean()
    assert (CURVE.apcer[at], CURVE.bpcer[at]) == pytest.approx((apcer, bpcer))
    line, dot = det.lines[:2]
    assert np.array(dot.get_xydata()) == pytest.approx(norm.ppf([[apcer, bpcer]]))
    assert np.array(roc.lines[1].get_xydata()) == pytest.approx(np.array([[apcer, 1 - bpcer]]))
    drawn = {tuple(point) for point in norm.cdf(line.get_xydata()[2:-2]).round(6).tolist()}
    counted = {((t <= ATTACK).mean().round(6), (t > BONA_FIDE).mean().round(6)) for t in CURVE.thresholds}
    assert len(drawn) > 50
    assert len(drawn - counted) <= 2  # the ends, at ±6


def test_bars_of_full_colour_are_the_errors() -> None:
    figure = plots.histograms([("bona fide", BONA_FIDE, True), ("print", ATTACK, False)], 0.25)
    counts = [[patch.get_data().values.sum() for patch in axes.patches] for axes in figure.axes]
    below, above = int((BONA_FIDE < 0.25).sum()), int((ATTACK >= 0.25).sum())
    assert counts == [[300 - below, below], [200 - above, above]]


def test_rates_over_the_threshold_are_those_that_were_counted() -> None:
    figure = plots.rates_over_threshold(BONA_FIDE, {"print": ATTACK, "mask": ATTACK + 1}, 0.25)
    bpcer, print_, mask, at = figure.axes[0].lines
    for line, scores, bona_fide in (
        (bpcer, BONA_FIDE, True),
        (print_, ATTACK, False),
        (mask, ATTACK + 1, False),
    ):
        across, up = line.get_xydata().T
        expected = [(scores < t).mean() if bona_fide else (scores >= t).mean() for t in across]
        np.testing.assert_allclose(up, expected)
    assert list(at.get_xdata()) == [0.25, 0.25]


def test_a_thinned_curve_draws_the_same_line() -> None:
    curve = ErrorCurve.of(RANDOM.normal(1, 1, 20_000), RANDOM.normal(-1, 1, 20_000))
    index = curve.thinned()
    assert len(index) < 600
    assert (index[0], index[-1]) == (0, len(curve.thresholds))
    across, up = (norm.ppf(rates).clip(-6, 6) for rates in (curve.apcer[index], curve.bpcer[index]))
    leaps = np.abs(np.diff(across)) + np.abs(np.diff(up))
    # Both rates move one way, so a short leap hides nothing; a long one is a step that the data itself makes.
    assert all(
        leap < 0.1 or after == before + 1
        for leap, before, after in zip(leaps, index, index[1:], strict=False)
    )
