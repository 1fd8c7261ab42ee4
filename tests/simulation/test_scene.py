"""The simulated scene obeys the physics it states, and is the same every time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from antispoof.data.hold_out import hold_out
from antispoof.data.inspection import inspect
from antispoof.data.manifest import read_manifest
from antispoof.errors import InputError, UnknownNameError
from antispoof.simulation.scene.collection import Portraits, plan_scenes, read_portraits, write_scenes
from antispoof.simulation.scene.instruments import INSTRUMENTS
from antispoof.simulation.scene.light import LIGHTING
from antispoof.simulation.scene.render import MODALITIES, SceneSpec, person_of, render_scene
from antispoof.simulation.scene.sensors import SUITES

ALL = [None, *INSTRUMENTS]


def scene(instrument: str | None, n: int = 0, size: int = 64, **fields: Any) -> dict[str, NDArray[Any]]:
    values = {"seed": 5, "subject": n, "index": n, "suite": "desk", "lighting": "office"} | fields
    return render_scene(SceneSpec(instrument=instrument, **values), size)


def middle(array: NDArray[Any]) -> NDArray[np.float64]:
    third = len(array) // 3
    return array[third : 2 * third, third : 2 * third].astype(np.float64)


def celsius(capture: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    return np.asarray(capture["face_thermal"] / 100 - 273.15)


@pytest.mark.parametrize("instrument", ALL)
@pytest.mark.parametrize("suite", SUITES)
def test_every_instrument_before_every_suite(instrument: str | None, suite: str) -> None:
    for n, lighting in enumerate(LIGHTING if suite == "desk" else ["office"]):
        capture = scene(instrument, n, 48, suite=suite, lighting=lighting)
        assert set(capture) == set(MODALITIES)
        shapes = {m: (a.shape, a.dtype) for m, a in capture.items()}
        assert shapes == {
            "face_rgb": ((48, 48, 3), np.uint8),
            "face_depth": ((48, 48), np.uint16),
            "face_infrared": ((48, 48), np.uint8),
            "face_thermal": ((48, 48), np.uint16),
        }
        assert capture["face_rgb"].std() > 8
        temperatures = celsius(capture)
        assert temperatures.min() > -5
        assert temperatures.max() < 48


@pytest.mark.parametrize("instrument", ALL)
def test_the_same_seed_makes_the_same_presentation(instrument: str | None) -> None:
    one, again, other = scene(instrument, 1), scene(instrument, 1), scene(instrument, 1, seed=6)
    for modality in MODALITIES:
        np.testing.assert_array_equal(one[modality], again[modality])
    assert any((one[m] != other[m]).mean() > 0.1 for m in MODALITIES)


def test_what_is_rendered_does_not_depend_on_what_was_rendered_before() -> None:
    fresh = "import numpy as np\nfrom antispoof.simulation.scene.render import SceneSpec, render_scene\n"
    fresh += "c = render_scene(SceneSpec(5, 2, 2, 'print_flat', 'desk', 'office'), 64)\n"
    fresh += "print([int(a.astype(np.int64).sum()) for a in c.values()])"
    done = subprocess.run(
        [sys.executable, "-c", fresh], capture_output=True, text=True, check=True, timeout=600
    )
    for kind in ALL:
        scene(kind, 2)
    here = scene("print_flat", 2)
    assert done.stdout.strip() == str([int(a.astype(np.int64).sum()) for a in here.values()])


def test_scenes_are_as_recorded() -> None:
    """Coarse means, so that another processor's rounding passes and another scene does not."""
    golden = np.load(Path(__file__).parent / "scene_golden.npz")
    for name in golden.files:
        instrument, modality = name.split(":")
        capture = scene(None if instrument == "bona_fide" else instrument, 3)[modality].astype(np.float64)
        if modality == "face_depth":
            capture[capture == 0] = np.nan
        blocks = np.nanmedian(capture.reshape(4, 16, 4, 16, -1), axis=(1, 3)).squeeze()
        np.testing.assert_allclose(blocks, golden[name], rtol=0.02, atol=2.0, err_msg=name)


