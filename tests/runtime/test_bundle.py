"""What was sealed comes back; what was damaged afterwards is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from miniature import TWO_SENSORS, metadata, network, sensor_network

from antispoof.errors import BundleError, InputError, UnknownNameError
from antispoof.runtime import bundle as bundles
from antispoof.runtime.bundle import read_bundle, shipped_bundles
from antispoof.runtime.scorer import Scorer


def test_a_sealed_model_comes_back(make_bundle: Any) -> None:
    bundle = read_bundle(make_bundle())
    assert bundle.metadata == metadata(sha256=bundle.metadata.sha256)
    assert bundle.metadata.modalities == ("face_rgb",)


def test_onnx_reads_the_metadata_and_the_same_graph(make_bundle: Any) -> None:
    import hashlib

    model = onnx.load(make_bundle())
    (entry,) = model.metadata_props
    assert entry.key == "antispoof"
    assert json.loads(entry.value)["name"] == "miniature"
    assert json.loads(entry.value)["sha256"] == hashlib.sha256(model.graph.SerializeToString()).hexdigest()


def test_a_bundle_written_by_onnx_itself_is_read(make_bundle: Any) -> None:
    path = make_bundle()
    onnx.save(onnx.load(path), path)
    assert read_bundle(path).metadata.name == "miniature"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_goes_unnoticed(data: st.DataObject, make_bundle: Any) -> None:
    path = make_bundle()
    content = bytearray(path.read_bytes())
    graph_ends = len(network())
    at = data.draw(st.integers(20, graph_ends - 20))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(BundleError):
        read_bundle(path)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.999))
def test_a_cut_file_is_refused(share: float, make_bundle: Any) -> None:
    path = make_bundle()
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(BundleError, match=r"is damaged|is no bundle"):
        read_bundle(path)


@given(content=st.binary(max_size=200))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_bytes_are_refused(content: bytes, tmp_path: Any) -> None:
    path = tmp_path / "any.onnx"
    path.write_bytes(content)
    with pytest.raises(BundleError):
        read_bundle(path)


def test_a_plain_onnx_file_is_no_bundle(tmp_path: Any) -> None:
    path = tmp_path / "plain.onnx"
    path.write_bytes(network())
    with pytest.raises(BundleError, match="is no bundle: its metadata lack the key 'antispoof'"):
        read_bundle(path)


def test_names_and_files_that_are_not_there(tmp_path: Any) -> None:
    with pytest.raises(InputError, match="no such bundle file"):
        read_bundle(tmp_path / "none.onnx")
    with pytest.raises(UnknownNameError, match="unknown bundle 'face-rgb-egde'"):
        read_bundle("face-rgb-egde")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(InputError, match="cannot read the bundle"):
        read_bundle(tmp_path / "folder.onnx")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format_version": 2}, "reads bundles of format 1, not 2: update it"),
        ({"default_operating_point": "none"}, "'none' is not an operating point"),
        ({"calibration": {"slope": -1, "intercept": 0}}, "calibration.slope: Input should be greater than 0"),
        ({"surprise": 1}, "surprise: Extra inputs"),
        ({"inputs": []}, "inputs: List should have at least 1"),
    ],
)
def test_metadata_are_validated(changes: Any, words: str, tmp_path: Any) -> None:
    model = onnx.load_from_string(network())
    model.metadata_props.add(key="antispoof", value=json.dumps({**metadata().model_dump(), **changes}))
    path = tmp_path / "odd.onnx"
    onnx.save(model, path)
    with pytest.raises(BundleError, match=words):
        read_bundle(path)


WHOLE = {"slope": 2.0, "intercept": 1.0}
PART = {"slope": 3.0, "intercept": 0.5}


def test_subsets_of_sensors_have_their_own_calibration_and_thresholds() -> None:
    points = {"balanced": {"threshold": 9.0, "rule": "equal error rate", "data": "dev, depth only"}}
    about = metadata(
        inputs=TWO_SENSORS,
        calibration=WHOLE,
        subset_calibrations={"face_depth": PART},
        operating_points={"balanced": {"threshold": 0.5, "rule": "equal error rate", "data": "dev"}},
        subset_operating_points={"face_depth": points},
        site=None,
    )
    assert about.modalities == ("face_rgb", "face_depth")
    assert about.calibration_for(["face_depth"]).slope == 3
    assert about.calibration_for(["face_depth", "face_rgb"]).slope == 2
    assert about.calibration_for(["face_rgb"]).slope == 2
    assert about.operating_point_for("balanced", ["face_depth"]).threshold == 9
    assert about.operating_point_for("balanced", ["face_rgb", "face_depth"]).threshold == 0.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subset_calibrations": {"face_rgb+face_depth": PART}}, "is no sorted subset of 'face_depth"),
        ({"subset_calibrations": {"voice": PART}}, "'voice' is no sorted subset"),
        ({"subset_calibrations": {"face_rgb+face_rgb": PART}}, "is no sorted subset"),
        ({"subset_operating_points": {"face_rgb": {}}}, "needs the operating points of the whole"),
        ({"modality_calibrations": {"voice": PART}}, r"name \['voice'\], which are no inputs"),
        ({"site": {"bona_fide_score": 3.0}}, "for bundles of one modality"),
    ],
)
def test_what_is_said_of_subsets_is_validated(changes: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        metadata(inputs=TWO_SENSORS, **{"site": None, **changes})


def test_a_network_of_several_sensors_works_with_those_that_are_there(make_bundle: Any) -> None:
    scorer = Scorer(read_bundle(make_bundle(model=sensor_network(), inputs=TWO_SENSORS, site=None)))
    rng = np.random.default_rng(0)
    colour, depth = rng.random((5, 3, 8, 8), np.float32), rng.random((5, 1, 4, 4), np.float32)
    means = np.stack([colour.mean((1, 2, 3)), depth.mean((1, 2, 3))], axis=1)
    both = scorer({"face_rgb": colour, "face_depth": depth})
    np.testing.assert_allclose(both.score, means.sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(both.modality_scores, means, rtol=1e-5)
    np.testing.assert_allclose(scorer({"face_rgb": colour}).score, means[:, 0], rtol=1e-5)
    presence = np.array([[1, 0], [1, 1], [0, 1], [1, 0], [0, 1]], np.float32)
    holes = colour.copy()
    holes[presence[:, 0] == 0] = np.nan  # what stands there is not looked at
    some = scorer({"face_rgb": holes, "face_depth": depth}, presence)
    np.testing.assert_allclose(some.score, (means * presence).sum(axis=1), rtol=1e-5)
    with pytest.raises(BundleError, match="needs at least one of"):
        scorer({})
    with pytest.raises(BundleError, match="needs at least one of"):
        scorer({"face_rgb": colour}, np.eye(2, dtype=np.float32)[[0, 0, 1, 0, 0]])
    with pytest.raises(BundleError, match=r"face_depth is of shape \(5, 1, 8, 8\), not \(5, 1, 4, 4\)"):
        scorer({"face_depth": colour[:, :1]})


def test_several_sensors_need_presence(make_bundle: Any) -> None:
    views = [{**view, "modality": "face_rgb"} for view in TWO_SENSORS]
    path = make_bundle(model=sensor_network(), inputs=views)
    with pytest.raises(BundleError, match=r"the graph takes .*'presence'"):
        Scorer(read_bundle(path))


def test_a_graph_that_does_not_fit_its_metadata_is_refused(make_bundle: Any) -> None:
    path = make_bundle(inputs=[{"name": "other", "modality": "face_rgb", "prepare": {"scale": 1, "size": 8}}])
    with pytest.raises(
        BundleError, match=r"name the inputs \['other'\], the graph takes \['tight', 'wide'\]"
    ):
        Scorer(read_bundle(path))


@pytest.mark.parametrize("name", shipped_bundles())
def test_every_shipped_bundle_is_whole(name: str) -> None:
    bundle = read_bundle(name)
    assert bundle.metadata.name == name
    assert len(bundle.model) <= 6_000_000
    assert bundle.metadata.licence
    assert all(source.licence for source in bundle.metadata.training.data)
    assert '"/' not in bundle.metadata.training.recipe  # a path of somebody's machine
    Scorer(bundle)


def test_a_variant_of_a_bundle_judges_only_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    several = ("face-manipulation", "face-multispectral")
    names = (*several, "face-rgb", "face-rgb-edge", "fingerprint-edge", "voice-edge")
    for there, first in ((names, "face-rgb"), ((*names[:2], *names[3:]), "face-rgb-edge")):
        monkeypatch.setattr(bundles, "shipped_bundles", lambda there=there: dict.fromkeys(there))
        assert bundles.default_bundles() == [first, "face-multispectral", "fingerprint-edge", "voice-edge"]
        assert bundles.default_bundle("face_rgb") == first
        assert bundles.default_bundle("voice") == "voice-edge"
