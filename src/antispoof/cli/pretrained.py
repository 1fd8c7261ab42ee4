"""`antispoof pretrained` and `antispoof pretrain`."""

from __future__ import annotations

import typer

from antispoof.cli.app import ExperimentPath, Overrides, app, needs_training, reporter, text_table


@app.command("pretrained")
def list_pretrained() -> None:
    """List published weights that training can start from: which encoder takes them, under which terms."""
    from rich.console import Console

    from antispoof.training.pretrained import PRETRAINED, is_installed

    console = Console(highlight=False)
    for encoder in dict.fromkeys(one.encoder for one in PRETRAINED):
        weights = [one for one in PRETRAINED if one.encoder == encoder]
        names = [one.source.partition(":")[2] for one in weights]
        options = weights[0].options.replace(names[0], "NAME")
        rows = [
            (name, one.licence, one.learned_from, "yes" if is_installed(one) else "no")
            for name, one in zip(names, weights, strict=True)
        ]
        header = ("name", "licence", "learned from", "installed")
        console.print(text_table(f"Weights for the encoder {encoder}, with {options}", header, rows))
    typer.echo("Also: any checkpoint of antispoof train or pretrain, named under initial.")


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
