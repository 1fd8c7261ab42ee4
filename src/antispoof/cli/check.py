"""`antispoof check`."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antispoof.cli.app import CommandExit, app, files_in, needs, progress_bar
from antispoof.cli.judges import At, Bundles, PolicyName, SiteFile, load_told
from antispoof.cli.output import JsonPath, shown, write_json_text
from antispoof.cli.sensors import References, Units, flag, read_references, read_units, takes_sensors
from antispoof.errors import InputError, MediaError

if TYPE_CHECKING:
    from antispoof.runtime.checking import Checked, Found, Presented
    from antispoof.runtime.detector import Detector

MANY = 4  # presentations; from so many on, totals are told


@app.command()
@takes_sensors("Sample of the {sensor} sensor; a folder, a file, or - for standard input; may be repeated.")
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Pictures of faces and recordings of voices, each judged by itself: files, folders, "
            "or - for standard input.",
            show_default=False,
        ),
    ] = None,
    together: Annotated[
        bool,
        typer.Option("--together", help="All files are frames of one presentation, one after the other."),
    ] = False,
    as_json: JsonPath = None,
    as_jsonl: Annotated[
        bool, typer.Option("--jsonl", help="One JSON document a line, as soon as each is judged.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="One row a presentation, under a header.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write an HTML page with the evidence here.", show_default=False)
    ] = None,
    bundle: Bundles = None,
    policy: PolicyName = None,
    at: At = None,
    site: SiteFile = None,
    reference: References = None,
    unit: Units = None,
    **samples: list[Path] | None,
) -> None:
    """Judge presentations: is this person there, or is it an imitation?

    Files are judged each by itself. Where options name several sensors, what they name belongs together:
    the first file of each, then the second, and so on. With --together all of them are one presentation:
    the files of a sensor are frames, taken one after the other. A clip is such frames by itself.

    Exit codes: 0 bona fide, 1 attack, 2 non-response, 3 usage or input error.
    Of several presentations the gravest counts: 3, then 1, then 2, then 0;
    one that cannot be read does not keep the others from being judged.
    """
    from antispoof.runtime.bundle import default_bundle
    from antispoof.runtime.checking import Checked, as_document, check_files, exit_code

    if report is not None:
        needs("the evidence page", "report", "jinja2", "matplotlib")
    if (as_json is not None) + as_jsonl + as_csv > 1:
        raise typer.BadParameter("choose one of --json, --jsonl and --csv", param_hint="--json")
    units = read_units(unit)
    given = {name: _found(paths) for name, paths in samples.items() if paths}
    for name in set(units) - set(given):
        raise InputError(f"--unit {name}: no sample of that sensor is named with {flag(name)}")
    unnamed = _found(files or [])
    presentations: list[dict[str, Presented]]
    if together:
        presentations = [one] if (one := _one_presentation(given, unnamed)) else []
    else:
        presentations = _side_by_side(given)
        presentations += [{"": source} for source in unnamed]
    if not presentations:
        raise typer.BadParameter("name at least one picture or recording", param_hint="FILES")
    references = read_references(reference, given)
    _see_that_they_count(references, presentations)
    detectors: dict[tuple[str, ...], Detector] = {}
    results: list[Checked] = []
    tell = _teller(as_jsonl, as_csv)
    with progress_bar("judging", len(presentations)) as advance:
        for one in presentations:
            if "" in one:
                try:
                    one = _named(one)
                except MediaError as error:
                    results.append(Checked(one, None, error))
                    tell(results[-1])
                    advance()
                    continue
            # A single sensor is judged by its own default bundle, several by all that ship.
            alone = next(iter(one)) if len(one) == 1 and not bundle and not policy else ""
            known = {name: references[name] for name in one if name in references}
            key = (alone, *known)
            if key not in detectors:
                judges = default_bundle(alone) if alone else bundle
                detector = load_told(judges, at=at, policy=policy, again=bool(detectors))
                detector = detector if site is None else detector.calibrated(site)
                detectors[key] = detector.knowing(known) if known else detector
            for checked in check_files(detectors[key], [one], units):
                results.append(checked)
                tell(checked)
            advance()
    if as_json is not None:
        write_json_text(as_json, json.dumps(as_document(results), indent=2, ensure_ascii=False))
    elif not as_jsonl and not as_csv:
        for entry in results:
            _print_checked(entry)
        if len(results) >= MANY:
            typer.echo(_totals(results))
    if report is not None:
        from antispoof.evidence.page import write_evidence_page

        write_evidence_page(report, results)
        typer.echo(f"evidence page: {shown(report)}", err=as_json is not None or as_jsonl or as_csv)
    raise CommandExit(exit_code(results))


def _see_that_they_count(
    references: Mapping[str, Sequence[Path]], presentations: Sequence[Mapping[str, Presented]]
) -> None:
    """Raise `InputError` where there are references of a sensor of which nothing is judged."""
    unused = set(references)
    for one in presentations:
        if not unused:
            return
        with suppress(MediaError):  # told in its turn
            unused -= set(_named(one) if "" in one else one)
    if unused:
        raise InputError(f"--reference: {', '.join(sorted(unused))} is not among the samples that are judged")


def _found(paths: Sequence[Path]) -> list[Found]:
    """Return what was named: files of folders and of patterns one by one, and what standard input holds."""
    found: list[Found] = []
    for path in paths:
        if str(path) == "-":
            if any(isinstance(one, bytes) for one in found):
                raise InputError("standard input (-) can be read once: name it once")
            found.append(sys.stdin.buffer.read())
        elif any(sign in str(path) for sign in "*?[") and not path.exists():
            found += sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor)))) or [path]
        else:
            # What is missing or empty is told in its turn, so that the others are judged.
            found += files_in([path]) if path.is_dir() and any(path.iterdir()) else [path]
    return found


def _teller(as_jsonl: bool, as_csv: bool) -> Callable[[Checked], None]:
    """Return what prints a result as soon as it is there."""
    from antispoof.runtime.checking import as_dict

    if as_jsonl:
        return lambda checked: typer.echo(json.dumps(as_dict(checked), ensure_ascii=False))
    if not as_csv:
        return lambda _: None
    import csv

    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(("source", "modalities", "outcome", "score", "threshold", "reasons", "error"))

    def row(checked: Checked) -> None:
        verdict = checked.verdict
        table.writerow(
            (
                checked.source,
                " ".join(checked.sources),
                "" if verdict is None else verdict.outcome,
                "" if verdict is None or verdict.score is None else f"{verdict.score:.6f}",
                "" if verdict is None else f"{verdict.operating_point.threshold:.6f}",
                "" if verdict is None else " ".join(verdict.reasons),
                "" if checked.error is None else str(checked.error),
            )
        )

    return row


def _totals(results: Sequence[Checked]) -> str:
    from antispoof.evidence.explanation import OUTCOME_WORDS

    counts = Counter("unreadable" if one.verdict is None else one.verdict.outcome for one in results)
    words = {**OUTCOME_WORDS, "unreadable": "unreadable"}
    parts = ", ".join(f"{counts[name]} {said}" for name, said in words.items() if counts[name])
    return f"{len(results)} presentations: {parts}"


def _one_presentation(given: Mapping[str, Sequence[Found]], unnamed: Sequence[Found]) -> dict[str, Presented]:
    """Put all files together, as frames of one presentation; those without a sensor under the empty name."""
    one = {**given, **({"": unnamed} if unnamed else {})}
    return {name: tuple(found) if len(found) > 1 else found[0] for name, found in one.items()}


def _named(one: Mapping[str, Presented]) -> dict[str, Presented]:
    """Give files that nobody named a sensor for to the one that takes them, behind those it has."""
    from antispoof.sensing.modalities import modality_of

    named = {name: _listed(found) for name, found in one.items() if name}
    unnamed = _listed(one[""])
    for source in unnamed:
        try:
            name = modality_of(source)
        except MediaError as error:
            if error.code == "film" and len(unnamed) > 1:
                clip = "-" if isinstance(source, bytes) else source
                raise MediaError("film", f"{clip} is a clip among frames: hand it in by itself") from None
            raise
        named.setdefault(name, []).append(source)
    return {name: tuple(found) if len(found) > 1 else found[0] for name, found in named.items()}


def _listed(found: Presented) -> list[Found]:
    return list(found) if isinstance(found, tuple) else [found]


def _side_by_side(given: Mapping[str, Sequence[Found]]) -> list[dict[str, Presented]]:
    """Put the first files of all sensors together, then the second, and so on."""
    counts = {name: len(paths) for name, paths in given.items()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{count} of {name}" for name, count in counts.items())
        raise InputError(f"every sensor needs as many files as the others, one a presentation; got {said}")
    return [dict(zip(given, paths, strict=True)) for paths in zip(*given.values(), strict=True)]


def _print_checked(entry: Checked) -> None:
    from antispoof.evidence import explanation

    verdict = entry.verdict
    if verdict is None:
        typer.echo(f"{shown(entry.title)}: error: {shown(entry.error)}", err=True)
        return
    colour = {"bona_fide": "green", "attack": "red", "non_response": "yellow"}[verdict.outcome]
    outcome = typer.style(explanation.OUTCOME_WORDS[verdict.outcome], fg=colour, bold=True)
    typer.echo(f"{shown(entry.title)}: {outcome}", color=False if os.environ.get("NO_COLOR") else None)
    lines = explanation.details(verdict)
    lines += [("provenance", words) for words in explanation.provenance_in_words(entry.files)]
    width = max(9, *(len(name) for name, _ in lines))
    for name, words in lines:
        typer.echo(f"  {name:{width}} {shown(words)}")
