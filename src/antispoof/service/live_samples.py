"""What is kept of a stream for the detector: pictures spread over it, and the sound in one piece."""

from __future__ import annotations

import io
import wave
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.modalities import takers
from antispoof.service.problems import Problem
from antispoof.service.settings import Settings

__all__ = ["LiveSamples"]

KEPT_PICTURES = 16


class LiveSamples:
    """Samples in memory, while a stream runs.

    Args:
        modalities: those of the session; pictures of the camera and sound of the microphone are kept for
            those that take them.
        settings: how much may be kept.
    """

    max_pixels = 2_500_000  # of a live picture: 1080p and some more

    def __init__(self, modalities: Collection[str], settings: Settings) -> None:
        self._of_picture = [name for name in takers("picture") if name in modalities]
        self._of_sound = [name for name in takers("sound") if name in modalities]
        self._settings = settings
        self._pictures: list[bytes] = []
        self._every = 1
        self._seen = 0
        self._sound: list[NDArray[Any]] = []
        self._sound_bytes = 0
        self._rate = 0

    def see(self, content: bytes) -> None:
        """Keep a picture, or let it go: what is kept stays spread evenly over what came."""
        if self._seen % self._every == 0:
            self._pictures.append(content)
            if len(self._pictures) > 2 * KEPT_PICTURES:
                self._pictures = self._pictures[::2]
                self._every *= 2
        self._seen += 1

    def hear(self, pcm: NDArray[Any], rate: int) -> None:
        """Keep sound; raise `Problem` ``payload_too_large`` where it becomes too much."""
        if not self._of_sound:
            return
        self._rate = rate
        self._sound_bytes += pcm.nbytes
        if self._sound_bytes > self._settings.max_file_bytes:
            raise Problem("payload_too_large", f"sound may have {self._settings.max_file_bytes} bytes")
        self._sound.append(pcm)

    def kept(self) -> list[tuple[str, int, bytes]]:
        """Return modality, number and content of each sample."""
        pictures = self._pictures
        if len(pictures) > KEPT_PICTURES:
            places = np.linspace(0, len(pictures) - 1, KEPT_PICTURES).round().astype(int)
            pictures = [pictures[place] for place in places]
        kept = [
            (name, number, content) for name in self._of_picture for number, content in enumerate(pictures)
        ]
        if self._sound:
            recording = _as_wav(np.concatenate(self._sound), self._rate)
            kept += [(name, 0, recording) for name in self._of_sound]
        return kept


def _as_wav(pcm: NDArray[Any], rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(pcm.astype("<i2").tobytes())
    return file.getvalue()
