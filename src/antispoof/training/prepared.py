"""Prepared samples, kept on the disk: decoded, judged and cut out once, then read as memory maps.

One store holds the samples of one modality, prepared with the same arguments. It grows by shards; a shard is
written under another name and then renamed, so that what an interruption leaves is complete or not there.
Samples are known by the file they are from (path, size, time of change), so that the folds of a protocol and
the variants of an ablation share one store.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import antispoof.sensing
from antispoof.data.presentation import CaptureFile
from antispoof.errors import InputError, MediaError, TrainingError
from antispoof.sensing.capture import Quality, Sample
from antispoof.sensing.media import load_image
from antispoof.sensing.modalities import modalities
from antispoof.training.disk import cannot_write

__all__ = ["PreparedStore", "Rows"]

LARGEST, SMALLEST = 128, 16  # files of a shard
PARTS = 16  # shards that even a small collection is divided into, so that progress is seen
MASK_SIDE = 32  # places across, to which masks are reduced
UNKNOWN = 255  # in a mask, beside shares of skin in 254ths
START_S = 10.0  # what other processes have to save before they are started: they import for seconds


_MASKS = ".mask.npy"  # beside a shard, where any of its samples has one


@dataclass(frozen=True, slots=True)
class Rows:
    """Where a sample lies: ``count`` rows (windows; 1 for a picture, 0 for a rejected sample) of a shard.

    ``reason`` says why a sample was rejected.
    """

    shard: str
    first: int
    count: int
    reason: str = ""


class PreparedStore:
    """Prepared samples of one modality.

    Args:
        folder: where stores are kept.
        modality: name of the modality.
        arguments: of its ``prepare``.
    """

    def __init__(self, folder: Path, modality: str, arguments: Mapping[str, Any]) -> None:
        self.modality = modality
        self.arguments = dict(arguments)
        text = json.dumps([modality, self.arguments, _sensing_digest()], sort_keys=True)
        self.folder = folder / f"{modality}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        self._rows: dict[str, Rows] = {}
        self._maps: dict[str, NDArray[Any]] = {}

    def make(self, files: Sequence[CaptureFile], progress: Callable[[int, int], None]) -> None:
        """Prepare those files that are not there yet, in as many processes as there are cores.

        Raises:
            InputError: a file is not there.
            TrainingError: the disk is full, another process ended, or it runs other code than this one.
        """
        self._read_index()
        missing = {key: file for file in files if (key := _key(file)) not in self._rows}
        wanted = list(missing.items())
        size = min(LARGEST, max(SMALLEST, len(wanted) // PARTS))
        shards = [wanted[start : start + size] for start in range(0, len(wanted), size)]
        if not shards:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.folder, error) from None
        done = 0
        progress(0, len(wanted))
        for count in self._made(shards):
            done += count
            progress(done, len(wanted))
        self._read_index()

    def _made(self, shards: Sequence[Sequence[tuple[str, CaptureFile]]]) -> Iterator[int]:
        """Make shards, and yield how many files each held; in several processes where that is worth it."""
        work = partial(_make_shard, self.folder, self.modality, self.arguments)
        began = time.monotonic()
        for number, shard in enumerate(shards):
            left = len(shards) - number
            each = (time.monotonic() - began) / max(number, 1)
            if number and left > 1 and each * left > START_S and (os.cpu_count() or 1) > 1:
                break
            work(shard)
            yield len(shard)
        else:
            return
        rest, work = shards[number:], partial(_make_elsewhere, _sensing_digest(), work)
        # Spawned, because a forked child of a process that runs torch threads can hang.
        with ProcessPoolExecutor(min(os.cpu_count() or 1, len(rest)), get_context("spawn")) as pool:
            try:
                for shard, _ in zip(rest, pool.map(work, rest), strict=True):
                    yield len(shard)
            except BrokenProcessPool:
                raise TrainingError(
                    "a process that prepares samples ended before its work was done: little memory is left, "
                    "or the package antispoof is being installed anew; see to that and start again, training "
                    "goes on where it was"
                ) from None
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def rows(self, file: CaptureFile) -> Rows:
        """Tell where the sample of a file lies."""
        return self._rows[_key(file)]

    def read(self, rows: Iterable[tuple[Rows, int]], out: NDArray[np.float32]) -> None:
        """Fill ``out`` with one window of each sample, row by row."""
        for target, (where, window) in enumerate(rows):
            shard = self.shard(where.shard)
            if shard.dtype == np.uint8:
                np.multiply(
                    shard[where.first + window], np.float32(1 / 255), out=out[target], casting="unsafe"
                )
            else:
                out[target] = shard[where.first + window]

    def mask(self, where: Rows) -> NDArray[np.uint8] | None:
        """Return the mask of a sample, uint8, (`MASK_SIDE`, `MASK_SIDE`): share of skin, in 254ths.

        None where there is none; cut out like the sample.
        """
        path = self.folder / f"{where.shard}{_MASKS}"
        if not where.count or not path.exists():
            return None
        found: NDArray[np.uint8] = self.shard(path.stem)[where.first]
        return None if found[0, 0] == UNKNOWN else found

    def shape(self) -> tuple[int, ...] | None:
        """Return the shape of one prepared array, or None when no sample was fit."""
        for where in self._rows.values():
            if where.count:
                return tuple(self.shard(where.shard).shape[1:])
        return None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the memory maps behind: another process opens its own."""
        return {**self.__dict__, "_maps": {}}

    def shard(self, name: str) -> NDArray[Any]:
        """Return all rows of a shard, as they are kept: a memory map."""
        if name not in self._maps:
            self._maps[name] = np.load(self.folder / f"{name}.npy", mmap_mode="r")
        return self._maps[name]

    def _read_index(self) -> None:
        for path in sorted(self.folder.glob("*.json")):
            for key, (first, count, reason) in json.loads(path.read_text(encoding="utf-8")).items():
                self._rows[key] = Rows(path.stem, first, count, reason)


