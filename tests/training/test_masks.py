"""Masks of attacks go where their pictures go, and the loss that asks every place gets them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.errors import ExperimentError
from antispoof.evaluation import ScoreSet
from antispoof.scores.calibration import calibrate
from antispoof.sensing.modalities import modalities
from antispoof.training.collection import Collection
from antispoof.training.export import load_run
from antispoof.training.fit import train
from antispoof.training.prepared import Rows
from antispoof.training.recipes.speech_moments.experiment import SpeechMomentsExperiment
from antispoof.training.recipes.supervised.batches import TrainingBatches
from antispoof.training.recipes.supervised.experiment import SupervisedExperiment

SIDE = 32


class Masks:
    """A store whose pictures are the masks themselves."""

    def __init__(self, masks: NDArray[np.float32]) -> None:
        self.masks = masks

    def read(self, rows: Iterable[tuple[Rows, int]], out: NDArray[np.float32]) -> None:
        for target, (where, _) in enumerate(rows):
            out[target] = np.nan_to_num(self.masks[where.first])


def collection() -> Collection:
    rng = np.random.default_rng(3)
    masks = np.kron(rng.random((4, 1, 4, 4)), np.ones((1, 1, 8, 8))).astype(np.float32)
    masks[1] = np.nan
    kinds = (None, "print", "face_swap", "face_swap")
    rows = tuple(
        Presentation(id=f"p{n}", dataset="d", captures={"face_rgb": CaptureFile(Path("x"))}, pai_species=kind)
        for n, kind in enumerate(kinds)
    )
    return Collection(
        rows,
        {"face_rgb": Masks(masks)},
        {"face_rgb": [Rows("a", n, 1) for n in range(4)]},
        {"face_rgb": (1, SIDE, SIDE)},
        np.ones((4, 1), np.int64),
        np.array([1, 0, 0, 0], np.float32),
        np.array([0, 1, 2, 2]),
        np.arange(4),
        ("bona_fide", "print", "face_swap"),
        masks,
    )


def test_flips_and_frames_move_the_mask_as_they_move_the_picture() -> None:
    experiment = SupervisedExperiment.model_validate(
        {
            "recipe": "supervised",
            "name": "masks",
            "version": "1",
            "seed": 2,
            "run_dir": "run",
            "data": {"manifest": "m.csv"},
            "modalities": {
                "face_rgb": {"prepare": {"scale": 1.5, "size": SIDE}, "encoder": {"name": "mobile"}}
            },
            "losses": [{"name": "pixel"}],
            "training": {"epochs": 1, "batch_size": 4, "learning_rate": 1e-3, "balance": "none"},
            "augmentation": [
                {"name": "flip"},
                {"name": "reframe", "shift": 0.2},
                {"name": "flip", "group": "attack"},
            ],
        }
    )
    held = collection()
    [batch] = TrainingBatches(held, np.arange(4), experiment, 0, 1)
    assert batch.pixel_mask is not None
    unknown = held.masks is not None and torch.from_numpy(np.isnan(held.masks[batch.rows.numpy(), 0, 0, 0]))
    torch.testing.assert_close(batch.pixel_mask[~unknown], batch.inputs["face_rgb"][~unknown])
    assert batch.pixel_mask[unknown].isnan().all()
    assert held.masks is not None
    assert not np.allclose(batch.pixel_mask[~unknown], held.masks[batch.rows.numpy()][~unknown.numpy()])


def test_a_seam_is_scored_in_training_as_it_will_be_when_it_serves(
    tmp_path: Path, close_up: NDArray[np.uint8]
) -> None:
    rows = []
    for number in range(6):
        own = np.roll(close_up, number, 1)
        forged, skin = own.copy(), np.full(own.shape[:2], 255, np.uint8)
        forged[80:110, 60:120] = cv2.GaussianBlur(own, (0, 0), 3)[80:110, 60:120]
        skin[80:110, 60:120] = 0
        cv2.imwrite(str(tmp_path / f"{number}-mask.png"), skin)
        for kind, picture in ((None, own), ("face_swap", forged)):
            path = tmp_path / f"{number}-{kind}.png"
            cv2.imwrite(str(path), picture[..., ::-1])
            mask = tmp_path / f"{number}-mask.png" if kind else None
            rows.append(
                Presentation(
                    id=path.stem,
                    dataset="forged",
                    captures={"face_rgb": CaptureFile(path, mask=mask)},
                    pai_species=kind,
                    subject=f"s{number}",
                    session=f"s{number}",
                    partition="train" if number < 4 else "dev",
                )
            )
    write_manifest(rows, tmp_path / "manifest.csv")
    experiment = SpeechMomentsExperiment.model_validate(
        {
            "recipe": "speech_moments",
            "name": "seams",
            "version": "1",
            "seed": 2,
            "run_dir": tmp_path / "run",
            "data": {"manifest": tmp_path / "manifest.csv"},
            "modalities": {
                "face_rgb": {
                    "prepare": {"scale": 1.2, "size": 64},
                    "encoder": {"name": "seam_maps", "grid": 4, "width": 8, "pretrained": False},
                }
            },
            "training": {"epochs": 2, "batch_size": 8, "learning_rate": 1e-3},
            "pixel": 1.0,
        }
    )
    trained = load_run(train(experiment))
    assert trained.graph.outputs == ("score", "features", "heat_map")
    face, calibration = modalities["face_rgb"], trained.metadata.calibration
    told = ScoreSet.read(tmp_path / "run" / "dev.csv")
    for row, score in zip(rows[8:], told.scores, strict=True):
        sample = face.load(row.captures["face_rgb"].recording)
        x = face.prepare(sample, face.quality(sample), scale=1.2, size=64)
        served = trained.graph({"face_rgb": torch.from_numpy(x[None])})
        raw = float(served["score"][0])
        assert calibrate(np.array([raw]), calibration)[0] == pytest.approx(score, abs=1e-4)
        assert served["heat_map"].shape == (1, 4, 4)


@pytest.mark.parametrize(("encoder", "pixel"), [("seam_maps", 0.0), ("ring_statistics", 1.0)])
def test_places_are_asked_where_there_are_places(encoder: str, pixel: float) -> None:
    with pytest.raises(ExperimentError, match="pixel must be above 0"):
        SpeechMomentsExperiment.model_validate(
            {
                "recipe": "speech_moments",
                "name": "masks",
                "version": "1",
                "seed": 2,
                "run_dir": "run",
                "data": {"manifest": "m.csv"},
                "modalities": {
                    "face_rgb": {"prepare": {"scale": 1.5, "size": 96}, "encoder": {"name": encoder}}
                },
                "training": {"epochs": 1, "batch_size": 4, "learning_rate": 1e-3},
                "pixel": pixel,
            }
        )
