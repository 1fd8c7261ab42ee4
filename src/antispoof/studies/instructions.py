"""Instructions of one run of a network, counted by valgrind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError

__all__ = ["instructions"]

RUNS = (1, 3)
RUN = """
import sys
import numpy as np
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession("graph.onnx", options, providers=["CPUExecutionProvider"])
inputs = dict(np.load("inputs.npz"))
for _ in range(int(sys.argv[1])):
    session.run(None, inputs)
"""


def instructions(model: bytes, inputs: Mapping[str, NDArray[Any]]) -> int:
    """Count what ONNX Runtime executes for one run, on one thread; a minute or two.

    Whole processes are counted, with one run and with three, and half the difference is one run. Valgrind has
    no AVX-512, so the kernels are those of a plainer processor; the count is the same on a busy machine.

    Raises:
        InputError: valgrind is not installed, or cannot run the network.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise InputError(
            "instructions are counted by valgrind, which is not installed: apt-get install valgrind"
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "graph.onnx").write_bytes(model)
        np.savez(folder / "inputs.npz", **dict(inputs))  # type: ignore[arg-type]
        one, three = (_counted(valgrind, folder, runs) for runs in RUNS)
    return (three - one) // (RUNS[1] - RUNS[0])


def _counted(valgrind: str, folder: Path, runs: int) -> int:
    tool = [valgrind, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    done = subprocess.run(
        [*tool, sys.executable, "-c", RUN, str(runs)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    found = re.search(r"I +refs: +([\d,]+)", done.stderr)
    if done.returncode or found is None:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise InputError(f"valgrind cannot run the network: {last[0]}")
    return int(found[1].replace(",", ""))
