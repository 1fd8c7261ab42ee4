"""Judge presentations from files; one that cannot be read does not keep the others from being judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antispoof.errors import MediaError
from antispoof.runtime.detector import Detector
from antispoof.runtime.verdict import Verdict
from antispoof.sensing.audio import audio_container

__all__ = ["EXIT_CODES", "INPUT_ERROR", "Checked", "as_document", "check_files", "exit_code", "modality_of"]

EXIT_CODES = {"bona_fide": 0, "attack": 1, "non_response": 2}
INPUT_ERROR = 3
RECORDINGS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".webm", ".mp3", ".m4a", ".aac")


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of one presentation: a verdict, or the error that kept it from being judged.

    Attributes:
        sources: modality → the file of that sensor.
        verdict: None where a file could not be read.
        error: why.
    """

    sources: Mapping[str, Path]
    verdict: Verdict | None
    error: MediaError | None

    @property
    def source(self) -> str:
        """The files, joined by ``+``."""
        return " + ".join(map(str, self.sources.values()))

    @property
    def name(self) -> str:
        """The names of the files, without their folders."""
        return " + ".join(path.name for path in self.sources.values())


def modality_of(source: Path) -> str:
    """Tell by its content what a file is evidence of: ``voice`` for sound and video, else ``face_rgb``.

    The name decides only where the content is neither, so that the error fits what was meant.
    """
    try:
        with source.open("rb") as file:
            head = file.read(16)
    except OSError:
        head = b""
    picture = (
        head.startswith((b"\xff\xd8\xff", b"\x89PNG", b"BM", b"II*\0", b"MM\0*")) or head[8:12] == b"WEBP"
    )
    sound = audio_container(head) or (not picture and source.suffix.lower() in RECORDINGS)
    return "voice" if sound else "face_rgb"


def check_files(detector: Detector, presentations: Iterable[Mapping[str, Path]]) -> Iterator[Checked]:
    """Judge presentations, each given as modality → file."""
    for sources in presentations:
        try:
            yield Checked(sources, detector.check(**sources), None)
        except MediaError as error:
            yield Checked(sources, None, error)


def exit_code(results: Iterable[Checked]) -> int:
    """Return the gravest: an input error (3), an attack (1), a non-response (2), bona fide (0)."""
    codes = {INPUT_ERROR if entry.verdict is None else EXIT_CODES[entry.verdict.outcome] for entry in results}
    return next((code for code in (INPUT_ERROR, 1, 2) if code in codes), 0)


def as_document(results: Iterable[Checked]) -> dict[str, Any]:
    """Return the JSON document that ``antispoof check --json`` prints."""
    return {"results": [_as_dict(entry) for entry in results]}


def _as_dict(entry: Checked) -> dict[str, Any]:
    error = None if entry.error is None else {"code": entry.error.code, "message": str(entry.error)}
    return {
        "source": entry.source,
        "sources": {modality: str(path) for modality, path in entry.sources.items()},
        "verdict": None if entry.verdict is None else entry.verdict.as_dict(),
        "error": error,
    }
