"""One self-contained HTML page that shows what verdicts rest on: crop, heat map, score against threshold.

It holds pictures of faces and of voices, so it is written only where somebody asks for it.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.evidence.explanation import (
    OUTCOME_WORDS,
    evidence_in_words,
    likelihood_in_words,
    margin_in_words,
    sentence,
    when_in_words,
)
from antispoof.evidence.sound_picture import sound_figure
from antispoof.files import write_text
from antispoof.runtime.checking import Checked
from antispoof.runtime.policy import in_words
from antispoof.runtime.verdict import Evidence, Verdict
from antispoof.sensing.capture import Box, Recording
from antispoof.sensing.faces import CropRecipe, crop
from antispoof.sensing.modalities import modalities

__all__ = ["write_evidence_page"]

SIDE = 320  # px of each picture
BONA_FIDE, ATTACK = (37, 99, 235), (234, 88, 12)  # blue and orange, which colour-blind readers tell apart too
TICKS = (-1000, -100, -10, 1, 10, 100, 1000)  # times likelier; negative: an attack
WIDTH, HEIGHT, EDGE = 420, 112, 10


def write_evidence_page(
    path: str | Path, results: Sequence[Checked], *, title: str = "Evidence", simulated: Sequence[Path] = ()
) -> None:
    """Write the page.

    Args:
        path: the HTML file.
        results: what `check_files` gave; their sources are read again for the pictures.
        title: heading of the page.
        simulated: sources that are simulated; they are marked so.

    Raises:
        InputError: the file cannot be written.
    """
    style = resources.files("antispoof.runtime").joinpath("evidence_page.css").read_text(encoding="utf-8")
    cards = "".join(
        _card(entry, any(path in simulated for path in entry.sources.values())) for entry in results
    )
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>"
        '<p class="soft">Each file, what was looked at in it, and where its score lies.</p>'
        f"{cards}<footer>{_models(results)} This page holds pictures of people: handle it like the captures "
        "themselves.</footer></main></body></html>\n"
    )
    write_text(path, page)


def _card(entry: Checked, simulated: bool) -> str:
    tag = '<span class="tag">simulated</span>' if simulated else ""
    name = f"<h2>{escape(entry.name)}{tag}</h2>"
    verdict = entry.verdict
    if verdict is None:
        return (
            f'<article class="error"><header>{name}<span class="outcome">not read</span></header>'
            f"<p>{escape(str(entry.error))}</p></article>"
        )
    rows = []
    if verdict.score is not None:
        rows.append(("Meaning", escape(f"This is {likelihood_in_words(verdict.score)}.")))
    rows.append(("Score", escape(margin_in_words(verdict))))
    point = verdict.operating_point
    rows.append(("Threshold set by", escape(f"{point.rule}, on {point.data}")))
    for part in verdict.evidence:
        rows.append((escape(part.modality), escape(evidence_in_words(part, len(verdict.evidence) > 1))))
        if part.timeline:
            rows.append(("When", escape(when_in_words(part, point.threshold))))
    if verdict.advice:
        lines = "".join(f"<li>{escape(line)}</li>" for line in verdict.advice)
        rows.append(("What to do", f"<ul>{lines}</ul>"))
    table = "".join(f"<dt>{key}</dt><dd>{value}</dd>" for key, value in rows)
    pictures = "".join(
        _pictures(entry.recording(part.modality), part, point.threshold)
        for part in verdict.evidence
        if part.modality in entry.sources
    )
    return (
        f'<article class="{verdict.outcome}"><header>{name}'
        f'<span class="outcome">{OUTCOME_WORDS[verdict.outcome]}</span></header>'
        f'<p class="sentence">{escape(sentence(verdict))}</p>'
        f'<div class="pictures">{pictures}</div>{_scale(verdict)}{_contributions(verdict)}'
        f"<dl>{table}</dl></article>"
    )


def _pictures(source: Recording, evidence: Evidence, threshold: float) -> str:
    if evidence.status == "missing":
        return ""
    sample = modalities[evidence.modality].load(source)
    if modalities[evidence.modality].windowed:
        return sound_figure(sample, evidence, threshold)
    picture = _as_picture(sample.array, evidence.region)
    if evidence.region is None:
        scale = SIDE / max(picture.shape[:2])
        return _figure(
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), "the picture"
        )
    cut = crop(picture, evidence.frame or evidence.region, CropRecipe(1.0, SIDE))
    figures = _figure(
        cut, f"{in_words(evidence.modality)}: what was looked at" if evidence.frame else "the face"
    )
    if evidence.heat_map is not None:
        legend = f"{_swatch(BONA_FIDE, 'bona fide')} {_swatch(ATTACK, 'attack')}"
        figures += _figure(_overlay(cut, evidence.heat_map), f"speaks for {legend}")
    return figures


def _as_picture(array: NDArray[Any], region: Box | None) -> NDArray[np.uint8]:
    """Return a colour picture as it is, and a map in colours over the range of the subject."""
    if array.ndim == 3:
        return np.asarray(array, np.uint8)
    there = np.isfinite(array) & (array != 0)
    inside = np.zeros_like(there)
    if region is not None:
        top, left = max(int(region.y), 0), max(int(region.x), 0)
        inside[top : int(region.y + region.height), left : int(region.x + region.width)] = True
    known = array[there & inside] if (there & inside).any() else array[there]
    low, high = np.percentile(known, (2, 98)) if known.size else (0.0, 1.0)
    share = np.clip(np.nan_to_num((array.astype(np.float64) - low) / max(high - low, 1e-9)), 0, 1)
    coloured = cv2.applyColorMap(np.asarray(255 * share, np.uint8), cv2.COLORMAP_VIRIDIS)
    coloured[~there] = 40  # dark grey: nothing was measured
    return np.asarray(cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB), np.uint8)


def _figure(picture: Any, caption: str) -> str:
    height, width = picture.shape[:2]
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])
    data = base64.b64encode(encoded.tobytes()).decode()
    return (
        f'<figure><img src="data:image/jpeg;base64,{data}" alt="" width="{width}" height="{height}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _swatch(colour: tuple[int, int, int], words: str) -> str:
    square = f'<span class="swatch" style="background: rgb{colour}"></span>'
    return f'<span class="key">{square}{words}</span>'


def _overlay(picture: NDArray[np.uint8], heat_map: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Tint what speaks for bona fide and for an attack, the strongest place the most."""
    strongest = max(float(np.abs(heat_map).max()), 1e-6)
    heat: Any = cv2.resize(heat_map / strongest, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    heat = np.clip(heat, -1, 1)[:, :, None]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[:, :, None].astype(np.float32)
    tint = np.where(heat > 0, np.array(BONA_FIDE), np.array(ATTACK))
    alpha = 0.65 * np.abs(heat)
    return np.asarray(np.clip((1 - alpha) * grey + alpha * tint, 0, 255), np.uint8)


def _scale(verdict: Verdict) -> str:
    """Draw score and threshold on an axis of likelihood ratios."""
    if verdict.score is None:
        return ""
    threshold = verdict.operating_point.threshold
    reach = max(math.log(1500), abs(verdict.score) * 1.1, abs(threshold) * 1.1)

    def at(score: float) -> float:
        return EDGE + (score + reach) / (2 * reach) * (WIDTH - 2 * EDGE)

    def text(
        x: float, y: float, words: str, fill: str = "soft", anchor: str = "middle", style: str = ""
    ) -> str:
        return (
            f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-size="12" fill="var(--{fill})"{style}>'
            f"{words}</text>"
        )

    def bar(left: float, right: float, fill: str) -> str:
        return (
            f'<rect x="{left:.1f}" y="50" width="{right - left:.1f}" height="14" fill="var(--{fill})" '
            'opacity=".3"/>'
        )

    score, limit = at(verdict.score), at(threshold)
    room = 114  # what the threshold's label takes; it keeps off the score, and inside the drawing
    label = (min(limit + 6, WIDTH - room), "start") if score < limit else (max(limit - 6, room), "end")
    parts = [
        bar(EDGE, limit, "attack"),
        bar(limit, WIDTH - EDGE, "bona"),
        f'<path d="M{limit:.1f} 43V71" stroke="var(--ink)" stroke-width="2"/>',
        f'<path d="M{score:.1f} 24V46" stroke="var(--tone)" stroke-width="1.5"/>',
        f'<circle cx="{score:.1f}" cy="57" r="8" fill="var(--tone)" stroke="var(--card)" stroke-width="3"/>',
        text(
            min(max(score, 45), WIDTH - 45),
            18,
            f"score {verdict.score:+.2f}",
            "tone",
            style=' font-weight="700"',
        ),
        text(label[0], 39, f"threshold {threshold:+.2f}", "soft", label[1]),
        text(EDGE, 104, "← likelier an attack", "attack", "start"),
        text(WIDTH - EDGE, 104, "likelier a person →", "bona", "end"),
    ]
    for ratio in TICKS:
        words = "even" if ratio == 1 else f"{abs(ratio)}×"
        parts.append(text(at(math.copysign(math.log(abs(ratio)), ratio)), 84, words))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="score {verdict.score:+.2f}, threshold {threshold:+.2f}">{"".join(parts)}</svg>'
    )


