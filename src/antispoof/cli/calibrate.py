"""`antispoof calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from antispoof.cli.app import BundleName, app, files_in, progress_bar
from antispoof.cli.judges import SiteFile
from antispoof.cli.sensors import flag, takes_sensors
from antispoof.errors import InputError


@app.command()
@takes_sensors("Bona fide samples of the {sensor} sensor: a folder or a file; may be repeated.")
def calibrate(
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.", show_default=False)],
    attack: Annotated[
        list[Path] | None,
        typer.Option(help="Captures of attacks, if there are any; may be repeated.", show_default=False),
    ] = None,
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(
            help="Presentations of which nobody knows what they were, at least 100: a folder or a file; may "
            "be repeated.",
            show_default=False,
        ),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(
            help="A table with a column score, of such presentations, as antispoof check --csv writes it.",
            show_default=False,
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="Which column of the table is the score: score=NAME.", show_default=False),
    ] = None,
    site: SiteFile = None,
    lower: Annotated[
        bool,
        typer.Option(
            "--lower",
            help="Let unlabelled traffic take the threshold below the one in force: where you know that "
            "people are turned away. Attacks can have a hand in it.",
        ),
    ] = False,
    bundle: BundleName = None,
    **samples: list[Path] | None,
) -> None:
    """Learn where the threshold belongs at your site.

    From captures of people who were there: five are the least, twenty varied ones are better,
    other people, days, places, light and distances.
    Or from traffic that nobody has labelled (--scores, --unlabelled), at most two fifths of it attacks. It
    raises the threshold alone, and takes nothing back of a calibration in force (--site); --lower lets it.
    """
    from antispoof.columns import parse_columns
    from antispoof.runtime.bundle import default_bundle, read_bundle
    from antispoof.runtime.detector import load
    from antispoof.runtime.references import default_threshold
    from antispoof.runtime.site import read_site, write_site
    from antispoof.sensing.modalities import modality_of
    from antispoof.sites.learning import learn_site
    from antispoof.sites.traffic import learn_from_scores, learn_unlabelled, read_traffic

    given = {name: paths for name, paths in samples.items() if paths}
    if len(given) + (unlabelled is not None) + (scores is not None) != 1:
        raise typer.BadParameter(
            "name the samples of one sensor, or one of --scores and --unlabelled",
            param_hint=" / ".join(flag(name) for name in samples),
        )
    if attack and not given:
        raise InputError("--attack: goes with bona fide captures, not with unlabelled traffic")
    if given and (lower or site is not None):
        raise InputError("--lower and --site: go with unlabelled traffic, not with bona fide captures")
    in_force = None if site is None else read_site(site)
    if scores is not None:
        metadata = read_bundle(bundle or default_bundle("face_rgb")).metadata
        found, without = read_traffic(scores, parse_columns(columns or ""), metadata)
        learned = learn_from_scores(metadata, found, rejected=without, in_force=in_force, may_lower=lower)
        modality, example = metadata.modalities[0], "FILE"
    else:
        named = unlabelled or next(iter(given.values()))
        people, attacks = files_in(named), files_in(attack or [])
        modality = next(iter(given), "") or modality_of(people[0])
        detector = load(bundle or default_bundle(modality))
        metadata, example = detector.bundle.metadata, str(people[0])
        with progress_bar("looking", len(people) + len(attacks)) as advance:
            if unlabelled is not None:
                learned = learn_unlabelled(
                    detector, people, in_force=in_force, may_lower=lower, progress=advance
                )
            else:
                learned = learn_site(detector, people, attacks, progress=advance)
    write_site(learned, out)
    low, high = learned.shift_interval
    threshold = default_threshold(metadata)
    each = " for a typical presentation" if learned.captures else ""
    typer.echo(
        f"threshold {threshold:+.2f} → {threshold + learned.shift:+.2f}{each} "
        f"(90 % interval {threshold + low:+.2f} to {threshold + high:+.2f})"
    )
    if learned.unlabelled:
        typer.echo(
            f"from {learned.unlabelled} unlabelled presentations, at most {learned.attack_limit:.0%} of them "
            f"attacks; {learned.rejected} could not be judged"
        )
    else:
        typer.echo(
            f"from {learned.bona_fide} bona fide captures ({learned.distinct} distinct) and {learned.attack} "
            f"of attacks; {learned.rejected} could not be judged"
        )
    for line in learned.advice:
        typer.echo(f"advice: {line}")
    typer.echo(f"wrote {out}; use it: antispoof check --site {out} {flag(modality)} {example}")