def test_people_are_warm_and_what_is_not_alive_is_not() -> None:
    people = [np.median(middle(celsius(scene(None, n)))) for n in range(12)]
    assert min(people) > 29
    assert max(people) < 38
    for cold in ("mannequin", "print_flat", "print_bent"):
        for n in range(6):
            assert np.median(middle(celsius(scene(cold, n)))) < 28, cold
    silicone = np.mean([np.median(middle(celsius(scene("mask_silicone", n)))) for n in range(8)])
    resin = np.mean([np.median(middle(celsius(scene("mask_rigid", n)))) for n in range(8)])
    assert resin < silicone < np.mean(people)


def test_air_temperature_does_not_make_a_person_cold() -> None:
    indoor = np.mean([np.median(middle(celsius(scene(None, n)))) for n in range(10)])
    outdoor = np.mean([np.median(middle(celsius(scene(None, n, lighting="outdoor")))) for n in range(10)])
    assert abs(indoor - outdoor) < 4


def test_faces_have_relief_and_flat_prints_lie_in_a_plane() -> None:
    def deviation(instrument: str | None, n: int) -> float:
        depth = middle(scene(instrument, n, 96)["face_depth"])
        y, x = np.nonzero(depth)
        z = depth[y, x]
        keep = np.abs(z - np.median(z)) < 60  # fingers and background
        basis = np.column_stack([x, y, np.ones_like(x)])[keep]
        plane, *_ = np.linalg.lstsq(basis, z[keep], rcond=None)
        return float(np.std(z[keep] - basis @ plane))

    faces = [deviation(None, n) for n in range(8)]
    masks = [deviation("mask_rigid", n) for n in range(8)]
    prints = [deviation("print_flat", n) for n in range(8)]
    bent = [deviation("print_bent", n) for n in range(8)]
    assert np.median(prints) < 2.5
    assert np.median(prints) < np.median(bent)
    assert np.median(faces) > 6
    assert np.median(masks) > 6


def test_a_screen_is_bright_to_the_eye_and_dark_at_850_nm() -> None:
    shown = [scene("replay_tablet", n) for n in range(8)]
    for capture in shown:
        assert np.median(middle(capture["face_rgb"].mean(axis=2))) > 40
    screen = np.median([np.median(middle(capture["face_infrared"])) for capture in shown])
    face = np.median([np.median(middle(scene(None, n)["face_infrared"])) for n in range(8)])
    assert screen < 0.6 * face


def test_skin_tones_differ_less_at_850_nm_than_in_the_visible() -> None:
    visible, infrared, melanin = [], [], []
    for n in range(40):
        capture = scene(None, n, 48, suite="desk", lighting="office")
        visible.append(np.median(middle(capture["face_rgb"][..., 2])))
        infrared.append(np.median(middle(capture["face_infrared"])))
        melanin.append(person_of(5, n).melanin)
    dark = np.array(melanin) > np.median(melanin)
    seen, near = np.array(visible), np.array(infrared)
    assert seen[~dark].mean() / seen[dark].mean() > 1.08 * near[~dark].mean() / near[dark].mean()


def test_distances_are_those_of_the_suite() -> None:
    for name, suite in SUITES.items():
        for n in range(4):
            depth = middle(scene(None, n, suite=name)["face_depth"])
            nearest, furthest = suite.distance_mm
            assert nearest - 140 < np.median(depth[depth > 0]) < furthest


def test_unknown_names_list_what_exists() -> None:
    for fields, kind in (({"suite": "desktop"}, "sensor suite"), ({"lighting": "ofice"}, "lighting")):
        with pytest.raises(UnknownNameError, match=f"unknown {kind} .* did you mean"):
            scene(None, **fields)
    with pytest.raises(UnknownNameError, match="simulated instrument 'print'"):
        scene("print")
    with pytest.raises(InputError, match="size must be 32 to 512"):
        scene(None, size=31)


