"""Files as every room handles them: errors in words, nothing half written, one way to load a network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from antispoof.errors import InputError

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    Content = TypeVar("Content", bound=BaseModel)

__all__ = [
    "first_error",
    "onnx_session",
    "read_json",
    "read_text",
    "replacing",
    "write_json",
    "write_text",
]


def read_text(path: str | Path, name: str) -> str:
    """Read a UTF-8 text file; raise `InputError`, which calls it ``name``, when that cannot be done."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise InputError(f"cannot read the {name} {str(path)!r}: {reason}") from None


def read_json(path: str | Path, kind: type[Content], name: str) -> Content:
    """Read a JSON file of one kind; raise `InputError`, which calls it ``name``, when it is none."""
    from pydantic import ValidationError

    try:
        return kind.model_validate_json(read_text(path, name))
    except ValidationError as error:
        raise InputError(f"{str(path)!r} is no {name}: {first_error(error)}") from None


def first_error(error: ValidationError, whole: str = "the file") -> str:
    """Say where a document first breaks its schema, and how; ``whole`` stands for the document itself."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or whole}: {first['msg']}"


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a draft beside ``path`` to write to, which replaces it in one step when the block ends.

    An error in the block leaves what was there before, and no draft. What is no regular file (a pipe, a
    terminal) is written to directly.

    Raises:
        OSError: as the block, or the last step, raised it.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        yield path
        return
    path = path.resolve()  # a link keeps pointing where it points
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file in one step; raise `InputError` when that cannot be done."""
    try:
        with replacing(path) as draft:
            draft.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"cannot write {str(path)!r}: {error.strerror or error}") from None


def write_json(content: BaseModel, path: str | Path) -> None:
    """Write a document as JSON in one step; raise `InputError` when that cannot be done."""
    write_text(path, content.model_dump_json(indent=2) + "\n")


def onnx_session(model: bytes | str | Path, *, threads: int = 1, optimised: bool = True) -> Any:
    """Return an ONNX Runtime session on the CPU.

    Args:
        model: the graph, or the file that holds it.
        threads: how many one call may use.
        optimised: whether ONNX Runtime may rewrite the graph.

    Raises:
        Exception: as ONNX Runtime raises it; its exceptions share no base class.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: they come as exceptions as well
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