def _contributions(verdict: Verdict) -> str:
    """Draw what each source brought to the score, as bars to either side of nothing."""
    if len(verdict.opinions) < 2:
        return ""
    reach = max(1.0, *(abs(each.contribution) for each in verdict.opinions))
    middle, row, high = WIDTH / 2, 26, 14
    parts, said = [], []
    for index, each in enumerate(verdict.opinions):
        top = 4 + index * row
        toward = 1 if each.contribution >= 0 else -1
        end = middle + toward * max((middle - 50) * abs(each.contribution) / reach, 1.0)
        anchor, other = ("start", "end") if toward > 0 else ("end", "start")
        fill = "bona" if toward > 0 else "attack"
        name = escape(" + ".join(in_words(modality) for modality in each.modalities))
        words = f"{each.contribution:+.2f}"
        parts.append(
            f'<rect x="{min(middle, end):.1f}" y="{top}" width="{abs(end - middle):.1f}" height="{high}" '
            f'fill="var(--{fill})"/>'
            f'<text x="{end + toward * 6:.1f}" y="{top + 11}" text-anchor="{anchor}" font-size="12" '
            f'fill="var(--soft)">{words}</text>'
            f'<text x="{middle - toward * 8:.1f}" y="{top + 11}" text-anchor="{other}" font-size="12" '
            f'fill="var(--ink)">{name}</text>'
        )
        said.append(f"{name} {words}")
    height, label = len(verdict.opinions) * row, "; ".join(said)
    axis = f'<path d="M{middle} 0V{height}" stroke="var(--ink)" stroke-width="1"/>'
    return (
        '<figure class="shares"><figcaption>What each sensor brought to the score</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">'
        f"{''.join(parts)}{axis}</svg></figure>"
    )


def _models(results: Sequence[Checked]) -> str:
    bundles = dict.fromkeys(
        bundle for entry in results if entry.verdict is not None for bundle in entry.verdict.bundles
    )
    return "".join(
        f"Model {escape(bundle.name)} {escape(bundle.version)}, SHA-256 {bundle.sha256[:16]}…. "
        for bundle in bundles
    )
