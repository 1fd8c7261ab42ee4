"""`antispoof policy`."""

from __future__ import annotations

from typing import Annotated

import typer

from antispoof.cli.app import app, text_table

policy_app = typer.Typer(no_args_is_help=True, help="See what policies do.")
app.add_typer(policy_app, name="policy")


@policy_app.command("list")
def list_policies() -> None:
    """List the policies that ship."""
    from rich.console import Console

    from antispoof.runtime.policy import read_policy, shipped_policies

    rows = [(name, read_policy(name).description) for name in shipped_policies()]
    Console(highlight=False).print(text_table("Policies", ("name", "for whom"), rows))


@policy_app.command("explain")
def explain_policy(
    policy: Annotated[str, typer.Argument(help="A policy that ships, by name, or the path of a .yaml file.")],
) -> None:
    """Say in words what a policy does, and at what error rates it was measured, on which data."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from antispoof.evidence.explanation import policy_in_words
    from antispoof.runtime.policy import read_policy

    found = read_policy(policy)
    console = Console(highlight=False)
    console.print(Text(found.name, "bold"))
    table = Table.grid(padding=(0, 2))
    for name, words in policy_in_words(found):
        table.add_row(Text(f"  {name}"), Text(words))
    console.print(table)
