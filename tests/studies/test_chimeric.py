"""Chimeric pairs: what is put together, and what fusion makes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from antispoof.errors import InputError
from antispoof.evaluation import ScoreSet
from antispoof.studies.chimeric import DEFAULT_RULE, evaluate_chimeric, pair

Run = Callable[..., tuple[int, str, str]]
NAMES = ("face", "voice")


def sensor(name: str, seed: int, gap: float = 2.0, count: int = 600, subjects: int = 30) -> ScoreSet:
    random = np.random.default_rng(seed)
    bona_fide = np.arange(count) % 2 == 0
    return ScoreSet.from_columns(
        [f"{name}-{k}" for k in range(count)],
        random.normal(np.where(bona_fide, gap, -gap), 1.5),
        ["bona_fide" if b else "print" for b in bona_fide],
        subject=[f"{name}{k // 2 % subjects}" for k in range(count)],
        name=name,
    )


def test_pairs_hold_one_person_of_each_sensor() -> None:
    sets = pair(sensor("f", 0), sensor("v", 1), NAMES, pairs=100, seed=3)
    face, voice = sets["face"], sets["voice"]
    assert face.ids.tolist() == voice.ids.tolist()
    kinds = np.array(face.pai_species.decode())
    assert {kind: int((kinds == kind).sum()) for kind in set(kinds)} == {
        "": 100,
        "face only": 100,
        "voice only": 100,
        "both": 100,
    }
    # Where the voice alone is attacked, the face is bona fide, and so on.
    assert (face.scores[kinds == "voice only"] > 0).mean() > 0.8
    assert (voice.scores[kinds == "voice only"] < 0).mean() > 0.8
    assert face.subject is not None
    partners: dict[str, set[str]] = {}
    for people in face.subject.decode():
        one, other = people.split("+")
        partners.setdefault(one, set()).add(other)
    assert all(len(found) == 1 for found in partners.values())
    assert set(face.attributes["chimeric"].decode()) == {"true"}


def test_the_seed_decides() -> None:
    made = [pair(sensor("f", 0), sensor("v", 1), NAMES, pairs=50, seed=seed)["face"] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(made[0].scores, made[1].scores)
    assert (made[0].scores != made[2].scores).any()


def test_the_default_rule_is_better_than_either_sensor() -> None:
    result = evaluate_chimeric(sensor("f", 0), sensor("v", 1), NAMES, pairs=400, resamples=20)
    mine = result.row(DEFAULT_RULE)
    for name in NAMES:
        single = result.row(name)
        assert mine.pooled < single.pooled
        assert mine.eer["both"] < single.eer["both"]
        assert single.eer[f"{'voice' if name == 'face' else 'face'} only"] == pytest.approx(0.5, abs=0.06)
        # With the other sensor missing, the rule is this sensor.
        assert mine.missing["voice" if name == "face" else "face"] == pytest.approx(
            single.eer["both"], abs=0.03
        )
    assert result.and_observed == pytest.approx(result.and_expected, abs=0.02)
    assert min(mine.caught.values()) > 0.6
    assert not result.simulated
    # One sensor that says yes is enough for OR, so fooling one is enough too.
    assert all(result.row("or").caught[kind] < mine.caught[kind] - 0.3 for kind in result.kinds[:2])


def test_on_the_command_line(run: Run, tmp_path: Path) -> None:
    for name, seed in (("f", 0), ("v", 1)):
        sensor(name, seed).write(tmp_path / f"{name}.csv")
    files = (f"face={tmp_path / 'f.csv'}", f"voice={tmp_path / 'v.csv'}")
    code, out, _ = run("chimeric", *files, "--dev-share", 0.5, "--pairs", 200, "--resamples", 10)
    assert code == 0
    assert "D-EER % (chimeric)" in out
    assert "bayesian is below both sensors alone" in out
    code, _, err = run("chimeric", files[0], "--dev-share", 0.5)
    assert code == 3
    assert "Missing argument" in err


def test_what_cannot_be_paired_is_told() -> None:
    only = sensor("f", 0)
    only = only.take(only.is_bona_fide)
    with pytest.raises(InputError, match="need bona fide and attack"):
        pair(only, sensor("v", 1), NAMES, pairs=10, seed=0)
    with pytest.raises(InputError, match="name them apart"):
        evaluate_chimeric(sensor("f", 0), sensor("v", 1), ("a", "a"))
