"""A bundle for other runtimes: converted, held against the bundle on many presentations, written.

What moves scores by more than its format allows is not written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import BundleError, InputError, UnknownNameError
from antispoof.runtime.bundle import Bundle, BundleMetadata, MeasuredResult, read_bundle
from antispoof.scores.calibration import calibrate
from antispoof.training.edge_formats import FORMATS, Converted, EdgeFormat, raw_scores
from antispoof.training.edge_samples import Samples, every, listed, prepared, rendered

__all__ = ["CALIBRATION", "COMPARED", "Parity", "edge_format", "export_edge", "parity", "within"]

CALIBRATION = 84  # presentations that ranges of integers, and the scale of scores, are learned from
COMPARED = 500  # further ones, on which the result is held against the bundle


@dataclass(frozen=True, slots=True)
class Parity:
    """Calibrated scores of an export beside those of the bundle, on the same arrays.

    Attributes:
        samples: how many.
        largest: absolute difference.
        rms: root mean square of the differences.
        of_spread: that, over the standard deviation of the bundle's scores.
        moved: share whose decision at the default operating point is another, 0 to 1.
    """

    samples: int
    largest: float
    rms: float
    of_spread: float
    moved: float

    def result(self, target: str, data: str, simulated: bool = True) -> MeasuredResult:
        """Return what the file tells of it."""
        figures = {
            "samples": float(self.samples),
            "largest_difference": self.largest,
            "rms_difference": self.rms,
            "rms_difference_of_spread": self.of_spread,
            "decisions_moved": self.moved,
        }
        return MeasuredResult(
            data=f"{target} beside the bundle, {data}", simulated=simulated, metrics=figures
        )


def parity(bundle: Bundle, made: Converted, samples: Samples) -> Parity:
    """Measure what an export says beside the bundle that it was made from, each on its own runtime."""
    before = _calibrated(bundle.metadata, raw_scores(bundle.model, samples))
    after = _calibrated(made.metadata, made.scores(samples))
    off = after - before
    rms = float(np.sqrt(np.mean(off**2)))
    about = bundle.metadata
    threshold = about.operating_points[about.default_operating_point].threshold
    moved = float(np.mean((after >= threshold) != (before >= threshold)))
    spread = max(float(np.std(before)), 1e-9)
    return Parity(len(off), float(np.abs(off).max()), rms, rms / spread, moved)


def edge_format(target: str, output: Path) -> EdgeFormat:
    """Return a format by name.

    Raises:
        UnknownNameError: there is none.
        InputError: ``output`` ends otherwise than its files do.
    """
    if target not in FORMATS:
        raise UnknownNameError("export format", target, list(FORMATS))
    wanted = FORMATS[target]
    if output.suffix != wanted.suffix:
        raise InputError(f"output must end in {wanted.suffix} for {target}, got {str(output)!r}")
    return wanted


def export_edge(
    source: str | Path,
    target: str,
    output: Path,
    *,
    samples: Path | None = None,
    captures: Path | None = None,
    progress: Callable[[], None] = lambda: None,
) -> tuple[Parity, ...]:
    """Convert a bundle, compare it, and write it with what was measured.

    Args:
        source: bundle by name or path.
        target: a key of `antispoof.training.edge_formats.FORMATS`.
        output: file to write.
        samples: manifest of simulated presentations; None renders scenes.
        captures: manifest of others, real ones too: all of them are compared, and nothing is fitted on them.
        progress: called once for each of ``CALIBRATION + COMPARED`` presentations.

    Returns:
        What was measured on simulated presentations and, where there are ``captures``, on those.

    Raises:
        BundleError: the result moves scores by more than its format allows.
        InputError: the bundle has no such form, samples are too few, or ``output`` cannot be written.
        UnknownNameError: there is no such bundle or format.
    """
    wanted = edge_format(target, output)
    bundle = read_bundle(source)
    about, count = bundle.metadata, CALIBRATION + COMPARED
    shown = rendered(about, count) if samples is None else listed(about, samples, count)
    known, unseen = _divided(prepared(about, shown, progress, count))
    if (left := len(next(iter(unseen.values())))) < COMPARED:
        raise InputError(
            f"{left} presentations are left to compare on, and {COMPARED} are wanted beside those that are "
            f"calibrated on: list {count} that can be judged"
        )
    made = wanted.convert(bundle, known)
    kinds = [("rendered scenes" if samples is None else "simulated samples of a manifest", True, unseen)]
    if captures is not None:
        kinds.append(("captures of a manifest", False, prepared(about, every(about, captures))))
    found = tuple(parity(bundle, made, each) for _, _, each in kinds)
    for each in found:
        within(wanted, target, about.name, each)
    results = [each.result(target, data, told) for each, (data, told, _) in zip(found, kinds, strict=True)]
    try:
        made.write(output, made.metadata.model_copy(update={"results": [*about.results, *results]}))
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"cannot write {str(output)!r}: {getattr(error, 'strerror', None) or error}"
        ) from None
    return found


def within(wanted: EdgeFormat, target: str, name: str, found: Parity) -> None:
    """Raise `BundleError` where an export moves the scores of bundle ``name`` more than its format allows."""
    for value, bound, what in (
        (found.largest, wanted.largest, "by up to {:.3g}"),
        (found.of_spread, wanted.largest_of_spread, "by {:.3g} of their spread"),
    ):
        if bound is not None and not value <= bound:
            raise BundleError(
                f"{target} moves the calibrated scores of {name!r} {what.format(value)} on {found.samples} "
                f"presentations, more than {bound:g}: nothing is written"
            )


def _divided(samples: Samples) -> tuple[Samples, Samples]:
    """Divide one to six, each of both classes and, as 7 and 15 share no factor, every subset of sensors."""
    known = np.arange(len(next(iter(samples.values())))) // 2 % 7 == 0
    return {n: x[known] for n, x in samples.items()}, {n: x[~known] for n, x in samples.items()}


def _calibrated(metadata: BundleMetadata, raw: NDArray[np.float64]) -> NDArray[np.float64]:
    return calibrate(raw, metadata.calibration)
