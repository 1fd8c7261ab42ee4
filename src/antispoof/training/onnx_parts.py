"""Finished networks inside one of ours: ONNX graphs, taken as they are and joined to it on export."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.files import onnx_session

__all__ = ["OnnxPart", "join"]


class OnnxPart:
    """A finished network: one input, one output.

    Args:
        path: ONNX file; its input and its output are float32, (B, …), B free.

    Attributes:
        model: serialized.
        shape: of its input, without B.
        answers: how many numbers it says of one row.

    Raises:
        InputError: no such file, no ONNX file, or other inputs and outputs.
    """

    def __init__(self, path: Path) -> None:
        try:
            self.model = path.read_bytes()
        except OSError as error:
            raise InputError(f"cannot read the network {str(path)!r}: {error.strerror}") from None
        try:
            self._session: Any = onnx_session(self.model)
        except Exception as error:  # its exceptions share no base class
            raise InputError(f"ONNX Runtime cannot load the network {str(path)!r}: {error}") from None
        taken, given = self._session.get_inputs(), self._session.get_outputs()
        shapes = [tuple(one.shape) for one in (*taken, *given)]
        if (
            (len(taken), len(given)) != (1, 1)
            or any(isinstance(shape[0], int) for shape in shapes)
            or not all(isinstance(side, int) for shape in shapes for side in shape[1:])
            or len(shapes[1]) != 2
        ):
            raise InputError(
                f"the network {str(path)!r} must have one input, (B, …), and one output, (B, classes), with "
                f"B free and all else fixed; it has {', '.join(map(str, shapes))}"
            )
        self.shape, self.answers = shapes[0][1:], int(shapes[1][1])
        self._input, self._output = taken[0].name, given[0].name

    @property
    def parameters(self) -> int:
        """How many numbers it has learned."""
        import onnx

        graph = onnx.load_from_string(self.model).graph
        return sum(math.prod(tensor.dims) for tensor in graph.initializer)

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map (B, …) to (B, classes)."""
        said: NDArray[np.float32] = self._session.run([self._output], {self._input: x})[0]
        return said


def join(model: bytes, parts: dict[str, tuple[str, OnnxPart]]) -> bytes:
    """Put finished networks before inputs of a graph.

    Args:
        model: serialized ONNX.
        parts: input of ``model`` → what the input of the joined graph is called, and who answers.

    Returns:
        One graph, serialized, with the names of all that is in a part behind the name of its input.
    """
    import onnx
    from onnx import compose

    joined = onnx.load_from_string(model)
    for answer, (name, part) in parts.items():
        first = compose.add_prefix(onnx.load_from_string(part.model), f"{name}/")
        given = first.graph.input[0].name
        for node in first.graph.node:
            node.input[:] = [name if one == given else one for one in node.input]
        first.graph.input[0].name = name
        first.ir_version = joined.ir_version = max(first.ir_version, joined.ir_version)
        joined = compose.merge_models(first, joined, io_map=[(first.graph.output[0].name, answer)])
        # It lists the operator set of each, though they are one; quantisers look for a single entry.
        del joined.opset_import[1:]
    onnx.checker.check_model(joined, full_check=True)
    return bytes(joined.SerializeToString(deterministic=True))
