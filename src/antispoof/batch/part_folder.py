"""A folder of finished parts, on any filesystem that Arrow or fsspec knows."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping

from antispoof.batch.addresses import filesystem
from antispoof.errors import InputError

__all__ = ["PartFolder"]

_PART = re.compile(r"part-(\d{8})\.jsonl")
_OWNER = "run.json"


class PartFolder:
    """Parts of one run, numbered from 0.

    A part is written beside its place and moved there, so that whoever is killed leaves none half written.
    Workers may hold a copy: it goes over as its address.

    Args:
        address: a path, or what `pyarrow.fs.FileSystem.from_uri` or fsspec understands, such as
            ``s3://bucket/run``, with their options for an end point and a region.

    Raises:
        InputError: nobody knows such a filesystem.
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._files, self._path = filesystem(address)

    def __reduce__(self) -> tuple[type[PartFolder], tuple[str]]:
        """Pickle the address alone; clients of object stores do not travel."""
        return PartFolder, (self.address,)

    def claim(self, run: Mapping[str, str]) -> None:
        """Make the folder that of one run, or go on with it.

        Args:
            run: what makes it this run and no other, by name: manifest, bundle.

        Raises:
            InputError: it holds another; the message names what differs.
        """
        self._files.create_dir(self._path, recursive=True)
        place = f"{self._path}/{_OWNER}"
        if self._files.get_file_info(place).type.name == "NotFound":
            self._write(place, json.dumps(dict(run), indent=2).encode())
            return
        with self._files.open_input_stream(place) as file:
            other = json.loads(file.read())
        for name in sorted({*run, *other}):
            if run.get(name) != other.get(name):
                raise InputError(
                    f"{self.address} holds the parts of another run: its {name} is {other.get(name)!r}, "
                    f"this one's {run.get(name)!r}; name another output, or remove the folder"
                )

    def done(self) -> set[int]:
        """Return the numbers of the parts that are there; what somebody who was killed left is removed."""
        from pyarrow import fs

        found = set()
        for each in self._files.get_file_info(fs.FileSelector(self._path, allow_not_found=True)):
            if match := _PART.fullmatch(each.base_name):
                found.add(int(match[1]))
            elif each.base_name.startswith("."):
                self._files.delete_file(each.path)
        return found

    def publish(self, number: int, data: bytes) -> None:
        """Write a part; one that is there already is replaced by it."""
        self._write(self._place(number), data)

    def read(self, number: int) -> bytes:
        """Return what a part holds."""
        with self._files.open_input_stream(self._place(number)) as file:
            return bytes(file.read())

    def _place(self, number: int) -> str:
        return f"{self._path}/part-{number:08}.jsonl"

    def _write(self, place: str, data: bytes) -> None:
        folder, _, name = place.rpartition("/")
        draft = f"{folder}/.{name}.{uuid.uuid4().hex}"
        with self._files.open_output_stream(draft) as file:
            file.write(data)
        self._files.move(draft, place)
