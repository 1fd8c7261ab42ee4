"""A collection of simulated fingerprints on the disk, with its manifest."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.errors import InputError, UnknownNameError
from antispoof.simulation.fingerprint.instruments import INSTRUMENTS
from antispoof.simulation.fingerprint.presentation import PrintSpec, present
from antispoof.simulation.fingerprint.sensors import SENSORS

__all__ = ["plan_prints", "write_prints"]

_SHARES = {"train": 0.6, "dev": 0.2, "test": 0.2}


def plan_prints(
    seed: int,
    subjects: int,
    bona_fide: int,
    attacks: int,
    instruments: Sequence[str] = (),
    sensors: Sequence[str] = (),
    unseen: Sequence[str] = (),
) -> tuple[PrintSpec, ...]:
    """Decide what is presented: instruments in turn; sensors drawn alike for both classes.

    Args:
        seed: of the collection.
        subjects: how many fingers, one a person.
        bona_fide: presentations of each.
        attacks: presentations of copies of each; the nth is pressed like the nth live one, on the same
            sensor.
        instruments: kinds of attack; empty means all.
        sensors: names; empty means all, without those that are ``unseen``.
        unseen: sensors of dev and test, which have no others then; empty means the same as in train.

    Raises:
        InputError: a number is out of range.
        UnknownNameError: no such instrument or sensor.
    """
    for name, value, most in (
        ("subjects", subjects, 100_000),
        ("bona_fide", bona_fide, 999),
        ("attacks", attacks, 999),
    ):
        if not 1 <= value <= most:
            raise InputError(f"{name} must be 1 to {most}, got {value}")
    for kind, names, known in (
        ("simulated instrument", instruments, INSTRUMENTS),
        ("simulated fingerprint sensor", (*sensors, *unseen), SENSORS),
    ):
        for name in names:
            if name not in known:
                raise UnknownNameError(kind, name, list(known))
    kinds, seen = list(instruments or INSTRUMENTS), [*(sensors or (n for n in SENSORS if n not in unseen))]
    specs = []
    for subject in range(subjects):
        rng = np.random.default_rng([seed & 0xFFFFFFFF, 7, subject])
        start = int(rng.integers(len(kinds)))
        partition = _partition(subject, subjects)
        devices = list(unseen) if unseen and partition != "train" else seen
        chosen = [devices[int(n)] for n in rng.integers(len(devices), size=max(bona_fide, attacks))]
        specs += [PrintSpec(seed, subject, n, None, chosen[n], n, partition) for n in range(bona_fide)]
        specs += [
            PrintSpec(seed, subject, bona_fide + n, kinds[(start + n) % len(kinds)], chosen[n], n, partition)
            for n in range(attacks)
        ]
    return tuple(specs)


def _partition(subject: int, subjects: int) -> str:
    """Divide fingers in their order: they are drawn independently."""
    place, reached = (subject + 0.5) / subjects, 0.0
    for name, share in _SHARES.items():
        reached += share
        if place < reached:
            return name
    return name


def write_prints(
    specs: Sequence[PrintSpec],
    out: Path,
    *,
    dataset: str = "simulated_fingerprint",
    workers: int | None = None,
    progress: Callable[[], None] | None = None,
) -> Path:
    """Simulate a collection into a folder, as PNG that state their resolution, and write its manifest.

    Args:
        specs: from `plan_prints`.
        out: a folder that does not exist yet, or is empty.
        dataset: name in the manifest.
        workers: processes; None means one a core.
        progress: called once a presentation.

    Returns:
        The path of the manifest, divided by subject.

    Raises:
        InputError: the folder holds something.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not an empty folder: simulated and other files must not be mixed")
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for spec, about in zip(
        specs, _map(partial(_to_file, out=out), specs, workers or os.cpu_count() or 1), strict=True
    ):
        rows.append(_presentation(spec, about, out, dataset))
        if progress is not None:
            progress()
    write_manifest(rows, out / "manifest.csv")
    return out / "manifest.csv"


def _map(work: Callable[[PrintSpec], Any], specs: Sequence[PrintSpec], workers: int) -> Iterator[Any]:
    if workers == 1:
        yield from map(work, specs)
        return
    # Not forked: OpenCV's threads do not survive a fork. A chunk is about a finger, which is grown once.
    context = multiprocessing.get_context("spawn")
    chunk = max(1, sum(spec.subject == specs[0].subject for spec in specs))
    with ProcessPoolExecutor(workers, context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        yield from pool.map(work, specs, chunksize=chunk)


def _to_file(spec: PrintSpec, *, out: Path) -> Mapping[str, str]:
    from PIL import Image

    picture, about = present(spec)
    path = out / _file(spec)
    path.parent.mkdir(exist_ok=True)
    ppi = SENSORS[spec.sensor].ppi
    Image.fromarray(picture).save(path, "PNG", compress_level=1, dpi=(ppi, ppi))
    return about


def _file(spec: PrintSpec) -> str:
    return f"s{spec.subject:05}/{spec.index:03}.png"


def _presentation(spec: PrintSpec, about: Mapping[str, str], out: Path, dataset: str) -> Presentation:
    return Presentation(
        id=f"{dataset}/{spec.seed}/{spec.subject:05}/{spec.index:03}",
        dataset=dataset,
        captures={"fingerprint": CaptureFile(out / _file(spec))},
        pai_species=spec.instrument,
        subject=f"{spec.seed}-{spec.subject:05}",
        partition=spec.partition,
        session=f"{spec.place:03}",
        attributes={"capture_device": spec.sensor, **about},
        licence="simulated, no person's data; CC0-1.0",
        consent_basis="no person",
        simulated=True,
    )
