"""A collection of bona fide and spoofed speech on the disk, with its manifest."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.data.splitting import split
from antispoof.errors import InputError, UnknownNameError
from antispoof.sensing.containers import SOUND_SUFFIXES
from antispoof.simulation.speech.chains import CHAINS, Chain
from antispoof.simulation.speech.codecs import codecs_found, through_codec
from antispoof.simulation.speech.copy_synthesis import Copier, copiers, missing_copiers
from antispoof.simulation.speech.physical_access import replay
from antispoof.simulation.speech.recording import RATE, finish, read_speech
from antispoof.simulation.speech.text_to_speech import found_talkers, speak, talkers
from antispoof.simulation.speech.text_to_speech.sentences import sentence

__all__ = [
    "FRACTIONS",
    "SpeechCollection",
    "empty_folder",
    "kinds_found",
    "read_texts",
    "speech_files",
    "subjects",
    "write_speech",
]

FRACTIONS = (0.6, 0.2, 0.2)


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


def kinds_found(vocoders: Mapping[str, Copier] = MappingProxyType({})) -> tuple[str, ...]:
    """Return the kinds of spoof that this machine can make, ``vocoders`` among them."""
    return (*copiers, *vocoders, "replay", *found_talkers())


def speech_files(source: Path) -> tuple[Path, ...]:
    """Return the audio files below a folder, sorted.

    Raises:
        InputError: there is no such folder, or no audio file in it.
    """
    if not source.is_dir():
        what = "is a file: name the folder that it lies in" if source.exists() else "does not exist"
        raise InputError(f"the folder of speech {str(source)!r} {what}")
    files = tuple(sorted(p for p in source.rglob("*") if p.suffix.lower() in SOUND_SUFFIXES))
    if not files:
        raise InputError(f"{source} holds no audio file ({', '.join(sorted(SOUND_SUFFIXES))})")
    return files


def empty_folder(out: Path) -> None:
    """Refuse, by `InputError`, a folder that holds something already."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not an empty folder: simulated and other files must not be mixed")


