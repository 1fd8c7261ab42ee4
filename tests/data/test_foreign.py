"""Other people's tables and folders as manifests: read by what they say, told what is left out."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from antispoof.cli.every import app
from antispoof.data.folder import import_folder
from antispoof.data.foreign import import_table
from antispoof.data.manifest import read_manifest, write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.errors import ExperimentError, InputError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_with_names_of_its_own(tmp_path: Path) -> None:
    text = "utt;key;file;speaker;split;codec\nx1;1;a/x1.wav;s1;Val;opus\nx2;0;a\\x2.wav;s2;eval;-\n"
    path = write(tmp_path / "t.csv", text)
    with pytest.raises(InputError, match=r"key holds '1' in 1, '0' in 1.*--bona-fide 1"):
        import_table(path)
    result = import_table(
        path, bona_fide="1", modality="voice", columns={"partition": "split", "id": "utt", "label": "key"}
    )
    genuine, attack = result.presentations
    assert (genuine.id, genuine.bona_fide, genuine.partition) == ("x1", True, "dev")
    assert (attack.pai_species, attack.partition) == ("unspecified", "test")
    assert "label = 'key'" in result.read_as
    usual = import_table(path, bona_fide="1", modality="voice")
    assert [p.captures["voice"].path for p in usual.presentations] == [
        tmp_path / "a/x1.wav",
        tmp_path / "a/x2.wav",
    ]
    assert [p.subject for p in usual.presentations] == ["s1", "s2"]
    assert [dict(p.attributes) for p in usual.presentations] == [
        {"split": "Val", "codec": "opus"},
        {"split": "eval"},
    ]


@pytest.mark.parametrize("columns", [{}, {"id": "2", "label": "5", "species": "4", "subject": "1"}])
def test_a_protocol_of_asvspoof(tmp_path: Path, columns: dict[str, str]) -> None:
    path = write(tmp_path / "p.txt", "LA_1 LA_E_1 - A07 spoof\nLA_2 LA_E_2 - - bonafide\n")
    found = import_table(path, columns=columns, modality="voice", files="flac/{id}.flac").presentations
    assert [(p.id, p.pai_species, p.subject) for p in found] == [
        ("LA_E_1", "A07", "LA_1"),
        ("LA_E_2", None, "LA_2"),
    ]
    assert found[0].captures["voice"].path == tmp_path / "flac" / "LA_E_1.flac"


def test_several_sensors_and_a_stated_column(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "color,depth,is_live\na.png,a_d.png,True\nb.png,,false\n")
    columns = {"path.face_rgb": "color", "path.face_depth": "depth", "label": "is_live"}
    first, second = import_table(path, columns=columns).presentations
    assert {name: file.path.name for name, file in first.captures.items()} == {
        "face_rgb": "a.png",
        "face_depth": "a_d.png",
    }
    assert (first.bona_fide, list(second.captures), second.pai_species) == (True, ["face_rgb"], "unspecified")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\na.png,live\nb.png,\n", "label says nothing in 1 of 2 rows"),
        ("file,label\na.png,live\na.png,print\n", "id 'a.png' appears more than once"),
        ("file,label,attack_type\na.png,live,print\n", "line 2: 'live' in label and 'print' as the kind"),
        (
            "file,label\nlive/a.png,0\nswap/b.png,1\nlive/c.png,0\n",
            "labels of 2 files contradict their paths",
        ),
        ("file,label,simulated\na.png,live,maybe\n", "line 2: simulated must be true or false, got 'maybe'"),
        ("file,label,partition\na.png,live,later\n", "line 2: partition must be train, dev, test"),
        ("file,label\n", "it holds no row below its header"),
        ("file,what\na.png,live\n", "no column 'pai_species'; the columns are 'file', 'what'"),
        ("file,label\na.png\n", "line 2: 1 values under 2 columns: there is none for column 'label'"),
    ],
)
def test_a_table_that_cannot_be_imported_says_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        import_table(write(tmp_path / "t.csv", text), bona_fide="1" if ",1\n" in text else None)


def test_files_must_be_named_by_id(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"files must hold \{id\}"):
        import_table(write(tmp_path / "t.csv", "id,label\na,live\n"), files="flac/x.flac")


HEADER = "id,dataset,pai_species,path.face_rgb\n"


def test_a_manifest_with_numbers_for_labels_is_refused_until_somebody_says_which(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", f"{HEADER}a,lab,1,a.png\nb,lab,0,b.png\nc,lab,0,c.png\n")
    with pytest.raises(ExperimentError, match=r"'1' in 1, '0' in 2.*data import csv --bona-fide"):
        read_manifest(path)
    words = ["data", "import", "csv", str(path), "--bona-fide", "1", "--out", str(tmp_path / "o.csv")]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert [p.pai_species for p in read_manifest(tmp_path / "o.csv")] == [None, "unspecified", "unspecified"]


def test_an_attribute_that_contradicts_the_label_is_refused(tmp_path: Path) -> None:
    header = HEADER.replace("\n", ",attribute.is_spoof,attribute.class\n")
    path = write(tmp_path / "m.csv", f"{header}a,lab,live,a.png,no,7\nb,lab,print,b.png,yes,8\n")
    assert len(read_manifest(path)) == 2
    write(path, path.read_text().replace("b.png,yes", "b.png,0"))
    with pytest.raises(ExperimentError, match=r"is_spoof contradicts pai_species in 1 of 2 rows.* row 3"):
        read_manifest(path)


@pytest.mark.parametrize("labels", [[1, 0], [1.0, 0.0], [True, False]])
def test_numbers_in_a_parquet_manifest_are_no_kinds_of_attack(tmp_path: Path, labels: list[object]) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = {"id": ["a", "b"], "dataset": ["lab"] * 2, "pai_species": labels, "path.face_rgb": ["a", "b"]}
    pyarrow.parquet.write_table(pyarrow.table(rows), tmp_path / "m.parquet")
    with pytest.raises(ExperimentError, match="names no attack instrument"):
        read_manifest(tmp_path / "m.parquet")
    said = str(labels[0]).lower()
    assert [p.bona_fide for p in read_manifest(tmp_path / "m.parquet", bona_fide=said)] == [True, False]


def test_species_in_several_spellings_are_one_within_and_across_manifests(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", f"{HEADER}a,lab,Print,a\nb,lab,print,b\nc,lab, PRINT ,c\nd,lab,Live,d\n")
    assert [p.pai_species for p in read_manifest(tmp_path / "a.csv")] == ["Print", "Print", "Print", None]
    write(tmp_path / "b.csv", f"{HEADER}e,lab,print,e\nf,lab,Silicone Mask,f\ng,lab,silicone_mask,g\n")
    words = [
        "data",
        "split",
        str(tmp_path / "a.csv"),
        str(tmp_path / "b.csv"),
        "--out",
        str(tmp_path / "o.csv"),
    ]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    with (tmp_path / "o.csv").open(encoding="utf-8") as file:
        assert {row["pai_species"] for row in csv.DictReader(file)} == {"bona_fide", "Print", "Silicone Mask"}


@pytest.mark.parametrize("species", ["live", "Bona_Fide", "1", "-1", "unknown", "True", ""])
def test_no_presentation_has_a_label_for_a_kind_of_attack(species: str) -> None:
    with pytest.raises(InputError, match="pai_species must be None for bona fide, or name a kind of attack"):
        Presentation("a", "lab", {"face_rgb": CaptureFile(Path("a.png"))}, species)


def test_a_folder_takes_every_suffix_that_is_read_and_tells_the_others(tmp_path: Path) -> None:
    taken = ("a.wav", "b.m4a", "c.AAC", "d.oga", "e.jfif", "f.mp3", "g.mov", "h.npy", "i.aiff", "j.caf")
    left = ("k.heic", "l.txt", "m.HEIC", "README", ".hidden.png", "n.gif")
    for name in (*taken, *left):
        for place in ("Genuine Users", "attack/Print", "attack/1"):
            (tmp_path / place).mkdir(parents=True, exist_ok=True)
            (tmp_path / place / name).write_bytes(b"x")
    result = import_folder(tmp_path)
    assert len(result.presentations) == 3 * len(taken)
    assert {p.pai_species for p in result.presentations} == {None, "print", "attack_1"}
    assert result.left_out == {".heic": 6, ".txt": 3, "no suffix": 3, "hidden": 3, ".gif": 3}
    words = ["data", "import", "folder", str(tmp_path), "--out", str(tmp_path / "m.csv")]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert "18 files were left out, since nothing here reads them: 6 .heic, " in done.output


def test_a_folder_of_nothing_that_is_read_says_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "a.heic").write_bytes(b"x")
    with pytest.raises(InputError, match=r"found live/, and 1 \.heic, which nothing here reads"):
        import_folder(tmp_path)


def test_what_is_written_is_read_again_by_any_name(tmp_path: Path) -> None:
    row = Presentation("a", "lab", {"voice": CaptureFile(tmp_path / "a.wav")}, "A07", partition="train")
    write_manifest([row], tmp_path / "m.csv")
    text = (tmp_path / "m.csv").read_text().replace("partition", "Partition").replace("train", " TRAIN ")
    write(tmp_path / "m.csv", text.replace("simulated", "SIMULATED").replace("false", "0"))
    assert read_manifest(tmp_path / "m.csv") == (row,)
