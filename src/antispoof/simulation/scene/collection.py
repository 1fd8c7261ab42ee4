"""A collection of simulated multi-sensor presentations on the disk, with its manifest."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.data.files import IMAGE_SUFFIXES
from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.data.splitting import split
from antispoof.errors import InputError, MediaError, UnknownNameError
from antispoof.sensing.faces import find_faces
from antispoof.sensing.media import load_image
from antispoof.simulation.scene.instruments import INSTRUMENTS
from antispoof.simulation.scene.light import LIGHTING
from antispoof.simulation.scene.render import (
    LARGEST,
    MODALITIES,
    SMALLEST,
    SceneSpec,
    person_of,
    render_scene,
)
from antispoof.simulation.scene.sensors import SUITES

__all__ = ["Portraits", "plan_scenes", "read_portraits", "write_scenes"]

_FRACTIONS = (0.5, 0.2, 0.3)


@dataclass(frozen=True, slots=True)
class Portraits:
    """Textures for faces.

    Attributes:
        faces: uint8, (H, W, 3), RGB each, cut from hairline to chin.
        skipped: files in which no face was found, or that cannot be read.
        licence: terms of the pictures.
    """

    faces: tuple[NDArray[np.uint8], ...]
    skipped: tuple[Path, ...]
    licence: str


def read_portraits(folder: Path, licence: str) -> Portraits:
    """Cut the largest face from every picture in a folder.

    Raises:
        InputError: there is no usable picture, or no licence is stated.
    """
    if not licence:
        raise InputError(
            "portraits need a licence: say under which terms these people's pictures may be used"
        )
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    faces, skipped = [], []
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES):
        try:
            image = load_image(path)
        except MediaError:
            skipped.append(path)
            continue
        found = find_faces(image)
        if not found:
            skipped.append(path)
            continue
        box = found[0].box
        top, left = max(0, round(box.y)), max(0, round(box.x))
        cut = image[top : round(box.y + box.height), left : round(box.x + box.width)]
        faces.append(np.ascontiguousarray(cut, np.uint8))
    if not faces:
        raise InputError(f"{folder} holds no picture with a face in it")
    return Portraits(tuple(faces), tuple(skipped), licence)


def plan_scenes(
    seed: int,
    subjects: int,
    bona_fide: int,
    attacks: int,
    instruments: Sequence[str] = (),
    suites: Sequence[str] = (),
    lighting: Sequence[str] = (),
) -> tuple[SceneSpec, ...]:
    """Decide what is rendered: kinds of attack in turn, devices and lighting drawn alike for both classes.

    Args:
        seed: of the collection.
        subjects: how many people.
        bona_fide: presentations a person.
        attacks: attack presentations that imitate each person.
        instruments: kinds of attack; empty means all.
        suites: sensor suites; empty means all.
        lighting: lighting conditions; empty means all.

    Raises:
        InputError: a number is below 1, or there are more subjects than 100,000.
        UnknownNameError: no such instrument, suite or lighting.
    """
    for name, value, most in (
        ("subjects", subjects, 100_000),
        ("bona_fide", bona_fide, 999),
        ("attacks", attacks, 999),
    ):
        if not 1 <= value <= most:
            raise InputError(f"{name} must be 1 to {most}, got {value}")
    for kind, names, known in (
        ("simulated instrument", instruments, list(INSTRUMENTS)),
        ("sensor suite", suites, list(SUITES)),
        ("lighting", lighting, list(LIGHTING)),
    ):
        for name in names:
            if name not in known:
                raise UnknownNameError(kind, name, known)
    kinds, devices, lights = (
        list(a or b) for a, b in ((instruments, INSTRUMENTS), (suites, SUITES), (lighting, LIGHTING))
    )
    specs = []
    for subject in range(subjects):
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed & 0xFFFFFFFF, 0, subject])))
        start = int(rng.integers(len(kinds)))
        for index in range(bona_fide + attacks):
            attack = index - bona_fide
            instrument = kinds[(start + attack) % len(kinds)] if attack >= 0 else None
            device, light = (names[int(rng.integers(len(names)))] for names in (devices, lights))
            specs.append(SceneSpec(seed, subject, index, instrument, device, light))
    return tuple(specs)


def write_scenes(
    specs: Sequence[SceneSpec],
    out: Path,
    *,
    size: int = 128,
    portraits: Portraits | None = None,
    workers: int | None = None,
    progress: Callable[[], None] | None = None,
) -> Path:
    """Render a collection into a folder and write its manifest, divided by subject.

    Colour is stored as JPEG-compressed content in PNG, depth as 16-bit PNG in millimetres, infrared as
    8-bit PNG, temperature as 16-bit PNG in hundredths of a kelvin.

    Args:
        specs: from `plan_scenes`.
        out: a folder that does not exist yet, or is empty.
        size: pixels across and down.
        portraits: textures, one person each; subjects beyond their number are refused.
        workers: processes; None means one a core.
        progress: called once a presentation.

    Returns:
        The path of the manifest.

    Raises:
        InputError: the folder holds something, the size is out of range, or there are too few portraits.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not an empty folder: simulated and other files must not be mixed")
    if not SMALLEST <= size <= LARGEST:
        raise InputError(f"size must be {SMALLEST} to {LARGEST} pixels, got {size}")
    people = 1 + max(spec.subject for spec in specs)
    if portraits is not None and people > len(portraits.faces):
        raise InputError(f"{people} subjects need as many portraits, there are {len(portraits.faces)}")
    out.mkdir(parents=True, exist_ok=True)
    faces: Sequence[NDArray[np.uint8] | None] = portraits.faces if portraits else [None] * people
    work = partial(_render_to_files, out=out, size=size)
    pairs = [(spec, faces[spec.subject]) for spec in specs]
    for _ in _map(work, pairs, workers or os.cpu_count() or 1):
        if progress is not None:
            progress()
    licence = (
        f"simulated; textures: {portraits.licence}" if portraits else "simulated, no person's data; CC0-1.0"
    )
    rows = [_presentation(spec, out, licence, "portrait" if portraits else "procedural") for spec in specs]
    if people >= len(_FRACTIONS):
        rows = list(split(rows, _FRACTIONS, specs[0].seed))
    write_manifest(rows, out / "manifest.csv")
    return out / "manifest.csv"


