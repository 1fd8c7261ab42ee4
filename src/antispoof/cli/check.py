"""`antispoof check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antispoof.cli.app import Answer, BundleName, app, progress_bar

if TYPE_CHECKING:
    from antispoof.runtime.checking import Checked
    from antispoof.runtime.detector import Detector


@app.command()
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Pictures of faces and recordings of voices, each judged by itself.", show_default=False
        ),
    ] = None,
    face_rgb: Annotated[
        list[Path] | None,
        typer.Option("--face-rgb", help="A picture of a face; may be repeated.", show_default=False),
    ] = None,
    voice: Annotated[
        list[Path] | None,
        typer.Option(help="A recording of a voice; may be repeated.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write an HTML page with the evidence here.", show_default=False)
    ] = None,
    bundle: BundleName = None,
    at: Annotated[
        str | None, typer.Option("--at", help="Operating point, by name.", show_default="the bundle's own")
    ] = None,
    site: Annotated[
        Path | None, typer.Option(help="What antispoof calibrate wrote.", show_default=False)
    ] = None,
) -> None:
    """Judge pictures and recordings: is this person there, or is it an imitation?

    Exit codes: 0 bona fide, 1 attack, 2 non-response, 3 usage or input error.
    Of several files the gravest counts: 3, then 1, then 2, then 0;
    one that cannot be read does not keep the others from being judged.
    """
    from antispoof.runtime.checking import as_document, check_files, exit_code, modality_of

    sources = [("face_rgb", path) for path in face_rgb or []] + [("voice", path) for path in voice or []]
    sources += [(modality_of(path), path) for path in files or []]
    if not sources:
        raise typer.BadParameter("name at least one picture or recording", param_hint="FILES")
    wanted = dict.fromkeys(modality for modality, _ in sources)
    detectors = {modality: _detector(modality, bundle, at, site) for modality in wanted}
    results: list[Checked] = []
    with progress_bar("judging", len(sources)) as advance:
        for modality, path in sources:
            results += check_files(detectors[modality], [path], modality)
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


def _detector(modality: str, bundle: str | None, at: str | None, site: Path | None) -> Detector:
    from antispoof.runtime.bundle import default_bundle
    from antispoof.runtime.detector import load

    detector = load(bundle or default_bundle(modality), at=at)
    return detector if site is None else detector.calibrated(site)


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
