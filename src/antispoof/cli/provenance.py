"""`antispoof provenance`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from antispoof.cli.app import BAD_INPUT, CommandExit, app
from antispoof.cli.output import JsonPath, shown, write_json_text
from antispoof.errors import MediaError
from antispoof.files import read_text


@app.command("provenance")
def tell_provenance(
    files: Annotated[list[Path], typer.Argument(help="Pictures and films.", show_default=False)],
    anchors: Annotated[
        Path | None, typer.Option(help="Certificates in PEM that vouch for signers.", show_default=False)
    ] = None,
    as_json: JsonPath = None,
) -> None:
    """Read and verify C2PA manifests, and name what a container contradicts: no verdict.

    Exit code 3 where a file cannot be read, which keeps the others from nothing.
    """
    from antispoof.sensing.provenance import HINTS, REASONS, container_hints, read_provenance

    trusted = read_text(anchors, "certificates") if anchors else ""
    told = []
    wrong: list[tuple[Path, MediaError]] = []
    for path in files:
        try:
            told.append((path, read_provenance(path, trusted), container_hints(path)))
        except MediaError as error:
            wrong.append((path, error))
    if as_json is not None:
        rows: list[dict[str, object]] = [
            {"file": str(path), "c2pa": None if found is None else asdict(found), "hints": hints}
            for path, found, hints in told
        ]
        rows += [{"file": str(path), "error": str(reason)} for path, reason in wrong]
        write_json_text(as_json, json.dumps({"files": rows}, indent=2))
        told = []
    for path, found, hints in told:
        if found is None:
            typer.echo(f"{shown(path)}: no C2PA manifest, which says nothing")
        else:
            typer.echo(
                shown(f"{path}: {found.state}, signed by {found.signer or 'nobody named'}, {found.generator}")
            )
            for code in found.reasons:
                typer.echo(f"  {code}: {REASONS[code]}")
        for code in hints:
            typer.echo(f"  hint {code}: {HINTS[code]}")
    for _, reason in wrong:
        typer.echo(f"error: {shown(reason)}", err=True)
    if wrong:
        raise CommandExit(BAD_INPUT)
