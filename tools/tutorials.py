"""Run a tutorial from top to bottom, and put what it printed and drew into the page.

Each block of Python or shell runs by itself, all in one folder. YAML or Python that begins with
``# name.yaml`` is kept there under that name. ``<!-- show FILE: caption -->`` stands where a picture, or a
page, is to be seen.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from doc_blocks import Block, read_blocks

_NAME = re.compile(r"# ([\w-]+\.(?:py|ya?ml))$", re.M)
_SHOW = re.compile(r"<!-- show ([\w.-]+): (.*?) -->", re.S)
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def run_block(block: Block, folder: Path) -> str:
    """Run one block as if it were pasted into a new shell or interpreter; return what it printed."""
    if block.language in ("yaml", "python") and (name := _NAME.match(block.text)):
        (folder / name[1]).write_text(block.text, encoding="utf-8")
    if block.language not in ("bash", "python") or block.text.startswith("pip install"):
        return ""
    program = folder / f"line-{block.line}"
    program.write_text(block.text, encoding="utf-8")
    interpreter = ["bash", "-e"] if block.language == "bash" else [sys.executable]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [*interpreter, program],
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "88", "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"line {block.line} ended with {done.returncode}:\n{block.text}\n{done.stdout}")
    return _ESCAPES.sub("", done.stdout).replace(f"{folder}/", "")


def run_tutorial(page: Path, folder: Path, *, heavy: bool) -> str:
    """Run a page in an empty folder.

    Args:
        page: the Markdown.
        folder: where the blocks run, and what they write is left.
        heavy: also run the blocks that are for the build of the documentation alone.

    Returns:
        the page with the output behind each block, and pictures where they are shown.

    Raises:
        RuntimeError: a block failed, or did not write what the page shows.
    """
    text, parts, start = page.read_text(encoding="utf-8"), [], 0
    for block in read_blocks(page):
        parts.append(text[start : block.end])
        start = block.end
        if block.runs or (heavy and block.runs_in_docs) or block.language == "yaml":
            output = run_block(block, folder).rstrip()
            parts.append(f"\n\n```text\n{output}\n```" if output else "")
    parts.append(text[start:])
    return _SHOW.sub(lambda found: _shown(found, folder, heavy), "".join(parts))


def _shown(found: re.Match[str], folder: Path, heavy: bool) -> str:
    name, caption = found.groups()
    if heavy and not (folder / name).exists():
        raise RuntimeError(f"{name} is shown, but no block wrote it")
    if name.endswith(".html"):
        return f"[{caption}]({folder.name}/{name}){{target=_blank}}"
    return f"![{caption}]({folder.name}/{name})\n\n*{caption}*"


def write_tutorials(source: Path, target: Path, work: Path) -> None:
    """Run every tutorial in ``source``, and write the pages and what they show to ``target``."""
    shutil.rmtree(work, ignore_errors=True)
    for page in sorted(source.glob("*.md")):
        if not read_blocks(page):
            continue
        folder = work / page.stem
        folder.mkdir(parents=True)
        (target / page.name).write_text(run_tutorial(page, folder, heavy=True), encoding="utf-8")
        for name, _ in _SHOW.findall(page.read_text(encoding="utf-8")):
            (target / page.stem).mkdir(exist_ok=True)
            shutil.copy(folder / name, target / page.stem)
