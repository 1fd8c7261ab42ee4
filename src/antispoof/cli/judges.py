"""Options of commands that judge: which bundles do, by which policy, and where bona fide begins."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from antispoof.runtime.detector import Detector

__all__ = ["At", "Bundles", "PolicyName", "SiteFile", "load_told"]

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


def load_told(
    given: str | Sequence[str] | None, *, at: str | None, policy: str | None, again: bool = False
) -> Detector:
    """Load a detector, and name on standard error what was asked for and does not judge.

    That is the bundles of the policy where ``--bundle`` gives others, and each of several bundles that never
    judges, since one before it has the same sensors. Nothing is named ``again``.
    """
    from antispoof.runtime.detector import load

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        detector = load(given, at=at, policy=policy)
    if again:
        return detector
    rules = detector.policy
    listed = () if rules is None else rules.bundles
    if rules is not None and listed and given:
        named = given if isinstance(given, str) else ", ".join(given)
        typer.echo(
            f"--bundle {named} judges instead of the bundles of the policy {rules.name}: {', '.join(listed)}",
            err=True,
        )
    for each in caught:
        typer.echo(str(each.message), err=True)
    return detector
