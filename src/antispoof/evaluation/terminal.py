"""Tables and sentences for a terminal of any width: names fold, numbers stay whole, nothing is cut."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

__all__ = ["fits", "say", "table"]


def say(console: Console, sentence: str) -> None:
    """Print a sentence, leaving the line breaks to the terminal."""
    console.print(sentence, soft_wrap=True)


def table(title: str, *columns: str, words: tuple[str, ...] = ()) -> Table:
    """Make an empty table.

    Args:
        title: stands above it.
        columns: their headings.
        words: headings of the columns that hold words and may fold, beside the first; all others hold
            numbers.
    """
    made = Table(title=escape(title), title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for k, column in enumerate(columns):
        folds = not k or column in words
        made.add_column(
            escape(column), justify="left" if folds else "right", no_wrap=not folds, overflow="fold"
        )
    return made


def fits(console: Console, filled: Table) -> bool:
    """Tell whether a table can be printed without folding anything."""
    return Measurement.get(console, console.options.update(width=10_000), filled).maximum <= console.width
