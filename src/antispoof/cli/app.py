"""The program, and what its commands share."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import antispoof
from antispoof.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from rich.table import Table

    from antispoof.training.reporter import Reporter

__all__ = [
    "BAD_INPUT",
    "CUT_SHORT",
    "DEFECT",
    "BundleName",
    "CommandExit",
    "ExperimentPath",
    "Overrides",
    "app",
    "command_line",
    "progress_bar",
    "text_table",
]

BAD_INPUT = 3
"""Exit code for input and usage errors; 1 is left for "looked, and it is not all right"."""

CUT_SHORT = 74
"""Exit code when nobody reads the output to its end, or the user stops a question (``EX_IOERR``)."""

DEFECT = 70
"""Exit code for a defect of this program (``EX_SOFTWARE`` in ``sysexits.h``)."""


_NAME = 40
"""Characters of the longest name that a table leaves whole."""


class CommandExit(SystemExit):
    """Ends the program with a code that the command means, where the parser might use the same one."""


app = typer.Typer(
    name="antispoof", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"antispoof {antispoof.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Tell whether the person in front of the sensors is really there."""


BundleName = Annotated[
    str | None,
    typer.Option(
        "--bundle",
        help="A bundle that ships, by name, or the path of an .onnx file.",
        show_default="the one that ships for the modality",
    ),
]

ExperimentPath = Annotated[Path, typer.Argument(help="Experiment file, .yaml.", show_default=False)]

Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="key=value, replacing what the file says; may be repeated.", show_default=False
    ),
]


def command_line() -> list[str]:
    """Return the words of the command that runs."""
    return ["antispoof", *sys.argv[1:]]


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar on standard error, where that is a terminal; yield what moves it by one."""
    if total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def text_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Lay out rows under a title; columns of numbers stand right."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for index, name in enumerate(header):
        numbers = index > 0 and all(row[index][:1].isdigit() or not row[index] for row in rows)
        # Names are left whole where they leave room for the rest.
        names = index == 0 and len(header) <= 4
        whole = numbers or (names and max((len(row[0]) for row in rows), default=0) <= _NAME)
        justify: Literal["left", "right"] = "right" if numbers else "left"
        table.add_column(escape(name), justify=justify, overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def files_in(paths: Sequence[Path]) -> list[Path]:
    """Return the files named, and those in the folders named, without hidden ones."""
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise InputError(f"no such file or folder: {str(path)!r}")
        inside = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
        if path.is_dir() and not inside:
            raise InputError(f"there are no files in {str(path)!r}")
        files += inside if path.is_dir() else [path]
    return files


def reporter() -> Reporter:
    """Return what long work tells its progress to: standard error, with the time since now."""
    from antispoof.training.reporter import Reporter

    started = time.monotonic()

    def say(line: str) -> None:
        typer.echo(f"[{time.monotonic() - started:6.0f} s] {line}", err=True)

    told: dict[str, int] = {}

    def progress(what: str, done: int, total: int) -> None:
        if done == total or sys.stderr.isatty() or not 0 <= done - told.get(what, -total) < total / 20:
            told[what] = done
            say(f"{what} {done} of {total}")

    return Reporter(say, progress)


def needs(feature: str, extra: str, *modules: str) -> None:
    """Name the extra before any work is done, where one of its modules is not installed."""
    if any(find_spec(module) is None for module in modules):
        raise MissingExtraError(feature, extra)


def needs_training() -> None:
    """Name the extra of everything that trains."""
    needs("training", "train", "torch", "lightning", "onnx", "safetensors")
