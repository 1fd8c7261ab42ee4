"""Multipart bodies → parts in memory, under limits. Nothing is spooled to disk, no file name is used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from antispoof.service.problems import Problem
from antispoof.service.settings import Settings

__all__ = ["MAX_PARTS", "Upload", "read_upload"]

MAX_PARTS = 8
MAX_FIELD_BYTES = 1024
OVERHEAD_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Upload:
    """The parts of a request body, by name; of a name there may be several files, in their order."""

    fields: dict[str, str]
    files: dict[str, list[bytes]]


class _InMemory(MultiPartParser):
    spool_max_size = 2**40  # never rolls over to a file: the size of the body is limited


async def read_upload(request: Request, settings: Settings) -> Upload:
    """Read a ``multipart/form-data`` body.

    Raises:
        Problem: ``payload_too_large``, ``unsupported_media`` or ``invalid_request``; also where the body
            breaks off or takes too long.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Problem("unsupported_media", "the body has to be multipart/form-data")
    limit = settings.max_file_bytes + OVERHEAD_BYTES
    stated = request.headers.get("content-length", "0")
    if not stated.isdecimal() or int(stated) > limit:
        raise Problem("payload_too_large", f"a body may have {limit} bytes")
    parser = _InMemory(
        request.headers,
        _limited(request, limit),
        max_files=MAX_PARTS,
        max_fields=MAX_PARTS,
        max_part_size=MAX_FIELD_BYTES,
    )
    try:
        async with asyncio.timeout(settings.upload_timeout_s):
            form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many"):
            raise Problem(
                "invalid_request", f"a body may have {MAX_PARTS} files, and as many fields"
            ) from None
        raise Problem("invalid_request", "the body is no well-formed multipart/form-data") from None
    except ClientDisconnect:
        raise Problem("invalid_request", "the body broke off") from None
    except TimeoutError:
        raise Problem("invalid_request", "the body took too long", recoverable=True) from None
    try:
        return await _sorted(form, settings.max_file_bytes)
    finally:
        await form.close()


async def _sorted(form: FormData, limit: int) -> Upload:
    fields: dict[str, str] = {}
    files: dict[str, list[bytes]] = {}
    for name, value in form.multi_items():
        file = isinstance(value, UploadFile)
        if name in fields or (name in files and not file):
            raise Problem("invalid_request", "a part is there twice")
        if isinstance(value, UploadFile):
            files.setdefault(name, []).append(await value.read())
            if len(files[name][-1]) > limit:
                raise Problem("payload_too_large", f"a file may have {limit} bytes")
        else:
            fields[name] = value
    return Upload(fields, files)


async def _limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise Problem("payload_too_large", f"a body may have {limit} bytes")
        yield chunk
