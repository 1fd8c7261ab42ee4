"""A collection of bona fide and spoofed speech on the disk, with its manifest."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.data.simulation.speech import (
    CODECS,
    COPIES,
    ENGINES,
    RATE,
    copy_speech,
    engines_found,
    finish,
    read_speech,
    replay,
    speak,
    through_codec,
)
from antispoof.data.splitting import split
from antispoof.errors import InputError, UnknownNameError

__all__ = ["SpeechCollection", "kinds_found", "read_texts", "speech_files", "write_speech"]

_FRACTIONS = (0.6, 0.2, 0.2)
_SUFFIXES = frozenset({".aiff", ".flac", ".mp3", ".ogg", ".opus", ".wav"})
_SENTENCES = (
    "The train to the coast leaves from the second platform at a quarter past nine.",
    "Please read the number on the back of your card and then wait for the tone.",
    "She put the kettle on and opened the window, because the kitchen was too warm.",
    "My voice is my key, and nobody else should be able to open this door.",
    "There were seven boats in the harbour and only one of them had its lights on.",
    "We will call you back before Friday with an answer to your question.",
    "He has lived above the bakery for twelve years and still gets up at five.",
    "Turn left at the old bridge, follow the river, and stop when you see the mill.",
)


@dataclass(frozen=True, slots=True)
class SpeechCollection:
    """What was written.

    Attributes:
        manifest: its path.
        presentations: the rows.
        skipped: files that could not be used, each with the reason.
    """

    manifest: Path
    presentations: tuple[Presentation, ...]
    skipped: tuple[tuple[Path, str], ...]


def kinds_found() -> tuple[str, ...]:
    """Return the kinds of spoof that this machine can make."""
    return (*COPIES, "replay", *engines_found())


def speech_files(source: Path) -> tuple[Path, ...]:
    """Return the audio files below a folder, sorted.

    Raises:
        InputError: there is none.
    """
    files = tuple(sorted(p for p in source.rglob("*") if p.suffix.lower() in _SUFFIXES))
    if not files:
        raise InputError(f"{source} holds no audio file ({', '.join(sorted(_SUFFIXES))})")
    return files


def read_texts(path: Path) -> tuple[str, ...]:
    """Return the lines of a text file that are not empty.

    Raises:
        InputError: it cannot be read as UTF-8, or holds none.
    """
    try:
        lines = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read sentences from {path}: {error}") from None
    if not lines:
        raise InputError(f"{path} holds no sentence")
    return lines


def write_speech(
    files: Sequence[Path],
    out: Path,
    *,
    licence: str,
    pattern: str = "",
    kinds: Sequence[str] = (),
    codecs: Sequence[str] = (),
    texts: Sequence[str] = (),
    spoofs: int = 1,
    seed: int = 0,
    progress: Callable[[], None] | None = None,
) -> SpeechCollection:
    """Write each file and spoofs of it, both finished alike, and a manifest divided by subject.

    Args:
        files: bona fide recordings.
        out: a folder that does not exist yet, or is empty.
        licence: terms of the recordings.
        pattern: regular expression with a group ``subject``, searched in each path; empty makes every file
            a person.
        kinds: kinds of spoof, in turn; empty means all that this machine can make.
        codecs: drawn for every file of either class; empty means none.
        texts: what engines say; empty means eight sentences of ours.
        spoofs: how many spoofs a file.
        seed: decides everything but what engines and codecs of the machine do.
        progress: called once a file.

    Raises:
        UnknownNameError: no such kind or codec.
        InputError: the folder holds something, a pattern does not match, a number is out of range, or no
            file could be used.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not an empty folder: simulated and other files must not be mixed")
    if not 1 <= spoofs <= 99:
        raise InputError(f"spoofs must be 1 to 99, got {spoofs}")
    for what, names, known in (
        ("kind of spoofed speech", kinds, (*COPIES, "replay", *ENGINES)),
        ("codec", codecs, tuple(CODECS)),
    ):
        for name in names:
            if name not in known:
                raise UnknownNameError(what, name, known)
    kinds = tuple(kinds) or kinds_found()
    texts = tuple(texts) or _SENTENCES
    root = Path(os.path.commonpath([path.resolve().parent for path in files]))
    people = [_subject(path.resolve().relative_to(root), pattern) for path in files]
    rows: list[Presentation] = []
    skipped: list[tuple[Path, str]] = []
    for number, (path, person) in enumerate(zip(files, people, strict=True)):
        made = [(None, 0), *((kinds[(number * spoofs + k) % len(kinds)], k + 1) for k in range(spoofs))]
        try:
            for kind, take in made:
                rng = np.random.Generator(
                    np.random.PCG64(np.random.SeedSequence([seed & 0xFFFFFFFF, number, take]))
                )
                rows.append(_write(path, person, number, take, kind, texts, codecs, out, licence, rng))
        except InputError as error:
            skipped.append((path, str(error)))
            rows = [p for p in rows if p.session != f"{number:06}"]
        if progress is not None:
            progress()
    if not rows:
        raise InputError(f"none of {len(files)} files could be used; the first: {skipped[0][1]}")
    if len({p.person for p in rows}) >= len(_FRACTIONS):
        rows = list(split(rows, _FRACTIONS, seed))
    write_manifest(rows, out / "manifest.csv")
    return SpeechCollection(out / "manifest.csv", tuple(rows), tuple(skipped))


def _write(
    path: Path,
    person: str,
    number: int,
    take: int,
    kind: str | None,
    texts: Sequence[str],
    codecs: Sequence[str],
    out: Path,
    licence: str,
    rng: np.random.Generator,
) -> Presentation:
    import soundfile

    codec = codecs[int(rng.integers(len(codecs)))] if codecs else ""
    speech = read_speech(path)
    if kind in COPIES:
        speech = copy_speech(speech, str(kind), rng)
    elif kind == "replay":
        speech = replay(speech, rng)
    elif kind is not None:
        speech = speak(texts[int(rng.integers(len(texts)))], kind, rng)
    speech = finish(speech)
    if codec:
        speech = through_codec(speech, codec)
    name = f"{number:06}_{take}_{kind or 'bona_fide'}.flac"
    out.mkdir(parents=True, exist_ok=True)
    soundfile.write(out / name, speech, RATE, subtype="PCM_16")
    return Presentation(
        id=f"speech/{number:06}/{take}",
        dataset="simulated_speech",
        captures={"voice": CaptureFile(out / name)},
        pai_species=kind,
        subject=person,
        session=f"{number:06}",
        attributes={"codec": codec} if codec else {},
        licence=licence if kind is None else f"simulated from speech under: {licence}",
        simulated=kind is not None,
    )


def _subject(path: Path, pattern: str) -> str:
    if not pattern:
        return path.with_suffix("").as_posix()
    try:
        match = re.search(pattern, path.as_posix())
        subject = match["subject"] if match else ""
    except (re.error, IndexError) as error:
        raise InputError(
            f"pattern {pattern!r} must be a regular expression with a group named subject: {error}"
        ) from None
    if not subject:
        raise InputError(f"pattern {pattern!r} does not match {path}")
    return subject
