"""What the bundle of this recipe tells of itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import metadata as distribution

import numpy as np

from antispoof.networks.two_view import TwoViewNetwork
from antispoof.runtime.bundle import (
    BundleMetadata,
    Head,
    Input,
    MeasuredResult,
    OperatingPointEntry,
    SiteRule,
    Training,
    TrainingData,
)
from antispoof.scores.calibration import Calibration
from antispoof.training.recipes.distilled_two_view.experiment import DistilledTwoViewExperiment
from antispoof.training.recipes.distilled_two_view.shards import Shard

__all__ = ["describe_bundle"]


def describe_bundle(
    experiment: DistilledTwoViewExperiment,
    network: TwoViewNetwork,
    shard: Shard,
    points: dict[str, OperatingPointEntry],
    results: Sequence[MeasuredResult],
    margin: float,
) -> BundleMetadata:
    """Put together what is known of a finished run.

    Args:
        experiment: what was run.
        network: trained.
        shard: what it learned from.
        points: operating points, of calibrated scores.
        results: what was measured.
        margin: between the typical bona fide score of a site and its threshold.
    """
    views = {"close": experiment.views.close, "context": experiment.views.context}
    teachers = [path.stem for path in experiment.teachers]
    return BundleMetadata(
        name=experiment.name,
        version=experiment.version,
        description="Replays and prints of a face, from one colour picture: frozen ImageNet features of "
        "a close view and a distilled network for a wider view, joined by a linear layer.",
        licence="Apache-2.0",
        inputs=[
            Input(name=name, modality="face_rgb", prepare={"scale": v.scale, "size": v.size, "fit": v.fit})
            for name, v in views.items()
        ],
        calibration=Calibration(slope=1.0, intercept=0.0),
        operating_points=points,
        default_operating_point="balanced",
        training=Training(
            data=[
                TrainingData(
                    name=experiment.portraits_name,
                    licence=experiment.portraits_licence,
                    presentations=len(np.unique(shard.subject)),
                    simulated=False,
                ),
                TrainingData(
                    name="bona fide captures, replays and prints simulated from them",
                    licence=experiment.portraits_licence,
                    presentations=len(shard.species),
                    simulated=True,
                ),
                TrainingData(
                    name="ImageNet-1k, by the weights of EfficientNet-Lite0",
                    licence="Apache-2.0 (weights)",
                    presentations=1281167,
                    simulated=False,
                ),
                TrainingData(
                    name="undisclosed captures, by distillation from " + ", ".join(teachers),
                    licence="Apache-2.0 (weights)",
                    presentations=0,
                    simulated=False,
                ),
            ],
            recipe=json.dumps(
                experiment.model_dump(
                    mode="json", exclude={"run_dir", "portraits", "teachers", "cache", "ablation"}
                )
            ),
            seed=experiment.seed,
            code_version=distribution.version("antispoof"),
        ),
        results=list(results),
        head=Head(
            weight=network.head.weight.detach()[0].double().tolist(), bias=float(network.head.bias.detach())
        ),
        site=SiteRule(bona_fide_score=points["balanced"].threshold + margin),
    )
