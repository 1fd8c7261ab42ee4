"""References as they are handed in → examined, each by the bundle that judges their modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from antispoof.errors import InputError, MediaError
from antispoof.runtime.presentation import Looked, Run, judge, look
from antispoof.runtime.references import Reference, References, as_list, digest_of
from antispoof.runtime.selection import Candidates
from antispoof.sensing.capture import Recording, Source, Sources
from antispoof.sensing.copies import FaceLook
from antispoof.sensing.modalities import modalities, modality_of

__all__ = ["examine_references", "obvious_modality"]


def examine_references(reference: Reference, candidates: Candidates, run: Run) -> dict[str, References]:
    """Look at references and score them.

    Args:
        reference: captures, by modality where their content leaves a doubt.
        candidates: who may judge.
        run: how several things are done beside each other.

    Raises:
        MediaError: one is no usable media.
        InputError: one cannot be judged, or there is none.
        BundleError: the bundle that judges this modality has no rule for references.
    """
    named = reference if isinstance(reference, Mapping) else _by_modality(as_list(reference))
    known = {}
    for name, given in named.items():
        candidates.check(name)
        sources = as_list(given)
        if not sources:
            raise InputError(f"reference: no capture is given of {name}")
        looked, digests = _looked(name, sources, run)
        [(examiner, _)] = candidates.for_modalities((name,))
        scored = judge(examiner, looked)
        for number, each in enumerate(scored, 1):
            advice = each.evidence[name].advice
            if examiner.too_short((), each.evidence):
                advice += (modalities[name].reasons["too_short"],)
            if advice:
                raise InputError(f"reference {number} of {len(scored)} cannot be used: {', '.join(advice)}")
        looks = tuple(tuple(FaceLook.of(*picture) for picture in one[name].faces) for one in looked)
        known[name] = replace(examiner.references(scored, digests), looks=looks)
    return known


def _looked(name: str, sources: Sequence[Source], run: Run) -> tuple[list[dict[str, Looked]], set[str]]:
    """Look at each reference, and tell the digests of what was decoded; a copy of another is left away."""
    looked: list[dict[str, Looked]] = []
    digests: set[str] = set()
    for number, source in enumerate(sources, 1):
        one = look({name: source}, run)
        if not one[name].usable:
            said = f" ({source})" if isinstance(source, (str, Path)) else ""
            raise InputError(
                f"reference {number} of {len(sources)}{said} cannot be judged: "
                f"{', '.join(one[name].rejected().advice)}"
            )
        own = {digest_of(sample) for sample, _ in one[name].examined}
        if not own <= digests:
            looked.append(one)
        digests |= own
    return looked, digests


def obvious_modality(sample: Sources) -> str:
    """Tell which modality a sample is of, or all frames are, where that is plain."""
    if isinstance(sample, (list, tuple)) and sample:
        found = {obvious_modality(one) for one in sample}
        if len(found) > 1:
            raise InputError(f"these are samples of {' and '.join(sorted(found))}: name each")
        return found.pop()
    if isinstance(sample, Recording):
        sample = sample.source
    if isinstance(sample, (str, Path, bytes)):
        try:
            return modality_of(sample)
        except MediaError as error:
            if error.code == "film":
                raise
    elif isinstance(sample, np.ndarray) and sample.dtype == np.uint8 and sample.shape[2:] == (3,):
        return "face_rgb"
    names = " or ".join(f"check({name}=…)" for name in modalities)
    raise InputError(f"it is not plain what this is a sample of: write {names}")


def _by_modality(sources: Sequence[Source]) -> dict[str, list[Source]]:
    found: dict[str, list[Source]] = {}
    for source in sources:
        found.setdefault(obvious_modality(source), []).append(source)
    return found
