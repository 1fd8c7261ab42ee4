"""The detector's decoding agrees with another implementation, and the file is the one that is stated."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from antispoof.sensing import yunet

WEIGHTS = files("antispoof.sensing") / "weights"


def scaled(picture: Any, width: int, height: int) -> Any:
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


@pytest.mark.skipif(int(cv2.__version__.split(".")[0]) < 5, reason="reads this file from version 5 on")
@pytest.mark.parametrize(("width", "height"), [(160, 160), (157, 201), (320, 90), (33, 64)])
def test_faces_are_those_of_opencv(portrait: Any, close_up: Any, width: int, height: int) -> None:
    scene = np.hstack([close_up, np.full((200, 60, 3), 90, np.uint8), close_up[:, ::-1]])
    with WEIGHTS.joinpath("yunet_n_dynamic.onnx").open("rb") as file:
        weights = np.frombuffer(file.read(), np.uint8)
    reference = cv2.FaceDetectorYN.create(
        "onnx", weights, np.empty(0, np.uint8), (width, height), 0.5, yunet.SAME_FACE_IOU, 5000
    )
    for picture in (scaled(portrait, width, height), scaled(scene, width, height)):
        expected = reference.detect(np.ascontiguousarray(picture[..., ::-1]))[1]
        found = yunet.detect(picture, 0.5)
        if expected is None:
            assert found.shape == (0, 15)
        else:
            np.testing.assert_allclose(found, expected, atol=2e-3)
    assert yunet.detect(scaled(scene, 160, 74), 0.5).shape == (2, 15)  # so something was compared


def test_the_file_is_the_one_that_is_stated() -> None:
    content = WEIGHTS.joinpath("yunet_n_dynamic.onnx").read_bytes()
    assert hashlib.sha256(content).hexdigest() in str(yunet.__doc__)
    assert "Apache License" in WEIGHTS.joinpath("LICENSE.yunet").read_text()


def test_threads_may_share_the_detector(close_up: Any) -> None:
    pictures = [scaled(close_up, 90 + 7 * i, 100 + 5 * i) for i in range(16)]
    alone = [yunet.detect(picture, 0.5) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: yunet.detect(picture, 0.5), pictures))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads resident memory from /proc")
def test_calls_keep_no_memory(close_up: Any) -> None:
    def resident_mb() -> float:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    wall = np.full((120, 160, 3), 99, np.uint8)
    face = scaled(close_up, 144, 160)
    for _ in range(20):
        yunet.detect(wall, 0.5), yunet.detect(face, 0.5)
    before = resident_mb()
    for _ in range(200):
        yunet.detect(wall, 0.5), yunet.detect(face, 0.5)
    assert resident_mb() - before < 8
