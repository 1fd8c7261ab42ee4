"""References as they are handed in → examined, each by the bundle that judges their modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from antispoof.errors import InputError, MediaError
from antispoof.runtime.presentation import Run, judge, look
from antispoof.runtime.references import Reference, References, as_list
from antispoof.runtime.selection import Candidates
from antispoof.sensing.capture import Recording, Source, Sources
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
        looked = [look({name: source}, run) for source in sources]
        for number, one in enumerate(looked, 1):
            if not one[name].usable:
                which = sources[number - 1]
                said = f" ({which})" if isinstance(which, (str, Path)) else ""
                raise InputError(
                    f"reference {number} of {len(sources)}{said} cannot be judged: "
                    f"{', '.join(one[name].rejected().advice)}"
                )
        [(examiner, _)] = candidates.for_modalities((name,))
        known[name] = examiner.references(judge(examiner, looked))
    return known


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
