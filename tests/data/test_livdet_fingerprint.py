"""Who has LivDet fingerprint needs no code: import, train, export, score and evaluate, on a miniature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

import antispoof
from antispoof.data.layout import load_dataset
from antispoof.data.manifest import read_manifest
from antispoof.simulation.fingerprint.presentation import PrintSpec, present

LAYOUTS = {
    "livdet2013_fingerprint": "{part}ing/Biometrika{part}/{side}",
    "livdet2015_fingerprint": "{part}ing/Digital_Persona/{side}",
    "livdet2017_fingerprint": "GreenBit/{part}/{side}",
    "livdet2019_fingerprint": "{part}/Orcanthus/{side}",
    "livdet2021_fingerprint": "Dermalog/{part}ing/{side}",
    "livdet2023_fingerprint": "{part}/Unknown1/{side}",
}
SIDES = {"Live": None, "Fake/Gelatine": "gelatine", "Spoof/Latex": "latex"}


def write_miniature(root: Path, layout: str, each: int, contents: list[bytes]) -> None:
    """Lay pictures out as an archive does: ``each`` of every side and part, the same ones again and again."""
    number = 0
    for part in ("Train", "Test"):
        for side in SIDES:
            folder = root / layout.format(part=part, side=side)
            folder.mkdir(parents=True)
            for index in range(each):
                (folder / f"{index:03}_{number}_0.png").write_bytes(contents[number % len(contents)])
                number += 1


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_year_is_read_as_its_folders_say(name: str, tmp_path: Path) -> None:
    write_miniature(tmp_path, LAYOUTS[name], 2, [b"x"])
    read = load_dataset(name, tmp_path, partial=True)
    for partition in (read.train, read.test):
        kinds = [p.pai_species for p in partition]
        assert sorted(map(str, kinds)) == ["None", "None", "gelatine", "gelatine", "latex", "latex"]
        for p in partition:
            assert f"/{'Live' if p.bona_fide else p.pai_species.capitalize()}/" in str(
                p.captures["fingerprint"].path
            )


@pytest.mark.filterwarnings("ignore")
def test_from_the_archive_to_the_report(run: Any, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    pytest.importorskip("onnxscript")
    root = tmp_path / "LivDet"
    sides = list(SIDES.values())
    each = 4
    prints = []
    for number in range(2 * len(sides) * each):
        kind = sides[number // each % len(sides)]
        picture = present(PrintSpec(9, number % 3, number, kind, "optical_prism", number))[0]
        prints.append(bytes(cv2.imencode(".png", picture)[1]))
    write_miniature(root, LAYOUTS["livdet2017_fingerprint"], each, prints)

    manifest = tmp_path / "livdet.csv"
    options = ("--protocol", "GreenBit", "--partial", "--out", manifest)
    assert run("data", "import", "dataset", "livdet2017_fingerprint", root, *options)[0] == 0
    imported = read_manifest(manifest)
    assert len(imported) == 2 * len(sides) * each
    assert run("data", "split", manifest, "--out", manifest, "--keep-test")[0] == 0
    divided = read_manifest(manifest)
    assert {p.partition for p in divided} == {"train", "dev", "test"}
    assert [p.id for p in divided if p.partition == "test"] == [
        p.id for p in imported if p.partition == "test"
    ]

    experiment = yaml.safe_load(Path("configs/fingerprint-edge.yaml").read_text(encoding="utf-8"))
    experiment["modalities"]["fingerprint"]["prepare"] = {"size": 96}
    experiment |= {"run_dir": str(tmp_path / "run"), "data": {"manifest": str(manifest)}}
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(experiment), encoding="utf-8")
    code, said, problems = run("train", path)
    assert code == 0, said + problems
    bundle = tmp_path / "mine.onnx"
    assert run("export", tmp_path / "run", "-o", bundle)[0] == 0
    (evidence,) = antispoof.load(bundle).check(fingerprint=prints[0]).evidence
    assert evidence.heat_map is not None  # where it looks false: a patch a token
    assert evidence.heat_map.shape == (6, 6)

    scores, report = tmp_path / "scores.csv", tmp_path / "report.html"
    code, said, problems = run(
        "score", manifest, "--partition", "test", "--bundle", bundle, "-o", scores, "-j", "1"
    )
    assert code == 0, said + problems
    code, said, problems = run("evaluate", scores, "--html", report, "--at", "BPCER<=5%")
    assert code == 0, said + problems
    page = report.read_text(encoding="utf-8")
    for word in ("APCER", "BPCER", "gelatine", "latex", "30107-3"):
        assert word in page
    assert np.isfinite(float(scores.read_text(encoding="utf-8").splitlines()[1].split(",")[1] or 0))
