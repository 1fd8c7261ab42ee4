"""Site calibration, applied: thresholds as they are at one site. What is learned there: `antispoof.sites`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from antispoof.errors import InputError
from antispoof.files import read_json, write_json
from antispoof.runtime.bundle import BundleMetadata, shipped_bundles
from antispoof.runtime.verdict import OperatingPoint

__all__ = ["SiteCalibration", "SiteCapture", "how_to_refit", "read_site", "write_site"]

FARTHEST = 20.0  # natural-log likelihood ratio: no camera shifts scores by more, and a slip of the pen does

Number = Annotated[float, Field(allow_inf_nan=False)]


class SiteCapture(BaseModel):
    """What is kept of one bona fide capture, or of several that look alike.

    Attributes:
        score: natural-log likelihood ratio.
        tone: (D,), where it lies in the directions in which attacks of a site differ from its people.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    score: Number
    tone: tuple[Number, ...]


class SiteCalibration(BaseModel):
    """What was learned at a site: a small JSON file, in which no capture can be seen.

    Attributes:
        bundle: name of the bundle it belongs to.
        bundle_version: its version; empty in files of version 0.1.
        bundle_sha256: checksum of that bundle's graph; it fits no other.
        typical_score: typical calibrated score of its bona fide captures; None in files of version 0.1, and
            where nobody knows which presentations were bona fide.
        shift: added to the threshold of every operating point, natural-log likelihood ratio, -20 to 20; where
            there are ``captures``, for a typical presentation.
        shift_interval: 90 % bootstrap interval of ``shift``; with ``captures``, what nine in ten of
            them are met with.
        bona_fide: usable bona fide captures that it rests on.
        distinct: as how many they count after near-duplicates were merged.
        attack: usable attack captures that it rests on.
        rejected: captures that could not be judged.
        suspicious: bona fide captures whose scores stand far below the others, by name.
        advice: how to make it better, in words.
        captures: what each new presentation is held against; empty where the shift is one for all.
        unlabelled: scores of unlabelled presentations that it rests on; 0 where it rests on captures.
        attack_limit: share of attacks among them that it withstands.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    format_version: Literal[1] = 1
    bundle: str
    bundle_version: str = ""
    bundle_sha256: str
    typical_score: Number | None = None
    shift: Annotated[float, Field(ge=-FARTHEST, le=FARTHEST)]
    shift_interval: tuple[Number, Number]
    bona_fide: int
    distinct: int
    attack: int
    rejected: int
    suspicious: tuple[str, ...]
    advice: tuple[str, ...]
    captures: tuple[SiteCapture, ...] = ()
    unlabelled: Annotated[int, Field(ge=0)] = 0
    attack_limit: Annotated[float, Field(ge=0, le=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_layer(cls, values: Any) -> Any:
        """Read a file of version 0.1, whose ``head`` is empty but for the withdrawn ``--self-simulation``."""
        if isinstance(values, dict) and "head" in values:
            if values["head"] is not None:
                raise ValueError(
                    "it was made with --self-simulation, which is withdrawn, as it judged worse than a moved "
                    "threshold: make it anew from the same captures with antispoof calibrate"
                )
            values = {name: value for name, value in values.items() if name != "head"}
        return values

    @property
    def owner(self) -> str:
        """The bundle it belongs to: name, version where it is known, start of the checksum."""
        return _called(self.bundle, self.bundle_version, self.bundle_sha256)

    def belongs_to(self, metadata: BundleMetadata) -> bool:
        """Tell whether it was learned from scores of this bundle; one graph may be calibrated in two ways."""
        same = self.bundle_version in ("", metadata.version)
        return same and self.bundle_sha256 == metadata.sha256

    def check(self, metadata: BundleMetadata) -> None:
        """Raise `InputError` for another bundle."""
        if not self.belongs_to(metadata):
            judge = _called(metadata.name, metadata.version, metadata.sha256)
            raise InputError(
                f"this site calibration belongs to bundle {self.owner}, not to {judge}, whose scores lie "
                f"elsewhere. {how_to_refit(metadata)}"
            )

    def moved(
        self, point: OperatingPoint, metadata: BundleMetadata, features: NDArray[np.float64] | None = None
    ) -> OperatingPoint:
        """Return ``point`` as it is at this site, for the presentation that has these features (F,)."""
        shift, rule = self.shift, metadata.reference
        if self.captures and rule is not None and features is not None:
            default = metadata.operating_points[metadata.default_operating_point].threshold
            scores, tones = zip(*((one.score, one.tone) for one in self.captures), strict=True)
            shift = rule.threshold(scores, tones, rule.tone(features), default) - default
        return replace(
            point,
            threshold=point.threshold + shift,
            rule=f"{point.rule}; moved by {shift:+.2f} for this site",
        )


def how_to_refit(metadata: BundleMetadata) -> str:
    """Say how a site calibration for a bundle is made where there is one of another bundle."""
    sensor = metadata.modalities[0].replace("_", "-")
    bundle = metadata.name if metadata.name in shipped_bundles() else "BUNDLE.onnx"
    return (
        f"Make it anew from captures of the site: antispoof calibrate --bundle {bundle} --{sensor} CAPTURES "
        "-o site.json. Where none are kept, carry it over by what both bundles scored: antispoof "
        f"compare-bundles OLD {bundle} --scores TRAFFIC --site OLD-SITE.json --carry-over site.json"
    )


def _called(name: str, version: str, sha256: str) -> str:
    return f"{' '.join(filter(None, (name, version)))!r} ({sha256[:12]}…)"


def read_site(path: str | Path) -> SiteCalibration:
    """Read a site calibration; raise `InputError` when that cannot be done."""
    return read_json(path, SiteCalibration, "site calibration")


def write_site(site: SiteCalibration, path: str | Path) -> None:
    """Write a site calibration as JSON; raise `InputError` when that cannot be done."""
    write_json(site, path)
