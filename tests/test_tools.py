"""The programs in tools/ that build the documentation and check a release."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import tutorials
from check_release import BUNDLES, faults_of
from doc_blocks import read_blocks
from limit_ratios import limited
from tutorials import run_tutorial

from antispoof.runtime.bundle import read_bundle
from antispoof.scores.calibration import calibrate

WHOLE = [PurePosixPath("antispoof", name) for name in (*BUNDLES, "py.typed", "LICENSE")]


def test_an_archive_that_may_be_published() -> None:
    assert faults_of([*WHOLE, PurePosixPath("antispoof/cli/check.py")]) == []


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        ("antispoof-1/tests/conftest.py", "does not belong here"),
        ("antispoof/service/node_modules/x.js", "does not belong here"),
        ("antispoof/selfie.JPG", "capture of somebody"),
        ("antispoof/scores.csv", "capture of somebody"),
    ],
)
def test_what_must_not_be_published(extra: str, fault: str) -> None:
    (told,) = faults_of([*WHOLE, PurePosixPath(extra)])
    assert fault in told
    assert extra in told


def test_limited_ratios_change_no_decision_of_a_bundle_alone() -> None:
    before = read_bundle("face-multispectral").metadata
    after = limited(before, 0.2, "2")
    scores = np.linspace(-6, 6, 241)
    for subset in ((), ("face_depth",), ("face_rgb", "face_thermal")):
        ratios = [calibrate(scores, each.calibration_for(subset)) for each in (before, after)]
        assert ratios[1].max() < np.log(4)
        for name in before.operating_points:
            points = [each.operating_point_for(name, subset).threshold for each in (before, after)]
            np.testing.assert_array_equal(*(r >= t for r, t in zip(ratios, points, strict=True)))
    with pytest.raises(SystemExit, match="limited already"):
        limited(after, 0.2, "3")
    with pytest.raises(SystemExit, match="train and export it anew"):
        limited(read_bundle("face-rgb").metadata, 0.2, "3")


def test_a_bundle_left_out_is_named() -> None:
    assert faults_of(WHOLE[1:]) == [f"{BUNDLES[0]} is missing"]


def page(folder: Path, text: str) -> Path:
    (folder / "page.md").write_text(text, encoding="utf-8")
    return folder / "page.md"


WRITES = "```python\nopen('x', 'w').write('41')\nname = 1\n```\n"


def test_a_block_finds_the_files_of_the_one_before(tmp_path: Path) -> None:
    done = run_tutorial(page(tmp_path, f"{WRITES}```bash\ncat x\n```\n"), tmp_path, heavy=False)
    assert done.count("```text\n41\n```") == 1


def test_a_block_knows_no_name_of_the_one_before(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"line 6 ended with 1(.|\n)*NameError"):
        run_tutorial(page(tmp_path, f"{WRITES}```python\nprint(name)\n```\n"), tmp_path, heavy=False)


def test_slow_blocks_wait_for_the_build_and_others_never_run(tmp_path: Path) -> None:
    text = (
        "```bash\n# run by make docs only: slow\necho slow\n```\n"
        "```bash\n# not run by the tests: dangerous\nfalse\n```\n"
        "```bash\npip install nothing-of-that-name\n```\n"
    )
    slow, dangerous, _ = read_blocks(page(tmp_path, text))
    assert (slow.runs, slow.runs_in_docs, dangerous.runs_in_docs) == (False, True, False)
    assert "```text" not in run_tutorial(page(tmp_path, text), tmp_path, heavy=False)
    assert run_tutorial(page(tmp_path, text), tmp_path, heavy=True).count("```text\nslow\n```") == 1


def test_a_picture_that_nobody_drew_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"heat\.png is shown, but no block wrote it"):
        run_tutorial(page(tmp_path, "<!-- show heat.png: Simulated -->"), tmp_path, heavy=True)
    (tmp_path / "heat.png").touch()
    shown = run_tutorial(page(tmp_path, "<!-- show heat.png: Simulated -->"), tmp_path, heavy=True)
    assert f"![Simulated]({tmp_path.name}/heat.png)" in shown


def test_pages_and_what_they_show_are_written_side_by_side(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    page(source, "```bash\necho hello > x.html\n```\n<!-- show x.html: It -->\n")
    tutorials.write_tutorials(source, target, tmp_path / "work")
    assert "[It](page/x.html)" in (target / "page.md").read_text(encoding="utf-8")
    assert (target / "page" / "x.html").read_text(encoding="utf-8") == "hello\n"
