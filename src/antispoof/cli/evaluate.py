"""`antispoof evaluate` and `antispoof compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antispoof.cli.app import app, command_line, progress_bar
from antispoof.cli.output import HtmlPath, JsonPath, deliver, shown
from antispoof.errors import InputError

if TYPE_CHECKING:
    from antispoof.evaluation import ScoreSet

RuleText = Annotated[
    str, typer.Option("--at", help="Sets the threshold: APCER<=1%, BPCER<=5%, EER or threshold=0.5.")
]
ClusterColumn = Annotated[
    str | None,
    typer.Option(
        help="Column resampled as a whole; default: subject, where there is one.", show_default=False
    ),
]
Resamples = Annotated[int, typer.Option(min=0, help="Bootstrap resamples; 0 leaves their intervals out.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the resamples.")]
ColumnNames = Annotated[
    str,
    typer.Option(
        "--columns",
        help="Which column is what: id=utt,score=cm,label=key, or by number; score=-cm: lower is bona fide.",
        show_default=False,
    ),
]
BonaFideLabel = Annotated[
    str | None,
    typer.Option("--bona-fide", help="The label that means bona fide, such as 0.", show_default=False),
]
ProtocolLists = Annotated[
    list[Path] | None,
    typer.Option(
        "--protocol",
        help="List with the labels, where the scores have none (ASVspoof); repeatable.",
        show_default=False,
    ),
]


@app.command("evaluate")
def evaluate_scores(
    scores: Annotated[
        Path | None, typer.Argument(help="Score file, .csv or .parquet.", show_default=False)
    ] = None,
    dev: Annotated[
        Path | None, typer.Option(help="Development scores that set the threshold.", show_default=False)
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="Another way to name the score file.", show_default=False)
    ] = None,
    at: RuleText = "EER",
    cluster: ClusterColumn = None,
    by: Annotated[
        list[str] | None,
        typer.Option(help="Attribute that tells groups apart; repeatable; default: all with few values."),
    ] = None,
    asv: Annotated[
        Path | None,
        typer.Option(
            help="Verification scores (score, trial, id) for the tandem figures.", show_default=False
        ),
    ] = None,
    asv_threshold: Annotated[
        float | None,
        typer.Option(help="Verification threshold for IAPAR; default: its EER.", show_default=False),
    ] = None,
    columns: ColumnNames = "",
    bona_fide: BonaFideLabel = None,
    protocol: ProtocolLists = None,
    resamples: Resamples = 1000,
    seed: Seed = 0,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="APCER of each kind, and BPCER, over the threshold, as .svg or .png.", show_default=False
        ),
    ] = None,
    json: JsonPath = None,
    html: HtmlPath = None,
) -> None:
    """Judge a score file: every standard figure, how sure it is, and a report.

    The file has the columns id, score (higher = bona fide; empty = non-response) and pai_species
    (bona_fide or the kind of attack), and may have subject, simulated and any attributes. Files of ASVspoof,
    LivDet-Iris, bob and DeepfakeBench are recognised.
    """
    from rich.console import Console

    from antispoof.evaluation import VerificationScores, evaluate
    from antispoof.evaluation.plots import check_target, rates_over_threshold, save
    from antispoof.evaluation.provenance import Provenance
    from antispoof.evaluation.records import evaluation_record, to_json
    from antispoof.evaluation.report import evaluation_page
    from antispoof.evaluation.tables import print_evaluation
    from antispoof.evaluation.thresholds import by_species

    if (scores is None) == (test is None):
        raise InputError("name one score file, as in: antispoof evaluate scores.csv")
    if plot is not None:
        check_target(plot)
    path = scores or test
    assert path is not None
    asked = [*(by or ()), *([cluster] if cluster else ())]
    given = read_scores(path, columns, bona_fide, protocol, attributes=asked)
    development = None if dev is None else read_scores(dev, columns, bona_fide, protocol, attributes=())
    verification = None if asv is None else VerificationScores.read(asv)
    with progress_bar("resampling", resamples) as advance:
        result = evaluate(
            given,
            dev=development,
            at=at,
            cluster=cluster,
            by=by,
            verification=verification,
            verification_threshold=asv_threshold,
            resamples=resamples,
            seed=seed,
            tick=advance,
        )
    made = Provenance.of(
        command_line(), [each for each in (dev, path, asv, *(protocol or ())) if each is not None]
    )
    if str(json) != "-":
        print_evaluation(Console(highlight=False), result)
    if plot is not None:
        if result.curve is None:
            raise InputError(
                f"--plot needs scores of bona fide presentations and of attacks in {str(path)!r}"
            )
        people, attacks = result.scores.bona_fide, by_species(result.scores)
        save(rates_over_threshold(people, attacks, result.operating_point.threshold), plot)
        typer.echo(f"wrote {plot}", err=True)
    deliver(
        json,
        html,
        lambda: to_json(evaluation_record(result, made)),
        lambda: evaluation_page(result, made),
    )


@app.command("compare")
def compare_scores(
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
    baseline: Annotated[
        str | None,
        typer.Option(help="System the others are held against; default: the first.", show_default=False),
    ] = None,
    matrix: Annotated[
        Path | None,
        typer.Option(
            help="Manifest (train, test, scores, dev) of a train × test matrix instead.", show_default=False
        ),
    ] = None,
    figure: Annotated[
        str | None,
        typer.Option(
            help="Figure of the matrix; default: hter with dev scores, else d_eer.", show_default=False
        ),
    ] = None,
    at: RuleText = "EER",
    cluster: ClusterColumn = None,
    columns: ColumnNames = "",
    bona_fide: BonaFideLabel = None,
    protocol: ProtocolLists = None,
    resamples: Resamples = 1000,
    seed: Seed = 0,
    json: JsonPath = None,
    html: HtmlPath = None,
) -> None:
    """Hold systems against each other, or across datasets.

    Paired differences from a baseline, one DET plot, where decisions differ most; with --matrix a train ×
    test table of one figure.
    """
    from rich.console import Console

    from antispoof.evaluation import compare, cross_dataset
    from antispoof.evaluation.provenance import Provenance
    from antispoof.evaluation.records import comparison_record, matrix_record, to_json
    from antispoof.evaluation.report import comparison_page, matrix_page
    from antispoof.evaluation.tables import print_comparison, print_matrix

    console = Console(highlight=False)
    if matrix is not None:
        if scores or dev or baseline or cluster:
            raise InputError(
                "--matrix takes its files from the manifest; leave out files, --dev, --baseline and --cluster"
            )
        with progress_bar("evaluating", 0) as advance:
            table = cross_dataset(matrix, figure=figure, at=at, resamples=resamples, seed=seed, tick=advance)
        made = Provenance.of(command_line(), table.files)
        if str(json) != "-":
            print_matrix(console, table)
        deliver(json, html, lambda: to_json(matrix_record(table, made)), lambda: matrix_page(table, made))
        return
    if figure is not None:
        raise InputError("--figure belongs to --matrix; a comparison shows all figures")
    paths = named(scores or [])
    if dev and len(dev) != len(paths):
        raise InputError(f"--dev is given {len(dev)} times for {len(paths)} systems; give each its own")
    said = columns, bona_fide, protocol
    systems = {name: read_scores(path, *said) for name, path in paths.items()}
    development = (
        {name: read_scores(path, *said) for name, path in zip(paths, dev, strict=True)} if dev else None
    )
    with progress_bar("resampling", resamples) as advance:
        result = compare(
            systems,
            dev=development,
            baseline=baseline,
            at=at,
            cluster=cluster,
            resamples=resamples,
            seed=seed,
            tick=advance,
        )
    made = Provenance.of(command_line(), [*(dev or []), *paths.values(), *(protocol or [])])
    if str(json) != "-":
        print_comparison(console, result)
    deliver(
        json,
        html,
        lambda: to_json(comparison_record(result, made)),
        lambda: comparison_page(result, made),
    )


def read_scores(
    path: Path,
    columns: str = "",
    bona_fide: str | None = None,
    protocols: Sequence[Path] | None = None,
    *,
    attributes: Sequence[str] | None = None,
    cautions: bool = False,
) -> ScoreSet:
    """Read a score file, and say how, where it is somebody else's.

    ``cautions`` has them told at once, where no report comes that would; ``attributes`` are those that
    `ScoreSet.read` keeps.
    """
    from antispoof.columns import parse_columns
    from antispoof.evaluation import ScoreSet

    scores = ScoreSet.read(
        path,
        columns=parse_columns(columns),
        bona_fide=bona_fide,
        protocols=protocols or (),
        attributes=attributes,
    )
    if cautions:
        for caution in scores.cautions:
            typer.echo(f"! {shown(path)}: {caution}", err=True)
    if scores.read_as:
        typer.echo(f"{shown(path)} was read as {scores.read_as}", err=True)
    return scores


def named(words: Sequence[str]) -> dict[str, Path]:
    """Read ``name=path`` or ``path``, whose name is the file's without its ending."""
    named: dict[str, Path] = {}
    for word in words:
        name, given, path = word.partition("=")
        name, path = (name, path) if given else (Path(word).stem, word)
        if name in named:
            raise InputError(f"two systems are called {name!r}; name them apart: a={named[name]} b={path}")
        named[name] = Path(path)
    return named
