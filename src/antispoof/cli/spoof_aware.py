"""`antispoof spoof-aware`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from antispoof.cli.app import app, progress_bar
from antispoof.cli.evaluate import Resamples, Seed


@app.command("spoof-aware")
def spoof_aware(
    trials: Annotated[
        Path,
        typer.Argument(
            help="Score file with the columns asv_score, cm_score and trial (target, nontarget or spoof).",
            show_default=False,
        ),
    ],
    dev_share: Annotated[
        float,
        typer.Option(
            help="Share of the trials to fit on, chosen by a hash of their ids.", show_default=False
        ),
    ],
    resamples: Resamples = 1000,
    seed: Seed = 0,
) -> None:
    """Compare ways to join speaker verification and spoofing countermeasure (a-DCF, t-EER)."""
    from rich.console import Console

    from antispoof.evaluation import wording
    from antispoof.evaluation.terminal import table
    from antispoof.studies.spoof_aware import PUBLISHED, JointTrials, compare_spoof_aware

    dev, test = JointTrials.read(trials).split(dev_share)
    with progress_bar("resampling", resamples) as advance:
        results = compare_spoof_aware(dev, test, resamples=resamples, seed=seed, tick=advance)
    console = Console(highlight=False)
    console.print(f"fitted on {len(dev.trial):,} trials, tested on {len(test.trial):,}")
    columns = ("min\na-DCF", f"− {PUBLISHED}\n(paired 95 %)", "t-EER", "SV-EER", "SPF-EER")
    shown = table("", "", *columns, words=columns[1:2])
    for result in results:
        said = "best published"
        if result.difference is not None:
            value, interval = result.difference
            sure = not math.isnan(interval.low) and 0 not in interval
            said = f"{value:+.4f} {wording.ends('cllr', interval)}{' *' * sure}"
        rates = (result.t_eer, result.sv_eer, result.spf_eer)
        shown.add_row(result.name, wording.number(result.a_dcf), said, *map(wording.percent, rates))
    console.print(shown)
    for result in results:
        console.print(f"  {result.name:12} {result.words}", soft_wrap=True)
    console.print(
        "a-DCF with priors .9/.05/.05 and costs 1/10/20. t-EER: of gate the concurrent one; "
        "of one score, the least that the largest of its three error rates can be. "
        "* the interval leaves out 0.",
        soft_wrap=True,
    )
