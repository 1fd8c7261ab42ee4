"""One self-contained HTML page that shows what verdicts rest on: crop, heat map, score against threshold.

It holds pictures of faces and of voices, so it is written only where somebody asks for it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.errors import MissingExtraError
from antispoof.evaluation.plots import inline_svg
from antispoof.evidence import figures
from antispoof.evidence.explanation import (
    OUTCOME_WORDS,
    caution_in_words,
    cue_in_words,
    evidence_in_words,
    frames_in_words,
    likelihood_in_words,
    margin_in_words,
    meant_by,
    provenance_in_words,
    references_in_words,
    sentence,
    tells_bands,
    way_in_words,
)
from antispoof.files import write_text
from antispoof.runtime.checking import Checked
from antispoof.runtime.policy import in_words
from antispoof.runtime.verdict import CueEvidence, Evidence, Verdict
from antispoof.sensing.audio import RATE
from antispoof.sensing.capture import Box, Recording, Sample
from antispoof.sensing.faces import CropRecipe, crop
from antispoof.sensing.frames import load_frames
from antispoof.sensing.modalities import modalities

__all__ = ["write_evidence_page"]

SIDE = 320  # px of each picture
BONA_FIDE, ATTACK = (37, 99, 235), (234, 88, 12)


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
        MissingExtraError: Jinja or Matplotlib is not installed.
    """
    try:
        import jinja2
        from markupsafe import Markup
    except ModuleNotFoundError:
        raise MissingExtraError("the evidence page", "report") from None
    templates = resources.files("antispoof.evidence") / "templates"
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    cards = [_card(entry, any(path in simulated for path in entry.files)) for entry in results]
    for card in cards:  # what Matplotlib has drawn is markup already
        drawn = [
            (card, "scale"),
            (card, "contributions"),
            *((picture, "svg") for picture in card["pictures"]),
        ]
        for holder, name in drawn:
            holder[name] = Markup(holder[name])
    page = environment.from_string((templates / "page.html").read_text(encoding="utf-8")).render(
        title=title,
        style=Markup((templates / "page.css").read_text(encoding="utf-8")),
        cards=cards,
        bundles=dict.fromkeys(
            bundle for entry in results if entry.verdict is not None for bundle in entry.verdict.bundles
        ),
        holds=_holds(results),
    )
    write_text(path, page + "\n")


def _holds(results: Sequence[Checked]) -> str:
    """Say what of people the page holds."""
    names = {name for entry in results if entry.verdict is not None for name in entry.sources}
    heard = {name for name in names if name in modalities and modalities[name].windowed}
    kinds = [*(["pictures of people"] if names - heard else []), *(["pictures of voices"] if heard else [])]
    return f"This page holds {' and '.join(kinds)}: handle it like the captures themselves." if kinds else ""


def _card(entry: Checked, simulated: bool) -> dict[str, Any]:
    card: dict[str, Any] = {"name": entry.name, "simulated": simulated, "pictures": []}
    card |= {"scale": "", "contributions": "", "error": "", "advice": (), "rows": []}
    verdict = entry.verdict
    if verdict is None:
        return {**card, "kind": "error", "outcome": "not read", "error": str(entry.error)}
    point = verdict.operating_point
    rows = card["rows"]
    if verdict.score is not None:
        rows.append(("Meaning", f"This is {likelihood_in_words(verdict.score, meant_by(verdict))}."))
        label = f"score {verdict.score:+.2f}, threshold {point.threshold:+.2f}"
        card["scale"] = inline_svg(figures.score_scale(verdict), label)
    rows.append(("Score", margin_in_words(verdict)))
    rows.append(("Threshold set by", f"{point.rule}, on {point.data}"))
    for part in verdict.evidence:
        rows.append((part.modality, evidence_in_words(part, len(verdict.evidence) > 1)))
        if way := way_in_words(part):
            rows.append(("Channel", way))
        if part.unjudged:
            rows.append(("Not judged", ", ".join(part.unjudged)))
        rows += [(name.capitalize(), words) for name, words in frames_in_words(part, point.threshold)]
    if caution := caution_in_words(verdict):
        rows.append(("By itself", caution))
    rows += [(each.name, cue_in_words(each)) for each in verdict.cues]
    rows += [("Provenance", words) for words in provenance_in_words(entry.files)]
    rows += [("References", references_in_words(each)) for each in verdict.references]
    if len(verdict.bundle_scores) > 1:
        card["contributions"] = inline_svg(figures.contributions(verdict), _shares_in_words(verdict))
    card["pictures"] = [
        picture
        for part in verdict.evidence
        if part.modality in entry.sources
        for picture in _pictures(entry.recording(part.modality), part, point.threshold)
    ]
    card["pictures"] += [_course(each) for each in verdict.cues if each.course]
    return {
        **card,
        "kind": verdict.outcome,
        "outcome": OUTCOME_WORDS[verdict.outcome],
        "sentence": sentence(verdict),
        "advice": verdict.advice,
    }


