"""`antispoof models`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from antispoof.cli.app import app, text_table
from antispoof.cli.output import JsonPath, write_json_text

if TYPE_CHECKING:
    from rich.console import Console

    from antispoof.runtime.bundle import Bundle, OperatingPointEntry, TrainingData


@app.command()
def models(
    name: Annotated[
        str | None,
        typer.Argument(help="Tell all of one: a bundle that ships, or an .onnx file.", show_default=False),
    ] = None,
    bundle: Annotated[
        str | None, typer.Option(help="The same, as an option.", show_default=False, hidden=True)
    ] = None,
    as_json: JsonPath = None,
) -> None:
    """List the models that ship; with a name: licence, operating points, training data, measured results."""
    from rich.console import Console

    from antispoof.runtime.bundle import read_bundle, shipped_bundles

    wanted = name or bundle
    paths = [wanted] if wanted else list(shipped_bundles().values())
    bundles = [(path, read_bundle(path)) for path in paths]
    if as_json is not None:
        entries = [
            {"path": str(path), "bytes": len(one.model), "metadata": one.metadata.model_dump()}
            for path, one in bundles
        ]
        write_json_text(as_json, json.dumps({"models": entries}, indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    if wanted:
        _print_bundle(console, bundles[0][1])
        return
    rows = [_row(one) for _, one in bundles]
    for _, one in bundles:
        if kept := _undisclosed(one.metadata.training.data):
            console.print(f"{one.metadata.name}: {kept}\n", markup=False)
    console.print(text_table("Models that ship", ("name", "judges", "MB", "threshold", "licence"), rows))
    console.print("antispoof models NAME tells the rest: training data, operating points, measured results.")


def _row(bundle: Bundle) -> tuple[str, ...]:
    about = bundle.metadata
    point = about.operating_points[about.default_operating_point]
    return (
        f"{about.name} {about.version}",
        ", ".join(about.modalities),
        f"{len(bundle.model) / 1e6:.2f}",
        f"{point.threshold:+.2f}",
        about.licence,
    )


def _print_bundle(console: Console, one: Bundle) -> None:
    from rich.text import Text

    about = one.metadata
    console.print(Text(f"{about.name} {about.version}", "bold"), about.description, markup=False)
    if told := _undisclosed(about.training.data):
        console.print(Text(told, "bold"))
    elif all(source.disclosed for source in about.training.data):
        console.print("Every weight has a disclosed origin.")
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
            _errors(p),
            p.data,
        )
        for name, p in about.operating_points.items()
    ]
    columns = ("name", "threshold", "rule", "errors there", "set on")
    console.print(text_table("Operating points", columns, points))
    data = [
        (
            source.name,
            source.licence,
            str(source.presentations) if source.disclosed else "unknown",
            _kind(source.simulated),
        )
        for source in about.training.data
    ]
    console.print(text_table("Trained on", ("data", "licence", "presentations", "kind"), data))
    measured = [
        (result.data, _kind(result.simulated), ", ".join(f"{k} {v:g}" for k, v in result.metrics.items()))
        for result in about.results
    ]
    console.print(text_table("Measured", ("data", "kind", "result"), measured))


def _undisclosed(data: Sequence[TrainingData]) -> str:
    """Say what a model learned from that its makers do not tell; empty where there is no such thing."""
    kept = [source.name for source in data if source.disclosed is False]
    return f"NOT DISCLOSED: {'; '.join(kept)}." if kept else ""


def _errors(point: OperatingPointEntry) -> str:
    """Say what a threshold does to every kind of attack and to people, where the bundle tells it."""
    if point.bpcer is None:
        return ""
    kinds = ", ".join(f"{species} {rate:.1%}" for species, rate in point.apcer.items())
    return f"APCER {kinds}; BPCER {point.bpcer:.1%}"


def _kind(simulated: bool) -> str:
    return "simulated" if simulated else "real"
