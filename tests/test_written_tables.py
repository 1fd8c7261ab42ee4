"""Tables as spreadsheets and people write them: read alike, or refused by line and column."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antispoof.data.manifest import read_manifest
from antispoof.errors import InputError
from antispoof.evaluation import ScoreSet, score_files
from antispoof.tables import Numbers, TextTable

CELL = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=6).filter(
    lambda text: text == text.strip() and "\ufeff" not in text
)
ROWS = st.lists(st.tuples(st.from_regex(r"[a-z]{1,4}", fullmatch=True), CELL, CELL), min_size=1, max_size=5)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=ROWS,
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    sep=st.booleans(),
    blank=st.booleans(),
    trailing=st.integers(0, 2),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_however_it_is_written_the_cells_are_the_same(
    tmp_path: Path,
    rows: list[tuple[str, str, str]],
    delimiter: str,
    encoding: str,
    ends: str,
    sep: bool,
    blank: bool,
    trailing: int,
    quoting: int,
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=ends, quoting=quoting)  # type: ignore[arg-type]
    header = ("id", "first", "second")
    for row in (header, *rows):
        writer.writerow([*row, *[""] * trailing])
        if blank:
            out.write(ends + delimiter * 2 + ends)
    stated = f"sep={delimiter}{ends}" if sep else ""
    (tmp_path / "t.csv").write_bytes((stated + out.getvalue()).encode(encoding))
    table = TextTable.open(tmp_path / "t.csv")
    assert [tuple(cells) for _, cells in table.rows(header, headed=True)] == rows


@given(
    st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=8).filter(
        lambda values: any("." in repr(v) and "e" not in repr(v) for v in values)
    )
)
def test_decimal_commas_are_the_same_numbers(values: list[float]) -> None:
    numbers = Numbers(";", "score")
    assert [numbers.read(repr(v).replace(".", ","), 2) for v in values] == values
    numbers.finish()
    assert numbers.comma


# VALUE, ONE and TWO stand for a score, or for a file.
WAYS = {
    "plain": "ID,VALUE,PAI Species,Dataset\na,ONE,live,lab\nb,TWO,print,lab\n",
    "semicolons": "id;VALUE;pai_species;dataset\na;ONE;live;lab\nb;TWO;print;lab\n",
    "sep": "sep=;\r\nid;VALUE;pai_species;dataset\r\na;ONE;live;lab\r\nb;TWO;print;lab\r\n",
    "trailing delimiters": "id,VALUE,pai_species,dataset\na,ONE,live,lab,\nb,TWO,print,lab,\n",
    "trailing everywhere": "id,VALUE,pai_species,dataset,,\na,ONE,live,lab,,\nb,TWO,print,lab,,\n",
    "an index without a name": ",id,VALUE,pai_species,dataset\n0,a,ONE,live,lab\n1,b,TWO,print,lab\n",
    "blank rows": "\n\nid,VALUE,pai_species,dataset\n\n,,,\na,ONE,live,lab\n , ,,\nb,TWO,print,lab\n\n",
    "quoted": '"id","VALUE","pai_species","dataset"\n"a","ONE","live","lab"\n"b","TWO","print","lab"\n',
    "tabs": "\ufeffid\tVALUE\tpai_species\tdataset\ra\tONE\tlive\tlab\rb\tTWO\tprint\tlab",
    "bars": "id|VALUE|pai_species|dataset\na|ONE|live|lab\nb|TWO|print|lab",
}


def written(way: str, value: str, one: str, two: str) -> str:
    return WAYS[way].replace("VALUE", value).replace("ONE", one).replace("TWO", two)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("number", ["1.5", "1,5"])
def test_scores_are_read_however_they_are_written(
    tmp_path: Path, way: str, encoding: str, number: str
) -> None:
    comma = number == "1,5" and way not in ("semicolons", "sep", "tabs", "bars", "quoted")
    path = tmp_path / "s.csv"
    path.write_bytes(written(way, "Score", f'"{number}"' if comma else number, "-2").encode(encoding))
    scores = ScoreSet.read(path)
    assert scores.ids.tolist() == ["a", "b"]
    assert scores.scores.tolist() == [1.5, -2.0]
    assert scores.pai_species.decode() == ["", "print"]
    assert len(scores.attributes) == 1
    assert scores.cautions == (("Scores have decimal commas.",) if number == "1,5" else ())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_manifests_are_read_however_they_are_written(tmp_path: Path, way: str, encoding: str) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(written(way, "Path.Voice", "a.wav", "b.wav").encode(encoding))
    found = [(p.id, p.pai_species, p.dataset, p.captures["voice"].path) for p in read_manifest(path)]
    assert found == [("a", None, "lab", tmp_path / "a.wav"), ("b", "print", "lab", tmp_path / "b.wav")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "id,score,pai_species\na,1,5,live\n",
            "line 2: 4 values under 3 columns: 'live' stands after the last column, .*';' between",
        ),
        (
            "id,score,pai_species\n\na,1\n",
            "line 3: 2 values under 3 columns: there is none for column 'pai_species'",
        ),
        (
            "id;score;pai_species\na;1,5;live\nb;1.5;print\n",
            "line 3, column 'score': '1.5' where other rows have another decimal mark",
        ),
        ('id,score,pai_species\na,"1,234",live\n', "line 2, column 'score': '1,234' may be 1234 or 1.234"),
        ("id;score;pai_species\na;1.234,5;live\n", "line 2, column 'score': the score of 'a' is '1.234,5'"),
        ("id,score,pai_species\na,\uff11.5,live\n", r"'.\.5'; scores must be finite numbers in plain digits"),
        ("id,score,pai_species\na,1_000,live\n", "line 2, column 'score': the score of 'a' is '1_000'"),
        ('id,score,pai_species\na,1,"live\n', "line 2: not a CSV file: unexpected end of data"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_line_and_column(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        ScoreSet.read(path)


def test_text_of_another_encoding_is_refused_by_line_and_cell(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes("id,score,pai_species\na,1,live\nb,2,Müller\n".encode("latin-1"))
    with pytest.raises(
        InputError, match=r"line 3, cell 3: byte 0xfc is not UTF-8 text.*save it as 'CSV UTF-8'"
    ):
        ScoreSet.read(tmp_path / "s.csv")


@pytest.mark.parametrize(
    "odd", ["p9,2,print,", "p9, 2 ,print", ",,", '"p9","2,5",print', "p9,1e400,print", "p9,nan,print"]
)
def test_the_quick_reader_and_the_careful_one_agree(
    tmp_path: Path, odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.csv"
    rows = [f"p{k},{k / 7!r},{'live' if k % 2 else 'print'}" for k in range(8)]
    path.write_text("\n".join(["id,score,pai_species", *rows, odd]), encoding="utf-8")

    def outcome() -> object:
        try:
            scores = ScoreSet.read(path)
        except InputError as error:
            return str(error)
        return scores.ids.tolist(), scores.scores.tolist(), scores.pai_species.decode(), scores.cautions

    quick = outcome()

    def unusual(*_: object) -> None:
        raise score_files._UnusualError

    monkeypatch.setattr(score_files, "_read_quickly", unusual)
    assert outcome() == quick
