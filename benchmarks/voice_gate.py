"""What the gates for speech and for damage let through to the voice model, and what they turn away.

    python benchmarks/voice_gate.py non-speech --count 1000
    python benchmarks/voice_gate.py damaged --data DIR
    python benchmarks/voice_gate.py speech --data DIR

The first plays simulated sounds in which nobody speaks, half of them of kinds that no limit was chosen on;
the second damages wav files of synthetic speech that may be trained on; the third counts the reasons for
which recordings of speech are not judged. DIR holds ``manifest.csv`` as docs/benchmarks.md describes.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

import antispoof
from antispoof.errors import MediaError
from antispoof.runtime.bundle import default_bundle
from antispoof.sensing.audio import RATE, load_audio
from antispoof.sensing.capture import Sample
from antispoof.sensing.modalities import modalities
from antispoof.simulation.speech.non_speech import NON_SPEECH, non_speech
from antispoof.simulation.speech.non_speech_held_out import HELD_OUT_NON_SPEECH

Bytes = NDArray[np.uint8]
Draw = np.random.Generator
Counts = dict[str, dict[str, int]]

OUTCOMES = ("bona_fide", "attack", "non_response", "refused")
HEADER = 44  # bytes before the samples, as soundfile writes a wav
LONG_S = 1.5
GATES = frozenset({"no_speech", "damaged", "music", "only_noise"})


def play(detector: antispoof.Detector, count: int, seed: int) -> Counts:
    """Outcomes of simulated sounds without a voice, by kind, of 1.5 to 6 s; the kinds take turns."""
    chosen, held = list(NON_SPEECH), list(HELD_OUT_NON_SPEECH)
    found = {kind: dict.fromkeys(OUTCOMES, 0) for kind in (*chosen, *(f"held out: {kind}" for kind in held))}
    for index in track(range(count), "playing", transient=True):
        kinds = held if index % 2 else chosen
        kind = kinds[index // 2 % len(kinds)]
        rng = np.random.default_rng([seed, index])
        sound = Sample(non_speech(kind, rng, rng.uniform(1.5, 6)), {"sample_rate": RATE})
        found[f"held out: {kind}" if index % 2 else kind][detector.check(voice=sound).outcome] += 1
    return found


# -- ways in which a wav file of 16 bits is damaged: its bytes → its bytes --------------------------


def _place(wav: Bytes, rng: Draw, length: int) -> slice:
    start = int(rng.integers(HEADER, wav.size - length))
    return slice(start, start + length)


def _length(rng: Draw) -> int:
    return int(rng.integers(100, 4000))


def bits_flipped(wav: Bytes, rng: Draw) -> Bytes:
    """200 bits anywhere among the samples."""
    wav[rng.integers(HEADER, wav.size, 200)] ^= 1 << rng.integers(0, 8, 200).astype(np.uint8)
    return wav


def bytes_replaced(wav: Bytes, rng: Draw) -> Bytes:
    """200 bytes anywhere among the samples."""
    wav[rng.integers(HEADER, wav.size, 200)] = rng.integers(0, 256, 200)
    return wav


def block_overwritten(wav: Bytes, rng: Draw) -> Bytes:
    part = _place(wav, rng, _length(rng))
    wav[part] = rng.integers(0, 256, part.stop - part.start)
    return wav


def block_emptied(wav: Bytes, rng: Draw) -> Bytes:
    wav[_place(wav, rng, _length(rng))] = 0
    return wav


def block_dropped(wav: Bytes, rng: Draw) -> Bytes:
    """The header still tells of all samples."""
    return np.delete(wav, _place(wav, rng, _length(rng)))


def block_dropped_and_said(wav: Bytes, rng: Draw) -> Bytes:
    """The header tells of what is left: an even number of bytes, so that nothing is out of step."""
    return _sized(np.delete(wav, _place(wav, rng, _length(rng) // 2 * 2)))


def block_sent_twice(wav: Bytes, rng: Draw) -> Bytes:
    part = _place(wav, rng, _length(rng))
    return _sized(np.concatenate([wav[: part.stop], wav[part.start :]]))


def blocks_swapped(wav: Bytes, rng: Draw) -> Bytes:
    length = _length(rng)
    start = _place(wav, rng, 2 * length).start
    one, other = wav[start : start + length].copy(), wav[start + length : start + 2 * length].copy()
    wav[start : start + 2 * length] = np.concatenate([other, one])
    return wav


def byte_lost(wav: Bytes, rng: Draw) -> Bytes:
    """What follows is out of step; the header tells of what is left."""
    return _sized(np.delete(wav, rng.integers(HEADER, wav.size)))


def cut_short(wav: Bytes, rng: Draw) -> Bytes:
    """The header still tells of all samples."""
    return wav[: rng.integers(HEADER, wav.size)]


def header_flipped(wav: Bytes, rng: Draw) -> Bytes:
    """One bit of the header."""
    wav[rng.integers(0, HEADER)] ^= 1 << int(rng.integers(0, 8))
    return wav


def channels_doubled(wav: Bytes, rng: Draw) -> Bytes:  # noqa: ARG001
    """The header tells of two channels, consistently, where there is one."""
    wav[22], wav[32] = 2, 4
    wav[28:32] = np.frombuffer(np.uint32(4 * RATE).tobytes(), np.uint8)
    return wav


def _sized(wav: Bytes) -> Bytes:
    wav[4:8] = np.frombuffer(np.uint32(wav.size - 8).tobytes(), np.uint8)
    wav[40:44] = np.frombuffer(np.uint32(wav.size - HEADER).tobytes(), np.uint8)
    return wav


DAMAGE: Mapping[str, Callable[[Bytes, Draw], Bytes]] = {
    way.__name__: way
    for way in (
        bits_flipped,
        bytes_replaced,
        block_overwritten,
        block_emptied,
        block_dropped,
        block_dropped_and_said,
        block_sent_twice,
        blocks_swapped,
        byte_lost,
        cut_short,
        header_flipped,
        channels_doubled,
    )
}


def damage(detector: antispoof.Detector, data: Path, count: int, seed: int) -> Counts:
    """Outcomes of damaged files of synthetic speech that is told for an attack while it is whole."""
    rows = [row for row in rows_of(data) if row["pai_species"] and "training allowed" in row["use"]]
    order = np.random.default_rng(seed).permutation(len(rows))
    found = {way: dict.fromkeys(OUTCOMES, 0) for way in DAMAGE}
    done = 0
    for index in track(order, "damaging", transient=True):
        speech = load_audio(data.parent / rows[index]["path"]).array
        if done >= count:
            break
        file = io.BytesIO()
        soundfile.write(file, speech, RATE, "PCM_16", format="WAV")
        whole = np.frombuffer(file.getvalue(), np.uint8)
        if detector.check(voice=whole.tobytes()).outcome != "attack":
            continue
        for number, (way, change) in enumerate(DAMAGE.items()):
            damaged = change(whole.copy(), np.random.default_rng([seed, int(index), number]))
            try:
                outcome: str = detector.check(voice=damaged.tobytes()).outcome
            except MediaError:
                outcome = "refused"
            found[way][outcome] += 1
            done += 1
    return found


# -- speech -----------------------------------------------------------------------------------------


def rows_of(data: Path) -> list[dict[str, str]]:
    """The recordings of the manifest."""
    with (data / "manifest.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["modality"] == "voice"]


def listen(data: Path) -> Counts:
    """Count, by set and class, recordings of at least 1.5 s, and why some are not judged."""
    voice = modalities["voice"]
    found: dict[str, Counter[str]] = {}
    for row in track(rows_of(data), "listening", transient=True):
        sample = voice.load(data.parent / row["path"])
        if len(sample.array) < LONG_S * RATE:
            continue
        kind = "spoofs" if row["pai_species"] else "bona fide"
        mark = "" if "training allowed" in row["use"] else ", evaluation only"
        here = found.setdefault(f"{row['source']}, {kind}{mark}", Counter())
        reasons = voice.quality(sample).reasons
        here.update(["recordings", *reasons])
        here["no speech or damaged"] += bool(GATES & set(reasons))
    return {name: dict(counts) for name, counts in found.items()}


def show(found: Counts, title: str, console: Console) -> None:
    """Print counts by row, and their sums."""
    columns = list(dict.fromkeys(name for counts in found.values() for name in counts))
    table = Table("", *columns, title=title)
    for name, counts in found.items():
        table.add_row(name, *(str(counts.get(column, 0)) for column in columns))
    table.add_section()
    sums = [sum(counts.get(column, 0) for counts in found.values()) for column in columns]
    table.add_row("all", *map(str, sums))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("non-speech", "damaged", "speech"))
    parser.add_argument("--count", type=int, default=1000, help="of sounds, or of damaged files at least")
    parser.add_argument("--seed", type=int, default=20261128, help="of the simulation")
    parser.add_argument("--data", type=Path, help="folder with manifest.csv")
    parser.add_argument("--bundle", help="another bundle than the shipped one")
    parser.add_argument("--json", type=Path, help="write all counts here")
    arguments = parser.parse_args()
    if arguments.what != "non-speech" and arguments.data is None:
        parser.error("--data names the folder with manifest.csv")
    console = Console(width=140)
    if arguments.what == "speech":
        found = listen(arguments.data)
        show(found, "Recordings of 1.5 s and more, and why some are not judged", console)
    else:
        detector = antispoof.load(arguments.bundle or default_bundle("voice"))
        if arguments.what == "non-speech":
            found = play(detector, arguments.count, arguments.seed)
            show(found, "SIMULATED sounds without a voice", console)
        else:
            found = damage(detector, arguments.data, arguments.count, arguments.seed)
            show(found, "Attacks in wav files, damaged (SIMULATED damage)", console)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    try:
        main()
    except MediaError as error:
        raise SystemExit(f"error: {error}") from None
