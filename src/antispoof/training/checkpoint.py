"""Checkpoints that nothing is unpickled from: tensors as safetensors, all else as JSON in the header."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from antispoof.errors import InputError
from antispoof.training.disk import cannot_write

__all__ = ["load_weights", "read_state", "read_tensors", "write_state", "write_tensors"]

KEY = "antispoof"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Any) -> None:
    """Write tensors and a JSON document as one file, which replaces the old one in one step.

    Raises:
        TrainingError: the disk is full, or the file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Copies, because tensors that share memory cannot be written.
        save_file(
            {k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()},
            draft,
            {KEY: json.dumps(about)},
        )
        draft.replace(path)
    except (OSError, SafetensorError) as error:
        raise cannot_write(path, error) from None
    finally:
        draft.unlink(missing_ok=True)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], Any]:
    """Read what `write_tensors` wrote; of other safetensors files the document is empty.

    Raises:
        InputError: there is no such file, or it is no checkpoint.
    """
    if not path.is_file():
        raise InputError(f"there is no checkpoint {str(path)!r}")
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {}).get(KEY, "{}"))
            names = list(file.keys())
            return {key: file.get_tensor(key) for key in names}, about
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise InputError(
            f"{str(path)!r} is no checkpoint of this program, or a damaged one: {error}"
        ) from None


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write where a training is, in one step: numbers, text and tensors in mappings, lists and tuples.

    Raises:
        TrainingError: the disk is full, or the file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    about = _flattened(state, "", tensors)
    write_tensors(path, tensors, about)


def read_state(path: Path) -> dict[str, Any]:
    """Read what `write_state` wrote.

    Raises:
        InputError: there is no such file, or it is no checkpoint.
    """
    tensors, about = read_tensors(path)
    state: dict[str, Any] = _restored(about, tensors)
    return state


def load_weights(
    module: nn.Module, tensors: Mapping[str, Tensor], source: Path, strict: bool = True
) -> list[str]:
    """Load weights, or say which do not fit.

    Args:
        module: what takes them.
        tensors: by name.
        source: for messages.
        strict: False loads what has the same name and shape, and leaves the rest as it is.

    Returns:
        Names of the parameters and buffers that were left as they were.

    Raises:
        InputError: names or shapes differ (``strict``), or nothing fits at all.
    """
    own = module.state_dict()
    other_shape = sorted(k for k in own.keys() & tensors.keys() if own[k].shape != tensors[k].shape)
    missing, unknown = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
    fitting = {k: v for k, v in tensors.items() if k in own and own[k].shape == v.shape}
    if (strict and (other_shape or missing or unknown)) or not fitting:
        shapes = [f"{k} {tuple(tensors[k].shape)} for {tuple(own[k].shape)}" for k in other_shape]
        told = [
            f"{what}: {_some(names)}"
            for what, names in (
                ("lacks", missing),
                ("has besides", unknown),
                ("has of another shape", shapes),
            )
            if names
        ]
        raise InputError(f"checkpoint {str(source)!r} is of another architecture; it " + "; it ".join(told))
    module.load_state_dict(fitting, strict=False)
    return sorted(own.keys() - fitting.keys())


def _some(names: list[str], shown: int = 4) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _flattened(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {
            "pairs": [
                [_flattened(k, "", tensors), _flattened(v, f"{name}/{k}", tensors)] for k, v in value.items()
            ]
        }
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_flattened(v, f"{name}/{index}", tensors) for index, v in enumerate(value)]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{name} of a checkpoint is a {type(value).__name__}, which JSON cannot hold")


def _restored(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "pairs":
        return {_restored(k, tensors): _restored(v, tensors) for k, v in content}
    parts = [_restored(part, tensors) for part in content]
    return parts if kind == "list" else tuple(parts)
