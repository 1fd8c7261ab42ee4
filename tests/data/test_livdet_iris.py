"""Who has LivDet-Iris needs no code: import, train, export, score and evaluate, on a miniature."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml

from antispoof.data.layout import load_dataset
from antispoof.data.manifest import read_manifest
from antispoof.simulation.iris.presentations import simulate_iris

KINDS = {"live": None, "printout": "print_laser", "contact_lens": "contact_lens"}


@functools.cache
def eye(instrument: str | None, number: int) -> bytes:
    """A simulated eye as a PNG: one number, one eye; of the same instrument none is like another."""
    picture = simulate_iris(8, number, 0, instrument, "lamp_ring").picture
    return bytes(cv2.imencode(".png", picture)[1])


def write_miniature(root: Path, year: int, each: int) -> None:
    """Lay pictures out as the lists of a year say: ``each`` of every kind and part."""
    rows, number = [], 0
    parts = {2025: ("task1", "task2")}.get(year, ("train", "test") if year <= 2017 else ("test",))
    for start, part in enumerate(parts):
        for kind, (label, instrument) in enumerate(KINDS.items()):
            for index in range(each):
                path = root / "images" / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(eye(instrument, len(KINDS) * (start * each + index) + kind))
                laboratory = ["warsaw"] if year <= 2017 else []
                rows.append(",".join([part, *laboratory, label, f"images/{number}.png"]))
                number += 1
    name = "splits.csv" if year <= 2017 else "test_split.csv"
    (root / name).write_text("\n".join(rows) + "\n", encoding="utf-8")


@pytest.mark.parametrize("year", [2013, 2015, 2017, 2020, 2023, 2025])
def test_every_year_is_read_as_its_list_says(year: int, tmp_path: Path) -> None:
    write_miniature(tmp_path, year, 1)
    read = load_dataset(f"livdet{year}_iris", tmp_path, partial=True)
    assert {p.pai_species for p in read.test} == {None, "printout", "contact_lens"}
    assert bool(read.train) == (year <= 2017)
    if year == 2025:
        second = load_dataset("livdet2025_iris", tmp_path, "task2", partial=True)
        assert len(second.test) == len(read.test) / 2
        assert {p.attributes["task"] for p in second.test} == {"task2"}


@pytest.mark.filterwarnings("ignore")
def test_from_the_archive_to_the_report(run: Any, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    pytest.importorskip("onnxscript")
    root = tmp_path / "LivDet"
    write_miniature(root, 2017, 4)
    manifest = tmp_path / "livdet.csv"
    options = ("--protocol", "warsaw", "--partial", "--out", manifest)
    assert run("data", "import", "dataset", "livdet2017_iris", root, *options)[0] == 0
    assert run("data", "split", manifest, "--out", manifest, "--keep-test")[0] == 0
    assert {p.partition for p in read_manifest(manifest)} == {"train", "dev", "test"}

    experiment = yaml.safe_load(Path("configs/iris-edge.yaml").read_text(encoding="utf-8"))
    experiment["training"] |= {"epochs": 1, "batch_size": 4}
    experiment |= {"run_dir": str(tmp_path / "run"), "data": {"manifest": str(manifest)}}
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(experiment), encoding="utf-8")
    code, said, problems = run("train", path)
    assert code == 0, said + problems
    bundle = tmp_path / "mine.onnx"
    assert run("export", tmp_path / "run", "-o", bundle)[0] == 0
    assert bundle.is_file()

    scores, report = tmp_path / "scores.csv", tmp_path / "report.html"
    options = ("--partition", "test", "--bundle", bundle, "-o", scores, "-j", "1")
    code, said, problems = run("score", manifest, *options)
    assert code == 0, said + problems
    code, said, problems = run("evaluate", scores, "--html", report, "--at", "BPCER<=5%")
    assert code == 0, said + problems
    page = report.read_text(encoding="utf-8")
    for word in ("APCER", "BPCER", "printout", "contact_lens", "30107-3"):
        assert word in page
