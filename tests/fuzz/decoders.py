"""Fuzz what reads untrusted bytes, with Atheris; `make fuzz` runs it.

    python tests/fuzz/decoders.py ENTRY [--seconds 60]

Entries are image, measurements, video, voice, header, multipart and jws. Each may raise the errors that its
callers expect, and nothing else; Atheris stops at the first other one, at a crash, a hang (25 s) and more
than 2 GiB.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris
import numpy as np
from PIL import Image, ImageCms

with atheris.instrument_imports(include=["antispoof", "multipart", "python_multipart", "joserfc"]):
    from starlette.requests import Request

    from antispoof.contract.signatures import verify
    from antispoof.errors import InputError, MediaError
    from antispoof.sensing.maps import load_map
    from antispoof.sensing.media import MediaLimits, load_image
    from antispoof.sensing.modalities import modalities
    from antispoof.service.problems import Problem
    from antispoof.service.routes.stream import _split
    from antispoof.service.settings import Settings
    from antispoof.service.signing import SigningKeys
    from antispoof.service.uploads import read_upload

LIMITS = MediaLimits(max_bytes=2**20, max_pixels=1_000_000)


def image(content: bytes) -> None:
    """Decode a picture."""
    try:
        array = load_image(content, LIMITS)
    except MediaError:
        return
    assert array.dtype == np.uint8
    assert array.shape[0] * array.shape[1] <= LIMITS.max_pixels


def measurements(content: bytes) -> None:
    """Decode a picture whose values are measurements."""
    try:
        array = load_map(content, LIMITS).array
    except MediaError:
        return
    assert array.dtype in (np.uint8, np.uint16, np.float32)


def video(content: bytes) -> None:
    """Decode a frame of a video, which is read from a path only."""
    path = Path("video")
    path.write_bytes(content)
    try:
        array = load_image(path, LIMITS)
    except MediaError:
        return
    assert array.shape[0] * array.shape[1] <= LIMITS.max_pixels


def voice(content: bytes) -> None:
    """Decode a recording."""
    try:
        modalities["voice"].load(content)
    except MediaError:
        return


def header(content: bytes) -> None:
    """Take the header of a sample in a stream apart."""
    try:
        _split(content, 2**20)
    except Problem:
        return


def multipart(content: bytes) -> None:
    """Take an upload apart."""
    request = Request(
        {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=x")]},
        _receiver(content),
    )
    try:
        asyncio.run(read_upload(request, Settings(state=Path("unused"), max_file_bytes=2**16)))
    except Problem:
        return


def jws(content: bytes) -> None:
    """Check a signed result."""
    try:
        verify(content.decode("utf-8", "replace"), KEYS)
    except InputError:
        return


def _receiver(content: bytes) -> Callable[[], object]:
    pieces = [content[: len(content) // 2], content[len(content) // 2 :]]

    async def receive() -> dict[str, object]:
        piece = pieces.pop(0) if pieces else b""
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    return receive


def seeds(entry: str) -> list[bytes]:
    """Return well-formed examples to begin with."""
    if entry == "image":
        picture = Image.fromarray(np.arange(48 * 64 * 3, dtype=np.uint32).reshape(48, 64, 3).astype(np.uint8))
        kinds = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM")
        colours = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        return [
            *(_saved(picture, kind) for kind in kinds),
            *(_saved(picture, "TIFF", compression=how) for how in ("tiff_lzw", "tiff_deflate", "packbits")),
            *(_saved(picture, kind, icc_profile=colours) for kind in ("JPEG", "PNG", "WEBP")),
            _saved(picture.convert("CMYK"), "JPEG"),
            _saved(picture, "JPEG", progressive=True),
        ]
    if entry == "measurements":
        deep = Image.fromarray(np.arange(48 * 64, dtype=np.uint16).reshape(48, 64))
        stack = io.BytesIO()
        np.save(stack, np.zeros((3, 12, 16), np.uint16))
        return [
            *(_saved(deep, kind) for kind in ("PNG", "TIFF", "PPM")),
            _saved(deep, "TIFF", compression="tiff_lzw"),
            b"P2 2 2 4095\n1 2 3 4000",
            stack.getvalue(),
        ]
    if entry == "video":
        return [_video(*one) for one in (("mp4", "mpeg4"), ("avi", "mjpeg"), ("matroska", "libx264"))]
    if entry == "voice":
        import soundfile

        found = []
        for kind, subtype in (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")):
            file = io.BytesIO()
            soundfile.write(file, np.sin(np.arange(8000) / 5), 16_000, format=kind, subtype=subtype)
            found.append(file.getvalue())
        return found
    if entry == "header":
        return [struct.pack(">I", 2) + b"{}x"]
    if entry == "multipart":
        part = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\nabc\r\n'
        return [part % (b"file", b'; filename="a"') + part % (b"seq", b"") + b"--x--\r\n"]
    return [SIGNING.sign({"outcome": "attack"}).encode()]


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _video(container: str, codec: str) -> bytes:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=10)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for level in (0, 90, 180):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8), "rgb24")))
        out.mux(stream.encode(None))
    return file.getvalue()


ENTRIES = {one.__name__: one for one in (image, measurements, video, voice, header, multipart, jws)}
SIGNING = SigningKeys(Path(tempfile.mkdtemp()))
KEYS = SIGNING.public()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("entry", choices=ENTRIES)
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    corpus = tempfile.mkdtemp()
    for number, content in enumerate(seeds(arguments.entry)):
        (Path(corpus) / str(number)).write_bytes(content)
    os.chdir(corpus)  # where libFuzzer leaves what it finds
    options = [f"-max_total_time={arguments.seconds}", "-timeout=25", "-rss_limit_mb=2048", "-max_len=65536"]
    atheris.Setup([sys.argv[0], *options, corpus], ENTRIES[arguments.entry])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
