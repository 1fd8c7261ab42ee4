"""A collection of bona fide pictures and forgeries of them, with masks, made from portraits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.data.splitting import split
from antispoof.errors import InputError, UnknownNameError
from antispoof.simulation.face.bona_fide import relight
from antispoof.simulation.face.camera import camera
from antispoof.simulation.face.manipulation.delivery import deliver
from antispoof.simulation.face.manipulation.forgeries import KINDS, seen
from antispoof.simulation.face.manipulation.mesh import OUTLINE, Points
from antispoof.simulation.face.portrait import Portrait
from antispoof.simulation.face.staging import Framing, stage

__all__ = ["Delivered", "simulate_forgeries", "write_manipulated"]

_FRACTIONS = (0.7, 0.15, 0.15)
_STUDIO_SHARE = 0.3  # pictures that are the portrait as it is
_FACE_SIDE = 160.0  # px, as portraits have it
_SIDES = (100.0, 160.0)
_TIGHT_SHARE = 0.4  # pictures that end near the face, of all but those held out


@dataclass(frozen=True, slots=True)
class Delivered:
    """One picture as it reaches the judge.

    Attributes:
        image: uint8, (H, W, 3), RGB.
        skin: uint8, (H, W), 255 where the picture is as it was taken, 0 where all comes from elsewhere; None
            for a bona fide picture.
        pai_species: None for a bona fide picture.
    """

    image: NDArray[np.uint8]
    skin: NDArray[np.uint8] | None
    pai_species: str | None


def simulate_forgeries(
    portraits: Sequence[Portrait],
    index: int,
    variant: int,
    seed: int,
    kinds: Sequence[str],
    family: str = "taught",
) -> Iterator[Delivered]:
    """Yield a bona fide picture of ``portraits[index]`` and, of that same picture, a forgery of each kind.

    All pass through one delivery with the same parameters. Nothing is yielded where no face is found.

    Args:
        portraits: everybody; faces come from the others.
        index: of whom.
        variant: number of the picture of this person.
        seed: of the whole set.
        kinds: names of forgeries.
        family: of the methods, of `FAMILIES`.
    """
    rng = np.random.default_rng([seed, index, variant])
    image = _captured(portraits[index], rng)
    target = seen(image)
    other = int((index + rng.integers(1, max(2, len(portraits)))) % len(portraits))
    source = seen(_captured(portraits[other], rng))
    if target is None or source is None:
        return
    side = float(np.ptp(target.points, axis=0).max())
    kept = (slice(None), slice(None))
    if family != "held_out" and rng.random() < _TIGHT_SHARE:
        kept = _about(target.points, rng)

    def delivered(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return deliver(picture[kept], side, np.random.default_rng([seed, index, variant, 0]), family)

    yield Delivered(delivered(image), None, None)
    for number, kind in enumerate(kinds):
        made = KINDS[kind](target, source, np.random.default_rng([seed, index, variant, 1 + number]), family)
        picture = delivered(made.image)
        skin = cv2.resize(1 - made.changed[kept], picture.shape[1::-1], interpolation=cv2.INTER_AREA)
        yield Delivered(picture, np.asarray(skin * 255 + 0.5, np.uint8), kind)


def _about(points: Points, rng: np.random.Generator) -> tuple[slice, slice]:
    """Draw a cut from 5 to 35 % of a face beyond it, each side for itself; rows, then columns."""
    ring = points[OUTLINE]
    low, high = ring.min(0), ring.max(0)
    beyond = rng.uniform(0.05, 0.35, (2, 2)) * (high - low)
    left, top = np.maximum(np.floor(low - beyond[0]), 0).astype(int).tolist()
    right, bottom = np.ceil(high + beyond[1]).astype(int).tolist()
    return slice(top, bottom), slice(left, right)


def _captured(portrait: Portrait, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the portrait itself, or what a webcam or phone makes of the person."""
    if rng.random() < _STUDIO_SHARE:
        return portrait.image
    framing = Framing(_FACE_SIDE, *rng.uniform(0.25, 0.8, 4).tolist())
    staged = stage(portrait, framing, rng, own_background=0.5)
    return camera(relight(staged.picture, rng), staged.face, rng, sides=_SIDES)[0]


