"""`antispoof compare-bundles`."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antispoof.cli.app import CommandExit, app, command_line, files_in, progress_bar
from antispoof.cli.output import JsonPath, write_json_text
from antispoof.cli.sensors import takes_sensors
from antispoof.errors import InputError
from antispoof.files import write_text

if TYPE_CHECKING:
    from rich.console import Console

    from antispoof.runtime.detector import Detector
    from antispoof.studies.bundle_change import BundleChange, GroupChange, Judged
    from antispoof.studies.bundle_traffic import Said

LISTED = 12  # groups by attributes
SURE = 0.05


@app.command("compare-bundles")
@takes_sensors("Captures of the {sensor} sensor, judged by both now: a folder or a file; may be repeated.")
def compare_bundles(
    old: Annotated[
        str, typer.Argument(help="The bundle in use: one that ships, or an .onnx file.", show_default=False)
    ],
    new: Annotated[str, typer.Argument(help="The bundle in its place.", show_default=False)],
    scores: Annotated[
        list[Path] | None,
        typer.Option(
            help="Score file with both bundles' scores (columns calibrated.NAME), or twice: OLD's and NEW's, "
            "with the same ids.",
            show_default=False,
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", help="Operating point of both, by name.", show_default="each bundle's own"),
    ] = None,
    site: Annotated[Path | None, typer.Option(help="Site calibration of OLD.", show_default=False)] = None,
    new_site: Annotated[
        Path | None, typer.Option(help="Site calibration of NEW.", show_default=False)
    ] = None,
    carry_over: Annotated[
        Path | None,
        typer.Option(
            metavar="SITE.json",
            help="Carry --site over to NEW by these scores, and write it here.",
            show_default=False,
        ),
    ] = None,
    changed: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Write the presentations whose verdict changes.",
            show_default=False,
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw both scores, .svg or .png.", show_default=False)
    ] = None,
    allow: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of verdicts that may change; beyond it the exit code is 1."),
    ] = 1.0,
    as_json: JsonPath = None,
    **samples: list[Path] | None,
) -> None:
    """Show which verdicts change where one bundle takes the place of another.

    Thresholds are the bundles' own, moved by --site and --new-site. Where score files have a column outcome
    (as antispoof score writes it) that is taken instead, unless --at or a site is named.

    Exit codes: 0 compared, 1 more than --allow change, 3 usage or input error.
    """
    from rich.console import Console

    from antispoof.evaluation.plots import check_target, save
    from antispoof.evaluation.provenance import Provenance
    from antispoof.evaluation.records import to_json
    from antispoof.runtime.detector import load
    from antispoof.runtime.site import read_site, write_site
    from antispoof.sites.carry_over import carry_over as carry
    from antispoof.studies.bundle_change import change_record, compare_verdicts
    from antispoof.studies.bundle_traffic import judge_traffic, read_traffic

    if plot is not None:
        check_target(plot)
    captures = {name: paths for name, paths in samples.items() if paths}
    if len(captures) + bool(scores) != 1:
        raise InputError("name what both bundles scored, --scores, or captures of one sensor, --face-rgb")
    if carry_over is not None and (site is None or new_site is not None):
        raise InputError("--carry-over needs the site calibration of OLD, --site, and makes that of NEW")
    if site is not None and new_site is None and carry_over is None:
        raise InputError(
            "--site moves the threshold of OLD: name that of NEW too, --new-site, or where it is to be "
            "written, --carry-over"
        )
    one, other = load(old, at=at), load(new, at=at)
    files = list(scores or [])
    if scores:
        traffic = read_traffic(scores, one.bundle.metadata, other.bundle.metadata)
    else:
        [(modality, named)] = captures.items()
        files = files_in(named)
        with progress_bar("judging", len(files)) as advance:
            traffic = judge_traffic(files, modality, one, other, advance)
    as_said = at is None and site is None and new_site is None
    if site is not None:
        its_site = read_site(site)
        one = one.calibrated(its_site)
        if carry_over is not None:
            metadata = other.bundle.metadata
            carried = carry(its_site, one.bundle.metadata, metadata, traffic.old.scores, traffic.new.scores)
            write_site(carried, carry_over)
            other = other.calibrated(carried)
    if new_site is not None:
        other = other.calibrated(new_site)
    result = compare_verdicts(
        _judged(one, traffic.old, as_said),
        _judged(other, traffic.new, as_said),
        traffic.ids,
        species=traffic.species,
        attributes=traffic.attributes,
        remarks=traffic.remarks,
    )
    if str(as_json) != "-":
        _print(Console(highlight=False), result)
    if carry_over is not None:
        typer.echo(f"wrote {carry_over}, a site calibration for {result.new.bundle.name}", err=True)
    if as_json is not None:
        made = Provenance.of(command_line(), files)
        write_json_text(as_json, to_json(change_record(result, made)))
    if changed is not None:
        _write_changed(result, changed)
        typer.echo(f"wrote {changed}", err=True)
    if plot is not None:
        from antispoof.studies.bundle_figure import change_figure

        save(change_figure(result), plot)
        typer.echo(f"wrote {plot}", err=True)
    raise CommandExit(1 if result.changed.value > allow else 0)


def _judged(detector: Detector, said: Said, as_said: bool) -> Judged:
    from antispoof.studies.bundle_change import Judged

    metadata = detector.bundle.metadata
    if as_said and said.outcomes is not None:
        return Judged(metadata, None, said.scores, said.outcomes)
    return Judged.at(metadata, detector.operating_point, said.scores)


def _print(console: Console, result: BundleChange) -> None:
    from rich.markup import escape

    from antispoof.evaluation.terminal import say, table

    before, now = map(_called, (result.old, result.new))
    say(console, f"{escape(before)} → {escape(now)}")
    total = result.changed
    say(
        console,
        f"{total.errors:,} of {total.trials:,} verdicts change: {_share(total.value)} "
        f"(95 % interval {_share(total.interval.low)} to {_share(total.interval.high)})",
    )
    first = result.groups[0]
    labelled = [each for each in result.groups if not each.by_attribute]
    others = [each for each in result.groups if each.by_attribute]
    others.sort(key=lambda each: -(each.to_reject.errors + each.to_pass.errors) / each.to_reject.trials)
    shown = table("", "", "all", "% pass", "pass → reject\n(95 %)", "reject → pass\n(95 %)")
    for each in (*labelled, *others[:LISTED]):
        shown.add_row(escape(each.name), *_row(each))
    console.print(shown)
    say(console, f"* more one way than the other, and not by chance (McNemar, p < {SURE:g})")
    if len(others) > LISTED:
        say(console, f"{len(others) - LISTED} more groups change less: --json has them")
    if first.unanswered.errors or first.answered.errors:
        say(
            console,
            f"non-responses: {first.unanswered.errors:,} that had an answer have none now, "
            f"{first.answered.errors:,} that had none have one",
        )
    for remark in result.remarks:
        say(console, f"[yellow]![/yellow] {escape(remark)}")


def _row(group: GroupChange) -> tuple[str, ...]:
    reject, to_pass = (
        f"{rate.errors:,} ({_short(rate.interval.low)}–{_short(rate.interval.high)} %)"
        for rate in (group.to_reject, group.to_pass)
    )
    sure = " *" if group.p_value < SURE else ""
    before, now = (_short(rate.value) for rate in group.passed)
    return f"{group.to_reject.trials:,}", f"{before} → {now}", reject, f"{to_pass}{sure}"


def _short(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.0995 else f"{100 * share:.1f}"


def _called(judged: Judged) -> str:
    bundle, point = judged.bundle, judged.point
    at = "as the file says" if point is None else f"at {point.name}, threshold {point.threshold:+.2f}"
    return f"{bundle.name} {bundle.version} {at}"


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.1f} %"


def _write_changed(result: BundleChange, path: Path) -> None:
    from antispoof.studies.bundle_change import OUTCOMES

    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("id", "old_outcome", "new_outcome", "old_score", "new_score", *result.labels))
    rows = result.rows
    columns = (
        result.ids[rows].tolist(),
        *([OUTCOMES[code] for code in judged.outcomes[rows]] for judged in (result.old, result.new)),
        *(["" if math.isnan(x) else x for x in judged.scores[rows]] for judged in (result.old, result.new)),
        *(
            [label or "bona_fide" * (name == "pai_species") for label in labels.take(rows).decode()]
            for name, labels in result.labels.items()
        ),
    )
    table.writerows(zip(*columns, strict=True))
    write_text(path, text.getvalue())
