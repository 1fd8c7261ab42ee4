"""Which cues should have a say, and how much: tried on the SIMULATED clips that calibrate, without any other.

    antispoof cues measure taught/manifest.csv injected/manifest.csv --out taught.jsonl
    python benchmarks/video.py --clips taught/manifest.csv --injected injected/manifest.csv --json video.json
    python benchmarks/cue_say.py video.json taught.jsonl [--rules FOLDER]

Takes what single frames say of the clips of dev, and adds the ratio of one cue after the other within bounds.
Prints equal error rates of attacks before the camera and of injected streams, and attacks of each group that
pass at BPCER 5 %: a cue that lets more of any group pass than single frames do should have no say.
``--rules`` are those that ``antispoof cues fit`` wrote; those that ship otherwise.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antispoof.evaluation.metrics import apcer, d_eer, threshold_at_bpcer
from antispoof.runtime.cues import CueRule, read_rule, shipped_rules
from antispoof.scores.calibration import calibrate
from antispoof.training.cue_rules.measuring import MeasuredClip, read_measured

GROUPS = ("print", "mask", "replay", "inject")
BOUNDS = ((0.0, 0.0), (-1.5, 0.0), (-3.0, 0.0), (-5.0, 0.0), (-3.0, 0.5))
Scores = NDArray[np.float64]


def ratios(rule: CueRule, clips: list[MeasuredClip]) -> Scores:
    """What a rule says without bounds; 0 where it could not measure or knows nothing of the like."""
    out = np.zeros(len(clips))
    for number, clip in enumerate(clips):
        found = clip.cues.get(rule.cue)
        if isinstance(found, np.ndarray) and rule.knows(found[np.newaxis])[0]:
            out[number] = calibrate(rule.raw(found[np.newaxis]), rule.calibration)[0]
    return out


def row(scores: Scores, kinds: NDArray[np.object_]) -> list[float]:
    """Equal error rates of attacks and of streams, then what passes of each group, all in %."""
    live = scores[kinds == ""]
    limit = threshold_at_bpcer(live, 0.05)
    streams = np.array([kind.startswith("inject") for kind in kinds])
    found = [d_eer(live, scores[~streams & (kinds != "")]).value, d_eer(live, scores[streams]).value]
    for group in GROUPS:
        own = scores[[kind.startswith(group) for kind in kinds]]
        found.append(apcer(own, limit) if len(own) else float("nan"))
    return [100 * value for value in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", type=Path, help="JSON of benchmarks/video.py")
    parser.add_argument("measured", type=Path, help="of antispoof cues measure")
    parser.add_argument("--rules", type=Path, help="folder of rules")
    given = parser.parse_args()
    document = json.loads(given.video.read_text(encoding="utf-8"))
    alone = {one["id"]: one["alone"] for part in document.values() for one in part["rows"]}
    clips = [clip for clip in read_measured(given.measured) if clip.partition == "dev" and clip.id in alone]
    kinds = np.array([clip.pai_species or "" for clip in clips], object)
    frames = np.array([-99.0 if alone[clip.id] is None else alone[clip.id] for clip in clips])
    rules = shipped_rules()
    if given.rules:
        rules = {path.stem: read_rule(path) for path in sorted(given.rules.glob("*.json"))}
    print(f"SIMULATED, dev: {(kinds == '').sum()} bona fide clips, {(kinds != '').sum()} attacks and streams")
    print(f"{'':34}EER attacks, streams; pass at BPCER 5 %: {', '.join(GROUPS)}")
    for name, rule in rules.items():
        said = ratios(rule, clips)
        if not said.any():
            continue
        for low, high in BOUNDS:
            told = row(frames + np.clip(said, low, high), kinds)
            print(f"{name:14} {low:+.1f} to {high:+.1f}    " + "  ".join(f"{value:5.1f}" for value in told))


if __name__ == "__main__":
    main()
