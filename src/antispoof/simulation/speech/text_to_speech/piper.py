"""Piper: a VITS network with a HiFi-GAN decoder, from a package that carries a voice as an ONNX file.

J. Kim, J. Kong, J. Son, "Conditional Variational Autoencoder with Adversarial Learning for End-to-End
Text-to-Speech", ICML 2021. eSpeak NG turns the text into phonemes.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.files import onnx_session
from antispoof.simulation.speech.engines import ENGINES
from antispoof.simulation.speech.text_to_speech import Talker, talkers


def _installed() -> list[Path]:
    specs = [importlib.util.find_spec(name) for name in ENGINES["tts_piper"].packages]
    return sorted(path for s in specs if s and s.origin for path in Path(s.origin).parent.rglob("*.onnx"))


_session = cache(onnx_session)


def _say(text: str, rng: np.random.Generator) -> tuple[NDArray[Any], int]:
    path = _installed()[int(rng.integers(len(_installed())))]
    voice = json.loads(path.with_suffix(".onnx.json").read_text(encoding="utf-8"))
    command = ["espeak-ng", "-q", "--ipa", "-v", voice["espeak"]["voice"], text]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise InputError(f"espeak-ng failed: {done.stderr.strip()[:200]}")
    table = voice["phoneme_id_map"]
    pad = table["_"]
    sounds = [table[s] for s in " ".join(done.stdout.split()) if s in table]
    ids = [*table["^"], *pad, *(i for sound in sounds for i in (*sound, *pad)), *table["$"]]
    scales = [rng.uniform(0.3, 1.0), rng.uniform(0.85, 1.2), rng.uniform(0.4, 1.0)]
    inputs = {
        "input": np.array([ids], np.int64),
        "input_lengths": np.array([len(ids)], np.int64),
        "scales": np.array(scales, np.float32),
    }
    samples = _session(path).run(None, inputs)[0].ravel()
    return samples, int(voice["audio"]["sample_rate"] * np.exp(rng.normal(0, 0.08)))  # other throats


talkers.register("tts_piper")(Talker(ENGINES["tts_piper"].missing, _say))
