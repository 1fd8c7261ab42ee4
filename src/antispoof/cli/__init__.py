"""The command line: one file a command or group, one function a command, each a thin call into a room.

Every module in this folder is imported, and adds its commands to the one program.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import pkgutil
import sys
import traceback

# Pydantic would look through every installed distribution for plugins of its own: time that a check has not.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from antispoof.cli.app import BAD_INPUT, CUT_SHORT, DEFECT, CommandExit, app
from antispoof.cli.moved import as_written_now
from antispoof.cli.output import drop_output, guard_output, with_json_target
from antispoof.cli.sensors import declare_sensors
from antispoof.errors import AntispoofError

__all__ = ["app", "main"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


def main() -> None:
    """Run the command line; whatever the caller got wrong is told on standard error, with exit code 3.

    A defect of this program ends with a traceback and exit code 70, which no verdict has; an output that
    cannot be written, with 74.
    """
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="replace")  # a file name may hold what a terminal cannot show
    guard_output()
    declare_sensors()
    code = _run()
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _cannot_write(error)
    sys.exit(code)


def _run() -> int | str | None:
    try:
        app(with_json_target(as_written_now(sys.argv[1:])))
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
        traceback.print_exc()
        return DEFECT
    except Exception:
        traceback.print_exc()
        return DEFECT
    return 0


def _cannot_write(error: OSError) -> int:
    drop_output()
    print(f"error: the output cannot be written: {error.strerror}", file=sys.stderr)
    return CUT_SHORT
