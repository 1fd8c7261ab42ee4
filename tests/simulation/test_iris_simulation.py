"""Simulated eyes follow from their arguments; instruments differ from live eyes in what they are made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from antispoof.data.manifest import read_manifest
from antispoof.errors import InputError, UnknownNameError
from antispoof.simulation.iris.collection import HELD_OUT, plan_irises, write_irises
from antispoof.simulation.iris.instruments import iris_instruments
from antispoof.simulation.iris.lashes import hair_shadow
from antispoof.simulation.iris.lids import lid_edges, opening, skin_light
from antispoof.simulation.iris.person import draw_person, draw_state
from antispoof.simulation.iris.presentations import Simulated, simulate_iris
from antispoof.simulation.iris.sensors import draw_sensor
from antispoof.simulation.iris.texture import iris_texture
from antispoof.simulation.iris.view import View


def pupil_level(made: Simulated) -> float:
    """Darkest fifth of the pupil over the middle of the picture."""
    x, y, radius = made.pupil
    rows, columns = np.mgrid[: made.picture.shape[0], : made.picture.shape[1]]
    inside = made.picture[np.hypot(columns - x, rows - y) < 0.7 * radius]
    return float(np.quantile(inside, 0.2)) if inside.size else np.nan


def test_the_same_arguments_make_the_same_picture() -> None:
    first, again, other = (simulate_iris(1, subject, 0, None, "kiosk").picture for subject in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).mean() > 0.5


def test_an_iris_wraps_and_no_two_are_alike() -> None:
    one, two = (iris_texture(np.random.default_rng(seed)) for seed in (0, 1))
    seam = np.abs(one[:, 0] - one[:, -1]).mean()
    assert seam < 3 * np.abs(np.diff(one, axis=1)).mean()
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.5


def test_lids_are_open_between_the_corners_and_highest_towards_the_nose() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        person, state = draw_person(rng), draw_state(rng)
        half = person.opening[0]
        across = np.linspace(-1.3, 1.3, 261) * half
        top, bottom = lid_edges(person, state, across)
        assert (top[np.abs(across) < 0.9 * half] < bottom[np.abs(across) < 0.9 * half]).all()
        assert top[[0, -1]] == pytest.approx(0)
        assert bottom[[0, -1]] == pytest.approx(0)
        assert across[top.argmin()] < 0 < across[bottom.argmax()]


def test_skin_is_lit_from_where_the_lamps_are_and_lashes_only_take_light() -> None:
    rng = np.random.default_rng(4)
    person, state = draw_person(rng), replace(draw_state(rng), wet=0.0, makeup=0.0)
    view = View.of(replace(draw_sensor("kiosk", rng), shape=(240, 320), pitch=8.0), rng)
    around = opening(view, person, state)
    left, right = (
        skin_light(view, person, state, around, (x, 0.0), np.random.default_rng(5)) for x in (-0.5, 0.5)
    )
    difference = right - left
    assert difference[:, 200:].mean() > 0 > difference[:, :120].mean()
    shadow = hair_shadow(view, person, state, rng)
    assert 0 <= shadow.min() < 0.9
    assert shadow.max() == 1
    middle = (around.from_top > 3) & (around.from_bottom > 3) & (np.abs(around.across) < 4)
    assert not middle.any() or shadow[middle].mean() > 0.9


@pytest.mark.parametrize("name", ["print_inkjet", "e_ink"])
def test_a_flat_instrument_has_no_black_pupil(name: str) -> None:
    live = [pupil_level(simulate_iris(9, k, 0, None, "handheld_pair")) for k in range(5)]
    flat = [pupil_level(simulate_iris(9, k, 0, name, "handheld_pair")) for k in range(5)]
    assert np.nanmedian(flat) > 1.5 * np.nanmedian(live)


@pytest.mark.parametrize("name", list(iris_instruments))
def test_every_instrument_makes_a_picture(name: str) -> None:
    picture = simulate_iris(2, 1, 0, name, "single_lamp").picture
    assert picture.dtype == np.uint8
    assert picture.std() > 3


def test_a_collection_holds_sensors_out_and_says_that_it_is_simulated(tmp_path: Path) -> None:
    specs = plan_irises(5, 5, 1, 2)
    rows = read_manifest(write_irises(specs, tmp_path / "irises", workers=1))
    assert len(rows) == 15
    assert all(row.simulated for row in rows)
    for row in rows:
        families = HELD_OUT.get(row.partition)
        device = row.attributes["capture_device"]
        assert device in families if families else device not in sum(HELD_OUT.values(), ())
    with pytest.raises(InputError, match="not an empty folder"):
        write_irises(specs, tmp_path / "irises")
    with pytest.raises(InputError, match="bona_fide must be 1 to 999, got 0"):
        plan_irises(5, 5, 0, 2)
    with pytest.raises(UnknownNameError, match="kiosk"):
        plan_irises(5, 5, 1, 2, families=["kisok"])
