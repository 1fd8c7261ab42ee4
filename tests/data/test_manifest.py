from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antispoof.data.manifest import manifest_digest, read_manifest, write_manifest
from antispoof.data.presentation import CaptureFile, EvaluationProtocol, Presentation
from antispoof.errors import ExperimentError, InputError

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12)
NAME = st.from_regex(r"[a-j]{2}[a-j0-9]{0,6}", fullmatch=True)


def presentation(name: str = "a", **fields: object) -> Presentation:
    captures = {"face_rgb": CaptureFile(Path(f"{name}.png"))}
    defaults: dict[str, Any] = {"id": name, "dataset": "own", "captures": captures}
    return Presentation(**(defaults | fields))


@st.composite
def presentations(draw: st.DrawFn) -> list[Presentation]:
    frames = st.none() | st.tuples(st.integers(0, 9), st.integers(10, 99))
    files = st.builds(lambda name, span: CaptureFile(Path("captures") / name, span), NAME, frames)
    rows = st.builds(
        Presentation,
        id=NAME,
        dataset=NAME,
        captures=st.dictionaries(NAME, files, min_size=1, max_size=3),
        pai_species=st.none() | NAME,
        subject=TEXT,
        session=TEXT,
        partition=st.sampled_from(["", "train", "dev", "test"]),
        attributes=st.dictionaries(NAME, TEXT.filter(bool), max_size=3),
        licence=TEXT,
        consent_basis=TEXT,
        retention_until=st.none() | st.dates(),
        simulated=st.booleans(),
    )
    return draw(st.lists(rows, min_size=1, max_size=5, unique_by=lambda p: p.id))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=presentations())
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str, rows: list[Presentation]) -> None:
    path = tmp_path / f"m{suffix}"
    anchored = [
        Presentation(**{k: getattr(p, k) for k in p.__slots__ if k != "captures"}, captures={
            m: CaptureFile(tmp_path / f.path, f.frames) for m, f in p.captures.items()
        })
        for p in rows
    ]  # fmt: skip
    write_manifest(anchored, path)
    assert list(read_manifest(path)) == anchored


def test_paths_are_relative_to_the_manifest(tmp_path: Path) -> None:
    inside, outside = tmp_path / "set" / "a.png", tmp_path / "b.png"
    captures = {"face_rgb": CaptureFile(inside), "face_depth": CaptureFile(outside)}
    write_manifest([presentation(captures=captures)], tmp_path / "set" / "m.csv")
    (tmp_path / "set").rename(tmp_path / "moved")
    (row,) = read_manifest(tmp_path / "moved" / "m.csv")
    assert row.captures["face_rgb"].path == tmp_path / "moved" / "a.png"
    assert row.captures["face_depth"].path == outside


