"""Recording chains: what a studio, a headset, a phone, a browser, a call centre or a far microphone does.

A chain has two halves. `capture` is what happens between a mouth and the signal that a vocoder would get:
room, surroundings, microphone, and the device's own denoiser, gate and gain control. `carry` is what happens
to the finished clip on its way: loudness, once more denoiser and gain control (speech that is played into a
virtual microphone meets them too), band, codec. Bona fide clips pass both, copies are made between the two,
so that no half tells the classes apart.

Denoiser, gate, compressor and gain control are filters of FFmpeg.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.acoustics import filtered, microphone
from antispoof.simulation.speech.channel import delivery, in_room, level, noise, scaled, scene, surroundings
from antispoof.simulation.speech.codecs import codecs_found, through_codec

__all__ = ["CHAINS", "Chain", "through_filters"]

RATE = 16000
Rng = np.random.Generator
Speech = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Chain:
    """Two halves of a way, each (samples, rng) → samples; only `capture` may shorten them."""

    capture: Callable[[Speech, Rng], Speech]
    carry: Callable[[Speech, Rng], Speech]


def through_filters(samples: NDArray[Any], *steps: tuple[str, str]) -> Speech:
    """Pass speech through filters of FFmpeg, (name, options) each; the length stays."""
    import av
    from av.filter import Graph

    graph = Graph()
    first = graph.add_abuffer(sample_rate=RATE, format="flt", layout="mono", time_base=None)
    chain = [first, *(graph.add(name, options) for name, options in steps)]
    chain += [graph.add("aformat", f"sample_fmts=flt:sample_rates={RATE}:channel_layouts=mono")]
    graph.link_nodes(*chain, graph.add("abuffersink")).configure()
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples, np.float32)[None], format="flt", layout="mono"
    )
    frame.sample_rate = RATE
    graph.push(frame)
    graph.push(None)
    parts = []
    while True:
        try:
            part = graph.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            break
        assert isinstance(part, av.AudioFrame)
        parts.append(part.to_ndarray().ravel())
    out = np.concatenate(parts)[: len(samples)]
    return np.asarray(np.pad(out, (0, len(samples) - len(out))), np.float32)


def _denoiser(rng: Rng) -> tuple[str, str]:
    return "afftdn", f"nr={rng.uniform(6, 30):.1f}:nf={rng.uniform(-60, -30):.1f}:tn=1"


def _gate(rng: Rng) -> tuple[str, str]:
    return "agate", (
        f"threshold={10 ** (-rng.uniform(36, 52) / 20):.5f}:range={10 ** (-rng.uniform(15, 50) / 20):.5f}"
        f":attack={rng.uniform(2, 20):.1f}:release={rng.uniform(60, 300):.0f}"
    )


def _gain_control(rng: Rng) -> tuple[str, str]:
    frame, window = int(rng.integers(100, 500)), 2 * int(rng.integers(2, 10)) + 1
    return "dynaudnorm", f"f={frame}:g={window}:p={rng.uniform(0.5, 0.95):.2f}:m={rng.uniform(5, 30):.0f}"


def _compressor(rng: Rng) -> tuple[str, str]:
    return "acompressor", (
        f"threshold={10 ** (-rng.uniform(20, 36) / 20):.4f}:ratio={rng.uniform(1.5, 8):.1f}"
        f":attack={rng.uniform(1, 30):.0f}:release={rng.uniform(40, 400):.0f}"
    )


def _some(rng: Rng, *steps: tuple[float, Callable[[Rng], tuple[str, str]]]) -> list[tuple[str, str]]:
    """Draw steps, (probability, maker) each; the order stays."""
    return [make(rng) for probability, make in steps if rng.random() < probability]


def _processed(samples: NDArray[Any], steps: list[tuple[str, str]]) -> NDArray[Any]:
    return through_filters(scaled(samples), *steps) if steps else samples


def _amid(samples: NDArray[Any], rng: Rng, decibels: tuple[float, float]) -> NDArray[Any]:
    """Add surroundings that lie so many decibels below the speech."""
    return samples + surroundings(samples, rng) * level(samples) * 10 ** (-rng.uniform(*decibels) / 20)


def _hiss(samples: NDArray[Any], rng: Rng, decibels: tuple[float, float]) -> NDArray[Any]:
    return samples + noise(len(samples), rng) * level(samples) * 10 ** (-rng.uniform(*decibels) / 20)


def _near(rng: Rng) -> Callable[[NDArray[Any]], Any]:
    """Draw the response of a directional microphone close to the mouth: hertz → decibel."""
    boost, edge, presence = rng.uniform(1, 9), rng.uniform(120, 320), rng.uniform(0, 6)

    def response(f: NDArray[Any]) -> Any:
        return boost / (1 + (f / edge) ** 2) + presence * np.exp(-0.5 * (np.log(f / 4500) / 0.4) ** 2)

    return response


def _coded(samples: NDArray[Any], rng: Rng, *codecs: str) -> Speech:
    """Draw one of the codecs that are on this machine; an empty name stands for none."""
    name = str(rng.choice([name for name in codecs if not name or name in codecs_found()]))
    speech = scaled(samples)
    return through_codec(speech, name) if name else speech


def _answer(samples: Speech, rng: Rng) -> Speech:
    """Cut one to two seconds out, as of a short answer; what is shorter stays."""
    length = int(rng.uniform(1.0, 2.2) * RATE)
    if len(samples) <= length:
        return samples
    start = int(rng.integers(len(samples) - length + 1))
    return samples[start : start + length]


def _studio_capture(samples: Speech, rng: Rng) -> Speech:
    out = filtered(samples, _near(rng)) if rng.random() < 0.6 else samples
    out = _processed(out, [_denoiser(rng), *_some(rng, (0.5, _gate), (0.7, _compressor))])
    return scaled(_hiss(out, rng, (55, 80)))


def _studio_carry(samples: Speech, rng: Rng) -> Speech:
    out = _processed(samples, _some(rng, (0.4, _compressor), (0.2, _gain_control)))
    return _coded(out, rng, "", "", "mp3_64k", "aac_32k")


def _close_capture(samples: Speech, rng: Rng) -> Speech:
    out = filtered(_answer(samples, rng), _near(rng))
    out = _hiss(out, rng, (25, 60))
    return scaled(_processed(out, _some(rng, (0.4, _gate), (0.5, _gain_control))))


def _close_carry(samples: Speech, rng: Rng) -> Speech:
    return _coded(samples, rng, "", "", "opus_24k", "opus_16k")


def _phone_capture(samples: Speech, rng: Rng) -> Speech:
    out = in_room(samples, rng, (0.1, 0.5))
    out = filtered(_amid(out, rng, (8, 40)), microphone(rng))
    return scaled(_processed(out, _some(rng, (0.8, _denoiser), (0.6, _gain_control))))


def _phone_carry(samples: Speech, rng: Rng) -> Speech:
    out = _processed(samples, _some(rng, (0.4, _denoiser), (0.4, _gain_control)))
    return _coded(out, rng, "", "opus_voip_16k", "opus_voip_9k", "amr_12k", "g722", "aac_32k", "g711_a")


def _browser_capture(samples: Speech, rng: Rng) -> Speech:
    out = in_room(samples, rng, (0.2, 0.8))
    out = filtered(_hiss(out, rng, (12, 35)), microphone(rng))
    return scaled(_processed(out, _some(rng, (0.7, _denoiser), (0.3, _gate), (0.8, _gain_control))))


def _browser_carry(samples: Speech, rng: Rng) -> Speech:
    out = _processed(samples, _some(rng, (0.5, _denoiser), (0.5, _gain_control)))
    return _coded(out, rng, "", "opus_24k", "opus_voip_16k", "mp3_64k")


def _call_capture(samples: Speech, rng: Rng) -> Speech:
    out = filtered(_amid(samples, rng, (12, 40)), _near(rng) if rng.random() < 0.5 else microphone(rng))
    return scaled(_processed(out, _some(rng, (0.5, _gate), (0.6, _compressor), (0.4, _gain_control))))


def _call_carry(samples: Speech, rng: Rng) -> Speech:
    out = _coded(samples, rng, "g711_mu", "g711_a", "g723_1", "g722", "opus_voip_9k", "amr_5k")
    return scaled(_hiss(out, rng, (30, 60)))


def _far_capture(samples: Speech, rng: Rng) -> Speech:
    out = _amid(in_room(samples, rng, (0.7, 1.0)), rng, (3, 25))
    out = filtered(out, microphone(rng))
    return scaled(_processed(out, _some(rng, (0.3, _denoiser), (0.7, _gain_control))))


def _far_carry(samples: Speech, rng: Rng) -> Speech:
    return _coded(samples, rng, "", "", "mp3_32k", "aac_32k", "opus_24k")


LOW_RATE = (
    *("opus_voip_6k", "opus_voip_9k", "opus_voip_12k", "amr_5k", "amr_12k", "g723_1"),
    *("opus_lace_9k", "opus_nolace_6k", "opus_nolace_9k", "opus_lost_16k"),
)
"""Codecs of 5 to 16 kbit/s, some with networks: what they do to speech is no sign of synthesis."""


def _low_rate_capture(samples: Speech, rng: Rng) -> Speech:
    out = _hiss(in_room(samples, rng, (0.0, 0.5)), rng, (20, 55))
    out = filtered(out, _near(rng) if rng.random() < 0.5 else microphone(rng))
    return scaled(_processed(out, _some(rng, (0.4, _denoiser), (0.4, _gain_control))))


def _low_rate_carry(samples: Speech, rng: Rng) -> Speech:
    return _coded(samples, rng, *LOW_RATE)


CHAINS: Mapping[str, Chain] = MappingProxyType(
    {
        "mixed": Chain(scene, delivery),
        "studio": Chain(_studio_capture, _studio_carry),
        "close": Chain(_close_capture, _close_carry),
        "phone": Chain(_phone_capture, _phone_carry),
        "browser": Chain(_browser_capture, _browser_carry),
        "call": Chain(_call_capture, _call_carry),
        "far": Chain(_far_capture, _far_carry),
        "low_rate": Chain(_low_rate_capture, _low_rate_carry),
    }
)
"""Name → chain; ``mixed`` is one of everything, put together at random."""
