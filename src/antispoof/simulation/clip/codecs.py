"""Codecs that write clips, by PyAV."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CODECS", "Codec", "encode"]

CLOCK = 60_000  # ticks a second; MPEG-4 part 2 counts to 65,535


@dataclass(frozen=True, slots=True)
class Codec:
    """How a clip is written.

    Attributes:
        suffix: of the file.
        encoder: as PyAV knows it.
        options: of the encoder; ``{quality}`` stands for what is drawn.
        quality: range of that, from good to bad.
        pixels: format of the pixels.
    """

    suffix: str
    encoder: str
    options: dict[str, str]
    quality: tuple[int, int]
    pixels: str = "yuv420p"


CODECS = {
    "h264": Codec(".mp4", "libx264", {"preset": "veryfast", "crf": "{quality}"}, (18, 30)),
    "h264_baseline": Codec(
        ".mp4",
        "libx264",
        {"preset": "ultrafast", "profile": "baseline", "crf": "{quality}"},
        (20, 32),
    ),
    "hevc": Codec(
        ".mp4",
        "libx265",
        {"preset": "ultrafast", "crf": "{quality}", "x265-params": "log-level=error:pools=1"},
        (22, 32),
    ),
    "mjpeg": Codec(".avi", "mjpeg", {"qmin": "{quality}", "qmax": "{quality}"}, (2, 10), "yuvj420p"),
    "mpeg4": Codec(".mp4", "mpeg4", {"qmin": "{quality}", "qmax": "{quality}"}, (3, 10)),
    "vp8": Codec(
        ".webm",
        "libvpx",
        {"deadline": "realtime", "cpu-used": "8", "crf": "{quality}", "b": "3M"},
        (8, 30),
    ),
    "vp9": Codec(
        ".webm",
        "libvpx-vp9",
        {"deadline": "realtime", "cpu-used": "8", "crf": "{quality}", "b": "0"},
        (25, 42),
    ),
}
"""What phones, browsers, webcams and old programs write."""


def encode(
    frames: Iterable[tuple[float, NDArray[np.uint8]]], path: Path, codec: Codec, quality: int, fps: float
) -> None:
    """Write frames into a file, each at its time.

    Args:
        frames: seconds and uint8, (H, W, 3), RGB, with even sides.
        path: of the file; the codec says which suffix it has.
        codec: see `CODECS`.
        quality: see `Codec`.
        fps: frames a second, nominal.
    """
    import av

    options = {key: value.format(quality=quality) for key, value in codec.options.items()}
    with av.open(str(path), "w") as out:
        rate = Fraction(fps).limit_denominator(1001)
        # An AVI file has no times: its frames are as far apart as its header says.
        regular = path.suffix == ".avi"
        stream: Any = out.add_stream(codec.encoder, rate=rate, options=options)
        stream.pix_fmt = codec.pixels
        stream.thread_count = 1
        base = 1 / rate if regular else Fraction(1, CLOCK)
        stream.codec_context.time_base = base
        last = -1
        for number, (time_s, array) in enumerate(frames):
            if number == 0:
                stream.height, stream.width = array.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format="rgb24")
            ticks = number if regular else max(last + 1, round(time_s * CLOCK))
            last, frame.pts, frame.time_base = ticks, ticks, base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
