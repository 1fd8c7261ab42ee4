"""The command line: one file a command or group, one function a command, each a thin call into a room.

A module of this folder adds its commands to the one program. Only that of the command which was asked for is
imported where it has its name, as a check takes no longer than the imports of all; else `every` is.
"""

from __future__ import annotations

import errno
import gc
import importlib
import io
import os
import sys
from pathlib import Path

# Pydantic would look through every installed distribution for plugins of its own: time that a check has not.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from antispoof.cli.app import BAD_INPUT, CUT_SHORT, DEFECT, CommandExit, app
from antispoof.cli.moved import as_written_now
from antispoof.cli.output import drop_output, guard_output, with_json_target
from antispoof.cli.sensors import declare_sensors
from antispoof.errors import AntispoofError

__all__ = ["main"]

COLLECTED_FROM = (
    150_000  # new objects: what imports make is kept, and would be looked through again and again
)


def main() -> None:
    """Run the command line; whatever the caller got wrong is told on standard error, with exit code 3.

    A defect of this program ends with a traceback and exit code 70, which no verdict has; an output that
    cannot be written, with 74.
    """
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="replace")  # a file name may hold what a terminal cannot show
    gc.set_threshold(COLLECTED_FROM)
    guard_output()
    code = _run()
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _cannot_write(error)
    sys.exit(code)


def _run() -> int | str | None:
    try:
        words = with_json_target(as_written_now(sys.argv[1:]))
        _import_command(words[0] if words else "")
        declare_sensors()
        app(words)
    except AntispoofError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except CommandExit as stop:
        return stop.code
    except SystemExit as stop:
        # The parser says 2 for wrong usage, and 1 when it was cut short, which is a verdict here.
        codes = {1: CUT_SHORT, 2: BAD_INPUT}
        return codes.get(stop.code, stop.code) if isinstance(stop.code, int) else stop.code
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return _cannot_write(error)
        return _defect()
    except Exception:
        return _defect()
    return 0


def _import_command(name: str) -> None:
    """Import the module of that name, or all where it has no such command."""
    module = name.replace("-", "_")
    if module.isidentifier() and (Path(__file__).parent / f"{module}.py").exists():
        importlib.import_module(f"{__name__}.{module}")
    groups = {group.name for group in app.registered_groups}
    commands = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    if name not in groups | commands:
        importlib.import_module(f"{__name__}.every")


def _defect() -> int:
    import traceback

    traceback.print_exc()
    return DEFECT


def _cannot_write(error: OSError) -> int:
    drop_output()
    print(f"error: the output cannot be written: {error.strerror}", file=sys.stderr)
    return CUT_SHORT
