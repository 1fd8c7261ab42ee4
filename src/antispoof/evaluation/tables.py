"""Results as tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from antispoof.evaluation import wording
from antispoof.evaluation.ablation import FULL, Ablation
from antispoof.evaluation.comparison import Comparison
from antispoof.evaluation.error_rates import LABELS
from antispoof.evaluation.evaluation import Evaluation, Kind, Tandem
from antispoof.evaluation.fairness import Fairness
from antispoof.evaluation.matrix import Matrix

__all__ = ["print_ablation", "print_comparison", "print_evaluation", "print_matrix"]

_SIMULATED = " (simulated)"
_WORDS = frozenset({"note", "on", "system"})
_COMPARED = ("max_apcer", "bpcer", "d_eer", "auc", "bpcer10", "bpcer20", "bpcer100", "hter", "min_dcf")


def print_evaluation(console: Console, result: Evaluation) -> None:
    """Print one evaluation: what was tested, the headline, the figures, the warnings."""
    mark = _SIMULATED if result.scores.simulated.any() else ""
    _say(console, f"[bold]{escape(result.scores.name)}[/bold]{mark}: {wording.tested(result)}")
    _say(console, escape(wording.decided_at(result)))
    _say(console, f"[bold]{escape(wording.headline(result))}[/bold]\n")
    clustered = f"95 % by {result.cluster}" if result.cluster else "95 % bootstrap"
    silent = ("NRR",) if not result.scores.is_response.all() else ()
    title = f"APCER by species, and BPCER, at the threshold{mark}; 95 % intervals"
    table = _table(title, "kind", "wrong/all", "rate", "exact", clustered.removeprefix("95 % "), *silent)
    for kind in (*result.species, result.bona_fide):
        table.add_row(*_kind_cells(kind, bool(result.scores.simulated.all()))[: len(table.columns)])
    console.print(table)
    for kind in (*result.species[:1], result.bona_fide):
        if kind.errors.trials:
            verb = "were rejected" if kind is result.bona_fide else "passed"
            _say(console, f"{escape(kind.name)}: {kind.errors.in_words(verb)}")
    console.print()
    table = _table(f"Figures{mark}", "figure", "value", clustered, "note")
    for name, estimate in result.figures.items():
        ends = wording.interval(name, estimate.interval)
        table.add_row(LABELS[name], wording.figure(name, estimate.value), ends, escape(estimate.note))
    if result.calibration is not None:
        table.add_row(
            "min Cllr", wording.number(result.calibration.min_cllr), "", "after the best recalibration"
        )
    console.print(table)
    if result.tandem is not None:
        _print_tandem(console, result.tandem, mark)
    for found in result.fairness:
        _print_fairness(console, found, mark)
    _print_warnings(console, result.warnings)


def print_comparison(console: Console, result: Comparison) -> None:
    """Print a comparison: every figure of every system, and its difference from the baseline."""
    mark = _SIMULATED if result.scores.simulated.any() else ""
    names = [system.name for system in result.systems]
    console.print(
        f"[bold]{escape(' · '.join(names))}[/bold]{mark}: {len(result.scores):,} presentations each, "
        f"baseline {escape(result.baseline)}"
    )
    for system in result.systems:
        point = system.operating_point
        how = f"{point.rule} on {point.source}" if point.source else "as given"
        console.print(f"  {escape(system.name)}: threshold {point.threshold:.6g}, {escape(how)}")
    table = _table(f"Figures{mark}", "figure", "system", "value", "− baseline", "paired 95 %")
    for label in _COMPARED:
        if all(math.isnan(system.figures[label].value) for system in result.systems):
            continue
        for system in result.systems:
            cells = [escape(system.name), wording.figure(label, system.figures[label].value)]
            if label in system.differences:
                estimate = system.differences[label]
                sure = not math.isnan(estimate.interval.low) and 0.0 not in estimate.interval
                cells += [
                    wording.signed(label, estimate.value),
                    wording.ends(label, estimate.interval) + " *" * sure,
                ]
            first = system is result.systems[0]
            table.add_row(LABELS[label] if first else "", *cells, end_section=system is result.systems[-1])
    console.print(table)
    _say(console, "* the interval leaves out 0. Rates differ in percentage points. All in --html, --json.\n")
    if result.disagreements:
        title = f"Where decisions differ most from {result.baseline}{mark}"
        table = _table(title, "system", "on", "differ", "only it\nis right", "only baseline\nis right", "p")
        for each in result.disagreements:
            share = f"{wording.percent(each.differing.value)}\nof {each.differing.trials:,}"
            right = f"{each.only_system_right:,}", f"{each.only_baseline_right:,}"
            table.add_row(escape(each.system), escape(each.group), share, *right, f"{each.p_value:.1g}")
        console.print(table)
    _print_warnings(console, result.warnings)


def print_matrix(console: Console, result: Matrix) -> None:
    """Print a train × test matrix with the mean and the worst of every row."""
    mark = _SIMULATED if result.simulated else ""
    table = _table(
        f"{LABELS[result.figure]}{mark}, train ↓ test →", "", *result.test, "mean unseen", "worst unseen"
    )
    for train in result.train:
        cells = []
        for test in result.test:
            cell = ""
            if (estimate := result.cells.get((train, test))) is not None:
                ends = wording.interval(result.figure, estimate.interval)
                cell = wording.figure(result.figure, estimate.value) + (f"\n{ends}" if ends else "")
            cells.append(cell)
        if (row := result.rows.get(train)) is not None:
            cells += [wording.figure(result.figure, row.mean), wording.figure(result.figure, row.worst)]
        table.add_row(escape(train), *cells)
    console.print(table)
    overall = result.overall
    console.print(
        f"  over all unseen pairs: mean {wording.figure(result.figure, overall.mean)}, "
        f"worst {wording.figure(result.figure, overall.worst)} "
        f"(trained on {escape(overall.where[0])}, tested on {escape(overall.where[1])})"
    )


def print_ablation(console: Console, result: Ablation) -> None:
    """Print an ablation: every variant beside the full system."""
    mark = _SIMULATED if result.simulated else ""
    name = result.figure
    better = "lower" if result.lower_is_better else "higher"
    title = f"{LABELS[name]}{mark}, {len(result.seeds)} seeds; {better} is better"
    table = _table(title, "variant", "mean", "of the seeds", "difference", "95 %", "")
    full = math.fsum(result.full) / len(result.full)
    spread = " ".join(wording.figure(name, value) for value in result.full)
    table.add_row(FULL, wording.figure(name, full), spread, "", "", "")
    for one in result.contributions:
        worse = (one.difference > 0) == result.lower_is_better
        table.add_row(
            escape(one.name),
            wording.figure(name, one.mean),
            " ".join(wording.figure(name, value) for value in one.values),
            wording.signed(name, one.difference),
            f"{wording.signed(name, one.interval.low)} … {wording.signed(name, one.interval.high)}",
            ("worse" if worse else "better") if one.clear else "not clear",
        )
    console.print(table)


def _kind_cells(kind: Kind, all_simulated: bool) -> tuple[str, ...]:
    some = kind.simulated and not all_simulated
    name = kind.name + (f" ({kind.simulated:,} simulated)" if some else "")
    return (
        escape(name),
        f"{kind.errors.errors:,}/{kind.errors.trials:,}",
        wording.percent(kind.errors.value),
        wording.interval("bpcer", kind.errors.interval),
        wording.interval("bpcer", kind.clustered) or "–",
        wording.percent(kind.non_responses.value),
    )


def _print_tandem(console: Console, joint: Tandem, mark: str) -> None:
    table = _table(f"With the verification system{mark}", "figure", "value")
    table.add_row("ASV EER (target against nontarget)", wording.percent(joint.asv_eer))
    table.add_row("min t-DCF, ASVspoof 2019 (legacy)", wording.number(joint.min_t_dcf_2019))
    table.add_row("min t-DCF, ASVspoof 5", wording.number(joint.min_t_dcf_asvspoof5))
    table.add_row("t-EER, concurrent", wording.percent(joint.t_eer))
    table.add_row("min a-DCF of the verification score alone", wording.number(joint.min_a_dcf))
    if joint.full_system is not None:
        table.add_row("full system FRR", wording.of_all(joint.full_system.frr))
        if joint.full_system.far is not None:
            table.add_row("full system FAR", wording.of_all(joint.full_system.far))
        for species, rate in joint.full_system.iapar.items():
            relative = wording.percent(joint.full_system.riapar(species))
            table.add_row(f"IAPAR {escape(species)} (RIAPAR)", f"{wording.of_all(rate)} ({relative})")
    console.print(table)
    if joint.note:
        _say(console, f"  {escape(joint.note)}")


def _print_fairness(console: Console, found: Fairness, mark: str) -> None:
    species = list(dict.fromkeys(name for group in found.groups for name in group.apcer))
    table = _table(
        f"By {found.attribute}{mark}", found.attribute, "BPCER", *(f"APCER {name}" for name in species)
    )
    for group in found.groups:
        rates = [group.bpcer, *(group.apcer.get(name) for name in species)]
        cells = []
        for rate in rates:
            if rate is None or not rate.trials:
                cells.append("–")
                continue
            small = " †" if rate.trials < 30 else ""
            cells.append(f"{wording.percent(rate.value)}{small}\n{wording.interval('bpcer', rate.interval)}")
        table.add_row(escape(group.name), *cells)
    console.print(table)
    for each in found.differentials:
        ratios = [
            f"worst/{what} {value:.2f}"
            for what, value in (
                ("best", each.worst_to_best),
                ("geometric mean", each.worst_to_geometric_mean),
            )
            if not math.isnan(value)
        ]
        said = ", ".join(ratios) if ratios else "no ratio, as a group has no error"
        gap = f"{100 * each.gap:.2f} points"
        if not each.gap:
            _say(console, f"  {escape(each.rate)}: no difference")
            continue
        where = f"worst {escape(each.worst)}, best {escape(each.best)}"
        _say(console, f"  {escape(each.rate)}: {where}, gap {gap}; {said}")
    if not math.isnan(found.fdr):
        fdr, garbe = wording.number(found.fdr), wording.number(found.garbe)
        _say(console, f"  FDR {fdr} (1 is fair), GARBE {garbe} (0 is fair), both with α = 0.5")
    if any(group.small for group in found.groups):
        console.print("  † fewer than 30 presentations: reported, not ranked")
    console.print()


def _print_warnings(console: Console, warnings: Iterable[str]) -> None:
    for warning in warnings:
        _say(console, f"[yellow]![/yellow] {escape(warning)}")


def _say(console: Console, sentence: str) -> None:
    """Print a sentence, leaving the line breaks to the terminal."""
    console.print(sentence, soft_wrap=True)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=escape(title), title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for k, column in enumerate(columns):
        words = not k or column in _WORDS
        table.add_column(escape(column), justify="left" if words else "right", no_wrap=not words)
    return table
