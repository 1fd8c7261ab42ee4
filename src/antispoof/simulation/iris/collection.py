"""A collection of simulated iris presentations on the disk, with its manifest."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.data.splitting import split
from antispoof.errors import InputError, UnknownNameError
from antispoof.simulation.iris.instruments import iris_instruments
from antispoof.simulation.iris.presentations import simulate_iris
from antispoof.simulation.iris.sensors import FAMILIES

__all__ = ["HELD_OUT", "IrisSpec", "plan_irises", "write_irises"]

HELD_OUT = {"dev": ("kiosk", "wall_unit"), "test": ("binocular",)}
"""Partition → families that are seen in it alone: thresholds are set on sensors never learned from."""

_FRACTIONS = (0.6, 0.2, 0.2)
LICENCE = "simulated, no person's data; CC0-1.0"


@dataclass(frozen=True, slots=True)
class IrisSpec:
    """What is simulated: the arguments of `simulate_iris`, and the partition ("" where there is none yet)."""

    seed: int
    subject: int
    index: int
    instrument: str | None
    family: str
    partition: str

    @property
    def file(self) -> str:
        """Relative path of its picture."""
        return f"s{self.subject:05}/{self.index:03}.png"


def plan_irises(
    seed: int,
    subjects: int,
    bona_fide: int,
    attacks: int,
    instruments: Sequence[str] = (),
    families: Sequence[str] = (),
) -> tuple[IrisSpec, ...]:
    """Decide what is simulated: kinds of attack in turn, sensors drawn alike for both classes.

    With all families, three fifths of the eyes are for training, and dev and test have sensors of their own
    (`HELD_OUT`); with some of them, eyes alone divide the collection.

    Args:
        seed: of the collection.
        subjects: how many eyes.
        bona_fide: presentations an eye.
        attacks: attack presentations that imitate each eye.
        instruments: kinds of attack; empty means all.
        families: of sensors; empty means all.

    Raises:
        InputError: a number is below 1, or there are more subjects than 100,000.
        UnknownNameError: no such instrument or family.
    """
    for name, value, most in (
        ("subjects", subjects, 100_000),
        ("bona_fide", bona_fide, 999),
        ("attacks", attacks, 999),
    ):
        if not 1 <= value <= most:
            raise InputError(f"{name} must be 1 to {most}, got {value}")
    for name in instruments:
        iris_instruments[name]
    for name in families:
        if name not in FAMILIES:
            raise UnknownNameError("family of sensors", name, FAMILIES)
    kinds = list(instruments) or list(iris_instruments)
    specs = []
    for subject in range(subjects):
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed & 0xFFFFFFFF, 0, subject])))
        partition = _partition(subject, subjects) if not families and subjects >= len(_FRACTIONS) else ""
        devices = list(families) or _families(partition)
        start = int(rng.integers(len(kinds)))
        for index in range(bona_fide + attacks):
            attack = index - bona_fide
            instrument = kinds[(start + attack) % len(kinds)] if attack >= 0 else None
            device = devices[int(rng.integers(len(devices)))]
            specs.append(IrisSpec(seed, subject, index, instrument, device, partition))
    return tuple(specs)


def write_irises(
    specs: Sequence[IrisSpec],
    out: Path,
    *,
    workers: int | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Path:
    """Simulate a collection into a folder, as 8-bit PNG, and write its manifest.

    Args:
        specs: from `plan_irises`.
        out: a folder that does not exist yet, or is empty.
        workers: processes; None means one a core.
        progress: called once a presentation.

    Returns:
        The path of the manifest.

    Raises:
        InputError: the folder holds something.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not an empty folder: simulated and other files must not be mixed")
    out.mkdir(parents=True, exist_ok=True)
    for _ in _map(partial(_to_file, out=out), specs, workers or os.cpu_count() or 1):
        progress()
    rows = [_presentation(spec, out) for spec in specs]
    if not specs[0].partition and len({spec.subject for spec in specs}) >= len(_FRACTIONS):
        rows = list(split(rows, _FRACTIONS, specs[0].seed))
    write_manifest(rows, out / "manifest.csv")
    return out / "manifest.csv"


def _partition(subject: int, subjects: int) -> str:
    share = (subject + 0.5) / subjects
    return "train" if share < _FRACTIONS[0] else "dev" if share < 1 - _FRACTIONS[2] else "test"


def _families(partition: str) -> list[str]:
    held_out = {name for names in HELD_OUT.values() for name in names}
    return list(
        HELD_OUT.get(partition, tuple(name for name in FAMILIES if name not in held_out or not partition))
    )


def _map(work: Callable[[IrisSpec], None], specs: Sequence[IrisSpec], workers: int) -> Iterator[None]:
    if workers == 1:
        yield from map(work, specs)
        return
    # Not forked: OpenCV's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        yield from pool.map(work, specs, chunksize=8)


def _to_file(spec: IrisSpec, *, out: Path) -> None:
    path = out / spec.file
    path.parent.mkdir(exist_ok=True)
    picture = simulate_iris(spec.seed, spec.subject, spec.index, spec.instrument, spec.family).picture
    _, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    path.write_bytes(data.tobytes())


def _presentation(spec: IrisSpec, out: Path) -> Presentation:
    return Presentation(
        id=f"iris/{spec.seed}/{spec.subject:05}/{spec.index:03}",
        dataset="simulated_iris",
        captures={"iris": CaptureFile(out / spec.file)},
        pai_species=spec.instrument,
        subject=f"{spec.seed}-{spec.subject:05}",
        session=f"{spec.index:03}",
        attributes={"capture_device": spec.family},
        licence=LICENCE,
        consent_basis="no person",
        simulated=True,
        partition=spec.partition,
    )
