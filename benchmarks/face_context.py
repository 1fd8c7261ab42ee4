"""What the decision gains from context, on real recaptures: several frames, earlier captures, a site.

    python benchmarks/face_context.py --data DIR --bundle BUNDLE.onnx --json face_context.json

DIR is that of ``face_rgb.py``. Each rule is the bundle's own, learned on simulation. Captures that a rule has
seen are not judged; random draws are repeated. Figures are half total error rates (HTER) in %, macro averages
over replay sources with a bootstrap over sources; pictures without a usable face count as rejected.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from face_rgb import ENROLLED, PRINT, percent, read_pictures
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

import antispoof
from antispoof.errors import BundleError, InputError
from antispoof.evaluation.confidence import bootstrap, percentile_interval
from antispoof.runtime.bundle import default_bundle
from antispoof.runtime.references import default_threshold, reference_rule, traffic_rule
from antispoof.scores.pooling import UNFITTED
from antispoof.scores.traffic import RAISED_AT_MOST
from antispoof.sites.learning import learn_site

DRAWS = 8
SITE_DRAWS = 3
FRAMES = 5
BURSTS = 60  # of each class, drawn from a source
TRAFFIC = 300  # presentations
LEAST_SLACK = (
    0.76  # how far 99 in 100 bursts of people lie above the least frame, on the recipe's simulated sites
)
Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Threshold = Callable[[Indices], Floats]
"""Indices of pictures, or of the frames of presentations, → the threshold of each."""


class Source:
    """The pictures of one source, scored; NaN where there is no usable face."""

    def __init__(
        self, images: list[Any], scores: Floats, features: Floats, attack: NDArray[np.bool_]
    ) -> None:
        self.images, self.scores, self.features = images, scores, features
        self.people, self.attacks = np.flatnonzero(~attack), np.flatnonzero(attack)

    def usable(self, among: Indices) -> Indices:
        """Return those that can be judged."""
        return among[~np.isnan(self.scores[among])]

    def errors(self, people: Indices, threshold: Threshold) -> float:
        """Half total error rate of single pictures: of these people, and of all attacks."""
        rejected = ~(self.scores[people] >= threshold(people))
        accepted = self.scores[self.attacks] >= threshold(self.attacks)
        return float(rejected.mean() + accepted.mean()) / 2


def read_sources(detector: antispoof.Detector, data: Path) -> dict[str, Source]:
    """Score every picture once."""
    pictures = [p for p in read_pictures(data) if p.source != f"collected-{PRINT}"]
    found: dict[str, list[tuple[Any, float, Floats, bool]]] = {}
    width = 0
    for picture in track(pictures, "scoring", transient=True):
        verdict = detector.check(face_rgb=picture.image)
        features = verdict.evidence[0].features
        own = np.zeros(0) if features is None else features
        width = max(width, own.size)
        score = np.nan if verdict.score is None else verdict.score
        found.setdefault(picture.source, []).append((picture.image, score, own, picture.pai_species != ""))
    sources = {}
    for name, rows in found.items():
        images, scores, features_, attack = zip(*rows, strict=True)
        table = np.array([own if own.size else np.full(width, np.nan) for own in features_])
        if any(attack):
            sources[name] = Source(list(images), np.array(scores), table, np.array(attack))
    return sources


def with_references(
    source: Source,
    detector: antispoof.Detector,
    known: int,
    frames: int,
    random: np.random.Generator,
    pool: Callable[[Floats], float] | None = None,
    changed: dict[str, Any] | None = None,
) -> float:
    """Earlier captures of the person, drawn from the source, and frames pooled by the bundle's rule.

    Args:
        source: where they are from.
        detector: who judges.
        known: references.
        frames: of each presentation.
        random: draws them.
        pool: how the ratios of frames become one, where it is not the bundle's rule.
        changed: what is different in the bundle's rule for references.
    """
    metadata = detector.bundle.metadata
    plain = default_threshold(metadata)
    rule = reference_rule(metadata).model_copy(update=changed) if known else None
    pool = pool or metadata.pooling or UNFITTED
    results = []
    for _ in range(DRAWS):
        usable = random.permutation(source.usable(source.people))
        chosen, rest = usable[:known], np.setdiff1d(source.people, usable[:known])
        # As the detector does: what is judged an attack even at the lowest threshold is left out.
        counted = chosen if rule is None else chosen[source.scores[chosen] >= plain - rule.lowest]
        tones = None if rule is None else rule.tone(source.features[counted])

        def threshold(index: Any, rule: Any = rule, counted: Indices = counted, tones: Any = tones) -> float:
            if rule is None or not counted.size:
                return plain
            features = np.atleast_2d(source.features[index]).mean(axis=0)
            if np.isnan(features).any():
                return plain
            return float(rule.threshold(source.scores[counted], tones, rule.tone(features), plain))

        if frames == 1:

            def each(those: Indices, threshold: Any = threshold) -> Floats:
                return np.array([threshold(i) for i in those])

            results.append(source.errors(rest, each))
            continue
        wrong = []
        for among, is_person in ((rest, True), (source.attacks, False)):
            among = source.usable(among)
            drawn = [random.choice(among, min(frames, among.size), replace=False) for _ in range(BURSTS)]
            passed = [pool(source.scores[burst]) >= threshold(burst) for burst in drawn]
            wrong.append(1 - np.mean(passed) if is_person else np.mean(passed))
        results.append(float(np.mean(wrong)))
    return float(np.mean(results))


def at_site(
    source: Source, detector: antispoof.Detector, consecutive: bool, random: np.random.Generator
) -> float:
    """Site calibration from 20 captures of the source; fewer where it has fewer than 25."""
    metadata = detector.bundle.metadata
    enrolled = min(ENROLLED, source.people.size - 5)
    starts = np.linspace(0, source.people.size - enrolled, SITE_DRAWS).astype(int)
    results = []
    for start in starts:
        chosen = source.people[start : start + enrolled]
        if not consecutive:
            chosen = random.permutation(source.people)[:enrolled]
        site = learn_site(detector, [source.images[i] for i in chosen])
        moved = detector.calibrated(site).operating_point
        shipped = detector.operating_point

        def threshold(those: Indices, site: Any = site, moved: Any = moved, shipped: Any = shipped) -> Floats:
            return np.array(
                [
                    moved.threshold
                    if np.isnan(source.features[i]).any()
                    else site.moved(shipped, metadata, source.features[i]).threshold
                    for i in those
                ]
            )

        results.append(source.errors(np.setdiff1d(source.people, chosen), threshold))
    return float(np.mean(results))


def after_traffic(
    source: Source,
    detector: antispoof.Detector,
    share: float,
    random: np.random.Generator,
    at_least: float = 0.0,
) -> float:
    """Unlabelled traffic drawn from half of the people and half of the attacks; judged on the others."""
    metadata = detector.bundle.metadata
    plain, rule = default_threshold(metadata), traffic_rule(metadata)
    results = []
    for _ in range(DRAWS):
        people = random.permutation(source.usable(source.people))
        seen, rest = people[: people.size // 2], np.setdiff1d(source.people, people[: people.size // 2])
        attacks = random.permutation(source.usable(source.attacks))
        count = round(TRAFFIC * share)
        drawn = np.concatenate(
            [random.choice(seen, TRAFFIC - count), random.choice(attacks[: attacks.size // 2], count)]
        )
        moved = plain + rule.shift(source.scores[drawn], plain, at_least)

        def everywhere(those: Indices, moved: float = moved) -> Floats:
            return np.full(those.size, moved)

        results.append(source.errors(rest, everywhere))
    return float(np.mean(results))


def mixed(source: Source, detector: antispoof.Detector, attacks: int, random: np.random.Generator) -> float:
    """Share of bursts that pass though so many of their frames are of attacks, by their ratios alone."""
    metadata = detector.bundle.metadata
    pool, plain = metadata.pooling or UNFITTED, default_threshold(metadata)
    people, others = source.usable(source.people), source.usable(source.attacks)
    passed = [
        pool(source.scores[np.append(random.choice(people, FRAMES - attacks, False), drawn)]) >= plain
        for drawn in (random.choice(others, attacks, False) for _ in range(BURSTS))
    ]
    return float(np.mean(passed))


def best_not_below(source: Source, threshold: float) -> float:
    """Half total error rate at the best threshold from that one to the farthest that traffic may raise it."""

    def errors(at: float) -> float:
        return source.errors(source.people, lambda those: np.full(those.size, at))

    return min(map(errors, (threshold + np.linspace(0, RAISED_AT_MOST, 31)).tolist()))


def attempts(detector: antispoof.Detector) -> dict[str, Callable[[Source, np.random.Generator], float]]:
    """What else was tried: rules that are no better, or better at one figure and worse at another."""

    def third(ratios: Floats) -> float:
        return float(min(ratios.mean(), np.sort(ratios)[(ratios.size - 1) // 3]))

    def lower_half(ratios: Floats) -> float:
        return float(np.sort(ratios)[: (ratios.size + 1) // 2].mean())

    def not_above_the_least(ratios: Floats) -> float:
        return min((metadata.pooling or UNFITTED)(ratios), float(ratios.min()) + LEAST_SLACK)

    def with_rule(known: int, **changed: Any) -> Callable[[Source, np.random.Generator], float]:
        return lambda s, r: with_references(s, detector, known, 1, r, changed=changed)

    def pooled(pool: Callable[[Floats], float]) -> Callable[[Source, np.random.Generator], float]:
        return lambda s, r: with_references(s, detector, 0, FRAMES, r, pool)

    metadata = detector.bundle.metadata
    rule, plain = reference_rule(metadata), default_threshold(metadata)
    typical = plain if metadata.site is None else metadata.site.bona_fide_score
    half = rule.follow / 2
    return {
        f"{FRAMES} frames, at most the lower third": pooled(third),
        f"{FRAMES} frames, mean of the lower half": pooled(lower_half),
        f"{FRAMES} frames, at most the least and {LEAST_SLACK}": pooled(not_above_the_least),
        "traffic, whoever knows the labels": lambda s, _: best_not_below(s, plain),
        "one reference, followed like many": with_rule(1, prior_references=0),
        "one reference, its score alone": with_rule(
            1, directions=[], prior_references=0, offset=plain - rule.follow * typical
        ),
        "one reference, half of its score": with_rule(
            1, directions=[], prior_references=0, follow=half, offset=plain - half * typical
        ),
        # ln 1.5: an attack that passes is as bad as one and a half people turned away
        "three references, attacks weigh more": with_rule(3, offset=rule.offset + 0.4),
    }


def plot(found: dict[str, Any], path: Path) -> None:
    """Every row of the table: the mean over sources, its interval, and the sources."""
    from matplotlib.figure import Figure

    rows = list(found.items())[::-1]
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    for height, (_, row) in enumerate(rows):
        own = 100 * np.array(list(row["by_source"].values()))
        axes.plot(own, np.full(own.size, height), "o", color="0.75", markersize=4)
        axes.plot(100 * np.array([row["low"], row["high"]]), [height, height], "C0-", linewidth=2)
        axes.plot(100 * row["mean"], height, "C0D")
    axes.set_yticks(range(len(rows)), [title for title, _ in rows])
    axes.set(xlabel="HTER %: mean and 95 % interval over sources; grey: each source", xlim=(0, None))
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--bundle", help="another bundle than the shipped one")
    parser.add_argument("--newest", nargs="*", default=["collected-13", "collected-14", "collected-15"])
    parser.add_argument("--attempts", action="store_true", help="measure what else was tried, too")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--plot", type=Path, help="draw them, SVG or PNG")
    arguments = parser.parse_args()
    console = Console(width=120)
    detector = antispoof.load(arguments.bundle or default_bundle("face_rgb"))
    metadata = detector.bundle.metadata
    sources = read_sources(detector, arguments.data)
    for name in ("pooling", "reference", "traffic"):
        if getattr(metadata, name) is None:
            console.print(f"{metadata.name} states no rule for {name}: the cautious default is measured")

    rows: dict[str, Callable[[Source, np.random.Generator], float]] = {
        "one picture": lambda s, r: with_references(s, detector, 0, 1, r),
        f"{FRAMES} frames": lambda s, r: with_references(s, detector, 0, FRAMES, r),
        "one reference": lambda s, r: with_references(s, detector, 1, 1, r),
        "three references": lambda s, r: with_references(s, detector, 3, 1, r),
        f"three references, {FRAMES} frames": lambda s, r: with_references(s, detector, 3, FRAMES, r),
        f"{ENROLLED} site captures, random": lambda s, r: at_site(s, detector, False, r),
        f"{ENROLLED} site captures, consecutive": lambda s, r: at_site(s, detector, True, r),
        "unlabelled traffic": lambda s, r: after_traffic(s, detector, 0.0, r),
        "unlabelled traffic, 30 % attacks": lambda s, r: after_traffic(s, detector, 0.3, r),
        "traffic that may lower": lambda s, r: after_traffic(s, detector, 0.0, r, -np.inf),
        "traffic that may lower, 30 % attacks": lambda s, r: after_traffic(s, detector, 0.3, r, -np.inf),
    }
    known = list(rows)
    if arguments.attempts:
        rows |= attempts(detector)
    found: dict[str, Any] = {"bundle": metadata.sha256, "hter": {}}
    table = Table(
        "what is known", "HTER % (95 %)", "others %", "newest %", "worst source", title=metadata.name
    )
    for title, measure in rows.items():
        try:
            own = {
                name: measure(source, np.random.default_rng(0))
                for name, source in track(sources.items(), title, transient=True)
            }
        except (BundleError, InputError) as error:
            console.print(f"{title}: {error}")
            continue
        values = np.array(list(own.values()))

        def mean(times: NDArray[np.int32], values: Floats = values) -> list[float]:
            return [float(times @ values / times.sum())]

        (interval,) = percentile_interval(bootstrap(mean, values.size, resamples=2000))
        newest = float(np.mean([own[name] for name in arguments.newest if name in own] or [np.nan]))
        worst = max(own, key=own.__getitem__)
        found["hter"][title] = {
            "mean": float(values.mean()),
            "low": interval.low,
            "high": interval.high,
            "newest": newest,
            "by_source": own,
        }
        table.add_row(
            title,
            f"{percent(float(values.mean()))} ({percent(interval.low)}–{percent(interval.high)})",
            percent(float(np.mean([error for name, error in own.items() if name not in arguments.newest]))),
            percent(newest),
            f"{worst.removeprefix('collected-')} {percent(own[worst])}",
        )
    console.print(table)
    for attacks in (1, 2):
        passed = [mixed(source, detector, attacks, np.random.default_rng(0)) for source in sources.values()]
        said = percent(float(np.mean(passed)))
        console.print(
            f"bursts of {FRAMES - attacks} bona fide frames and {attacks} of attacks: {said} % pass"
        )
    before = found["hter"]["one picture"]["by_source"]
    perfect = [name for name, error in before.items() if error == 0]
    for title in [title for title in found["hter"] if "site" in title or "traffic" in title]:
        after = {name: found["hter"][title]["by_source"][name] for name in perfect}
        hit = max(after, key=after.__getitem__, default="")
        said = f"{percent(after[hit])} ({hit.removeprefix('collected-')})" if hit else "–"
        console.print(f"{title}: worst of {len(perfect)} sources that were perfect before: {said}")
    if arguments.plot:
        plot({title: row for title, row in found["hter"].items() if title in known}, arguments.plot)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
