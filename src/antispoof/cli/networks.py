"""`antispoof networks`."""

from __future__ import annotations

from typing import Annotated

import typer

from antispoof.cli.app import app, needs_training, text_table


@app.command("networks")
def list_networks(
    name: Annotated[
        str, typer.Argument(help="Show one in full, with its options and cost.", show_default=False)
    ] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="Write the reference page.")] = False,
) -> None:
    """List the encoders, fusions and losses that an experiment file may name."""
    from rich.console import Console

    from antispoof.networks.listing import listing

    if markdown or name:
        needs_training()
        from antispoof.networks.reference import reference_page, section

        typer.echo(reference_page() if markdown else section(name), nl=False)
        return
    console = Console(highlight=False)
    for kind, rows in listing().items():
        console.print(text_table(kind, ("name", "what it is"), rows))
