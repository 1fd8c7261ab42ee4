"""Where a command's output goes: the terminal, files, and pipes that somebody closes early."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from antispoof.cli.app import needs
from antispoof.files import write_text

__all__ = [
    "HtmlPath",
    "JsonPath",
    "deliver",
    "drop_output",
    "guard_output",
    "shown",
    "table_path",
    "with_json_target",
    "write_json_text",
]

JsonPath = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="[FILE.json]",
        help="As JSON, every digit: to the terminal, or to a file whose name ends in .json.",
        show_default=False,
    ),
]


# What ends a line, moves the cursor, or turns the direction of writing.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def shown(name: object) -> str:
    """Return a name or a message that holds one for the terminal, control characters escaped.

    The name of a file is chosen by whoever made it: it could hold the line of another verdict.
    """
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), str(name))


def table_path(path: Path | None) -> Path | None:
    """Callback of options that name a table to write: a Parquet file needs its extra before work starts."""
    if path is not None and path.suffix.lower() in (".parquet", ".pq"):
        needs("a Parquet file", "parquet", "pyarrow")
    return path


def _page_path(path: Path | None) -> Path | None:
    if path is not None:
        needs("the HTML report", "report", "jinja2", "matplotlib")
    return path


HtmlPath = Annotated[
    Path | None,
    typer.Option(
        "--html",
        help="Write a page here; - for the terminal.",
        show_default=False,
        callback=_page_path,
    ),
]


def with_json_target(words: Sequence[str]) -> list[str]:
    """Let ``--json`` take the next word only where it names a file: ``--json`` and ``--json a.json`` work.

    A word names a file when it ends in ``.json``, is ``-``, or lies in ``/dev``.
    """
    found: list[str] = []
    for index, word in enumerate(words):
        if word == "--":
            return [*found, *words[index:]]
        if found and found[-1] == "--json" and not _names_file(word):
            found[-1] = "--json=-"
        found.append(word)
    if found and found[-1] == "--json":
        found[-1] = "--json=-"
    return found


def _names_file(word: str) -> bool:
    return word == "-" or word.lower().endswith(".json") or word.startswith("/dev/")


def write_json_text(target: Path, text: str) -> None:
    """Write JSON to where ``--json`` asks for it."""
    if str(target) == "-":
        typer.echo(text)
        return
    write_text(target, text if text.endswith("\n") else text + "\n")
    typer.echo(f"wrote {shown(target)}", err=True)


def deliver(json: Path | None, html: Path | None, record: Callable[[], str], page: Callable[[], str]) -> None:
    """Write the files that were asked for, and say where they are."""
    for target, make in ((json, record), (html, page)):
        if target is not None:
            write_json_text(target, make())


class _Output(io.RawIOBase):
    """Standard output whose reader may leave: what is left goes nowhere, and the command ends as it would."""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def isatty(self) -> bool:
        return os.isatty(1)

    def write(self, data: object) -> int:
        try:
            return os.write(1, data)  # type: ignore[arg-type]
        except BrokenPipeError:
            drop_output()
            return os.write(1, data)  # type: ignore[arg-type]


def drop_output() -> None:
    """Send what is still written to standard output nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def guard_output() -> None:
    """Keep the exit code's meaning when what reads standard output stops early (``| head -1``)."""
    if not isinstance(sys.stdout, io.TextIOWrapper):
        return
    sys.stdout.reconfigure(errors="replace")  # a file name may hold what a terminal cannot show
    if sys.stdout is sys.__stdout__:
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Output()),
            encoding=sys.stdout.encoding,
            errors="replace",
            line_buffering=os.isatty(1),
        )
