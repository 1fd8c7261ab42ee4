"""Two sensors of the simplest kind, and a manifest of what they saw; for tests of training alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.errors import MediaError
from antispoof.sensing.capture import Box, Quality, Sample, Source
from antispoof.sensing.modalities import modalities

SIDE = 16


class Plate:
    """A picture in a ``.npy`` file: float, (1, 16, 16), 0 to 1."""

    title = "plate"
    folders: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    windowed = False
    unit = "float, (1, 16, 16)"
    reasons = {"dark": "too dark"}  # noqa: RUF012

    def __init__(self, name: str) -> None:
        self.name = name

    def load(self, source: Source) -> Sample:
        try:
            return Sample(np.load(source))  # type: ignore[arg-type]
        except (OSError, ValueError):
            raise MediaError("decode_failed", "no array") from None

    def quality(self, sample: Sample) -> Quality:
        return Quality(("dark",) if sample.array.max() < 0.01 else (), {})

    def frame(self, sample: Sample, quality: Quality, **_: Any) -> Box | None:  # noqa: ARG002
        return None

    def prepare(self, sample: Sample, quality: Quality, *, gain: float = 1.0) -> NDArray[np.float32]:  # noqa: ARG002
        return np.asarray(gain * sample.array, np.float32)


class Strip(Plate):
    """The same picture, looked at in as many windows as it has rows of 16."""

    windowed = True

    def prepare(self, sample: Sample, quality: Quality, *, gain: float = 1.0) -> NDArray[np.float32]:
        return np.stack([super().prepare(sample, quality, gain=gain)] * 3)


def register(patch: pytest.MonkeyPatch) -> None:
    """Make ``left``, ``right`` and ``strip`` known for the time of a test."""
    len(modalities)  # discovers what ships before anything is added
    for one in (Plate("left"), Plate("right"), Strip("strip")):
        patch.setitem(modalities._things, one.name, one)


def write_collection(
    folder: Path, people: int = 16, seed: int = 0, names: tuple[str, ...] = ("left", "right")
) -> Path:
    """Write a manifest: of each person one bona fide presentation, one print and one replay.

    A print is darker to the left sensor, a replay has stripes for the right one.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        partition = ("train", "train", "dev", "test")[person % 4]
        for kind in (None, "print", "replay"):
            captures = {}
            for name in names:
                x = rng.uniform(0.4, 0.8) + 0.1 * rng.standard_normal((1, SIDE, SIDE))
                if kind == "print" and name != "right":
                    x -= 0.3
                if kind == "replay" and name != "left":
                    x[:, ::2] += 0.4
                path = folder / f"{person}-{kind}-{name}.npy"
                np.save(path, np.clip(x, 0.05, 1))
                captures[name] = CaptureFile(path)
            rows.append(
                Presentation(
                    id=f"{person}-{kind}",
                    dataset="plates",
                    captures=captures,
                    pai_species=kind,
                    subject=f"p{person}",
                    partition=partition,
                    attributes={"capture_device": f"d{person % 8 // 4}"},
                    licence="CC0",
                    simulated=True,
                )
            )
    write_manifest(rows, folder / "manifest.csv")
    return folder / "manifest.csv"


CONFIG = """
recipe: supervised
name: plates
version: "1"
seed: 3
run_dir: {folder}/run
licence: Apache-2.0
data: {{manifest: {manifest}, cache: {folder}/prepared}}
modalities:
  left: {{encoder: {{name: mobile, widths: [4, 4, 8, 8]}}}}
  right: {{prepare: {{gain: 0.5}}, encoder: {{name: mobile, widths: [4, 4, 8, 8]}}}}
fusion: {{name: cross_modal}}
losses: [{{name: binary_cross_entropy}}]
training: {{epochs: 3, batch_size: 8, learning_rate: 3.0e-3, modality_dropout: 0.2, accelerator: cpu}}
"""
