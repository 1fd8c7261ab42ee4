"""What an export is calibrated on and compared with: simulated presentations, prepared as they are served."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antispoof.data.manifest import read_manifest
from antispoof.data.presentation import Presentation
from antispoof.errors import AntispoofError, InputError
from antispoof.runtime.bundle import BundleMetadata
from antispoof.sensing.capture import Sample, Source
from antispoof.sensing.modalities import modalities
from antispoof.simulation.scene.collection import plan_scenes
from antispoof.simulation.scene.render import MODALITIES as RENDERED
from antispoof.simulation.scene.render import render_scene

__all__ = ["Samples", "every", "listed", "prepared", "rendered"]

Samples = Mapping[str, NDArray[np.float32]]
"""Input of a network → float32, (N, …); with several modalities also ``presence``, (N, M)."""

SIDE = 256  # px, of a rendered picture: a face in it fills the closest view of the shipped bundles
SEED = 4127  # of scenes that nothing is trained on


def rendered(metadata: BundleMetadata, count: int) -> Iterator[Mapping[str, Source]]:
    """Render people and attack instruments, half of each: twice ``count`` at most, as not all can be judged.

    Raises:
        InputError: the bundle judges what scenes do not show.
    """
    unseen = [name for name in metadata.modalities if name not in RENDERED]
    if unseen:
        raise InputError(
            f"bundle {metadata.name!r} judges {', '.join(unseen)}, which cannot be rendered: name a manifest "
            "with --samples; `antispoof simulate` makes one"
        )
    for spec in plan_scenes(SEED, count, 1, 1):
        scene = render_scene(spec, SIDE)
        yield {name: Sample(scene[name]) for name in metadata.modalities}


def listed(metadata: BundleMetadata, manifest: Path, count: int) -> Iterator[Mapping[str, Source]]:
    """Yield what a manifest lists as simulated, evenly from all of it, and once more between those.

    Others are left out, such as the speech that spoofs were made of: what ships learns from nobody who was
    not asked.

    Raises:
        InputError: none is marked as simulated.
    """
    listed_ = read_manifest(manifest)
    rows = [row for row in listed_ if row.simulated]
    if not rows:
        raise InputError(
            f"{str(manifest)!r}: none of {len(listed_)} presentations is simulated; an export is "
            "calibrated on simulated ones alone"
        )
    step = max(1, len(rows) // count)
    for start in sorted({0, step // 2}):
        yield from _captures(metadata, rows[start::step])


def every(metadata: BundleMetadata, manifest: Path) -> Iterator[Mapping[str, Source]]:
    """Yield all that a manifest lists, simulated or not: to compare on, and to fit nothing."""
    yield from _captures(metadata, read_manifest(manifest))


def _captures(metadata: BundleMetadata, rows: Iterable[Presentation]) -> Iterator[Mapping[str, Source]]:
    for row in rows:
        yield {name: row.captures[name].recording for name in metadata.modalities if name in row.captures}


def prepared(
    metadata: BundleMetadata,
    presentations: Iterable[Mapping[str, Source]],
    progress: Callable[[], None] = lambda: None,
    enough: int | None = None,
) -> Samples:
    """Prepare what can be judged; of several sensors some are left out, another subset each time.

    Args:
        metadata: of the bundle: which views it takes.
        presentations: modality → what was seen, each.
        progress: called once a presentation that can be judged.
        enough: after how many of those to stop; None takes all.

    Raises:
        InputError: fewer than eight can be judged.
    """
    found: dict[str, list[NDArray[np.float32]]] = {view.name: [] for view in metadata.inputs}
    judged = 0
    for captures in presentations:
        if judged == enough:
            break
        views = _views(metadata, captures)
        if views is None:
            continue
        judged += 1
        progress()
        rows = max(len(view) for view in views.values())
        for name, view in views.items():
            found[name].append(view if len(view) == rows else np.repeat(view, rows, axis=0))
    arrays = {name: np.concatenate(views) for name, views in found.items() if views}
    count = len(next(iter(arrays.values()), ()))
    if count < 8:
        raise InputError(f"{count} of the samples can be judged: an export needs 8 at least")
    if len(metadata.modalities) == 1:
        return arrays
    presence = _subsets(count, len(metadata.modalities))
    for each in metadata.inputs:
        arrays[each.name][presence[:, metadata.modalities.index(each.modality)] == 0] = 0
    return {**arrays, "presence": presence}


def _views(metadata: BundleMetadata, captures: Mapping[str, Source]) -> dict[str, NDArray[np.float32]] | None:
    views = {}
    for view in metadata.inputs:
        modality = modalities[view.modality]
        if view.modality not in captures:
            return None
        try:
            sample = modality.load(captures[view.modality])
        except AntispoofError:
            return None
        quality = modality.quality(sample)
        if quality.reasons:
            return None
        array = modality.prepare(sample, quality, **view.prepare)
        views[view.name] = array if modality.windowed else array[np.newaxis]
    return views


def _subsets(count: int, sensors: int) -> NDArray[np.float32]:
    """Every other row has all sensors, the others each subset in turn: (N, M)."""
    subsets: Sequence[int] = range(1, 2**sensors)
    chosen = [2**sensors - 1 if row % 2 == 0 else subsets[row // 2 % len(subsets)] for row in range(count)]
    return np.array([[chosen_ >> bit & 1 for bit in range(sensors)] for chosen_ in chosen], np.float32)
