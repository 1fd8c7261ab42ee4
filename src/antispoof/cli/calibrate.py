"""`antispoof calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from antispoof.cli.app import BundleName, app, files_in, progress_bar
from antispoof.cli.sensors import flag, takes_sensors


@app.command()
@takes_sensors("Bona fide samples of the {sensor} sensor: a folder or a file; may be repeated.")
def calibrate(
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.", show_default=False)],
    attack: Annotated[
        list[Path] | None,
        typer.Option(help="Captures of attacks, if there are any; may be repeated.", show_default=False),
    ] = None,
    bundle: BundleName = None,
    **samples: list[Path] | None,
) -> None:
    """Learn where the threshold belongs at your site, from captures of people who were there.

    Five captures are the least, twenty varied ones are better:
    other people, days, places, light and distances.
    """
    from antispoof.runtime.bundle import default_bundle
    from antispoof.runtime.detector import load
    from antispoof.runtime.site import write_site
    from antispoof.sites.learning import learn_site

    given = {name: paths for name, paths in samples.items() if paths}
    if len(given) != 1:
        raise typer.BadParameter(
            "name the samples of one sensor", param_hint=" / ".join(flag(name) for name in samples)
        )
    [(modality, named)] = given.items()
    people, attacks = files_in(named), files_in(attack or [])
    detector = load(bundle or default_bundle(modality))
    with progress_bar("looking", len(people) + len(attacks)) as advance:
        learned = learn_site(detector, people, attacks, progress=advance)
    write_site(learned, out)
    low, high = learned.shift_interval
    threshold = detector.operating_point.threshold
    typer.echo(
        f"threshold {threshold:+.2f} → {threshold + learned.shift:+.2f} "
        f"(90 % interval {threshold + low:+.2f} to {threshold + high:+.2f})"
    )
    typer.echo(
        f"from {learned.bona_fide} bona fide captures ({learned.distinct} distinct) and {learned.attack} of "
        f"attacks; {learned.rejected} could not be judged"
    )
    for line in learned.advice:
        typer.echo(f"advice: {line}")
    typer.echo(f"wrote {out}; use it: antispoof check --site {out} {flag(modality)} {people[0].name}")
