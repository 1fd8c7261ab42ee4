"""Figures of an evidence page: where a score lies, what sensors brought to it, a recording."""

from __future__ import annotations

import math
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from antispoof.evaluation.plots import INK, SOFT, figure_of, styled
from antispoof.evidence.explanation import BANDS_HZ, course, suspicious_spans, tells_bands
from antispoof.runtime.policy import in_words
from antispoof.runtime.verdict import CueEvidence, Evidence, Verdict
from antispoof.sensing.audio import RATE
from antispoof.sensing.capture import Sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ATTACK", "BONA_FIDE", "contributions", "cue", "frames", "recording", "score_scale"]

BONA_FIDE, ATTACK = "#2563eb", "#c2410c"  # blue and orange, which colour-blind readers tell apart too
TICKS = (-1000, -100, -10, 1, 10, 100, 1000)  # times likelier; negative: an attack
WIDE = 5.6  # inches
NAME = 28  # letters of a source in a line
FFT = 512
COLUMNS = 1200  # at most
TINTED = 240  # columns of what is laid over a spectrogram
RANGE_DB = 65
FAINTEST_DB = -20.0  # of a frame: what is fainter is drawn as faint as it is


@styled
def score_scale(verdict: Verdict) -> Figure:
    """Draw score and threshold on an axis of likelihood ratios.

    Args:
        verdict: one that has a score.
    """
    score, threshold = verdict.score or 0.0, verdict.operating_point.threshold
    reach = max(math.log(1500), abs(score) * 1.1, abs(threshold) * 1.1)
    colour = BONA_FIDE if score >= threshold else ATTACK
    figure = figure_of(WIDE, 1.35)
    axes = figure.subplots()
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-0.9, 1.7)
    axes.grid(visible=False)
    axes.barh(
        [0, 0],
        [threshold + reach, reach - threshold],
        left=[-reach, threshold],
        height=0.7,
        color=[ATTACK, BONA_FIDE],
        alpha=0.3,
        linewidth=0,
    )
    axes.plot([threshold, threshold], [-0.6, 0.6], color=INK, linewidth=1.6)
    axes.plot([score, score], [0, 1.0], color=colour, linewidth=1.2)
    axes.plot([score], [0], "o", color=colour, markersize=9, markeredgecolor="white", markeredgewidth=2)
    near = min(max(score, -0.84 * reach), 0.84 * reach)
    axes.text(near, 1.12, f"score {score:+.2f}", color=colour, weight="bold", ha="center")
    away = "left" if score < threshold else "right"
    step = 0.02 * reach if away == "left" else -0.02 * reach
    axes.text(threshold + step, 0.62, f"threshold {threshold:+.2f}", color=SOFT, ha=away, fontsize=8)
    axes.set_yticks([])
    axes.set_xticks([math.copysign(math.log(abs(ratio)), ratio) for ratio in TICKS])
    axes.set_xticklabels(["even" if ratio == 1 else f"{abs(ratio)}×" for ratio in TICKS])
    axes.text(-reach, -0.78, "← likelier an attack", color=ATTACK, fontsize=8, va="center")
    axes.text(reach, -0.78, "likelier a person →", color=BONA_FIDE, fontsize=8, ha="right", va="center")
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


@styled
def contributions(verdict: Verdict) -> Figure:
    """Draw what each source brought to the score, as bars to either side of nothing.

    Args:
        verdict: one with the scores of two bundles or more.
    """
    shares = [each.contribution for each in verdict.bundle_scores]
    names = [
        "\n".join(wrap(" + ".join(in_words(name) for name in each.modalities), NAME))
        for each in verdict.bundle_scores
    ]
    lines = max(name.count("\n") + 1 for name in names)
    figure = figure_of(WIDE, 0.45 + max(0.3, 0.16 * lines + 0.06) * len(shares))
    axes = figure.subplots()
    rows = np.arange(len(shares))[::-1]
    axes.barh(rows, shares, color=[BONA_FIDE if share >= 0 else ATTACK for share in shares], height=0.6)
    reach = max(1.0, *map(abs, shares)) * 1.5  # room for the number beyond the longest bar
    axes.set_xlim(-reach, reach)
    for row, share in zip(rows.tolist(), shares, strict=True):
        toward = 1 if share >= 0 else -1
        place = share + toward * 0.02 * reach
        axes.text(place, row, f"{share:+.2f}", ha="left" if toward > 0 else "right", va="center", color=SOFT)
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks(rows.tolist(), names)
    axes.grid(visible=False)
    return figure


@styled
def cue(found: CueEvidence) -> Figure:
    """Draw what a cue saw over the time of a clip.

    Args:
        found: with a course.
    """
    figure = figure_of(WIDE, 1.1)
    axes = figure.subplots()
    times, values = zip(*found.course, strict=True)
    colour = SOFT if found.score is None else BONA_FIDE if found.score >= 0 else ATTACK
    axes.plot(times, values, color=colour, linewidth=1.4, marker="o" if len(times) < 20 else "", markersize=3)
    axes.set_ylim(min(0.0, *values) if len(values) > 1 else None, None)
    axes.set_xlabel("seconds")
    return figure


