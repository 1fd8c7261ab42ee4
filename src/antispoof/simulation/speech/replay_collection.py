"""A collection of speech before microphones in rooms, and of replays there, with its manifest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.data.splitting import split
from antispoof.errors import InputError
from antispoof.simulation.speech.channel import delivery
from antispoof.simulation.speech.collection import FRACTIONS, SpeechCollection, empty_folder, subjects
from antispoof.simulation.speech.physical_access import (
    QUALITIES,
    draw_attack,
    draw_place,
    draw_site,
    replayed,
    spoken,
)
from antispoof.simulation.speech.recording import RATE, finish, read_speech

__all__ = ["write_replays"]

Speech = NDArray[np.float32]


def write_replays(
    files: Sequence[Path],
    out: Path,
    *,
    licence: str,
    pattern: str = "",
    sites: int = 8,
    takes: int = 1,
    seconds: float = 0.0,
    dataset: str = "simulated_replays",
    seed: int = 0,
    progress: Callable[[], None] | None = None,
) -> SpeechCollection:
    """Write each file as it is, spoken at sites, and replayed there through devices of every quality.

    A site is a room, the microphone in it and the attacker's devices: leave one out, and room and devices are
    unheard. The attributes ``site``, ``room``, ``t60``, ``talker_distance``, ``attacker_distance`` and
    ``quality`` are the classes of `antispoof.simulation.speech.physical_access`; whoever is spoken of as they
    are has none. Half of the takes are delivered, the bona fide clip and its replays alike.

    Args:
        files: bona fide recordings.
        out: a folder that does not exist yet, or is empty.
        licence: terms of the recordings.
        pattern: regular expression with a group ``subject``, searched in each path; empty makes every file
            a person.
        sites: how many there are; each person is met at some of them.
        takes: at how many sites a file is spoken and replayed, all different.
        seconds: the longest piece of a file that is used; 0 means all of it.
        dataset: name under which the manifest lists them.
        seed: decides everything.
        progress: called once a file.

    Raises:
        InputError: the folder holds something, a pattern does not match, a number is out of range, or no file
            could be used.
    """
    empty_folder(out)
    for name, count in (("sites", sites), ("takes", takes)):
        if not 1 <= count <= 99:
            raise InputError(f"{name} must be 1 to 99, got {count}")
    if takes > sites:
        raise InputError(
            f"takes must be at most sites ({sites}), since each take of a file is spoken at another site; "
            f"got {takes}: ask for more sites, or for fewer takes"
        )
    places = [draw_site(np.random.default_rng([seed, 1, number])) for number in range(sites)]
    people = subjects(files, pattern)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Presentation] = []
    skipped: list[tuple[Path, str]] = []

    def write(speech: Speech, person: str, name: str, kind: str | None, about: dict[str, str]) -> None:
        import soundfile

        path = out / f"{name}_{kind or 'bona_fide'}{about.get('quality', '')}.flac"
        soundfile.write(path, finish(speech), RATE, subtype="PCM_16")
        rows.append(
            Presentation(
                id=f"{out.name}/{path.stem}",
                dataset=dataset,
                captures={"voice": CaptureFile(path)},
                pai_species=kind,
                subject=person,
                session=f"{out.name}/{name}",
                attributes=about,
                licence=f"simulated from speech under: {licence}" if kind else licence,
                simulated=bool(about),
            )
        )

    for number, (path, person) in enumerate(zip(files, people, strict=True)):
        written = len(rows)
        try:
            speech = read_speech(path)[: int(seconds * RATE) or None]
            write(speech, person, f"{number:06}", None, {})
            for take in range(takes):
                rng = np.random.default_rng([seed, 2, number, take])
                chosen = (number + take) % sites
                site, place = places[chosen], draw_place(rng)
                about = {
                    "site": str(chosen),
                    "room": site.room,
                    "t60": site.t60,
                    "talker_distance": place.distance,
                }
                sent = rng.random() < 0.5
                clips: list[tuple[Speech, str | None, dict[str, str]]]
                clips = [(spoken(speech, site, place, rng), None, about)]
                for quality in QUALITIES:
                    attack = draw_attack(rng, quality)
                    how = {**about, "attacker_distance": attack.distance, "quality": quality}
                    clips.append((replayed(speech, site, place, attack, rng), "replay", how))
                for clip, kind, how in clips:
                    if sent:  # drawn from the same numbers for all clips of a take
                        clip = delivery(clip, np.random.default_rng([seed, 3, number, take]))
                    write(clip, person, f"{number:06}_{take}", kind, how)
        except InputError as error:
            for row in rows[written:]:
                row.captures["voice"].path.unlink(missing_ok=True)
            del rows[written:]
            skipped.append((path, str(error)))
        if progress is not None:
            progress()
    if not rows:
        raise InputError(f"none of {len(files)} files could be used; the first: {skipped[0][1]}")
    if len(set(people)) >= len(FRACTIONS):
        rows = list(split(rows, FRACTIONS, seed))
    write_manifest(rows, out / "manifest.csv")
    return SpeechCollection(out / "manifest.csv", tuple(rows), tuple(skipped))
