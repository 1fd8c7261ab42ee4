"""What the finished network says of real presentations, prepared as they are when it serves."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from antispoof.data.presentation import Presentation
from antispoof.evaluation.scores import ScoreSet
from antispoof.training.prepared import PreparedStore
from antispoof.training.recipe import Graph
from antispoof.training.recipes.face_views.experiment import FaceViewsExperiment
from antispoof.training.reporter import Reporter
from antispoof.training.scoring import scores_of

__all__ = ["score_presentations"]

_ROWS = 64


def score_presentations(
    experiment: FaceViewsExperiment,
    graph: Graph,
    presentations: tuple[Presentation, ...],
    report: Reporter,
) -> ScoreSet:
    """Score presentations with a colour picture; one that cannot be judged is a non-response."""
    files = [p.captures["face_rgb"] for p in presentations]
    views = {name: experiment.views[name] for name in experiment.view_names}
    stores = {
        name: PreparedStore(experiment.kept / "prepared", "face_rgb", view.model_dump())
        for name, view in views.items()
    }
    for store in stores.values():
        store.make(files, partial(report.progress, "preparing test"))
    places = {name: [store.rows(file) for file in files] for name, store in stores.items()}
    scores = np.full(len(files), np.nan)
    usable = np.flatnonzero([place.count for place in places["close"]])
    for start in range(0, len(usable), _ROWS):
        rows = usable[start : start + _ROWS]
        inputs: dict[str, torch.Tensor] = {}
        for name, view in views.items():
            array = np.empty((len(rows), 3, view.size, view.size), np.float32)
            stores[name].read(((places[name][row], 0) for row in rows), array)
            inputs[name] = torch.from_numpy(array)
        scores[rows] = graph(inputs)["score"].double().numpy()
    return scores_of("test", presentations, scores)
