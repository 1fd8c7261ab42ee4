"""A run folder is of one experiment: what differs is named, and what to do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from antispoof.errors import InputError
from antispoof.training.run_folder import METADATA, claim
from antispoof.training.schema import Experiment


def refusal(experiment: Experiment, digest: str) -> str:
    with pytest.raises(InputError) as told:
        claim(experiment, {"manifest_sha256": digest})
    return str(told.value)


def test_a_folder_of_another_version_says_what_differs_and_how_to_go_on(tmp_path: Path) -> None:
    """A version that came later has settings and defaults that the one which began the run had not."""
    experiment = Experiment(recipe="supervised", name="a", version="1", seed=3, run_dir=tmp_path)
    assert claim(experiment, {"manifest_sha256": "x"}) is False
    assert claim(experiment, {"manifest_sha256": "x"}) is False
    assert re.search(
        r'manifest_sha256: "x" there, "y" here. It is not finished. .* data that it began with. Else choose',
        refusal(experiment, "y"),
    )
    held = json.loads((tmp_path / "experiment.json").read_text())
    del held["version"]
    (tmp_path / "experiment.json").write_text(json.dumps({**held, "seed": 1}))
    told = refusal(experiment, "x")
    assert 'differs in seed: 1 there, 3 here, version: not there, "1" here. It is not finished.' in told
    assert "set what it had (--set seed=1), or use the version of antispoof that began it" in told
    assert told.endswith("Else choose another run_dir, or delete this one")
    (tmp_path / METADATA).touch()
    assert refusal(experiment, "x").endswith('"1" here. Choose another run_dir, or delete this one')
