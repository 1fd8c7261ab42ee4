"""A manifest of bona fide clips → a folder of streams injected behind the camera, with their manifest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from antispoof.data.manifest import read_manifest, write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.errors import InputError, MediaError, UnknownNameError
from antispoof.sensing.video import film_pictures
from antispoof.simulation.clip.codecs import CODECS, encode
from antispoof.simulation.clip.collection import Clips
from antispoof.simulation.clip.inject import INJECTIONS, Source, inject
from antispoof.simulation.clip.suites import SUITES
from antispoof.simulation.face.collection import portrait_files, read_portrait

__all__ = ["write_injected"]

MODALITY = "face_rgb"
LONGEST = 400  # pictures of a clip that are taken


def write_injected(
    manifest: Path,
    portraits: Path,
    out: Path,
    *,
    suite: str,
    kinds: Sequence[str] = (),
    each: int = 1,
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> Clips:
    """Make streams of the bona fide clips of a manifest, kinds in turn.

    Args:
        manifest: of clips; those of attacks are left alone.
        portraits: whose faces are put over those of the clips.
        out: an empty or new folder.
        suite: whose codecs write the streams, and whose methods change them.
        kinds: names of `INJECTIONS`; empty means all.
        each: streams a clip.
        seed: the same seed makes the same streams.
        progress: called once a stream.

    Raises:
        InputError: there is no bona fide clip, or the folder holds something.
        UnknownNameError: no such kind or suite.
    """
    for kind in kinds:
        if kind not in INJECTIONS:
            raise UnknownNameError("kind of injected stream", kind, list(INJECTIONS))
    if suite not in SUITES:
        raise UnknownNameError("suite of clips", suite, list(SUITES))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"out must be an empty or new folder, {str(out)!r} holds something")
    clips = [row for row in read_manifest(manifest) if row.bona_fide and MODALITY in row.captures]
    if not clips:
        raise InputError(f"{str(manifest)!r} holds no bona fide clip of {MODALITY}")
    faces = portrait_files(portraits) if portraits.is_dir() else []
    if not faces:
        raise InputError(f"portraits must be a folder with one picture a person, got {str(portraits)!r}")
    out.mkdir(parents=True, exist_ok=True)
    wanted = tuple(dict.fromkeys(kinds)) or tuple(INJECTIONS)
    rows, skipped = list[Presentation](), list[str]()
    for number, clip in enumerate(clips):
        for turn in range(each):
            kind = wanted[(number * each + turn) % len(wanted)]
            rng = np.random.default_rng([seed, number, turn])
            try:
                rows.append(_write(clip, kind, turn // len(wanted), faces, out, suite, rng))
            except (InputError, MediaError) as error:
                skipped.append(f"{clip.id}: {error}")
            progress()
    if not rows:
        raise InputError(f"no clip could be used: {skipped[0]}")
    write_manifest(rows, out / "manifest.csv")
    return Clips(out / "manifest.csv", tuple(rows), tuple(skipped))


def _write(
    clip: Presentation,
    kind: str,
    again: int,
    faces: Sequence[Path],
    out: Path,
    suite: str,
    rng: np.random.Generator,
) -> Presentation:
    path = clip.captures[MODALITY].path
    shown = list(islice(film_pictures(path), LONGEST))
    if len(shown) < 2:
        raise MediaError("too_short", f"{path.name} holds one picture")
    times, pictures = zip(*shown, strict=True)
    why: list[str] = []
    file = faces[int(rng.integers(len(faces)))]
    other = read_portrait(CaptureFile(file), file.stem, why.append)
    if other is None:
        raise InputError(why[0])
    codec = str(rng.choice(SUITES[suite].codecs))
    quality = int(rng.integers(CODECS[codec].quality[0], CODECS[codec].quality[1] + 1))
    stream = inject(kind, Source(pictures, times, other, suite, rng))
    name = f"{clip.id}-{kind}" + (f"-{again + 1}" if again else "")
    written = out / f"{name}{CODECS[codec].suffix}"
    encode(stream.frames, written, CODECS[codec], quality, stream.fps)
    return Presentation(
        id=name,
        dataset="simulated_injection",
        captures={MODALITY: CaptureFile(written)},
        pai_species=kind,
        subject=clip.subject,
        session=clip.session,
        partition=clip.partition,
        attributes={
            **clip.attributes,
            "suite": suite,
            "codec": f"{codec} {quality}",
            "fps": f"{stream.fps:g}",
        },
        licence=clip.licence,
        simulated=True,
    )
