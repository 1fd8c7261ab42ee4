"""A dataset becomes a score file: whole, in order, whatever stops it in between."""

from __future__ import annotations

import csv
import errno
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rendered import posed

import antispoof
from antispoof.batch.output import write_scores
from antispoof.batch.parts import PART_ROWS, Parts, part_path, read_records
from antispoof.batch.plan import make_plan
from antispoof.batch.rows import Row
from antispoof.batch.run import Summary
from antispoof.batch.run import run as score_to
from antispoof.batch.scorer import Setup, score_rows
from antispoof.batch.workers import score_parts
from antispoof.cli.score import tell
from antispoof.errors import ExperimentError, InputError
from antispoof.evaluation import ScoreSet
from antispoof.runtime.detector import Detector
from antispoof.sensing.capture import Recording

COLUMNS = "id", "subject", "dataset", "partition", "pai_species", "path.face_rgb", "attribute.light"


@pytest.fixture
def pictures(tmp_path: Path, close_up: Any, blank: Any, encode: Any) -> Path:
    """Three files: a face, a wall, and what is no picture."""
    (tmp_path / "face.jpg").write_bytes(encode(close_up, "JPEG"))
    (tmp_path / "wall.jpg").write_bytes(encode(blank, "JPEG"))
    (tmp_path / "text.jpg").write_bytes(b"no picture")
    return tmp_path


def write_manifest(folder: Path, rows: int, broken: int = -1) -> Path:
    path = folder / "manifest.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for k in range(rows):
            name = "text.jpg" if k == broken else "wall.jpg" if k % 5 == 4 else "face.jpg"
            kind = "bona_fide" if k % 2 else "print"
            table.writerow([f"p{k}", f"s{k % 3}", "d", "test" if k % 4 else "dev", kind, name, "day"])
    return path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "milliseconds"} for row in csv.DictReader(file)]


def test_every_row_comes_out_in_order_with_all_that_is_known(
    pictures: Path, make_bundle: Any, run: Any
) -> None:
    manifest, bundle = write_manifest(pictures, 12, broken=3), make_bundle()
    out = pictures / "scores.csv"
    code, said, errors = run("score", manifest, "-o", out, "--bundle", bundle, "--jobs", 2)
    assert code == 3
    assert "1 unsupported_media" in said
    assert "p3" in errors
    rows = read(out)
    assert [row["id"] for row in rows] == [f"p{k}" for k in range(12)]
    verdict = antispoof.load(bundle).check(face_rgb=pictures / "face.jpg")
    face, wall, broken = rows[0], rows[4], rows[3]
    assert float(face["score"]) == verdict.score == float(face["calibrated.miniature"])
    assert face["outcome"] == verdict.outcome
    assert face["bundle_sha256"] == verdict.bundles[0].sha256
    assert (face["status.face_rgb"], face["attribute.light"], face["partition"]) == ("used", "day", "dev")
    assert (wall["outcome"], wall["score"], wall["reasons.face_rgb"]) == ("non_response", "", "no_face")
    assert (broken["error"], broken["outcome"], broken["score"]) == ("unsupported_media", "", "")
    code, again, _ = run("score", manifest, "-o", out, "--bundle", bundle)
    assert (code, again.splitlines()[0]) == (3, said.splitlines()[0])
    code, _, errors = run("score", manifest, "-o", pictures / "b.csv", "--bundle", bundle, "--strict")
    assert code == 3
    assert "p3" in errors
    assert not (pictures / "b.csv").exists()


def test_a_manifest_is_the_same_from_everywhere(
    pictures: Path, make_bundle: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, out = make_bundle(), pictures / "scores.jsonl"
    write_manifest(pictures, 3)
    monkeypatch.chdir(pictures)
    code, said, _ = run("score", "manifest.csv", "-o", out, "--bundle", bundle)
    assert code == 0
    assert "write them to a .csv or .parquet" in " ".join(said.split())
    monkeypatch.chdir(pictures.parent)
    code, _, errors = run("score", f"{pictures.name}/manifest.csv", "-o", out, "--bundle", bundle)
    assert (code, errors) == (0, "")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_evaluate_reads_it_as_it_is(pictures: Path, make_bundle: Any, suffix: str) -> None:
    plan = make_plan([str(write_manifest(pictures, 12))], partition="test")
    out = pictures / f"scores{suffix}"
    summary = score_to(plan, Setup((str(make_bundle()),)), out)
    scores = ScoreSet.read(out)
    assert summary.rows == len(scores.scores) == 9
    assert set(scores.attributes) == {"session", "dataset", "partition", "attribute.light"}
    assert [scores.ids[k] for k in range(9)] == [f"p{k}" for k in range(12) if k % 4]
    assert scores.read_as == ""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 74)])
