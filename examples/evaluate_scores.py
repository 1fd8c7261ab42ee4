"""Score files, what they are worth, and a report, from Python.

    python examples/evaluate_scores.py report

The scores are SIMULATED: two made-up detectors, presentations of 60 made-up people. Every report says so.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from antispoof.evaluation import ScoreSet, compare, evaluate
from antispoof.evaluation.provenance import Provenance
from antispoof.evaluation.report import comparison_page, evaluation_page

SPECIES = {"print": (-2.5, 300), "replay": (-2.0, 300), "silicone mask": (-0.2, 60)}
"""Mean log-likelihood ratio and number of presentations of each simulated attack."""


def simulate(seed: int, first_subject: int, skill: float) -> ScoreSet:
    """Draw the scores of a detector on 900 bona fide presentations and the attacks of SPECIES."""
    random = np.random.default_rng(seed)
    species = ["bona_fide"] * 900 + [name for name, (_, count) in SPECIES.items() for _ in range(count)]
    mean = np.array([2.5] * 900 + [mean for mean, count in SPECIES.values() for _ in range(count)])
    subject = random.integers(0, 30, len(species))
    habit = random.normal(0, 0.7, 30)[subject]  # presentations of one person resemble each other
    noise = np.random.default_rng(seed + round(100 * skill)).normal(0, 1.3, len(species))
    scores = skill * mean + habit + noise
    scores[random.random(len(scores)) < 0.004] = np.nan  # a few get no response
    return ScoreSet.from_columns(
        ids=[f"{seed}-{k:04}" for k in range(len(species))],
        scores=scores.round(4),
        pai_species=species,
        subject=[f"s{first_subject + s:02}" for s in subject],
        attributes={"age_group": ["18-39" if s % 3 else "40-69" for s in subject]},
        simulated=[True] * len(species),
        name="simulated detector",
    )


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    dev, test = simulate(1, 0, skill=1.0), simulate(2, 30, skill=1.0)
    dev_weaker, test_weaker = simulate(1, 0, skill=0.7), simulate(2, 30, skill=0.7)
    for name, scores in {
        "dev": dev,
        "test": test,
        "weaker-dev": dev_weaker,
        "weaker-test": test_weaker,
    }.items():
        scores.write(folder / f"{name}.csv")

    result = evaluate(test, dev=dev, at="APCER<=5%")
    worst = result.worst
    assert worst is not None
    point = result.operating_point
    print(f"threshold {point.threshold:.3f} ({point.rule} on dev), simulated data")
    print(f"  {worst.name}: APCER {worst.errors.value:.2%}; {worst.errors.in_words('passed')}")
    bpcer = result.figures["bpcer"]
    print(f"  BPCER {bpcer.value:.2%}, 95 % by subject {bpcer.interval.low:.2%} to {bpcer.interval.high:.2%}")
    (folder / "evaluation.html").write_text(evaluation_page(result, Provenance()), encoding="utf-8")

    both = compare(
        {"stronger": test, "weaker": test_weaker},
        dev={"stronger": dev, "weaker": dev_weaker},
        at="APCER<=5%",
    )
    gap = both.systems[1].differences["d_eer"]
    print(
        f"  weaker − stronger, D-EER: {100 * gap.value:+.2f} points, 95 % {100 * gap.interval.low:+.2f} to "
        f"{100 * gap.interval.high:+.2f}"
    )
    (folder / "comparison.html").write_text(comparison_page(both, Provenance()), encoding="utf-8")
    print(f"wrote {folder / 'evaluation.html'} and {folder / 'comparison.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "report"))
