"""What was lost, repeated or overwritten on the way is noticed; what a voice and a codec do is not."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from spoken import spoken

from antispoof.sensing.capture import Sample
from antispoof.sensing.modalities import modalities
from antispoof.sensing.sound_damage import broken_blocks, clicks

Bytes = NDArray[np.uint8]
RANDOM = np.random.default_rng
VOICE: Any = modalities["voice"]


def wav(content: bytes) -> bytes:
    """A file of 16-bit samples, of which an odd last byte is left out."""
    content = content[: len(content) // 2 * 2]
    header = struct.pack(
        "<4sI4s4sIHHIIHH", b"RIFF", 36 + len(content), b"WAVE", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16
    )
    return header + struct.pack("<4sI", b"data", len(content)) + content


def samples_of(seed: int, level: float = 0.5) -> Bytes:
    speech = spoken(seed, pitch_hz=100 + 25 * seed)
    return np.int16(np.round(speech / np.abs(speech).max() * level * 32767)).view(np.uint8)


def heard(content: Bytes, rng: np.random.Generator) -> int:
    """An even place in the file where somebody is speaking, loudly."""
    loud = np.abs(content.view(np.int16).astype(float))
    places = np.flatnonzero(np.convolve(loud, np.ones(400) / 400, "same") > 0.5 * np.percentile(loud, 95))
    return 2 * int(rng.choice(places[places < len(loud) - 4000]))


def flipped(content: Bytes, rng: np.random.Generator) -> Bytes:
    content = content.copy()
    places = rng.integers(0, content.size, 200)
    content[places] ^= 1 << rng.integers(0, 8, 200).astype(np.uint8)
    return content


def emptied(content: Bytes, rng: np.random.Generator) -> Bytes:
    content, start = content.copy(), heard(content, rng)
    content[start : start + 640] = 0
    return content


def sent_twice(content: Bytes, rng: np.random.Generator) -> Bytes:
    start = heard(content, rng)
    return np.concatenate([content[: start + 1024], content[start:]])


def replaced(content: Bytes, rng: np.random.Generator) -> Bytes:
    content, start = content.copy(), max(heard(content, rng), 2048)
    content[start : start + 2048] = content[start - 2048 : start]
    return content


def out_of_step(content: Bytes, rng: np.random.Generator) -> Bytes:
    return np.delete(content, heard(content, rng) // 2)


def overwritten(content: Bytes, rng: np.random.Generator) -> Bytes:
    content, start = content.copy(), heard(content, rng)
    content[start : start + 2048] = rng.integers(0, 256, 2048)
    return content


def stuck(content: Bytes, rng: np.random.Generator) -> Bytes:
    numbers, start = content.view(np.int16).copy(), heard(content, rng) // 2
    numbers[start : start + 100] = 9000
    return numbers.view(np.uint8)


DAMAGE: list[Callable[[Bytes, np.random.Generator], Bytes]] = [
    flipped, emptied, sent_twice, replaced, out_of_step, overwritten, stuck,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("seed", range(3))
def test_damage_is_a_reason(damage: Callable[..., Bytes], seed: int) -> None:
    whole = samples_of(seed)
    assert VOICE.quality(VOICE.load(wav(whole.tobytes()))).reasons == ()
    reasons = VOICE.quality(VOICE.load(wav(damage(whole, RANDOM(seed)).tobytes()))).reasons
    assert set(reasons) & {"damaged", "only_noise"}


@pytest.mark.parametrize(
    "change",
    [
        lambda x: np.clip(2 * x / np.abs(x).max(), -1, 1),  # overdriven by 6 dB
        lambda x: np.round(127 * x + RANDOM(9).normal(size=len(x))) / 127,  # eight bits of a noisy room
        lambda x: np.concatenate([np.zeros(8000), x, np.zeros(16000), x]),  # padded with nothing
        lambda x: np.tile(x, 3),  # played again and again
        lambda x: x + 0.3,  # an offset
        lambda x: np.round(x * 2047) / 2047 + 0.01 * np.sin(np.arange(len(x)) / 51),  # hum under twelve bits
    ],
    ids=["overdriven", "8 bits", "padded", "tiled", "offset", "hum"],
)
def test_what_is_no_damage_is_none(change: Callable[[Any], Any]) -> None:
    for seed in range(3):
        changed = np.asarray(change(spoken(seed).astype(np.float64)), np.float32)
        assert clicks(changed) < 3
        assert broken_blocks(changed) == 0


@pytest.mark.parametrize(("of_the_peak", "found"), [(0.2, 0), (0.6, 1)], ids=["breath", "bytes"])
def test_a_puff_of_breath_is_no_noise_of_bytes(of_the_peak: float, found: int) -> None:
    speech = spoken(1).astype(np.float64)
    speech *= 0.5 / np.abs(speech).max()
    speech[9000] = 0.5  # the peak, wherever the puff is
    speech[20_000:20_800] = 0.5 * of_the_peak * RANDOM(1).uniform(-1, 1, 800) * 3**0.5
    assert broken_blocks(speech.astype(np.float32)) == found


@pytest.mark.parametrize(("samples", "found"), [(16, 0), (60, 1)])
def test_bytes_at_random_are_told_within_some_milliseconds(samples: int, found: int) -> None:
    speech = spoken(1).astype(np.float64)
    speech *= 0.25 / np.abs(speech).max()
    speech[20_000 : 20_000 + samples] = RANDOM(1).uniform(-1, 1, samples)
    assert broken_blocks(speech.astype(np.float32)) == found


@pytest.mark.parametrize("count", [0, 1, 30, 127, 128, 129, 400])
def test_hardly_any_samples_are_no_damage(count: int) -> None:
    for made in (np.zeros(count, np.float32), RANDOM(0).standard_normal(count).astype(np.float32)):
        assert clicks(made) == 0
        assert broken_blocks(made) == 0


def test_clicks_are_counted_one_by_one() -> None:
    speech = spoken(1)
    places = np.arange(5000, 45_000, 4000)
    speech[places] += np.where(speech[places] < 0, 0.9, -0.9)
    assert clicks(speech) == len(places)


def test_the_samples_after_loading_decide(speech: Any) -> None:
    sample = VOICE.load(Sample(speech, {"sample_rate": 16_000}))
    measurements = VOICE.quality(sample).measurements
    assert measurements["clicks"] == clicks(sample.array)
    assert measurements["broken_blocks"] == broken_blocks(sample.array)


@pytest.mark.parametrize("between", [[0.0], [0.0, 0.5], [0.5]], ids=["silence", "buzz", "stuck"])
def test_what_stands_still_takes_no_more_memory_than_speech(between: list[float]) -> None:
    said = spoken(1)
    whole = np.tile(np.concatenate([said, np.resize(between, 2 * len(said))]), 5).astype(np.float32)
    tracemalloc.start()
    broken_blocks(whole)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 100 * len(whole), "bytes"


@pytest.mark.parametrize("seconds", [0, 5, 100])
def test_damage_is_told_however_long_nothing_is_heard_beside_it(seconds: int) -> None:
    damaged = emptied(samples_of(1), RANDOM(1)).view(np.int16).astype(np.float32) / 32768
    assert broken_blocks(np.pad(damaged, (0, 16_000 * seconds))) == 1
