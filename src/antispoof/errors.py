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

import difflib
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
]


class AntispoofError(Exception):
    """Base class of every error this package raises on purpose."""


class InputError(AntispoofError):
    """What the caller handed in cannot be used."""


class MediaError(InputError):
    """A file or byte string is not usable media.

    ``code`` is one of ``not_found``, ``unreadable``, ``empty``, ``payload_too_large``, ``pixel_limit``,
    ``duration_limit``, ``channel_limit``, ``unsupported_media``, ``film`` and ``decode_failed``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnknownNameError(InputError):
    """No thing is registered under that name."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
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
        super().__init__(f"{feature} needs the {extra!r} extra: pip install 'antispoof[{extra}]'")
        self.extra = extra


class BundleError(AntispoofError):
    """A model bundle is damaged, or of a format this version cannot read."""
