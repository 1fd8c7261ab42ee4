"""What a rule for several windows would bring to the voice model, which takes their mean: an attempt.

    antispoof simulate speech SPEECH CLIPS --licence … --edges 0.25 --scenes 1 --spoofs 2 --seed 72 \\
        --chain mixed --chain studio --chain phone --chain browser --chain call --chain far
    python benchmarks/voice_pooling.py CLIPS/manifest.csv

The clips are cut to 1, 2 and 4 s, as far as they last, and repeated to 10 and 60 s: no speaker who may be
trained on has more than 5 s, and speech that is repeated has at most as much to tell as speech that goes on.
Three ways to a ratio, each fitted on one half of the people and counted on the other: ``mean``, as it ships;
``pooling``, the rule that several frames of a face get (`antispoof.scores.pooling`); ``by length``, whose
slope and intercept grow with as how many independent windows a recording counts. All is SIMULATED.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from antispoof.data.manifest import read_manifest
from antispoof.evaluation.calibration_quality import cllr
from antispoof.evaluation.metrics import d_eer
from antispoof.runtime.bundle import read_bundle
from antispoof.runtime.scorer import Scorer
from antispoof.scores.logistic import balanced_weights, fit_logistic
from antispoof.scores.pooling import Pooling, fit_pooling
from antispoof.scores.simulated_site import SimulatedSite
from antispoof.sensing.audio import RATE, load_audio
from antispoof.sensing.capture import Sample
from antispoof.sensing.modalities import modalities

SECONDS = (1, 2, 4, 10, 60)
RARE = 4  # of so many people one is repeated to a minute
USUAL_S = 4


@dataclass(frozen=True)
class Heard:
    """Ratios of the windows of one recording, as the bundle calibrates them, without its limits."""

    person: int
    bona_fide: bool
    seconds: int
    ratios: NDArray[np.float64]


def listen(manifest: Path) -> list[Heard]:
    bundle, voice = read_bundle("voice-edge"), modalities["voice"]
    scorer, prepare = Scorer(bundle, 1), bundle.metadata.inputs[0].prepare
    slope, intercept = bundle.metadata.calibration.slope, bundle.metadata.calibration.intercept
    numbers: dict[object, int] = {}
    found = []
    for row in track(read_manifest(manifest), "listening", transient=True):
        path = Path(row.captures["voice"].path)
        speech = load_audio(path if path.is_absolute() else manifest.parent / path).array
        person = numbers.setdefault(row.person, len(numbers))
        if voice.quality(Sample(speech, {"sample_rate": RATE})).reasons:
            continue
        for seconds in SECONDS:
            short = seconds < USUAL_S and len(speech) < seconds * RATE
            if short or (seconds == 60 and person % RARE):
                continue
            piece = np.resize(speech, seconds * RATE) if seconds > USUAL_S else speech[: seconds * RATE]
            sample = Sample(piece, {"sample_rate": RATE})
            raw = scorer({"voice": voice.prepare(sample, voice.quality(sample), **prepare)}).score
            found.append(Heard(person, row.bona_fide, seconds, slope * np.asarray(raw, float) + intercept))
    return found


def pooling_of(heard: list[Heard]) -> Pooling:
    sites = []
    for one in heard:
        count = one.ratios.size
        person, kind = np.zeros(count, int), np.full(count, one.bona_fide)
        sites.append(SimulatedSite(one.ratios, one.ratios[:, None], person, kind))
    return fit_pooling(sites)


class ByLength:
    """``(1 + gain w) mean + offset w + intercept``; ``w`` is 0 for a recording of the usual length."""

    def __init__(self, heard: list[Heard], correlation: float) -> None:
        self.correlation = correlation
        self.usual = self.effective(2)
        kinds = np.array([one.bona_fide for one in heard])
        x = np.stack([self.numbers(one.ratios) for one in heard])
        lengths = np.array([one.seconds for one in heard])
        weights = np.zeros(len(heard))
        for length in set(lengths.tolist()):  # every length weighs the same
            weights[lengths == length] = balanced_weights(kinds[lengths == length])
        self.layer = fit_logistic(x, kinds, ridge=1e-2, weights=weights)

    def effective(self, count: int) -> float:
        """Tell as how many independent windows so many count."""
        return count / (1 + (count - 1) * self.correlation)

    def numbers(self, ratios: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the line is drawn through."""
        worth = self.effective(ratios.size) - self.usual
        return np.array([ratios.mean(), worth * ratios.mean(), worth])

    def __call__(self, ratios: NDArray[np.float64]) -> float:
        """Return one ratio for those of all windows."""
        return float(self.layer(self.numbers(ratios)[None])[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path, help="of simulated speech")
    heard = listen(parser.parse_args().manifest)
    said: dict[str, dict[int, list[tuple[bool, float]]]] = {}
    console = Console(width=120)
    for half in range(2):
        known = [one for one in heard if one.person % 2 != half]
        pooling = pooling_of([one for one in known if one.ratios.size > 1 and one.seconds <= USUAL_S])
        console.print(f"half {half + 1}: {pooling}")
        length = ByLength([one for one in known if one.seconds < 60], pooling.correlation)
        ways: dict[str, Callable[[NDArray[np.float64]], float]]
        ways = {"mean": lambda ratios: float(ratios.mean()), "pooling": pooling, "by length": length}
        for one in heard:
            if one.person % 2 == half:
                for name, way in ways.items():
                    at = said.setdefault(name, {}).setdefault(one.seconds, [])
                    at.append((one.bona_fide, way(one.ratios)))
    columns = ("seconds", "bona fide, attacks", *(f"{name}: Cllr, EER %" for name in said))
    table = Table(*columns, title="SIMULATED; half of the people unheard by the rule")
    for seconds in SECONDS:
        cells = []
        for found in said.values():
            kinds = np.array([kind for kind, _ in found[seconds]])
            ratios = np.array([ratio for _, ratio in found[seconds]])
            people, attacks = ratios[kinds], ratios[~kinds]
            cells.append(f"{cllr(people, attacks):.3f}, {100 * d_eer(people, attacks).value:.1f}")
        table.add_row(str(seconds), f"{kinds.sum()}, {(~kinds).sum()}", *cells)
    console.print(table)


if __name__ == "__main__":
    main()
