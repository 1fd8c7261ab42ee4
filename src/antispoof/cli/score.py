"""`antispoof score`."""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antispoof.cli.app import BAD_INPUT, CUT_SHORT, CommandExit, app
from antispoof.cli.judges import At, Bundles, PolicyName, SiteFile, load_told
from antispoof.cli.output import shown, table_path
from antispoof.errors import InputError

if TYPE_CHECKING:
    from antispoof.batch.run import Summary

MOST_FRAMES = 32  # `MediaLimits.max_clip_frames`


@app.command()
def score(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="A manifest (.csv, .parquet); a folder; a pattern; a text file, or - for standard input, "
            "with one path a line; or files.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The score file: .csv, .parquet or .jsonl.",
            show_default=False,
            callback=table_path,
        ),
    ],
    partition: Annotated[
        str | None, typer.Option(help="Only this part of a manifest: train, dev or test.", show_default=False)
    ] = None,
    bona_fide: Annotated[
        str | None,
        typer.Option(help="The label in the manifest that means bona fide, such as 0.", show_default=False),
    ] = None,
    bundle: Bundles = None,
    policy: PolicyName = None,
    at: At = None,
    site: SiteFile = None,
    frames: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_FRAMES,
            help="How many frames of a clip are judged, spread over its time; 1 takes the middle one.",
            show_default="8",
        ),
    ] = None,
    frames_column: Annotated[
        str | None,
        typer.Option(
            help="The attribute in the manifest that names further frames of the same presentation, "
            "joined by ;.",
            show_default=False,
        ),
    ] = None,
    reference_column: Annotated[
        str | None,
        typer.Option(
            help="The attribute in the manifest that names earlier captures of the same person and device, "
            "joined by ;.",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="How many processes.", show_default="one a core"),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Score on a Ray cluster: host:port of its head, auto, or local for one on this machine.",
            show_default=False,
        ),
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(
            help="With --ray: where its workers put their parts, such as s3://bucket/run.", show_default=False
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first file that cannot be read.")
    ] = False,
) -> None:
    """Score a dataset: one row a presentation, in the order of the manifest.

    antispoof evaluate reads the file as it is. A run that was stopped, in whatever way, goes on when the
    same command is run again. A file that cannot be read is a row with its error code.

    Exit codes: 0 every presentation was judged, 3 some could not be read, or the command is wrong, 74
    stopped before the end.
    """
    from antispoof.batch.plan import make_plan
    from antispoof.batch.run import local_of, run
    from antispoof.batch.scorer import Setup
    from antispoof.runtime.pool import cores

    if parts is not None and ray is None:
        raise InputError("--parts belongs to --ray: without it parts lie beside the score file")
    plan = make_plan(
        sources,
        partition=partition,
        bona_fide=bona_fide,
        reference_column=reference_column,
        frames=frames,
        frames_column=frames_column,
    )
    if len(bundle or ()) > 1 or policy is not None:
        load_told(bundle, at=at, policy=policy)
    setup = Setup(tuple(bundle or ()), policy, at, None if site is None else str(site))
    try:
        with _stopped_by_schedulers(), _bar(plan.count) as done:
            summary = run(
                plan,
                setup,
                out,
                jobs=jobs or cores(),
                strict=strict,
                ray=ray,
                parts_at=parts,
                done=done,
                say=partial(typer.echo, err=True),
            )
    except KeyboardInterrupt:
        typer.echo("stopped: run the same command again, and it goes on from here", err=True)
        raise CommandExit(CUT_SHORT) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        typer.echo(
            f"error: {shown(out)} cannot be written: {error.strerror}. Make room and run the same command "
            "again: it goes on from here",
            err=True,
        )
        raise CommandExit(CUT_SHORT) from None
    tell(summary, local_of(out))
    if summary.errors:
        raise CommandExit(BAD_INPUT)


@contextmanager
def _stopped_by_schedulers() -> Iterator[None]:
    """Take SIGTERM, by which they end what runs, as Ctrl-C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar with rate and time left, where standard error is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:.1f}/s")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, speed_estimate_period=120) as bar:
        task = bar.add_task("scoring", total=total)
        yield lambda rows: bar.advance(task, rows)


def tell(summary: Summary, out: Path) -> None:
    """Say what a run came to."""
    from antispoof.evidence.explanation import OUTCOME_WORDS

    counts = [
        f"{summary.outcomes[name]:,} {words}"
        for name, words in OUTCOME_WORDS.items()
        if summary.outcomes[name]
    ]
    counts += [f"{count:,} {code}" for code, count in sorted(summary.errors.items())]
    typer.echo(f"{shown(out)}: {summary.rows:,} presentations: {', '.join(counts)}")
    for name, message in summary.named:
        typer.echo(f"  {shown(name)}: {shown(message)}", err=True)
    if (more := summary.errors.total() - len(summary.named)) > 0:
        typer.echo(f"  and {more:,} more, see the column error", err=True)
    if summary.classes and out.suffix.lower() == ".jsonl":
        typer.echo("to judge the scores write them to a .csv or .parquet, which antispoof evaluate reads")
    elif len(summary.classes) == 2 and summary.outcomes:
        _evaluate(summary, out)
    elif summary.classes:
        typer.echo(f"judge it with: antispoof evaluate {shown(out)}")


def _evaluate(summary: Summary, out: Path) -> None:
    """Say what evaluate would, at the threshold that was in force."""
    import numpy as np
    from rich.console import Console

    from antispoof.evaluation import ScoreSet, evaluate
    from antispoof.evaluation.tables import print_evaluation

    console = Console(highlight=False)
    if len(summary.thresholds) == 1:
        at = f"threshold={summary.thresholds[0]!r}"
        print_evaluation(console, evaluate(ScoreSet.read(out, attributes=()), at=at, resamples=0))
        typer.echo(f"with intervals: antispoof evaluate {shown(out)} --at {at}")
        return
    scores = ScoreSet.read(out, attributes=["threshold"])
    labels = scores.attributes["threshold"]
    thresholds = np.array([float(name or "nan") for name in labels.names])[labels.codes]
    margins = replace(scores, scores=scores.scores - thresholds)
    print_evaluation(console, evaluate(margins, at="threshold=0", resamples=0))
    typer.echo("rows had thresholds of their own: a score here is what it is above its threshold")
