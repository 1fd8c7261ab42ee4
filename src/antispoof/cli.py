"""The command line: one function a command, each a thin call into a room."""

from __future__ import annotations

import typer

__all__ = ["app", "main"]

app = typer.Typer(name="antispoof", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def root() -> None:
    """Tell whether the person in front of the sensors is really there."""


def main() -> None:
    """Run the command line."""
    app()
