"""`antispoof chimeric`."""

from __future__ import annotations

from typing import Annotated

import typer

from antispoof.cli.app import app, progress_bar
from antispoof.cli.evaluate import Resamples, Seed, named, read_scores
from antispoof.cli.fuse import CalibrationName


@app.command("chimeric")
def evaluate_chimeric_pairs(
    first: Annotated[
        str, typer.Argument(help="Score file of one sensor, as path or name=path.", show_default=False)
    ],
    second: Annotated[
        str, typer.Argument(help="Score file of the other, of other people.", show_default=False)
    ],
    dev_share: Annotated[
        float,
        typer.Option(help="Share of subjects (or ids) to fit on, chosen by a hash.", show_default=False),
    ],
    pairs: Annotated[int, typer.Option(min=10, help="Pairs of each kind.")] = 2000,
    calibration: CalibrationName = "best",
    resamples: Resamples = 1000,
    seed: Seed = 0,
) -> None:
    """Put two sensors of different people together by chance, and attack one of them, or both.

    Chimeric pairs are no people: they show what a rule of fusion can do, not what a product does.
    """
    from rich.console import Console

    from antispoof.studies.chimeric import evaluate_chimeric, print_chimeric

    (one, one_path), (other, other_path) = named([first, second]).items()
    with progress_bar("resampling", resamples) as advance:
        found = evaluate_chimeric(
            read_scores(one_path, cautions=True),
            read_scores(other_path, cautions=True),
            (one, other),
            dev_share=dev_share,
            pairs=pairs,
            calibration=calibration,
            resamples=resamples,
            seed=seed,
            tick=advance,
        )
    print_chimeric(Console(highlight=False), found)