def _shares_in_words(verdict: Verdict) -> str:
    shares = (
        f"{' + '.join(in_words(name) for name in each.modalities)} {each.contribution:+.2f}"
        for each in verdict.bundle_scores
    )
    return "; ".join(shares)


def _course(cue: CueEvidence) -> dict[str, Any]:
    numbers = ", ".join(f"{name} {value:.3g}" for name, value in cue.measurements.items())
    drawn = inline_svg(figures.cue(cue), f"{cue_in_words(cue)}. {numbers}")
    return {"svg": drawn, "caption": f"{cue.title}: {cue.drawn}", "key": "", "wide": True}


def _pictures(
    source: Recording | list[Recording], evidence: Evidence, threshold: float
) -> list[dict[str, Any]]:
    if evidence.status == "missing":
        return []
    sample = load_frames(evidence.modality, source).samples[evidence.shown]
    drawn = _picture_of(sample, evidence, threshold)
    if evidence.frames and any(frame.score is not None for frame in evidence.frames):
        label = "; ".join(words for _, words in frames_in_words(evidence, threshold))
        chart = inline_svg(figures.frames(evidence, threshold), label)
        caption = "the frames: what each of them speaks for, by itself"
        drawn.append({"svg": chart, "caption": caption, "key": "below the threshold", "wide": True})
    return drawn


def _picture_of(sample: Sample, evidence: Evidence, threshold: float) -> list[dict[str, Any]]:
    if modalities[evidence.modality].windowed:
        label = f"spectrogram of {len(sample.array) / RATE:.1f} seconds"
        drawn = inline_svg(figures.recording(sample, evidence, threshold), label)
        caption, key = "the recording: which frequencies are heard when", ""
        if evidence.timeline:
            tinted = ", tinted by what each of them speaks for" if tells_bands(evidence) else ""
            caption, key = f"{caption}{tinted}; below it, what each moment speaks for:", "below the threshold"
        return [{"svg": drawn, "caption": caption, "key": key, "wide": True}]
    region, frame = (box and box.scaled(1 / sample.reduced) for box in (evidence.region, evidence.frame))
    picture = _as_picture(sample.array, region)
    if region is None:
        scale = SIDE / max(picture.shape[:2])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return [_photograph(small, "the picture")]
    cut = crop(picture, frame or region, CropRecipe(1.0, SIDE))
    words = f"{in_words(evidence.modality)}: what was looked at" if evidence.frame else "the face"
    if evidence.frames:
        words += f", frame {evidence.shown + 1} of {len(evidence.frames)}"
    found = [_photograph(cut, words)]
    if evidence.heat_map is not None:
        found.append(_photograph(_overlay(cut, evidence.heat_map), "speaks for", "attack"))
    return found


def _photograph(picture: Any, caption: str, key: str = "") -> dict[str, Any]:
    height, width = picture.shape[:2]
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])
    data = base64.b64encode(encoded.tobytes()).decode()
    size = {"width": width, "height": height}
    return {"jpeg": data, "svg": "", "caption": caption, "key": key, "wide": False, **size}


def _as_picture(array: NDArray[Any], region: Box | None) -> NDArray[np.uint8]:
    """Return a picture of 8 bits as it is, and a map in colours over the range of the subject."""
    if array.ndim == 3:
        return np.asarray(array, np.uint8)
    if array.dtype == np.uint8:
        return np.repeat(array[..., np.newaxis], 3, axis=2)
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


def _overlay(picture: NDArray[np.uint8], heat_map: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Tint what speaks for bona fide and for an attack, the strongest place the most."""
    strongest = max(float(np.abs(heat_map).max()), 1e-6)
    heat: Any = cv2.resize(heat_map / strongest, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    heat = np.clip(heat, -1, 1)[:, :, None]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[:, :, None].astype(np.float32)
    tint = np.where(heat > 0, np.array(BONA_FIDE), np.array(ATTACK))
    alpha = 0.65 * np.abs(heat)
    return np.asarray(np.clip((1 - alpha) * grey + alpha * tint, 0, 255), np.uint8)
