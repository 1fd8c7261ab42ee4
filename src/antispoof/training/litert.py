"""An ONNX graph → LiteRT (``.tflite``), by a converter in an environment of its own.

onnx2tf 1.29 is the last that runs on Python 3.11, and asks for NumPy 1.26.4, TensorFlow 2.19 and protobuf 4,
which cannot be installed beside this project's. So it is called as another program.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError

__all__ = ["CONVERTER", "converter", "litert_graph", "litert_scores"]

CONVERTER = "onnx2tf==1.29.24"
CONVERT = """
import onnx2tf
onnx2tf.convert(input_onnx_file_path="graph.onnx", output_folder_path="made", non_verbose=True,
                copy_onnx_input_output_names_to_tflite=True, not_use_onnxsim=True)
"""
CHECK_PICTURES = "calibration_image_sample_data_20x128x128x3_float32.npy"
"""What the converter tries its result on; where it lies in the working folder nothing is fetched."""


def converter() -> Path:
    """Return the converter's Python.

    Raises:
        InputError: its environment was not made.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "antispoof" / "onnx2tf"
    python = cache / "bin" / "python"
    if not python.exists():
        raise InputError(
            f"litert: its converter has an environment of its own, {str(cache)!r}, which is not there; "
            f"make it (2.4 GB): python3.11 -m venv {cache} && {cache}/bin/pip install {CONVERTER}"
        )
    return python


def litert_graph(model: bytes) -> bytes:
    """Convert a graph whose inputs have fixed sizes; pictures are (1, H, W, C) in what comes out.

    Raises:
        InputError: there is no converter, or it cannot convert the graph.
    """
    python = converter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "graph.onnx").write_bytes(model)
        noise = np.random.default_rng(0).random((20, 128, 128, 3), np.float32)
        np.save(folder / CHECK_PICTURES, noise)
        own = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        done = subprocess.run(
            [python, "-c", CONVERT], cwd=folder, env=own, capture_output=True, text=True, errors="replace"
        )
        made = folder / "made" / "graph_float32.tflite"
        if done.returncode or not made.is_file():
            lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            last = lines[-1].strip() if lines else f"exit code {done.returncode}"
            raise InputError(f"litert: {CONVERTER} cannot convert this network: {last}")
        return made.read_bytes()


def litert_scores(content: bytes, samples: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
    """Ask LiteRT for the raw scores of N samples, one by one: (N,).

    Raises:
        InputError: it cannot run the network.
    """
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
        run: Any = interpreter.get_signature_runner()
    except (RuntimeError, ValueError) as error:
        said = str(error).partition(". ")[0].strip()
        raise InputError(f"litert: LiteRT cannot run what {CONVERTER} made of this network: {said}") from None
    shapes = {name: tuple(about["shape"]) for name, about in run.get_input_details().items()}
    count = len(next(iter(samples.values())))
    scores = []
    for row in range(count):
        one = {name: _channels_last(samples[name][row : row + 1], shape) for name, shape in shapes.items()}
        scores.append(float(np.ravel(run(**one)["score"])[0]))
    return np.array(scores)


def _channels_last(x: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    return x if x.ndim != 4 else np.ascontiguousarray(x.transpose(0, 2, 3, 1)).reshape(shape)
