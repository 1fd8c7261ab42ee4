"""How faint a reflection of the screen the light challenge still finds, on simulated colours.

    python benchmarks/challenges.py

Prints the share of captures that pass, by the screen's share of the light on the face and by the noise of the
face's colour from frame to frame, and how often another person's recording passes. Everything is simulated.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import replace

import numpy as np

from antispoof.challenges import ShownStep, challenges
from antispoof.challenges.frame import Frame, observe

RATE = 8.0
LAG_S = 0.3
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--captures", type=int, default=200)
    count = parser.parse_args().captures
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
