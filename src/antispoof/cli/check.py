"""`antispoof check`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antispoof.cli.app import Answer, app, progress_bar
from antispoof.errors import InputError

if TYPE_CHECKING:
    from antispoof.runtime.checking import Checked

Samples = list[Path] | None


def _sensor(flag: str, words: str) -> typer.models.OptionInfo:
    return typer.Option(flag, help=words, show_default=False)  # type: ignore[no-any-return]


@app.command()
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Pictures of faces and recordings of voices, each judged by itself.", show_default=False
        ),
    ] = None,
    face_rgb: Annotated[Samples, _sensor("--face-rgb", "Colour picture of a face; may be repeated.")] = None,
    face_depth: Annotated[Samples, _sensor("--face-depth", "Depth picture of the same face.")] = None,
    face_infrared: Annotated[
        Samples, _sensor("--face-infrared", "Infrared picture of the same face.")
    ] = None,
    face_thermal: Annotated[Samples, _sensor("--face-thermal", "Thermal picture of the same face.")] = None,
    voice: Annotated[Samples, _sensor("--voice", "Recording of the same person's voice.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write an HTML page with the evidence here.", show_default=False)
    ] = None,
    bundle: Annotated[
        list[str] | None,
        typer.Option(
            help="A bundle that ships, by name, or the path of an .onnx file; may be repeated.",
            show_default="face-rgb-edge, and whatever further sensors need",
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(help="A policy that ships, by name, or the path of a .yaml file.", show_default=False),
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="Operating point, by name.", show_default="the bundle's own")
    ] = None,
    site: Annotated[
        Path | None, typer.Option(help="What antispoof calibrate wrote.", show_default=False)
    ] = None,
) -> None:
    """Judge presentations: is this person there, or is it an imitation?

    Files are judged each by itself. Where options name several sensors, what they name belongs together:
    the first file of each, then the second, and so on.

    Exit codes: 0 bona fide, 1 attack, 2 non-response, 3 usage or input error.
    Of several presentations the gravest counts: 3, then 1, then 2, then 0;
    one that cannot be read does not keep the others from being judged.
    """
    from antispoof.runtime.bundle import default_bundle
    from antispoof.runtime.checking import as_document, check_files, exit_code, modality_of
    from antispoof.runtime.detector import load

    given = {
        "face_rgb": face_rgb or [],
        "face_depth": face_depth or [],
        "face_infrared": face_infrared or [],
        "face_thermal": face_thermal or [],
        "voice": voice or [],
    }
    presentations = _together({name: paths for name, paths in given.items() if paths})
    presentations += [{modality_of(path): path} for path in files or []]
    if not presentations:
        raise typer.BadParameter("name at least one picture or recording", param_hint="FILES")
    detectors = {}
    results: list[Checked] = []
    with progress_bar("judging", len(presentations)) as advance:
        for one in presentations:
            # A single sensor is judged by its own default bundle, several by all that ship.
            key = next(iter(one)) if len(one) == 1 and not bundle and not policy else ""
            if key not in detectors:
                detector = load(default_bundle(key) if key else bundle, at=at, policy=policy)
                detectors[key] = detector if site is None else detector.calibrated(site)
            results += check_files(detectors[key], [one])
            advance()
    if as_json:
        typer.echo(json.dumps(as_document(results), indent=2, ensure_ascii=False))
    else:
        for entry in results:
            _print_checked(entry)
    if report is not None:
        from antispoof.evidence.page import write_evidence_page

        write_evidence_page(report, results)
        typer.echo(f"evidence page: {report}", err=as_json)
    raise Answer(exit_code(results))


def _together(given: Mapping[str, Sequence[Path]]) -> list[dict[str, Path]]:
    """Put the first files of all sensors together, then the second, and so on."""
    counts = {name: len(paths) for name, paths in given.items()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{count} of {name}" for name, count in counts.items())
        raise InputError(f"every sensor needs as many files as the others, one a presentation; got {said}")
    return [dict(zip(given, paths, strict=True)) for paths in zip(*given.values(), strict=True)]


def _print_checked(entry: Checked) -> None:
    from rich.console import Console
    from rich.text import Text

    from antispoof.evidence import explanation

    verdict = entry.verdict
    if verdict is None:
        typer.echo(f"{entry.source}: error: {entry.error}", err=True)
        return
    console = Console(highlight=False, soft_wrap=True)
    colour = {"bona_fide": "green", "attack": "red", "non_response": "yellow"}[verdict.outcome]
    console.print(
        Text(f"{entry.source}: ").append(explanation.OUTCOME_WORDS[verdict.outcome], f"bold {colour}")
    )
    lines = explanation.details(verdict)
    width = max(9, *(len(name) for name, _ in lines))
    for name, words in lines:
        console.print(Text(f"  {name:{width}} {words}"))
