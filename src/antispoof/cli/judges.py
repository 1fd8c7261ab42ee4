"""Options of commands that judge: which bundles do, by which policy, and where bona fide begins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from antispoof.runtime.bundle import Bundle
    from antispoof.runtime.detector import Detector

__all__ = ["At", "Bundles", "PolicyName", "SiteFile", "tell_without_say"]

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


def tell_without_say(detector: Detector) -> None:
    """Name on standard error each bundle that never judges, since one before it has the same sensors."""
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
