"""Options of commands that take samples: one for each modality, whichever are registered."""

from __future__ import annotations

import inspect
import pkgutil
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from antispoof.cli.app import files_in
from antispoof.cli.output import shown
from antispoof.errors import MediaError

__all__ = [
    "References",
    "Units",
    "declare_sensors",
    "flag",
    "read_references",
    "read_units",
    "sensor_names",
    "takes_sensors",
]

Units = Annotated[
    list[str] | None,
    typer.Option(
        "--unit",
        help="What the numbers of a sensor mean: face_depth='0.1 mm', face_infrared='12 bit', "
        "face_thermal='0.1 K'; may be repeated.",
        show_default="the usual unit",
    ),
]

References = Annotated[
    list[str] | None,
    typer.Option(
        "--reference",
        help="An earlier bona fide capture of the same person with the same device: it moves the threshold. "
        "A file, a folder, or SENSOR=FILE, as voice=enrolment.wav, where its content leaves a doubt; "
        "may be repeated.",
        show_default=False,
    ),
]

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


def read_units(stated: Sequence[str] | None) -> dict[str, str]:
    """Read what ``--unit`` says: modality → unit."""
    units = {}
    for text in stated or ():
        name, equals, unit = text.partition("=")
        name = name.strip().removeprefix("--").replace("-", "_")
        if not equals or not unit.strip() or name not in sensor_names():
            known = ", ".join(sensor_names())
            raise typer.BadParameter(
                f"write SENSOR=UNIT, as face_depth='0.1 mm', with one of {known}; got {text!r}",
                param_hint="--unit",
            )
        units[name] = unit.strip()
    return units


def read_references(stated: Sequence[str] | None, sensors: Collection[str]) -> dict[str, list[Path]]:
    """Read what ``--reference`` says: modality → files.

    Args:
        stated: ``FILE`` or ``SENSOR=FILE`` each.
        sensors: that samples are named of; what is named without a sensor is of the only one.
    """
    from antispoof.sensing.modalities import modality_of

    found: dict[str, list[Path]] = {}
    for text in stated or ():
        name, equals, path = text.partition("=")
        name = name.strip().removeprefix("--").replace("-", "_")
        if not equals or name not in sensor_names():
            name, path = "", text
        for file in files_in([Path(path)]):
            try:
                known = name or (next(iter(sensors)) if len(sensors) == 1 else modality_of(file))
            except MediaError as error:
                if error.code != "film":
                    raise
                sides = " or ".join(f"{one}={shown(file)}" for one in ("face_rgb", "voice"))
                raise MediaError("film", f"--reference: {shown(file)} is a film: write {sides}") from None
            found.setdefault(known, []).append(file)
    return found


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
