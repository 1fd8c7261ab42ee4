"""`antispoof check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antispoof.cli.app import Answer, BundleName, app, progress_bar

if TYPE_CHECKING:
    from antispoof.runtime.checking import Checked


@app.command()
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Pictures of faces, each judged by itself.", show_default=False),
    ] = None,
    face_rgb: Annotated[
        list[Path] | None, typer.Option("--face-rgb", help="The same; may be repeated.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write an HTML page with the evidence here.", show_default=False)
    ] = None,
    bundle: BundleName = "face-rgb-edge",
    at: Annotated[
        str | None, typer.Option("--at", help="Operating point, by name.", show_default="the bundle's own")
    ] = None,
    site: Annotated[
        Path | None, typer.Option(help="What antispoof calibrate wrote.", show_default=False)
    ] = None,
) -> None:
    """Judge pictures: is this person there, or is it a picture of them?

    Exit codes: 0 bona fide, 1 attack, 2 non-response, 3 usage or input error.
    Of several pictures the gravest counts: 3, then 1, then 2, then 0;
    one that cannot be read does not keep the others from being judged.
    """
    from antispoof.runtime.checking import as_document, check_files, exit_code
    from antispoof.runtime.detector import load

    sources = [*(face_rgb or []), *(files or [])]
    if not sources:
        raise typer.BadParameter("name at least one picture", param_hint="--face-rgb")
    detector = load(bundle, at=at)
    if site is not None:
        detector = detector.calibrated(site)
    results = []
    with progress_bar("judging", len(sources)) as advance:
        for entry in check_files(detector, sources):
            results.append(entry)
            advance()
    if as_json:
        typer.echo(json.dumps(as_document(results), indent=2, ensure_ascii=False))
    else:
        for entry in results:
            _print_checked(entry)
    if report is not None:
        from antispoof.runtime.evidence_page import write_evidence_page

        write_evidence_page(report, results)
        typer.echo(f"evidence page: {report}", err=as_json)
    raise Answer(exit_code(results))


def _print_checked(entry: Checked) -> None:
    from rich.console import Console
    from rich.text import Text

    from antispoof.runtime import explanation

    verdict = entry.verdict
    if verdict is None:
        typer.echo(f"{entry.source}: error: {entry.error}", err=True)
        return
    console = Console(highlight=False, soft_wrap=True)
    colour = {"bona_fide": "green", "attack": "red", "non_response": "yellow"}[verdict.outcome]
    console.print(
        Text(f"{entry.source}: ").append(explanation.OUTCOME_WORDS[verdict.outcome], f"bold {colour}")
    )
    for name, words in explanation.details(verdict):
        console.print(Text(f"  {name:9} {words}"))
