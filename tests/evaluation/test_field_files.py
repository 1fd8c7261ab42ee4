"""Score files of others: recognised by their content, or by what is said of their columns."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from antispoof.cli.every import app
from antispoof.columns import parse_columns
from antispoof.errors import InputError
from antispoof.evaluation import ScoreSet

Row = tuple[int, float, bool]
ROWS: list[Row] = [(k, round((k % 7) - 3.25, 2), k % 2 == 1) for k in range(20)]


def lines(form: Callable[[int, float, bool], str], header: str = "") -> str:
    return "\n".join([*filter(None, [header]), *(form(*row) for row in ROWS)])


def key(genuine: bool) -> str:
    return "bonafide" if genuine else "spoof"


def comma(score: float) -> str:
    return str(score).replace(".", ",")


# name → (text, kind of attack, whether the sign is changed, what the line of output says)
FILES: dict[str, tuple[str, str, bool, str]] = {
    "asvspoof 2019 scores": (
        lines(lambda k, s, g: f"LA_E_{k} {'-' if g else 'A07'} {key(g)} {s}"),
        "A07",
        False,
        "ASVspoof",
    ),
    "scores with A00": (
        lines(lambda k, s, g: f"u{k} {'A00' if g else 'A19'} {key(g)} {s}"),
        "A19",
        False,
        "ASVspoof",
    ),
    "livdet": (
        lines(lambda _, s, g: f"{int(not g)},{s},{'live' if g else 'contact lens'}"),
        "contact lens",
        True,
        "LivDet",
    ),
    "livdet of the live": (
        lines(lambda _, s, g: f"{int(g)}.0,{s},{'real' if g else 'morph'}"),
        "morph",
        False,
        "LivDet",
    ),
    "bob's four": (
        lines(lambda k, s, g: f"7 {7 if g else 'attack/print'} real/{k} {s}"),
        "print",
        False,
        "bob's four",
    ),
    "bob's five": (
        lines(lambda k, s, g: f"7 7 {7 if g else 'mask'} real/{k} {s}"),
        "mask",
        False,
        "bob's five",
    ),
    "bob's table": (
        lines(
            lambda k, s, g: f"7,real/{k},{g},{'' if g else 'print'},{s}",
            "claimed_id,test_label,is_bonafide,attack_type,score",
        ),
        "print",
        False,
        "kind of attack = 'attack_type'",
    ),
    "deepfakebench": (
        lines(lambda k, s, g: f"FF/{k}.png,{int(not g)},{s}", "image,label,pred"),
        "unspecified",
        True,
        "DeepfakeBench",
    ),
    "a table of fakes": (
        lines(lambda k, s, g: f"{k}.png;{comma(s)};{'real' if g else 'fake'}", "path;prob_fake;class"),
        "fake",
        True,
        "its sign changed",
    ),
    "a stated column": (
        lines(lambda k, s, g: f"{k},{s},{int(not g)}", "file,live_score,is_spoof"),
        "unspecified",
        False,
        "is_spoof",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_field_is_recognised_by_its_content(tmp_path: Path, name: str) -> None:
    text, kind, negated, said = FILES[name]
    path = tmp_path / "scores.txt"
    path.write_text(text, encoding="utf-8")
    scores = ScoreSet.read(path)
    assert scores.is_bona_fide.tolist() == [genuine for _, _, genuine in ROWS]
    assert scores.pai_species.names == (kind,)
    assert scores.scores.tolist() == [-s if negated else s for _, s, _ in ROWS]
    assert said in scores.read_as


PROTOCOLS = {
    "2019": lambda k, g: f"LA_01 u{k} - {'-' if g else 'A07'} {key(g)}",
    "2021": lambda k, g: (
        f"LA_01 u{k} alaw ita {'bonafide' if g else 'A07'} {key(g)} notrim {'progress' if k < 4 else 'eval'}"
    ),
    "2021 df": lambda k, g: (
        f"LA_01 u{k} nocodec vcc {'-' if g else 'A07'} {key(g)} notrim eval neural a - - -"
    ),
    "5": lambda k, g: f"E_01 u{k} F - - - AC1 {'bonafide' if g else 'A07'} {key(g)} -",
}


@pytest.mark.parametrize("edition", PROTOCOLS)
@pytest.mark.parametrize("ids", ["u{}", "flac/u{}.flac"])
def test_scores_are_joined_with_the_list_that_has_the_labels(tmp_path: Path, edition: str, ids: str) -> None:
    shuffled = ROWS[:]
    random.Random(0).shuffle(shuffled)
    (tmp_path / "s.txt").write_text("\n".join(f"{ids.format(k)} {s}" for k, s, _ in shuffled))
    (tmp_path / "p.txt").write_text("\n".join(PROTOCOLS[edition](k, g) for k, _, g in ROWS))
    (tmp_path / "dev.txt").write_text("LA_01 other - - bonafide\n")
    scores = ScoreSet.read(tmp_path / "s.txt", protocols=[tmp_path / "dev.txt", tmp_path / "p.txt"])
    kept = [row for row in shuffled if edition != "2021" or row[0] >= 4]
    assert scores.is_bona_fide.tolist() == [g for _, _, g in kept]
    assert scores.scores.tolist() == [s for _, s, _ in kept]
    assert scores.pai_species.names == ("A07",)
    assert scores.subject is not None
    assert ("left out: 4 of progress" in " ".join(scores.cautions)) == (edition == "2021")


def test_what_the_list_does_not_know_is_refused_and_what_has_no_score_is_told(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("\n".join(PROTOCOLS["2019"](k, g) for k, _, g in ROWS))
    (tmp_path / "s.txt").write_text("\n".join(f"u{k} {s}" for k, s, _ in ROWS[:15]))
    scores = ScoreSet.read(tmp_path / "s.txt", protocols=[tmp_path / "p.txt"])
    assert "5 of 20 presentations in p.txt have no score" in scores.cautions[0]
    (tmp_path / "s.txt").write_text("u1 0.5\nx9 1\nx10 1\n")
    with pytest.raises(
        InputError, match=r"2 of 3 scored presentations are not in .*p\.txt, the first is 'x9'"
    ):
        ScoreSet.read(tmp_path / "s.txt", protocols=[tmp_path / "p.txt"])
    with pytest.raises(InputError, match=r"no column of labels .*--protocol"):
        ScoreSet.read(tmp_path / "s.txt")


def test_columns_are_taken_as_somebody_says(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text(lines(lambda k, s, g: f"u{k},{s},{int(g)},x", "utt,cm,key,note"))
    for said in ("id=utt,score=-cm,label=key", "id=1, score=-2, pai_species=3"):
        scores = ScoreSet.read(path, columns=parse_columns(said), bona_fide="1.0")
        assert scores.scores.tolist() == [-s for _, s, _ in ROWS]
        assert scores.is_bona_fide.tolist() == [g for _, _, g in ROWS]
        assert scores.labels("note").names == ("x",)
    with pytest.raises(InputError, match=r"no column 'cmm' to take as score; .*did you mean 'cm'"):
        ScoreSet.read(path, columns=parse_columns("id=utt,score=cmm,label=key"))
    with pytest.raises(InputError, match=r"key holds '0' in 10, '1' in 10.*--bona-fide 0"):
        ScoreSet.read(path)
    headless = tmp_path / "h.csv"
    headless.write_text(lines(lambda k, s, g: f"{s},{'live' if g else 'print'},u{k}"))
    scores = ScoreSet.read(headless, columns=parse_columns("id=3,score=1,label=2"))
    assert (len(scores), scores.ids[0], scores.pai_species.names) == (20, "u0", ("print",))
    with pytest.raises(InputError, match="first row seems to hold values and no names"):
        ScoreSet.read(headless)
    for wrong in ("id:utt", "id=", "id=a,id=b"):
        with pytest.raises(InputError, match="must be written like id=utt"):
            parse_columns(wrong)


def test_a_list_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.txt"
    path.write_text("u1 A07 bonafide 1\nu2 - bonafide 1\nu3 A07 spoof 0\n")
    with pytest.raises(
        InputError, match="1 of 3 rows contradict themselves: 1 say 'bonafide' in label and 'A07'"
    ):
        ScoreSet.read(path)
    path.write_text("id,score,pai_species,is_live\na,1,bona_fide,1\nb,1,bona_fide,0\nc,0,print,1\n")
    said = r"2 of 3 rows contradict themselves: is_live says attack of 1 .*, and bona fide of 1 that"
    with pytest.raises(InputError, match=said):
        ScoreSet.read(path)
    path.write_text("id,score,pai_species,label\na,1,,spoof\nb,1,,live\n")
    with pytest.raises(InputError, match="label says attack of 1 that are bona fide by pai_species"):
        ScoreSet.read(path)
    path.write_text("1,0.5,attack\n0,0.4,live\n1,0.2,live\n")
    with pytest.raises(InputError, match="1 rows of digit 1 and 1 of digit 0 are labelled bona fide"):
        ScoreSet.read(path)
    path.write_text("7 7 a 1\n7 8 b 1\n8 8 c 0\n")
    with pytest.raises(InputError, match="1 of 3 rows compare one person with another"):
        ScoreSet.read(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["", "live", "Bona_Fide", "print", "mask"]), min_size=1, max_size=12),
    st.booleans(),
)
def test_an_empty_label_is_never_quietly_bona_fide(tmp_path: Path, labels: list[str], parquet: bool) -> None:
    import pyarrow
    import pyarrow.parquet

    columns = {"id": [f"p{k}" for k in range(len(labels))], "score": [1.0] * len(labels)}
    path = tmp_path / ("s.parquet" if parquet else "s.csv")
    if parquet:
        pyarrow.parquet.write_table(
            pyarrow.table({**columns, "pai_species": [label or None for label in labels]}), path
        )
    else:
        rows = [f"p{k},1,{label}" for k, label in enumerate(labels)]
        path.write_text("\n".join(["id,score,pai_species", *rows]))
    empty, said = labels.count(""), {"live", "Bona_Fide"} & set(labels)
    if empty and said:
        with pytest.raises(InputError, match=f"pai_species is empty in {empty} of {len(labels)} rows"):
            ScoreSet.read(path)
        with pytest.raises(InputError, match="is empty in"):
            ScoreSet.from_columns(columns["id"], columns["score"], labels)
        return
    scores = ScoreSet.read(path)
    assert scores.is_bona_fide.tolist() == [label in ("", "live", "Bona_Fide") for label in labels]
    assert any(f"{empty} of {len(labels)} rows have an empty label" in c for c in scores.cautions) == (
        empty > 0
    )


@pytest.mark.parametrize(
    ("labels", "refused"),
    [
        ([1, 0], True), ([1.0, 0.0], True), ([True, False], True), ([1, -1], False), ([1.0, -1.0], False),
        (["1", None], True),
    ],
)  # fmt: skip
def test_numbers_and_truth_values_in_parquet_are_labels_like_others(
    tmp_path: Path, labels: list[Any], refused: bool
) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"id": [1, 2], "score": ["0,5", "1"], "pai_species": labels})
    pyarrow.parquet.write_table(table, tmp_path / "s.parquet")
    if refused:
        with pytest.raises(InputError, match=r"in 1, .*--bona-fide|holds '1' in 1"):
            ScoreSet.read(tmp_path / "s.parquet")
        if None not in labels:
            said = ScoreSet.read(tmp_path / "s.parquet", bona_fide=str(labels[0]).lower())
            assert said.is_bona_fide.tolist() == [True, False]
        return
    scores = ScoreSet.read(tmp_path / "s.parquet")
    assert scores.is_bona_fide.tolist() == [True, False]
    assert (scores.ids.tolist(), scores.scores.tolist()) == (["1", "2"], [0.5, 1.0])


def test_the_command_says_how_it_read_and_what_it_assumed(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("\n".join(f"u{k} {s}" for k, s, _ in ROWS))
    (tmp_path / "p.txt").write_text("\n".join(PROTOCOLS["2021"](k, g) for k, _, g in ROWS))
    words = ["evaluate", str(tmp_path / "s.txt"), "--protocol", str(tmp_path / "p.txt"), "--resamples", "0"]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0
    assert "was read as a file and its score in each row; labels: an ASVspoof 2021 key file" in done.stderr
    assert "! Trials of the subset eval are judged, as published; left out: 4 of progress." in done.stdout
    (tmp_path / "c.csv").write_text(lines(lambda k, s, g: f"u{k},{s},{int(g)}", "utt,cm,key"))
    words = ["compare", f"a={tmp_path}/c.csv", f"b={tmp_path}/c.csv", "--bona-fide", "1", "--resamples", "0"]
    done = CliRunner().invoke(app, [*words, "--columns", "id=utt,score=cm,label=key"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