def test_killed_at_any_moment_it_goes_on_and_ends_the_same(
    pictures: Path, make_bundle: Any, sent: signal.Signals, code: int
) -> None:
    manifest, bundle = write_manifest(pictures, 2 * PART_ROWS + 3), make_bundle()
    whole, killed = pictures / "whole.csv", pictures / "killed.csv"
    plan = make_plan([str(manifest)])
    score_to(plan, Setup((str(bundle),)), whole, jobs=2)
    command = [sys.executable, "-m", "antispoof", "score", manifest, "-o", killed, "--bundle", bundle]
    process = subprocess.Popen(
        [*command, "--jobs", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    folder = killed.with_name("killed.csv.parts")
    while process.poll() is None and not list(folder.glob("*.jsonl")):
        time.sleep(0.01)
    process.send_signal(sent)
    assert process.wait() == code
    assert 0 < len(list(folder.glob("*.jsonl"))) < 3
    assert not killed.exists()
    score_to(plan, Setup((str(bundle),)), killed, jobs=2)
    assert read(killed) == read(whole)
    assert not folder.exists()


class DyingSetup(Setup):
    """Its detector kills the process over one file, as a decoder that crashes would."""

    def detector(self) -> Detector:
        detector = super().detector()
        look = detector.look

        def deadly(sources: Any) -> Any:
            if "killer" in str(sources["face_rgb"].source):
                os.kill(os.getpid(), signal.SIGKILL)
            return look(sources)

        vars(detector)["look"] = deadly
        return detector


def test_a_worker_that_dies_costs_one_row(pictures: Path, make_bundle: Any) -> None:
    rows = [Row(f"p{k}", {"face_rgb": Recording(pictures / "face.jpg")}) for k in range(9)]
    rows[4] = Row("p4", {"face_rgb": Recording(pictures / "killer.jpg")})
    folder = pictures / "parts"
    folder.mkdir()
    published: list[int] = []
    setup = DyingSetup((str(make_bundle()),))
    parts = [(0, rows[:6]), (1, rows[6:])]
    score_parts(setup, folder, parts, jobs=1, strict=False, done=published.append)
    records = [each for k in range(2) for each in read_records(part_path(folder, k))]
    assert [record["id"] for record in records] == [f"p{k}" for k in range(9)]
    assert [record.get("error") for record in records] == [None] * 4 + ["worker_died"] + [None] * 4
    assert len({record.get("score") for record in records}) == 2  # the face's, and none
    assert sum(published) == 9


def test_an_output_of_another_run_is_left_alone(pictures: Path, make_bundle: Any) -> None:
    plan, out = make_plan([str(write_manifest(pictures, 3))]), pictures / "scores.csv"
    out.write_text("mine")
    with pytest.raises(InputError, match="this command did not write it"):
        score_to(plan, Setup((str(make_bundle()),)), out)
    out.unlink()
    score_to(plan, Setup((str(make_bundle()),)), out)
    content = out.read_bytes()
    other = Setup((str(make_bundle("b.onnx", name="other")),))
    with pytest.raises(InputError, match=r"bundles 'miniature \(.*' there, 'other \("):
        score_to(plan, other, out)
    folder = pictures / "refused.csv.parts"
    folder.mkdir()  # of a command that was refused before anything was scored
    (pictures / "refused.csv.run.json").write_text('{"run": {"bundles": "another"}, "summary": null}')
    score_to(plan, Setup((str(make_bundle()),)), pictures / "refused.csv")
    with pytest.raises(InputError, match=r"manifest.csv.*there.*partition dev.*here"):
        score_to(make_plan([plan.source], partition="dev"), Setup((str(make_bundle()),)), out)
    assert out.read_bytes() == content


def test_two_runs_at_once_do_not_write_over_each_other(tmp_path: Path) -> None:
    output = tmp_path / "scores.csv"
    with (
        Parts(output, {"bundle": "one"}).held(),
        pytest.raises(InputError, match="another process is scoring into"),
        Parts(output, {"bundle": "one"}).held(),
    ):
        pass
    with Parts(output, {"bundle": "one"}).held():  # let go
        pass


def test_a_full_disk_loses_nothing_that_was_done(
    pictures: Path, make_bundle: Any, run: Any, monkeypatch: Any
) -> None:
    manifest, bundle, out = write_manifest(pictures, 4), make_bundle(), pictures / "scores.csv"

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("antispoof.batch.run.write_scores", full)
    code, _, errors = run("score", manifest, "-o", out, "--bundle", bundle, "--jobs", 1)
    assert code == 74
    assert "No space left on device. Make room and run the same command again" in errors
    (part,) = pictures.glob("scores.csv.parts/*.jsonl")
    made = part.stat().st_mtime_ns
    times: list[int] = []

    def seen(*given: Any) -> None:
        times.append(part.stat().st_mtime_ns)
        write_scores(*given)

    monkeypatch.setattr("antispoof.batch.run.write_scores", seen)
    assert run("score", manifest, "-o", out, "--bundle", bundle, "--jobs", 1)[0] == 0
    assert times == [made]
    assert len(read(out)) == 4


def test_files_folders_patterns_and_lists(
    pictures: Path, monkeypatch: Any, close_up: Any, encode: Any
) -> None:
    names = [str(pictures / name) for name in ("face.jpg", "text.jpg", "wall.jpg")]
    (pictures / "list.txt").write_text("face.jpg\n\ntext.jpg\nwall.jpg\n")
    monkeypatch.setattr("sys.stdin", [name + "\n" for name in names])
    plans = [
        make_plan(given) for given in ([str(pictures / "*.jpg")], [str(pictures / "list.txt")], ["-"], names)
    ]
    plans.append(make_plan([str(pictures)]))
    assert all([row.id for row in plan.rows()] == names for plan in plans)
    assert not any(plan.labelled for plan in plans)
    [latin] = make_plan([os.fsdecode(b"caf\xe9.jpg")]).rows()
    assert latin.id == "caf\\udce9.jpg", "a score file holds no bytes that are no UTF-8"
    tree = pictures / "tree"
    for kind in ("bona_fide", "attack/print"):
        (tree / kind).mkdir(parents=True)
        (tree / kind / "a.jpg").write_bytes(encode(close_up, "JPEG"))
    assert [row.pai_species for row in make_plan([str(tree)]).rows()] == ["print", "bona_fide"]


def test_what_cannot_be_planned_is_told(pictures: Path) -> None:
    manifest = pictures / "m.csv"
    manifest.write_text("id,path.face_rgb\na,face.jpg\na,wall.jpg\n")
    with pytest.raises(ExperimentError, match="row 3: id 'a' is already in row 2"):
        make_plan([str(manifest)])
    manifest.write_text("id,dataset,pai_species\na,d,print\n")
    with pytest.raises(ExperimentError, match="lacks the columns path"):
        make_plan([str(manifest)])
    manifest.write_text("id,path.face_rgb,partition\na,face.jpg,dev\n")
    with pytest.raises(InputError, match="no such row; its partitions: dev"):
        make_plan([str(manifest)], partition="test")
    with pytest.raises(InputError, match=r"face\.jpg' is named twice"):
        make_plan([str(pictures / "face.jpg"), str(pictures / "face.jpg")])
    with pytest.raises(InputError, match="no file matches"):
        make_plan([str(pictures / "*.nothing")])


def test_python_gives_records_one_by_one(pictures: Path, make_bundle: Any) -> None:
    detector = antispoof.load(make_bundle())
    records = list(antispoof.score(write_manifest(pictures, 5, broken=2), detector=detector))
    assert [record["id"] for record in records] == [f"p{k}" for k in range(5)]
    assert [record.get("error") for record in records] == [None, None, "unsupported_media", None, None]
    (record,) = antispoof.score(
        [antispoof.Row("x", {"face_rgb": Recording(pictures / "face.jpg")})], detector=detector
    )
    assert record["score"] == records[0]["score"]
    face = pictures / "face.jpg"
    found = list(antispoof.score([face, str(face), {"face_rgb": face.read_bytes()}], detector=detector))
    assert [(each["id"], each["score"]) for each in found] == [
        (name, record["score"]) for name in (str(face), str(face), "3")
    ]
    for wrong in ([5], 5):
        with pytest.raises(InputError, match="int"):
            list(antispoof.score(wrong, detector=detector))  # type: ignore[arg-type]


def test_earlier_captures_move_the_threshold_of_their_row(
    pictures: Path, make_bundle: Any, close_up: Any, encode: Any
) -> None:
    manifest = pictures / "m.csv"
    for name, light in (("dim.png", 0.9), ("dark.png", 0.8)):
        (pictures / name).write_bytes(encode((posed(close_up, 10 * light) * light).astype(np.uint8), "PNG"))
    rows = ["dim.png", "dim.png;dark.png", "", "wall.jpg"]
    text = "\n".join(f"p{k},face.jpg,{named}" for k, named in enumerate(rows))
    manifest.write_text(f"id,path.face_rgb,attribute.known\n{text}\n")
    detector = antispoof.load(make_bundle())
    plan = make_plan([str(manifest)], reference_column="known")
    one, two, none, unusable = score_rows(plan.rows(), detector)
    face = pictures / "face.jpg"
    dim, dark = pictures / "dim.png", pictures / "dark.png"
    for record, references in ((one, [dim]), (two, [dim, dark])):
        verdict = detector.knowing(references).check(face_rgb=face)
        assert (record["threshold"], record["rule"]) == (
            verdict.operating_point.threshold,
            verdict.operating_point.rule,
        )
    assert none["rule"] == detector.operating_point.rule != one["rule"] != two["rule"]
    assert unusable["error"] == "unusable_reference"
    with pytest.raises(InputError, match=r"no column attribute\.other; its attributes: known"):
        make_plan([str(manifest)], reference_column="other")


def test_the_summary_judges_every_row_at_its_own_threshold(tmp_path: Path, capsys: Any) -> None:
    """Of attacks that score alike, the one whose threshold is lower passes."""
    out = tmp_path / "s.csv"
    rows = [("a", 2, "bona_fide", 0.5), ("b", 1, "print", 0.5), ("c", 1, "print", 1.5), ("d", 0, "print", 0)]
    text = "".join(f"{name},{score},{kind},{threshold}\n" for name, score, kind, threshold in rows)
    out.write_text("id,score,pai_species,threshold\n" + text)
    summary = Summary(classes=Counter(bona_fide=1, attack=3), outcomes=Counter(attack=1, bona_fide=3))
    summary.thresholds[:] = [0.5, 1.5]
    tell(summary, out)
    said = capsys.readouterr().out
    assert "66.67 %" in said
    assert "thresholds of their own" in said


def test_several_frames_of_a_row_are_one_presentation(
    pictures: Path, make_bundle: Any, close_up: Any, encode: Any, run: Any
) -> None:
    frames = [np.clip(close_up * 0.9 + seed, 0, 255).astype(np.uint8) for seed in range(9)]
    np.save(pictures / "burst.npy", np.stack(frames))
    for k in range(3):
        (pictures / f"{k}.png").write_bytes(encode(frames[k], "PNG"))
    manifest, bundle = pictures / "m.csv", str(make_bundle())
    rows = ["stack,burst.npy,", "files,0.png,1.png; 2.png", "one,0.png,"]
    manifest.write_text("id,path.face_rgb,attribute.more\n" + "\n".join(rows) + "\n")
    detector = antispoof.load(bundle)
    for count in (None, 1, 3):
        plan = make_plan([str(manifest)], frames=count, frames_column="more")
        places = {None: np.unique(np.linspace(0, 8, 8).round().astype(int)), 1: [4], 3: [0, 4, 8]}[count]
        wanted = [[frames[place] for place in places], frames[:3], frames[:1]]
        for record, given in zip(score_rows(plan.rows(), detector), wanted, strict=True):
            assert record["score"] == pytest.approx(detector.check(face_rgb=given).score, abs=1e-5)
    out = pictures / "s.csv"
    command = ["score", manifest, "-o", out, "--bundle", bundle, "--frames-column", "more", "--jobs", 1]
    assert run(*command)[0] == 0
    code, _, errors = run(*command, "--frames", 3)
    assert code == 3
    assert "3 frames of a clip' here" in errors
    manifest.write_text("id,path.face_rgb,path.voice,attribute.more\nboth,0.png,a.wav,1.png\n")
    with pytest.raises(InputError, match="'both' was looked at by face_rgb and voice; further frames belong"):
        make_plan([str(manifest)], frames_column="more")
