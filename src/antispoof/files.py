"""What `antispoof` writes for itself as JSON, read back and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from antispoof.errors import InputError

__all__ = ["read_json", "write_json"]

Content = TypeVar("Content", bound=BaseModel)


def read_json(path: str | Path, kind: type[Content], name: str) -> Content:
    """Read a file of one kind; raise `InputError`, which calls it ``name``, when it is none."""
    try:
        return kind.model_validate_json(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise InputError(f"cannot read the {name} {str(path)!r}: {reason}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(f"{str(path)!r} is no {name}: {where}: {first['msg']}") from None


def write_json(content: BaseModel, path: str | Path) -> None:
    """Write a file; raise `InputError` when that cannot be done."""
    try:
        Path(path).write_text(content.model_dump_json(indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {str(path)!r}: {error.strerror}") from None
