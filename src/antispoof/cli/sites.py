"""`antispoof sites`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from antispoof.cli.app import BundleName, app, text_table
from antispoof.cli.service import Config, Database, State, opened
from antispoof.errors import InputError


@app.command()
def sites(
    propose: Annotated[
        str | None, typer.Option(help="A site: write the move that its scores call for.", show_default=False)
    ] = None,
    bundle: BundleName = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file to write.", show_default=False)
    ] = None,
    lower: Annotated[
        bool,
        typer.Option(
            "--lower",
            help="With --propose: let the threshold fall below the one in force, where you know that people "
            "are turned away.",
        ),
    ] = False,
    tenant: Annotated[str, typer.Option(help="Whose sites.")] = "default",
    config: Config = None,
    state: State = None,
    database: Database = None,
) -> None:
    """List how the scores of the service's sites lie, and what move of the threshold they call for.

    A move is proposed and never made: it counts once a policy names the file that --propose writes. It is
    upwards, and takes back nothing of what a policy says now, unless you say --lower.
    """
    if lower and propose is None:
        raise typer.BadParameter("goes with --propose", param_hint="--lower")
    if (propose is None) != (out is None):
        raise typer.BadParameter("--propose and --out go together", param_hint="--propose")
    with opened(config, state, database) as core:
        import numpy as np

        from antispoof.runtime.bundle import read_bundle
        from antispoof.runtime.references import default_threshold
        from antispoof.runtime.site import write_site
        from antispoof.service.traffic import read_traffic
        from antispoof.sites.traffic import learn_from_scores

        judge = core.checks.detector()
        models = [read_bundle(bundle)] if bundle else list(judge.bundles)
        in_force = {site.bundle_sha256: site for site in judge.sites}
        known = {each.metadata.sha256: each.metadata for each in models}
        there_is = [each for each in read_traffic(core.store, core.clock.now()) if each.tenant == tenant]
    found = [each for each in there_is if each.sha256 in known]
    others = sorted({f"{each.bundle} ({each.sha256[:12]}…)" for each in there_is if each.sha256 not in known})
    elsewhere = f"there are scores by {', '.join(others)}: name its file with --bundle" if others else ""
    if propose is not None and out is not None:
        there = [each for each in found if each.site == propose]
        if len(there) != 1:
            names = ", ".join(f"{each.site} ({each.bundle})" for each in found) or "none"
            what = "several models" if there else "no scores"
            raise InputError(
                f"{what} of site {propose!r}: name the model with --bundle; there are {names}"
                + (f"; {elsewhere}" if elsewhere else "")
            )
        metadata = known[there[0].sha256]
        learned = learn_from_scores(
            metadata, there[0].scores, in_force=in_force.get(metadata.sha256), may_lower=lower
        )
        write_site(learned, out)
        threshold = default_threshold(metadata)
        typer.echo(
            f"proposed: threshold {threshold:+.2f} → {threshold + learned.shift:+.2f}, "
            f"from {learned.unlabelled} scores"
        )
        for line in learned.advice:
            typer.echo(f"advice: {line}")
        typer.echo(f"wrote {out}; it counts once a policy names it (sites: {{{metadata.name}: {out}}})")
        return
    from rich.console import Console

    rows = []
    for each in found:
        proposal = each.proposal(known[each.sha256], in_force.get(each.sha256))
        quartiles = np.percentile(each.scores, (25, 50, 75))
        move = "–" if proposal is None else f"{proposal.shift:+.2f}"
        rows.append((each.site, each.bundle, str(each.scores.size), *(f"{q:+.2f}" for q in quartiles), move))
    columns = ("site", "model", "scores", "quarter below", "half below", "quarter above", "proposed move")
    Console(highlight=False).print(text_table("Sites, last 28 days", columns, rows))
    if elsewhere:
        typer.echo(f"left out: {elsewhere}", err=True)
