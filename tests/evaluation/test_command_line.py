import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from antispoof.cli.every import app
from antispoof.errors import InputError
from antispoof.evaluation.scores import ScoreSet

Draw = Callable[..., ScoreSet]
ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "evaluate.md").read_text(encoding="utf-8")


def antispoof(*words: str) -> str:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def guide_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the guide's Python blocks have run."""
    folder = tmp_path_factory.mktemp("guide")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in re.findall(r"^```python\n(.*?)^```$", GUIDE, re.M | re.S):
            exec(compile(block, "guide", "exec"), {})
        rows = ["score,trial,id"]
        random = np.random.default_rng(0)
        rows += [f"{random.normal(3)},target,test-{k}" for k in range(100)]
        rows += [f"{random.normal(-3)},nontarget,x" for _ in range(100)]
        rows += [f"{random.normal(1)},spoof,test-{k}" for k in range(600, 700)]
        (folder / "verification.csv").write_text("\n".join(rows))
    return folder


COMMANDS = re.findall(r"^(antispoof .*)$", GUIDE, re.M)


def test_the_guide_holds_commands() -> None:
    assert len(COMMANDS) >= 7


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_guide_runs(
    command: str, guide_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(guide_folder)
    shown = antispoof(*shlex.split(command)[1:], "--resamples", "20")
    assert ("(simulated)" in shown) == ("-test.csv" in command or "--matrix" in command)
    for name in re.findall(r"--html (\S+)", command):
        assert "simulated data" in Path(name).read_text(encoding="utf-8")
    if "--asv" in command:
        assert "IAPAR print (RIAPAR)" in shown


def test_the_words_that_the_guide_quotes_are_the_words_printed(tmp_path: Path) -> None:
    rows = ["id,score,pai_species", *(f"a{k},-1,print" for k in range(48)), "b,1,bona_fide"]
    (tmp_path / "few.csv").write_text("\n".join(rows))
    quoted = re.search(r"^(print: 0 of 48 .*)$", GUIDE, re.M)
    assert quoted is not None
    assert quoted[1] in antispoof("evaluate", str(tmp_path / "few.csv"), "--at", "threshold=0")


def test_json_on_the_terminal_is_json_alone(tmp_path: Path, draw: Draw) -> None:
    draw().write(tmp_path / "a.csv")
    record = json.loads(antispoof("evaluate", str(tmp_path / "a.csv"), "--json", "-", "--resamples", "0"))
    assert record["counts"]["presentations"] == 240
    assert list(record["provenance"]["files"]) == [str(tmp_path / "a.csv")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate"], "name one score file"),
        (["evaluate", "a.csv", "--test", "a.csv"], "name one score file"),
        (["evaluate", "absent.csv"], r"absent\.csv' does not exist"),
        (["evaluate", "a.csv", "--at", "APCER<1"], "is not understood"),
        (["evaluate", "a.csv", "--cluster", "age"], "no column 'age'"),
        (["evaluate", "a.csv", "--plot", "rates.pdf"], "a plot is written as .svg or .png"),
        (["evaluate", "a.csv", "--html", "no/such/folder.html", "--resamples", "0"], "cannot write"),
        (["compare"], "at least two"),
        (["compare", "a.csv", "a.csv"], "two systems are called 'a'"),
        (["compare", "a.csv", "b=a.csv", "--dev", "a.csv"], "--dev is given 1 times for 2 systems"),
        (["compare", "a.csv", "b=a.csv", "--figure", "auc"], "--figure belongs to --matrix"),
        (["compare", "a.csv", "--matrix", "m.csv"], "takes its files from the manifest"),
    ],
)
def test_wrong_use_is_told(
    tmp_path: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    draw().write("a.csv")
    with pytest.raises(InputError, match=message):
        CliRunner().invoke(app, words, catch_exceptions=False)


def test_the_exit_code_for_bad_input_is_3_and_there_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("id,score,pai_species\na,high,print\n")
    program = "from antispoof.cli import main; main()"
    command = [sys.executable, "-c", program, "evaluate", str(tmp_path / "bad.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 3
    assert "the score of 'a' is 'high'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_benchmark_runs(tmp_path: Path) -> None:
    written = tmp_path / "speed.json"
    small = ["--scores", "2000", "--presentations", "400", "--subjects", "10", "--times", "1"]
    command = [sys.executable, str(ROOT / "benchmarks" / "evaluation.py"), *small, "--json", str(written)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    rows = json.loads(written.read_text())["rows"]
    assert len(rows) == 5
    assert all(row["seconds"] > 0 for row in rows.values())