def subjects(files: Sequence[Path], pattern: str) -> list[str]:
    """Tell who speaks in each file.

    Args:
        files: recordings.
        pattern: regular expression with a group ``subject``, searched in each path below the folder that all
            have in common; empty makes every file a person.

    Raises:
        InputError: the pattern does not match, or is none.
    """
    root = Path(os.path.commonpath([path.resolve().parent for path in files]))
    return [_subject(path.resolve().relative_to(root), pattern) for path in files]


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
    chains: Sequence[str] = (),
    texts: Sequence[str] = (),
    vocoders: Mapping[str, Copier] = MappingProxyType({}),
    scenes: int = 0,
    deliveries: int = 0,
    seconds: float = 0.0,
    edges: float = 0.0,
    spoofs: int = 1,
    engine: str = "",
    dataset: str = "simulated_speech",
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[], None] | None = None,
) -> SpeechCollection:
    """Write each file and spoofs of it, both finished alike, and a manifest divided by subject.

    Args:
        files: bona fide recordings.
        out: a folder that does not exist yet, or is empty.
        licence: terms of the recordings.
        pattern: regular expression with a group ``subject``, searched in each path; empty makes every file
            a person.
        kinds: kinds of spoof, shuffled for every take; empty means all that this machine can make.
        codecs: drawn for every file of either class; empty means none.
        chains: of recording, one of which is drawn for each scene; empty means ``mixed``.
        texts: what engines say; empty means sentences from a small grammar.
        vocoders: more copiers, for example trained ones, by the name of their kind.
        scenes: how often each file is used once more, in another room with other noise, before spoofs are
            made of it.
        deliveries: how often each clip is written once more, after a filter, noise or a codec that are drawn
            alike for a recording and its spoofs.
        seconds: the longest piece of a file that is used; 0 means all of it.
        edges: seconds that are kept around what is heard of a clip.
        spoofs: how many spoofs of a file, and of each scene of it.
        engine: the files are no bona fide speech but what this engine has said; no spoofs are made of them.
        dataset: name under which the manifest lists them; the same people in two collections want one name.
        seed: decides everything but what engines and codecs of the machine do.
        workers: processes.
        progress: called once a file.

    Raises:
        UnknownNameError: no such kind or codec.
        InputError: the folder holds something, a pattern does not match, a number is out of range, a kind
            needs what is not installed, kinds are asked for of what an engine said, or no file could be used.
    """
    empty_folder(out)
    if not 1 <= spoofs <= 99:
        raise InputError(f"spoofs must be 1 to 99, got {spoofs}")
    for name, count in (("scenes", scenes), ("deliveries", deliveries)):
        if not 0 <= count <= 99:
            raise InputError(f"{name} must be 0 to 99, got {count}")
    if engine and kinds:
        raise InputError(f"no spoofs are made of what engine {engine!r} said: leave out kinds, got {kinds}")
    for name, needs in missing_copiers().items():
        if name in kinds and name not in vocoders:
            raise InputError(f"{name} needs {needs}, which is not on this machine")
    for what, names, known in (
        ("kind of spoofed speech", kinds, (*copiers, *vocoders, "replay", *talkers)),
        ("codec", codecs, codecs_found()),
        ("recording chain", chains, tuple(CHAINS)),
    ):
        for name in names:
            if name not in known:
                raise UnknownNameError(what, name, known)
    people = subjects(files, pattern)
    plan = _Plan(
        out=out,
        licence=licence,
        kinds=tuple(kinds) or kinds_found(vocoders),
        codecs=tuple(codecs),
        chains=tuple(chains) or ("mixed",),
        texts=tuple(texts),
        vocoders=dict(vocoders),
        scenes=scenes,
        deliveries=deliveries,
        longest=int(seconds * RATE),
        edges_s=edges,
        spoofs=0 if engine else spoofs,
        engine=engine or None,
        dataset=dataset,
        seed=seed,
    )
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Presentation] = []
    skipped: list[tuple[Path, str]] = []
    for path, made in zip(files, _made(plan, files, people, workers), strict=True):
        if isinstance(made, str):
            skipped.append((path, made))
        else:
            rows += made
        if progress is not None:
            progress()
    if not rows:
        raise InputError(f"none of {len(files)} files could be used; the first: {skipped[0][1]}")
    if len({p.person for p in rows}) >= len(FRACTIONS):
        rows = list(split(rows, FRACTIONS, seed))
    write_manifest(rows, out / "manifest.csv")
    return SpeechCollection(out / "manifest.csv", tuple(rows), tuple(skipped))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What `write_speech` was asked for."""

    out: Path
    licence: str
    kinds: tuple[str, ...]
    codecs: tuple[str, ...]
    chains: tuple[str, ...]
    texts: tuple[str, ...]
    vocoders: Mapping[str, Copier]
    scenes: int
    deliveries: int
    longest: int
    edges_s: float
    spoofs: int
    engine: str | None
    dataset: str
    seed: int

    def rng(self, *key: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed & 0xFFFFFFFF, *key])))


def _made(
    plan: _Plan, files: Sequence[Path], people: Sequence[str], workers: int
) -> Iterator[list[Presentation] | str]:
    jobs = [(plan, *job) for job in zip(range(len(files)), files, people, strict=True)]
    if workers <= 1:
        yield from (_written(*job) for job in jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from (future.result() for future in [pool.submit(_written, *job) for job in jobs])


def _written(plan: _Plan, number: int, path: Path, person: str) -> list[Presentation] | str:
    """Write everything that is made of one file; if it cannot be used, leave nothing and return why."""
    rows: list[Presentation] = []
    working = ""
    try:
        speech = read_speech(path)
        for take in range(1 + plan.scenes):
            rng, working = plan.rng(number, take), ""
            piece = speech
            if 0 < plan.longest < len(speech):
                start = int(rng.integers(len(speech) - plan.longest + 1))
                piece = speech[start : start + plan.longest]
            name = str(rng.choice(plan.chains)) if take and len(plan.chains) > 1 else plan.chains[0]
            chain = CHAINS[name if take else "mixed"]
            if take:
                piece = chain.capture(piece, rng)
            deck = plan.rng(number, take, 1 << 20).permutation(len(plan.kinds))
            turns = [plan.kinds[deck[k % len(deck)]] for k in range(plan.spoofs)]
            for index, kind in enumerate((plan.engine, *turns)):
                own = plan.rng(number, take, _kind_number(kind), index)
                working = f"{kind} failed: " if index else ""
                clip = _spoof(plan, piece, kind, own, chain if take else None) if index else piece
                for way in range(1 + plan.deliveries):
                    # Drawn from the same numbers for all clips of a take, so that no way tells a class.
                    sent = chain.carry(clip, plan.rng(number, take, way)) if way else clip
                    through = (name if take else "none") + ("_carried" if way else "")
                    rows.append(_write(plan, sent, person, (number, take, way, index), kind, through, own))
    except Exception as error:  # engines raise whatever they like, and no one file ends a run of hours
        for row in rows:
            row.captures["voice"].path.unlink(missing_ok=True)
        return working + (" ".join(str(error).split())[:300] or type(error).__name__)
    return rows


def _kind_number(kind: str | None) -> int:
    return int.from_bytes((kind or "bona_fide").encode(), "big") % 2**32


def _spoof(
    plan: _Plan, speech: NDArray[np.float32], kind: str | None, rng: np.random.Generator, chain: Chain | None
) -> NDArray[np.float32]:
    name = str(kind)
    if name in plan.vocoders:
        return np.asarray(plan.vocoders[name](speech, rng), np.float32)
    if name in copiers:
        return np.asarray(copiers[name](speech, rng), np.float32)
    if name == "replay":
        return replay(speech, rng)
    text = plan.texts[int(rng.integers(len(plan.texts)))] if plan.texts else sentence(rng)
    said = speak(text, name, rng)
    if plan.longest:
        said = said[: plan.longest]
    return chain.capture(said, rng) if chain else said  # a copy stands in the scene of its original already


def _write(
    plan: _Plan,
    speech: NDArray[np.float32],
    person: str,
    place: tuple[int, int, int, int],
    kind: str | None,
    chain: str,
    rng: np.random.Generator,
) -> Presentation:
    """Write one clip; ``place`` is the number of its file, take, way of delivery, and spoof."""
    import soundfile

    number, take, way, index = place
    pair = f"{number:06}_{take}_{way}"
    speech = finish(speech, plan.edges_s)
    codec = plan.codecs[int(rng.integers(len(plan.codecs)))] if plan.codecs else ""
    if codec:
        speech = through_codec(speech, codec)
    name = f"{pair}_{index}_{kind or 'bona_fide'}.flac"
    soundfile.write(plan.out / name, speech, RATE, subtype="PCM_16")
    simulated = plan.engine is None and kind is not None
    return Presentation(
        id=f"{plan.out.name}/{pair}/{index}",
        dataset=plan.dataset,
        captures={"voice": CaptureFile(plan.out / name)},
        pai_species=kind,
        subject=person,
        session=f"{plan.out.name}/{pair}",
        attributes={"chain": chain, **({"codec": codec} if codec else {})},
        licence=f"simulated from speech under: {plan.licence}" if simulated else plan.licence,
        simulated=simulated or take > 0 or way > 0,
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
