"""Read experiment files: what to train, on what, how; checked before any work starts."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from antispoof.errors import ExperimentError
from antispoof.training.recipe import recipes
from antispoof.training.schema import Experiment

__all__ = ["check_experiment", "read_experiment", "read_yaml", "set_key"]


def read_experiment(path: str | Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read and check an experiment file.

    Args:
        path: YAML file.
        overrides: ``"a.b=value"`` each, value in YAML, replacing what the file says.

    Raises:
        ExperimentError: the file cannot be read, names no recipe, a key is unknown (the nearest known one is
            named) or missing, or a value is out of range.
        UnknownNameError: there is no recipe, encoder, loss … of a name in it.
    """
    return check_experiment(read_yaml(path, overrides), str(path))


def read_yaml(path: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Read a YAML file of keys and values, and replace some of them; errors as in `read_experiment`."""
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ExperimentError(f"cannot read the experiment {str(path)!r}: {error.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ExperimentError(f"{str(path)!r} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise ExperimentError(f"{str(path)!r} must hold keys and values, not {type(content).__name__}")
    for override in overrides:
        _replace(content, override)
    return content


def check_experiment(content: Mapping[str, Any], source: str) -> Experiment:
    """Check what an experiment file holds; ``source`` names it in messages.

    Errors as in `read_experiment`.
    """
    if "recipe" not in content:
        raise ExperimentError(f"{source!r} names no recipe: write 'recipe: ' and one of {', '.join(recipes)}")
    schema: type[Experiment] = recipes[str(content["recipe"])].experiment
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        explained = "; ".join(_explained(schema, e) for e in error.errors())
        raise ExperimentError(f"{source!r}: {explained}") from None


def _replace(content: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator:
        raise ExperimentError(f"--set takes key=value, got {override!r}")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ExperimentError(f"--set {override}: the value is not YAML") from None
    set_key(content, key, value)


def set_key(content: dict[str, Any], key: str, value: Any) -> None:
    """Replace one value in place; ``key`` has dots between nested keys and places.

    Raises:
        ExperimentError: a part of ``key`` holds a value, not keys.
    """
    part: Any = content
    names = key.split(".")
    for number, name in enumerate(names):
        place: Any = name
        if isinstance(part, list):
            if not name.isdigit() or int(name) >= len(part):
                raise ExperimentError(f"{key}: {name!r} is no place in a list of {len(part)}, counted from 0")
            place = int(name)
        elif not isinstance(part, dict):
            raise ExperimentError(f"{key}: {names[number - 1]!r} holds a value, not keys")
        if number == len(names) - 1:
            part[place] = value
        else:
            part = part[place] if isinstance(part, list) else part.setdefault(name, {})


def _explained(schema: type[BaseModel], error: Any) -> str:
    where = ".".join(map(str, error["loc"]))
    if error["type"] != "extra_forbidden":
        message = str(error["msg"]).removeprefix("Value error, ")
        return f"{where}: {message}" if where else message
    *parents, last = error["loc"]
    part: Any = schema
    for parent in parents:
        part = _inside(part, parent)
    close = difflib.get_close_matches(str(last), part.model_fields, n=1)
    known = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(part.model_fields)}"
    return f"{where}: unknown key; {known}"


def _inside(part: Any, key: object) -> Any:
    """Return the schema below ``key``: of a field, of a value of a mapping, of an entry of a list."""
    if isinstance(part, type) and issubclass(part, BaseModel):
        part = part.model_fields[str(key)].annotation
        if typing.get_origin(part) in (types.UnionType, typing.Union):  # Part | None
            part = next(one for one in typing.get_args(part) if one is not type(None))
        return part
    return next(
        one for one in reversed(typing.get_args(part)) if one is not Ellipsis
    )  # dict[str, Part], list[Part], tuple[Part, ...]