def test_a_collection_is_balanced_divided_and_free_of_shortcuts(tmp_path: Path) -> None:
    specs = plan_scenes(3, subjects=20, bona_fide=1, attacks=3)
    manifest = write_scenes(specs, tmp_path / "scenes", size=32, workers=1)
    rows = read_manifest(manifest)
    assert len(rows) == 20 * 4
    assert {p.pai_species for p in rows} == set(ALL)
    assert all(p.simulated for p in rows)
    assert {p.attributes["capture_device"] for p in rows} == set(SUITES)
    result = inspect(rows)
    assert result.ok
    # What instruments are made of may give them away to a sensor; size and file format may not.
    for (_, measurement), accuracy in result.separability.items():
        if measurement in ("width_px", "height_px", "aspect"):
            assert accuracy == 0.5
    unseen = hold_out(rows, "pai_species", "mask_rigid")
    assert {p.pai_species for p in unseen if p.partition == "test"} == {None, "mask_rigid"}
    assert "mask_rigid" not in {p.pai_species for p in unseen if p.partition != "test"}
    other = hold_out(rows, "capture_device", "phone")
    assert {p.attributes["capture_device"] for p in other if p.partition == "test"} == {"phone"}
    assert "phone" not in {p.attributes["capture_device"] for p in other if p.partition != "test"}
    with pytest.raises(InputError, match="there are: desk, kiosk, phone"):
        hold_out(rows, "capture_device", "toaster")


def test_several_processes_write_what_one_writes(tmp_path: Path) -> None:
    specs = plan_scenes(4, subjects=1, bona_fide=1, attacks=1)
    for workers in (1, 2):
        write_scenes(specs, tmp_path / str(workers), size=32, workers=workers)
    files = sorted(p.relative_to(tmp_path / "1") for p in (tmp_path / "1").rglob("*.png"))
    assert len(files) == 8
    for name in files:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_a_portrait_changes_the_face_and_needs_a_licence(tmp_path: Path) -> None:
    ramp = np.linspace(40, 220, 80, dtype=np.uint8)
    face = np.repeat(np.tile(ramp[:, None], (1, 60))[..., None], 3, axis=2)
    spec = SceneSpec(1, 0, 0, None, "desk", "office")
    assert (render_scene(spec, 48)["face_rgb"] != render_scene(spec, 48, face)["face_rgb"]).mean() > 0.2
    with pytest.raises(InputError, match="need a licence"):
        read_portraits(tmp_path, "")
    Image.fromarray(face).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="no picture with a face"):
        read_portraits(tmp_path, "CC0")
    with pytest.raises(InputError, match="2 subjects need as many portraits, there are 1"):
        write_scenes(plan_scenes(0, 2, 1, 1), tmp_path / "out", portraits=Portraits((face,), (), "CC0"))


def test_simulated_files_are_never_mixed_with_others(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="is not an empty folder"):
        write_scenes(plan_scenes(0, 1, 1, 1), tmp_path, workers=1)
    for wrong in ({"subjects": 0}, {"bona_fide": 0}, {"attacks": 1000}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            plan_scenes(**({"seed": 0, "subjects": 1, "bona_fide": 1, "attacks": 1} | wrong))
    with pytest.raises(UnknownNameError, match="did you mean 'mask_rigid'"):
        plan_scenes(0, 1, 1, 1, instruments=["mask_rigd"])


def test_the_command_says_that_it_is_simulated(tmp_path: Path) -> None:
    program = "from antispoof.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        program,
        "simulate",
        "scene",
        str(tmp_path / "s"),
        "--size",
        "32",
        "--workers",
        "1",
    ]
    numbers = ["--subjects", "3", "--bona-fide", "1", "--attacks", "1"]
    done = subprocess.run([*command, *numbers], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "6 SIMULATED presentations" in done.stdout
    again = subprocess.run([*command, *numbers], capture_output=True, text=True, check=False, timeout=600)
    assert again.returncode == 3
    assert "is not an empty folder" in again.stderr
