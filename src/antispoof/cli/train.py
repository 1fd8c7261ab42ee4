"""`antispoof train` and `antispoof export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from antispoof.cli.app import ExperimentPath, Overrides, app, needs_training, reporter


@app.command("train")
def train_experiment(
    experiment: ExperimentPath,
    overrides: Overrides = None,
) -> None:
    """Train a model; started again after an interruption, go on where it was."""
    needs_training()
    from antispoof.training.experiment import read_experiment
    from antispoof.training.fit import train

    settings = read_experiment(experiment, overrides or ())
    run = train(settings, reporter())
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
    needs_training()
    from antispoof.training.export import export

    path = export(run, output, results)
    typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB; use it with: antispoof check --bundle {path}")
