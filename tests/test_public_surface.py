"""What users may rely on: the public names, and that importing them is light."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import antispoof


def test_the_public_names_are_these() -> None:
    assert sorted(antispoof.__all__) == [
        "AntispoofError",
        "BundleError",
        "BundleReference",
        "BundleScore",
        "Detector",
        "Evidence",
        "ExperimentError",
        "InputError",
        "MediaError",
        "MissingExtraError",
        "OperatingPoint",
        "Policy",
        "Recording",
        "Row",
        "Sample",
        "SiteCalibration",
        "UnknownNameError",
        "Verdict",
        "learn_site",
        "load",
        "read_policy",
        "read_site",
        "score",
        "write_site",
    ]
    assert len(antispoof.__all__) <= 25


def test_every_public_name_can_be_imported_and_is_documented() -> None:
    for name in antispoof.__all__:
        assert getattr(antispoof, name).__doc__
    assert set(antispoof.__all__) <= set(dir(antispoof))


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(antispoof, "no_such_name")


def imported_by(statement: str) -> set[str]:
    program = f"import sys; {statement}; print(' '.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in run.stdout.split()}


def test_import_antispoof_loads_nothing_heavy() -> None:
    assert not imported_by("import antispoof") & {
        "numpy",
        "cv2",
        "onnxruntime",
        "pydantic",
        "torch",
        "PIL",
        "rich",
    }


def test_the_detector_never_loads_torch() -> None:
    loaded = imported_by("import antispoof; antispoof.load; antispoof.learn_site")
    assert not loaded & {"torch", "lightning", "rich", "matplotlib"}


def test_the_version_is_the_one_of_the_package() -> None:
    try:
        installed = metadata.version("antispoof")
    except metadata.PackageNotFoundError:
        return  # run from the source tree
    assert antispoof.__version__ == installed
