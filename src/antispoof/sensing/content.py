"""What a file holds: a picture, sound, a film, a bare array. Its content says, and never its name alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

from antispoof.sensing.audio import audio_container

__all__ = ["Content", "content_of"]

Content = Literal["picture", "sound", "film", "array"]

HEAD = 16
SOUND_SUFFIXES = (
    *(".aac", ".aif", ".aifc", ".aiff", ".amr", ".au", ".caf", ".flac", ".m4a", ".mka", ".mp3"),
    *(".oga", ".ogg", ".opus", ".wav", ".wma"),
)
FILM_SUFFIXES = (
    *(".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts"),
    *(".webm", ".wmv"),
)
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"II*\0", b"MM\0*", b"GIF8", b"P5", b"P6")


def content_of(source: str | Path | bytes) -> Content:
    """Tell what a file holds; a container counts as a film as soon as pictures move in it.

    Where the content is unknown or cannot be read, the suffix decides, so that the error that follows fits
    what was meant.
    """
    suffix = "" if isinstance(source, bytes) else Path(source).suffix.lower()
    try:
        if isinstance(source, bytes):
            head = source[:HEAD]
        else:
            with Path(source).open("rb") as file:
                head = file.read(HEAD)
    except OSError:
        head = b""
    if head.startswith(b"\x93NUMPY"):
        return "array"
    if head.startswith(_PICTURES) or head[8:12] == b"WEBP":
        return "picture"
    if audio_container(head) or suffix in (*FILM_SUFFIXES, *SOUND_SUFFIXES):
        moving = _has_moving_pictures(source)
        return "film" if (suffix in FILM_SUFFIXES if moving is None else moving) else "sound"
    return "picture"


def _has_moving_pictures(source: str | Path | bytes) -> bool | None:
    """Look for a track of pictures that is no cover; None where the container cannot be opened."""
    import av

    try:
        with av.open(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as container:
            cover = av.stream.Disposition.attached_pic
            return any(not stream.disposition & cover for stream in container.streams.video)
    except (av.FFmpegError, OSError, ValueError):
        return None
