"""The program with all of its commands: every module in this folder is imported, and adds its own."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from antispoof.cli.app import app

__all__ = ["app"]

for _module in pkgutil.iter_modules([str(Path(__file__).parent)]):
    importlib.import_module(f"antispoof.cli.{_module.name}")