def _key(file: CaptureFile) -> str:
    try:
        about = file.path.stat()
    except OSError as error:
        raise InputError(
            f"cannot read {str(file.path)!r}, which the manifest names: {error.strerror}"
        ) from None
    text = f"{file.path.resolve()}|{about.st_size}|{about.st_mtime_ns}|{file.frames}|{file.unit}"
    if file.mask is not None:
        text += f"|{file.mask.resolve()}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@cache
def _sensing_digest() -> str:
    """Digest of the code that prepares, so that a change to it makes new samples.

    Of the code as this process first found it: what is edited or installed later, it does not run.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(antispoof.sensing.__path__[0]).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _make_elsewhere(
    digest: str,
    work: Callable[[Sequence[tuple[str, CaptureFile]]], None],
    files: Sequence[tuple[str, CaptureFile]],
) -> None:
    """Make a shard in a process of its own, unless that runs other code than the one that asks."""
    if _sensing_digest() != digest:
        raise TrainingError(
            "the package antispoof was edited or installed anew while samples were being prepared, and what "
            "two versions prepare must not be mixed: start again, training goes on where it was, with "
            "samples that the new version prepares; and change nothing in the package until it has ended"
        )
    work(files)


def _make_shard(
    folder: Path, name: str, arguments: Mapping[str, Any], files: Sequence[tuple[str, CaptureFile]]
) -> None:
    modality = modalities[name]
    windowed = getattr(modality, "windowed", False)
    arrays: list[NDArray[np.float32]] = []
    masks: list[NDArray[np.uint8]] = []
    index: dict[str, tuple[int, int, str]] = {}
    first = 0
    for key, file in files:
        try:
            sample = modality.load(file.recording)
        except MediaError as error:
            index[key] = (first, 0, error.code)
            continue
        quality = modality.quality(sample)
        if not quality.usable:
            index[key] = (first, 0, quality.reasons[0])
            continue
        prepared = modality.prepare(sample, quality, **arguments)
        arrays.append(prepared if windowed else prepared[None])
        index[key] = (first, len(arrays[-1]), "")
        masks += [_mask(file, modality, sample, quality, arguments)] * len(arrays[-1])
        first += len(arrays[-1])
    rows = np.concatenate(arrays) if arrays else np.zeros((0,), np.float32)
    stem = hashlib.sha256("".join(key for key, _ in files).encode()).hexdigest()[:16]
    # Pictures come from bytes, and as bytes they are kept, without a loss.
    as_bytes = np.clip(np.rint(rows * 255), 0, 255).astype(np.uint8)
    exact = np.array_equal(as_bytes * np.float32(1 / 255), rows) or np.array_equal(
        as_bytes / np.float32(255), rows
    )
    _write(folder / f"{stem}.npy", lambda file: np.save(file, as_bytes if exact else rows.astype(np.float16)))
    if any(mask[0, 0] != UNKNOWN for mask in masks):
        _write(folder / f"{stem}{_MASKS}", lambda file: np.save(file, np.stack(masks)))
    _write(folder / f"{stem}.json", lambda file: file.write(json.dumps(index).encode()))


def _mask(
    file: CaptureFile, modality: Any, sample: Sample, quality: Quality, arguments: Mapping[str, Any]
) -> NDArray[np.uint8]:
    """Cut the mask out as the sample is; `UNKNOWN` throughout where there is none."""
    if file.mask is None:
        return np.full((MASK_SIDE, MASK_SIDE), UNKNOWN, np.uint8)
    try:
        skin = load_image(file.mask)[..., 0]
    except MediaError as error:
        raise InputError(f"cannot read the mask {str(file.mask)!r}: {error}") from None
    height, width = sample.array.shape[:2]
    if skin.shape != (height, width):
        skin = np.asarray(cv2.resize(skin, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    place = modality.frame(sample, quality, **arguments)
    shift = np.array([[1, 0, -place.x], [0, 1, -place.y]], np.float64)
    size = (max(1, round(place.width)), max(1, round(place.height)))
    whole = cv2.warpAffine(skin, shift, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    small = cv2.resize(whole, (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_AREA)
    turned = np.rot90(np.asarray(small, np.float32), quality.quarter_turns)
    return np.asarray(np.rint(turned * (254 / 255)), np.uint8)


def _write(path: Path, content: Callable[[Any], object]) -> None:
    draft = path.with_suffix(f".{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            content(file)
        draft.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        draft.unlink(missing_ok=True)
