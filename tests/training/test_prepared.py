"""Prepared samples: what is told of the work, and who does it."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from antispoof.data.presentation import CaptureFile
from antispoof.errors import TrainingError
from antispoof.sensing.faces import find_faces
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


def test_a_package_that_is_edited_meanwhile_is_told(
    tmp_path: Path, files: list[CaptureFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs is the code that was read first; another process would run the new one."""
    _, store = make(tmp_path / "samples", files)
    (tmp_path / "new.py").write_text("edited = True")
    with monkeypatch.context() as patch:
        patch.setattr("antispoof.sensing.__path__", [str(tmp_path)])
        assert PreparedStore(tmp_path / "samples", "face_depth", store.arguments).folder == store.folder
        prepared._sensing_digest.cache_clear()  # as in a process that begins now
        patch.setattr(prepared, "START_S", 0.0)
        patch.setattr("os.cpu_count", lambda: 2)
        with pytest.raises(
            TrainingError, match=r"edited or installed anew while .*: start again, training goes on"
        ):
            make(tmp_path / "samples", files)
    prepared._sensing_digest.cache_clear()


def ends_elsewhere(*arguments: object) -> None:
    """Stand for a process that the system ends, or that finds half a package."""
    if multiprocessing.parent_process() is not None:
        os._exit(1)
    MAKE_SHARD(*arguments)  # type: ignore[arg-type]


MAKE_SHARD = prepared._make_shard


def test_a_process_that_ends_is_told(
    tmp_path: Path, files: list[CaptureFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "_make_shard", ends_elsewhere)
    monkeypatch.setattr(prepared, "START_S", 0.0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    with pytest.raises(
        TrainingError, match=r"ended before its work was done: .* start again, training goes on"
    ):
        make(tmp_path, files)


def test_a_process_that_only_prepares_starts_without_torch() -> None:
    code = "import antispoof.training.prepared, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_masks_are_cut_out_like_their_pictures(tmp_path: Path, close_up: NDArray[np.uint8]) -> None:
    height, width = close_up.shape[:2]
    cv2.imwrite(str(tmp_path / "face.png"), close_up[..., ::-1])
    cv2.imwrite(str(tmp_path / "turned.png"), np.rot90(close_up)[..., ::-1])
    box = find_faces(close_up)[0].box
    middle = round(box.x + box.width / 2)
    skin = np.zeros((height, width), np.uint8)
    skin[:, :middle] = 255  # the left half is skin
    cv2.imwrite(str(tmp_path / "mask.png"), skin)
    cv2.imwrite(str(tmp_path / "turned-mask.png"), np.rot90(skin))
    known = CaptureFile(tmp_path / "face.png", mask=tmp_path / "mask.png")
    turned = CaptureFile(tmp_path / "turned.png", mask=tmp_path / "turned-mask.png")
    unknown = CaptureFile(tmp_path / "face.png")
    store = PreparedStore(tmp_path / "store", "face_rgb", {"scale": 1.2, "size": 64})
    store.make([known, unknown, turned], lambda *_: None)
    for file in (known, turned):
        mask = store.mask(store.rows(file))
        assert mask is not None
        assert mask[:, :13].min() == 254
        assert mask[:, -13:].max() == 0
    assert store.mask(store.rows(unknown)) is None
