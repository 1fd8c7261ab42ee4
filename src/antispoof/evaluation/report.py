"""Results as one HTML file that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

import math
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from antispoof.errors import MissingExtraError
from antispoof.evaluation import plots, wording
from antispoof.evaluation.comparison import Comparison, SystemResult
from antispoof.evaluation.confidence import Rate
from antispoof.evaluation.curve import ErrorCurve
from antispoof.evaluation.error_rates import LABELS, LOWER_IS_BETTER
from antispoof.evaluation.evaluation import Evaluation
from antispoof.evaluation.fairness import Fairness, GroupRates
from antispoof.evaluation.matrix import MARKS, Matrix
from antispoof.evaluation.provenance import Provenance
from antispoof.evaluation.thresholds import by_species

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["comparison_page", "evaluation_page", "matrix_page"]

_ROWS_OF_HISTOGRAMS = 12


def evaluation_page(result: Evaluation, provenance: Provenance) -> str:
    """Write one evaluation as an HTML page.

    Raises:
        MissingExtraError: Jinja or Matplotlib is not installed.
    """
    kinds = (*result.species, result.bona_fide)
    most = max((kind.errors.interval.high for kind in kinds if kind.errors.trials), default=1.0)
    curves, left_out = _curves_by_species(result)
    scores = by_species(result.scores)
    rows = [(kind.name, scores[kind.name], False) for kind in result.species if kind.name in scores]
    rows = rows[:_ROWS_OF_HISTOGRAMS]
    if len(result.scores.bona_fide):
        rows.insert(0, ("bona fide", result.scores.bona_fide, True))
    threshold = result.operating_point.threshold
    return _render(
        "evaluation.html",
        result=result,
        provenance=provenance,
        title=result.scores.name,
        kicker="evaluation",
        simulated=bool(result.scores.simulated.any()),
        clustered=f"by {result.cluster}" if result.cluster else "bootstrap",
        kinds=kinds,
        most=most,
        dashes=any(math.isnan(kind.clustered.low) for kind in kinds) and result.resamples > 0,
        left_out=left_out,
        trade_off=_trade_off(curves) if curves else "",
        histograms=_drawn(plots.histograms(rows, threshold), "Histograms of scores by kind of presentation")
        if rows
        else "",
        reliability=_drawn(plots.reliability_diagram(result.calibration.reliability), "Reliability diagram")
        if result.calibration
        else "",
        species_of=_species_of,
        rates_of=_rates_of,
        ratio=lambda value: "–" if math.isnan(value) else f"{value:.2f}",
    )


def comparison_page(result: Comparison, provenance: Provenance) -> str:
    """Write one comparison as an HTML page.

    Raises:
        MissingExtraError: Jinja or Matplotlib is not installed.
    """
    curves = [
        plots.Curve(system.name, system.curve, system.operating_point.threshold, _colour(k))
        for k, system in enumerate(result.systems)
    ]

    def defined(name: str) -> bool:
        return not all(math.isnan(system.figures[name].value) for system in result.systems)

    return _render(
        "comparison.html",
        result=result,
        provenance=provenance,
        title=" · ".join(system.name for system in result.systems),
        kicker="comparison",
        simulated=bool(result.scores.simulated.any()),
        lead=_compared_in_words(result),
        trade_off=_trade_off(curves),
        defined=defined,
        sure=_sure,
    )


def matrix_page(result: Matrix, provenance: Provenance) -> str:
    """Write one train × test matrix as an HTML page.

    Raises:
        MissingExtraError: Jinja or Matplotlib is not installed.
    """
    values = [cell.value for cell in result.cells.values() if not math.isnan(cell.value)] or [0.0]
    low, high = min(values), max(values)

    def shade(value: float) -> str:
        if math.isnan(value):
            return "none"
        badness = (value - low) / (high - low) if high > low else 0.0
        badness = badness if LOWER_IS_BETTER[result.figure] else 1 - badness
        return f"rgba(194, 65, 12, {0.03 + 0.37 * badness:.2f})"

    return _render(
        "matrix.html",
        result=result,
        provenance=provenance,
        title=f"{LABELS[result.figure]} across datasets",
        kicker="train × test",
        simulated=result.simulated,
        shade=shade,
        notes=sorted({cell.note for cell in result.cells.values()} - {""}),
        marks=MARKS,
    )


def _curves_by_species(result: Evaluation) -> tuple[list[plots.Curve], int]:
    """All species pooled in front, and the worst ones each alone behind it."""
    if result.curve is None:
        return [], 0
    threshold = result.operating_point.threshold
    scores, bona_fide = by_species(result.scores), result.scores.bona_fide
    if len(scores) == 1:
        return [plots.Curve(next(iter(scores)), result.curve, threshold, _colour(0))], 0
    named = [kind.name for kind in result.species if kind.name in scores]
    curves = [plots.Curve("all species pooled", result.curve, threshold)]
    for k, name in enumerate(named[: len(plots.COLOURS)]):
        alone = ErrorCurve.of(bona_fide, scores[name])
        curves.append(plots.Curve(name, alone, threshold if not k else None, _colour(k + 1)))
    return curves, max(0, len(named) - len(plots.COLOURS))


def _colour(number: int) -> str:
    return plots.COLOURS[number % len(plots.COLOURS)]


def _trade_off(curves: list[plots.Curve]) -> Any:
    return _drawn(plots.trade_off(curves), "Detection error trade-off and receiver operating characteristic")


def _drawn(figure: Figure, label: str) -> Any:
    return _safe(plots.inline_svg(figure, label))


def _species_of(found: Fairness) -> list[str]:
    return list(dict.fromkeys(name for group in found.groups for name in group.apcer))


def _rates_of(found: Fairness, group: GroupRates) -> list[Rate | None]:
    return [group.bpcer, *(group.apcer.get(name) for name in _species_of(found))]


def _sure(system: SystemResult, name: str) -> bool:
    if name not in system.differences:
        return False
    interval = system.differences[name].interval
    return not math.isnan(interval.low) and 0.0 not in interval


def _compared_in_words(result: Comparison) -> str:
    """Say for each system whether its D-EER is surely lower, surely higher, or not to be told apart."""
    said = []
    for system in result.systems[1:]:
        estimate = system.differences["d_eer"]
        verdict = "cannot be told apart from the baseline by D-EER"
        if _sure(system, "d_eer"):
            verdict = f"has a {'lower' if estimate.value < 0 else 'higher'} D-EER than the baseline"
        said.append(f"{system.name} {verdict}: {wording.difference('d_eer', estimate)} percentage points.")
    return " ".join(said)


def _render(template: str, **values: Any) -> str:
    try:
        import jinja2
    except ImportError:
        raise MissingExtraError("the HTML report", "report") from None
    folder = files("antispoof.evaluation") / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (folder / name).read_text("utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        finalize=lambda value: value.replace(" %", "\u00a0%") if isinstance(value, str) else value,
    )
    style = _safe((folder / "style.css").read_text("utf-8"))
    page = environment.get_template(template).render(style=style, labels=LABELS, w=wording, **values)
    return page + "\n"


def _safe(markup: str) -> Any:
    """Mark text that this package made as HTML; names inside it are escaped already."""
    try:
        from markupsafe import Markup
    except ImportError:
        raise MissingExtraError("the HTML report", "report") from None
    return Markup(markup)
