"""What holds of every registered dataset: its miniature is read, and all else is refused clearly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from antispoof.data.cross_dataset import CROSS_DATASET, combine
from antispoof.data.layout import datasets, load_dataset
from antispoof.data.manifest import read_manifest, write_manifest
from antispoof.data.presentation import PARTITIONS, EvaluationProtocol
from antispoof.data.reference import reference_page
from antispoof.errors import InputError, UnknownNameError

ALL = [(name, protocol) for name in datasets for protocol in datasets[name].protocols]
TEST_ONLY = {
    *("asvspoof2021_la", "asvspoof2021_df", "in_the_wild"),
    *("livdet2020_iris", "livdet2023_iris", "livdet2025_iris"),
}


def miniature(name: str, root: Path) -> Path:
    """Write the example of a dataset's layout to the disk; media files hold one byte."""
    for path, content in datasets[name].example.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content or "x", encoding="utf-8")
    return root


def rows(protocol: EvaluationProtocol) -> list[object]:
    return [*protocol.train, *protocol.dev, *protocol.test]


@pytest.mark.parametrize(("name", "protocol"), ALL)
def test_the_miniature_is_read(name: str, protocol: str, tmp_path: Path) -> None:
    result = load_dataset(name, miniature(name, tmp_path), protocol, partial=True)
    assert result.name == f"{name}/{protocol}"
    assert result.test
    assert bool(result.train) == (name not in TEST_ONLY)
    for partition in PARTITIONS:
        part = getattr(result, partition)
        assert len({p.bona_fide for p in part}) in (0, 2), f"{partition} lacks a class"
        for p in part:
            assert p.partition == partition
            assert p.dataset == name
            assert p.licence == datasets[name].licence
            assert set(p.captures) <= set(datasets[name].modalities)
            assert all(file.path.is_file() for file in p.captures.values())
            assert not p.simulated
    write_manifest([*result.train, *result.dev, *result.test], tmp_path / "m.csv")
    again = EvaluationProtocol.from_presentations(
        result.name,
        read_manifest(tmp_path / "m.csv"),
        shared_subjects=result.shared_subjects,
        notes=result.notes,
    )
    assert again == result


@pytest.mark.parametrize("name", list(datasets))
def test_a_root_that_is_laid_out_otherwise_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "beach.jpg").write_text("x")
    with pytest.raises(InputError) as caught:
        load_dataset(name, tmp_path)
    message = str(caught.value)
    assert "expected, for example" in message
    assert any(path in message for path in datasets[name].example)
    assert "found: holiday/" in message
    with pytest.raises(InputError, match="is not a folder"):
        load_dataset(name, tmp_path / "none")


@pytest.mark.parametrize("name", list(datasets))
def test_files_that_the_lists_name_but_are_not_there(name: str, tmp_path: Path) -> None:
    root = miniature(name, tmp_path)
    whole = load_dataset(name, root, partial=True)
    gone = whole.test[0]
    for file in gone.captures.values():
        file.path.unlink(missing_ok=True)
    listed = any(datasets[name].example.values())
    if listed and name != "msu_mfsd":  # its lists name people, not files
        with pytest.raises(InputError, match="have no file"):
            load_dataset(name, root)
        part = load_dataset(name, root, partial=True)
        assert "partial copy" in part.notes
        assert gone.id not in {p.id for p in part.test}


@pytest.mark.parametrize("name", [n for n in datasets if datasets[n].counts])
def test_published_counts_are_held_against_the_copy(name: str, tmp_path: Path) -> None:
    protocol = next(iter(datasets[name].counts))
    with pytest.raises(InputError, match=r"expected \d+ .*, found \d+"):
        load_dataset(name, miniature(name, tmp_path), protocol)


@pytest.mark.parametrize("name", list(datasets))
def test_an_unknown_protocol_lists_what_exists(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError) as caught:
        load_dataset(name, tmp_path, "zzz")
    assert caught.value.known == tuple(sorted(datasets[name].protocols))


