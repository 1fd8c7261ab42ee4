"""`antispoof ablate`."""

from __future__ import annotations

import typer

from antispoof.cli.app import ExperimentPath, Overrides, app, needs_training, reporter


@app.command("ablate")
def ablate_experiment(
    experiment: ExperimentPath,
    overrides: Overrides = None,
) -> None:
    """Train without each part in turn, over several seeds, and tell what it contributes."""
    needs_training()
    from rich.console import Console

    from antispoof.evaluation.tables import print_ablation
    from antispoof.studies.ablation import ablate
    from antispoof.training.experiment import read_experiment

    settings = read_experiment(experiment, overrides or ())
    result = ablate(settings, reporter())
    print_ablation(Console(highlight=False), result)
    typer.echo(f"{settings.run_dir}: ablation.csv, ablation.svg, and every training under runs/")
