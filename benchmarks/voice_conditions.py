"""The voice model under conditions that are no engine: codecs, loudspeakers, recording chains, durations.

    python benchmarks/voice_conditions.py chains --data DIR
    python benchmarks/voice_conditions.py codec --data DIR
    python benchmarks/voice_conditions.py replay --data DIR
    python benchmarks/voice_conditions.py durations --data DIR
    python benchmarks/voice_conditions.py removed --data DIR
    python benchmarks/voice_conditions.py added --data DIR
    python benchmarks/voice_conditions.py partial --data DIR

``chains`` sends bona fide speech through each simulated recording chain: BPCER at the shipped threshold, by
source. ``codec`` does so with Opus at 9 kbit/s, without and with its neural decoders LACE and NoLACE, and
with packets lost and made good by networks; it needs opus_demo of Opus 1.5 on the path. ``replay`` lets
people speak in simulated rooms and replays them there, in the conditions of ASVspoof 2019 PA: figures of that
attack by itself, by quality of the device and by distances. ``durations`` cuts the clips of a
source that has both classes to 1, 2 and 4 s, and joins those of one system to 10 and 60 s. ``removed`` is an
attempt: it takes from every score what a linear map foretells of it from the long-term spectrum, fitted on
bona fide speech of the other sources; spoofs are copies of the same recordings, and both go through the same
chain, or codec, or none. ``added`` adds a hum, a tone or hiss to finished clips: how many people are
rejected, and how many spoofs pass. ``partial`` lets a spoof follow a person, in one recording. DIR holds
``manifest.csv`` as docs/benchmarks.md describes.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

import antispoof
from antispoof.evaluation.calibration_quality import cllr
from antispoof.evaluation.metrics import auc, d_eer
from antispoof.runtime.bundle import default_bundle
from antispoof.sensing.audio import RATE, load_audio
from antispoof.sensing.capture import Sample
from antispoof.simulation.speech.chains import CHAINS
from antispoof.simulation.speech.channel import level, scaled
from antispoof.simulation.speech.codecs import NEURAL_CODECS, codecs_found, through_codec
from antispoof.simulation.speech.copy_synthesis import copiers
from antispoof.simulation.speech.physical_access import (
    QUALITIES,
    draw_attack,
    draw_place,
    draw_site,
    replayed,
    spoken,
)

Speech = NDArray[np.float32]
Change = Callable[[Speech, int], Speech]

LOW_RATES = ("opus_voip_9k", *NEURAL_CODECS)
CODEC_NAMES = ("opus_24k", "opus_12k", "mp3_32k", "g711_mu", "g722")
COPIERS = ("copy_minimum_phase", "copy_mel_bottleneck", "copy_source_filter", "copy_residual_excited")
ADDED = {  # decibels below the speech: of a sine at so many hertz, or of white noise
    "100 Hz": (100, (20.0, 10.0)),
    "120 Hz": (120, (20.0, 10.0)),
    "7 kHz": (7000, (20.0, 10.0)),
    "hiss": (0, (30.0, 20.0, 12.0)),
}
SIDES = (("BPCER %", False), ("APCER %", True))
JOINED = (1, 2, 3, 6, 9)  # recordings of people before a spoof
SITES = 12  # rooms of `replay`, each with a microphone and a device of every quality
RIDGE = 0.3  # on the square of a weight, in units of the variance of a description


def sources(data: Path, names: list[str], count: int) -> dict[str, list[tuple[str, Speech]]]:
    """Return some clips of each source, spread over it: (kind of attack or empty, samples)."""
    with (data / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["modality"] == "voice"]
    found = {}
    for name in names:
        here = [row for row in rows if row["source"] == name]
        chosen = here[:: max(1, len(here) // count)] if count else here
        found[name] = [
            (row["pai_species"], np.asarray(load_audio(data.parent / row["path"]).array, np.float32))
            for row in track(chosen, f"reading {name}", transient=True)
        ]
    return found


class Judge:
    """The detector: natural-log likelihood ratio, NaN where there is no response."""

    def __init__(self, bundle: str | None) -> None:
        self.detector = antispoof.load(bundle or default_bundle("voice"))
        self.threshold = self.detector.operating_point.threshold

    def __call__(self, speech: Speech) -> float:
        """Judge one recording, at 16 kHz."""
        score = self.detector.check(voice=Sample(speech, {"sample_rate": RATE})).score
        return np.nan if score is None else score

    def row(self, speech: list[Speech], what: str) -> tuple[int, float, float]:
        """Return how many are answered, BPCER among those in percent, and their mean score."""
        scores = np.array([self(one) for one in track(speech, what, transient=True)])
        there = scores[~np.isnan(scores)]
        if not there.size:
            return 0, np.nan, np.nan
        return there.size, 100 * float(np.mean(there < self.threshold)), float(there.mean())


def unchanged(speech: Speech, number: int) -> Speech:  # noqa: ARG001
    """Send speech nowhere."""
    return speech


def through(judge: Judge, changes: dict[str, Change], given: dict[str, list[tuple[str, Speech]]]) -> Table:
    """Judge bona fide speech as it is and after each change; the same draw for the same clip."""
    table = Table("source", "through", "answered", "BPCER %", "beside plain", "mean score")
    for name, clips in given.items():
        people = [speech for kind, speech in clips if not kind]
        plain = np.nan
        for what, change in {"–": unchanged, **changes}.items():
            changed = [change(speech, number) for number, speech in enumerate(people)]
            answered, rejected, mean = judge.row(changed, f"{name}, {what}")
            plain = rejected if what == "–" else plain
            words = (
                f"{answered} of {len(people)}",
                f"{rejected:.1f}",
                f"{rejected - plain:+.1f}",
                f"{mean:+.2f}",
            )
            table.add_row(name, what, *words)
    return table


def chain(name: str) -> Change:
    def change(speech: Speech, number: int) -> Speech:
        rng = np.random.default_rng([1, number])
        return CHAINS[name].carry(CHAINS[name].capture(speech, rng), rng)

    return change


def coded(name: str) -> Change:
    return lambda speech, _: through_codec(speech, name)


def beside(hertz: int, below: float) -> Change:
    """Add a sine, or white noise where it has no frequency, so many decibels below the speech."""

    def change(speech: Speech, number: int) -> Speech:
        turns = 2 * np.pi * hertz * np.arange(len(speech)) / RATE
        rest = np.random.default_rng([4, number]).standard_normal(len(speech))
        sound = 2**0.5 * np.sin(turns) if hertz else rest
        return np.asarray(speech + sound * level(speech) * 10 ** (-below / 20), np.float32)

    return change


def added(judge: Judge, given: dict[str, list[tuple[str, Speech]]]) -> Table:
    """Judge people and spoofs with what is heard beside them: APCER and BPCER among those answered."""
    ways: dict[str, Change] = {"nothing": unchanged}
    for what, (hertz, levels) in ADDED.items():
        ways |= {f"{what}, {below:.0f} dB below": beside(hertz, below) for below in levels}
    kinds = {
        name: {what: [speech for kind, speech in clips if bool(kind) == spoof] for what, spoof in SIDES}
        for name, clips in given.items()
    }
    sides = [(name, what) for name, sorted_ in kinds.items() for what, clips in sorted_.items() if clips]
    table = Table("added", *(f"{name}: {what}" for name, what in sides))
    for way, change in ways.items():
        cells = []
        for name, what in sides:
            clips = [change(speech, number) for number, speech in enumerate(kinds[name][what])]
            answered, rejected, _ = judge.row(clips, f"{way}, {name}")
            share = rejected if what == "BPCER %" else 100 - rejected
            cells.append(f"{share:.0f} of {answered}")
        table.add_row(way, *cells)
    return table


def partial(judge: Judge, given: dict[str, list[tuple[str, Speech]]]) -> Table:
    """Judge recordings in which some seconds of a spoof follow some seconds of a person."""
    people = [scaled(speech) for clips in given.values() for kind, speech in clips if not kind]
    spoofs = [scaled(speech) for clips in given.values() for kind, speech in clips if kind]
    if len(people) < max(JOINED) or not spoofs:
        raise SystemExit(
            f"error: partial needs {max(JOINED)} recordings of people and a spoof, got {len(people)} and "
            f"{len(spoofs)}: raise --count, or name sources of both"
        )
    table = Table("a person speaks for", "a spoof for", "answered", "bona fide %")
    for clips in JOINED:
        said = [np.concatenate(people[first : first + clips]) for first in range(len(people) - clips + 1)]
        for seconds in (0, 2, 4):
            ends = [np.tile(one, 9)[: seconds * RATE] for one in spoofs[:: max(1, len(spoofs) // len(said))]]
            whole = [np.concatenate([one, ends[k % len(ends)]]) for k, one in enumerate(said)]
            person = f"{np.mean([len(one) for one in said]) / RATE:.1f} s"
            answered, rejected, _ = judge.row(whole, f"{person}, {seconds} s")
            table.add_row(person, f"{seconds} s", f"{answered} of {len(whole)}", f"{100 - rejected:.0f}")
    return table


def replays(judge: Judge, given: dict[str, list[tuple[str, Speech]]]) -> Table:
    """Let people speak before microphones in rooms, and replay them there, as in ASVspoof 2019 PA."""
    columns = ("source", "of", "answered", "AUC %", "EER %", "APCER %")
    table = Table(*columns, title="Replays by loudspeaker, beside people in the same rooms; SIMULATED")
    sites = [draw_site(np.random.default_rng([4, number])) for number in range(SITES)]
    for name, clips in given.items():
        people: list[float] = []
        attacks: list[tuple[float, dict[str, str]]] = []
        heard = [speech for kind, speech in clips if not kind]
        for number, speech in enumerate(track(heard, name, transient=True)):
            rng = np.random.default_rng([5, number])
            site, place = sites[number % SITES], draw_place(rng)
            people.append(judge(spoken(speech, site, place, rng)))
            for quality in QUALITIES:
                attack = draw_attack(rng, quality)
                score = judge(replayed(speech, site, place, attack, rng))
                about = {"device": quality, "recorded from": attack.distance, "played from": place.distance}
                attacks.append((score, about | {"T60": site.t60, "room": site.room}))
        one = np.array(people)
        one = one[~np.isnan(one)]
        rejected = f"{100 * np.mean(one < judge.threshold):.1f}"
        table.add_row(name, "bona fide, BPCER", f"{one.size} of {len(people)}", "–", "–", rejected)
        groups = sorted({(what, value) for _, about in attacks for what, value in about.items()})
        for what, value in [("all", ""), *groups]:
            scores = np.array([score for score, about in attacks if what == "all" or about[what] == value])
            other = scores[~np.isnan(scores)]
            if one.size and other.size:
                rates = auc(one, other), d_eer(one, other).value, np.mean(other >= judge.threshold)
                figures = [f"{100 * rate:.1f}" for rate in rates]
                table.add_row(name, f"{what} {value}".strip(), f"{other.size} of {scores.size}", *figures)
    return table


def durations(judge: Judge, given: dict[str, list[tuple[str, Speech]]]) -> Table:
    """Cut and join, and see whether ratios still mean what they say."""
    table = Table("source", "seconds", "answered", "AUC %", "APCER %", "BPCER %", "Cllr, bits")
    for name, clips in given.items():
        for seconds in (1, 2, 4, 10, 60):
            length, parts = seconds * RATE, []
            if seconds < 10:
                parts = [(kind, speech[:length]) for kind, speech in clips if len(speech) >= length]
            else:  # of one system, one after the other
                for kind in sorted({kind for kind, _ in clips}):
                    joined = np.concatenate([speech for other, speech in clips if other == kind])
                    starts = range(0, len(joined) - length + 1, length)
                    parts += [(kind, joined[start : start + length]) for start in starts]
            scores = np.array([judge(speech) for _, speech in track(parts, f"{seconds} s", transient=True)])
            people = np.array([not kind for kind, _ in parts], bool)
            there = ~np.isnan(scores)
            one, other = scores[people & there], scores[~people & there]
            row = [f"{there.sum()} of {len(parts)}", *["–"] * 4]
            if one.size and other.size:
                rates = auc(one, other), np.mean(other >= judge.threshold), np.mean(one < judge.threshold)
                row[1:] = [*(f"{100 * rate:.1f}" for rate in rates), f"{cllr(one, other):.2f}"]
            table.add_row(name, str(seconds), *row)
    return table


def spectrum(speech: Speech) -> NDArray[np.float64]:
    """Describe a channel by the level in 20 bands: mean, soft and loud moments; (60,), decibels."""
    loud = speech / (np.sqrt(np.mean(speech**2)) + 1e-9)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(loud, (0, 512)), 512)[::256] * np.hanning(512)
    powers = np.abs(np.fft.rfft(frames)[:, 3:243]) ** 2
    level = 10 * np.log10(powers.reshape(len(frames), 20, 12).mean(2) + 1e-4)
    return np.concatenate([level.mean(0), *np.percentile(level, [10, 90], axis=0)])


def removed(judge: Judge, given: dict[str, list[tuple[str, Speech]]]) -> Table:
    """Leave every source out once, with and without what the channel foretells of its scores."""
    ways = {"": unchanged, **{name: chain(name) for name in CHAINS}}
    ways |= {name: coded(name) for name in CODEC_NAMES}
    names = list(ways)
    rows: list[NDArray[np.float64]] = []
    labels: list[tuple[str, bool]] = []
    scores: list[float] = []
    for source, clips in given.items():
        for number, (_, speech) in enumerate(track(clips, source, transient=True)):
            rng = np.random.default_rng([3, number])
            way, copier = ways[names[number % len(names)]], COPIERS[int(rng.integers(len(COPIERS)))]
            for copied in (False, True):
                piece = np.asarray(copiers[copier](speech, rng), np.float32) if copied else speech
                heard = way(scaled(piece), number)
                score = judge(heard)
                if not np.isnan(score):
                    rows.append(spectrum(heard))
                    labels.append((source, copied))
                    scores.append(score)
    described, raw = np.array(rows), np.array(scores)
    of, spoofed = np.array([name for name, _ in labels]), np.array([kind for _, kind in labels])
    columns = ("left out", "scores", "answered", "AUC %", "BPCER %", "APCER %")
    table = Table(*columns, title="At APCER 10 % on the other sources; SIMULATED spoofs and channels")
    for source in given:
        here, known = of == source, (of != source) & ~spoofed
        mean, spread = described[known].mean(0), described[known].std(0) + 1e-3
        z = np.clip((described - mean) / spread, -3, 3)
        ridge = z[known].T @ z[known] + RIDGE * known.sum() * np.eye(z.shape[1])
        foretold = z @ np.linalg.solve(ridge, z[known].T @ (raw[known] - raw[known].mean()))
        for what, values in (("as they are", raw), ("channel removed", raw - foretold)):
            threshold = float(np.quantile(values[~here & spoofed], 0.9))
            one, other = values[here & ~spoofed], values[here & spoofed]
            rates = auc(one, other), np.mean(one < threshold), np.mean(other >= threshold)
            table.add_row(source, what, str(here.sum()), *(f"{100 * rate:.1f}" for rate in rates))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "what", choices=["chains", "codec", "replay", "durations", "removed", "added", "partial"]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--source", action="append", help="of the manifest; may be repeated")
    parser.add_argument("--count", type=int, default=60, help="clips of each source; 0 takes all")
    parser.add_argument("--bundle", help="another bundle than the shipped one")
    arguments = parser.parse_args()
    usual = {
        "added": ["commands-2", "glowtts", "nsf"],
        "durations": ["vocoder-pairs"],
        "partial": ["commands-2", "glowtts", "nsf"],
        "removed": ["librispeech-train", "commands", "commands-2"],
    }
    given = sources(
        arguments.data, arguments.source or usual.get(arguments.what, ["commands-2"]), arguments.count
    )
    judge = Judge(arguments.bundle)
    if arguments.what == "chains":
        table = through(judge, {name: chain(name) for name in CHAINS}, given)
    elif arguments.what == "codec":
        if lacking := set(LOW_RATES) - set(codecs_found()):
            parser.error(f"{', '.join(sorted(lacking))} need opus_demo of Opus 1.5 on the path")
        ways = {name: coded(name) for name in LOW_RATES}
        table = through(judge, ways, given)
    else:
        told = {
            "added": added,
            "partial": partial,
            "replay": replays,
            "durations": durations,
            "removed": removed,
        }
        table = told[arguments.what](judge, given)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
