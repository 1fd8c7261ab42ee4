"""Every program in examples/ runs to its end, and leaves what it promises."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run("demo.py", str(tmp_path / "out"), monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    assert "photo.jpg: bona fide" in printed
    assert "simulated-replay.jpg: attack" in printed
    page = (tmp_path / "out" / "evidence.html").read_text(encoding="utf-8")
    assert page.count("<article") == 2
    assert page.count('<span class="tag">simulated</span>') == 1


def test_evaluate_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("evaluate_scores.py", str(tmp_path / "report"), monkeypatch=monkeypatch)
    assert "simulated data" in capsys.readouterr().out
    for page in ("evaluation.html", "comparison.html"):
        assert "simulated data" in (tmp_path / "report" / page).read_text(encoding="utf-8")


def test_every_example_is_tested() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    assert all(f'"{path.name}"' in tests for path in EXAMPLES.glob("*.py"))