def _map(work: Callable[[Any], None], pairs: Sequence[Any], workers: int) -> Iterator[None]:
    if workers == 1:
        yield from map(work, pairs)
        return
    # Not forked: OpenCV's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        yield from pool.map(work, pairs, chunksize=8)


def _render_to_files(pair: tuple[SceneSpec, NDArray[np.uint8] | None], *, out: Path, size: int) -> None:
    spec, portrait = pair
    folder = out / f"s{spec.subject:05}"
    folder.mkdir(exist_ok=True)
    for modality, array in render_scene(spec, size, portrait).items():
        picture = array[..., ::-1] if array.ndim == 3 else array
        _, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        (out / _file(spec, modality)).write_bytes(data.tobytes())


def _file(spec: SceneSpec, modality: str) -> str:
    return f"s{spec.subject:05}/{spec.index:03}_{modality}.png"


def _presentation(spec: SceneSpec, out: Path, licence: str, texture: str) -> Presentation:
    person = person_of(spec.seed, spec.subject)
    return Presentation(
        id=f"scene/{spec.seed}/{spec.subject:05}/{spec.index:03}",
        dataset="simulated_scene",
        captures={modality: CaptureFile(out / _file(spec, modality)) for modality in MODALITIES},
        pai_species=spec.instrument,
        subject=f"{spec.seed}-{spec.subject:05}",
        session=f"{spec.index:03}",
        attributes={
            "capture_device": spec.suite,
            "lighting": spec.lighting,
            "texture": texture,
            **({"skin_tone": person.skin_tone} if texture == "procedural" else {}),
        },
        licence=licence,
        consent_basis="no person" if texture == "procedural" else "",
        simulated=True,
    )
