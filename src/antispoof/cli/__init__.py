"""The command line: one file a command or group, one function a command, each a thin call into a room.

Every module in this folder is imported, and adds its commands to the one program.
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import sys
import traceback

from antispoof.cli.app import BAD_INPUT, CUT_SHORT, DEFECT, Answer, app
from antispoof.errors import AntispoofError

__all__ = ["app", "main"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


def main() -> None:
    """Run the command line; whatever the caller got wrong is told on standard error, with exit code 3.

    A defect of this program ends with a traceback and exit code 70, which no verdict has.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a file name may hold what a terminal cannot show
    try:
        app()
    except AntispoofError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except Answer:
        raise
    except SystemExit as stop:
        # The parser says 2 for wrong usage, and 1 when it was cut short, which is a verdict here.
        codes = {1: CUT_SHORT, 2: BAD_INPUT}
        sys.exit(codes.get(stop.code, stop.code) if isinstance(stop.code, int) else stop.code)
    except Exception:
        traceback.print_exc()
        sys.exit(DEFECT)
