"""`antispoof models`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from antispoof.cli.app import app, text_table


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
            f"judges {', '.join(about.modalities)}; {len(one.model) / 1e6:.2f} MB; licence {about.licence}; "
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
        console.print(text_table("Operating points", ("name", "threshold", "rule", "set on"), points))
        data = [
            (source.name, source.licence, str(source.presentations), _kind(source.simulated))
            for source in about.training.data
        ]
        console.print(text_table("Trained on", ("data", "licence", "presentations", "kind"), data))
        measured = [
            (result.data, _kind(result.simulated), ", ".join(f"{k} {v:g}" for k, v in result.metrics.items()))
            for result in about.results
        ]
        console.print(text_table("Measured", ("data", "kind", "result"), measured))


def _kind(simulated: bool) -> str:
    return "simulated" if simulated else "real"
