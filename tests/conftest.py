"""Pictures that every test may use: made here, or the public-domain portrait in scikit-image's wheel."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import settings
from miniature import metadata, network, voice_metadata, voice_network
from numpy.typing import NDArray
from PIL import Image
from spoken import spoken

from antispoof.cli import main
from antispoof.runtime.bundle import seal

Run = Callable[..., tuple[int, str, str]]

# A slow machine is no failure: speed is measured elsewhere. The same examples every time: what turns red was
# turned red by a change.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def portrait() -> NDArray[np.uint8]:
    """uint8, (512, 512, 3), RGB: Eileen Collins, NASA, public domain."""
    from skimage.data import astronaut

    picture = np.asarray(astronaut(), np.uint8)
    picture.setflags(write=False)
    return picture


@pytest.fixture(scope="session")
def close_up(portrait: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The head alone: uint8, (200, 180, 3), RGB."""
    picture = np.ascontiguousarray(portrait[20:220, 140:320])
    picture.setflags(write=False)
    return picture


Encode = Callable[..., bytes]


@pytest.fixture(scope="session")
def encode() -> Encode:
    """Encode an array with Pillow: ``encode(array, "JPEG", mode="CMYK", **save_arguments)``."""

    def save(array: NDArray[Any], kind: str, mode: str | None = None, **arguments: Any) -> bytes:
        picture = Image.fromarray(array)
        if mode:
            picture = picture.convert(mode)
        file = io.BytesIO()
        picture.save(file, kind, **arguments)
        return file.getvalue()

    return save


@pytest.fixture(scope="session")
def blank() -> NDArray[np.uint8]:
    """A wall without a face: uint8, (120, 160, 3), RGB."""
    tiny = np.random.default_rng(3).integers(90, 160, (6, 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(tiny, (160, 120), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.fixture(scope="session")
def speech() -> NDArray[np.float32]:
    """Three seconds that are taken for speech: float32, 16 kHz, syllables, hisses, pauses."""
    sound = spoken(5)
    sound.setflags(write=False)
    return sound


MakeBundle = Callable[..., Path]


@pytest.fixture
def make_bundle(tmp_path: Path) -> MakeBundle:
    """Write a miniature bundle: ``make_bundle("name.onnx", version="2")``."""

    def make(file: str = "miniature.onnx", model: bytes | None = None, **changes: Any) -> Path:
        path = tmp_path / file
        path.write_bytes(seal(network() if model is None else model, metadata(**changes)))
        return path

    return make


@pytest.fixture
def voice_bundle(tmp_path: Path) -> Path:
    """A miniature bundle that judges voices."""
    path = tmp_path / "miniature-voice.onnx"
    path.write_bytes(seal(voice_network(), voice_metadata()))
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line: ``code, out, err = run("check", path)``; a traceback is a failure."""

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["antispoof", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        code: Any = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(code or 0), out, err

    return command
