"""What a file holds: a picture, sound, a film, a bare array. Its content says, and never its name alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

from antispoof.sensing.containers import (
    FILM_SUFFIXES,
    HEAD_BYTES,
    SOUND_SUFFIXES,
    audio_container,
    foreign_sound,
)
from antispoof.sensing.kinds import PICTURES, kind_of

__all__ = ["Content", "content_of"]

Content = Literal["picture", "sound", "film", "array"]


def content_of(source: str | Path | bytes) -> Content:
    """Tell what a file holds; a container counts as a film as soon as pictures move in it.

    Where the content is unknown or cannot be read, the suffix decides, so that the error that follows fits
    what was meant.
    """
    suffix = "" if isinstance(source, bytes) else Path(source).suffix.lower()
    try:
        if isinstance(source, bytes):
            head = source[:HEAD_BYTES]
        else:
            with Path(source).open("rb") as file:
                head = file.read(HEAD_BYTES)
    except OSError:
        head = b""
    kind = kind_of(head)
    if kind == "npy":
        return "array"
    if kind in PICTURES:
        return "picture"
    container = audio_container(head)
    if container is None:
        if suffix in FILM_SUFFIXES:
            return "film"
        return "sound" if foreign_sound(head) or suffix in SOUND_SUFFIXES else "picture"
    moving = _has_moving_pictures(source, container)
    return "film" if (suffix in FILM_SUFFIXES if moving is None else moving) else "sound"


def _has_moving_pictures(source: str | Path | bytes, container: str) -> bool | None:
    """Look for a track of pictures that is no cover; None where the container cannot be opened."""
    import av

    try:
        # Of this container and no other: a playlist, for one, would open what it names.
        file = io.BytesIO(source) if isinstance(source, bytes) else str(source)
        with av.open(file, format=container, metadata_errors="replace") as opened:
            cover = av.stream.Disposition.attached_pic
            return any(not stream.disposition & cover for stream in opened.streams.video)
    except (av.FFmpegError, OSError, ValueError):
        return None
