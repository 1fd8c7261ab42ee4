"""Parts of a long run on many machines. What starts, feeds, retries and restarts workers is Ray Data."""

from __future__ import annotations

import json
import logging
import os
import pickle
import socket
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import metadata as distribution
from itertools import islice
from pathlib import Path
from typing import Any

from antispoof.batch.part_folder import PartFolder
from antispoof.batch.parts import part_path, write_records
from antispoof.batch.records import WORKER_DIED, Record, unscored
from antispoof.batch.rows import Row
from antispoof.errors import InputError, MissingExtraError
from antispoof.tables import pyarrow

__all__ = ["connect", "score_on_ray"]

Scorer = Callable[[Sequence[Row]], list[Record]]

_VERSION = distribution.version("antispoof")
_ANSWER = 10  # seconds
_SHARE = 0.9  # of a CPU for an actor, so that whatever else Ray Data runs finds a place beside them
_ATTEMPTS = 3
_PATIENCE, _REMINDER = 10.0, 60.0  # seconds that are waited for a CPU before it is told, first and again
_LOOK = 0.5  # seconds

# Ray speaks gRPC: whoever is greeted in HTTP/2 (RFC 9113, 3.4) answers with a frame of settings.
_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_SETTINGS = b"\x04"

WINDOW = 16_384  # parts that the cluster has before it: a million rows


