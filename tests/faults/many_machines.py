"""Ray under faults: run by hand (`make faults`), some minutes, against clusters of its own on this machine.

    python tests/faults/many_machines.py [SCENARIO ...]

Each scenario judges the rows of some parts with a stand-in model, breaks something, and counts what must not
be: rows that are missing, there twice or out of order. Exit code 1 when anything was counted. Needs Linux.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster

from antispoof.batch import on_ray
from antispoof.batch.on_ray import connect, score_on_ray
from antispoof.batch.parts import part_path, read_records
from antispoof.batch.rows import Row
from antispoof.errors import InputError

ROWS = 120
IN_A_PART = 10


def rows(poison: int = -1) -> list[Row]:
    return [Row(f"row {k}", {}, attributes={"poison": "yes"} if k == poison else {}) for k in range(ROWS)]


def start() -> Callable[[Sequence[Row]], list[dict[str, Any]]]:
    """A model that takes its time, and its process down over a poisonous row."""

    def score(given: Sequence[Row]) -> list[dict[str, Any]]:
        records = []
        for row in given:
            if row.attributes:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(0.05)
            node = ray.get_runtime_context().get_node_id()
            records.append({"id": row.id, "score": float(row.id[4:]), "pid": os.getpid(), "node": node})
        return records

    return score


def judged(
    folder: Path, poison: int = -1, after: Callable[[int], None] = lambda _: None
) -> list[dict[str, Any]]:
    """Judge what is not in the folder yet; ``after`` is called with the number of parts that are."""
    given = rows(poison)
    parts = {k: given[k * IN_A_PART : (k + 1) * IN_A_PART] for k in range(ROWS // IN_A_PART)}
    missing = [(k, part) for k, part in parts.items() if not part_path(folder, k).exists()]
    count = itertools.count(1)
    score_on_ray(start, folder, missing, done=lambda _: after(next(count)))
    return [record for k in parts for record in read_records(part_path(folder, k))]


def wrong(found: Sequence[Mapping[str, Any]], silent: Sequence[int] = ()) -> list[str]:
    expected = [(f"row {k}", None if k in silent else float(k)) for k in range(ROWS)]
    return (
        []
        if [(each["id"], each.get("score")) for each in found] == expected
        else ["rows differ from those given"]
    )


def an_actor_is_killed(folder: Path) -> list[str]:
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    killed: list[int] = []

    def kill(count: int) -> None:
        if count == 1:
            first = next(iter(folder.iterdir()))
            killed.append(next(read_records(first))["pid"])
            os.kill(killed[0], signal.SIGKILL)

    found = judged(folder, after=kill)
    others = {each["pid"] for each in found} - set(killed)
    return wrong(found) + ([] if killed and others else ["no actor was killed"])


def a_row_kills_every_worker(folder: Path) -> list[str]:
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    return wrong(judged(folder, poison=37), silent=[37])


def a_node_is_killed(folder: Path) -> list[str]:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    connect(cluster.address)
    nodes = {node["NodeID"] for node in ray.nodes()}

    def kill(count: int) -> None:
        if count == 3:
            threading.Thread(target=cluster.remove_node, args=(second, False)).start()

    found = judged(folder, after=kill)
    used = {each["node"] for each in found}
    ray.shutdown()
    cluster.shutdown()
    return wrong(found) + (
        [] if len(nodes) == 2 == len(used) else [f"parts were judged on {len(used)} node(s)"]
    )


def driver(folder: Path) -> None:
    """Judge, and be killed after three parts."""
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    judged(folder, after=lambda count: os.kill(os.getpid(), signal.SIGKILL) if count == 3 else None)


def the_driver_is_killed(folder: Path) -> list[str]:
    """The driver is killed in the middle; run again, it goes on where it was."""
    # A process of its own: a fork of one in which Ray has already run hangs in ray.init.
    subprocess.run([sys.executable, __file__, "--driver", folder], check=False, timeout=120)
    before = list(folder.iterdir())
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    again: list[int] = []
    found = judged(folder, after=again.append)
    told = [] if 3 <= len(before) < ROWS // IN_A_PART else [f"{len(before)} parts were there after the kill"]
    if len(again) != ROWS // IN_A_PART - len(before):
        told.append(f"{len(again)} parts were judged although {len(before)} were there")
    return wrong(found) + told


def another_version(_: Path) -> list[str]:
    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    own, on_ray._VERSION = on_ray._VERSION, "0.0.1"
    try:
        connect(None)
    except InputError as error:
        return [] if own in str(error) and "0.0.1" in str(error) else [f"the message is {error}"]
    finally:
        on_ray._VERSION = own
    return ["two versions were taken"]


def a_worker_refuses(folder: Path) -> list[str]:
    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)

    def refusing() -> Any:
        raise InputError("no bundle looks at a voice")

    try:
        score_on_ray(refusing, folder, [(0, rows()[:2])])
    except InputError as error:
        return [] if "no bundle looks at a voice" in str(error) else [f"the message is {error}"]
    return ["a worker that refuses was taken for one that died"]


def others_hold_all_cpus(folder: Path) -> list[str]:
    """It is told, and scored when they let go."""
    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)

    class Holder:
        def there(self) -> bool:
            return True

    holder = ray.remote(Holder).options(num_cpus=1).remote()
    ray.get(holder.there.remote())
    said: list[str] = []

    def let_go(words: str) -> None:
        said.append(words)
        ray.kill(holder)

    own, on_ray._PATIENCE = on_ray._PATIENCE, 1.0
    try:
        score_on_ray(start, folder, [(0, rows()[:IN_A_PART])], say=let_go)
    finally:
        on_ray._PATIENCE = own
    found = [each["id"] for each in read_records(part_path(folder, 0))]
    told = [] if len(said) == 1 and "others hold all 1 CPUs" in said[0] else [f"it was told {said}"]
    return told + (
        [] if found == [f"row {k}" for k in range(IN_A_PART)] else ["rows differ from those given"]
    )


SCENARIOS = {
    each.__name__: each
    for each in (
        an_actor_is_killed, a_row_kills_every_worker, a_node_is_killed, the_driver_is_killed, another_version,
        a_worker_refuses, others_hold_all_cpus,
    )
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []], metavar="SCENARIO")
    parser.add_argument("--driver", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.driver:
        driver(given.driver)
        return 1
    failures = 0
    for name in given.scenarios or SCENARIOS:
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as scratch:
            told = SCENARIOS[name](Path(scratch))
        ray.shutdown()
        failures += len(told)
        said = {"scenario": name, "wrong": told, "seconds": round(time.perf_counter() - begun, 1)}
        print(json.dumps(said), flush=True)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