def test_an_unknown_dataset_lists_what_exists(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'oulu_npu'"):
        load_dataset("oulu-npu", tmp_path)


@pytest.mark.parametrize("name", list(datasets))
def test_every_dataset_says_what_people_need_to_know(name: str) -> None:
    thing = datasets[name]
    assert thing.title
    assert thing.licence
    assert thing.ask
    assert thing.reference
    assert set(thing.counts) <= set(thing.protocols)


# Labels are checked against the naming rules that the publications state, not against the readers.
LABELS = {
    ("replay_attack", "grandtest"): {
        "train/attack/hand/attack_mobile_client001_session01_mobile_video_controlled": (
            "replay_phone",
            "001",
        ),
        "test/real/client009_session01_webcam_authenticate_adverse_1": (None, "009"),
    },
    ("casia_fasd", "overall"): {
        "train_release/1/HR_1": (None, "train1"),
        "test_release/1/6": ("print_cut", "test1"),
        "test_release/1/8": ("replay_tablet", "test1"),
    },
    ("oulu_npu", "2"): {
        "Dev_files/1_1_21_4": ("replay_display_1", "21"),
        "Test_files/1_3_36_1": (None, "36"),
    },
    ("siw", "2_1"): {"Test/spoof/006/006-1-3-1-1": ("replay_1", "006")},
    ("celeba_spoof", "intra_test"): {"Data/train/1/spoof/000002": ("print_a4", "1")},
    ("casia_surf", "challenge"): {
        "Val/real_part/CLKJ_AS0010/real.rssdk/color/1": (None, "CLKJ_AS0010"),
        "Val/fake_part/CLKJ_AS0010/06_enm_b.rssdk/color/1": ("print_attack_06", "CLKJ_AS0010"),
    },
    ("casia_cefa", "4.1"): {
        "Ethnicity/AF/AF-120/1_120_3_1_4/color/0001": ("replay_screen", "1_120"),
        "Mask/3D-Mask/002/1_002_1_1_2_1_3/color/0001": ("mask_3d", "mask_1_002"),
    },
    ("wmca", "LOO_glasses"): {"face-station/31.01.18/514_01_035_1_05": ("glasses", "514")},
    ("asvspoof2019_la", "cm"): {"ASVspoof2019_LA_dev/flac/LA_D_000002": ("a02", "LA_0001")},
    ("in_the_wild", "all"): {"0": (None, "Ann Example"), "1": ("deepfake", "Ann Example")},
    ("livdet2015_fingerprint", "all"): {"Testing/GreenBit/Fake/Ecoflex/002_0_0": ("ecoflex", "")},
}


@pytest.mark.parametrize(("name", "protocol"), list(LABELS))
def test_labels_follow_the_published_naming(name: str, protocol: str, tmp_path: Path) -> None:
    result = load_dataset(name, miniature(name, tmp_path), protocol, partial=True)
    found = {p.id: (p.pai_species, p.subject) for p in (*result.train, *result.dev, *result.test)}
    for identifier, label in LABELS[name, protocol].items():
        assert found[f"{name}/{identifier}"] == label


def test_siw_protocols_hold_their_unseen_kind_back(tmp_path: Path) -> None:
    root = miniature("siw", tmp_path)
    first = load_dataset("siw", root, "1", partial=True)
    assert {p.captures["face_rgb"].frames for p in first.train} == {(0, 60)}
    assert {p.captures["face_rgb"].frames for p in first.test} == {None}
    unseen = load_dataset("siw", root, "2_3", partial=True)
    assert {p.pai_species for p in unseen.train} == {None, "replay_1", "replay_2", "replay_4"}
    assert {p.pai_species for p in unseen.test} == {None, "replay_3"}
    prints = load_dataset("siw", root, "3_print", partial=True)
    assert "print" not in {p.pai_species for p in prints.train}
    assert {p.pai_species for p in prints.test} == {None, "print"}


def test_cefa_protocol_3_changes_the_sensor(tmp_path: Path) -> None:
    result = load_dataset("casia_cefa", miniature("casia_cefa", tmp_path), "3.color", partial=True)
    assert {m for p in (*result.train, *result.dev) for m in p.captures} == {"face_rgb"}
    assert {m for p in result.test for m in p.captures} == {"face_depth", "face_infrared"}


@pytest.mark.parametrize("name", list(CROSS_DATASET))
def test_cross_dataset_protocols_never_train_on_the_target(name: str, tmp_path: Path) -> None:
    protocol = CROSS_DATASET[name]
    collections = {}
    for source in (*protocol.sources, *protocol.targets):
        loaded = load_dataset(source, miniature(source, tmp_path / source), partial=True)
        collections[source] = [*loaded.train, *loaded.dev, *loaded.test]
    result = combine(name, collections)
    assert {p.dataset for p in result.test} == set(protocol.targets)
    assert {p.dataset for p in result.train} == {p.dataset for p in result.dev} == set(protocol.sources)
    seen = {m for p in result.test for m in p.captures}
    assert seen == set(protocol.modalities) - set(protocol.absent_in_test)
    del collections[protocol.targets[0]]
    with pytest.raises(InputError, match=f"needs {protocol.targets[0]}"):
        combine(name, collections)


def test_an_unknown_cross_dataset_protocol_lists_what_exists() -> None:
    with pytest.raises(UnknownNameError, match="did you mean"):
        combine("ocim_ocim", {})


def test_the_reference_page_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "datasets.md"
    assert page.read_text(encoding="utf-8") == reference_page(), (
        "run: antispoof datasets --markdown > docs/reference/datasets.md"
    )


def test_from_a_dataset_to_a_manifest_on_the_command_line(tmp_path: Path) -> None:
    def antispoof(*arguments: object) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-c", "from antispoof.cli import main; main()", *map(str, arguments)]
        return subprocess.run(program, capture_output=True, text=True, check=False, timeout=600)

    assert "oulu_npu" in antispoof("datasets").stdout
    assert "Boulkenafet" in antispoof("datasets", "oulu_npu").stdout
    root, out = miniature("nuaa", tmp_path / "nuaa"), tmp_path / "nuaa.csv"
    done = antispoof("data", "import", "dataset", "nuaa", root, "--out", out)
    assert done.returncode == 3
    assert "expected 1743 bona fide and 1748 attack" in done.stderr
    assert not out.exists()
    done = antispoof("data", "import", "dataset", "nuaa", root, "--out", out, "--partial")
    assert done.returncode == 0, done.stderr
    assert len(read_manifest(out)) == 4
    assert "share subjects" in done.stdout


# What a list says, changed so that it contradicts the path, the name or the column beside it.
CONTRADICTIONS = [
    ("uniattackdata", "p1", "Data/live/001/0001.jpg 0", "Data/live/001/0001.jpg 1"),
    ("casia_surf", "challenge", "real.rssdk/ir/1.jpg 1", "real.rssdk/ir/1.jpg 0"),
    ("casia_cefa", "1.1", "1_120_1_1_1/color/0001.jpg 0", "1_120_1_1_1/color/0001.jpg 1"),
    ("casia_cefa", "1.1", "1_002_1_1_2_1_3/color/0001.jpg 1", "1_002_1_1_2_1_3/color/0001.jpg 0"),
    ("oulu_npu", "1", "+1,1_1_01_1", "-1,1_1_01_1"),
    ("oulu_npu", "1", "-1,1_3_36_3", "+1,1_3_36_3"),
    ("celeba_spoof", "intra_test", "3, 1, 1, 1]", "3, 1, 1, 0]"),
    ("celeba_spoof", "intra_test", "0, 1, 1, 0]", "3, 1, 1, 1]"),
    ("wmca", "grandtest", "514_01_035_0_00,bonafide", "514_01_035_0_00,glasses"),
    ("wmca", "grandtest", "514_01_035_1_05,glasses", "514_01_035_1_05,bonafide"),
    ("hq_wmca", "grand_test-curated", "000-a,Bonafide", "000-a,Print"),
    ("asvspoof2019_la", "cm", "000001 - - bonafide", "000001 - A01 bonafide"),
    ("asvspoof2019_pa", "cm", "- A01 spoof", "- - spoof"),
    ("asvspoof2021_la", "eval", "bonafide bonafide", "A07 bonafide"),
    ("asvspoof5", "track_1", "A01 spoof", "A01 bonafide"),
    ("in_the_wild", "all", "bona-fide", "unsure"),
    ("livdet2017_iris", "all", "train,clarkson,live,images/clarkson/", "train,clarkson,live,images/fake/"),
    ("livdet2020_iris", "all", "test,live,", "test,1,"),
    ("livdet2025_iris", "task2", "task2,live,", "task2,1,"),
]


@pytest.mark.parametrize(("name", "protocol", "says", "instead"), CONTRADICTIONS)
def test_a_list_that_contradicts_the_path_is_refused(
    name: str, protocol: str, says: str, instead: str, tmp_path: Path
) -> None:
    root = miniature(name, tmp_path)
    lists = [root / path for path, content in datasets[name].example.items() if says in content]
    assert lists, "the miniature changed"
    for path in lists:
        path.write_text(path.read_text(encoding="utf-8").replace(says, instead), encoding="utf-8")
    with pytest.raises(InputError, match=r"contradict|says neither|is bona fide, and|is an attack, and"):
        load_dataset(name, root, protocol, partial=True)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("replay_attack", "train/attack/fixed/attack_print_client001", "train/real/attack_print_client001"),
        ("msu_mfsd", "scene01/real/real_client001", "scene01/attack/real_client001"),
        ("msu_mfsd", "attack_client001_android_SD_ipad_video_", "attack_client001_android_SD_"),
        ("siw", "Test/live/006", "Test/spoof/006"),
        ("livdet2015_fingerprint", "Training/GreenBit/Live/", "Training/GreenBit/Fake/Live/"),
    ],
)
def test_a_file_in_the_folder_of_the_other_class_is_refused(
    name: str, old: str, new: str, tmp_path: Path
) -> None:
    for path, content in datasets[name].example.items():
        place = tmp_path / path.replace(old, new)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content or "x", encoding="utf-8")
    with pytest.raises(InputError, match="contradict"):
        load_dataset(name, tmp_path, partial=True)


@pytest.mark.parametrize("name", ["uniattackdata", "casia_surf", "casia_cefa"])
def test_digits_that_are_turned_throughout_are_read_by_the_paths_and_told(name: str, tmp_path: Path) -> None:
    usual = load_dataset(name, miniature(name, tmp_path / "usual"), partial=True)
    turned = miniature(name, tmp_path / "turned")
    for path, content in datasets[name].example.items():
        rows = [line[:-1] + str(1 - int(line[-1])) for line in content.splitlines()]
        if rows:
            (turned / path).write_text("\n".join(rows), encoding="utf-8")
    found = load_dataset(name, turned, partial=True)
    labels = [{p.id: p.pai_species for p in (*x.train, *x.dev, *x.test)} for x in (usual, found)]
    assert labels[0] == labels[1]
    assert "labels are those of the paths" in found.notes
    assert "labels are those of the paths" not in usual.notes
