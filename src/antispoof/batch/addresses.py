"""Files that lie on any filesystem that Arrow or fsspec knows, named by an address such as ``s3://bucket/a.jpg``."""

from __future__ import annotations

import posixpath
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from antispoof.errors import InputError, MediaError
from antispoof.sensing.capture import Recording, Source, Sources
from antispoof.sensing.source import DEFAULT_LIMITS
from antispoof.tables import pyarrow

__all__ = ["address_of", "beside", "fetched", "filesystem", "get", "is_there", "put", "without_key"]

# A path has one slash where the address in it had two, and the folder of the manifest before it.
_IN_A_PATH = re.compile(r"(?:^|/)(?!file:)([a-z][a-z0-9+]+):/+(?=[^/])")


def filesystem(address: str) -> tuple[Any, str]:
    """Return the `pyarrow.fs.FileSystem` of a path or an address, and the path in it.

    Raises:
        InputError: nobody knows such a filesystem.
        MissingExtraError: pyarrow is not installed.
    """
    arrow, _ = pyarrow("reading and writing object stores")
    from pyarrow import fs

    try:
        if "://" not in address:
            return fs.LocalFileSystem(), address.rstrip("/")
        files, path = fs.FileSystem.from_uri(address)
        return files, path.rstrip("/")
    except arrow.ArrowInvalid as error:
        try:
            import fsspec

            files, path = fsspec.core.url_to_fs(address)
        except (ImportError, ValueError) as other:
            raise InputError(f"no filesystem for {address!r}: {error}; {other}") from None
        return fs.PyFileSystem(fs.FSSpecHandler(files)), path.rstrip("/")


def address_of(source: object) -> str | None:
    """Return the address that a path stands for; None where it names a file of this machine."""
    if not isinstance(source, (str, Path)) or not (found := _IN_A_PATH.search(str(source))):
        return None
    return f"{found[1]}://{str(source)[found.end() :]}"


@contextmanager
def fetched(captures: Mapping[str, Sources]) -> Iterator[Mapping[str, Sources]]:
    """Yield captures whose files are on this machine, for as long as they are needed.

    Args:
        captures: modality name → source, or several; files that are named by an address are fetched, and
            all else is left as it is.

    Raises:
        MediaError: ``not_found``, ``unreadable`` or ``payload_too_large``.
        InputError: nobody knows such a filesystem.
    """
    with tempfile.TemporaryDirectory() if any(map(address_of, _sources(captures))) else nullcontext() as kept:
        names: dict[str, str] = {}

        def here(given: Source) -> Source:
            recording = given if isinstance(given, Recording) else Recording(given)  # type: ignore[arg-type]
            address = address_of(recording.source)
            if address is None or kept is None:
                return given
            path = Path(kept) / f"{len(names)}{PurePosixPath(urlsplit(address).path).suffix}"
            names[repr(str(path))] = repr(without_key(address))
            get(address, path)
            return replace(recording, source=path)

        there = {
            name: [here(one) for one in given]
            if isinstance(given, (list, tuple))
            else here(cast("Source", given))
            for name, given in captures.items()
        }
        try:
            yield there
        except MediaError as error:
            message = str(error)
            for name, shown in names.items():
                message = message.replace(name, shown)
            raise MediaError(error.code, message) from None


def _sources(captures: Mapping[str, Sources]) -> Iterator[object]:
    for given in captures.values():
        for one in given if isinstance(given, (list, tuple)) else (given,):
            yield one.source if isinstance(one, Recording) else one


def without_key(address: str) -> str:
    """Return an address as it may be shown: without key and options."""
    scheme, place, path, _, _ = urlsplit(address)
    return f"{scheme}://{place.rpartition('@')[2]}{path}"


def beside(address: str, name: str) -> str:
    """Return the address of what lies in the same folder, ``name`` a path in it."""
    scheme, place, path, options, _ = urlsplit(address)
    return urlunsplit((scheme, place, posixpath.normpath(posixpath.join(path, "..", name)), options, ""))


def put(path: Path, address: str) -> None:
    """Copy a file to an address; raise `InputError` where that cannot be done."""
    try:
        files, inside = _place(address)
        with path.open("rb") as file, files.open_output_stream(inside) as stream:
            while block := file.read(1 << 22):
                stream.write(block)
    except OSError as error:
        raise InputError(f"{path} cannot be copied to {without_key(address)!r}: {error}") from None


def is_there(address: str) -> bool:
    """Tell whether a file lies at an address; raise `InputError` where nobody can tell."""
    try:
        files, inside = _place(address)
        return bool(files.get_file_info(inside).type.name != "NotFound")
    except OSError as error:
        raise InputError(f"cannot look at {without_key(address)!r}: {error}") from None


def _place(address: str) -> tuple[Any, str]:
    scheme, place, inside, options, _ = urlsplit(address)
    files, root = _root(urlunsplit((scheme, place, "", options, "")))
    return files, f"{root}{inside}"


def get(address: str, path: Path) -> None:
    """Copy what lies at an address to a file of this machine.

    Raises:
        MediaError: ``not_found``, ``unreadable`` or ``payload_too_large``.
        InputError: nobody knows such a filesystem.
    """
    shown, left = repr(without_key(address)), DEFAULT_LIMITS.max_video_bytes
    try:
        files, inside = _place(address)
        with files.open_input_stream(inside) as stream, path.open("wb") as file:
            while left >= 0 and (block := stream.read(1 << 20)):
                left -= file.write(block)
    except FileNotFoundError:
        raise MediaError("not_found", f"no such file: {shown}") from None
    except OSError as error:
        raise MediaError("unreadable", f"cannot read {shown}: {error}") from None
    if left < 0:
        raise MediaError("payload_too_large", f"{shown}: more than the 2 GiB allowed")


@lru_cache(maxsize=16)
def _root(address: str) -> tuple[Any, str]:
    """Keep the client of a store from file to file."""
    return filesystem(address)
