"""What the shipped bundles say of simulated presentations: moving code moves no score.

`python tests/golden/test_shipped_scores.py` records them anew, for a change that means to.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from spoken import spoken

import antispoof
from antispoof.sensing.capture import Sample
from antispoof.simulation.fingerprint.collection import plan_prints
from antispoof.simulation.fingerprint.presentation import present
from antispoof.simulation.fingerprint.sensors import SENSORS as FINGERPRINT_SENSORS
from antispoof.simulation.iris.instruments import iris_instruments
from antispoof.simulation.iris.presentations import simulate_iris
from antispoof.simulation.scene.instruments import INSTRUMENTS
from antispoof.simulation.scene.light import LIGHTING
from antispoof.simulation.scene.render import SceneSpec, render_scene
from antispoof.simulation.scene.sensors import SUITES

RECORDED = Path(__file__).with_name("shipped_scores.json")
BUNDLES = (
    *("face-manipulation", "face-multispectral", "face-rgb", "face-rgb-edge"),
    *("fingerprint-edge", "iris-edge", "voice-edge"),
)
# In 8-bit integers the last digit of a sum decides which of two steps a value falls on.
TOLERANCES = {"face-rgb": 0.05}
KINDS = (None, *sorted(INSTRUMENTS))


def scenes() -> list[SceneSpec]:
    """The 22 scenes: every kind of presentation, sensor suite and lighting occurs."""
    suites, lighting = sorted(SUITES), sorted(LIGHTING)
    return [
        SceneSpec(
            seed=20261128,
            subject=index,
            index=index,
            instrument=KINDS[index % len(KINDS)],
            suite=suites[index % len(suites)],
            lighting=lighting[index % len(lighting)],
        )
        for index in range(22)
    ]


def voices() -> list[NDArray[np.float32]]:
    """Six recordings of a formant synthesiser, float32, (N,), 16 kHz."""
    return [spoken(seed, pitch_hz=105 + 12 * seed, fall=0.2 * seed) for seed in range(6)]


def irises() -> list[NDArray[np.uint8]]:
    """Ten eyes and instruments before an iris sensor."""
    kinds = (None, *iris_instruments)
    return [simulate_iris(7, k, 0, kind, "handheld_pair").picture for k, kind in enumerate(kinds)]


def scores() -> dict[str, list[float | None]]:
    """Bundle → its score of each presentation, None where it gives none."""
    seams, several, default, edge, finger, iris, voice = (antispoof.load(name) for name in BUNDLES)
    found: dict[str, list[float | None]] = {name: [] for name in BUNDLES}
    for spec in scenes():
        capture = render_scene(spec)
        found["face-manipulation"].append(seams.check(face_rgb=capture["face_rgb"]).score)
        found["face-multispectral"].append(several.check(**capture).score)
        found["face-rgb"].append(default.check(face_rgb=capture["face_rgb"]).score)
        found["face-rgb-edge"].append(edge.check(face_rgb=capture["face_rgb"]).score)
    for picture in irises():
        found["iris-edge"].append(iris.check(iris=picture).score)
    for sound in voices():
        found["voice-edge"].append(voice.check(voice=Sample(sound, {"sample_rate": 16000})).score)
    for spec in plan_prints(20261128, 2, 2, 2):
        ppi = FINGERPRINT_SENSORS[spec.sensor].ppi
        found["fingerprint-edge"].append(
            finger.check(fingerprint=Sample(present(spec)[0], {"ppi": ppi})).score
        )
    return found


def test_scores_are_those_recorded() -> None:
    recorded = json.loads(RECORDED.read_text())
    found = scores()
    assert found.keys() == recorded.keys()
    for bundle, expected in recorded.items():
        assert found[bundle] == [
            None if score is None else pytest.approx(score, abs=TOLERANCES.get(bundle, 1e-6))
            for score in expected
        ]


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(scores(), indent=1) + "\n")
