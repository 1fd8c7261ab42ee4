"""Judge presentations from files; one that cannot be read does not keep the others from being judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from antispoof.errors import MediaError
from antispoof.runtime.detector import Detector
from antispoof.runtime.verdict import Verdict
from antispoof.sensing.capture import Recording
from antispoof.sensing.provenance import REASONS, told_of

__all__ = [
    "EXIT_CODES",
    "INPUT_ERROR",
    "Checked",
    "Found",
    "Presented",
    "as_dict",
    "as_document",
    "check_files",
    "exit_code",
]

Found = Path | bytes
"""A file by its path, or what one holds (standard input, shown as ``-``)."""

EXIT_CODES = {"bona_fide": 0, "attack": 1, "non_response": 2}
INPUT_ERROR = 3


Presented = Found | tuple[Found, ...]
"""What one sensor saw of one presentation: a file, or its frames."""

NAMED = 3  # files; of more only the first and the last are named to people


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of one presentation: a verdict, or the error that kept it from being judged.

    Attributes:
        sources: modality → the file of that sensor, or its frames; the empty name stands for a modality that
            nobody knows.
        verdict: None where a file could not be read.
        error: why.
        units: modality → what its numbers mean, where that was stated.
    """

    sources: Mapping[str, Presented]
    verdict: Verdict | None
    error: MediaError | None
    units: Mapping[str, str] = field(default_factory=dict)

    def recording(self, modality: str) -> Recording | list[Recording]:
        """The file of a sensor, or its frames, with what was stated of it."""
        one, unit = self.sources[modality], self.units.get(modality, "")
        return [Recording(each, unit) for each in one] if isinstance(one, tuple) else Recording(one, unit)

    @property
    def files(self) -> tuple[Found, ...]:
        """All files, sensor by sensor."""
        return tuple(
            each for one in self.sources.values() for each in (one if isinstance(one, tuple) else (one,))
        )

    @property
    def source(self) -> str:
        """The files, joined by ``+``."""
        return " + ".join(_named(one) for one in self.files)

    @property
    def title(self) -> str:
        """The files for a reader: of many frames the first, the last and how many there are."""
        return " + ".join(_titled(one, str) for one in self.sources.values())

    @property
    def name(self) -> str:
        """The same without their folders."""
        return " + ".join(_titled(one, lambda path: path.name) for one in self.sources.values())


def _titled(one: Presented, named: Callable[[Path], str]) -> str:
    files = one if isinstance(one, tuple) else (one,)
    names = ["-" if isinstance(each, bytes) else named(each) for each in files]
    if len(names) <= NAMED:
        return " + ".join(names)
    return f"{names[0]} … {names[-1]} ({len(names)} frames)"


def check_files(
    detector: Detector,
    presentations: Iterable[Mapping[str, Presented]],
    units: Mapping[str, str] | None = None,
) -> Iterator[Checked]:
    """Judge presentations, each given as modality → file, or files that are its frames.

    Args:
        detector: who judges.
        presentations: what is judged.
        units: modality → what the numbers in its files mean, where that is not what is usual.

    Raises:
        InputError: a modality does not know the unit that is stated for it.
    """
    for sources in presentations:
        given = Checked(sources, None, None, units or {})
        try:
            verdict = detector.check(**{name: given.recording(name) for name in sources})
            yield replace(given, verdict=verdict)
        except MediaError as error:
            yield replace(given, error=error)


def exit_code(results: Iterable[Checked]) -> int:
    """Return the gravest: an input error (3), an attack (1), a non-response (2), bona fide (0)."""
    codes = {INPUT_ERROR if entry.verdict is None else EXIT_CODES[entry.verdict.outcome] for entry in results}
    return next((code for code in (INPUT_ERROR, 1, 2) if code in codes), 0)


def as_document(results: Iterable[Checked]) -> dict[str, Any]:
    """Return the JSON document that ``antispoof check --json`` prints."""
    return {"results": [as_dict(entry) for entry in results]}


def as_dict(entry: Checked) -> dict[str, Any]:
    """Return one result as it goes into JSON."""
    error = None if entry.error is None else {"code": entry.error.code, "message": str(entry.error)}
    return {
        "source": entry.source,
        "sources": {
            modality: [_named(each) for each in one] if isinstance(one, tuple) else _named(one)
            for modality, one in entry.sources.items()
        },
        "verdict": None if entry.verdict is None else entry.verdict.as_dict(),
        "provenance": [each for file in entry.files for each in _provenance(file)],
        "error": error,
    }


def _provenance(file: Found) -> list[dict[str, Any]]:
    """Return what the C2PA manifest of a file says; nothing where it carries none."""
    told = told_of(file)
    if told is None:
        return []
    if isinstance(told, str):
        return [{"source": _named(file), "error": told}]
    reasons = [{"code": code, "meaning": REASONS[code]} for code in told.reasons]
    return [
        {
            "source": _named(file),
            "state": told.state,
            "signer": told.signer,
            "generator": told.generator,
            "reasons": reasons,
        }
    ]


def _named(one: Found) -> str:
    return "-" if isinstance(one, bytes) else str(one)
