"""How faint a reflection of the screen is an answer to the challenge of light, on simulated colours.

    python benchmarks/challenges.py

Prints the share of captures that are an answer, by the screen's share of the light on the face and by the
noise of the face's colour from frame to frame, and how often another person's recording is one. Everything is
simulated.
"""

from __future__ import annotations

import argparse

import numpy as np

from antispoof.challenges import ShownStep, challenges
from antispoof.challenges.frame import Frame
from antispoof.runtime.cues import answers
from antispoof.sensing.cues.face_light import reflected
from antispoof.training.cue_rules.answers import lit, planned_light


def answered(frames: list[Frame], shown: list[ShownStep]) -> bool:
    result = challenges["light"].verify(frames, None, shown)
    return result.outcome == "measured" and answers(reflected(result.measurements))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--captures", type=int, default=200)
    given = parser.parse_args()
    count = given.captures
    noises = (0.001, 0.003, 0.01)
    print(f"share of {count} simulated captures that are an answer, by noise of the colour of the face")
    print("screen's share of the light  " + "".join(f"{noise:>9.1%}" for noise in noises))
    for share in (0.0, 0.01, 0.02, 0.03, 0.05, 0.10):
        row = []
        for noise in noises:
            rng = np.random.default_rng(1)
            plans = [planned_light(seed) for seed in range(count)]
            row.append(np.mean([answered(lit(shown, share, noise, rng), shown) for shown in plans]))
        print(f"{share:>27.0%}  " + "".join(f"{value:>9.1%}" for value in row))
    rng = np.random.default_rng(2)
    recordings = [lit(planned_light(10_000 + i), 0.10, 0.003, rng) for i in range(count)]
    passed = np.mean([answered(frames, planned_light(seed)) for seed, frames in enumerate(recordings)])
    print(f"recordings under another sequence, 10 % of the light: {passed:.1%} are one")


if __name__ == "__main__":
    main()
