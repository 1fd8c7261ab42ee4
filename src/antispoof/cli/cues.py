"""`antispoof cues`: measure clips, and learn what the numbers say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from antispoof.cli.app import Overrides, app, text_table
from antispoof.errors import ExperimentError

cues_app = typer.Typer(no_args_is_help=True, help="Evidence from time: measure clips, learn from them.")
app.add_typer(cues_app, name="cues")


@cues_app.command("measure")
def measure_cues(
    manifests: Annotated[list[Path], typer.Argument(help="Manifests of clips.", show_default=False)],
    out: Annotated[Path, typer.Option(help="File to write, or to go on with.", show_default=False)],
) -> None:
    """Let every cue look at every clip, and write its numbers, one line of JSON a clip."""
    from antispoof.cli.app import reporter
    from antispoof.training.cue_rules.measuring import measure_clips, read_measured

    told = reporter()
    skipped = measure_clips(manifests, out, lambda done, of: told.progress("measuring", done, of))
    for why in skipped:
        typer.echo(f"left out {why}", err=True)
    typer.echo(f"{len(read_measured(out))} clips measured: {out}")


@cues_app.command("answers")
def simulate_answers(
    portraits: Annotated[Path, typer.Argument(help="Folder, one portrait a person.", show_default=False)],
    out: Annotated[Path, typer.Option(help="File to write.", show_default=False)],
    licence: Annotated[str, typer.Option(help="Terms of the portraits.", show_default=False)],
    suite: Annotated[str, typer.Option(help="What may teach (taught), or what is held out.")] = "taught",
    people: Annotated[int, typer.Option(help="How many.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same answers.")] = 0,
) -> None:
    """Simulate answers to challenges of turns and light, and write their numbers as `measure` does."""
    from antispoof.cli.app import reporter
    from antispoof.training.cue_rules.answers import write_answers

    told = reporter()
    count = write_answers(
        portraits,
        out,
        suite=suite,
        people=people,
        licence=licence,
        seed=seed,
        progress=lambda done, of: told.progress("simulating", done, of),
    )
    typer.echo(f"{count} answers measured: {out}")


@cues_app.command("talks")
def simulate_talks(
    portraits: Annotated[Path, typer.Argument(help="Folder, one portrait a person.", show_default=False)],
    voices: Annotated[Path, typer.Argument(help="Folder, one recording a person.", show_default=False)],
    out: Annotated[Path, typer.Option(help="File to write.", show_default=False)],
    licence: Annotated[str, typer.Option(help="Terms of portraits and voices.", show_default=False)],
    suite: Annotated[str, typer.Option(help="What may teach (taught), or what is held out.")] = "taught",
    people: Annotated[int, typer.Option(help="How many.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same films.")] = 0,
) -> None:
    """Simulate people who talk, with their voice or another, and write the numbers of lip_sound."""
    from antispoof.cli.app import reporter
    from antispoof.training.cue_rules.talks import write_talks

    told = reporter()
    count = write_talks(
        portraits,
        voices,
        out,
        suite=suite,
        people=people,
        licence=licence,
        seed=seed,
        progress=lambda done, of: told.progress("simulating", done, of),
    )
    typer.echo(f"{count} talks measured: {out}")


@cues_app.command("fit")
def fit_cues(
    experiment: Annotated[Path, typer.Argument(help="YAML file: how each cue learns.", show_default=False)],
    taught: Annotated[Path, typer.Option(help="Measured clips, train and dev.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder of the rules.", show_default=False)],
    held_out: Annotated[Path | None, typer.Option(help="Measured clips that only judge.")] = None,
    overrides: Overrides = None,
) -> None:
    """Learn one rule a cue, calibrate it, and tell what it does on clips held out."""
    from pydantic import ValidationError
    from rich.console import Console

    from antispoof.files import first_error, replacing
    from antispoof.training.cue_rules.fitting import RulesExperiment, fit_rule
    from antispoof.training.cue_rules.measuring import read_measured
    from antispoof.training.experiment import read_yaml

    try:
        settings = RulesExperiment.model_validate(read_yaml(experiment, overrides or ()))
    except ValidationError as error:
        raise ExperimentError(f"{str(experiment)!r}: {first_error(error)}") from None
    clips, judged = read_measured(taught), read_measured(held_out) if held_out else ()
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in settings.cues:
        rule = fit_rule(name, settings, clips, judged)
        with replacing(out / f"{name}.json") as draft:
            draft.write_text(rule.model_dump_json(indent=1) + "\n", encoding="utf-8")
        for result in rule.results:
            shares = (result.metrics[key] for key in ("auc", "d_eer", "not_measurable"))
            rows.append([name, result.data, *(f"{100 * share:.2f}" for share in shares)])
    columns = ["cue", "clips", "AUC %", "D-EER %", "not measurable %"]
    Console(highlight=False).print(text_table("SIMULATED", columns, rows))
