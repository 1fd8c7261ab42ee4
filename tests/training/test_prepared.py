"""Prepared samples: what is told of the work, and who does it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from antispoof.data.presentation import CaptureFile
from antispoof.training import prepared
from antispoof.training.prepared import PreparedStore


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[CaptureFile]:
    folder = tmp_path_factory.mktemp("pictures")
    made = []
    y, x = np.mgrid[:70, :70] - 35
    for number in range(40):
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), (500 + number + 0.06 * (x**2 + y**2)).astype(np.uint16))  # a nose, in mm
        made.append(CaptureFile(path))
    return made


def make(folder: Path, files: list[CaptureFile]) -> tuple[list[tuple[int, int]], PreparedStore]:
    store = PreparedStore(folder, "face_depth", {"scale": 1.5, "size": 16})
    told: list[tuple[int, int]] = []
    store.make(files, lambda done, of: told.append((done, of)))
    return told, store


def test_progress_moves_with_every_shard(tmp_path: Path, files: list[CaptureFile]) -> None:
    told, store = make(tmp_path, files)
    assert told == [(0, 40), (16, 40), (32, 40), (40, 40)]
    assert all(store.rows(file).count == 1 for file in files)
    assert make(tmp_path, files)[0] == []  # nothing is made twice


def test_several_processes_make_the_same(
    tmp_path: Path, files: list[CaptureFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, store = make(tmp_path / "alone", files)
    monkeypatch.setattr(prepared, "START_S", 0.0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    together, other = make(tmp_path / "together", files)
    assert together == alone
    assert [store.rows(file) for file in files] == [other.rows(file) for file in files]
    for path in (tmp_path / "alone").rglob("*.npy"):
        twin = tmp_path / "together" / path.relative_to(tmp_path / "alone")
        assert path.read_bytes() == twin.read_bytes()


def test_a_process_that_only_prepares_starts_without_torch() -> None:
    code = "import antispoof.training.prepared, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
