"""A voice model whose spectra are computed once and whose perceptron trains in seconds."""

from __future__ import annotations

from antispoof.training.recipes import Recipe, recipes
from antispoof.training.recipes.speech_moments.experiment import Experiment
from antispoof.training.recipes.speech_moments.fit import load, train

__all__: list[str] = []

recipes.register("speech_moments")(
    Recipe("voices: spectral moments computed once, and a perceptron over them", Experiment, train, load)
)
