"""`antispoof protocol`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from antispoof.cli.app import ExperimentPath, Overrides, app, needs_training, reporter, text_table

protocol_app = typer.Typer(no_args_is_help=True, help="Train and test over the folds of a protocol.")
app.add_typer(protocol_app, name="protocol")


@protocol_app.command("list")
def list_protocols() -> None:
    """List the protocols."""
    from rich.console import Console

    from antispoof.data.folds import FORMS

    Console(highlight=False).print(text_table("Protocols", ("protocol", "what it does"), list(FORMS.items())))


@protocol_app.command("run")
def run_protocol_folds(
    experiment: ExperimentPath,
    protocol: Annotated[
        str,
        typer.Argument(
            help="leave-one-out:pai_species, cross:capture_device, missing-modality, …", show_default=False
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for runs and results.", show_default=False)
    ],
    seeds: Annotated[
        list[int] | None,
        typer.Option(
            "--seed", help="Train with this seed; repeatable; default: the file's.", show_default=False
        ),
    ] = None,
    overrides: Overrides = None,
    figure: Annotated[str, typer.Option(help="Figure that is printed, as in compare --matrix.")] = "hter",
) -> None:
    """Train on every fold, score its test, and write the matrix; started again, go on where it was."""
    needs_training()
    from rich.console import Console

    from antispoof.evaluation import cross_dataset
    from antispoof.evaluation.error_rates import LABELS
    from antispoof.evaluation.tables import print_matrix
    from antispoof.studies.protocol import run_protocol
    from antispoof.training.experiment import read_experiment

    if figure not in LABELS:
        raise typer.BadParameter(f"choose one of {', '.join(LABELS)}", param_hint="--figure")
    matrix = run_protocol(
        read_experiment(experiment, overrides or ()), protocol, output, seeds or (), reporter()
    )
    print_matrix(Console(highlight=False), cross_dataset(matrix, figure=figure))
    typer.echo(f"{matrix}: report it with: antispoof compare --matrix {matrix} --html matrix.html")
