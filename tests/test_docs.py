"""Every block of code in the documentation runs when it is pasted alone, beside the files that it names.

Alone means: no name of an earlier block. Files that an earlier block of the page wrote are there.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import soundfile
import typer
import yaml
from doc_blocks import NOT_RUN, Block, read_blocks
from packaging.requirements import Requirement
from PIL import Image
from spoken import spoken
from tutorials import run_tutorial

import antispoof
from antispoof.cli.every import app
from antispoof.cli.sensors import declare_sensors
from antispoof.runtime.bundle import shipped_bundles
from antispoof.simulation.fingerprint.collection import plan_prints
from antispoof.simulation.fingerprint.presentation import present
from antispoof.simulation.scene.collection import plan_scenes, write_scenes

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "findings" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
TUTORIALS = [page for page in (ROOT / "docs" / "tutorials").glob("*.md") if page.name != "index.md"]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)?(?:#([\w-]+))?\)", re.S)
VERDICTS = {0, 1, 2}
"""What `antispoof check` may say of a picture without having failed."""
ENOUGH = {"--resamples": "20", "--workers": "1", "--jobs": "1"}
"""What a page leaves open: it wants sure intervals, a test only some; processes take longer to start than to
help."""


def pages_with(*languages: str) -> list[Path]:
    pages = [page for page in PAGES if page not in TUTORIALS]
    return [page for page in pages if any(block.language in languages for block in read_blocks(page))]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def provide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portrait: Any, encode: Any, speech: Any) -> Any:
    """Fill the working folder with what a page takes for granted: the files whose names it mentions."""
    monkeypatch.chdir(tmp_path)

    def picture(path: Path, quality: int = 90) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(portrait, "JPEG", quality=quality))

    def recording(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, speech, 16_000)

    def pictures(folder: Path) -> None:
        for number in range(6):
            picture(folder / f"{number}.jpg", 60 + 5 * number)

    def recordings(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(6):
            soundfile.write(
                folder / f"{number}.wav", 0.5 * spoken(number, pitch_hz=100 + 20 * number), 16_000
            )

    def dataset(folder: Path) -> None:
        for number in range(12):
            kind = "bona_fide" if number % 2 else "attack/print"
            tone = cv2.convertScaleAbs(portrait, alpha=0.6 + 0.05 * number)
            path = folder / kind / f"s{number // 2:02}_{number % 2 + 1}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(tone, "JPEG"))

    def site(path: Path) -> None:
        metadata = antispoof.load().bundle.metadata
        calibration = antispoof.SiteCalibration(
            bundle=metadata.name,
            bundle_sha256=metadata.sha256,
            shift=-0.5,
            shift_interval=(-1.0, 0.0),
            bona_fide=20,
            distinct=18,
            attack=0,
            rejected=0,
            suspicious=(),
            advice=(),
        )
        antispoof.write_site(calibration, path)

    def sensors(first: Path) -> None:
        write_scenes(plan_scenes(1, 1, 1, 1), tmp_path / "one", size=192, workers=1)
        for letter, name in zip("cdit", ("rgb", "depth", "infrared", "thermal"), strict=True):
            shutil.copy(
                tmp_path / "one" / "s00000" / f"000_face_{name}.png", first.with_name(f"{letter}.png")
            )

    def verification(path: Path) -> None:
        trials = {"target": 3, "nontarget": -3, "spoof": 1}
        rows = [f"{mean + k / 50},{trial}" for trial, mean in trials.items() for k in range(-50, 50)]
        path.write_text("\n".join(["score,trial", *rows]), encoding="utf-8")

    def clip(path: Path) -> None:
        with av.open(str(path), "w") as out:
            stream = out.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
            for number in range(20):
                picture = np.roll(portrait[::2, ::2], number % 7, axis=1)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            out.mux(stream.encode(None))

    def finger(path: Path) -> None:
        Image.fromarray(present(plan_prints(20261128, 2, 2, 2)[1])[0]).save(path)

    makers: dict[str, Callable[[Path], None]] = {
        "burst/": pictures,
        "print.png": finger,
        "clip.mp4": clip,
        "selfie.jpg": picture,
        "enrolment.jpg": lambda path: picture(path, 70),
        "traffic.csv": lambda path: path.write_text(
            "\n".join(["score", *(f"{2 + k % 7 / 3 - 5 * (k % 5 == 0):.2f}" for k in range(500))]), "utf-8"
        ),
        "a.jpg": picture,
        "clip.wav": recording,
        "b.wav": recording,
        "photos/": pictures,
        "my_bona_fide_photos/": pictures,
        "my_bona_fide_recordings/": recordings,
        "recordings/": dataset,
        "portraits/": lambda folder: picture(folder / "collins.jpg"),
        "site.json": site,
        "c.png": sensors,
        "verification.csv": verification,
    }

    def fill(page: Path) -> None:
        text = page.read_text(encoding="utf-8")
        for name, make in makers.items():
            if re.search(rf"(?<![\w/.-]){re.escape(name)}", text):
                make(tmp_path / name)
        shutil.copytree(ROOT / "configs", tmp_path / "configs")

    return fill


@pytest.mark.parametrize("page", pages_with("python", "bash"), ids=name_of)
def test_every_block_runs(page: Path, provide: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    provide(page)
    for block in read_blocks(page):
        where = f"{name_of(page)}:{block.line}"
        if block.language == "yaml" and (named := re.match(r"# ([\w-]+\.ya?ml)$", block.text, re.M)):
            Path(named[1]).write_text(block.text, encoding="utf-8")
        elif block.language == "python" and block.runs:
            exec(compile("\n" * (block.line - 1) + block.text, where, "exec"), {"__name__": "__main__"})
        elif block.language == "bash":
            for words in commands(block):
                try_command(words, block.runs, where, run, monkeypatch)


@pytest.mark.parametrize("page", TUTORIALS, ids=name_of)
def test_tutorials_run(page: Path, tmp_path: Path) -> None:
    """Each block in a process of its own; those that take long run when the documentation is built."""
    done = run_tutorial(page, tmp_path, heavy=False)
    assert "<!-- show" not in done
    for block in read_blocks(page):
        for line in block.text.replace("\\\n", " ").splitlines():
            if block.language == "bash" and line.startswith("antispoof"):
                check_options(shlex.split(line, comments=True)[1:], f"{name_of(page)}:{block.line}")


def commands(block: Block) -> Iterator[list[str]]:
    """The words of each command of a block of shell, comments left out."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield words


