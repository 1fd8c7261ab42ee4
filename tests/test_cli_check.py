"""check, calibrate and models through the real entry point: what they print, and how they end."""

from __future__ import annotations

import csv
import json
import os
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from antispoof.cli import main
from antispoof.errors import MediaError
from antispoof.sensing.modalities import modality_of

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def desk(tmp_path: Path, make_bundle: Any, encode: Any, portrait: Any, close_up: Any, blank: Any) -> Path:
    """A folder with a bundle, and pictures of every kind."""
    make_bundle()
    blue = np.clip(close_up * np.array([0.6, 1, 1.2]), 0, 255).astype(np.uint8)
    jpeg = encode(portrait, "JPEG", quality=90)
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    files = {
        "person.jpg": jpeg,
        "blue.png": encode(blue, "PNG"),
        "wall.png": encode(blank, "PNG"),
        "two.png": encode(np.hstack([close_up, close_up]), "PNG"),
        "truncated.jpg": jpeg[: len(jpeg) // 2],
        "empty.jpg": b"",
        "text.jpg": b"This is a letter.",
        "bomb.png": b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + ihdr + struct.pack(">I", zlib.crc32(ihdr)),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    return tmp_path


def test_one_person(run: Run, desk: Path) -> None:
    code, out, err = run("check", "--bundle", desk / "miniature.onnx", "--face-rgb", desk / "person.jpg")
    assert code == 0
    assert err == ""
    first, score, meaning, evidence = out.splitlines()
    assert first.endswith("person.jpg: bona fide")
    assert re.fullmatch(r"  score     \+\d\.\d\d, \d\.\d\d above the threshold of \+0.50 \(balanced\)", score)
    assert meaning.endswith("times likelier from a person who is there than from an attack")
    assert re.fullmatch(r"  face_rgb  used, face of 1\d\d pixels", evidence)


def test_a_bundle_says_what_it_looks_for_and_one_without_a_say_is_named(
    run: Run, desk: Path, make_bundle: Any
) -> None:
    """A score of face-manipulation is no word about a person who is there."""
    seams = make_bundle("seams.onnx", name="face-manipulation")
    _, out, err = run("check", "--bundle", seams, "--face-rgb", desk / "person.jpg")
    assert "from a picture without a trace of manipulation than from a manipulated picture" in out
    assert err == ""
    named = ("--bundle", desk / "miniature.onnx", "--bundle", seams)
    _, out, err = run("check", *named, desk / "person.jpg", desk / "blue.png")
    assert "from a person who is there" in out
    assert "manipula" not in out
    told = (
        "face-manipulation 1 has no say: miniature 1, named before it, judges face_rgb. Ask each by itself."
    )
    assert err.splitlines() == [told]
    _, _, err = run("score", *named, desk / "person.jpg", "-o", desk / "scores.csv", "--jobs", "1")
    assert told in err
    policy = desk / "p.yaml"
    policy.write_text(f"name: p\nbundles: [{desk / 'miniature.onnx'}, {seams}]\n", encoding="utf-8")
    _, _, err = run("check", "--policy", policy, desk / "person.jpg", desk / "blue.png")
    assert err.splitlines() == [told]
    _, _, err = run("check", "--policy", policy, "--bundle", seams, desk / "person.jpg")
    instead = f"--bundle {seams} judges instead of the bundles of the policy p: "
    assert err.splitlines() == [f"{instead}{desk / 'miniature.onnx'}, {seams}"]


def test_a_file_name_forges_no_line_of_output(run: Run, desk: Path) -> None:
    forged = desk / "x.png: attack\nboss.jpg: bona fide\x1b[2K\u202e"
    forged.write_bytes((desk / "blue.png").read_bytes())
    broken = desk / "y\nboss.jpg: bona fide"
    broken.write_bytes(b"")
    out_file = desk / "scores.csv"
    named = ("--bundle", desk / "miniature.onnx")
    for arguments in (
        ("check", *named, forged, broken),
        ("score", *named, forged, broken, "-o", out_file, "--jobs", "1"),
        ("provenance", forged, broken),
    ):
        _, out, err = run(*arguments)
        assert "y\\nboss.jpg" in err
        assert not any(line.startswith("boss.jpg") for line in (out + err).splitlines())
        assert not set(out + err) & {"\x1b", "\u202e"}
    assert json.dumps(str(forged), ensure_ascii=False) in run("check", *named, "--json", forged)[1]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["person.jpg"], 0),
        (["blue.png"], 1),
        (["wall.png"], 2),
        (["two.png"], 2),
        (["person.jpg", "wall.png"], 2),
        (["wall.png", "blue.png", "person.jpg"], 1),
        (["text.jpg", "blue.png", "person.jpg"], 3),
    ],
)
def test_the_exit_code_is_that_of_the_gravest(run: Run, desk: Path, names: list[str], expected: int) -> None:
    code, out, _ = run("check", "--bundle", desk / "miniature.onnx", *(desk / name for name in names))
    assert code == expected
    judged = [name for name in names if name != "text.jpg"]
    assert [name for name in names if f"{name}: " in out] == judged


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.jpg", "no such file"),
        ("folder", "is a directory, and there is nothing in it"),
        ("empty.jpg", "there is nothing in it"),
        ("truncated.jpg", "is damaged and cannot be decoded"),
        ("bomb.png", "30000×30000, 900 Mpx; at most 24 Mpx are allowed"),
        ("text.jpg", "is not a picture; use a still JPEG"),
    ],
)
def test_bad_input_is_told_in_words(run: Run, desk: Path, name: str, words: str) -> None:
    code, out, err = run("check", "--bundle", desk / "miniature.onnx", desk / name)
    assert code == 3
    assert out == ""
    assert f"{name}: error: " in err
    assert words in err
    assert err.count("\n") == 1


