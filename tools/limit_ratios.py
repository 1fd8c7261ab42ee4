"""Limit the ratios of a finished bundle to what attacks of unseen kinds support, in its metadata alone.

    python tools/limit_ratios.py src/antispoof/bundles/voice-edge.onnx --unseen-d-eer 0.182 --version 2.2

For bundles whose run is not at hand; a recipe does the same where its experiment file says ``unseen_d_eer``.
Weights stay as they are, and so does what each operating point does: thresholds are bent with the ratios. The
typical score that site calibration starts from is bent, too, where a run would measure it anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx

from antispoof.runtime.bundle import BundleMetadata, OperatingPointEntry, read_bundle, seal
from antispoof.scores.calibration import Calibration, unseen_ratio, without_unseen


def limited(metadata: BundleMetadata, unseen_d_eer: float, version: str) -> BundleMetadata:
    """Bend calibrations, thresholds and the typical score.

    Raises:
        SystemExit: ratios are limited like that already, or rules of earlier captures or of traffic stand
            beside them, which a run has to learn anew.
    """
    if metadata.calibration.unseen is not None:
        raise SystemExit(f"{metadata.name} is limited already; begin with the bundle as it was")
    if metadata.reference is not None or metadata.traffic is not None:
        raise SystemExit(
            f"{metadata.name} has rules that were learned on its ratios: train and export it anew"
        )
    highest = unseen_ratio(unseen_d_eer)

    def bent(ratio: float) -> float:
        return float(without_unseen(np.array(ratio), highest))

    def calibrations(of: Mapping[str, Calibration]) -> dict[str, Calibration]:
        return {key: each.model_copy(update={"unseen": highest}) for key, each in of.items()}

    def points(of: Mapping[str, OperatingPointEntry]) -> dict[str, OperatingPointEntry]:
        return {key: each.model_copy(update={"threshold": bent(each.threshold)}) for key, each in of.items()}

    site = metadata.site
    return metadata.model_copy(
        update={
            "version": version,
            "calibration": metadata.calibration.model_copy(update={"unseen": highest}),
            "subset_calibrations": calibrations(metadata.subset_calibrations),
            "modality_calibrations": calibrations(metadata.modality_calibrations),
            "operating_points": points(metadata.operating_points),
            "subset_operating_points": {k: points(v) for k, v in metadata.subset_operating_points.items()},
            "site": site and site.model_copy(update={"bona_fide_score": bent(site.bona_fide_score)}),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--unseen-d-eer", type=float, required=True, help="mean D-EER over kinds left out")
    parser.add_argument("--version", required=True, help="of the bundle, from now on")
    arguments = parser.parse_args()
    bundle = read_bundle(arguments.bundle)
    metadata = limited(bundle.metadata, arguments.unseen_d_eer, arguments.version)
    bare = onnx.load_from_string(bundle.model)
    del bare.metadata_props[:]
    sealed = seal(bare.SerializeToString(), metadata)
    arguments.bundle.write_bytes(sealed)
    again = read_bundle(arguments.bundle).metadata
    assert again.sha256 == bundle.metadata.sha256, "the graph was changed"
    for name, point in again.operating_points.items():
        before = bundle.metadata.operating_points[name].threshold
        print(f"{name}: threshold {before:+.3f} -> {point.threshold:+.3f}")


if __name__ == "__main__":
    main()
