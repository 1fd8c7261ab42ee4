"""Site calibration, applied: thresholds as they are at one site. What is learned there: `antispoof.sites`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from antispoof.errors import InputError
from antispoof.files import read_json, write_json
from antispoof.runtime.bundle import BundleMetadata, Head
from antispoof.runtime.verdict import OperatingPoint

__all__ = ["SiteCalibration", "read_site", "write_site"]

Number = Annotated[float, Field(allow_inf_nan=False)]


class SiteCalibration(BaseModel):
    """What was learned at a site: a small JSON file, in which no capture can be seen.

    Attributes:
        bundle: name of the bundle it belongs to.
        bundle_sha256: checksum of that bundle's graph; it fits no other.
        shift: added to the threshold of every operating point, natural-log likelihood ratio.
        shift_interval: 90 % bootstrap interval of ``shift``.
        bona_fide: usable bona fide captures that it rests on.
        distinct: as how many they count after near-duplicates were merged.
        attack: usable attack captures that it rests on.
        rejected: captures that could not be judged.
        suspicious: bona fide captures whose scores stand far below the others, by name.
        advice: how to make it better, in words.
        head: a linear layer that replaces the bundle's, where self-simulation refitted it; ``shift`` is then
            0, and ``shift_interval`` tells how far typical scores vary between refits on resampled captures.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: Literal[1] = 1
    bundle: str
    bundle_sha256: str
    shift: Number
    shift_interval: tuple[Number, Number]
    bona_fide: int
    distinct: int
    attack: int
    rejected: int
    suspicious: tuple[str, ...]
    advice: tuple[str, ...]
    head: Head | None = None

    def check(self, metadata: BundleMetadata) -> None:
        """Raise `InputError` for another bundle."""
        if metadata.sha256 != self.bundle_sha256:
            raise InputError(
                f"this site calibration belongs to bundle {self.bundle!r} ({self.bundle_sha256[:12]}…), "
                f"not to {metadata.name!r} ({metadata.sha256[:12]}…): run antispoof calibrate again"
            )

    def moved(self, point: OperatingPoint) -> OperatingPoint:
        """Return ``point`` as it is at this site."""
        return replace(
            point,
            threshold=point.threshold + self.shift,
            rule=f"{point.rule}; moved by {self.shift:+.2f} for this site",
        )


def read_site(path: str | Path) -> SiteCalibration:
    """Read a site calibration; raise `InputError` when that cannot be done."""
    return read_json(path, SiteCalibration, "site calibration")


def write_site(site: SiteCalibration, path: str | Path) -> None:
    """Write a site calibration as JSON; raise `InputError` when that cannot be done."""
    write_json(site, path)
