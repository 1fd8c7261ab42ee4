"""The run folder: what it is claimed for, and what a finished run leaves in it."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata as distribution
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from torch import Tensor

from antispoof.data.presentation import Presentation
from antispoof.errors import InputError
from antispoof.evaluation.scores import ScoreSet
from antispoof.files import replacing
from antispoof.runtime.bundle import BundleMetadata
from antispoof.training.checkpoint import read_tensors, write_tensors
from antispoof.training.disk import cannot_write
from antispoof.training.schema import Experiment

__all__ = ["CHECKPOINT", "claim", "finish", "presentations_digest", "read_finished", "recorded_shapes"]

CHECKPOINT, EXPERIMENT, DATA, METADATA = (
    "checkpoint.safetensors",
    "experiment.json",
    "data.json",
    "bundle.json",
)
E = TypeVar("E", bound=Experiment)
_ABSENT: Any = object()
_NAMED = 3


def claim(experiment: Experiment, data: Mapping[str, Any], last: str = METADATA) -> bool:
    """Write down what is learned from what, and tell whether that is finished already.

    Args:
        experiment: its run folder is claimed.
        data: digests of what is learned from.
        last: name of the file that a finished run leaves last.

    Raises:
        InputError: the folder holds something else, or cannot be used.
    """
    run = experiment.run_dir
    try:
        run.mkdir(parents=True, exist_ok=True)
        for name, record in ((EXPERIMENT, experiment.record()), (DATA, data)):
            path = run / name
            wanted = json.loads(json.dumps(dict(record)))
            if not path.exists():
                _write(path, json.dumps(wanted, indent=2) + "\n")
            elif (held := json.loads(path.read_text(encoding="utf-8"))) != wanted:
                raise InputError(_other(run, name, held, wanted, (run / last).exists()))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot use run_dir {str(run)!r}: {error}") from None
    return (run / last).exists()


def finish(
    experiment: Experiment,
    state: Mapping[str, Tensor],
    about: Mapping[str, Any],
    scores: Mapping[str, ScoreSet],
    metadata: BundleMetadata,
) -> Path:
    """Write what a finished run leaves; the metadata come last, and say that it is finished.

    Args:
        experiment: its run folder is written to.
        state: final weights.
        about: what else the checkpoint tells in its header.
        scores: calibrated, by the name of their file.
        metadata: of the bundle.

    Returns:
        The run folder.

    Raises:
        TrainingError: the disk is full, or a file cannot be written.
    """
    run = experiment.run_dir
    told = {"experiment": experiment.record(), "code_version": distribution.version("antispoof")}
    write_tensors(run / CHECKPOINT, state, {**told, **about})
    try:
        for name, score_set in scores.items():
            score_set.write(run / f"{name}.csv")
        _write(run / METADATA, metadata.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise cannot_write(run, error) from None
    return run


def read_finished(run: Path, schema: type[E]) -> tuple[E, dict[str, Tensor], dict[str, Any], BundleMetadata]:
    """Read a finished run: its experiment, weights, what the checkpoint tells besides, and the metadata.

    Raises:
        InputError: the folder holds no finished run, or a damaged one.
    """
    for name in (EXPERIMENT, METADATA, CHECKPOINT):
        if not (run / name).is_file():
            raise InputError(f"{str(run)!r} holds no finished run: {name} is missing")
    try:
        content = json.loads((run / EXPERIMENT).read_text(encoding="utf-8"))
        experiment = schema.model_validate({**content, "run_dir": run})
        metadata = BundleMetadata.model_validate_json((run / METADATA).read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError, TypeError) as error:
        raise InputError(f"{str(run)!r} holds a damaged run, train it again: {error}") from None
    tensors, about = read_tensors(run / CHECKPOINT)
    return experiment, tensors, about, metadata


def recorded_shapes(run: Path, about: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the prepared arrays, modality → shape, that a checkpoint tells.

    Raises:
        InputError: it tells none.
    """
    try:
        return {name: tuple(shape) for name, shape in about["shapes"].items()}
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{str(run)!r} holds a damaged run, train it again: it tells no shapes") from None


def presentations_digest(presentations: Sequence[Presentation]) -> str:
    """Digest of which presentations stand in which partition."""
    text = json.dumps([[p.id, p.partition, p.pai_species, sorted(p.captures)] for p in presentations])
    return hashlib.sha256(text.encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def _other(run: Path, name: str, held: Any, wanted: Any, finished: bool) -> str:
    """Say in what a folder's experiment is another one, and what to do."""
    found = list(_differences(held, wanted))
    said = ", ".join(
        f"{where}: {_shown(one)} there, {_shown(other)} here" for where, one, other in found[:_NAMED]
    )
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    go_on = ""
    if not finished:
        go_on = "It is not finished. To go on with it, give it the data that it began with. Else "
        if name == EXPERIMENT:
            had = [
                f"--set {shlex.quote(f'{where}={json.dumps(one)}')}"
                for where, one, _ in found
                if one is not _ABSENT
            ]
            one_by_one = f"set what it had ({' '.join(had[:_NAMED])}{more}), or " if had else ""
            go_on = (
                f"It is not finished. To go on with it, {one_by_one}use the version of antispoof that began "
                "it, where settings or their defaults are new. Else "
            )
    return (
        f"run_dir {str(run)!r} holds another experiment; it differs in {said}{more}. {go_on}"
        f"{'c' if go_on else 'C'}hoose another run_dir, or delete this one"
    )


def _differences(one: Any, other: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Name every key that differs, with its values; `_ABSENT` where one has no such key."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        yield where, one, other
        return
    for key in {**one, **other}:
        ours, theirs = one.get(key, _ABSENT), other.get(key, _ABSENT)
        if ours != theirs:
            yield from _differences(ours, theirs, f"{where}.{key}" if where else key)


def _shown(value: Any) -> str:
    return "not" if value is _ABSENT else json.dumps(value)
