"""The default face model: frozen ImageNet features and distilled teachers, from portraits alone."""

from __future__ import annotations

from antispoof.training.recipes import Recipe, recipes
from antispoof.training.recipes.distilled_two_view.experiment import Experiment
from antispoof.training.recipes.distilled_two_view.fit import load, train

__all__: list[str] = []

recipes.register("distilled_two_view")(
    Recipe("two views of a face: frozen features and distilled teachers", Experiment, train, load)
)
