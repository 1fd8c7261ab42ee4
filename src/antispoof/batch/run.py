"""One run: plan → parts → workers → one score file, and what it came to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from importlib import metadata as distribution
from itertools import count
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from antispoof.batch.addresses import address_of, is_there, put, without_key
from antispoof.batch.output import check_output, write_scores
from antispoof.batch.parts import Parts, divided, write_records
from antispoof.batch.plan import Plan, make_plan, row_of
from antispoof.batch.records import Record, columns
from antispoof.batch.rows import Row
from antispoof.batch.scorer import RowScorer, Setup, score_rows
from antispoof.batch.workers import score_parts
from antispoof.errors import InputError
from antispoof.runtime.detector import Detector
from antispoof.sensing.capture import Sources

__all__ = ["Summary", "local_of", "run", "score"]

SHOWN = 10  # rows without a verdict that are named


@dataclass(slots=True)
class Summary:
    """What a run came to.

    Attributes:
        rows: how many.
        outcomes: outcome → rows.
        errors: error code → rows.
        named: the first rows without a verdict: id, and the message.
        thresholds: those that were in force, the first few.
        classes: how many rows are bona fide, and how many attacks, where that is known.
    """

    rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    named: list[tuple[str, str]] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    classes: Counter[str] = field(default_factory=Counter)

    def count(self, record: Record) -> None:
        """Count one record."""
        self.rows += 1
        if species := record.get("pai_species"):
            self.classes["bona_fide" if species == "bona_fide" else "attack"] += 1
        if error := record.get("error"):
            self.errors[error] += 1
            if len(self.named) < SHOWN:
                self.named.append((record["id"], record["error_message"]))
            return
        self.outcomes[record["outcome"]] += 1
        if record["threshold"] not in self.thresholds and len(self.thresholds) < 2:
            self.thresholds.append(record["threshold"])


def run(
    plan: Plan,
    setup: Setup,
    output: str | Path,
    *,
    jobs: int = 1,
    strict: bool = False,
    ray: str | None = None,
    parts_at: str | None = None,
    done: Callable[[int], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> Summary:
    """Score what is planned into a file; what an earlier call of the same run did is not done again.

    Args:
        plan: what is scored.
        setup: which detector.
        output: the score file, .csv, .parquet or .jsonl; parts lie beside it until it is there. One at an
            address is made in the current folder, and copied there at the end.
        jobs: how many processes.
        strict: stop at the first row that cannot be read.
        ray: the Ray cluster that scores instead: ``local``, ``auto`` or ``host:port``.
        parts_at: where its actors put the parts, on any filesystem that Arrow or fsspec knows; without it
            they send them here.
        done: told how many rows were scored, some at a time, those of earlier calls first.
        say: told what is waited for, in words.

    Raises:
        InputError: the output belongs to another run, a bundle or policy does not fit what is planned, or
            ``strict``.
        MissingExtraError: Parquet without pyarrow.
        BundleError: a network fails.
        OSError: the disk is full, or cannot be written to; a further call goes on.
    """
    address, output = address_of(output), local_of(output)
    check_output(output)
    if address is not None and not output.exists() and is_there(address):
        raise InputError(
            f"{without_key(address)!r} is there already, and no run in this folder wrote it: name another"
        )
    setup = setup.for_modalities(plan.modalities)
    detector = setup.detector()
    detector.look(dict.fromkeys(plan.modalities))  # whether every modality is one that it judges
    identity = {
        "source": plan.source,
        "content": f"{plan.sha256[:12]}…",
        **setup.digest(detector),
        "antispoof": distribution.version("antispoof"),
        **({} if address is None else {"output": without_key(address)}),
    }
    parts = Parts(output, identity)
    with parts.held():
        if parts.summary is not None:
            done(plan.count)
            parts.clear()
            return _restored(parts.summary)
        if ray is None:
            score_parts(setup, parts.folder, _missing(plan, parts, done), jobs=jobs, strict=strict, done=done)
        else:
            _on_ray(plan, setup, parts, identity, ray, parts_at, strict, done, say)
        summary = Summary()
        judged = [
            b.metadata.name for b in detector.bundles if set(b.metadata.modalities) & set(plan.modalities)
        ]
        listed = columns(_listed(detector, plan.modalities), judged, plan.attributes, labelled=plan.labelled)
        write_scores(output, listed, _counted(parts.records(plan.count), summary))
        if address is not None:
            put(output, address)
        parts.finish({each.name: getattr(summary, each.name) for each in fields(summary)})
        return summary


def local_of(output: str | Path) -> Path:
    """Where a score file is made: that of an address in the current folder."""
    address = address_of(output)
    return Path(output) if address is None else Path(PurePosixPath(urlsplit(address).path).name)


def score(
    rows: str | Path | Iterable[Row | str | Path | Mapping[str, Sources | None]],
    *,
    detector: Detector | None = None,
) -> Iterator[Record]:
    """Score presentations in this process, one record each, as they come.

    Args:
        rows: what is scored: a manifest, a folder or a list of files by path; or presentations, each a `Row`,
            a path, or modality name → source, as `Detector.check` takes it; without an id, its number is one.
        detector: who judges; None for what ships for the modalities at hand.

    Returns:
        records: column → value; see `antispoof.batch.records.columns`.

    Raises:
        InputError: as `antispoof.batch.plan.make_plan`; or a presentation is none.
        BundleError: a network fails.
    """
    if isinstance(rows, (str, Path)):
        plan = make_plan([str(rows)])
        detector = detector or Setup().for_modalities(plan.modalities).detector()
        rows = plan.rows()
    if not isinstance(rows, Iterable):
        raise InputError(f"rows are a path, or presentations one after the other; got {type(rows).__name__}")
    return score_rows(map(row_of, rows, count(1)), detector or Setup().detector())


def _on_ray(
    plan: Plan,
    setup: Setup,
    parts: Parts,
    identity: Mapping[str, str],
    address: str,
    parts_at: str | None,
    strict: bool,
    done: Callable[[int], None],
    say: Callable[[str], None],
) -> None:
    from antispoof.batch.on_ray import connect, score_on_ray
    from antispoof.batch.part_folder import PartFolder

    connect(None if address == "local" else address)
    store = None if parts_at is None else PartFolder(parts_at)
    if store is not None:
        store.claim(identity)
    there = frozenset() if store is None else store.done()
    missing = _missing(plan, parts, done, there)
    start = partial(RowScorer, setup)
    score_on_ray(start, parts.folder, missing, store=store, strict=strict, done=done, say=say)
    if store is not None:
        for index in sorted(store.done()):
            if not parts.path(index).exists():
                lines = store.read(index).decode().split("\n")
                write_records(parts.path(index), map(json.loads, filter(None, lines)))


def _missing(
    plan: Plan, parts: Parts, done: Callable[[int], None], elsewhere: Collection[int] = ()
) -> Iterator[tuple[int, list[Row]]]:
    for index, rows in divided(plan.rows()):
        if index in elsewhere or parts.path(index).exists():
            done(len(rows))
        else:
            yield index, rows


def _counted(records: Iterable[Record], summary: Summary) -> Iterator[Record]:
    for record in records:
        summary.count(record)
        yield record


def _listed(detector: Detector, modalities: Iterable[str]) -> list[str]:
    """Name the modalities that a verdict tells of: those given, and those that its bundles miss."""
    given = dict.fromkeys(modalities)
    for bundle in detector.bundles:
        if given.keys() & set(bundle.metadata.modalities):
            given |= dict.fromkeys(bundle.metadata.modalities)
    return list(given)


def _restored(summary: dict[str, object]) -> Summary:
    restored = Summary(**summary)  # type: ignore[arg-type]
    restored.outcomes, restored.errors = Counter(restored.outcomes), Counter(restored.errors)
    restored.classes = Counter(restored.classes)
    restored.named = [(name, message) for name, message in restored.named]
    return restored
