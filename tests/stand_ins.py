"""Small things to train on: sensors of the simplest kind, voices that buzz, portraits; for tests alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import miniature
import numpy as np
import pytest
import soundfile
import yaml
from numpy.typing import NDArray
from spoken import spoken

from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.errors import MediaError
from antispoof.sensing.capture import Box, Quality, Recording, Sample, Source
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
            path = source.source if isinstance(source, Recording) else source
            return Sample(np.load(path))  # type: ignore[arg-type]
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


def voice(seed: int, spoof: bool) -> NDArray[np.float32]:
    """Some two seconds of speech; as a spoof its harmonics reach to the top, as those of a poor vocoder."""
    pitch = np.random.default_rng(seed).uniform(90, 220)
    return spoken(seed, syllables=5, pitch_hz=pitch, fall=0.1 if spoof else 1.2)


def write_voice_experiment(folder: Path, people: int, epochs: int) -> Path:
    """Write voices, their manifest, and the recipe of the voice model for them."""
    rows = []
    for person in range(people):
        for spoof in (False, True):
            path = folder / f"{person}-{spoof}.flac"
            soundfile.write(path, voice(person, spoof), 16000)
            rows.append(
                Presentation(
                    id=path.stem,
                    dataset="sounds",
                    captures={"voice": CaptureFile(path)},
                    pai_species="buzz" if spoof else None,
                    subject=str(person),
                    session=str(person),
                    partition=("train", "train", "dev", "test")[person % 4],
                )
            )
    write_manifest(rows, folder / "manifest.csv")
    shipped = Path(__file__).parents[1] / "configs" / "voice-edge.yaml"
    content = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    content["data"] = {"manifest": str(folder / "manifest.csv")}
    content["run_dir"] = str(folder / "run")
    content["training"] |= {"epochs": epochs, "batch_size": 8}
    (folder / "small.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder / "small.yaml"


FACES = """
recipe: face_views
name: tiny
version: "7"
description: Faces, for tests.
seed: 5
run_dir: {folder}/run
portraits: {folder}/portraits
portraits_name: one astronaut, six times
portraits_licence: public domain (NASA)
views:
  close: {{scale: 1.15, size: 48}}
  context: {{scale: 2.7, size: 40, fit: inside}}
  wide: {{scale: 4.0, size: 32, fit: inside}}
simulation: {{variants: 1, wide_share: 0.5, attacks: [replay, print], dev_share: 0.34}}
head:
  {{stages: 3, attacks: [replay], inverse_strength: 1.0e-2, tone_views: 1, balance: kinds, steady: [veil]}}
context:
  channels: [6, 8]
  attacks: [replay, print]
  views_per_picture: 2
  epochs: 2
  batch_size: 8
  learning_rate: 0.001
  weight_decay: 0
networks:
  wide:
    path: {folder}/colour.onnx
    bona_fide: 1
    name: a network of colours
    licence: CC0
    learned_from: nothing
    disclosed: false
joint: {{attacks: [replay, print]}}
operating_point: balanced
sites: {{count: 2, captures: 9}}
"""


def simulate_faces_here(patch: pytest.MonkeyPatch) -> None:
    """Make the shards of the face recipe in this process: another takes longer to start than to make them."""
    from antispoof.training.recipes.face_views import shards

    def pool(_workers: int, *, mp_context: object, **start: Any) -> ThreadPoolExecutor:  # noqa: ARG001
        return ThreadPoolExecutor(1, **start)

    patch.setattr(shards, "ProcessPoolExecutor", pool)


def write_face_experiment(folder: Path, portrait: NDArray[np.uint8]) -> Path:
    """Write portraits of six 'people', a finished network, and the recipe of the face models for them."""
    (folder / "portraits").mkdir()
    random = np.random.default_rng(0)
    for number in range(6):
        tint = random.uniform(0.7, 1.1, 3)
        picture = np.clip(portrait[: 300 + 20 * number, 20 * number :] * tint, 0, 255).astype(np.uint8)
        turned = picture[:, ::-1] if number % 2 else picture
        cv2.imwrite(str(folder / "portraits" / f"person{number}.png"), turned[..., ::-1])
    (folder / "colour.onnx").write_bytes(miniature.opinion(32))
    (folder / "tiny.yaml").write_text(FACES.format(folder=folder), encoding="utf-8")
    return folder / "tiny.yaml"
