"""Parts of a long run on many machines. What starts, feeds, retries and restarts workers is Ray Data."""

from __future__ import annotations

import json
import logging
import socket
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import antispoof
from antispoof.errors import InputError, MissingExtraError
from antispoof.studies.part_folder import PartFolder
from antispoof.tables import pyarrow

__all__ = ["connect", "run_parts"]

Row = Mapping[str, Any]
"""What JSON can say of one presentation."""

Judge = Callable[[Sequence[Row]], list[dict[str, Any]]]
"""Rows in, as many records out."""

_ANSWER = 10  # seconds
_SHARE = 0.9  # of a CPU for an actor, so that whatever else Ray Data runs finds a place beside them
_ATTEMPTS = 3


def connect(address: str | None) -> None:
    """Join a Ray cluster, or start one on this machine.

    Args:
        address: ``host:port`` of its head; ``auto`` for the one this machine belongs to; None starts one.

    Raises:
        MissingExtraError: Ray is not installed.
        InputError: nobody answers there within 10 seconds, the cluster has no CPU, or a machine of it has
            another version of this package.
    """
    ray = _ray()
    if address and address != "auto":
        _probe(address)
    if not ray.is_initialized():
        try:
            ray.init(
                address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
            )
        except (ConnectionError, RuntimeError, SystemExit) as error:
            raise InputError(f"no Ray cluster at {address!r}: {error}") from None
    if ray.cluster_resources().get("CPU", 0) < 1:
        raise InputError(
            "the cluster is too small: it has no CPU, and an actor takes one; start a worker with "
            "ray start --num-cpus 1"
        )
    _same_version(ray)


def run_parts(
    parts: Iterable[tuple[int, Sequence[Row]]],
    start: Callable[[], Judge],
    folder: PartFolder,
    *,
    died: Callable[[Row], dict[str, Any]],
    actors: int | None = None,
) -> Iterator[tuple[int, int]]:
    """Judge the rows of each part on some actor, which puts the records into the folder.

    Rows lie compressed in Ray's object store, which spills to disk; an actor holds those of one part. An
    actor or a machine that dies is replaced by Ray, and its part judged anew. A part that takes its actor
    down again and again is judged row by row; a row that still does it becomes what ``died`` says.

    Args:
        parts: numbers and rows, of the parts that are not in the folder yet.
        start: called once on each actor; loads the model.
        folder: which actors can write to.
        died: the record of a row that no worker survives.
        actors: how many; by default one for each CPU of the cluster.

    Yields:
        number and rows of each part once it is in the folder, in any order.

    Raises:
        InputError: a worker refuses what it is given, in its words.
    """
    ray = _ray()
    kept: dict[int, Any] = {}
    blocks = []
    for number, rows in parts:
        kept[number] = ray.put(_packed(number, rows))
        blocks.append(kept[number])
    for answer in _map(ray, blocks, start, folder, actors):
        kept.pop(answer["part"], None)
        yield answer["part"], answer["rows"]
    for number in sorted(kept):  # these took their actors down
        rows = _unpacked(ray.get(kept[number]))
        singly = [ray.put(_packed(k, [row])) for k, row in enumerate(rows)]
        records = {
            answer["part"]: json.loads(answer["records"]) for answer in _map(ray, singly, start, None, actors)
        }
        table = _table([record for k, row in enumerate(rows) for record in records.get(k, [died(row)])])
        folder.publish(number, table)
        yield number, len(rows)


class _Actor:
    """One process of a machine: the model, loaded once.

    What a judge raises is no death, and nothing to try again: it goes back as words.
    """

    def __init__(self, start: Callable[[], Judge], folder: PartFolder | None, version: str) -> None:
        self._start, self._folder, self._version = start, folder, version
        self._judge: Judge | None = None

    def __call__(self, block: Any) -> Any:
        arrow, _ = pyarrow("")
        answer: dict[str, Any] = {"part": block.column("part")[0].as_py(), "rows": 0}
        answer |= {"records": "", "refused": ""}
        try:
            records = self._ready()(_unpacked(block))
            answer["rows"] = len(records)
            if self._folder is None:
                answer["records"] = json.dumps(records)
            else:
                self._folder.publish(answer["part"], _table(records))
        except Exception as error:
            answer["refused"] = f"{type(error).__name__} on {socket.gethostname()}: {error}"
        return arrow.Table.from_pylist([answer])

    def _ready(self) -> Judge:
        if self._judge is None:
            if antispoof.__version__ != self._version:
                raise InputError(_versions({socket.gethostname(): antispoof.__version__}, self._version))
            self._judge = self._start()
        return self._judge


def _map(
    ray: Any,
    blocks: Sequence[Any],
    start: Callable[[], Judge],
    folder: PartFolder | None,
    actors: int | None,
) -> Iterator[dict[str, Any]]:
    if not blocks:
        return
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # what is missing afterwards is looked at row by row
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    most = max(1, int(ray.cluster_resources().get("CPU", 1)))
    size = min(actors or most, len(blocks))
    data = ray.data.from_arrow_refs(list(blocks)).map_batches(
        _Actor,
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=size, initial_size=size),
        fn_constructor_args=(start, folder, antispoof.__version__),
        num_cpus=_SHARE,
        ray_remote_args_fn=lambda: {"max_task_retries": _ATTEMPTS},
    )
    for answer in data.iter_rows():
        if answer["refused"]:
            raise InputError(f"a worker gave up: {answer['refused']}")
        yield answer


def _packed(number: int, rows: Sequence[Row]) -> Any:
    arrow, _ = pyarrow("")
    return arrow.table({"part": [number], "rows": [zlib.compress(json.dumps(list(rows)).encode(), 1)]})


def _unpacked(block: Any) -> list[Row]:
    rows: list[Row] = json.loads(zlib.decompress(block.column("rows")[0].as_py()))
    return rows


def _table(records: Sequence[dict[str, Any]]) -> Any:
    arrow, _ = pyarrow("")
    return arrow.Table.from_pylist(list(records))


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise MissingExtraError("scoring on many machines", "batch") from None
    return ray


def _probe(address: str) -> None:
    """Ask whether anybody listens: `ray.init` itself would wait for two minutes, and then end the process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"a Ray address is host:port, such as 10.0.0.1:6379, or auto; got {address!r}")
    try:
        with suppress(TypeError), socket.create_connection((host, int(port)), timeout=_ANSWER):
            return
    except OSError as error:
        raise InputError(
            f"no Ray cluster answers at {address}: {error.strerror or error}; is its head running "
            "(ray start --head), and the port open from here?"
        ) from None


def _same_version(ray: Any) -> None:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def version() -> str:
        import antispoof

        return antispoof.__version__

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
    if others := {place: said for place, said in found.items() if said != antispoof.__version__}:
        raise InputError(_versions(others, antispoof.__version__))


def _versions(others: dict[str, str], own: str) -> str:
    said = ", ".join(f"{place} has antispoof {version}" for place, version in sorted(others.items()))
    return (
        f"{said}, and this process {own}: scores would not be of one system; install the same version on all"
    )
