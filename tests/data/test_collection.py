"""What `antispoof data` does with a collection: import, check, divide, summarise, erase."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from antispoof.data.contact_sheet import contact_sheet
from antispoof.data.erasure import bundles_naming, erase, plan_erasure
from antispoof.data.files import inspect_file, picture_of
from antispoof.data.folder import import_folder
from antispoof.data.inspection import inspect, separability
from antispoof.data.manifest import manifest_digest, read_manifest, write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.data.splitting import split
from antispoof.data.summary import partition_table, summarise
from antispoof.errors import InputError, MediaError


def picture(path: Path, seed: int, size: tuple[int, int] = (24, 16), level: int = 128) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-40, 40, (size[1], size[0], 3))
    Image.fromarray(np.clip(noise + level, 0, 255).astype(np.uint8)).save(path)
    return path


def collection(root: Path, subjects: int = 12) -> list[Presentation]:
    """Two bona fide presentations and one print a subject, alike in size and brightness."""
    rows = []
    for subject in range(subjects):
        for kind, species in enumerate([None, None, "print"]):
            path = picture(root / f"{subject}_{kind}.png", subject * 3 + kind)
            captures = {"face_rgb": CaptureFile(path)}
            rows.append(Presentation(path.stem, "own", captures, species, f"s{subject}", licence="CC0"))
    return rows


def codes(rows: list[Presentation], **options: object) -> dict[str, str]:
    return {f.code: f.severity for f in inspect(rows, **options).findings}  # type: ignore[arg-type]


def divided(rows: list[Presentation], *fractions: float) -> list[Presentation]:
    return list(split(rows, fractions or (0.5, 0.25, 0.25), 0))  # type: ignore[arg-type]


def changed(p: Presentation, **fields: object) -> Presentation:
    values: dict[str, Any] = {name: getattr(p, name) for name in p.__slots__} | fields
    return Presentation(**values)


# -- check -----------------------------------------------------------------------------------------


def test_a_clean_collection_has_nothing_to_report(tmp_path: Path) -> None:
    result = inspect(divided(collection(tmp_path)))
    assert result.findings == ()
    assert result.ok
    assert result.unreadable == frozenset()


def test_damaged_and_missing_files_are_named_and_counted(tmp_path: Path) -> None:
    rows = collection(tmp_path)
    (tmp_path / "0_0.png").unlink()
    (tmp_path / "1_1.png").write_bytes((tmp_path / "1_1.png").read_bytes()[:200])
    (tmp_path / "2_2.png").write_bytes(b"")
    result = inspect(rows)
    found = {f.code: f for f in result.findings}
    assert found["missing_file"].ids == ("0_0",)
    assert set(found["unreadable_file"].ids) == {"1_1", "2_2"}
    assert "1_1.png" in found["unreadable_file"].message
    assert result.unreadable == {"0_0", "1_1", "2_2"}
    assert not result.ok


def test_a_truncated_jpeg_a_short_video_and_a_broken_wave_are_damaged(tmp_path: Path) -> None:
    good = picture(tmp_path / "a.jpg", 1, (640, 480))
    good.write_bytes(good.read_bytes()[:-4000])
    (tmp_path / "b.wav").write_bytes(b"RIFF0000WAVE")
    (tmp_path / "c.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    (tmp_path / "d.npy").write_bytes(b"\x93NUMPY\x01\0")
    for name in ("a.jpg", "b.wav", "c.mp4", "d.npy"):
        with pytest.raises(MediaError, match=name):
            inspect_file(CaptureFile(tmp_path / name))
    (tmp_path / "e.txt").write_text("hello")
    with pytest.raises(MediaError, match=r"e\.txt' is not a picture"):
        inspect_file(CaptureFile(tmp_path / "e.txt"))


def test_sound_is_measured(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(np.arange(8000) / 5), 16000)
    facts = inspect_file(CaptureFile(tmp_path / "a.wav"))
    assert facts.measurements["duration_s"] == pytest.approx(0.5)
    assert facts.measurements["sample_rate_hz"] == 16000
    assert facts.measurements["level_db"] == pytest.approx(-9.03, abs=0.05)
    assert picture_of(CaptureFile(tmp_path / "a.wav"), 32).shape == (32, 32, 3)
    with pytest.raises(MediaError, match="9000"):
        inspect_file(CaptureFile(tmp_path / "a.wav", (0, 9000)))


def test_video_is_measured(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 48
        for i in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), i * 12, np.uint8), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    facts = inspect_file(CaptureFile(tmp_path / "a.mp4", (5, 10)))
    assert facts.measurements["frames"] == 20
    assert facts.measurements["duration_s"] == pytest.approx(2)
    assert facts.measurements["brightness"] == pytest.approx(84, abs=4)  # the middle one, of 5 to 9
    with pytest.raises(MediaError, match="0:30 wanted, 20 there"):
        inspect_file(CaptureFile(tmp_path / "a.mp4", (0, 30)))


def test_duplicates_are_judged_by_where_they_stand(tmp_path: Path) -> None:
    rows = divided(collection(tmp_path))
    train = [p for p in rows if p.partition == "train" and p.bona_fide]
    test = [p for p in rows if p.partition == "test" and p.bona_fide]
    attack = next(p for p in rows if p.partition == "train" and not p.bona_fide)
    cases = [(train[0], train[1], "warning"), (train[0], test[0], "error"), (train[0], attack, "error")]
    for one, other, severity in cases:
        copy = changed(other, captures={"face_rgb": one.captures["face_rgb"]})
        assert codes([copy if p is other else p for p in rows])["duplicate"] == severity


def test_two_frame_ranges_of_one_file_are_no_duplicates(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 2, 2, 3), np.uint8))
    digests = {inspect_file(CaptureFile(tmp_path / "a.npy", span)).digest for span in [(0, 2), (2, 4), None]}
    assert len(digests) == 3


def test_leaks_are_errors_unless_declared(tmp_path: Path) -> None:
    rows = divided(collection(tmp_path))
    leaking = [changed(p, subject="s0") for p in rows]
    assert codes(leaking)["subject_leak"] == "error"
    assert "subject_leak" not in codes(leaking, shared_subjects=True)


def test_missing_classes_imbalance_terms_and_unknown_subjects(tmp_path: Path) -> None:
    rows = collection(tmp_path)
    assert codes([p for p in rows if p.bona_fide]) == {"class_missing": "error"}
    assert codes([p for p in rows if p.bona_fide] + rows[2:3])["class_imbalance"] == "warning"
    assert codes([changed(p, licence="", subject="") for p in rows]) == {
        "licence_missing": "warning",
        "subject_unknown": "warning",
    }
    kept = [changed(p, retention_until=date(2030, 1, 31)) for p in rows]
    assert codes(kept, today=date(2030, 1, 31)) == {}
    assert codes(kept, today=date(2030, 2, 1)) == {"retention_passed": "error"}
    half = [changed(p, partition="train") if i % 2 else p for i, p in enumerate(rows)]
    assert codes(half)["undivided"] == "error"


def test_a_label_that_the_folders_contradict_is_told(tmp_path: Path) -> None:
    rows = collection(tmp_path / "real set")  # what all files share says nothing of one of them
    assert codes(rows) == {}
    picture(tmp_path / "real set" / "spoof" / "a.png", 99)
    captures = {"face_rgb": CaptureFile(tmp_path / "real set" / "spoof" / "a.png")}
    assert codes([*rows, changed(rows[0], id="a", captures=captures)]) == {"label_against_path": "warning"}


def test_a_size_that_gives_the_class_away_is_a_shortcut(tmp_path: Path) -> None:
    rows = collection(tmp_path)
    for i, p in enumerate(rows):
        if not p.bona_fide:
            picture(p.captures["face_rgb"].path, i, (40, 16))
    result = inspect(rows)
    assert any(f.code == "shortcut" and "width_px of face_rgb" in f.message for f in result.findings)
    assert result.separability["face_rgb", "width_px"] == 1
    assert result.separability["face_rgb", "height_px"] == 0.5


def test_a_device_that_filmed_attacks_only_is_a_shortcut(tmp_path: Path) -> None:
    rows = [changed(p, attributes={"device": "a" if p.bona_fide else "b"}) for p in collection(tmp_path)]
    assert codes(rows) == {"attribute_shortcut": "warning"}


def test_separability_sees_monotone_and_scattered_dependence_and_ignores_chance() -> None:
    rng = np.random.default_rng(0)
    label = rng.random(2000) < 0.3
    value = rng.normal(size=2000)
    people = list(range(2000))
    assert separability(value, label, people) == pytest.approx(0.5, abs=0.04)
    assert (separability(value + 10 * label, label, people) or 0) > 0.98  # a bin may straddle the gap
    # Two widths on either side of the other class: no threshold separates them, bins do.
    scattered = np.where(label, 640, rng.choice([320, 1280], 2000)).astype(float)
    assert separability(scattered, label, people) == 1
    # d' = 2 on balanced classes: the best threshold is right in Φ(1) = 84.1 % of the cases.
    shifted = rng.normal(size=20000) + 2 * (np.arange(20000) % 2)
    measured = separability(shifted, np.arange(20000) % 2 == 1, list(range(20000)))
    assert measured == pytest.approx(0.8413, abs=0.015)
    assert separability(value, label, ["one person"] * 2000) is None
    assert separability(value[:12], np.arange(12) < 3, people[:12]) is None


# -- split -----------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=3, max_size=30),
    seed=st.integers(0, 2**32),
    shares=st.sampled_from([(0.6, 0.2, 0.2), (0.8, 0.1, 0.1), (0.5, 0.0, 0.5), (1.0, 0.0, 0.0)]),
)
def test_no_subject_is_ever_divided_and_no_partition_is_empty(
    sizes: list[int], seed: int, shares: tuple[float, float, float]
) -> None:
    captures = {"face_rgb": CaptureFile(Path("a.png"))}
    kinds = [None, "print", "replay"]
    rows = [
        Presentation(f"{s}-{i}", "d", captures, kinds[(s + i) % 3], f"s{s}")
        for s, n in enumerate(sizes)
        for i in range(n)
    ]
    result = split(rows, shares, seed)
    assert [p.id for p in result] == [p.id for p in rows]
    where = {(p.subject, p.partition) for p in result}
    assert len(where) == len(sizes)
    used = {p.partition for p in result}
    assert used == {name for name, share in zip(("train", "dev", "test"), shares, strict=True) if share}
    assert result == split(rows, shares, seed)


def test_every_kind_of_attack_is_spread_by_the_shares(tmp_path: Path) -> None:
    captures = {"face_rgb": CaptureFile(tmp_path / "a.png")}
    rows = [
        Presentation(f"{s}-{kind}", "d", captures, kind, f"s{s}")
        for s in range(100)
        for kind in [None, "print", "replay", *(["mask"] if s % 10 == 0 else [])]
    ]
    result = split(rows, (0.6, 0.2, 0.2), 1)
    for kind, total in ((None, 100), ("print", 100), ("mask", 10)):
        counts = [
            sum(p.pai_species == kind and p.partition == n for p in result) for n in ("train", "dev", "test")
        ]
        assert counts == [0.6 * total, 0.2 * total, 0.2 * total]
    assert result != split(rows, (0.6, 0.2, 0.2), 2)


def test_sounds_are_voices_and_all_else_faces_where_no_folder_tells(tmp_path: Path) -> None:
    for name in ("bona_fide/a.wav", "bona_fide/b.jpg", "attack/c.mp4", "attack/d.flac", "attack/depth/e.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {p.id.split("/")[-1]: list(p.captures) for p in import_folder(tmp_path).presentations}
    others = {"b": ["face_rgb"], "c": ["face_rgb"], "e": ["face_depth"]}
    assert found == {"a": ["voice"], "d": ["voice"], **others}
    named = import_folder(tmp_path, modality="iris").presentations
    assert [list(p.captures) for p in named].count(["iris"]) == 4


def test_a_split_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 subjects cannot be divided into 3"):
        split(collection(tmp_path, 2), (0.6, 0.2, 0.2), 0)
    with pytest.raises(InputError, match="add up to 1"):
        split(collection(tmp_path, 9), (0.6, 0.2, 0.1), 0)


# -- import ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "species", "partition", "modality"),
    [
        ("bona_fide/a.png", None, "", "face_rgb"),
        ("Live/a.png", None, "", "face_rgb"),
        ("train/real/s1/a.png", None, "train", "face_rgb"),
        ("devel/attack/print/a.png", "print", "dev", "face_rgb"),
        ("test/spoof/a.png", "unspecified", "test", "face_rgb"),
        ("attack/thermal/Mask/a.png", "mask", "", "face_thermal"),
        ("replay/a.png", "replay", "", "face_rgb"),
    ],
)
def test_folder_names_are_labels(
    tmp_path: Path, path: str, species: str | None, partition: str, modality: str
) -> None:
    picture(tmp_path / path, 0)
    picture(tmp_path / "bonafide" / "other.png", 1)
    rows = {
        next(iter(p.captures.values())).path.relative_to(tmp_path).as_posix(): p
        for p in import_folder(tmp_path).presentations
    }
    assert rows[path].pai_species == species
    assert rows[path].partition == partition
    assert list(rows[path].captures) == [modality]
    assert rows[path].dataset == tmp_path.name


def test_sensors_of_one_presentation_are_joined_and_the_pattern_names_the_person(tmp_path: Path) -> None:
    for sensor in ("color", "depth", "ir"):
        picture(tmp_path / "real" / sensor / "s01_2.png", 0)
    picture(tmp_path / "fake" / "print" / "color" / "s02_1.png", 0)
    picture(tmp_path / "notes" / "plan.png", 0)
    result = import_folder(
        tmp_path,
        pattern=r"(?P<subject>s\d+)_(?P<session>\d)",
        dataset="lab",
        licence="own",
        consent_basis="asked",
    )
    attack, genuine = sorted(result.presentations, key=lambda p: p.bona_fide)
    assert set(genuine.captures) == {"face_rgb", "face_depth", "face_infrared"}
    assert (genuine.subject, genuine.session, genuine.licence) == ("s01", "2", "own")
    assert (attack.subject, attack.pai_species, attack.consent_basis) == ("s02", "print", "asked")
    assert result.skipped == ("notes/plan.png",)


def test_files_without_a_label_are_reported_not_guessed(tmp_path: Path) -> None:
    picture(tmp_path / "set" / "live" / "a.png", 0)
    picture(tmp_path / "elsewhere" / "b.png", 0)
    result = import_folder(tmp_path)
    assert result.skipped == ("elsewhere/b.png",)


def test_a_tree_that_says_nothing_or_two_things_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "holiday" / "a.png", 0)
    with pytest.raises(InputError, match=r"expected folders named bona_fide and attack .* found holiday/"):
        import_folder(tmp_path)
    picture(tmp_path / "attack" / "live" / "a.png", 0)
    with pytest.raises(InputError, match="say both bona fide and attack"):
        import_folder(tmp_path)
    for pattern, message in (
        ("(", "not a regular expression"),
        ("a", "group named subject"),
        (r"(?P<subject>\d{9})", "match"),
    ):
        with pytest.raises(InputError, match=message):
            import_folder(
                picture(tmp_path / pattern[:1] / "t" / "live" / "a.png", 0).parents[1], pattern=pattern
            )
    with pytest.raises(InputError, match="is not a folder"):
        import_folder(tmp_path / "none")


# -- summary ---------------------------------------------------------------------------------------


def test_tables_count_what_is_there(tmp_path: Path) -> None:
    rows = divided([changed(p, attributes={"sex": "f"}) for p in collection(tmp_path)])
    table = partition_table(rows)
    assert table.header == ("", "train", "dev", "test", "all")
    assert table.rows == (
        ("bona_fide", "12", "6", "6", "24"),
        ("print", "6", "3", "3", "12"),
        ("subjects known", "6", "3", "3", "12"),
    )
    titles = {t.title: t.rows for t in summarise(rows)}
    assert titles["Attributes"] == (("sex", "f", "24", "12", "12"),)
    assert titles["Terms"] == (("own", "CC0", "not stated", "not stated", "no", "36"),)


def test_a_contact_sheet_shows_every_kind_and_survives_damage(tmp_path: Path) -> None:
    rows = collection(tmp_path, 3)
    rows[0].captures["face_rgb"].path.write_bytes(b"broken")
    depth = np.full((20, 20), 600, np.uint16)
    Image.fromarray(depth).save(tmp_path / "depth.png")
    rows[2] = changed(
        rows[2], captures={**rows[2].captures, "face_depth": CaptureFile(tmp_path / "depth.png")}
    )
    contact_sheet(rows, tmp_path / "out" / "sheet.png", columns=4, side=32)
    with Image.open(tmp_path / "out" / "sheet.png") as sheet:
        assert sheet.width > 4 * 2 * 32
        assert len(sheet.getcolors(1 << 20) or []) > 20


# -- erase -----------------------------------------------------------------------------------------


def test_erasing_a_person_leaves_everybody_else(tmp_path: Path) -> None:
    rows = collection(tmp_path)
    shared = changed(
        rows[0], captures={"face_rgb": rows[0].captures["face_rgb"], "iris": rows[3].captures["face_rgb"]}
    )
    manifest = tmp_path / "m.csv"
    write_manifest([shared, *rows[1:]], manifest)
    plan = plan_erasure(read_manifest(manifest), "s0")
    assert [p.id for p in plan.removed] == ["0_0", "0_1", "0_2"]
    assert [p.name for p in plan.shared] == ["1_0.png"]
    erase(manifest, plan)
    assert not list(tmp_path.glob("0_*.png"))
    assert len(list(tmp_path.glob("*.png"))) == 33
    assert {p.subject for p in read_manifest(manifest)} == {f"s{i}" for i in range(1, 12)}


def test_the_last_person_takes_the_manifest_along(tmp_path: Path) -> None:
    write_manifest(collection(tmp_path, 1), tmp_path / "m.csv")
    erase(tmp_path / "m.csv", plan_erasure(read_manifest(tmp_path / "m.csv"), "s0"))
    assert list(tmp_path.iterdir()) == []


def test_erasing_refuses_what_is_not_clear(tmp_path: Path) -> None:
    rows = collection(tmp_path, 2)
    with pytest.raises(InputError, match="no presentation has the subject 's9'"):
        plan_erasure(rows, "s9")
    with pytest.raises(InputError, match="no presentation has the subject ''"):
        plan_erasure([changed(p, subject="") for p in rows], "")
    two = [*rows, *(changed(p, id=p.id + "b", dataset="other") for p in rows)]
    with pytest.raises(InputError, match="several datasets"):
        plan_erasure(two, "s0")
    assert {p.dataset for p in plan_erasure(two, "s0", "other").removed} == {"other"}
    write_manifest(rows, tmp_path / "m.csv")
    with pytest.raises(InputError, match="has changed in the meantime"):
        erase(tmp_path / "m.csv", plan_erasure(two, "s0", "own"))
    assert len(read_manifest(tmp_path / "m.csv")) == 6


def test_bundles_that_name_the_manifest_are_found(tmp_path: Path) -> None:
    manifest = tmp_path / "faces.csv"
    write_manifest(collection(tmp_path, 1), manifest)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.onnx").write_bytes(b"\x08\x01..." + manifest_digest(manifest).encode() + b"...")
    (tmp_path / "runs" / "b.onnx").write_bytes(b"...data/faces.csv...")
    (tmp_path / "runs" / "c.onnx").write_bytes(b"...other.csv...")
    assert [p.name for p in bundles_naming(manifest, [tmp_path])] == ["a.onnx", "b.onnx"]


# -- the command line ------------------------------------------------------------------------------


def antispoof(*arguments: object, answer: str = "") -> subprocess.CompletedProcess[str]:
    program = "from antispoof.cli import main; main()"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, input=answer, check=False, timeout=60)


def test_from_a_folder_to_an_erased_person(tmp_path: Path) -> None:
    for s in range(6):
        picture(tmp_path / "set" / "live" / f"s{s}.png", s)
        picture(tmp_path / "set" / "attack" / "print" / f"s{s}.png", 10 + s)
    (tmp_path / "set" / "live" / "s5.png").write_bytes(b"damaged")
    raw, divided_, usable = (tmp_path / name for name in ("m.csv", "d.csv", "usable.csv"))
    done = antispoof(
        "data", "import", "folder", tmp_path / "set", "--out", raw, "--pattern", r"(?P<subject>s\d)"
    )
    assert done.returncode == 0, done.stderr
    done = antispoof("data", "split", raw, "--out", divided_, "--fractions", 0.34, 0.33, 0.33)
    assert done.returncode == 0, done.stderr
    done = antispoof("data", "check", divided_, "--usable", usable)
    assert done.returncode == 1
    assert "s5.png" in done.stdout
    assert len(read_manifest(usable)) == 11
    assert antispoof("data", "summary", usable, "--sheet", tmp_path / "sheet.png").returncode == 0
    assert (tmp_path / "sheet.png").stat().st_size > 1000
    assert antispoof("data", "erase", divided_, "--subject", "s0", answer="n\n").returncode == 74
    assert len(read_manifest(divided_)) == 12
    done = antispoof("data", "erase", divided_, "--subject", "s0", answer="y\n")
    assert done.returncode == 0, done.stderr
    assert len(read_manifest(divided_)) == 10
    assert not (tmp_path / "set" / "live" / "s0.png").exists()


@pytest.mark.parametrize(
    "arguments",
    [("check", "none.csv"), ("split", "none.csv"), ("import", "folder", "none", "--out", "m.csv")],
)
def test_bad_input_ends_with_code_3_and_no_traceback(arguments: tuple[str, ...]) -> None:
    done = antispoof("data", *arguments)
    assert done.returncode == 3
    assert done.stderr
    assert "Traceback" not in done.stderr
