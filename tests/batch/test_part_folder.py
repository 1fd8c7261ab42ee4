import csv
import io
import pickle
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

import antispoof
from antispoof.batch import on_ray
from antispoof.batch.addresses import filesystem
from antispoof.batch.part_folder import PartFolder
from antispoof.errors import InputError, MissingExtraError

pytest.importorskip("pyarrow", reason="needs the extra parquet")


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A bucket of a real S3 server on this machine."""
    server = pytest.importorskip("moto.server", reason="needs moto[server]")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    end = quote(f"{host}:{port}", safe="")
    from pyarrow import fs

    files = fs.S3FileSystem(
        access_key="key",
        secret_key="secret",
        scheme="http",
        endpoint_override=f"{host}:{port}",
        region="eu-west-1",
        allow_bucket_creation=True,
    )
    files.create_dir("scores")
    yield f"s3://key:secret@scores/RUN?scheme=http&endpoint_override={end}&region=eu-west-1"
    running.stop()


@pytest.fixture(params=["a path", "file://", "memory://", "s3://"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "s3://":
        return str(request.getfixturevalue("bucket")).replace("RUN", uuid.uuid4().hex)
    if request.param == "memory://":
        pytest.importorskip("fsspec", reason="needs fsspec")
        return f"memory://{uuid.uuid4().hex}/run"
    return str(tmp_path / "run") if request.param == "a path" else f"file://{tmp_path}/run"


def test_parts_are_there_whole_in_order_and_once(address: str) -> None:
    folder = PartFolder(address)
    folder.claim({"manifest": "a", "bundle": "b"})
    assert folder.done() == set()
    for number in (2, 0, 11, 0):
        folder.publish(number, f"{number}\n".encode() * 3)
    again = pickle.loads(pickle.dumps(folder))
    assert again.done() == {0, 2, 11}
    assert [again.read(number) for number in (0, 2, 11)] == [b"0\n0\n0\n", b"2\n2\n2\n", b"11\n11\n11\n"]


def test_a_folder_of_another_run_is_refused_with_what_differs(address: str) -> None:
    PartFolder(address).claim({"manifest": "a", "bundle": "b"})
    PartFolder(address).claim({"bundle": "b", "manifest": "a"})
    with pytest.raises(InputError, match="its bundle is 'b', this one's 'c'"):
        PartFolder(address).claim({"manifest": "a", "bundle": "c"})


def test_what_was_half_written_is_no_part(tmp_path: Path) -> None:
    folder = PartFolder(str(tmp_path))
    folder.claim({})
    (tmp_path / ".part-00000004.jsonl.0123").write_bytes(b"{")
    assert folder.done() == set()
    assert [each.name for each in tmp_path.iterdir()] == ["run.json"]


def test_an_unknown_filesystem_is_named() -> None:
    with pytest.raises(InputError, match="no filesystem for 'nowhere://x'"):
        PartFolder("nowhere://x")


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtraError, match="needs the 'batch' extra"):
        on_ray.connect(None)


@pytest.mark.parametrize("address", ["localhost", "10.0.0.1:", ":6379", "a:70000"])
def test_an_address_that_is_none_says_how_one_looks(address: str) -> None:
    pytest.importorskip("ray", reason="needs Ray")
    with pytest.raises(InputError, match="host:port, such as"):
        on_ray.connect(address)


def test_that_others_hold_every_cpu_is_told_and_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([{}, {"CPU": 0.5}, {}, {"CPU": 1.0}])
    ray = SimpleNamespace(available_resources=lambda: next(free), cluster_resources=lambda: {"CPU": 2.0})
    clock = iter([0.0, 9.0, 11.0, 11.0, 72.0, 72.0])
    monkeypatch.setattr(on_ray, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None))
    said: list[str] = []
    on_ray._wait_for_a_cpu(ray, said.append)
    assert said == 2 * [said[0]]
    assert "others hold all 2 CPUs of the cluster" in said[0]


def test_an_address_where_nobody_listens_is_told_at_once() -> None:
    pytest.importorskip("ray", reason="needs Ray")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(InputError, match=f"no Ray cluster answers at 127.0.0.1:{port}"):
        on_ray.connect(f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("answer", "patience_s", "said"),
    [(b"", 0.5, "timed out"), (b"HTTP/1.1 400 Bad Request", 60, "what answers at .* is no Ray cluster")],
)
def test_whoever_listens_and_is_no_cluster_is_told(
    answer: bytes, patience_s: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="needs Ray")
    monkeypatch.setattr(on_ray, "_ANSWER", patience_s)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):  # the caller hangs up
                caller, _ = server.accept()
                with caller:
                    caller.sendall(answer)
                    while caller.recv(1024):
                        pass

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(InputError, match=said):
            on_ray.connect(f"127.0.0.1:{server.getsockname()[1]}")


@pytest.mark.parametrize("address", ["memory://", "s3://"], indirect=True)
def test_captures_may_lie_where_arrow_or_fsspec_find_them(
    address: str, tmp_path: Path, close_up: Any, encode: Any, make_bundle: Any
) -> None:
    files, folder = filesystem(address)
    files.create_dir(folder, recursive=True)
    for name, content in (("a.png", encode(close_up, "PNG")), ("b.png", b"no picture")):
        with files.open_output_stream(f"{folder}/{name}") as file:
            file.write(content)
    place, _, options = address.partition("?")
    paths = [f"{place}/{name}" + ("?" + options if options else "") for name in ("a.png", "b.png", "c.png")]
    manifest = tmp_path / "m.csv"
    manifest.write_text("id,path.face_rgb\n" + "".join(f"{k},{path}\n" for k, path in enumerate(paths)))
    detector = antispoof.load(make_bundle())
    good, bad, absent = antispoof.score(manifest, detector=detector)
    assert good["score"] == detector.check(face_rgb=close_up).score
    assert (bad["error"], absent["error"]) == ("unsupported_media", "not_found")
    shown = place.replace("key:secret@", "")
    assert f"'{shown}/b.png' is not a picture" in bad["error_message"]
    assert absent["error_message"] == f"no such file: '{shown}/c.png'"


def test_manifest_and_score_file_may_lie_on_an_object_store(
    bucket: str, tmp_path: Path, close_up: Any, encode: Any, make_bundle: Any, run: Any, monkeypatch: Any
) -> None:
    """What the manifest names lies beside it; the command goes on, and refuses a file of somebody else."""
    address = bucket.replace("RUN", uuid.uuid4().hex)
    files, folder = filesystem(address)
    listed = "id,dataset,pai_species,path.face_rgb,attribute.known\na,d,bona_fide,in/a.png,in/b.png\n"
    other = np.ascontiguousarray(close_up[:, ::-1])
    for name, content in (
        ("m.csv", listed.encode()),
        ("in/a.png", encode(close_up, "PNG")),
        ("in/b.png", encode(other, "PNG")),
    ):
        files.create_dir(f"{folder}/in", recursive=True)
        with files.open_output_stream(f"{folder}/{name}") as file:
            file.write(content)
    place, _, options = address.partition("?")
    monkeypatch.chdir(tmp_path)
    bundle = make_bundle()
    words = ["score", f"{place}/m.csv?{options}", "-o", f"{place}/s.csv?{options}", "--bundle", str(bundle)]
    words += ["--reference-column", "known", "--jobs", "1"]
    code, _, errors = run(*words)
    assert code == 0, errors
    with files.open_input_stream(f"{folder}/s.csv") as file:
        (row,) = csv.DictReader(io.StringIO(file.read().decode()))
    verdict = antispoof.load(bundle).check(face_rgb=close_up, reference=other)
    assert float(row["score"]) == verdict.score
    assert float(row["threshold"]) == verdict.operating_point.threshold
    assert (tmp_path / "s.csv").read_text().count("\n") == 2
    assert "secret" not in (tmp_path / "s.csv.run.json").read_text()
    assert run(*words)[0] == 0, "it is done"
    (tmp_path / "s.csv").unlink()
    code, _, errors = run(*words)
    assert code == 3
    assert "is there already, and no run in this folder wrote it" in " ".join(errors.split())
