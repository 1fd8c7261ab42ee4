"""Results as tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from antispoof.evaluation import wording
from antispoof.evaluation.ablation import FEWEST_SEEDS, FULL, Ablation
from antispoof.evaluation.comparison import Comparison
from antispoof.evaluation.error_rates import LABELS
from antispoof.evaluation.evaluation import Estimate, Evaluation, Kind, Tandem
from antispoof.evaluation.fairness import SMALLEST_GROUP, Fairness
from antispoof.evaluation.matrix import MARKS, NO_RATE, Matrix
from antispoof.evaluation.terminal import fits, say, table

__all__ = ["print_ablation", "print_comparison", "print_evaluation", "print_matrix"]

_SIMULATED = " (simulated)"
_MOST_PAIRS = 3  # of one training dataset, to be listed
_COMPARED = ("max_apcer", "bpcer", "d_eer", "auc", "bpcer10", "bpcer20", "bpcer100", "hter", "min_dcf")


def print_evaluation(console: Console, result: Evaluation) -> None:
    """Print one evaluation: what was tested, the headline, the figures, the warnings."""
    mark = _SIMULATED if result.scores.simulated.any() else ""
    say(console, f"[bold]{escape(result.scores.name)}[/bold]{mark}: {wording.tested(result)}")
    say(console, escape(wording.decided_at(result)))
    say(console, f"[bold]{escape(wording.headline(result))}[/bold]\n")
    clustered = f"95 % by {result.cluster}" if result.cluster else "95 % bootstrap"
    silent = ("NRR",) if not result.scores.is_response.all() else ()
    title = f"APCER by species, and BPCER, at the threshold{mark}; 95 % intervals"
    shown = table(title, "kind", "wrong/all", "rate", "exact", clustered.removeprefix("95 % "), *silent)
    for kind in (*result.species, result.bona_fide):
        shown.add_row(*_kind_cells(kind, bool(result.scores.simulated.all()))[: len(shown.columns)])
    console.print(shown)
    for kind in (*result.species[:1], result.bona_fide):
        if kind.errors.trials:
            verb = "were rejected" if kind is result.bona_fide else "passed"
            say(console, f"{escape(kind.name)}: {kind.errors.in_words(verb)}")
    console.print()
    shown = table(f"Figures{mark}", "figure", "value", clustered, "note", words=("note",))
    for name, estimate in result.figures.items():
        ends = wording.interval(name, estimate.interval)
        shown.add_row(LABELS[name], wording.figure(name, estimate.value), ends, escape(estimate.note))
    if result.calibration is not None:
        shown.add_row(
            "min Cllr", wording.number(result.calibration.min_cllr), "", "after the best recalibration"
        )
    console.print(shown)
    if result.tandem is not None:
        _print_tandem(console, result.tandem, mark)
    for found in result.fairness:
        _print_fairness(console, found, mark)
    _print_warnings(console, result.warnings)


def print_comparison(console: Console, result: Comparison) -> None:
    """Print a comparison: every figure of every system, and its difference from the baseline."""
    mark = _SIMULATED if result.scores.simulated.any() else ""
    names = [system.name for system in result.systems]
    say(
        console,
        f"[bold]{escape(' · '.join(names))}[/bold]{mark}: {len(result.scores):,} presentations each, "
        f"baseline {escape(result.baseline)}",
    )
    for system in result.systems:
        point = system.operating_point
        how = f"{point.rule} on {point.source}" if point.source else "as given"
        say(console, f"  {escape(system.name)}: threshold {point.threshold:.6g}, {escape(how)}")
    shown = table(
        f"Figures{mark}", "figure", "system", "value", "− baseline", "paired 95 %", words=("system",)
    )
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
            shown.add_row(LABELS[label] if first else "", *cells, end_section=system is result.systems[-1])
    console.print(shown)
    say(console, "* the interval leaves out 0. Rates differ in percentage points. All in --html, --json.\n")
    if result.disagreements:
        title = f"Where decisions differ most from {result.baseline}{mark}"
        shown = table(
            title,
            "system",
            "on",
            "differ",
            "only it\nis right",
            "only baseline\nis right",
            "p",
            words=("system", "on"),
        )
        for each in result.disagreements:
            share = f"{wording.percent(each.differing.value)}\nof {each.differing.trials:,}"
            right = f"{each.only_system_right:,}", f"{each.only_baseline_right:,}"
            shown.add_row(escape(each.system), escape(each.group), share, *right, f"{each.p_value:.1g}")
        console.print(shown)
    _print_warnings(console, result.warnings)


def print_matrix(console: Console, result: Matrix) -> None:
    """Print a train × test matrix with the mean and the worst of every row.

    Where that is too wide, the pairs are listed, or, where they are many, one row is printed for each
    training dataset.
    """
    name = result.figure
    title = f"{LABELS[name]}{_SIMULATED if result.simulated else ''}"
    crossed = _crossed(result, f"{title}, train ↓ test →")
    if fits(console, crossed):
        console.print(crossed)
    elif len(result.cells) <= _MOST_PAIRS * len(result.train):
        console.print(_pairs(result, title))
    else:
        console.print(_rows(result, title))
        say(console, f"  all {len(result.cells)} pairs: antispoof compare --matrix, with --html or --json")
    if (overall := result.overall) is not None:
        which = "the other" if any(cell.note == NO_RATE for cell in result.cells.values()) else "all"
        few = f"; {result.few} of them †" if result.few else ""
        say(
            console,
            f"  over {which} unseen pairs: mean {wording.figure(name, overall.mean)}, "
            f"worst {wording.figure(name, overall.worst)} "
            f"(trained on {escape(overall.where[0])}, tested on {escape(overall.where[1])}){few}",
        )
    for note, mark in MARKS.items():
        if any(estimate.note == note for estimate in result.cells.values()):
            say(console, f"  {mark} {note}")
    _print_warnings(console, result.warnings)


def _crossed(result: Matrix, title: str) -> Table:
    shown = table(title, "", *result.test, "mean unseen", "worst unseen")
    for train in result.train:
        cells = [
            "\n".join(filter(None, _cell(result, estimate))) if estimate is not None else ""
            for estimate in (result.cells.get((train, test)) for test in result.test)
        ]
        if (row := result.rows.get(train)) is not None:
            cells += [wording.figure(result.figure, row.mean), wording.figure(result.figure, row.worst)]
        shown.add_row(escape(train), *cells)
    return shown


def _pairs(result: Matrix, title: str) -> Table:
    shown = table(title, "train", "test", LABELS[result.figure], "95 %", words=("test",))
    for (train, test), estimate in result.cells.items():
        shown.add_row(escape(train), escape(test), *_cell(result, estimate))
    return shown


def _rows(result: Matrix, title: str) -> Table:
    shown = table(f"{title}, unseen test sets", "train", "mean", "worst", "worst on", words=("worst on",))
    for train, row in result.rows.items():
        figures = wording.figure(result.figure, row.mean), wording.figure(result.figure, row.worst)
        shown.add_row(escape(train), *figures, escape(row.where[1]))
    return shown


def _cell(result: Matrix, estimate: Estimate) -> tuple[str, str]:
    mark = f" {MARKS[estimate.note]}" if estimate.note in MARKS else ""
    ends = wording.interval(result.figure, estimate.interval)
    return wording.figure(result.figure, estimate.value) + mark, ends


def print_ablation(console: Console, result: Ablation) -> None:
    """Print an ablation: every variant beside the full system."""
    mark = _SIMULATED if result.simulated else ""
    name = result.figure
    better = "lower" if result.lower_is_better else "higher"
    seeds = wording.counted(len(result.seeds), "seed")
    title = f"{LABELS[name]}{mark}, {seeds}; {better} is better"
    columns = ("variant", "mean", "of the seeds", "difference", "95 %", "")
    shown = table(title, *columns, words=("of the seeds", ""))
    full = math.fsum(result.full) / len(result.full)
    spread = " ".join(wording.figure(name, value).replace(" ", "\u00a0") for value in result.full)
    shown.add_row(FULL, wording.figure(name, full), spread, "", "", "")
    for one in result.contributions:
        worse = (one.difference > 0) == result.lower_is_better
        shown.add_row(
            escape(one.name),
            wording.figure(name, one.mean),
            " ".join(wording.figure(name, value).replace(" ", "\u00a0") for value in one.values),
            wording.signed(name, one.difference),
            wording.ends(name, one.interval) or "none",
            ("worse" if worse else "better") if one.clear else "not clear",
        )
    console.print(shown)
    if len(result.seeds) < FEWEST_SEEDS:
        say(console, f"  {seeds}: too few for an interval; {FEWEST_SEEDS} or more give one")


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
    shown = table(f"With the verification system{mark}", "figure", "value")
    shown.add_row("ASV EER (target against nontarget)", wording.percent(joint.asv_eer))
    shown.add_row("min t-DCF, ASVspoof 2019 (legacy)", wording.number(joint.min_t_dcf_2019))
    shown.add_row("min t-DCF, ASVspoof 5", wording.number(joint.min_t_dcf_asvspoof5))
    shown.add_row("t-EER, concurrent", wording.percent(joint.t_eer))
    shown.add_row("min a-DCF of the verification score alone", wording.number(joint.min_a_dcf))
    if joint.full_system is not None:
        shown.add_row("full system FRR", wording.of_all(joint.full_system.frr))
        if joint.full_system.far is not None:
            shown.add_row("full system FAR", wording.of_all(joint.full_system.far))
        for species, rate in joint.full_system.iapar.items():
            relative = wording.percent(joint.full_system.riapar(species))
            shown.add_row(f"IAPAR {escape(species)} (RIAPAR)", f"{wording.of_all(rate)} ({relative})")
    console.print(shown)
    if joint.note:
        say(console, f"  {escape(joint.note)}")


def _print_fairness(console: Console, found: Fairness, mark: str) -> None:
    species = list(dict.fromkeys(name for group in found.groups for name in group.apcer))
    rates = ("BPCER", *(f"APCER {name}" for name in species))
    title = f"By {found.attribute}{mark}"
    shown = table(title, found.attribute, *rates)
    listed = table(title, found.attribute, "rate of", "wrong/all", "rate", "95 % exact", words=("rate of",))
    for group in found.groups:
        cells = []
        for name, rate in zip(rates, (group.bpcer, *map(group.apcer.get, species)), strict=True):
            if rate is None or not rate.trials:
                cells.append("–")
                continue
            value = wording.percent(rate.value) + (" †" if rate.trials < SMALLEST_GROUP else "")
            ends = wording.interval("bpcer", rate.interval)
            cells.append(f"{value}\n{ends}")
            counts = f"{rate.errors:,}/{rate.trials:,}"
            listed.add_row("" if len(cells) > 1 else escape(group.name), escape(name), counts, value, ends)
        shown.add_row(escape(group.name), *cells)
        listed.add_section()
    console.print(shown if fits(console, shown) else listed)
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
            say(console, f"  {escape(each.rate)}: no difference")
            continue
        where = f"worst {escape(each.worst)}, best {escape(each.best)}"
        say(console, f"  {escape(each.rate)}: {where}, gap {gap}; {said}")
    if not math.isnan(found.fdr):
        fdr, garbe = wording.number(found.fdr), wording.number(found.garbe)
        say(console, f"  FDR {fdr} (1 is fair), GARBE {garbe} (0 is fair), both with α = 0.5")
    if any(group.small for group in found.groups):
        console.print(f"  † fewer than {SMALLEST_GROUP} presentations: reported, not ranked")
    console.print()


def _print_warnings(console: Console, warnings: Iterable[str]) -> None:
    for warning in warnings:
        say(console, f"[yellow]![/yellow] {escape(warning)}")
