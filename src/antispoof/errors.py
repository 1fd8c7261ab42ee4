"""The exception tree.

    AntispoofError
    ├── InputError            what was handed in cannot be used; the message names it and says what to do
    │   ├── MediaError        a file or byte string is not usable media; ``code`` says why
    │   ├── UnknownNameError  no such registered thing; the nearest names are listed
    │   └── ExperimentError   an experiment file or manifest breaks its schema
    ├── TrainingError         training cannot go on; the message says what to do, and nothing done is lost
    ├── MissingExtraError     an optional dependency is needed; the message holds the install command
    └── BundleError           a model bundle is damaged, or of a format this version cannot read

An attack, and a presentation that cannot be judged, are results and never exceptions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

__all__ = [
    "AntispoofError",
    "BundleError",
    "ExperimentError",
    "InputError",
    "MediaError",
    "MissingExtraError",
    "TrainingError",
    "UnknownNameError",
    "install_command",
]


class AntispoofError(Exception):
    """Base class of every error this package raises on purpose."""


class InputError(AntispoofError):
    """What the caller handed in cannot be used."""


class MediaError(InputError):
    """A file or byte string is not usable media.

    ``code`` is one of ``not_found``, ``unreadable``, ``empty``, ``payload_too_large``, ``pixel_limit``,
    ``duration_limit``, ``frame_limit``, ``channel_limit``, ``unsupported_media``, ``colour``,
    ``film`` and ``decode_failed``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnknownNameError(InputError):
    """No thing is registered under that name."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        import difflib

        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=3)
        hint = (
            f"did you mean {' or '.join(repr(c) for c in close)}?" if close else f"known: {', '.join(names)}."
        )
        super().__init__(f"unknown {kind} {name!r}; {hint}")
        self.kind = kind
        self.name = name
        self.known = tuple(names)


class ExperimentError(InputError):
    """An experiment file or manifest breaks its schema."""


class TrainingError(AntispoofError):
    """Training cannot go on: a loss that is no number, no memory or no disk left."""


class MissingExtraError(AntispoofError):
    """An optional dependency is needed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs the {extra!r} extra: {install_command(extra)}")
        self.extra = extra


# Else pip takes the build for CUDA, gigabytes of it.
CPU_TORCH = "pip install torch==2.13.0 --extra-index-url=https://download.pytorch.org/whl/cpu"


def install_command(extra: str) -> str:
    """Tell how to add an extra to this installation, from where it came: a folder, a file, or an index.

    References:
        PEP 610, "Recording the Direct URL Origin of installed distributions".
    """
    from importlib.metadata import PackageNotFoundError, distribution
    from urllib.parse import unquote

    try:
        origin = json.loads(distribution("antispoof").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        origin = {"url": "file://.", "dir_info": {}}  # a clone that runs without being installed
    except ValueError:
        origin = {}
    url = str(origin.get("url", ""))
    about = origin.get("dir_info")
    if about is not None and url.startswith("file://"):
        edit = "-e " if about.get("editable") else ""
        command = f"pip install {edit}'{unquote(url.removeprefix('file://'))}[{extra}]'"
    elif url:
        tool = origin.get("vcs_info", {}).get("vcs")
        command = f"pip install 'antispoof[{extra}] @ {f'{tool}+' if tool else ''}{url}'"
    else:
        command = f"pip install 'antispoof[{extra}]'"
    return command + (f" (for a machine without a GPU first: {CPU_TORCH})" if extra == "train" else "")


class BundleError(AntispoofError):
    """A model bundle is damaged, or of a format this version cannot read."""
