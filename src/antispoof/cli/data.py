"""`antispoof data` and `antispoof datasets`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antispoof.cli.app import CommandExit, app, progress_bar, text_table
from antispoof.cli.output import shown
from antispoof.cli.sensors import Units, read_units
from antispoof.errors import InputError

if TYPE_CHECKING:
    from antispoof.data.presentation import EvaluationProtocol


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
    with progress_bar("reading", len(presentations)) as advance:
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
        raise CommandExit(1)


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
        console.print(text_table(title, header, rows))
    if sheet is not None:
        contact_sheet(presentations, sheet, columns=columns, seed=seed)
        console.print(f"contact sheet: {sheet}", markup=False, soft_wrap=True)


@data_app.command("split")
def data_split(
    manifests: Annotated[
        list[Path], typer.Argument(help="One manifest, or several to be joined.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Where the divided manifest goes.", show_default=False)],
    fractions: Annotated[tuple[float, float, float], typer.Option(help="Shares of train, dev and test.")] = (
        0.6,
        0.2,
        0.2,
    ),
    keep_test: Annotated[
        bool, typer.Option("--keep-test", help="What is test stays test; only the rest is divided.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed divides alike on every machine.", min=0)] = 0,
) -> None:
    """Divide into train, dev and test: no subject on two sides, kinds of attack spread evenly."""
    from rich.console import Console

    from antispoof.data.manifest import read_manifest, write_manifest
    from antispoof.data.splitting import split, split_rest
    from antispoof.data.summary import partition_table

    rows = [p for path in manifests for p in read_manifest(path)]
    divided = (split_rest if keep_test else split)(rows, fractions, seed)
    write_manifest(divided, out)
    Console(highlight=False).print(text_table(*partition_table(divided)))


@data_app.command("erase")
def data_erase(
    manifest: ManifestPath,
    subject: Annotated[str, typer.Option(help="Whose files and rows are removed.", show_default=False)],
    dataset: Annotated[str, typer.Option(help="Needed when several datasets have that subject.")] = "",
    bundles: Annotated[
        list[Path] | None, typer.Option(help="Folder searched for trained bundles; may be repeated.")
    ] = None,
    service: Annotated[
        Path | None,
        typer.Option(
            help="State folder, or settings file, of a service: sessions of this person are erased too.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a person: delete their files, drop their rows, and name the bundles trained on this manifest."""
    from antispoof.data.erasure import bundles_naming, erase, plan_erasure
    from antispoof.data.manifest import read_manifest

    plan = plan_erasure(read_manifest(manifest), subject, dataset)
    for path in plan.files:
        typer.echo(f"delete {shown(path)}")
    for path in plan.shared:
        typer.echo(f"keep   {shown(path)}: other people's rows name it too")
    typer.echo(f"{len(plan.removed)} rows and {len(plan.files)} files go, {len(plan.kept)} rows stay")
    if not yes:
        typer.confirm("This cannot be undone. Erase?", abort=True)
    trained = bundles_naming(manifest, bundles or [])
    erase(manifest, plan)
    typer.echo("erased")
    if service is not None:
        from antispoof.cli.service import erase_sessions

        folder = service.is_dir()
        erase_sessions(subject, None if folder else service, service if folder else None, None)
    for path in trained:
        named = shown(path)
        typer.echo(f"{named} names this manifest: it was trained on this person, retrain or withdraw it")
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
    modality: Annotated[
        str,
        typer.Option(
            help="Of files in whose path no folder names one; empty: voice of sounds, else face_rgb."
        ),
    ] = "",
    pattern: Annotated[
        str, typer.Option(help=r"Regular expression for the path, e.g. '(?P<subject>s\d+)_(?P<session>\d)'.")
    ] = "",
    licence: Annotated[str, typer.Option(help="Terms of use of the files.")] = "",
    consent_basis: Annotated[str, typer.Option(help="Why the data may be processed.")] = "",
    unit: Units = None,
) -> None:
    """Import a folder tree: labels, partitions and modalities are read from the names of its folders."""
    from rich.console import Console

    from antispoof.data.folder import import_folder
    from antispoof.data.manifest import write_manifest
    from antispoof.data.presentation import with_units
    from antispoof.data.summary import partition_table

    result = import_folder(
        root,
        dataset=dataset,
        modality=modality,
        pattern=pattern,
        licence=licence,
        consent_basis=consent_basis,
    )
    write_manifest(with_units(result.presentations, read_units(unit)), out)
    Console(highlight=False).print(text_table(*partition_table(result.presentations)))
    if result.skipped:
        typer.echo(
            f"{len(result.skipped)} files carry no label in their path and were left out: "
            + ", ".join(result.skipped[:5])
            + (", …" if len(result.skipped) > 5 else "")
        )
    if result.left_out:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in result.left_out.items())
        typer.echo(
            f"{sum(result.left_out.values())} files were left out, since nothing here reads them: {kinds}"
        )
    typer.echo(f"wrote {out}; next: antispoof data check {out}")


