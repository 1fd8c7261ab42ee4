"""What the bundle of this recipe tells of itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import metadata as distribution

import numpy as np

from antispoof.networks.face_views import FaceViewsNetwork
from antispoof.runtime.bundle import (
    BundleMetadata,
    Head,
    Input,
    MeasuredResult,
    OperatingPointEntry,
    Training,
    TrainingData,
)
from antispoof.scores.calibration import Calibration
from antispoof.training.recipes.face_views.experiment import FaceViewsExperiment
from antispoof.training.recipes.face_views.shards import Shard
from antispoof.training.recipes.face_views.sites import SiteRules

__all__ = ["describe_bundle"]


def describe_bundle(
    experiment: FaceViewsExperiment,
    network: FaceViewsNetwork,
    shard: Shard,
    points: dict[str, OperatingPointEntry],
    results: Sequence[MeasuredResult],
    rules: SiteRules,
) -> BundleMetadata:
    """Put together what is known of a finished run.

    Args:
        experiment: what was run.
        network: trained.
        shard: what it learned from.
        points: operating points, of calibrated scores.
        results: what was measured.
        rules: what was fitted on simulated sites.
    """
    return BundleMetadata(
        name=experiment.name,
        version=experiment.version,
        description=experiment.description,
        licence="Apache-2.0",
        inputs=[
            Input(name=name, modality="face_rgb", prepare=experiment.views[name].model_dump())
            for name in experiment.view_names
        ],
        calibration=Calibration(slope=1.0, intercept=0.0),
        operating_points=points,
        default_operating_point=experiment.operating_point,
        training=Training(
            data=[
                TrainingData(
                    name=experiment.portraits_name,
                    licence=experiment.portraits_licence,
                    presentations=len(np.unique(shard.subject)),
                    simulated=False,
                    disclosed=True,
                ),
                TrainingData(
                    name="bona fide captures and attacks simulated from them: "
                    + ", ".join(experiment.simulation.attacks),
                    licence=experiment.portraits_licence,
                    presentations=len(shard.species),
                    simulated=True,
                    disclosed=True,
                ),
                TrainingData(
                    name="ImageNet-1k, by the weights of EfficientNet-Lite0",
                    licence="Apache-2.0 (weights)",
                    presentations=1281167,
                    simulated=False,
                    disclosed=True,
                ),
                *(
                    TrainingData(
                        name=f"{entry.learned_from}, by the weights of {entry.name}",
                        licence=f"{entry.licence} (weights)",
                        presentations=0,
                        simulated=False,
                        disclosed=entry.disclosed,
                    )
                    for entry in experiment.networks.values()
                ),
            ],
            recipe=json.dumps(
                experiment.model_dump(
                    mode="json",
                    exclude={
                        "run_dir": True,
                        "portraits": True,
                        "cache": True,
                        "ablation": True,
                        "networks": {name: {"path"} for name in experiment.networks},
                    },
                )
            ),
            seed=experiment.seed,
            code_version=distribution.version("antispoof"),
        ),
        results=list(results),
        head=Head(
            weight=network.head.weight.detach()[0].double().tolist(), bias=float(network.head.bias.detach())
        ),
        **rules._asdict(),
    )
