"""Options of commands that judge: which bundles do, by which policy, and where bona fide begins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["At", "Bundles", "PolicyName", "SiteFile"]

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
