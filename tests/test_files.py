"""Nothing is half written, and errors are words."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from antispoof.errors import InputError
from antispoof.files import read_json, read_text, replacing, write_json, write_text


class Document(BaseModel, extra="forbid"):
    name: str
    threshold: float = 0.0


def test_a_document_survives_the_way_there_and_back(tmp_path: Path) -> None:
    written = Document(name="a", threshold=1.25)
    write_json(written, tmp_path / "a.json")
    assert read_json(tmp_path / "a.json", Document, "note") == written


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"threshold": 1}', "is no note: name: Field required"),
        (b'{"name": "a", "threshold": "high"}', "is no note: threshold: Input should be a valid number"),
        (b"[]", "is no note: the file: "),
        (b"\xff\xfe", "cannot read the note .*: not a text file"),
    ],
)
def test_a_wrong_document_is_named_with_its_first_fault(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_json(tmp_path / "a.json", Document, "note")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the policy .*nowhere.yaml.*No such file"):
        read_text(tmp_path / "nowhere.yaml", "policy")
    with pytest.raises(InputError, match=r"cannot write .*No such file or directory"):
        write_text(tmp_path / "no" / "folder.txt", "x")


def test_an_error_leaves_what_was_there_and_no_draft(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "before")

    def fail() -> None:
        with replacing(tmp_path / "a.txt") as draft:
            draft.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (tmp_path / "a.txt").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_link_keeps_pointing_where_it_points(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("before")
    (tmp_path / "link.txt").symlink_to("real.txt")
    write_text(tmp_path / "link.txt", "after")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "after"


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_text()))
    reader.start()
    write_text(tmp_path / "pipe", "through")
    reader.join(10)
    assert got == ["through"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@given(text=st.text())
def test_any_text_can_be_written(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.txt"
    write_text(path, text)
    assert path.read_bytes() == text.encode("utf-8", errors="replace")