def try_command(words: list[str], runs: bool, where: str, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    match words:
        case ["antispoof", *arguments]:
            options = check_options(arguments, where)
            if runs:
                for option in options & ENOUGH.keys() - set(arguments):
                    arguments += [option, ENOUGH[option]]
                run_command(arguments, where, run, monkeypatch)
        case ["pip", "install", *packages]:
            for package in packages:
                check_package(package, where)
        case ["make", target, *_]:
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            assert re.search(rf"^{target}:", makefile, re.M), f"{where}: there is no target {target}"
        case ["python", program, *_] if program.startswith(("benchmarks/", "examples/")):
            assert (ROOT / program).exists(), f"{where}: there is no {program}"
            assert not runs, f"{where}: say {NOT_RUN!r} and why"
        case _:
            assert not runs, (
                f"{where}: {words[0]} is not run by the tests: say so in the first line, {NOT_RUN!r}"
            )


def run_command(arguments: list[str], where: str, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [
        name
        for word in arguments
        for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
    ]
    source = Path(words[words.index("<") + 1]) if "<" in words else Path(os.devnull)
    with source.open(encoding="latin-1") as stream:
        monkeypatch.setattr("sys.stdin", stream)
        code, out, err = run(*(words[: words.index("<")] if "<" in words else words))
    expected = VERDICTS if words[0] in ("check", "watch") else {0}
    assert code in expected, f"{where}: antispoof {' '.join(words)} ended with {code}\n{out}{err}"


def check_options(arguments: list[str], where: str) -> set[str]:
    """Every command and option that a page writes is there, run or not; return the options of the command."""
    declare_sensors()
    command: Any = typer.main.get_command(app)
    words = list(arguments)
    while group := getattr(command, "commands", None):
        name = words.pop(0)
        assert name in group, f"{where}: there is no command {name}"
        command = group[name]
    known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
    for word in words:
        if re.match(r"--?[a-z]", word):
            assert word.split("=")[0] in known, f"{where}: antispoof {command.name} has no option {word}"
    return known


def check_package(package: str, where: str) -> None:
    if package.startswith(("-", ".venv")):
        return
    requirement = Requirement(package.replace(".", "antispoof", 1) if package.startswith(".") else package)
    if requirement.name == "antispoof":
        pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        for extra in requirement.extras:
            assert re.search(rf"^{extra} = \[", pyproject, re.M), f"{where}: there is no extra {extra}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_command_hides_outside_a_block(page: Path) -> None:
    """An indented block is not run by anything, and no reader can copy it with one click."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    hidden = re.findall(r"^ {4}(?:\$ )?(?:antispoof|pip|python3?|make|curl|import|from) .*", text, re.M)
    assert not hidden, f"{name_of(page)}: fence this with ```bash or ```python: {hidden}"


@pytest.mark.parametrize("page", pages_with("yaml", "json"), ids=name_of)
def test_yaml_and_json_can_be_read(page: Path) -> None:
    for block in read_blocks(page):
        if block.language in ("yaml", "json"):
            assert yaml.safe_load(block.text) is not None, f"{name_of(page)}:{block.line}"


def test_thresholds_are_those_that_ship() -> None:
    """`threshold of +0.08 (balanced)` and `threshold +0.08 →`: a bundle that ships has it, of that name."""
    shipped = {
        (name, f"{point.threshold:+.2f}")
        for bundle in shipped_bundles()
        for metadata in [antispoof.load(bundle).bundle.metadata]
        for points in (metadata.operating_points, *metadata.subset_operating_points.values())
        for name, point in points.items()
    }
    seen = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for value, name in re.findall(r"threshold (?:of )?([+-]\d+\.\d+) (?:\((\w+)\)|→)", text):
            seen += 1
            wanted = {number for point, number in shipped if name in ("", point)}
            assert value in wanted, f"{name_of(page)}: threshold {value} ({name}); what ships: {wanted}"
    assert seen >= 2


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target, heading in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file = page.parent / target if target else page
        assert file.exists(), f"{page.name} links to {target}"
        if heading:
            titles = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.M)
            anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in anchors, f"{page.name} links to {target}#{heading}"
