"""The command line: one function a command, each a thin call into a room."""

from __future__ import annotations

import io
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antispoof.errors import AntispoofError, InputError, MissingExtraError

if TYPE_CHECKING:
    from rich.table import Table

    from antispoof.data.presentation import EvaluationProtocol
    from antispoof.runtime.checking import Checked

__all__ = ["app", "main"]

BAD_INPUT = 3
"""Exit code for input and usage errors; 1 is left for "looked, and it is not all right"."""

DEFECT = 70
"""Exit code for a defect of this program (``EX_SOFTWARE`` in ``sysexits.h``)."""


class Answer(SystemExit):
    """Ends the program with a code that the command means, where the parser might use the same one."""


app = typer.Typer(
    name="antispoof", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@app.callback()
def root() -> None:
    """Tell whether the person in front of the sensors is really there."""


BundleName = Annotated[
    str, typer.Option("--bundle", help="A bundle that ships, by name, or the path of an .onnx file.")
]


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
    with _progress("judging", len(sources)) as advance:
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


@app.command()
def calibrate(
    face_rgb: Annotated[
        list[Path],
        typer.Option(
            "--face-rgb", help="Bona fide captures: a folder or a file; may be repeated.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.", show_default=False)],
    attack: Annotated[
        list[Path] | None,
        typer.Option(help="Captures of attacks, if there are any; may be repeated.", show_default=False),
    ] = None,
    self_simulation: Annotated[
        bool,
        typer.Option(
            "--self-simulation",
            help="Experimental, worse than the default where measured: refit the last layer (extra: train).",
        ),
    ] = False,
    bundle: BundleName = "face-rgb-edge",
) -> None:
    """Learn where the threshold belongs at your site, from captures of people who were there.

    Five captures are the least, twenty varied ones are better:
    other people, days, light and distances.
    """
    from antispoof.runtime.detector import load
    from antispoof.runtime.site import learn_site, write_site

    people, attacks = _files_in(face_rgb), _files_in(attack or [])
    if self_simulation:
        _needs_training()
        if attacks:
            raise InputError("--self-simulation makes its own attacks: leave --attack out")
    detector = load(bundle)
    with _progress("looking", len(people) + len(attacks)) as advance:
        if self_simulation:
            from antispoof.training.self_simulation import learn_site_by_self_simulation

            learned = learn_site_by_self_simulation(detector, people, progress=advance)
        else:
            learned = learn_site(detector, people, attacks, progress=advance)
    write_site(learned, out)
    low, high = learned.shift_interval
    threshold = detector.operating_point.threshold
    if learned.head is None:
        typer.echo(
            f"threshold {threshold:+.2f} → {threshold + learned.shift:+.2f} "
            f"(90 % interval {threshold + low:+.2f} to {threshold + high:+.2f})"
        )
    else:
        typer.echo(
            f"last layer refitted on SIMULATED attacks of this site; threshold {threshold:+.2f} as before "
            f"(typical bona fide scores vary by {low:+.2f} to {high:+.2f} between refits, 90 %)"
        )
    typer.echo(
        f"from {learned.bona_fide} bona fide captures ({learned.distinct} distinct) and {learned.attack} of "
        f"attacks; {learned.rejected} could not be judged"
    )
    for line in learned.advice:
        typer.echo(f"advice: {line}")
    typer.echo(f"wrote {out}; use it: antispoof check --site {out} --face-rgb selfie.jpg")


@app.command()
def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    bundle: Annotated[
        Path | None, typer.Option(help="Describe this .onnx file instead of what ships.", show_default=False)
    ] = None,
) -> None:
    """List the models that ship: what they judge, their licence, operating points and measured results."""
    from rich.console import Console
    from rich.text import Text

    from antispoof.runtime.bundle import read_bundle, shipped_bundles

    paths = [bundle] if bundle is not None else list(shipped_bundles().values())
    bundles = [(path, read_bundle(path)) for path in paths]
    if as_json:
        entries = [
            {"path": str(path), "bytes": len(one.model), "metadata": one.metadata.model_dump()}
            for path, one in bundles
        ]
        typer.echo(json.dumps({"models": entries}, indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    for _, one in bundles:
        about = one.metadata
        console.print(Text(f"{about.name} {about.version}", "bold"), about.description, markup=False)
        console.print(
            f"judges {about.modality}; {len(one.model) / 1e6:.2f} MB; licence {about.licence}; "
            f"SHA-256 {about.sha256[:16]}…\n",
            markup=False,
        )
        points = [
            (
                f"{name}{' (default)' * (name == about.default_operating_point)}",
                f"{p.threshold:+.2f}",
                p.rule,
                p.data,
            )
            for name, p in about.operating_points.items()
        ]
        console.print(_table("Operating points", ("name", "threshold", "rule", "set on"), points))
        data = [
            (source.name, source.licence, str(source.presentations), _kind(source.simulated))
            for source in about.training.data
        ]
        console.print(_table("Trained on", ("data", "licence", "presentations", "kind"), data))
        measured = [
            (result.data, _kind(result.simulated), ", ".join(f"{k} {v:g}" for k, v in result.metrics.items()))
            for result in about.results
        ]
        console.print(_table("Measured", ("data", "kind", "result"), measured))


def _kind(simulated: bool) -> str:
    return "simulated" if simulated else "real"


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


def _files_in(paths: Sequence[Path]) -> list[Path]:
    """Return the files named, and those in the folders named, without hidden ones."""
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise InputError(f"no such file or folder: {str(path)!r}")
        inside = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
        if path.is_dir() and not inside:
            raise InputError(f"there are no files in {str(path)!r}")
        files += inside if path.is_dir() else [path]
    return files


data_app = typer.Typer(no_args_is_help=True, help="Manifests: look at, check, divide, erase, import.")
app.add_typer(data_app, name="data")
ManifestPath = Annotated[Path, typer.Argument(help="Manifest, .csv or .parquet.", show_default=False)]


@data_app.command("check")
def data_check(
    manifest: ManifestPath,
    shared_subjects: Annotated[
        bool, typer.Option("--shared-subjects", help="The protocol declares that partitions share subjects.")
    ] = False,
    usable: Annotated[
        Path | None, typer.Option(help="Write the rows whose files all can be read here.", show_default=False)
    ] = None,
) -> None:
    """Open every file; report damage, duplicates, leaks, imbalance and shortcuts.

    The exit code is 1 if there is an error among the findings.
    """
    from rich.console import Console

    from antispoof.data.inspection import inspect
    from antispoof.data.manifest import read_manifest, write_manifest

    presentations = read_manifest(manifest)
    with _progress("reading", len(presentations)) as advance:
        result = inspect(presentations, shared_subjects=shared_subjects, progress=advance)
    console = Console(highlight=False, soft_wrap=True)
    for finding in result.findings:
        colour = "red" if finding.severity == "error" else "yellow"
        console.print(f"[{colour}]{finding.severity:7}[/] {finding.code}: ", end="")
        console.print(finding.message, markup=False)
    errors = sum(finding.severity == "error" for finding in result.findings)
    simulated = sum(p.simulated for p in presentations)
    console.print(
        f"{len(presentations)} presentations ({simulated} simulated), {len(result.unreadable)} with unusable "
        f"files: {errors} errors, {len(result.findings) - errors} warnings"
    )
    if usable is not None:
        kept = [p for p in presentations if p.id not in result.unreadable]
        write_manifest(kept, usable)
        typer.echo(f"wrote {usable}: {len(kept)} presentations, without")
        for identifier in sorted(result.unreadable):
            typer.echo(f"  {identifier}")
    if not result.ok:
        raise typer.Exit(1)


@data_app.command("summary")
def data_summary(
    manifest: ManifestPath,
    sheet: Annotated[
        Path | None, typer.Option(help="Write a contact sheet (PNG) here.", show_default=False)
    ] = None,
    columns: Annotated[int, typer.Option(help="Presentations a row of the contact sheet.", min=1)] = 6,
    seed: Annotated[int, typer.Option(help="Which presentations the contact sheet shows.", min=0)] = 0,
) -> None:
    """Count what is in a manifest, and draw a contact sheet of it."""
    from rich.console import Console

    from antispoof.data.contact_sheet import contact_sheet
    from antispoof.data.manifest import read_manifest
    from antispoof.data.summary import summarise

    presentations = read_manifest(manifest)
    console = Console(highlight=False)
    for title, header, rows in summarise(presentations):
        console.print(_table(title, header, rows))
    if sheet is not None:
        contact_sheet(presentations, sheet, columns=columns, seed=seed)
        console.print(f"contact sheet: {sheet}", markup=False, soft_wrap=True)


@data_app.command("split")
def data_split(
    manifest: ManifestPath,
    out: Annotated[Path, typer.Option(help="Where the divided manifest goes.", show_default=False)],
    fractions: Annotated[tuple[float, float, float], typer.Option(help="Shares of train, dev and test.")] = (
        0.6,
        0.2,
        0.2,
    ),
    seed: Annotated[int, typer.Option(help="The same seed divides alike on every machine.", min=0)] = 0,
) -> None:
    """Divide into train, dev and test: no subject on two sides, kinds of attack spread evenly."""
    from rich.console import Console

    from antispoof.data.manifest import read_manifest, write_manifest
    from antispoof.data.splitting import split
    from antispoof.data.summary import partition_table

    divided = split(read_manifest(manifest), fractions, seed)
    write_manifest(divided, out)
    Console(highlight=False).print(_table(*partition_table(divided)))


@data_app.command("erase")
def data_erase(
    manifest: ManifestPath,
    subject: Annotated[str, typer.Option(help="Whose files and rows are removed.", show_default=False)],
    dataset: Annotated[str, typer.Option(help="Needed when several datasets have that subject.")] = "",
    bundles: Annotated[
        list[Path] | None, typer.Option(help="Folder searched for trained bundles; may be repeated.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a person: delete their files, drop their rows, and name the bundles trained on this manifest."""
    from antispoof.data.erasure import bundles_naming, erase, plan_erasure
    from antispoof.data.manifest import read_manifest

    plan = plan_erasure(read_manifest(manifest), subject, dataset)
    for path in plan.files:
        typer.echo(f"delete {path}")
    for path in plan.shared:
        typer.echo(f"keep   {path}: other people's rows name it too")
    typer.echo(f"{len(plan.removed)} rows and {len(plan.files)} files go, {len(plan.kept)} rows stay")
    if not yes:
        typer.confirm("This cannot be undone. Erase?", abort=True)
    trained = bundles_naming(manifest, bundles or [])
    erase(manifest, plan)
    typer.echo("erased")
    for path in trained:
        typer.echo(f"{path} names this manifest: it was trained on this person, retrain or withdraw it")
    if not bundles:
        typer.echo("no --bundles folder was given: bundles trained on this manifest were not looked for")


import_app = typer.Typer(no_args_is_help=True, help="Make a manifest of what is on the disk.")
data_app.add_typer(import_app, name="import")


@import_app.command("folder")
def import_folder_tree(
    root: Annotated[
        Path, typer.Argument(help="A tree with bona_fide/ and attack/ folders.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Manifest to write, .csv or .parquet.", show_default=False)],
    dataset: Annotated[str, typer.Option(help="Name of the dataset; empty: that of the folder.")] = "",
    modality: Annotated[str, typer.Option(help="Of files in whose path no folder names one.")] = "face_rgb",
    pattern: Annotated[
        str, typer.Option(help=r"Regular expression for the path, e.g. '(?P<subject>s\d+)_(?P<session>\d)'.")
    ] = "",
    licence: Annotated[str, typer.Option(help="Terms of use of the files.")] = "",
    consent_basis: Annotated[str, typer.Option(help="Why the data may be processed.")] = "",
) -> None:
    """Import a folder tree: labels, partitions and modalities are read from the names of its folders."""
    from rich.console import Console

    from antispoof.data.folder import import_folder
    from antispoof.data.manifest import write_manifest
    from antispoof.data.summary import partition_table

    result = import_folder(
        root,
        dataset=dataset,
        modality=modality,
        pattern=pattern,
        licence=licence,
        consent_basis=consent_basis,
    )
    write_manifest(result.presentations, out)
    Console(highlight=False).print(_table(*partition_table(result.presentations)))
    if result.skipped:
        typer.echo(
            f"{len(result.skipped)} files carry no label in their path and were left out: "
            + ", ".join(result.skipped[:5])
            + (", …" if len(result.skipped) > 5 else "")
        )
    typer.echo(f"wrote {out}; next: antispoof data check {out}")


@import_app.command("dataset")
def import_dataset(
    name: Annotated[str, typer.Argument(help="One of 'antispoof datasets'.", show_default=False)],
    root: Annotated[Path, typer.Argument(help="Folder laid out as published.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Manifest to write, .csv or .parquet.", show_default=False)],
    protocol: Annotated[str, typer.Option(help="Official protocol; empty: the dataset's first.")] = "",
    partial: Annotated[
        bool, typer.Option("--partial", help="The copy is incomplete: take what is there, check no counts.")
    ] = False,
) -> None:
    """Import a published dataset by one of its official protocols."""
    from antispoof.data.layout import load_dataset

    _write_protocol(load_dataset(name, root, protocol, partial=partial), out)


@data_app.command("combine")
def data_combine(
    protocol: Annotated[str, typer.Argument(help="A cross-dataset protocol.", show_default=False)],
    manifests: Annotated[list[Path], typer.Argument(help="Manifests of its datasets.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Manifest to write.", show_default=False)],
) -> None:
    """Make a cross-dataset protocol (ocim_…, mmdg_…): train on some datasets, test on an unseen one."""
    from antispoof.data.cross_dataset import combine
    from antispoof.data.manifest import read_manifest
    from antispoof.data.presentation import Presentation

    collections: dict[str, list[Presentation]] = {}
    for path in manifests:
        for p in read_manifest(path):
            collections.setdefault(p.dataset, []).append(p)
    _write_protocol(combine(protocol, collections), out)


@data_app.command("hold-out")
def data_hold_out(
    manifest: ManifestPath,
    what: Annotated[
        str, typer.Argument(help="pai_species=NAME, or an attribute: lighting=dim.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Manifest to write.", show_default=False)],
) -> None:
    """Keep a kind of attack, a device, a lighting, … for the test alone."""
    from rich.console import Console

    from antispoof.data.hold_out import hold_out
    from antispoof.data.manifest import read_manifest, write_manifest
    from antispoof.data.summary import partition_table
    from antispoof.errors import InputError

    name, equals, value = what.partition("=")
    if not equals:
        raise InputError(f"what to hold out must be name=value, got {what!r}")
    rows = hold_out(read_manifest(manifest), name, value)
    write_manifest(rows, out)
    Console(highlight=False).print(_table(*partition_table(rows)))


simulate_app = typer.Typer(no_args_is_help=True, help="Make presentations where none can be had.")
app.add_typer(simulate_app, name="simulate")


@simulate_app.command("face")
def simulate_face_captures(
    portraits: Annotated[Path, typer.Argument(help="Folder, one portrait a person.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="An empty or new folder.", show_default=False)],
    licence: Annotated[str, typer.Option(help="Terms of the portraits.", show_default=False)],
    variants: Annotated[int, typer.Option(help="Captures of each kind a person.", min=1)] = 2,
    instrument: Annotated[list[str] | None, typer.Option(help="Only these kinds of attack.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same collection.", min=0)] = 0,
) -> None:
    """Make bona fide captures, replays and prints of portraits, as a webcam or phone would see them."""
    from antispoof.data.simulation.face_collection import read_portraits, write_faces

    people = read_portraits(portraits, lambda why: typer.echo(f"left out {why}", err=True))
    with _progress("simulating", len(people)) as step:
        manifest = write_faces(
            people,
            out,
            licence=licence,
            variants=variants,
            instruments=instrument or (),
            seed=seed,
            progress=step,
        )
    typer.echo(f"SIMULATED captures of {len(people)} people; manifest: {manifest}")
    typer.echo(f"next: antispoof data summary {manifest} --sheet sheet.png")


@simulate_app.command("scene")
def simulate_scene(
    out: Annotated[Path, typer.Argument(help="An empty or new folder.", show_default=False)],
    subjects: Annotated[int, typer.Option(help="How many people.")] = 40,
    bona_fide: Annotated[int, typer.Option(help="Bona fide presentations a person.")] = 13,
    attacks: Annotated[int, typer.Option(help="Attack presentations a person; kinds take turns.")] = 13,
    instrument: Annotated[list[str] | None, typer.Option(help="Only these kinds of attack.")] = None,
    suite: Annotated[list[str] | None, typer.Option(help="Only these sensor suites.")] = None,
    lighting: Annotated[list[str] | None, typer.Option(help="Only these lighting conditions.")] = None,
    size: Annotated[int, typer.Option(help="Pixels across and down.")] = 128,
    seed: Annotated[int, typer.Option(help="The same seed makes the same collection.", min=0)] = 0,
    portraits: Annotated[Path | None, typer.Option(help="Folder of frontal portraits as texture.")] = None,
    portrait_licence: Annotated[str, typer.Option(help="Terms of the portraits.")] = "",
    workers: Annotated[int, typer.Option(help="Processes; 0 means one a core.", min=0)] = 0,
) -> None:
    """Render people and attack instruments for colour, depth, near-infrared and thermal cameras."""
    import time

    from antispoof.data.simulation.scene_collection import plan_scenes, read_portraits, write_scenes

    specs = plan_scenes(seed, subjects, bona_fide, attacks, instrument or (), suite or (), lighting or ())
    faces = read_portraits(portraits, portrait_licence) if portraits else None
    for path in faces.skipped if faces else ():
        typer.echo(f"no face found in {path}: left out", err=True)
    start = time.perf_counter()
    with _progress("rendering", len(specs)) as step:
        manifest = write_scenes(
            specs, out, size=size, portraits=faces, workers=workers or None, progress=step
        )
    rate = len(specs) / (time.perf_counter() - start)
    typer.echo(f"{len(specs)} SIMULATED presentations, {rate:.0f} a second; manifest: {manifest}")
    typer.echo(f"next: antispoof data summary {manifest} --sheet sheet.png")


@simulate_app.command("speech")
def simulate_speech(
    source: Annotated[Path, typer.Argument(help="Folder of bona fide speech.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="An empty or new folder.", show_default=False)],
    licence: Annotated[str, typer.Option(help="Terms of the speech.", show_default=False)],
    pattern: Annotated[str, typer.Option(help=r"Who speaks, e.g. '(?P<subject>\d+)-'.")] = "",
    kind: Annotated[list[str] | None, typer.Option(help="Only these kinds of spoof.")] = None,
    codec: Annotated[list[str] | None, typer.Option(help="Codecs, drawn alike for both classes.")] = None,
    texts: Annotated[Path | None, typer.Option(help="Sentences for the engines, one a line.")] = None,
    spoofs: Annotated[int, typer.Option(help="Spoofs made of each file.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed makes the same collection.", min=0)] = 0,
) -> None:
    """Make spoofs of recorded speech: vocoders, text to speech, replay, codecs."""
    from rich.console import Console

    from antispoof.data.simulation.speech_collection import read_texts, speech_files, write_speech
    from antispoof.data.summary import partition_table

    files = speech_files(source)
    sentences = read_texts(texts) if texts else ()
    with _progress("synthesising", len(files)) as step:
        result = write_speech(
            files,
            out,
            licence=licence,
            pattern=pattern,
            kinds=kind or (),
            codecs=codec or (),
            texts=sentences,
            spoofs=spoofs,
            seed=seed,
            progress=step,
        )
    Console(highlight=False).print(_table(*partition_table(result.presentations)))
    for path, why in result.skipped:
        typer.echo(f"left out {path}: {why}", err=True)
    simulated = sum(p.simulated for p in result.presentations)
    typer.echo(
        f"{simulated} SIMULATED spoofs, {len(result.skipped)} files left out; manifest: {result.manifest}"
    )


@app.command("datasets")
def list_datasets(
    name: Annotated[str, typer.Argument(help="Show one in full.", show_default=False)] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="Write the reference page.")] = False,
) -> None:
    """List the published datasets that can be imported, and the cross-dataset protocols."""
    from rich.console import Console

    from antispoof.data.cross_dataset import CROSS_DATASET
    from antispoof.data.layout import datasets
    from antispoof.data.reference import reference_page

    if markdown:
        typer.echo(reference_page(), nl=False)
        return
    console = Console(highlight=False)
    if name:
        thing = datasets[name]
        console.print(f"{thing.title} · {thing.reference}", markup=False)
        console.print(f"licence: {thing.licence}\nask: {thing.ask}\n{thing.notes}", markup=False)
        console.print(_table("Protocols", ("name", "what it asks"), list(thing.protocols.items())))
        console.print("Layout, for example", *list(thing.example)[:12], sep="\n  ", markup=False)
        return
    things = [datasets[key] for key in datasets]
    rows = [(t.name, t.title, ", ".join(t.modalities), str(len(t.protocols))) for t in things]
    console.print(_table("Datasets", ("name", "dataset", "sensors", "protocols"), rows))
    crossed = [(key, ", ".join(p.sources), ", ".join(p.targets)) for key, p in CROSS_DATASET.items()]
    console.print(_table("Cross-dataset protocols", ("name", "train on", "test on"), crossed))


def _write_protocol(protocol: EvaluationProtocol, out: Path) -> None:
    """Write a protocol as a manifest, and say what it holds."""
    from rich.console import Console

    from antispoof.data.manifest import write_manifest
    from antispoof.data.summary import partition_table

    rows = (*protocol.train, *protocol.dev, *protocol.test)
    write_manifest(rows, out)
    Console(highlight=False).print(_table(*partition_table(rows)))
    if protocol.notes:
        typer.echo(f"note: {protocol.notes}")
    if protocol.shared_subjects:
        typer.echo(
            f"note: partitions share subjects: {protocol.shared_subjects} (check with --shared-subjects)"
        )
    typer.echo(f"wrote {protocol.name} to {out}; next: antispoof data check {out}")


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
JsonPath = Annotated[
    Path | None,
    typer.Option("--json", help="Write every digit here; - for the terminal.", show_default=False),
]
HtmlPath = Annotated[Path | None, typer.Option("--html", help="Write the report here.", show_default=False)]


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
    resamples: Resamples = 1000,
    seed: Seed = 0,
    json: JsonPath = None,
    html: HtmlPath = None,
) -> None:
    """Judge a score file: every standard figure, how sure it is, and a report.

    The file has the columns id, score (higher = bona fide; empty = non-response) and pai_species
    (bona_fide or the kind of attack), and may have subject, simulated and any attributes.
    """
    from rich.console import Console

    from antispoof.evaluation import ScoreSet, VerificationScores, evaluate
    from antispoof.evaluation.provenance import Provenance
    from antispoof.evaluation.records import evaluation_record, to_json
    from antispoof.evaluation.report import evaluation_page
    from antispoof.evaluation.tables import print_evaluation

    if (scores is None) == (test is None):
        raise InputError("name one score file, as in: antispoof evaluate scores.csv")
    path = scores or test
    assert path is not None
    given = ScoreSet.read(path)
    development = None if dev is None else ScoreSet.read(dev)
    verification = None if asv is None else VerificationScores.read(asv)
    with _progress("resampling", resamples) as advance:
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
    made = Provenance.of(_command(), [each for each in (dev, path, asv) if each is not None])
    if str(json) != "-":
        print_evaluation(Console(highlight=False), result)
    _deliver(
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

    from antispoof.evaluation import ScoreSet, compare, cross_dataset
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
        with _progress("evaluating", 0) as advance:
            table = cross_dataset(matrix, figure=figure, at=at, resamples=resamples, seed=seed, tick=advance)
        made = Provenance.of(_command(), table.files)
        if str(json) != "-":
            print_matrix(console, table)
        _deliver(json, html, lambda: to_json(matrix_record(table, made)), lambda: matrix_page(table, made))
        return
    if figure is not None:
        raise InputError("--figure belongs to --matrix; a comparison shows all figures")
    paths = _named(scores or [])
    if dev and len(dev) != len(paths):
        raise InputError(f"--dev is given {len(dev)} times for {len(paths)} systems; give each its own")
    systems = {name: ScoreSet.read(path) for name, path in paths.items()}
    development = {name: ScoreSet.read(path) for name, path in zip(paths, dev, strict=True)} if dev else None
    with _progress("resampling", resamples) as advance:
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
    made = Provenance.of(_command(), [*(dev or []), *paths.values()])
    if str(json) != "-":
        print_comparison(console, result)
    _deliver(
        json,
        html,
        lambda: to_json(comparison_record(result, made)),
        lambda: comparison_page(result, made),
    )


@app.command("train")
def train_experiment(
    experiment: Annotated[Path, typer.Argument(help="Experiment file, .yaml.", show_default=False)],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="key=value, replacing what the file says; may be repeated.", show_default=False
        ),
    ] = None,
) -> None:
    """Train a model; started again after an interruption, go on where it was."""
    _needs_training()
    from antispoof.training.experiment import read_experiment
    from antispoof.training.fit import Reporter, train

    settings = read_experiment(experiment, overrides or ())
    started = time.monotonic()

    def say(line: str) -> None:
        typer.echo(f"[{time.monotonic() - started:6.0f} s] {line}", err=True)

    def progress(what: str, done: int, total: int) -> None:
        if done == total or sys.stderr.isatty() or done % max(1, total // 20) == 0:
            say(f"{what} {done} of {total}")

    run = train(settings, Reporter(say, progress))
    typer.echo(f"{run}: trained; make a bundle of it with: antispoof export {run} -o {settings.name}.onnx")


@app.command("export")
def export_run(
    run: Annotated[Path, typer.Argument(help="Folder of a finished training run.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Bundle to write, .onnx.", show_default=False)
    ],
    results: Annotated[
        Path | None,
        typer.Option(help="What a benchmark measured, for the bundle to tell.", show_default=False),
    ] = None,
) -> None:
    """Turn a checkpoint into a bundle that needs no torch."""
    _needs_training()
    from antispoof.training.export import export

    path = export(run, output, results)
    typer.echo(
        f"{path}: {path.stat().st_size / 1e6:.1f} MB; use it with: antispoof check --bundle {path} photo.jpg"
    )


def _needs_training() -> None:
    """Name the extra before anything else can fail for want of it."""
    for module in ("torch", "lightning", "onnx", "safetensors"):
        if find_spec(module) is None:
            raise MissingExtraError("training", "train")


def _named(words: Sequence[str]) -> dict[str, Path]:
    """Read ``name=path`` or ``path``, whose name is the file's without its ending."""
    named: dict[str, Path] = {}
    for word in words:
        name, given, path = word.partition("=")
        name, path = (name, path) if given else (Path(word).stem, word)
        if name in named:
            raise InputError(f"two systems are called {name!r}; name them apart: a={named[name]} b={path}")
        named[name] = Path(path)
    return named


def _command() -> list[str]:
    return ["antispoof", *sys.argv[1:]]


def _deliver(
    json: Path | None, html: Path | None, record: Callable[[], str], page: Callable[[], str]
) -> None:
    """Write the files that were asked for, and say where they are."""
    for path, make in ((json, record), (html, page)):
        if path is None:
            continue
        if str(path) == "-":
            typer.echo(make())
            continue
        text = make()
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot write {str(path)!r}: {error.strerror}") from None
        typer.echo(f"wrote {path}", err=True)


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar on standard error, where that is a terminal; yield what moves it by one."""
    if total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for index, name in enumerate(header):
        numbers = index > 0 and all(row[index][:1].isdigit() or not row[index] for row in rows)
        table.add_column(escape(name), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def main() -> None:
    """Run the command line; whatever the caller got wrong is told on standard error, with exit code 3.

    A defect of this program ends with a traceback and exit code 70, which no verdict has.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a file name may hold what a terminal cannot show
    try:
        app()
    except AntispoofError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except Answer:
        raise
    except SystemExit as stop:
        # The parser has printed its own message and asks for code 2.
        sys.exit(BAD_INPUT if stop.code == 2 else stop.code)
    except Exception:
        traceback.print_exc()
        sys.exit(DEFECT)
