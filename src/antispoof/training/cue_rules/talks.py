"""Simulated people who talk, with their voice or with another: what `lip_sound` could learn from.

A recording of somebody who reads moves the mouth of a simulated head: it opens with the loudness, a little
before the sound, as far and as exactly as is drawn for each person, and moves by itself besides. The same
film with another recording is a dub, as are a head whose mouth rests and one whose mouth moves as it likes.

Everything about mouths is simulated: how closely those of people follow their voices was assumed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antispoof.data.presentation import CaptureFile
from antispoof.errors import InputError, MediaError
from antispoof.sensing.audio import RATE, load_audio
from antispoof.sensing.cues import Measured
from antispoof.sensing.cues.lip_sound import heard
from antispoof.sensing.video import film_pictures
from antispoof.sensing.watch import Watch
from antispoof.simulation.clip.motion import MOTIONS, Track, still
from antispoof.simulation.clip.render import ClipSpec, simulate_clip
from antispoof.simulation.clip.suites import SUITES
from antispoof.simulation.face.collection import portrait_files, read_portrait
from antispoof.simulation.face.portrait import Portrait
from antispoof.training.cue_rules.measuring import MeasuredClip, numbers_of
from antispoof.training.cue_rules.parts import of_suite, partition_of

__all__ = ["write_talks"]

SECONDS = 3.0
STEP_S = 0.02
SUFFIXES = {".flac", ".wav", ".mp3", ".ogg"}
Sound = NDArray[np.float32]


def write_talks(
    portraits: Path,
    voices: Path,
    out: Path,
    *,
    suite: str,
    people: int,
    licence: str,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda _, __: None,
) -> int:
    """Film people who talk, let the cue compare lips and voice, and write a line of JSON for each.

    Args:
        portraits: one picture a person.
        voices: recordings of people who read, one a person.
        out: file to write, as `antispoof cues measure` does.
        suite: ``taught`` or ``held_out``: other people, other voices, another way to move, other codecs.
        people: how many.
        licence: of portraits and voices.
        seed: the same seed makes the same films.
        progress: told how many people are done, and of how many.

    Returns:
        how many lines were written.

    Raises:
        InputError: there are too few portraits or recordings, or no such suite.
    """
    if suite not in SUITES:
        raise InputError(f"suite must be one of {', '.join(SUITES)}, got {suite!r}")
    faces = of_suite(portrait_files(portraits) if portraits.is_dir() else [], suite)
    found = [path for path in voices.iterdir() if path.suffix in SUFFIXES] if voices.is_dir() else []
    sounds = of_suite(sorted(found), suite)
    most = min(len(faces), len(sounds))
    if not 2 <= people <= most:
        raise InputError(f"people must be 2 to {most}, the portraits and voices of that suite, got {people}")
    count = 0
    with out.open("w", encoding="utf-8") as file:
        for number in range(people):
            progress(number, people)
            path = faces[len(faces) * number // people]
            person = read_portrait(CaptureFile(path), path.stem, lambda _: None)
            if person is None:
                continue
            own, other = (sounds[(number + shift) * len(sounds) // people % len(sounds)] for shift in (0, 1))
            rng = np.random.default_rng([seed, list(SUITES).index(suite), number])
            try:
                talks = list(
                    _talks(person, _excerpt(own, rng), _excerpt(other, rng), suite, seed, number, rng)
                )
            except (InputError, MediaError):
                continue
            for take, (kind, told) in enumerate(talks):
                talk = MeasuredClip(
                    f"talk-{suite}-{seed}-{number:04}-{take:02}-{kind or 'bona_fide'}",
                    person.subject,
                    kind,
                    partition_of(suite, number),
                    licence,
                    simulated=True,
                    cues=numbers_of([told]),
                )
                file.write(talk.as_line())
                count += 1
            file.flush()
    progress(people, people)
    return count


def _excerpt(path: Path, rng: np.random.Generator) -> Sound:
    """Take some seconds of a recording, somewhere."""
    samples = np.asarray(load_audio(path).array, np.float32)
    wanted = round((SECONDS + 0.5) * RATE)
    if len(samples) < wanted:
        raise MediaError("too_short", f"{path.name} lasts less than {SECONDS + 0.5:g} s")
    begin = int(rng.integers(len(samples) - wanted + 1))
    return samples[begin : begin + wanted]


def _talks(
    person: Portrait,
    own: Sound,
    other: Sound,
    suite: str,
    seed: int,
    number: int,
    rng: np.random.Generator,
) -> Iterator[tuple[str | None, Measured]]:
    """Film somebody once for each way the mouth moves, and compare with each voice."""
    talking = _film(person, _mouth(own, suite, rng), suite, seed, number, 0)
    resting = _film(person, still(), suite, seed, number, 1)
    free = MOTIONS[SUITES[suite].motion](rng, SECONDS, 2.5)
    roaming = _film(person, lambda t: float(np.clip(0.4 * (free(t) + 0.5), 0, 1)), suite, seed, number, 2)
    apart = round(float(rng.uniform(-0.1, 0.2)) * RATE)  # what a recorder leaves between sound and picture
    shifted = np.roll(own, apart)
    yield None, heard(talking, shifted, RATE)
    yield "dub_film", heard(talking, other, RATE)
    yield "dub_still", heard(resting, shifted, RATE)
    yield "dub_roaming", heard(roaming, shifted, RATE)


def _mouth(sound: Sound, suite: str, rng: np.random.Generator) -> Track:
    """Open a mouth with the loudness of a voice."""
    size = round(STEP_S * RATE)
    blocks = sound[: len(sound) // size * size].reshape(-1, size).astype(np.float64)
    loud = 10 * np.log10((blocks**2).mean(axis=1) + 1e-9)
    low, high = np.quantile(loud, (0.1, 0.95))
    level = np.clip((loud - low) / max(float(high - low), 1.0), 0, 1)
    smooth = max(1, round(float(rng.uniform(0.06, 0.16)) / STEP_S))
    level = np.convolve(np.pad(level, smooth, mode="edge"), np.ones(smooth) / smooth, "same")[smooth:-smooth]
    leads, share, wide = rng.uniform(0, 0.12), rng.uniform(0.35, 0.9), rng.uniform(0.3, 1.0)
    own = MOTIONS[SUITES[suite].motion](rng, SECONDS, 2.5)
    times = np.arange(len(level)) * STEP_S + STEP_S / 2

    def mouth(time_s: float) -> float:
        spoken = float(np.interp(time_s + leads, times, level))
        return float(np.clip(wide * (share * spoken + (1 - share) * 0.4 * (own(time_s) + 0.5)), 0, 1))

    return mouth


def _film(person: Portrait, mouth: Track, suite: str, seed: int, number: int, take: int) -> Measured:
    """Film, code and look at it; return what the cue saw of the pictures."""
    clip = simulate_clip(ClipSpec(seed, number, take, None, suite, SECONDS), person, person, mouth)
    watch = Watch(["lip_sound"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"talk{clip.suffix}"
        clip.write(path)
        for time_s, picture in film_pictures(path):
            watch.see(time_s, picture)
    (found,) = watch.measured()
    return found