def test_reasons_come_with_advice(run: Run, desk: Path) -> None:
    _, out, _ = run("check", "--bundle", desk / "miniature.onnx", desk / "wall.png", desk / "two.png")
    assert "wall.png: no verdict" in out
    assert "face_rgb  could not be judged: no_face" in out
    assert "advice    no face was found: face the camera" in out
    assert "advice    several faces are about equally large" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check"], "name at least one picture or recording"),
        (["check", "--nonsense"], "No such option"),
        (["chekc"], "No such command"),
        (["check", "person.jpg", "--bundle", "none"], "unknown bundle 'none'"),
        (["check", "person.jpg", "--bundle", "none.onnx"], "no such bundle file"),
        (["check", "person.jpg", "--bundle", "text.jpg"], "is damaged, or not an ONNX file"),
        (["check", "person.jpg", "--bundle", "miniature.onnx", "--at", "no"], "unknown operating point 'no'"),
        (
            ["check", "person.jpg", "--bundle", "miniature.onnx", "--site", "none"],
            "cannot read the site calib",
        ),
        (["check", "person.jpg", "--bundle", "miniature.onnx", "--site", "text.jpg"], "no site calibration"),
        (
            ["check", "person.jpg", "--bundle", "miniature.onnx", "--report", "no/p.html"],
            "cannot write 'no/p.html'",
        ),
        (["calibrate", "-o", "x"], "name the samples of one sensor"),
        (
            ["calibrate", "--face-rgb", "folder", "--voice", "folder", "-o", "x"],
            "name the samples of one sensor",
        ),
        (["calibrate", "--face-rgb", "none", "-o", "x"], "no such file or folder: 'none'"),
        (["calibrate", "--face-rgb", "folder", "-o", "x"], "there are no files in 'folder'"),
        (
            ["calibrate", "--bundle", "miniature.onnx", "--face-rgb", "person.jpg", "-o", "x"],
            "at least 5 are",
        ),
        (["models", "--bundle", "none.onnx"], "no such bundle file"),
    ],
)
def test_usage_errors_end_with_3(
    run: Run, desk: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(desk)
    code, _, err = run(*arguments)
    assert code == 3
    assert words in err


def test_a_defect_is_no_verdict(run: Run, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from antispoof.runtime import detector

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(detector, "load", broken)
    with pytest.raises(AssertionError, match="Traceback"):
        run("check", desk / "person.jpg")
    monkeypatch.setattr(sys, "argv", ["antispoof", "check", "person.jpg"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 70


def test_json_is_one_document(run: Run, desk: Path) -> None:
    names = ["person.jpg", "wall.png", "text.jpg"]
    code, out, err = run(
        "check", "--json", "--bundle", desk / "miniature.onnx", *(desk / name for name in names)
    )
    assert code == 3
    assert err == ""
    person, wall, text = json.loads(out)["results"]
    assert person["source"].endswith("person.jpg")
    assert person["error"] is None
    verdict = person["verdict"]
    assert verdict["outcome"] == "bona_fide"
    assert verdict["score"] >= verdict["operating_point"]["threshold"] == 0.5
    assert verdict["evidence"][0]["modality"] == "face_rgb"
    assert wall["verdict"]["outcome"] == "non_response"
    assert wall["verdict"]["score"] is None
    assert wall["verdict"]["evidence"][0]["reasons"] == ["no_face"]
    assert text["verdict"] is None
    assert text["error"]["code"] == "unsupported_media"


def test_the_report_is_one_page_by_itself(run: Run, desk: Path) -> None:
    odd = desk / "<b>odd & name.jpg"
    odd.write_bytes((desk / "person.jpg").read_bytes())
    names = [odd, desk / "blue.png", desk / "wall.png", desk / "text.jpg"]
    page = desk / "page.html"
    code, out, _ = run("check", "--report", page, "--bundle", desk / "miniature.onnx", *names)
    assert code == 3
    assert f"evidence page: {page}" in out
    html = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;odd &amp; name.jpg" in html
    assert "<b>odd" not in html
    assert html.count("<article") == 4
    assert html.count("<svg") == 2
    assert html.count("data:image/jpeg;base64,") == 5  # crop and heat map of two faces, and the wall
    assert not re.search(r"(src|href)=\"(?!data:|#)|url\((?!#)|<script|@import", html)
    assert "default-src 'none'" in html


def test_calibrate_and_check_at_the_site(run: Run, desk: Path, close_up: Any, encode: Any) -> None:
    photos = desk / "photos"
    photos.mkdir()
    random = np.random.default_rng(0)
    for index in range(8):
        tint = np.array([1, 1, 1.35]) * random.normal(1, 0.05, 3)
        picture = np.roll(close_up, random.integers(-9, 10, 2), axis=(0, 1)) * tint
        (photos / f"{index}.png").write_bytes(encode(np.clip(picture, 0, 255).astype(np.uint8), "PNG"))
    (photos / ".hidden").write_bytes(b"")
    (photos / "notes.txt").write_text("not a picture")
    bundle, site = desk / "miniature.onnx", desk / "site.json"
    code, out, _ = run("calibrate", "--face-rgb", photos, "-o", site, "--bundle", bundle)
    assert code == 0
    assert re.search(r"threshold \+0\.50 → -\d\.\d\d \(90 % interval -\d\.\d\d to [+-]\d\.\d\d\)", out)
    assert "from 8 bona fide captures" in out
    assert "1 could not be judged" in out
    assert "advice: 8 captures are few" in out
    before, _, _ = run("check", "--bundle", bundle, photos / "3.png")
    after, out, _ = run("check", "--bundle", bundle, "--site", site, photos / "3.png")
    assert (before, after) == (1, 0)
    assert "person" not in site.read_text()


def test_models_are_listed(run: Run, desk: Path) -> None:
    code, out, _ = run("models", "--bundle", desk / "miniature.onnx")
    assert code == 0
    for words in (
        "miniature 1",
        "judges face_rgb",
        "Apache-2.0",
        "balanced (default)",
        "APCER <= 1 %",
        "simulated",
    ):
        assert words in out
    code, out, _ = run("models", "--bundle", desk / "miniature.onnx", "--json")
    (entry,) = json.loads(out)["models"]
    assert entry["metadata"]["operating_points"]["strict"]["threshold"] == 4.0
    assert entry["bytes"] == (desk / "miniature.onnx").stat().st_size
    code, _, _ = run("models")
    assert code == 0


def test_file_names_of_any_bytes(run: Run, desk: Path, close_up: Any, encode: Any) -> None:
    odd = desk / os.fsdecode(b"\xff\xfe \xc3\xbc.jpg")
    odd.write_bytes((desk / "person.jpg").read_bytes())
    bundle, page, site = desk / "miniature.onnx", desk / "page.html", desk / "site.json"
    assert run("check", "--bundle", bundle, odd, "--report", page)[0] == 0
    code, out, _ = run("check", "--bundle", bundle, odd, "--json")
    assert code == 0
    assert json.loads(out)["results"][0]["verdict"]["outcome"] == "bona_fide"
    blue = np.clip(close_up * np.array([0.4, 1, 2.0]), 0, 255).astype(np.uint8)
    odd.write_bytes(encode(blue, "PNG"))
    people = [desk / "person.jpg"] * 9
    code, out, _ = run("calibrate", "--bundle", bundle, "-o", site, *flags("--face-rgb", [*people, odd]))
    assert code == 0
    assert json.loads(site.read_text())["suspicious"]
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    program = "from antispoof.cli import main; main()"
    command = [sys.executable, "-c", program, "check", "--bundle", str(bundle), os.fsencode(odd)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ascii_only)
    assert (done.returncode, done.stderr) == (1, "")


def flags(name: str, values: list[Path]) -> list[object]:
    return [part for value in values for part in (name, value)]


def test_as_a_process_of_its_own(desk: Path) -> None:
    program = "from antispoof.cli import main; main()"
    command = [sys.executable, "-c", program, "check", "--bundle", str(desk / "miniature.onnx")]
    expected = {"person.jpg": 0, "blue.png": 1, "wall.png": 2, "truncated.jpg": 3, "none.jpg": 3}
    for name, code in expected.items():
        done = subprocess.run([*command, str(desk / name)], capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert "Traceback" not in done.stderr
        assert bool(done.stderr) == (code == 3)


def test_it_imports_its_own_command_and_sensor_alone(desk: Path) -> None:
    program = "import sys; from antispoof.cli import _run; _run(); print(*sys.modules)"
    command = [sys.executable, "-c", program, "check", "--bundle", str(desk / "miniature.onnx")]
    done = subprocess.run(
        [*command, "--face-rgb", str(desk / "person.jpg")], capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.split())
    assert {"antispoof.cli.check", "antispoof.sensing.modalities.face_rgb"} <= imported
    others = {"antispoof.cli.every", "antispoof.cli.train", "antispoof.sensing.modalities.voice"}
    assert not imported & (others | {"av", "scipy", "rich.console", "concurrent.futures", "logging"})


def test_a_reader_who_leaves_early_changes_no_exit_code(desk: Path) -> None:
    program = "from antispoof.cli import main; main()"
    command = [sys.executable, "-c", program, "check", "--bundle", str(desk / "miniature.onnx")]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        for name, code in {"person.jpg": 0, "blue.png": 1, "wall.png": 2}.items():
            done = subprocess.run(
                [*command, str(desk / name)], stdout=closed, stderr=subprocess.PIPE, text=True, check=False
            )
            assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_an_output_that_cannot_be_written_is_no_verdict(desk: Path) -> None:
    program = "from antispoof.cli import main; main()"
    command = [sys.executable, "-c", program, "check", "--bundle", str(desk / "miniature.onnx")]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*command, str(desk / "person.jpg")], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 74
    assert done.stderr == "error: the output cannot be written: No space left on device\n"


def test_folders_standard_input_and_totals(desk: Path) -> None:
    for name in ("person.jpg", "blue.png", "wall.png"):
        (desk / "folder" / name).write_bytes((desk / name).read_bytes())
    program = "from antispoof.cli import main; main()"
    command = [sys.executable, "-c", program, "check", "--bundle", str(desk / "miniature.onnx")]
    done = subprocess.run(
        [*command, str(desk / "folder"), "-"],
        input=(desk / "person.jpg").read_bytes(),
        capture_output=True,
        check=False,
    )
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 1
    assert "-: bona fide" in lines
    assert lines[-1] == "4 presentations: 2 bona fide, 1 attack, 1 no verdict"


def test_json_goes_to_the_terminal_or_to_a_file(run: Run, desk: Path) -> None:
    bundle = desk / "miniature.onnx"
    code, out, _ = run("check", "--bundle", bundle, "--json", desk / "person.jpg")
    assert code == 0
    to_terminal = json.loads(out)
    code, out, err = run("check", "--bundle", bundle, desk / "person.jpg", "--json", desk / "verdict.json")
    assert (code, out) == (0, "")
    assert "wrote" in err
    assert json.loads((desk / "verdict.json").read_text()) == to_terminal


def test_lines_and_rows(run: Run, desk: Path) -> None:
    files = [desk / name for name in ("person.jpg", "text.jpg", "wall.png")]
    code, out, _ = run("check", "--bundle", desk / "miniature.onnx", "--jsonl", *files)
    assert code == 3
    lines = [json.loads(line) for line in out.splitlines()]
    assert [bool(line["error"]) for line in lines] == [False, True, False]
    code, out, _ = run("check", "--bundle", desk / "miniature.onnx", "--csv", *files)
    rows = list(csv.DictReader(out.splitlines()))
    assert [row["outcome"] for row in rows] == ["bona_fide", "", "non_response"]
    assert rows[1]["error"]
    assert run("check", "--csv", "--jsonl", *files)[0] == 3


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films with and without sound, in several containers; and a sound file with a cover."""
    import av

    folder = tmp_path_factory.mktemp("films")
    for name, codec, sound in (
        ("a.mp4", "mpeg4", "aac"),
        ("b.mkv", "mpeg4", "aac"),
        ("c.webm", "libvpx", "libopus"),
        ("silent.mov", "mpeg4", None),
        ("d.avi", "mpeg4", "mp3"),
    ):
        with av.open(str(folder / name), "w") as film:
            picture = film.add_stream(codec, rate=10)
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
            voice = None if sound is None else film.add_stream(sound, rate=48000)
            for _ in range(5):
                frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
                film.mux(picture.encode(frame))
            film.mux(picture.encode(None))
            if voice is not None:
                silence = np.zeros((1, 24000), np.float32)
                made = av.AudioFrame.from_ndarray(silence, "fltp", "mono")
                made.sample_rate = 48000
                film.mux(voice.encode(made))
                film.mux(voice.encode(None))
    return folder


@pytest.mark.parametrize("name", ["a.mp4", "b.mkv", "c.webm", "silent.mov", "d.avi"])
def test_a_film_is_not_judged_by_one_side(run: Run, desk: Path, films: Path, name: str) -> None:
    code, out, err = run("check", films / name, desk / "person.jpg", "--bundle", desk / "miniature.onnx")
    assert code == 3
    assert "is a film" in err
    assert "--voice" in err
    assert "--face-rgb" in err
    assert "person.jpg: bona fide" in out  # the other one is judged all the same


def test_without_an_option_the_content_says_what_it_is(films: Path, desk: Path, tmp_path: Path) -> None:
    disguised = tmp_path / "selfie.jpg"
    disguised.write_bytes((films / "a.mp4").read_bytes())
    with pytest.raises(MediaError, match="is a film"):
        modality_of(disguised)
    assert modality_of(desk / "person.jpg") == "face_rgb"
    assert modality_of((desk / "person.jpg").read_bytes()) == "face_rgb"


def test_old_spellings_of_fuse(run: Run) -> None:
    code, _, err = run("fuse", "--asv", "trials.csv")
    assert code == 3
    assert "antispoof fuse --asv is antispoof spoof-aware now" in err
    code, _, err = run("fuse", "--chimeric", "a.csv", "b.csv", "--dev-share", "0.5")
    assert code == 3
    assert "antispoof fuse --chimeric is antispoof chimeric now" in err


def test_units_are_stated_for_a_sensor(run: Run, tmp_path: Path) -> None:
    from PIL import Image

    from antispoof.simulation.scene.render import SceneSpec, render_scene

    scene = render_scene(SceneSpec(5, 1, 1, None, "desk", "office"), 128)
    Image.fromarray(scene["face_depth"]).save(tmp_path / "mm.png")
    Image.fromarray(scene["face_depth"] * np.uint16(10)).save(tmp_path / "tenths.png")
    bundle = ("--bundle", "face-multispectral", "--json")
    _, plain, _ = run("check", "--face-depth", tmp_path / "mm.png", *bundle)
    tenths = ("check", "--face-depth", tmp_path / "tenths.png", *bundle)
    report = ("--report", tmp_path / "page.html")
    _, stated, _ = run(*tenths, "--unit", "face-depth=0.1 mm", *report)
    first, second = (json.loads(out)["results"][0]["verdict"]["score"] for out in (plain, stated))
    assert first == pytest.approx(second, abs=1e-4)
    assert (tmp_path / "page.html").stat().st_size > 10_000
    assert run(*tenths)[0] == 2
    for words, said in (
        ("face_depth=inch", "the unit of face_depth must be mm"),
        ("depth=mm", "write SENSOR=UNIT"),
        ("face_depth", "write SENSOR=UNIT"),
        ("face_infrared=12 bit", "no sample of that sensor is named with --face-infrared"),
    ):
        code, _, err = run(*tenths, "--unit", words)
        assert code == 3
        assert said in " ".join(err.split())


def test_what_of_a_film_was_not_judged_is_said(run: Run, films: Path, desk: Path) -> None:
    film = films / "a.mp4"
    code, out, _ = run("check", "--voice", film)
    assert code == 2  # silence
    assert "not judged the picture of the film" in " ".join(out.split())
    code, out, _ = run("check", "--face-rgb", film, "--json", "--bundle", desk / "miniature.onnx")
    (evidence,) = json.loads(out)["results"][0]["verdict"]["evidence"]
    assert evidence["unjudged"] == ["the sound of the film"]
    for file in (films / "silent.mov", desk / "person.jpg"):
        _, out, _ = run("check", "--face-rgb", file, "--json", "--bundle", desk / "miniature.onnx")
        assert json.loads(out)["results"][0]["verdict"]["evidence"][0]["unjudged"] == []


@pytest.fixture
def burst(tmp_path: Path, close_up: Any) -> Path:
    """Four frames of one person, of which one is an attack for the miniature bundle, and a bundle."""
    from PIL import Image

    (tmp_path / "burst").mkdir()
    for number, red in enumerate((1.3, 1.2, 0.5, 1.3)):
        noise = np.random.default_rng(number).integers(0, 3, close_up.shape)
        frame = (close_up * (red, 0.8, 1.4 - red) * 0.7 + noise).clip(0, 255).astype(np.uint8)
        Image.fromarray(frame).save(tmp_path / "burst" / f"{number}.png")
    return tmp_path


def test_files_together_are_one_presentation(run: Run, burst: Path, make_bundle: Any) -> None:
    bundle = ("--bundle", make_bundle())
    pattern, folder = burst / "burst" / "*.png", burst / "burst"
    files = sorted(folder.iterdir())
    _, out, _ = run("check", "--face-rgb", pattern, "--json", *bundle)
    assert len(json.loads(out)["results"]) == 4, "alone they are four"
    documents = []
    for words in (("--face-rgb", pattern), ("--face-rgb", folder), files, ("--face-rgb", *files)):
        code, out, _ = run("check", *words, "--together", "--json", *bundle)
        (result,) = json.loads(out)["results"]
        documents.append(result)
        assert result["sources"] == {"face_rgb": [str(file) for file in files]}
        assert [frame["score"] > 0.5 for frame in result["verdict"]["evidence"][0]["frames"]] == [
            True,
            True,
            False,
            True,
        ]
        assert code == {"bona_fide": 0, "attack": 1}[result["verdict"]["outcome"]]
    assert documents == documents[:1] * 4
    report = burst / "page.html"
    code, out, _ = run("check", "--face-rgb", pattern, "--together", "--report", report, *bundle)
    assert f"{files[0]} … {files[3]} (4 frames): " in out
    assert "frames    4, " in out
    page = report.read_text(encoding="utf-8")
    assert "the frames: what each of them speaks for" in page
    assert "of 4</figcaption>" in page or "of 4" in page


def test_bad_frames_together_are_told_and_nothing_is_lost(run: Run, burst: Path, make_bundle: Any) -> None:
    bundle = ("--bundle", make_bundle())
    (burst / "burst" / "9.png").write_bytes(b"letter")
    code, out, err = run("check", "--face-rgb", burst / "burst", "--together", "--json", *bundle)
    (result,) = json.loads(out)["results"]
    assert (code, result["verdict"], result["error"]["code"]) == (3, None, "unsupported_media")
    assert "9.png" in result["error"]["message"]
    first = burst / "burst" / "0.png"
    code, out, _ = run("check", first, first, "--together", *bundle)
    assert code == 2
    assert "not taken for one presentation of one person: repeated" in out
    assert "was handed in more than once" in out
    code, _, err = run("check", "--face-rgb", burst / "none*.png", "--together", *bundle)
    assert code == 3
    assert "no such file" in err
    code, _, err = run("check", "--together", *bundle)
    assert code == 3
    assert "name at least one picture" in err
