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

__all__ = ["Content", "content_of", "has_sound"]

Content = Literal["picture", "sound", "film", "array"]

SOUND_ALONE = ("wav", "w64", "flac", "aac", "amr", "au")  # containers in which no picture moves


def content_of(source: str | Path | bytes) -> Content:
    """Tell what a file holds; a container counts as a film as soon as pictures move in it.

    Where the content is unknown or cannot be read, the suffix decides, so that the error that follows fits
    what was meant.
    """
    suffix = "" if isinstance(source, bytes) else Path(source).suffix.lower()
    head = _head(source)
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
    if container in SOUND_ALONE:
        return "sound"
    tracks = _tracks(source, container)
    return "film" if (suffix in FILM_SUFFIXES if tracks is None else tracks[0]) else "sound"


def has_sound(source: str | Path | bytes) -> bool:
    """Tell whether a film, as `content_of` calls it, has a track of sound."""
    container = audio_container(_head(source))
    tracks = None if container is None else _tracks(source, container)
    return tracks is not None and tracks[1]


def _head(source: str | Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[:HEAD_BYTES]
    try:
        with Path(source).open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def _tracks(source: str | Path | bytes, container: str) -> tuple[bool, bool] | None:
    """Look for tracks of moving pictures, and of sound; None where the container cannot be opened."""
    import av

    try:
        # Of this container and no other: a playlist, for one, would open what it names.
        file = io.BytesIO(source) if isinstance(source, bytes) else str(source)
        with av.open(file, format=container, metadata_errors="replace") as opened:
            cover = av.stream.Disposition.attached_pic
            moving = any(not stream.disposition & cover for stream in opened.streams.video)
            return moving, bool(opened.streams.audio)
    except (av.FFmpegError, OSError, ValueError):
        return None
