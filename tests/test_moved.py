"""Names of the version before still import, with a warning that says the new one."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

import antispoof
from antispoof._moved import MOVED, RENAMED


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_name_is_the_new_module(old: str) -> None:
    if old.startswith("training."):
        pytest.importorskip("torch")
    if old.startswith("service."):
        pytest.importorskip("fastapi")
    sys.modules.pop(f"antispoof.{old}", None)
    with pytest.warns(DeprecationWarning, match=f"antispoof.{MOVED[old]} now"):
        found = importlib.import_module(f"antispoof.{old}")
    assert found is importlib.import_module(f"antispoof.{MOVED[old]}")
    assert found.__spec__ is not None
    assert found.__spec__.name == f"antispoof.{MOVED[old]}"


def test_the_warning_points_at_the_import(recwarn: pytest.WarningsRecorder) -> None:
    sys.modules.pop("antispoof.runtime.fusion", None)
    sys.modules.pop("antispoof.runtime.fusion.rank", None)
    from antispoof.runtime.fusion import rank  # type: ignore[import-untyped]

    assert rank is importlib.import_module("antispoof.scores.fusion.rank")
    assert {warning.filename for warning in recwarn} == {__file__}


def test_names_that_never_were_are_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"antispoof\.runtime\.nothing"):
        importlib.import_module("antispoof.runtime.nothing")


@pytest.mark.parametrize(
    ("module", "old", "new"), [(m, old, new) for m, names in RENAMED.items() for old, new in names.items()]
)
def test_an_old_class_is_the_new_one(module: str, old: str, new: str) -> None:
    place = importlib.import_module(f"antispoof.{module}")
    with pytest.warns(DeprecationWarning, match=f"{old} is called {new} now"):
        assert getattr(place, old) is getattr(place, new)
    with pytest.raises(AttributeError, match="Nothing"):
        _ = place.Nothing


def test_a_renamed_public_name_is_told_its_new_one() -> None:
    with pytest.warns(DeprecationWarning, match="Opinion is called BundleScore now"):
        assert antispoof.Opinion is antispoof.BundleScore  # type: ignore[attr-defined]


def test_the_page_of_renamings_is_complete() -> None:
    page = (Path(__file__).parents[1] / "docs" / "reference" / "renamed.md").read_text(encoding="utf-8")
    for old, new in MOVED.items():
        assert f"| `{old}` | `{new}` |" in page
    for module, names in RENAMED.items():
        for old, new in names.items():
            assert f"| `{module}` | `{old}` | `{new}` |" in page
