"""Gather the pages of the documentation in build/pages, run the tutorials, generate the references.

    python tools/build_docs.py && zensical build --clean --strict

The pages lie there as in the repository, so that their links hold in both places.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tutorials import write_tutorials

import antispoof

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "build" / "pages"
ROOMS = {
    "sensing": "from files to clean arrays",
    "runtime": "judging",
    "evidence": "a verdict for a reader",
    "sites": "fitting the threshold to a place",
    "scores": "calibration and fusion of scores",
    "evaluation": "metrics, intervals, comparisons",
    "data": "presentations, manifests, data sets",
    "simulation": "presentations that nobody had to sit for",
    "challenges": "what a live capture is asked",
    "networks": "encoders, fusions, losses",
    "training": "from an experiment to a bundle",
    "studies": "runs that end in a report",
    "service": "sessions over HTTP",
    "client": "a backend's way to the service",
    "contract": "what the service and its clients agree on",
}


def gather() -> None:
    """Copy what people wrote."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(ROOT / "docs", PAGES / "docs")
    shutil.copytree(ROOT / "configs", PAGES / "configs")
    for name in ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY", "CODE_OF_CONDUCT"):
        shutil.copy(ROOT / f"{name}.md", PAGES)


def write_command_line() -> None:
    """Write the reference of every command, from the commands."""
    page = PAGES / "docs" / "reference" / "cli.md"
    program = """
from antispoof.cli.sensors import declare_sensors
from typer.cli import main

declare_sensors()
main()
"""
    words = ["antispoof.cli.every", "utils", "docs", "--name", "antispoof", "--title", "Command line"]
    subprocess.run(
        [sys.executable, "-c", program, *words, "--output", str(page)],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def write_api() -> None:
    """Write a page for the public names, and one for each room; mkdocstrings puts the docstrings in."""
    folder = PAGES / "docs" / "reference" / "api"
    folder.mkdir()
    public = "\n\n".join(f"::: antispoof.{name}" for name in antispoof.__all__)
    rooms = "\n".join(f"- [`antispoof.{room}`]({room}.md): {does}" for room, does in ROOMS.items())
    (folder / "index.md").write_text(
        f"# Python\n\n{antispoof.__doc__}\n## By room\n\n{rooms}\n\n## Public names\n\n{public}\n",
        encoding="utf-8",
    )
    for room in ROOMS:
        (folder / f"{room}.md").write_text(f"# antispoof.{room}\n\n::: antispoof.{room}\n", encoding="utf-8")


if __name__ == "__main__":
    gather()
    write_command_line()
    write_api()
    write_tutorials(ROOT / "docs" / "tutorials", PAGES / "docs" / "tutorials", ROOT / "build" / "tutorials")
