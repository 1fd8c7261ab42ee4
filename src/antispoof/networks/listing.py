"""Names and ideas of encoders, fusions and losses, read from their files, so that no torch is needed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

__all__ = ["listing"]

_FOLDERS = {"Encoders": "encoders", "Fusions": "fusion", "Losses": "losses"}


def listing() -> dict[str, list[tuple[str, str]]]:
    """Return kind → name and idea of everything that is registered in the files of its folder."""
    networks = Path(__file__).parent
    return {kind: sorted(_registered(networks / folder)) for kind, folder in _FOLDERS.items()}


def _registered(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(attr="register"), args=[ast.Constant(value=str(name))]):
                    yield name, _idea(ast.get_docstring(tree) or "")


def _idea(docstring: str) -> str:
    """Return what stands behind the colon of a file's first line."""
    return docstring.split("\n", 1)[0].split(": ", 1)[-1].rstrip(".").replace("``", "`")
