"""`antispoof pretrained` and `antispoof pretrain`."""

from __future__ import annotations

import typer

from antispoof.cli.app import ExperimentPath, Overrides, app, needs_training, reporter, text_table


@app.command("pretrained")
def list_pretrained() -> None:
    """List published weights that training can start from: which encoder takes them, from where, which
    terms."""
    from rich.console import Console

    from antispoof.training.pretrained import PRETRAINED, here

    rows = [
        (one.encoder, one.options, one.source, one.licence, one.learned_from, "yes" if here(one) else "no")
        for one in PRETRAINED
    ]
    header = ("encoder", "options", "from", "licence", "learned from", "here")
    Console(highlight=False).print(text_table("Weights to start from", header, rows))
    typer.echo(
        "Also: any checkpoint of antispoof train or antispoof pretrain, as initial: in an experiment file."
    )


@app.command("pretrain")
def pretrain_encoders(
    experiment: ExperimentPath,
    overrides: Overrides = None,
) -> None:
    """Teach the encoders to fill in what is masked, without labels; training can start from the result."""
    needs_training()
    from antispoof.training.experiment import read_experiment
    from antispoof.training.fit import pretrain

    path = pretrain(read_experiment(experiment, overrides or ()), reporter())
    typer.echo(f"{path}: start from it with: antispoof train {experiment} --set initial={path}")
