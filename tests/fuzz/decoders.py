"""Fuzz what reads untrusted bytes, with Atheris; `make fuzz` runs it.

    python tests/fuzz/decoders.py ENTRY [--seconds 60]     # image, voice, header, multipart, jws

Each entry may raise the errors that its callers expect, and nothing else; Atheris stops at the first other
one, at a crash, a hang (25 s) and more than 2 GiB.
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
from PIL import Image

with atheris.instrument_imports(include=["antispoof", "multipart", "python_multipart", "joserfc"]):
    from starlette.requests import Request

    from antispoof.errors import InputError, MediaError
    from antispoof.sensing.media import MediaLimits, load_image
    from antispoof.sensing.modalities import modalities
    from antispoof.service.problems import Problem
    from antispoof.service.routes.stream import _split
    from antispoof.service.settings import Settings
    from antispoof.service.signing import SigningKeys, verify
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
        kinds = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
        return [_saved(picture, kind) for kind in kinds] + [_saved(picture.convert("CMYK"), "JPEG")]
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


def _saved(picture: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


ENTRIES = {one.__name__: one for one in (image, voice, header, multipart, jws)}
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