def write_manipulated(
    portraits: Sequence[Portrait],
    out: Path,
    *,
    licence: str,
    variants: int,
    kinds: Sequence[str] = (),
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[], None] = lambda: None,
) -> Path:
    """Write pictures, forgeries, masks and a manifest: train, dev and test each by methods of its own.

    Args:
        portraits: the people.
        out: an empty or new folder.
        licence: terms of the portraits, which the manifest repeats.
        variants: bona fide pictures a person, each with one forgery of every kind.
        kinds: names of forgeries; empty means all.
        seed: the same seed makes the same collection.
        workers: processes.
        progress: called after each person.

    Returns:
        Path of ``manifest.csv``, divided by person.

    Raises:
        InputError: there are fewer than six people, or ``out`` holds something, or cannot be made.
        UnknownNameError: no such kind of forgery.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise UnknownNameError("forgery", kind, KINDS)
    if len(portraits) < 6:
        raise InputError(f"forgeries need portraits of six people or more, got {len(portraits)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"out must be an empty or new folder, {str(out)!r} holds something")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {str(out)!r}: {error.strerror}") from None
    partition = _partitions(portraits, seed)
    rows = []
    groups = [[p for p in portraits if partition[p.subject] == name] for name in ("train", "dev", "test")]
    for name, people in zip(("train", "dev", "test"), groups, strict=True):
        family = {"train": "taught", "dev": "tried", "test": "held_out"}[name]
        work = partial(_write_person, out, variants, tuple(kinds) or tuple(KINDS), seed, family)
        for index, made in _each(work, people, workers):
            rows += [_row(out, one, people[index].subject, name, family, licence) for one in made]
            progress()
    manifest = out / "manifest.csv"
    write_manifest(rows, manifest)
    return manifest


def _partitions(portraits: Sequence[Portrait], seed: int) -> dict[str, str]:
    people = [
        Presentation(
            id=p.subject,
            dataset="people",
            captures={"face_rgb": CaptureFile(Path(p.subject))},
            subject=p.subject,
        )
        for p in portraits
    ]
    return {row.subject: row.partition for row in split(people, _FRACTIONS, seed)}


Written = tuple[str, str | None]
"""Stem of the file, kind of forgery."""


def _each(
    work: Callable[[Sequence[Portrait], int], list[Written]], people: Sequence[Portrait], workers: int
) -> Iterator[tuple[int, list[Written]]]:
    if workers <= 1:
        for index in range(len(people)):
            yield index, work(people, index)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _keep, (work, people)) as pool:
        yield from enumerate(pool.map(_work_of, range(len(people))))


_held: list[Callable[[int], list[Written]]] = []


def _keep(work: Callable[[Sequence[Portrait], int], list[Written]], people: Sequence[Portrait]) -> None:
    _held[:] = [partial(work, people)]


def _work_of(index: int) -> list[Written]:
    return _held[0](index)


def _write_person(
    out: Path,
    variants: int,
    kinds: tuple[str, ...],
    seed: int,
    family: str,
    people: Sequence[Portrait],
    index: int,
) -> list[Written]:
    written: list[Written] = []
    for variant in range(variants):
        for one in simulate_forgeries(people, index, variant, seed, kinds, family):
            stem = f"{people[index].subject}-{variant:03d}-{one.pai_species or 'bona_fide'}"
            # PNG: the delivery has compressed the picture already.
            cv2.imwrite(str(out / f"{stem}.png"), cv2.cvtColor(one.image, cv2.COLOR_RGB2BGR))
            if one.skin is not None:
                cv2.imwrite(str(out / f"{stem}-mask.png"), one.skin)
            written.append((stem, one.pai_species))
    return written


def _row(out: Path, one: Written, subject: str, partition: str, family: str, licence: str) -> Presentation:
    stem, kind = one
    return Presentation(
        id=stem,
        dataset="simulated-forgeries",
        captures={
            "face_rgb": CaptureFile(out / f"{stem}.png", mask=out / f"{stem}-mask.png" if kind else None)
        },
        pai_species=kind,
        subject=subject,
        session=stem.removesuffix(f"-{kind or 'bona_fide'}"),
        partition=partition,
        attributes={"method": family},
        licence=licence,
        simulated=True,
    )