def test_a_typical_row_reads_as_written_by_hand(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(
        "id,subject,dataset,pai_species,path.voice,frames.voice,path.face_rgb,"
        "attribute.sex,retention_until,simulated\n"
        "1,ann,own,replay,a.wav,0:160,,f,2031-12-31,TRUE\n"
        "2,ann,own,bona_fide,,,b.png,,,\n",
        encoding="utf-8-sig",
    )
    attack, bona_fide = read_manifest(tmp_path / "m.csv")
    assert attack.pai_species == "replay"
    assert attack.captures == {"voice": CaptureFile(tmp_path / "a.wav", (0, 160))}
    assert attack.retention_until == date(2031, 12, 31)
    assert attack.simulated
    assert attack.attributes == {"sex": "f"}
    assert bona_fide.bona_fide
    assert not bona_fide.simulated


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "lacks the columns id, dataset, pai_species, path.<modality>"),
        ("id,dataset,pai_species,path.v\n", "holds no presentation"),
        ("id,dataset,pai_species,path.v\n1,d,,a.wav\n", "row 2: pai_species is empty: write 'bona_fide'"),
        ("id,dataset,pai_species,path.v\n1,d,print,\n", "row 2: presentation '1' has no capture"),
        ("id,dataset,pai_species,path.v\n1,d,print,a\n1,d,print,b\n", "row 3: id '1' is already in row 2"),
        (
            "id,dataset,pai_species,path.v\n1,d,print\n",
            "line 2: 3 values under 4 columns: there is none for column 'path.v'",
        ),
        ("id,dataset,pai_species,path.v,label\n1,d,print,a,0\n", "unknown columns ['label']"),
        (
            "id,dataset,pai_species,path.v,partition\n1,d,print,a,devel\n",
            "partition must be train, dev, test",
        ),
        ("id,dataset,pai_species,path.v,frames.v\n1,d,print,a,9:3\n", "first < stop"),
        ("id,dataset,pai_species,path.v,frames.v\n1,d,print,a,all\n", "frames must be 'first:stop'"),
        ("id,dataset,pai_species,path.v,simulated\n1,d,print,a,maybe\n", "simulated must be true or false"),
        (
            "id,dataset,pai_species,path.v,retention_until\n1,d,print,a,soon\n",
            "retention_until must be a day",
        ),
        ("id,id,dataset,pai_species,path.v\n1,1,d,print,a\n", "names a column twice"),
        ('id,dataset,pai_species,path.v\n1,d,"print,a\n', "line 2: not a CSV file"),
    ],
)
def test_a_bad_manifest_is_refused_by_row(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "m.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ExperimentError) as caught:
        read_manifest(path)
    assert message in str(caught.value)


def test_files_that_are_no_manifest(tmp_path: Path) -> None:
    for name, content in (("m.csv", b"\xff\xfe\x00"), ("m.parquet", b"PAR?")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ExperimentError, match=r"not a (CSV|Parquet) file"):
            read_manifest(tmp_path / name)
    with pytest.raises(ExperimentError, match="No such file"):
        read_manifest(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"must end in \.csv or \.parquet"):
        read_manifest(tmp_path / "m.xlsx")


def test_a_failed_write_keeps_the_old_manifest(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    write_manifest([presentation()], path)
    before = manifest_digest(path)
    for rows in ([], [presentation(), presentation()], [presentation("\ud800")]):
        with pytest.raises((InputError, UnicodeError)):
            write_manifest(rows, path)
    assert manifest_digest(path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.csv"]


def test_every_bad_row_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(
        "id,dataset,pai_species,path.v\n" + "".join(f"{i},d,,a\n" for i in range(30)), encoding="utf-8"
    )
    with pytest.raises(ExperimentError, match="and 20 more"):
        read_manifest(path)


def test_partitions_share_no_subject_unless_declared() -> None:
    rows = [
        presentation("a", subject="ann", partition="train"),
        presentation("b", subject="ann", partition="test"),
    ]
    with pytest.raises(InputError, match="'ann' of 'own', in train and test"):
        EvaluationProtocol.from_presentations("p", rows)
    declared = EvaluationProtocol.from_presentations(
        "p", rows, shared_subjects="the paper divides by session"
    )
    assert [len(declared.train), len(declared.dev), len(declared.test)] == [1, 0, 1]


def test_the_same_number_in_two_datasets_is_two_people_and_an_unknown_subject_is_nobody() -> None:
    rows = [
        presentation("a", subject="1", partition="train"),
        presentation("b", subject="1", dataset="other", partition="test"),
        presentation("c", partition="train"),
        presentation("d", partition="test", simulated=True),
    ]
    assert EvaluationProtocol.from_presentations("p", rows).simulated


def test_a_protocol_refuses_repeated_ids_and_undivided_rows() -> None:
    with pytest.raises(InputError, match="more than once"):
        EvaluationProtocol("p", (presentation(),), (), (presentation(),))
    with pytest.raises(InputError, match="antispoof data split"):
        EvaluationProtocol.from_presentations("p", [presentation()])


@pytest.mark.parametrize(
    "fields", [{"id": ""}, {"dataset": ""}, {"captures": {}}, {"pai_species": "bona_fide"}]
)
def test_an_impossible_presentation_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InputError):
        presentation(**fields)


def test_units_survive_a_round_trip(tmp_path: Path) -> None:
    depth, colour = CaptureFile(tmp_path / "d.png", unit="0.1 mm"), CaptureFile(tmp_path / "c.png")
    captures = {"face_depth": depth, "face_rgb": colour}
    rows = [Presentation(id=name, dataset="lab", captures=captures) for name in "ab"]
    write_manifest(rows, tmp_path / "m.csv")
    header = (tmp_path / "m.csv").read_text().splitlines()[0].split(",")
    assert "unit.face_depth" in header
    assert "unit.face_rgb" not in header
    assert read_manifest(tmp_path / "m.csv")[1].captures["face_depth"].unit == "0.1 mm"


def test_an_import_states_units(run: Any, tmp_path: Path) -> None:
    from PIL import Image

    for label in ("bona_fide", "attack/print"):
        for sensor in ("rgb", "depth"):
            (tmp_path / "tree" / label / sensor).mkdir(parents=True)
            Image.new("L", (8, 8)).save(tmp_path / "tree" / label / sensor / "a.png")
    words = ("data", "import", "folder", tmp_path / "tree", "--out", tmp_path / "m.csv")
    assert run(*words, "--unit", "face-depth=relative 300")[0] == 0
    for p in read_manifest(tmp_path / "m.csv"):
        assert {name: file.unit for name, file in p.captures.items()} == {
            "face_depth": "relative 300",
            "face_rgb": "",
        }
    code, _, err = run(*words, "--unit", "relative 300")
    assert code == 3
    assert "write SENSOR=UNIT" in err
