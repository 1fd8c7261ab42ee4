"""`antispoof train` and `antispoof export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from antispoof.cli.app import (
    ExperimentPath,
    Overrides,
    app,
    needs,
    needs_training,
    progress_bar,
    reporter,
)
from antispoof.errors import InputError, UnknownNameError
from antispoof.training.edge_targets import EDGE_TARGETS


@app.command("train")
def train_experiment(
    experiment: ExperimentPath,
    overrides: Overrides = None,
) -> None:
    """Train a model; started again after an interruption, go on where it was."""
    needs_training()
    from antispoof.training.experiment import read_experiment
    from antispoof.training.fit import train
    from antispoof.training.recipe import recipes

    settings = read_experiment(experiment, overrides or ())
    run = train(settings, reporter())
    makes = recipes[settings.recipe].makes
    bundle = f"make a bundle of it with: antispoof export {run} -o {settings.name}.onnx"
    typer.echo(f"{run}: trained; {f'it is {makes}' if makes else bundle}")


@app.command("export")
def export_run(
    source: Annotated[
        str,
        typer.Argument(
            metavar="RUN|BUNDLE",
            help="Folder of a finished training run; with --to, a bundle by name or path.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="File to write: .onnx, .xml or .tflite.", show_default=False),
    ],
    results: Annotated[
        Path | None,
        typer.Option(help="What a benchmark measured, for the bundle to tell.", show_default=False),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(help="For another runtime: onnx-int8, openvino, litert or ort-web.", show_default=False),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            help="With --to: manifest of simulated presentations to calibrate and compare on.",
            show_default="rendered scenes",
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            help="With --to: manifest of captures, real ones too, to compare on as well; nothing is "
            "fitted on them.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Turn a checkpoint into a bundle that needs no torch, or a bundle into a file for another runtime."""
    if to is not None:
        _export_edge(source, to, output, results, samples, compare)
        return
    if samples is not None or compare is not None:
        raise InputError(
            "--samples and --compare are for --to: a bundle of a run is made of what the run prepared"
        )
    needs_training()
    from antispoof.training.export import export

    path = export(Path(source), output, results)
    typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB; use it with: antispoof check --bundle {path}")


def _export_edge(
    source: str, to: str, output: Path, results: Path | None, samples: Path | None, compare: Path | None
) -> None:
    if results is not None:
        raise InputError("--results is for runs: what --to measures joins the file by itself")
    if to not in EDGE_TARGETS:
        raise UnknownNameError("export format", to, EDGE_TARGETS)
    needs("export --to", "edge", "onnx")
    from antispoof.training.edge import CALIBRATION, COMPARED, edge_format, export_edge

    needs(f"export --to {to}", "edge", *edge_format(to, output).modules)
    with progress_bar("simulating", CALIBRATION + COMPARED) as step:
        found = export_edge(source, to, output, samples=samples, captures=compare, progress=step)
    weights = output.with_suffix(".bin")
    size = output.stat().st_size + (weights.stat().st_size if output.suffix == ".xml" else 0)
    typer.echo(f"{output}: {size / 1e6:.1f} MB. Calibrated scores beside the bundle's:")
    for each, kind in zip(found, ("SIMULATED presentations", "captures listed"), strict=False):
        typer.echo(
            f"on {each.samples} {kind} they differ by {each.largest:.2g} at most, {each.of_spread:.2g} of "
            f"their spread; {each.moved:.1%} of decisions are others."
        )
