"""A recording as a drawing: its spectrogram, what each moment of it speaks for, and where it lies below the
threshold.
"""

from __future__ import annotations

import base64
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.evidence.explanation import course, suspicious_spans
from antispoof.runtime.verdict import Evidence
from antispoof.sensing.audio import RATE
from antispoof.sensing.capture import Sample

__all__ = ["sound_figure"]

WIDTH, LEFT, RIGHT = 420, 42, 8
TOP, TALL, GAP, LOW = 14, 120, 10, 70  # px: the spectrogram, and the plot under it
FFT = 512
COLUMNS = 1200  # at most
RANGE_DB = 65
FAINTEST_DB = -20.0  # of a frame: what is fainter is drawn as faint as it is
STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120)  # s between ticks of time


def sound_figure(sample: Sample, evidence: Evidence, threshold: float) -> str:
    """Draw a recording as HTML: a ``figure`` that holds one SVG.

    Args:
        sample: the recording, as its modality loads it.
        evidence: what was made of it; without a timeline only the spectrogram is drawn.
        threshold: natural-log likelihood ratio below which a moment is marked.
    """
    seconds = len(sample.array) / RATE
    inner = WIDTH - LEFT - RIGHT

    def at(second: float) -> float:
        return LEFT + inner * min(max(second / seconds, 0), 1)

    base = TOP + TALL
    parts = [
        f'<image x="{LEFT}" y="{TOP}" width="{inner}" height="{TALL}" preserveAspectRatio="none" '
        f'href="data:image/png;base64,{_spectrogram(sample.array)}"/>'
    ]
    parts += [
        _text(LEFT - 5, base - TALL * hertz / (RATE / 2) + 4, f"{hertz // 1000}" + unit, "end")
        for hertz, unit in ((0, ""), (2000, ""), (4000, ""), (6000, ""), (8000, " kHz"))
    ]
    height = base + 20
    caption = "the recording: which frequencies are heard when"
    if evidence.timeline:
        for start, end in suspicious_spans(evidence, threshold):
            left, wide = at(start), at(end) - at(start)
            parts.append(
                f'<rect x="{left:.1f}" y="{TOP}" width="{wide:.1f}" height="{TALL}" fill="var(--attack)" '
                'opacity=".2"/>'
                f'<rect x="{left:.1f}" y="{TOP - 5}" width="{wide:.1f}" height="4" fill="var(--attack)"/>'
            )
        parts += _course(evidence, threshold, at, base + GAP)
        height = base + GAP + LOW + 20
        caption = (
            'below it, what each moment speaks for: <span class="key"><span class="swatch" '
            'style="background: var(--bona)"></span>bona fide</span> <span class="key"><span class="swatch" '
            'style="background: var(--attack)"></span>below the threshold</span>'
        )
    step = next((step for step in STEPS if seconds / step <= 8), STEPS[-1])
    ticks = np.arange(0, seconds + 1e-9, step)
    parts += [_text(at(tick), height - 5, _clock(tick, step)) for tick in ticks.tolist()]
    words = f"spectrogram of {seconds:.1f} seconds"
    return (
        f'<figure class="sound"><svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{words}">'
        f"{''.join(parts)}</svg><figcaption>{caption}</figcaption></figure>"
    )


def _course(evidence: Evidence, threshold: float, at: Any, top: float) -> list[str]:
    """Draw the score from moment to moment as columns that stand on the threshold, or hang from it."""
    stretches = course(evidence)
    scores = [score for *_, score in stretches]
    highest, lowest = max(*scores, threshold + 1, 0.0), min(*scores, threshold - 1, 0.0)

    def height(score: float) -> float:
        return top + LOW * (highest - score) / (highest - lowest)

    line = height(threshold)
    parts = []
    for start, end, score in stretches:
        fill = "bona" if score >= threshold else "attack"
        upper, lower = sorted((height(score), line))
        parts.append(
            f'<rect x="{at(start):.1f}" y="{upper:.1f}" width="{max(at(end) - at(start) - 0.6, 0.6):.1f}" '
            f'height="{max(lower - upper, 1):.1f}" fill="var(--{fill})" opacity=".75"/>'
        )
    parts.append(
        f'<path d="M{LEFT} {line:.1f}H{WIDTH - RIGHT}" stroke="var(--ink)" stroke-width="1.5"/>'
        + _text(LEFT - 5, line + 4, f"{threshold:+.1f}", "end")
    )
    for score in (highest, lowest):
        if abs(height(score) - line) > 14:
            parts.append(
                _text(LEFT - 5, height(score) + (8 if score == highest else 0), f"{score:+.1f}", "end")
            )
    return parts


def _spectrogram(samples: NDArray[np.float32]) -> str:
    """Return a PNG in base64: loud is dark on transparent, 0 to 8 kHz from the bottom up."""
    hop = max(len(samples) // COLUMNS, FFT // 4)
    padded = np.pad(samples, (FFT // 2, FFT))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::hop] * np.hanning(FFT).astype(np.float32)
    level = 20 * np.log10(np.abs(np.fft.rfft(frames)) + 1e-7)
    level = level - max(float(np.percentile(level, 99.8)), FAINTEST_DB)
    loudness = np.clip(1 + level / RANGE_DB, 0, 1).T[::-1]
    picture = np.empty((*loudness.shape, 4), np.uint8)
    picture[..., :3] = (120, 96, 72)  # slate (BGR), which both a light and a dark page show
    picture[..., 3] = np.round(255 * loudness**1.5)
    _, encoded = cv2.imencode(".png", picture)
    return base64.b64encode(encoded.tobytes()).decode()


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="11" fill="var(--soft)">{words}</text>'


def _clock(seconds: float, step: float) -> str:
    if step >= 15:
        return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"
    return f"{seconds:g} s" if seconds == 0 else f"{seconds:g}"
