"""Fixed changes of a whole picture, as another camera would make them."""

from __future__ import annotations

import numpy as np
import pytest

from antispoof.simulation.face.camera_changes import CAMERA_CHANGES
from antispoof.simulation.face.tone import linear


@pytest.mark.parametrize("name", CAMERA_CHANGES)
def test_every_change_gives_another_picture(name: str) -> None:
    ramp = np.linspace(0, 1, 32, dtype=np.float32)
    picture = np.repeat(np.broadcast_to(ramp, (32, 32))[..., None], 3, 2).copy()
    changed = CAMERA_CHANGES[name](picture)
    assert changed.dtype == np.float32
    assert changed.shape == picture.shape
    assert 0 <= changed.min() < changed.max() <= 1
    assert np.abs(changed - picture).max() > 0.01
    assert (np.diff(changed[16, :, 0]) >= -1e-6).all()  # order of greys is kept
    coloured = [np.abs(changed[..., i] - changed[..., 1]).max() > 0.01 for i in (0, 2)]
    assert coloured == ["red" in name, "blue" in name]


def test_exposure_doubles_and_halves_light() -> None:
    grey = np.full((4, 4, 3), 0.5, np.float32)
    light = float(linear(grey).mean())
    assert float(linear(CAMERA_CHANGES["more_light"](grey)).mean()) == pytest.approx(2 * light, rel=1e-3)
    assert float(linear(CAMERA_CHANGES["less_light"](grey)).mean()) == pytest.approx(light / 2, rel=1e-3)
