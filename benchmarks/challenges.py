"""How faint a reflection of the screen the light challenge still finds, on simulated colours.

    python benchmarks/challenges.py
    python benchmarks/challenges.py --rule src/antispoof/bundles/cues/face_light.json

Prints the share of captures that pass, by the screen's share of the light on the face and by the noise of the
face's colour from frame to frame, and how often another person's recording passes. Everything is simulated.
``--rule`` learns from such captures what the numbers of the challenge are worth, and writes the rule of the
cue ``face_light``.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import antispoof
from antispoof.challenges import ShownStep, challenges
from antispoof.challenges.frame import Frame, observe
from antispoof.evaluation.metrics import auc, d_eer
from antispoof.files import write_text
from antispoof.runtime.cues import CueRule
from antispoof.scores.logistic import fit_logistic
from antispoof.sensing.cues import cues
from antispoof.sensing.cues.face_light import reflected

RATE = 8.0
LAG_S = 0.3
BOUNDS = (-1.0, 1.0)  # a print and a mask reflect as well, and a dim screen is no attack
BLANK = observe(np.full((64, 64, 3), 128, np.uint8), 0.0)


def planned(seed: int) -> list[ShownStep]:
    steps = challenges["light"].plan(random.Random(seed))
    return [ShownStep(step, 0.7 * i, 0.7 * (i + 1)) for i, step in enumerate(steps)]


def lit(shown: list[ShownStep], share: float, noise: float, rng: np.random.Generator) -> list[Frame]:
    """Frames of a face whose light comes from the screen to a ``share`` where the screen is white."""
    skin = np.array([0.35, 0.22, 0.16])
    frames = []
    for i in range(int(shown[-1].end_s * RATE)):
        now = i / RATE
        colours = [s.step.arguments["colour"] for s in shown if s.start_s <= now - LAG_S]
        light = [(int(colours[-1][k : k + 2], 16) / 255) ** 2.2 for k in (1, 3, 5)] if colours else [0.0] * 3
        red, green, blue = skin * (1 + share * np.array(light)) * np.exp(rng.normal(0, noise, 3))
        frames.append(replace(BLANK, time_s=now, skin=(red, green, blue), background=(0.2, 0.2, 0.2)))
    return frames


def passes(frames: list[Frame], shown: list[ShownStep]) -> bool:
    return challenges["light"].verify(frames, None, shown).outcome == "passed"


def numbers_of(shown: list[ShownStep], frames: list[Frame]) -> NDArray[np.float64]:
    found = reflected(challenges["light"].verify(frames, None, shown).measurements).features
    assert found is not None
    return found


def captures(seed: int, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Numbers of people before screens of all strengths, and of films that were lit by nothing or something
    else."""
    rng = np.random.default_rng(seed)
    people, films = [], []
    for number in range(count):
        shown = planned(10 * seed * count + number)
        share, noise = (
            np.exp(rng.uniform(np.log(0.003), np.log(0.15))),
            np.exp(rng.uniform(np.log(1e-3), np.log(0.02))),
        )
        people.append(numbers_of(shown, lit(shown, share, noise, rng)))
        before = planned(10 * seed * count + count + number)
        films.append(numbers_of(shown, lit(before, share if number % 2 else 0.0, noise, rng)))
    return np.array(people), np.array(films)


def learn(path: Path) -> None:
    """Fit a logistic rule on 600 captures of each class, and measure it on as many others."""
    people, films = captures(1, 600)
    values = np.concatenate([people, films])
    bona_fide = np.arange(len(values)) < len(people)
    middle, spread = values.mean(axis=0), values.std(axis=0)
    weight, bias = fit_logistic((values - middle) / spread, bona_fide)
    draft = {
        "cue": "face_light",
        "version": "1",
        "description": "Simulated colours of faces before a screen, against films that do not know them.",
        "licence": "Apache-2.0",
        "features": cues["face_light"].features,
        "middle": middle.tolist(),
        "spread": spread.tolist(),
        "layers": [{"weight": [[float(each)] for each in weight], "bias": [float(bias)]}],
        "calibration": {"slope": 1.0, "intercept": 0.0},
        "bounds": BOUNDS,
        "training": {
            "data": [
                {
                    "name": "simulated colours",
                    "licence": "Apache-2.0",
                    "presentations": 1200,
                    "simulated": True,
                }
            ],
            "recipe": "benchmarks/challenges.py --rule",
            "seed": 1,
            "code_version": antispoof.__version__,
        },
        "results": [],
    }
    rule = CueRule.model_validate(draft)
    people, films = (rule.ratio(part) for part in captures(2, 600))
    metrics = {"auc": auc(people, films), "d_eer": d_eer(people, films).value}
    told = {"data": "1200 other captures, SIMULATED", "simulated": True, "metrics": metrics}
    rule = CueRule.model_validate({**draft, "results": [told]})
    write_text(path, rule.model_dump_json(indent=1) + "\n")
    print(f"{path}: AUC {metrics['auc']:.3f}, D-EER {metrics['d_eer']:.3f} on simulated captures held out")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--captures", type=int, default=200)
    parser.add_argument("--rule", type=Path, help="learn the rule of face_light, and write it here")
    given = parser.parse_args()
    if given.rule is not None:
        learn(given.rule)
        return
    count = given.captures
    noises = (0.001, 0.003, 0.01)
    print(f"share of {count} simulated captures that pass, by noise of the colour of the face")
    print("screen's share of the light  " + "".join(f"{noise:>9.1%}" for noise in noises))
    for share in (0.0, 0.01, 0.02, 0.03, 0.05, 0.10):
        row = []
        for noise in noises:
            rng = np.random.default_rng(1)
            plans = [planned(seed) for seed in range(count)]
            row.append(np.mean([passes(lit(shown, share, noise, rng), shown) for shown in plans]))
        print(f"{share:>27.0%}  " + "".join(f"{value:>9.1%}" for value in row))
    rng = np.random.default_rng(2)
    recordings = [lit(planned(10_000 + i), 0.10, 0.003, rng) for i in range(count)]
    passed = np.mean([passes(frames, planned(seed)) for seed, frames in enumerate(recordings)])
    print(f"recordings under another sequence, 10 % of the light: {passed:.1%} pass")


if __name__ == "__main__":
    main()
