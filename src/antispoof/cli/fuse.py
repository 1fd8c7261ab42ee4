"""`antispoof fuse`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antispoof.cli.app import app, command_line, progress_bar
from antispoof.cli.evaluate import Resamples, RuleText, Seed, named, read_scores
from antispoof.cli.output import HtmlPath, JsonPath, deliver, table_path
from antispoof.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from antispoof.evaluation import ScoreSet
    from antispoof.evaluation.comparison import Comparison, SystemResult
    from antispoof.studies.fused_scores import FusedSystems


CalibrationName = Annotated[
    str, typer.Option(help="logistic, isotonic, robust, or best: the cheapest on held-out dev scores.")
]


@app.command("fuse")
def fuse_files(
    scores: Annotated[
        list[str] | None,
        typer.Argument(
            help="Score files of the same presentations, as path or name=path.", show_default=False
        ),
    ] = None,
    dev: Annotated[
        list[Path] | None,
        typer.Option(help="Development scores, once for each system in the same order.", show_default=False),
    ] = None,
    dev_share: Annotated[
        float | None,
        typer.Option(
            help="Without --dev: share of subjects (or ids) to fit on, chosen by a hash.", show_default=False
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="Fusion rule; repeatable; default: all of them, compared.", show_default=False),
    ] = None,
    calibration: CalibrationName = "best",
    at: RuleText = "EER",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Write the fused test scores (one --method).",
            show_default=False,
            callback=table_path,
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Write what was fitted, as JSON (one --method).", show_default=False)
    ] = None,
    resamples: Resamples = 1000,
    seed: Seed = 0,
    json: JsonPath = None,
    html: HtmlPath = None,
) -> None:
    """Fuse the scores of several systems: fit on dev, apply to test, compare every rule with the best system.

    Each file has the columns of antispoof evaluate; a column quality (0 to 1) is side information.
    """
    from rich.console import Console

    from antispoof.evaluation import compare
    from antispoof.evaluation.provenance import Provenance
    from antispoof.evaluation.records import comparison_record, to_json
    from antispoof.evaluation.report import comparison_page
    from antispoof.scores.fusion import fusions
    from antispoof.studies.fused_scores import fuse_scores, split_by_hash, write_fusion

    paths = named(scores or [])
    if len(paths) < 2:
        raise InputError(
            "name two score files or more, as in: antispoof fuse face.csv voice.csv --dev-share 0.5"
        )
    if bool(dev) == (dev_share is not None):
        raise InputError(
            "say what to fit on: --dev once for each system, or --dev-share 0.5 to split the files"
        )
    if dev and len(dev) != len(paths):
        raise InputError(f"--dev is given {len(dev)} times for {len(paths)} systems; give each its own")
    if (out or save) and len(method or []) != 1:
        raise InputError("--out and --save belong to one rule: name it with --method")
    test = {name: read_scores(path, cautions=True) for name, path in paths.items()}
    if dev:
        pairs = zip(paths, dev, strict=True)
        development = {name: read_scores(path, cautions=True) for name, path in pairs}
    else:
        halves = {name: split_by_hash(whole, dev_share or 0.0) for name, whole in test.items()}
        development = {name: half[0] for name, half in halves.items()}
        test = {name: half[1] for name, half in halves.items()}
    with progress_bar("fusing", len(method or fusions)) as advance:
        fused = fuse_scores(
            test, development, rules=method or (), calibration=calibration, at=at, tick=advance
        )
    with progress_bar("resampling", resamples) as advance:
        result = compare(
            fused.test,
            dev=fused.dev,
            baseline=fused.best_single,
            at=at,
            resamples=resamples,
            seed=seed,
            tick=advance,
        )
    made = Provenance.of(command_line(), [*(dev or []), *paths.values()])
    if str(json) != "-":
        _print_fused(Console(highlight=False), fused, result, next(iter(development.values())))
    deliver(
        json,
        html,
        lambda: to_json(comparison_record(result, made)),
        lambda: comparison_page(result, made),
    )
    if out is not None:
        fused.test[(method or [])[0]].write(out)
        typer.echo(f"wrote {out}", err=True)
    if save is not None:
        write_fusion(fused.fitted[(method or [])[0]], save)
        typer.echo(f"wrote {save}", err=True)


def _print_fused(console: Console, fused: FusedSystems, result: Comparison, dev: ScoreSet) -> None:
    from rich.markup import escape

    from antispoof.evaluation import wording
    from antispoof.evaluation.calibration_quality import min_cllr
    from antispoof.evaluation.terminal import table

    mark = " (simulated)" if result.scores.simulated.any() else ""
    genuine, attacks = int(dev.is_bona_fide.sum()), int((~dev.is_bona_fide).sum())
    console.print(
        f"fitted on {genuine:,} bona fide and {attacks:,} attack presentations, "
        f"tested on {len(result.scores.bona_fide):,} and {len(result.scores.attack):,}{mark}",
        soft_wrap=True,
    )
    columns = ("D-EER", "− best single\n(paired 95 %)", "max APCER", "BPCER", "Cllr", "least")
    shown = table("", "", *columns, words=columns[1:2])
    by_name = {system.name: system for system in result.systems}
    ranked = sorted(fused.test, key=lambda name: by_name[name].figures["d_eer"].value)
    single = [name for name in ranked if name not in fused.fitted]
    for name in (*single, *(name for name in ranked if name in fused.fitted)):
        system, scores = by_name[name], fused.test[name]
        difference = system.differences.get("d_eer")
        said = "best on dev"
        if difference is not None:
            sure = not math.isnan(difference.interval.low) and 0 not in difference.interval
            said = wording.difference("d_eer", difference) + " *" * sure
        shown.add_row(
            escape(name),
            wording.figure("d_eer", system.figures["d_eer"].value),
            said,
            *(
                wording.figure(figure, system.figures[figure].value)
                for figure in ("max_apcer", "bpcer", "cllr")
            ),
            wording.number(min_cllr(scores.bona_fide, scores.attack)),
            end_section=name == single[-1],
        )
    console.print(shown)
    console.print(
        "* the interval leaves out 0. APCER and BPCER at the threshold that was set on dev. "
        "least: Cllr after the best recalibration of these very scores.",
        soft_wrap=True,
    )
    console.print(escape(_sentence(fused, by_name)), soft_wrap=True)
    for warning in result.warnings:
        console.print(f"[yellow]![/yellow] {escape(warning)}", soft_wrap=True)


def _sentence(fused: FusedSystems, by_name: dict[str, SystemResult]) -> str:
    """Say whether the learned rule, or else the only one, is better than the best single system."""
    from antispoof.evaluation import wording

    name = "stacking" if "stacking" in fused.fitted else next(iter(fused.fitted))
    best, system = by_name[fused.best_single], by_name[name]
    difference = system.differences["d_eer"]
    low, high = difference.interval.low, difference.interval.high
    said = "is not surely different from"
    if high < 0:
        said = "beats"
    elif low > 0:
        said = "loses to"
    return (
        f"{name} {said} {best.name}, the best single system on dev: D-EER "
        f"{wording.figure('d_eer', system.figures['d_eer'].value)} against "
        f"{wording.figure('d_eer', best.figures['d_eer'].value)}, "
        f"difference {wording.difference('d_eer', difference)} points."
    )