def connect(address: str | None) -> None:
    """Join a Ray cluster, or start one on this machine.

    Args:
        address: ``host:port`` of its head; ``auto`` for the one this machine belongs to; None starts one.

    Raises:
        MissingExtraError: Ray is not installed.
        InputError: nobody answers there within 10 seconds, Ray does not start, the cluster has no CPU, or a
            machine of it has another version of this package.
    """
    ray = _ray()
    if address and address != "auto":
        _probe(address)
    if not ray.is_initialized():
        try:
            ray.init(
                address=address or "local",  # None would join whatever ran here last, and wait for it
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (Exception, SystemExit) as error:
            what = f"no Ray cluster at {address}" if address else "Ray did not start on this machine"
            raise InputError(f"{what}: {error}") from None
    if ray.cluster_resources().get("CPU", 0) < 1:
        raise InputError(
            "the cluster is too small: it has no CPU, and an actor takes one; start a worker with "
            "ray start --num-cpus 1"
        )
    _same_version(ray)


def score_on_ray(
    start: Callable[[], Scorer],
    folder: Path,
    parts: Iterable[tuple[int, Sequence[Row]]],
    *,
    store: PartFolder | None = None,
    strict: bool = False,
    done: Callable[[int], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Score parts on the actors of a cluster, and publish each in a folder.

    Rows lie compressed in Ray's object store, those of `WINDOW` parts at a time; an actor holds those of one
    part. An actor or a machine that dies is replaced by Ray, and its part scored anew. A part that takes its
    actor down again and again is scored row by row, and what dies of that once more by itself; a row that
    still does it becomes ``worker_died``. Where others hold all CPUs, it is waited for one, and told.

    Args:
        start: called once on each actor; loads the model.
        folder: of the parts, on this machine.
        parts: numbers and rows.
        store: where actors put the parts themselves; without it they send them here.
        strict: stop at the first row that cannot be read.
        done: told how many rows were published.
        say: told what is waited for, in words.

    Raises:
        InputError: a worker refuses what it is given, in its words, or ``strict``, and a row cannot be read.
    """
    ray, left = _ray(), iter(parts)
    while kept := {number: ray.put(_packed(number, rows)) for number, rows in islice(left, WINDOW)}:
        _wait_for_a_cpu(ray, say)
        _score_window(start, folder, kept, store, strict, done)


def _wait_for_a_cpu(ray: Any, say: Callable[[str], None]) -> None:
    """Wait until an actor finds a place: Ray Data would wait as well, and say nothing."""
    tell_at = time.monotonic() + _PATIENCE
    while ray.available_resources().get("CPU", 0) < _SHARE:
        if time.monotonic() >= tell_at:
            say(
                f"waiting: others hold all {ray.cluster_resources().get('CPU', 0):g} CPUs of the cluster; "
                "scoring starts when one is free (ray status tells who)"
            )
            tell_at = time.monotonic() + _REMINDER
        time.sleep(_LOOK)


def _score_window(
    start: Callable[[], Scorer],
    folder: Path,
    kept: dict[int, Any],
    store: PartFolder | None,
    strict: bool,
    done: Callable[[int], None],
) -> None:
    """Score parts, packed and in the object store; ``kept`` is emptied."""
    ray = _ray()
    for answer in _map(ray, list(kept.values()), start, store):
        if strict and answer["unread"]:
            raise InputError(answer["unread"])
        if store is None:
            _publish(folder, answer["part"], answer["records"])
        del kept[answer["part"]]
        done(answer["rows"])
    for number in sorted(kept):  # these took their actors down
        rows = _unpacked(ray.get(kept[number]))
        singly = [ray.put(_packed(k, [row])) for k, row in enumerate(rows)]
        found = {answer["part"]: answer["records"] for answer in _map(ray, singly, start, None)}
        for k, block in enumerate(singly):  # Ray hands an actor several: one may have died of another's death
            if k not in found:
                found |= {each["part"]: each["records"] for each in _map(ray, [block], start, None)}
        lines = "".join(found.get(k) or _lines([_lost(row)]) for k, row in enumerate(rows))
        if store is None:
            _publish(folder, number, lines)
        else:
            store.publish(number, lines.encode())
        done(len(rows))


class _Actor:
    """One process of a machine: the model, loaded once.

    What a judge raises is no death, and nothing to try again: it goes back as words.
    """

    def __init__(self, start: Callable[[], Scorer], store: PartFolder | None, version: str) -> None:
        self._start, self._store, self._version = start, store, version
        self._scorer: Scorer | None = None

    def __call__(self, block: Any) -> Any:
        arrow, _ = pyarrow("")
        answer: dict[str, Any] = {"part": block.column("part")[0].as_py(), "rows": 0}
        answer |= {"records": "", "unread": "", "refused": ""}
        try:
            records = self._ready()(_unpacked(block))
            answer["rows"] = len(records)
            unread = (f"{each['id']}: {each['error_message']}" for each in records if each.get("error"))
            answer["unread"] = next(unread, "")
            if self._store is None:
                answer["records"] = _lines(records)
            else:
                self._store.publish(answer["part"], _lines(records).encode())
        except Exception as error:
            answer["refused"] = f"{type(error).__name__} on {socket.gethostname()}: {error}"
        return arrow.Table.from_pylist([answer])

    def _ready(self) -> Scorer:
        if self._scorer is None:
            if (own := distribution.version("antispoof")) != self._version:
                raise InputError(_versions({socket.gethostname(): own}, self._version))
            self._scorer = self._start()
        return self._scorer


def _map(
    ray: Any,
    blocks: Sequence[Any],
    start: Callable[[], Scorer],
    store: PartFolder | None,
) -> Iterator[dict[str, Any]]:
    if not blocks:
        return
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # what is missing afterwards is looked at row by row
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    most = max(1, int(ray.cluster_resources().get("CPU", 1)))
    size = min(most, len(blocks))
    with warnings.catch_warnings():
        # Ray names no other way yet to say how often a task is tried again.
        warnings.simplefilter("ignore", DeprecationWarning)
        data = ray.data.from_arrow_refs(list(blocks)).map_batches(
            _Actor,
            batch_size=None,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=size, initial_size=size),
            fn_constructor_args=(start, store, _VERSION),
            num_cpus=_SHARE,
            ray_remote_args_fn=lambda: {"max_task_retries": _ATTEMPTS},
        )
    for answer in data.iter_rows():
        if answer["refused"]:
            raise InputError(f"a worker gave up: {answer['refused']}")
        yield answer


def _packed(number: int, rows: Sequence[Row]) -> Any:
    arrow, _ = pyarrow("")
    return arrow.table({"part": [number], "rows": [zlib.compress(pickle.dumps(list(rows)), 1)]})


def _unpacked(block: Any) -> list[Row]:
    rows: list[Row] = pickle.loads(zlib.decompress(block.column("rows")[0].as_py()))  # of this run's driver
    return rows


def _lines(records: Iterable[Record]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _lost(row: Row) -> Record:
    return unscored(row, WORKER_DIED, "every process that looked at it died")


def _publish(folder: Path, number: int, lines: str) -> None:
    write_records(part_path(folder, number), map(json.loads, filter(None, lines.split("\n"))))


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise MissingExtraError("--ray", "batch") from None
    return ray


def _probe(address: str) -> None:
    """Ask whether a server of Ray's kind answers: `ray.init` would wait for minutes, and end the process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise InputError(f"a Ray address is host:port, such as 10.0.0.1:6379, or auto; got {address!r}")
    until = time.monotonic() + _ANSWER
    try:
        with socket.create_connection((host, int(port)), timeout=_ANSWER) as asked:
            if os.environ.get("RAY_USE_TLS") == "1":
                return
            asked.settimeout(max(until - time.monotonic(), 0.1))
            asked.sendall(_HTTP2)
            frame = asked.recv(9)
    except OSError as error:
        raise InputError(
            f"no Ray cluster answers at {address}: {error.strerror or error}; is its head running "
            "(ray start --head), and the port open from here?"
        ) from None
    if frame[3:4] != _SETTINGS:
        raise InputError(f"what answers at {address} is no Ray cluster: name the port of ray start --head")


def _same_version(ray: Any) -> None:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def version() -> str:
        from importlib.metadata import version as of

        return of("antispoof")

    nodes = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    asked = {
        place: ray.remote(version)
        .options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(name, soft=False))
        .remote()
        for name, place in nodes.items()
    }
    found = {}
    for place, reference in asked.items():
        try:
            found[place] = ray.get(reference)
        except ray.exceptions.RayError as error:
            raise InputError(
                f"antispoof cannot be imported on {place} of the cluster: "
                f"{str(error).strip().splitlines()[-1]}; install it there as it is here"
            ) from None
    if others := {place: said for place, said in found.items() if said != _VERSION}:
        raise InputError(_versions(others, _VERSION))


def _versions(others: dict[str, str], own: str) -> str:
    said = ", ".join(f"{place} has antispoof {version}" for place, version in sorted(others.items()))
    return (
        f"{said}, and this process {own}: scores would not be of one system; install the same version on all"
    )
