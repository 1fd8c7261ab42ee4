"""What the finished network says of real presentations, prepared as they are when it serves."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from antispoof.data.presentation import Presentation
from antispoof.evaluation.scores import ScoreSet
from antispoof.networks.two_view import TwoViewNetwork
from antispoof.training.prepared import PreparedStore
from antispoof.training.recipes.distilled_two_view.experiment import DistilledTwoViewExperiment
from antispoof.training.reporter import Reporter
from antispoof.training.scoring import scores_of

__all__ = ["score_presentations"]

_ROWS = 64


def score_presentations(
    experiment: DistilledTwoViewExperiment,
    network: TwoViewNetwork,
    presentations: tuple[Presentation, ...],
    report: Reporter,
) -> ScoreSet:
    """Score presentations with a colour picture; one that cannot be judged is a non-response."""
    files = [p.captures["face_rgb"] for p in presentations]
    views = (experiment.views.close, experiment.views.context)
    stores = [PreparedStore(experiment.kept / "prepared", "face_rgb", view.model_dump()) for view in views]
    for store in stores:
        store.make(files, partial(report.progress, "preparing test"))
    places = [[store.rows(file) for file in files] for store in stores]
    scores = np.full(len(files), np.nan)
    usable = np.flatnonzero([place.count for place in places[0]])
    for start in range(0, len(usable), _ROWS):
        rows = usable[start : start + _ROWS]
        inputs: list[NDArray[np.float32]] = []
        for view, store, where in zip(views, stores, places, strict=True):
            inputs.append(np.empty((len(rows), 3, view.size, view.size), np.float32))
            store.read(((where[row], 0) for row in rows), inputs[-1])
        with torch.inference_mode():
            said = network(*map(torch.from_numpy, inputs)).score
        scores[rows] = said.double().numpy()
    return scores_of("test", presentations, scores)
