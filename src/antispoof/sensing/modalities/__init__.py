"""The modalities, one file each."""

from __future__ import annotations

from pathlib import Path, PurePath

from antispoof.errors import MediaError
from antispoof.registry import Registry
from antispoof.sensing.capture import Modality
from antispoof.sensing.containers import FILM_SUFFIXES, SOUND_SUFFIXES
from antispoof.sensing.content import Content, content_of

__all__ = ["modalities", "modality_by_name", "modality_of", "takers"]

modalities: Registry[Modality] = Registry("modality", __name__)


def takers(content: Content) -> list[str]:
    """Name the modalities whose samples such files, or such frames of a live capture, are taken for."""
    return [name for name in modalities if content in modalities[name].unnamed]


def modality_by_name(path: PurePath) -> str:
    """Tell by the suffix of a file what it is judged as where nothing says it: a clip as its pictures."""
    suffix = path.suffix.lower()
    return takers("sound" if suffix in SOUND_SUFFIXES - FILM_SUFFIXES else "picture")[0]


def modality_of(source: str | Path | bytes) -> str:
    """Tell by its content what a file is evidence of, where nobody says it.

    Raises:
        MediaError: no modality, or more than one, takes such files by itself; a film shows and sounds, and
            nothing passes of which a side was not looked at.
    """
    content = content_of(source)
    names = takers(content)
    if len(names) == 1:
        return names[0]
    named = "it" if isinstance(source, bytes) else str(source)
    if content == "film":
        raise MediaError(
            "film",
            f"{named!r} is a film, and films are not judged as a whole: name the side to judge, "
            "voice (--voice) for its sound, face_rgb (--face-rgb) for its pictures, or both",
        )
    known = ", ".join(names or modalities)
    raise MediaError(
        "unsupported_media", f"{named!r} does not tell what it is a sample of: name one of {known}"
    )
