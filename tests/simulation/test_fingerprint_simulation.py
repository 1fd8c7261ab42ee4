"""Simulated fingerprints: ridges as fingers have them, pairs that differ in what is copied, a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from antispoof.data.manifest import read_manifest
from antispoof.errors import InputError, UnknownNameError
from antispoof.sensing.ridges import find_ridges
from antispoof.simulation.fingerprint.collection import plan_prints, write_prints
from antispoof.simulation.fingerprint.finger import PATTERNS, grow
from antispoof.simulation.fingerprint.instruments import INSTRUMENTS, copied, live
from antispoof.simulation.fingerprint.presentation import PrintSpec, present
from antispoof.simulation.fingerprint.sensors import SENSORS


@pytest.fixture(scope="module")
def finger() -> Any:
    return grow(np.random.default_rng(2))


def test_ridges_are_as_far_apart_as_fingers_have_them(finger: Any) -> None:
    found = find_ridges(((1 - finger.ridges) * 127).astype(np.uint8))
    clear = found.clarity > 0.4
    assert clear.mean() > 0.6
    assert 7.0 < np.median(found.period[clear]) < 11.5  # px at 500 ppi
    assert finger.pattern in PATTERNS


def test_pores_lie_on_ridges(finger: Any) -> None:
    assert finger.ridges[finger.pores > 0.5].mean() > 0.5
    density = (finger.pores > 0.5).sum() / (finger.pores.size * 0.0508**2)
    assert 1 < density < 12  # px of pores a mm²


def test_a_cast_loses_pores_and_a_latent_one_all(finger: Any) -> None:
    pores = finger.pores > 0.5
    skin = live(finger, np.random.default_rng(0))
    assert skin.holes[pores].mean() > 0.1
    seen = {}
    for seed in range(12):
        cast, process, _ = copied(finger, INSTRUMENTS["gelatine"], np.random.default_rng(seed))
        seen.setdefault(process, []).append(float(cast.holes[pores].mean()))
    assert set(seen) == {"consensual", "latent"}
    assert np.mean(seen["latent"]) < np.mean(seen["consensual"]) < 0.75


@pytest.mark.parametrize("instrument", [None, *INSTRUMENTS])
def test_every_instrument_on_a_sensor(instrument: str | None) -> None:
    sensor = list(SENSORS)[[None, *INSTRUMENTS].index(instrument) % len(SENSORS)]
    spec = PrintSpec(1, 0, 5, instrument, sensor, 3)
    picture, about = present(spec)
    assert picture.dtype == np.uint8
    scale = SENSORS[sensor].ppi / 500
    assert picture.shape == tuple(round(side * scale) for side in SENSORS[sensor].size[::-1])
    assert np.array_equal(picture, present(spec)[0])
    assert ("process" in about) == (instrument is not None)


def test_an_attack_is_pressed_like_its_original() -> None:
    specs = plan_prints(4, 6, 5, 5)
    by_place: dict[tuple[int, int], list[PrintSpec]] = {}
    for spec in specs:
        by_place.setdefault((spec.subject, spec.place), []).append(spec)
    assert all(len(pair) == 2 and pair[0].sensor == pair[1].sensor for pair in by_place.values())
    assert {spec.instrument for spec in specs} == {None, *INSTRUMENTS}


def test_a_collection_and_its_manifest(tmp_path: Path, run: Any) -> None:
    out = tmp_path / "prints"
    code, said, _ = run(
        "simulate", "fingerprint", out, "--subjects", "5", "--bona-fide", "1", "--attacks", "1",
        "--seed", "3", "--unseen-sensor", "thermal_sweep", "--workers", "1",
    )  # fmt: skip
    assert code == 0
    assert "10 SIMULATED presentations" in said
    presentations = read_manifest(out / "manifest.csv")
    assert {p.partition for p in presentations} == {"train", "dev", "test"}
    for p in presentations:
        assert p.simulated
        assert (p.attributes["capture_device"] == "thermal_sweep") == (p.partition != "train")
    with pytest.raises(InputError, match="not an empty folder"):
        write_prints(plan_prints(0, 1, 1, 1), out)


def test_what_is_unknown_is_named() -> None:
    with pytest.raises(UnknownNameError, match="gelatin"):
        plan_prints(0, 3, 1, 1, instruments=["gelatin"])
    with pytest.raises(UnknownNameError, match="x-ray"):
        plan_prints(0, 3, 1, 1, unseen=["x-ray"])
    with pytest.raises(InputError, match="subjects"):
        plan_prints(0, 0, 1, 1)
