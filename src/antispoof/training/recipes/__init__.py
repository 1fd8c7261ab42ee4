"""Recipes: each trains one kind of model from one kind of experiment file.

An experiment file names its recipe under ``recipe``; the recipe says which other keys there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from antispoof.registry import Registry
from antispoof.runtime.bundle import BundleMetadata
from antispoof.training.reporter import Reporter

__all__ = ["Experiment", "Part", "Recipe", "Trained", "recipes"]


class Part(BaseModel):
    """Part of an experiment file: no unknown keys, and nothing changes after it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Experiment(Part):
    """What every experiment file says.

    Attributes:
        recipe: name of the recipe.
        name: of the model.
        version: of the model.
        seed: of everything that is drawn.
        run_dir: folder for all that training writes.
    """

    recipe: str
    name: str
    version: str
    seed: int
    run_dir: Path


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished run, ready to become a bundle.

    Attributes:
        network: in evaluation mode; takes ``inputs`` by position and returns a tuple of ``outputs``.
        inputs: name → example, float32 (2, …), in the order that the network takes them.
        outputs: names, in the order that the network gives them.
        metadata: all that the bundle tells of itself.
    """

    network: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    metadata: BundleMetadata


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to make a model.

    Attributes:
        summary: one line for people.
        experiment: the schema of its experiment files.
        train: runs it, and returns the run folder; what an interrupted run left is used.
        load: reads a finished run.
    """

    summary: str
    experiment: type[Experiment]
    train: Callable[[Any, Reporter], Path]
    load: Callable[[Path], Trained]


recipes: Registry[Recipe] = Registry("recipe", __name__)
