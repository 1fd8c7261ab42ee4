import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antispoof.errors import InputError, MissingExtraError
from antispoof.evaluation import score_files
from antispoof.evaluation.score_files import read_columns
from antispoof.evaluation.scores import Labels, ScoreSet

HEADER = "id,score,pai_species\n"


def example() -> ScoreSet:
    return ScoreSet.from_columns(
        ids=["a", "b", "c", "d"],
        scores=[1.5, 0.1 + 0.2, float("nan"), -1e-300],
        pai_species=[None, "print", "bona_fide", "mask, rigid"],
        subject=["Ada", "Ada", "Bö", ""],
        attributes={"modality": ["face_rgb", "face_rgb", "", "voice"]},
        simulated=[False, True, False, False],
    )


def same(left: ScoreSet, right: ScoreSet) -> bool:
    assert left.subject is not None
    assert right.subject is not None
    return (
        left.ids.tolist() == right.ids.tolist()
        and np.array_equal(left.scores, right.scores, equal_nan=True)
        and left.pai_species.decode() == right.pai_species.decode()
        and left.subject.decode() == right.subject.decode()
        and {k: v.decode() for k, v in left.attributes.items()}
        == {k: v.decode() for k, v in right.attributes.items()}
        and left.simulated.tolist() == right.simulated.tolist()
    )


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_set_survives_its_file_bit_for_bit(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"scores.{ending}"
    example().write(path)
    assert same(ScoreSet.read(path), example())


@given(st.lists(st.floats(allow_infinity=False), min_size=1, max_size=20))
def test_every_finite_score_survives_csv(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    path = tmp_path_factory.mktemp("scores") / "scores.csv"
    ids = [f"p{k}" for k in range(len(values))]
    ScoreSet.from_columns(ids, values, ["print"] * len(values)).write(path)
    assert np.array_equal(ScoreSet.read(path).scores, np.array(values), equal_nan=True)


def test_views_by_class_leave_non_responses_out_and_masks_keep_them() -> None:
    scores = example()
    assert scores.bona_fide.tolist() == [1.5]
    assert scores.attack.tolist() == [0.1 + 0.2, -1e-300]
    assert scores.is_bona_fide.tolist() == [True, False, True, False]
    assert scores.is_response.tolist() == [True, True, False, True]
    assert scores.take(scores.is_bona_fide).ids.tolist() == ["a", "c"]
    assert scores.labels("modality").names == ("face_rgb", "voice")
    with pytest.raises(InputError, match="no column 'age'; it has modality, pai_species, subject"):
        scores.labels("age")


@pytest.mark.parametrize("word", ["", "bona_fide", "Bonafide", "live", "real", "genuine"])
def test_bona_fide_in_any_usual_spelling(tmp_path: Path, word: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(f"{HEADER}a,1,{word}\n")
    assert ScoreSet.read(path).is_bona_fide.all()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_blank_lines_and_a_byte_order_mark_are_read(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "scores.csv"
    rows = ["id,score,pai_species,subject", "a,1,,x", "", "b,,print,y", ""]
    path.write_text("\ufeff" + "\n".join(rows).replace(",", separator), encoding="utf-8")
    scores = ScoreSet.read(path)
    assert scores.ids.tolist() == ["a", "b"]
    assert scores.is_response.tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (HEADER, "a header and no rows"),
        ("id,skore,pai_species\na,1,\n", "no column 'score'.*rename 'skore' to 'score'"),
        ("a,1,print\n", "no column 'id'; the columns are 'a', '1', 'print'"),
        ("id,score,score,pai_species\na,1,1,\n", "column 'score' appears more than once"),
        (
            HEADER + "a,high,print\n",
            "line 2, column 'score': the score of 'a' is 'high'; scores must be finite numbers",
        ),
        (
            HEADER + "a,nan,print\n",
            "line 2, column 'score': the score of 'a' is 'nan'; .*leave the cell empty",
        ),
        (HEADER + "a,1,\nb,-inf,print\n", "line 3, column 'score': the score of 'b' is '-inf'"),
        (HEADER + "a,1,\na,2,print\n", "id 'a' appears more than once"),
        (HEADER + ",1,\n", "line 2, column 'id': there is no id"),
        (HEADER + "a,1\n", "line 2: 2 values under 3 columns: there is none for column 'pai_species'"),
        (
            HEADER + "a,1,0\nb,2,1\n",
            "pai_species holds '0' in 1, '1' in 1, which names no attack instrument.*--bona-fide 0",
        ),
        ("id,score,pai_species,simulated\na,1,,maybe\n", "simulated of 'a' is 'maybe'; write true or false"),
    ],
)
def test_a_broken_file_is_refused_with_its_name_and_the_reason(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "broken.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=f"broken.csv: {message}"):
        ScoreSet.read(path)


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.csv' does not exist"):
        ScoreSet.read(tmp_path / "absent.csv")
    for name, reason in {
        "noise.csv": "line 1, cell 1: byte 0x80 is not UTF-8 text",
        "noise.parquet": "not a Parquet file",
    }.items():
        (tmp_path / name).write_bytes(bytes(range(128, 256)))
        with pytest.raises(InputError, match=f"{name}: {reason}"):
            ScoreSet.read(tmp_path / name)


def test_a_parquet_column_that_is_no_score_is_named(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    for values, reason in {
        ((1.0,), (2.0,)): "column 'score' of list",
        (2**60 + 1, 2): "column 'score' of int64 cannot be read as double: Integer value 1152921504606846977",
    }.items():
        table = {"id": ["a", "b"], "score": list(values), "pai_species": ["bona_fide", "print"]}
        parquet.write_table(arrow.table(table), tmp_path / "s.parquet")
        with pytest.raises(InputError, match=f"s.parquet: {reason}"):
            ScoreSet.read(tmp_path / "s.parquet")


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[parquet\]"):
        example().write(tmp_path / "scores.parquet")


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(InputError, match="pai_species has 1 rows, scores has 2"):
        ScoreSet.from_columns(["a", "b"], [1, 2], [None])


def test_labels_number_words_in_order_of_appearance() -> None:
    labels = Labels.encode(["x", None, "y", "", "x"])
    assert labels.codes.tolist() == [0, -1, 1, -1, 0]
    assert labels.decode() == ["x", "", "y", "", "x"]


def test_labels_from_python_and_pandas_are_taken_as_they_come() -> None:
    labels = Labels.encode([0, 1, float("nan"), None, 0])
    assert labels.codes.tolist()[:2] == [0, 1]
    assert labels.decode() == ["0", "1", "", "", "0"]


def unusual(*_: object) -> None:
    raise score_files._UnusualError


def test_a_long_file_is_read_in_chunks_as_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ending in ("csv", "parquet"):
        path = tmp_path / f"scores.{ending}"
        example().write(path)
        monkeypatch.setattr("antispoof.evaluation.score_files._ROWS_AT_A_TIME", 1)
        monkeypatch.setattr("antispoof.evaluation.score_files._BLOCK", 30)
        assert same(ScoreSet.read(path), example())
        monkeypatch.setattr("antispoof.evaluation.score_files._read_quickly", unusual)
        assert same(ScoreSet.read(path), example())


def test_spaces_around_a_species_do_not_make_another(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(HEADER + "a,1, print\nb,1,print\nc,1, bona_fide \n")
    assert ScoreSet.read(path).pai_species.names == ("print",)
    assert ScoreSet.read(path).pai_species.decode() == ["print", "print", ""]


def test_an_attribute_may_have_the_name_of_a_role(tmp_path: Path) -> None:
    names = ["label", "species", "claimed", "digit", "model", "key", "path"]
    path = tmp_path / "scores.csv"
    path.write_text(f"id,score,pai_species,{','.join(names)}\na,1,print,{','.join('uvwxyzs')}\n")
    scores = ScoreSet.read(path)
    assert {name: labels.decode() for name, labels in scores.attributes.items()} == dict(
        zip(names, map(list, "uvwxyzs"), strict=True)
    )


def test_csv_needs_no_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example().write(tmp_path / "scores.csv")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert same(ScoreSet.read(tmp_path / "scores.csv"), example())


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_ids_of_a_long_file_stay_in_it_until_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr("antispoof.evaluation.score_columns._IDS_KEPT", 50)
    monkeypatch.setattr(score_files, "_ROWS_AT_A_TIME", 10)
    monkeypatch.setattr(score_files, "_BLOCK", 400)
    ids = ["x" * (1 + k % 21) + str(k) for k in range(300)]
    path = tmp_path / f"long.{ending}"
    ScoreSet.from_columns(ids, np.arange(300.0), ["bona_fide"] * 300).write(path)
    found = ScoreSet.read(path)
    assert len(found.ids) == 300
    assert found.ids.tolist() == ids
    again = ScoreSet.read(path)
    ScoreSet.from_columns([*ids[::-1], "one more"], np.arange(301.0), ["bona_fide"] * 301).write(path)
    with pytest.raises(InputError, match="has changed since"):
        again.ids.tolist()
    ids[299] = ids[7]
    text = "id,score,pai_species\n" + "".join(f"{name},1,print\n" for name in ids)
    (tmp_path / "twice.csv").write_text(text)
    with pytest.raises(InputError, match=f"id '{ids[7]}' appears more than once; one row"):
        ScoreSet.read(tmp_path / "twice.csv")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_columns_of_many_values_are_left_out_where_only_groups_count(tmp_path: Path, ending: str) -> None:
    count = 6000
    few, many = [f"f{k % 12}" for k in range(count)], [f"m{k % 13}" for k in range(count)]
    late = ["same"] * (count - 20) + [f"l{k}" for k in range(20)]
    columns = {"few": few, "many": many, "late": late, "asked": many}
    ScoreSet.from_columns(
        [f"p{k}" for k in range(count)], np.ones(count), ["print"] * count, subject=many, attributes=columns
    ).write(path := tmp_path / f"scores.{ending}")
    found = ScoreSet.read(path, attributes=["asked"])
    assert set(found.attributes) == {"few", "asked"}
    assert found.attributes["few"].decode() == few
    assert found.attributes["asked"].decode() == many
    assert found.subject is not None
    assert found.subject.decode() == many
    assert set(ScoreSet.read(path).attributes) == set(columns)


@pytest.mark.parametrize("text", ["score\n", "id,score\n", "id,score,calibrated.a\n"])
def test_a_header_alone_holds_nothing_whatever_is_needed(text: str, tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(InputError, match="a header and no rows"):
        read_columns(path, ["score"], {})
