"""Labelled presentations of any sensors, any encoders, any fusion and losses."""

from __future__ import annotations

from antispoof.training.recipes import Recipe, recipes
from antispoof.training.recipes.supervised.experiment import Experiment
from antispoof.training.recipes.supervised.finish import load
from antispoof.training.recipes.supervised.fit import train

__all__: list[str] = []

recipes.register("supervised")(
    Recipe("labelled presentations: any sensors, encoders, fusion and losses", Experiment, train, load)
)
