"""The blocks of code on a page of the documentation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.M | re.S)
NOT_RUN = "# not run by the tests: "
"""Begins the first line of a block that cannot run just anywhere, and is followed by the reason."""
DOCS_ONLY = "# run by make docs only: "
"""The same, of a block of a tutorial that takes too long for a test run."""


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        language: as written behind the fence, ``""`` for none.
        text: what is inside.
        line: of the page, counted from 1, where the text begins.
        end: position in the page just behind the block.
    """

    language: str
    text: str
    line: int
    end: int

    @property
    def runs(self) -> bool:
        """Whether the tests run it."""
        return self.runs_in_docs and not self.text.startswith(DOCS_ONLY)

    @property
    def runs_in_docs(self) -> bool:
        """Whether it runs when the documentation is built, if it is part of a tutorial."""
        return self.language in ("python", "bash") and not self.text.startswith(NOT_RUN)


def read_blocks(page: Path) -> list[Block]:
    """Read the fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[1], found[2], text.count("\n", 0, found.start(2)) + 1, found.end())
        for found in _BLOCK.finditer(text)
    ]
