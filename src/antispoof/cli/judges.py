"""Options of commands that judge: which bundles do, by which policy, and where bona fide begins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from antispoof.runtime.bundle import Bundle
    from antispoof.runtime.detector import Detector

__all__ = ["At", "Bundles", "PolicyName", "SiteFile", "tell_who_judges"]

Bundles = Annotated[
    list[str] | None,
    typer.Option(
        "--bundle",
        help="A bundle that ships, by name, or the path of an .onnx file; may be repeated.",
        show_default="those that ship for the sensors at hand",
    ),
]

PolicyName = Annotated[
    str | None,
    typer.Option(
        "--policy", help="A policy that ships, by name, or the path of a .yaml file.", show_default=False
    ),
]

At = Annotated[
    str | None,
    typer.Option("--at", help="Operating point, by name or by rule.", show_default="the bundle's own"),
]

SiteFile = Annotated[
    Path | None, typer.Option("--site", help="What antispoof calibrate wrote.", show_default=False)
]


def tell_who_judges(detector: Detector, given: Sequence[str] | None) -> None:
    """Name on standard error what was asked for and does not judge.

    That is the bundles of the policy where ``--bundle`` gives others, and each of several bundles that never
    judges, since one before it has the same sensors.
    """
    policy = detector.policy
    listed = () if policy is None else policy.bundles
    if policy is not None and listed and given:
        typer.echo(
            f"--bundle {', '.join(given)} judges instead of the bundles of the policy {policy.name}: "
            f"{', '.join(listed)}",
            err=True,
        )
    if len(given or listed) < 2:
        return
    first: dict[frozenset[str], Bundle] = {}
    for bundle in detector.bundles:
        about = bundle.metadata
        before = first.setdefault(frozenset(about.modalities), bundle)
        if before is not bundle:
            named = f"{before.metadata.name} {before.metadata.version}"
            typer.echo(
                f"{about.name} {about.version} has no say: {named}, named before it, judges "
                f"{', '.join(about.modalities)}. Ask each by itself.",
                err=True,
            )
