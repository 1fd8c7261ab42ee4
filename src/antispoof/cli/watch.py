"""`antispoof watch`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antispoof.cli.app import CommandExit, app
from antispoof.cli.judges import At, PolicyName, SiteFile, load_told
from antispoof.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from antispoof.runtime.verdict import Verdict

EVERY_S = 1.0
COLOURS = {"bona_fide": "green", "attack": "red", "non_response": "yellow"}


@app.command()
def watch(
    film: Annotated[
        Path | None, typer.Argument(help="A film instead of a camera.", show_default=False)
    ] = None,
    camera: Annotated[
        int | None, typer.Option(help="Number of the camera, from 0.", show_default=False)
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="Stop after so long.", min=0.1, show_default="when it ends, or Ctrl+C"),
    ] = None,
    window: Annotated[
        bool, typer.Option("--window", help="Show the picture and the verdict in a window as well.")
    ] = False,
    bundle: Annotated[
        str | None,
        typer.Option(
            help="By name, or the path of an .onnx file.",
            show_default="face-rgb, or what the policy names",
        ),
    ] = None,
    policy: PolicyName = None,
    at: At = None,
    site: SiteFile = None,
) -> None:
    """Watch a camera, or a film, and tell a verdict every second: over the last seconds, cues of time
    included.

    Nothing is kept. A window that is closed ends it. The exit code is that of the last verdict: 0 bona fide,
    1 attack, 2 non-response.
    """
    from antispoof.cli.window import opened
    from antispoof.runtime.checking import EXIT_CODES
    from antispoof.runtime.live import LiveJudge
    from antispoof.sensing.camera import camera_pictures
    from antispoof.sensing.video import film_pictures

    if (film is None) == (camera is None):
        raise typer.BadParameter("name a film, or a camera as in --camera 0", param_hint="FILM")
    detector = load_told(bundle or (None if policy else "face-rgb"), at=at, policy=policy)
    judge = LiveJudge(detector if site is None else detector.calibrated(site))
    pictures: Iterator[tuple[float, NDArray[np.uint8]]]
    pictures = camera_pictures(camera) if film is None and camera is not None else film_pictures(film or "")
    verdict: Verdict | None = None
    told_s = 0.0
    time_s = 0.0
    shown = opened("antispoof watch") if window else None
    if isinstance(shown, str):
        typer.echo(f"no window: {shown}; the verdict is told here", err=True)
        shown = None
    try:
        for time_s, picture in pictures:
            judge.see(time_s, picture)
            if shown is not None and not shown.show(time_s, picture, _words(verdict)):
                break
            if time_s - told_s >= EVERY_S:
                told_s = time_s
                verdict = judge.verdict()
                _tell(time_s, verdict)
            if seconds is not None and time_s >= seconds:
                break
    except KeyboardInterrupt:
        pass
    if time_s > told_s or verdict is None:
        verdict = judge.verdict()
        _tell(time_s, verdict)
    if verdict is None:
        raise InputError("there was no picture")
    raise CommandExit(EXIT_CODES[verdict.outcome])


def _words(verdict: Verdict | None) -> tuple[str, str]:
    """Name the verdict, and its colour."""
    from antispoof.evidence.explanation import OUTCOME_WORDS

    if verdict is None:
        return "…", "gray"
    score = "" if verdict.score is None else f" {verdict.score:+.2f}"
    return OUTCOME_WORDS[verdict.outcome] + score, COLOURS[verdict.outcome]


def _tell(time_s: float, verdict: Verdict | None) -> None:
    """Tell it on one line."""
    if verdict is None:
        return
    words, colour = _words(verdict)
    told = [typer.style(words, fg=colour, bold=True)]
    if verdict.score is None:
        told.append(", ".join(verdict.reasons))
    told += [
        f"{each.title} {each.contribution:+.2f}" if each.score is not None else f"{each.title} –"
        for each in verdict.cues
        if each.status != "hint"
    ]
    line = f"{time_s:6.1f} s  {' | '.join(told)}"
    typer.echo(line)
    sys.stdout.flush()
