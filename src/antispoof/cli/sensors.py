"""Options of commands that take samples: one for each modality, whichever are registered."""

from __future__ import annotations

import inspect
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

__all__ = ["declare_sensors", "flag", "sensor_names", "takes_sensors"]

Command = TypeVar("Command", bound=Callable[..., None])

_TAKERS: list[tuple[Callable[..., None], str]] = []


def flag(modality: str) -> str:
    """The option of a modality: ``--face-rgb`` of ``face_rgb``."""
    return "--" + modality.replace("_", "-")


def sensor_names() -> list[str]:
    """Names of the modalities, without importing them: a modality is a file of that name.

    Those registered in the running program count as well.
    """
    folder = Path(__file__).parents[1] / "sensing" / "modalities"
    names = {module.name for module in pkgutil.iter_modules([str(folder)])}
    loaded = sys.modules.get("antispoof.sensing.modalities")
    names |= set(loaded.modalities) if loaded else set()
    return sorted(names, key=lambda name: (name != "face_rgb", name))


def takes_sensors(words: str) -> Callable[[Command], Command]:
    """Give a command one repeatable option a modality, handed to its ``**samples``.

    Args:
        words: help of an option, with ``{sensor}`` where the modality is named.
    """

    def remember(command: Command) -> Command:
        _TAKERS.append((command, words))
        return command

    return remember


def declare_sensors() -> None:
    """Declare the options anew: a modality that was registered since has one now."""
    for command, words in _TAKERS:
        vars(command).pop("__signature__", None)
        own = inspect.signature(command, eval_str=True)
        kept = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        options = [_option(name, words) for name in sensor_names()]
        command.__signature__ = own.replace(  # type: ignore[attr-defined]
            parameters=[
                p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*kept[:1], *options, *kept[1:])
            ]
        )


def _option(modality: str, words: str) -> inspect.Parameter:
    told = typer.Option(
        flag(modality), help=words.format(sensor=modality.replace("_", " ")), show_default=False
    )
    annotation: Any = Annotated[list[Path] | None, told]
    return inspect.Parameter(modality, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
