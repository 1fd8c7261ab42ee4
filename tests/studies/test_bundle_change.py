"""One bundle in the place of another: which verdicts change, and how a site calibration goes along."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from miniature import metadata, network

import antispoof
from antispoof.errors import InputError
from antispoof.evaluation.text import Labels
from antispoof.runtime.bundle import read_bundle
from antispoof.runtime.verdict import OperatingPoint
from antispoof.sites.carry_over import carry_over
from antispoof.studies.bundle_change import OUTCOMES, Judged, compare_verdicts

OLD, NEW = metadata(sha256="a" * 64), metadata(sha256="b" * 64, name="new", version="2")


def point(threshold: float) -> OperatingPoint:
    return OperatingPoint("balanced", threshold, "given", "test")


score = st.one_of(st.just(float("nan")), st.floats(-5, 5))


@given(
    st.lists(
        st.tuples(score, score, st.sampled_from(["", "print", "replay"]), st.sampled_from("ab")), min_size=1
    ),
    st.floats(-3, 3),
)
def test_every_verdict_is_counted_where_it_belongs(rows: list[Any], threshold: float) -> None:
    old, new, species, camera = zip(*rows, strict=True)

    def outcome(value: float, at: float) -> str:
        return "non_response" if value != value else "bona_fide" if value >= at else "attack"

    result = compare_verdicts(
        Judged.at(OLD, point(0.5), np.array(old)),
        Judged.at(NEW, point(threshold), np.array(new)),
        np.array([f"p{n}" for n in range(len(rows))], object),
        species=Labels.encode(species),
        attributes={"camera": Labels.encode(camera)},
    )
    pairs = [(outcome(a, 0.5), outcome(b, threshold)) for a, b in zip(old, new, strict=True)]
    assert result.counts.sum() == len(rows)
    for (before, after), count in Counter(pairs).items():
        assert result.counts[OUTCOMES.index(before), OUTCOMES.index(after)] == count
    assert result.changed.errors == sum(before != after for before, after in pairs)
    assert result.rows.tolist() == [n for n, (before, after) in enumerate(pairs) if before != after]
    member = {
        "all": lambda n: True,  # noqa: ARG005
        "bona fide": lambda n: not species[n],
        "attacks: print": lambda n: species[n] == "print",
        "attacks, camera = a": lambda n: species[n] and camera[n] == "a",
    }
    for group in result.groups:
        if group.name in member:
            own = [pair for n, pair in enumerate(pairs) if member[group.name](n)]
            assert group.to_reject.trials == len(own)
            assert group.to_reject.errors == own.count(("bona_fide", "attack"))
            assert group.to_pass.errors == own.count(("attack", "bona_fide"))
            assert group.unanswered.errors == sum(b == "non_response" != a for a, b in own)


@settings(max_examples=25, deadline=None)
@given(
    slope=st.floats(0.2, 3),
    offset=st.floats(-5, 5),
    shift=st.floats(-1.5, 1.5),
    prior=st.floats(0, 5),
    old_file=st.booleans(),
)
def test_a_site_goes_along_with_a_straight_line(
    slope: float, offset: float, shift: float, prior: float, old_file: bool
) -> None:
    """Where one score is a line of the other, the site means what captures would have taught."""
    typical = 3.0 + shift * (20 + 2) / 20  # by the rule of the old bundle
    site = made_site(shift, None if old_file else typical)
    old = np.random.default_rng(0).normal(typical, 2.0, 300)
    old[:20] = np.nan
    new = metadata(sha256="b" * 64, site={"bona_fide_score": 1.0, "prior_captures": prior})
    carried = carry_over(site, OLD, new, old, slope * old + offset)
    assert carried.shift == pytest.approx(20 / (20 + prior) * (slope * typical + offset - 1.0), abs=1e-6)
    assert carried.bundle_sha256 == new.sha256
    low, high = carried.shift_interval
    assert low < carried.shift < high
    carried.check(new)


def made_site(shift: float, typical: float | None, attack: int = 0) -> antispoof.SiteCalibration:
    return antispoof.SiteCalibration(
        bundle="miniature",
        bundle_sha256="a" * 64,
        typical_score=typical,
        shift=shift,
        shift_interval=(shift - 0.3, shift + 0.3),
        bona_fide=25,
        distinct=20,
        attack=attack,
        rejected=0,
        suspicious=(),
        advice=(),
    )


def test_attacks_in_the_traffic_move_a_site_little() -> None:
    random = np.random.default_rng(1)
    people, attacks = random.normal(3, 1, 200), random.normal(-2, 1, 130)
    moved = []
    for old in (people, np.append(people, attacks)):
        new = old + random.normal(0, 0.3, old.size) - 1.5 * (old < 0)  # the new one rejects attacks by more
        moved.append(carry_over(made_site(0, 3.0), OLD, NEW, old, new).shift)
    assert moved[1] == pytest.approx(moved[0], abs=0.1)


def test_what_a_site_cannot_be_carried_over_by() -> None:
    old = np.random.default_rng(0).normal(3, 1, 100)
    for given_site, scores, words in (
        (made_site(0, 3.0), old[:19], "19 presentations were scored by both bundles; .* needs 20"),
        (made_site(0, 8.0), old, r"a person of the site scores \+8.00 .* hardly any .* take traffic"),
        (made_site(0, None, attack=9), old, "rests on attacks too.* antispoof calibrate"),
        (made_site(0, 3.0).model_copy(update={"bundle_sha256": "c" * 64}), old, "belongs to bundle"),
    ):
        with pytest.raises(InputError, match=words):
            carry_over(given_site, OLD, NEW, scores, scores)


@pytest.fixture
def two(make_bundle: Any) -> list[Path]:
    """The bundle in use, and one that scores the same picture a little otherwise."""
    return [make_bundle(), make_bundle("new.onnx", model=network(gain=1.5), name="new", version="2")]


def table(path: Path, header: str, *rows: str) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_two_score_files_are_joined_by_id(two: list[Path], tmp_path: Path, run: Any) -> None:
    old = table(tmp_path / "a.csv", "id,score,pai_species", "x,2,bona_fide", "y,0.4,print", "z,3,bona_fide")
    new = table(tmp_path / "b.csv", "id,score,camera", "z,0,c2", "y,,c1", "x,0.5,c1", "w,1,c1")
    changed = tmp_path / "changed.csv"
    command = ("compare-bundles", *two, "--scores", old, "--scores", new)
    code, out, _ = run(*command, "--json", "--changed", changed, "--allow", "0.5")
    found = json.loads(out)
    assert code == 1  # two of three change
    assert found["verdicts"]["bona_fide"] == {"attack": 1, "bona_fide": 1, "non_response": 0}
    assert found["verdicts"]["attack"]["non_response"] == 1
    assert found["remarks"] == [f"1 presentations of {new} are not in the other file, and left out"]
    assert "attacks: print" in {group["group"] for group in found["groups"]}
    with changed.open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["old_outcome"], row["new_outcome"]) for row in rows] == [
        ("y", "attack", "non_response"),
        ("z", "bona_fide", "attack"),
    ]
    assert (rows[0]["new_score"], rows[0]["pai_species"], rows[1]["camera"]) == ("", "print", "c2")
    assert run(*command, "--at", "strict", "--json", "--allow", "0.9")[0] == 0
    code, out, _ = run(*command)
    assert code == 0
    assert "2 of 3 verdicts change: 66.7 %" in out


def test_outcomes_of_the_files_count_unless_a_threshold_is_named(
    two: list[Path], tmp_path: Path, run: Any
) -> None:
    rows = "x,2,bona_fide", "y,2,attack", "z,,non_response"
    old = table(tmp_path / "a.csv", "id,score,outcome", *rows)
    new = table(tmp_path / "b.csv", "id,score,outcome", "x,2,attack", *rows[1:])
    command = ("compare-bundles", *two, "--scores", old, "--scores", new, "--json")
    assert json.loads(run(*command)[1])["changed"]["errors"] == 1
    assert json.loads(run(*command, "--at", "balanced")[1])["changed"]["errors"] == 0


def test_how_a_presentation_was_judged_is_no_group(two: list[Path], tmp_path: Path, run: Any) -> None:
    """A score file of this project: what belongs to a verdict stays out, rows of other bundles too."""
    sha = [read_bundle(path).metadata.sha256 for path in two]
    header = (
        "id,score,outcome,threshold,bundle,bundle_sha256,error,milliseconds,attribute.camera,status.face_rgb"
    )
    files: list[object] = []
    for place, own in zip("ab", sha, strict=True):
        rows = (
            f"x,2,bona_fide,0.5,b,{own},,1,c1,used",
            f"y,-2,attack,0.5,b,{own}+ffff,,2,c2,used",
            "z,,,,,,decode_failed,3,c2,",
            "v,1,attack,2,voice,ffff,,3,c2,",
        )
        files += ["--scores", table(tmp_path / f"{place}.csv", header, *rows)]
    found = json.loads(run("compare-bundles", *two, *files, "--json")[1])
    assert (found["presentations"], found["verdicts"]["non_response"]["non_response"]) == (3, 1)
    assert [group["group"] for group in found["groups"]] == ["all", "camera = c1", "camera = c2"]
    assert found["remarks"][0].startswith("1 presentations of ")


def test_one_file_holds_both(two: list[Path], tmp_path: Path, run: Any) -> None:
    for columns in ("calibrated.miniature,calibrated.new", "miniature,new", "score.old,score.new"):
        both = table(tmp_path / "both.csv", f"id,{columns},camera", "x,2,-1,a", "y,,3,b", "z,1,1,b")
        code, out, err = run("compare-bundles", *two, "--scores", both, "--json")
        assert code == 0, err
        found = json.loads(out)
        assert found["verdicts"]["bona_fide"]["attack"] == 1
        assert found["verdicts"]["non_response"]["bona_fide"] == 1
        assert [g["group"] for g in found["groups"]] == ["all", "camera = a", "camera = b"]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (("id,score", "x,1"), None, "has no columns 'calibrated.miniature' and 'calibrated.new'"),
        (("id,score", "x,1"), ("id,score", "y,1"), "share no id"),
        (("id,score", "x,1", "x,2"), ("id,score", "x,1"), "appears more than once"),
        (("id,score,outcome", "x,1,yes"), ("id,score", "x,1"), "outcome 'yes': it is one of attack"),
        (("id,score,bundle_sha256", "x,1,ffff"), ("id,score", "x,1"), "holds scores of a bundle ffff"),
        (("id,score.old,score.new", "x,1,high"), None, "could not convert string to float: 'high'"),
    ],
)
def test_files_that_cannot_be_compared(
    two: list[Path], tmp_path: Path, run: Any, first: Any, second: Any, words: str
) -> None:
    files = ["--scores", table(tmp_path / "a.csv", *first)]
    if second:
        files += ["--scores", table(tmp_path / "b.csv", *second)]
    code, _, err = run("compare-bundles", *two, *files)
    assert code == 3
    assert words in err


def test_captures_are_judged_by_both_and_a_site_is_carried_over(
    two: list[Path], close_up: Any, encode: Any, tmp_path: Path, run: Any
) -> None:
    pytest.importorskip("matplotlib")
    folder = tmp_path / "captures"
    for number in range(32):
        path = folder / ("day" if number % 2 else "night") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        tint = np.array([0.8 + 0.01 * number, 1, 0.9])
        path.write_bytes(encode(np.clip(close_up * tint, 0, 255).astype(np.uint8), "PNG"))
    (folder / "day" / "broken.png").write_bytes(b"no picture")
    detectors = [antispoof.load(path) for path in two]
    captures = sorted(path for path in folder.rglob("*.png") if path.stem != "broken")
    site, new_site, plot = tmp_path / "site.json", tmp_path / "new.json", tmp_path / "plot.svg"
    antispoof.write_site(antispoof.learn_site(detectors[0], captures), site)
    command = ("compare-bundles", *two, "--face-rgb", folder)
    code, out, err = run(*command, "--site", site, "--carry-over", new_site, "--json", "--plot", plot)
    assert code == 0, err
    found = json.loads(out)
    assert found["remarks"] == ["1 of 33 files could not be read, and are left out"]
    assert {g["group"] for g in found["groups"]} == {"all", "folder = day", "folder = night"}
    assert plot.read_text().count("<svg") == 1
    carried, learned = antispoof.read_site(new_site), antispoof.learn_site(detectors[1], captures)
    assert carried.shift == pytest.approx(learned.shift, abs=0.05)
    assert found["new"]["operating_point"]["threshold"] == pytest.approx(0.5 + carried.shift)
    again = run(*command, "--site", site, "--new-site", new_site, "--json")[1]
    assert json.loads(again)["verdicts"] == found["verdicts"]
    code, _, err = run(*command, "--site", site)
    assert (code, "name that of NEW too" in err) == (3, True)
    assert run("compare-bundles", *two)[0] == 3