@styled
def frames(evidence: Evidence, threshold: float) -> Figure:
    """Draw what each of several frames speaks for: over time where it is known, else in their order.

    Args:
        evidence: with frames, of which one at least has a score.
        threshold: natural-log likelihood ratio below which a frame is marked.
    """
    figure = figure_of(WIDE, 1.5)
    axes = figure.subplots()
    timed = all(frame.span_s is not None for frame in evidence.frames)
    for place, frame in enumerate(evidence.frames):
        start, end = frame.span_s if timed and frame.span_s else (place + 0.6, place + 1.4)
        if frame.score is None:
            axes.plot([(start + end) / 2], [threshold], "x", color=SOFT, markersize=6)
            continue
        axes.bar(
            start,
            frame.score - threshold,
            end - start,
            bottom=threshold,
            align="edge",
            color=BONA_FIDE if frame.score >= threshold else ATTACK,
            alpha=0.75,
            edgecolor="white",
            linewidth=0.8,
        )
    axes.axhline(threshold, color=INK, linewidth=1)
    axes.set_ylabel("score")
    axes.set_xlabel("seconds" if timed else "frame; × could not be judged")
    if not timed:
        axes.set_xticks(range(1, len(evidence.frames) + 1))
    return figure


@styled
def recording(sample: Sample, evidence: Evidence, threshold: float) -> Figure:
    """Draw a recording: its spectrogram, and below it what each moment speaks for.

    Args:
        sample: the recording, as its modality loads it.
        evidence: what was made of it; without a timeline only the spectrogram is drawn.
        threshold: natural-log likelihood ratio below which a moment is marked.
    """
    seconds = len(sample.array) / RATE
    told = bool(evidence.timeline)
    figure = figure_of(WIDE, 3.0 if told else 2.0)
    if told:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.7, 1))
    else:
        upper = lower = figure.subplots()
    upper.imshow(
        _spectrogram(sample.array),
        cmap="Greys",
        aspect="auto",
        origin="lower",
        vmin=0,
        vmax=1.2,
        extent=(0, seconds, 0, RATE / 2000),
        interpolation="nearest",
    )
    upper.set_ylabel("kHz")
    upper.grid(visible=False)
    lower.set_xlabel("seconds")
    if told:
        if not tells_bands(evidence):
            for start, end in suspicious_spans(evidence, threshold):
                upper.axvspan(start, end, color=ATTACK, alpha=0.2, linewidth=0)
        else:
            low, high = (edge / 1000 for edge in BANDS_HZ)
            tint = _tint(evidence, seconds)
            upper.imshow(
                tint, aspect="auto", origin="lower", extent=(0, seconds, low, high), interpolation="nearest"
            )
            upper.set_ylim(0, RATE / 2000)
        for start, end, score in course(evidence):
            lower.bar(
                start,
                score - threshold,
                end - start,
                bottom=threshold,
                align="edge",
                color=BONA_FIDE if score >= threshold else ATTACK,
                alpha=0.75,
                linewidth=0,
            )
        lower.axhline(threshold, color=INK, linewidth=1)
        lower.set_ylabel("score")
        lower.set_xlim(0, seconds)
    return figure


def _tint(evidence: Evidence, seconds: float) -> NDArray[np.float64]:
    """Colour each band and moment by what it speaks for, (bands, columns, 4); clear where none was judged."""
    heat = np.asarray(evidence.heat_map, np.float64)
    at = (np.arange(TINTED) + 0.5) * seconds / TINTED
    over = np.array([(start <= at) & (at < end) for start, end, _ in evidence.timeline], np.float64)
    said = heat @ (over / np.maximum(over.sum(axis=0), 1))
    strength = np.abs(said) / max(float(np.abs(said).max()), 1e-6)
    colours = np.array([[int(one[n : n + 2], 16) / 255 for n in (1, 3, 5)] for one in (ATTACK, BONA_FIDE)])
    return np.concatenate([colours[(said > 0).astype(int)], 0.8 * strength[..., None]], axis=2)


def _spectrogram(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return loudness, 0 to 1, (257, frames): 0 to 8 kHz from the first row on."""
    hop = max(len(samples) // COLUMNS, FFT // 4)
    padded = np.pad(samples, (FFT // 2, FFT))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::hop] * np.hanning(FFT).astype(np.float32)
    level = 20 * np.log10(np.abs(np.fft.rfft(frames)) + 1e-7)
    level = level - max(float(np.percentile(level, 99.8)), FAINTEST_DB)
    loudness: Any = np.clip(1 + level / RANGE_DB, 0, 1).T ** 1.5
    return np.asarray(loudness, np.float64)
