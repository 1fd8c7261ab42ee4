"""A folder of portraits → a folder of simulated clips, with their manifest."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import cv2

from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.data.splitting import split
from antispoof.errors import InputError, UnknownNameError
from antispoof.simulation.clip import clip_instruments
from antispoof.simulation.clip.render import ClipSpec, simulate_clip
from antispoof.simulation.clip.suites import SUITES
from antispoof.simulation.face.collection import portrait_files, read_portrait
from antispoof.simulation.face.portrait import Portrait

__all__ = ["Clips", "plan_clips", "write_clips"]

_FRACTIONS = (0.65, 0.35, 0.0)
LONGEST_S = 30.0


@dataclass(frozen=True, slots=True)
class Clips:
    """What was written.

    Attributes:
        manifest: its path.
        presentations: one a clip.
        skipped: portraits that could not be used, and why.
    """

    manifest: Path
    presentations: tuple[Presentation, ...]
    skipped: tuple[str, ...]


def plan_clips(
    seed: int,
    subjects: int,
    takes: int,
    suite: str,
    seconds: float,
    instruments: Sequence[str] = (),
    liveliness: float = 1.0,
) -> tuple[ClipSpec, ...]:
    """Decide what is filmed: a bona fide clip and an attack a take, kinds of attack in turn.

    Args:
        seed: of the collection.
        subjects: how many people.
        takes: pairs a person.
        suite: one of `SUITES`.
        seconds: of each clip.
        instruments: kinds of attack; empty means those of the suite.
        liveliness: factor, 0 to 2, on how people move by themselves.

    Raises:
        InputError: a number is out of range.
        UnknownNameError: no such suite or instrument.
    """
    if suite not in SUITES:
        raise UnknownNameError("suite of clips", suite, list(SUITES))
    for kind in instruments:
        clip_instruments[kind]
    if subjects < 1 or takes < 1:
        raise InputError(f"subjects and takes must be at least 1, got {subjects} and {takes}")
    if not 0.2 <= seconds <= LONGEST_S:
        raise InputError(f"seconds must be 0.2 to {LONGEST_S:.0f}, got {seconds:g}")
    if not 0 <= liveliness <= 2:
        raise InputError(f"liveliness must be 0 to 2, got {liveliness:g}")
    kinds = tuple(instruments) or SUITES[suite].instruments
    return tuple(
        ClipSpec(seed, subject, take, kind, suite, seconds, liveliness)
        for subject in range(subjects)
        for take in range(takes)
        for kind in (None, kinds[(subject * takes + take) % len(kinds)])
    )


def write_clips(
    specs: Sequence[ClipSpec],
    portraits: Path,
    out: Path,
    *,
    licence: str,
    workers: int | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Clips:
    """Film clips of the people of a folder, and write their manifest.

    Suites share nobody: those that teach take people from the first two thirds of the folder, the held-out
    suite from the last. What teaches is divided into train and dev by person; what is held out is test.

    Args:
        specs: from `plan_clips`, of one suite.
        portraits: one picture a person, named after the person.
        out: an empty or new folder.
        licence: terms of the portraits.
        workers: processes; None means one a core.
        progress: called once a clip.

    Raises:
        InputError: there are too few portraits, or the folder holds something.
    """
    if not portraits.is_dir():
        raise InputError(f"portraits must be a folder with one picture a person, got {str(portraits)!r}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"out must be an empty or new folder, {str(out)!r} holds something")
    held_out = specs[0].suite == "held_out"
    files = portrait_files(portraits)
    cut = -(-2 * len(files) // 3)
    mine = files[cut:] if held_out else files[:cut]
    people = 1 + max(spec.subject for spec in specs)
    if len(mine) < max(people, 2):
        raise InputError(
            f"{people} subjects of the suite {specs[0].suite!r} need {max(people, 2)} portraits in their "
            f"part of the folder, there are {len(mine)} of {len(files)}"
        )
    step = len(mine) / people
    chosen = [mine[int(step * number)] for number in range(people)]
    out.mkdir(parents=True, exist_ok=True)
    jobs = [
        (spec, chosen[spec.subject], mine[mine.index(chosen[spec.subject]) - 1 - spec.take]) for spec in specs
    ]
    rows, skipped = [], dict[str, None]()
    for found in _map(partial(_write, out=out, licence=licence), jobs, workers or os.cpu_count() or 1):
        if isinstance(found, str):
            skipped[found] = None
        else:
            rows.append(found)
        progress()
    if not rows:
        raise InputError(f"no usable portrait in {str(portraits)!r}: {next(iter(skipped), '')}")
    if held_out:
        rows = list(split(rows, (0.0, 0.0, 1.0), specs[0].seed))
    elif len({row.subject for row in rows}) > 1:
        rows = list(split(rows, _FRACTIONS, specs[0].seed))
    write_manifest(rows, out / "manifest.csv")
    return Clips(out / "manifest.csv", tuple(rows), tuple(skipped))


Job = tuple[ClipSpec, Path, Path]


def _map(
    work: Callable[[Job], Presentation | str], jobs: Sequence[Job], workers: int
) -> Iterator[Presentation | str]:
    if workers == 1:
        yield from map(work, jobs)
        return
    # Not forked: OpenCV's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        yield from pool.map(work, jobs, chunksize=4)


@lru_cache(maxsize=16)
def _read(path: Path) -> Portrait | str:
    why: list[str] = []
    return read_portrait(CaptureFile(path), path.stem, why.append) or why[0]


def _write(job: Job, *, out: Path, licence: str) -> Presentation | str:
    """Write one clip; or say why its portrait cannot be used."""
    spec, *paths = job
    person, attacker = (_read(path) for path in paths)
    if isinstance(person, str):
        return person
    try:
        clip = simulate_clip(spec, person, person if isinstance(attacker, str) else attacker)
    except InputError as error:
        return str(error)
    kind = spec.instrument or "bona_fide"
    name = f"{spec.suite}-{spec.seed}-{spec.subject:04}-{spec.take:02}-{kind}"
    path = out / f"{name}{clip.suffix}"
    clip.write(path)
    return Presentation(
        id=name,
        dataset="simulated_clip",
        captures={"face_rgb": CaptureFile(path)},
        pai_species=spec.instrument,
        subject=clip.subject,
        session=f"{spec.take:02}",
        attributes={
            "suite": spec.suite,
            "codec": f"{clip.codec} {clip.quality}",
            "fps": f"{clip.fps:g}",
        },
        licence=licence,
        simulated=True,
    )
