"""What docstrings show is what happens."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from antispoof import evaluation

MODULES = sorted(found.name for found in pkgutil.iter_modules(evaluation.__path__, "antispoof.evaluation."))
WITH_EXAMPLES = (
    *("calibration_quality", "comparison", "confidence", "detection_cost", "evaluation"),
    *("fairness", "metrics", "tandem", "thresholds"),
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert not found.failed
    assert found.attempted or name.removeprefix("antispoof.evaluation.") not in WITH_EXAMPLES


def test_every_metric_has_an_example() -> None:
    from antispoof.evaluation import metrics

    assert [name for name in metrics.__all__ if ">>>" not in (getattr(metrics, name).__doc__ or "")] == []