@import_app.command("csv")
def import_csv_table(
    table: Annotated[
        Path, typer.Argument(help="A table of files and labels, or an ASVspoof protocol.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Manifest to write, .csv or .parquet.", show_default=False)],
    columns: Annotated[
        str,
        typer.Option(
            help="Which column is what: id=utt, label=key, path=file, subject=speaker, or by number.",
            show_default=False,
        ),
    ] = "",
    bona_fide: Annotated[
        str | None, typer.Option(help="The label that means bona fide, such as 0.", show_default=False)
    ] = None,
    modality: Annotated[str, typer.Option(help="Of the files.")] = "face_rgb",
    files: Annotated[
        str,
        typer.Option(
            help="Where files lie, by id: 'flac/{id}.flac'; default: the path, or the id.", show_default=False
        ),
    ] = "",
    dataset: Annotated[str, typer.Option(help="Name of the dataset; empty: that of the table.")] = "",
    licence: Annotated[str, typer.Option(help="Terms of use of the files.")] = "",
    consent_basis: Annotated[str, typer.Option(help="Why the data may be processed.")] = "",
    unit: Units = None,
) -> None:
    """Import a table that calls its columns and labels in its own way; other columns become attributes."""
    from rich.console import Console

    from antispoof.columns import parse_columns
    from antispoof.data.foreign import import_table
    from antispoof.data.manifest import write_manifest
    from antispoof.data.presentation import with_units
    from antispoof.data.summary import partition_table

    result = import_table(
        table,
        columns=parse_columns(columns),
        bona_fide=bona_fide,
        modality=modality,
        files=files,
        dataset=dataset,
        licence=licence,
        consent_basis=consent_basis,
    )
    write_manifest(with_units(result.presentations, read_units(unit)), out)
    if result.read_as:
        typer.echo(f"{table} was read as {result.read_as}")
    Console(highlight=False).print(text_table(*partition_table(result.presentations)))
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
    unit: Units = None,
) -> None:
    """Import a published dataset by one of its official protocols."""
    from antispoof.data.layout import load_dataset

    units = read_units(unit)
    _write_protocol(load_dataset(name, root, protocol, partial=partial), out, units)


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

    name, equals, value = what.partition("=")
    if not equals:
        raise InputError(f"what to hold out must be name=value, got {what!r}")
    rows = hold_out(read_manifest(manifest), name, value)
    write_manifest(rows, out)
    Console(highlight=False).print(text_table(*partition_table(rows)))


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
        console.print(text_table("Protocols", ("name", "what it asks"), list(thing.protocols.items())))
        console.print("Layout, for example", *list(thing.example)[:12], sep="\n  ", markup=False)
        return
    things = [datasets[key] for key in datasets]
    rows = [(t.name, t.title, ", ".join(t.modalities), str(len(t.protocols))) for t in things]
    console.print(text_table("Datasets", ("name", "dataset", "sensors", "protocols"), rows))
    crossed = [(key, ", ".join(p.sources), ", ".join(p.targets)) for key, p in CROSS_DATASET.items()]
    console.print(text_table("Cross-dataset protocols", ("name", "train on", "test on"), crossed))


def _write_protocol(protocol: EvaluationProtocol, out: Path, units: Mapping[str, str] | None = None) -> None:
    """Write a protocol as a manifest, and say what it holds."""
    from rich.console import Console

    from antispoof.data.manifest import write_manifest
    from antispoof.data.presentation import with_units
    from antispoof.data.summary import partition_table

    rows = with_units((*protocol.train, *protocol.dev, *protocol.test), units or {})
    write_manifest(rows, out)
    Console(highlight=False).print(text_table(*partition_table(rows)))
    if protocol.notes:
        typer.echo(f"note: {protocol.notes}")
    if protocol.shared_subjects:
        typer.echo(
            f"note: partitions share subjects: {protocol.shared_subjects} (check with --shared-subjects)"
        )
    typer.echo(f"wrote {protocol.name} to {out}; next: antispoof data check {out}")
