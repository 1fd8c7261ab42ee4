"""antispoof fuse through the real entry point."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from antispoof.errors import InputError
from antispoof.evaluation import ScoreSet
from antispoof.studies.fused_scores import fuse_scores, read_fusion, split_by_hash

Run = Callable[..., tuple[int, str, str]]


def write(folder: Path, part: str, seed: int, count: int = 400) -> None:
    random = np.random.default_rng(seed)
    bona_fide = np.arange(count) % 2 == 0
    for name, gap in (("face", 1.0), ("voice", 1.2)):
        scores = random.normal(np.where(bona_fide, gap, -gap), 1.0)
        scores[random.random(count) < 0.05] = np.nan
        ScoreSet.from_columns(
            [f"{part}-{k}" for k in range(count)],
            scores,
            ["bona_fide" if b else "print" for b in bona_fide],
            subject=[f"{part}-s{k % 40}" for k in range(count)],
            attributes={"quality": [f"{q:.2f}" for q in random.random(count)]},
            simulated=[True] * count,
        ).write(folder / f"{name}-{part}.csv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "dev", 0)
    write(tmp_path, "test", 1)
    return tmp_path


def test_every_rule_is_compared_with_the_best_system(run: Run, folder: Path) -> None:
    files = (folder / "face-test.csv", folder / "voice-test.csv")
    dev = ("--dev", folder / "face-dev.csv", "--dev", folder / "voice-dev.csv")
    code, out, err = run(
        "fuse", *files, *dev, "--resamples", 60, "--json", folder / "r.json", "--html", folder / "r.html"
    )
    assert (code, err.count("wrote")) == (0, 2)
    for name in ("face-test", "voice-test", "stacking", "bayesian", "and", "rank", "sequential"):
        assert f"\n  {name} " in out
    assert "stacking beats voice-test, the best single system on dev" in out
    assert "(simulated)" in out
    record = json.loads((folder / "r.json").read_text(encoding="utf-8"))
    assert record["baseline"] == "voice-test"
    assert "stacking" in (folder / "r.html").read_text(encoding="utf-8")


def test_one_rule_leaves_its_scores_and_what_was_fitted(run: Run, folder: Path) -> None:
    code, _, err = run(
        "fuse",
        f"face={folder / 'face-test.csv'}",
        f"voice={folder / 'voice-test.csv'}",
        *("--dev-share", 0.5, "--method", "stacking", "--resamples", 0),
        *("--out", folder / "fused.csv", "--save", folder / "fusion.json"),
    )
    assert (code, err.count("wrote")) == (0, 2)
    fused = ScoreSet.read(folder / "fused.csv")
    saved = read_fusion(folder / "fusion.json")
    assert saved.systems == ("face", "voice")
    sets = {name: ScoreSet.read(folder / f"{name}-test.csv") for name in saved.systems}
    rows = {name: split_by_hash(each, 0.5)[1] for name, each in sets.items()}
    quality = {
        name: np.array([float(q) for q in each.attributes["quality"].decode()]) for name, each in rows.items()
    }
    again = saved.fuse(saved.panel({name: each.scores for name, each in rows.items()}, quality))
    np.testing.assert_array_equal(again, fused.scores)
    assert np.isnan(fused.scores).sum() < np.isnan(rows["face"].scores).sum()


def test_the_split_is_by_subject_and_always_the_same(folder: Path) -> None:
    scores = ScoreSet.read(folder / "face-test.csv")
    dev, test = split_by_hash(scores, 0.5)
    assert dev.subject is not None
    assert test.subject is not None
    assert not set(dev.subject.decode()) & set(test.subject.decode())
    shuffled = scores.take(np.random.default_rng(0).permutation(len(scores)))
    assert set(split_by_hash(shuffled, 0.5)[0].ids) == set(dev.ids)
    with pytest.raises(InputError, match="between 0 and 1"):
        split_by_hash(scores, 1.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "two score files or more"),
        (("face-test.csv", "voice-test.csv"), "say what to fit on"),
        (("face-test.csv", "voice-test.csv", "--dev", "face-dev.csv"), "--dev is given 1 times for 2"),
        (
            ("face-test.csv", "voice-test.csv", "--dev-share", "0.5", "--out", "x.csv"),
            "name it with --method",
        ),
        (
            ("face-test.csv", "voice-test.csv", "--dev-share", "0.5", "--method", "stackin"),
            "did you mean 'stacking'",
        ),
        (
            ("face-test.csv", "voice-test.csv", "--dev-share", "0.5", "--calibration", "platt"),
            "unknown calibration",
        ),
        (("and=face-test.csv", "voice-test.csv", "--dev-share", "0.5"), "called 'and' like a fusion rule"),
        (("face-test.csv", "voice-dev.csv", "--dev-share", "0.5"), "same presentations"),
    ],
)
def test_what_cannot_be_fused_is_told(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(folder)
    code, _, err = run("fuse", *arguments)
    assert code == 3
    assert words in err


def test_bad_quality_and_bad_files_are_told(folder: Path) -> None:
    sets = {name: ScoreSet.read(folder / f"{name}-dev.csv") for name in ("face", "voice")}
    bad = ScoreSet.from_columns(
        sets["face"].ids.tolist(),
        sets["face"].scores,
        [label or None for label in sets["face"].pai_species.decode()],
        attributes={"quality": ["good"] * len(sets["face"])},
    )
    with pytest.raises(InputError, match="quality must be a number from 0"):
        fuse_scores({**sets, "face": bad}, {**sets, "face": bad})
    (folder / "fusion.json").write_text('{"rule": "stacking"}', encoding="utf-8")
    with pytest.raises(InputError, match="is no fusion"):
        read_fusion(folder / "fusion.json")
    with pytest.raises(InputError, match="cannot read the fusion"):
        read_fusion(folder / "none.json")
