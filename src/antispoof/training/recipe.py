"""What a recipe is asked for: one contract, which every file of `antispoof.training.recipes` fulfils.

A recipe trains one kind of model from one kind of experiment file. The file names its recipe under
``recipe``; whoever runs one finds it in `recipes`, and knows no single one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from antispoof.data.presentation import Presentation
from antispoof.errors import ExperimentError
from antispoof.registry import Registry
from antispoof.runtime.bundle import BundleMetadata
from antispoof.training.onnx_parts import OnnxPart
from antispoof.training.reporter import SILENT, Reporter
from antispoof.training.schema import Experiment

__all__ = ["Graph", "Graphs", "Recipe", "Trained", "detector_recipe", "recipes"]

E = TypeVar("E", bound=Experiment)


@dataclass(frozen=True, slots=True)
class Graph:
    """A network, ready to be written as ONNX.

    Attributes:
        network: in evaluation mode; takes ``inputs`` by position and returns a tuple of ``outputs``.
        inputs: name → example, float32 (2, …), in the order that the network takes them.
        outputs: names, in the order that the network gives them.
        parts: input → the finished network that looks at it; ``network`` takes its answer instead.
    """

    network: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    parts: Mapping[str, OnnxPart] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """How many numbers are learned, in this network and in its parts."""
        own = sum(parameter.numel() for parameter in self.network.parameters())
        return own + sum(part.parameters for part in self.parts.values())

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Ask the parts, then the network: inputs by name → outputs by name, each (B, …)."""
        with torch.inference_mode():
            said = self.network(*self.answered(inputs))
        return dict(zip(self.outputs, said, strict=True))

    def answered(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Return what ``network`` takes: inputs, in its order, or what the parts say of them."""
        return tuple(
            torch.from_numpy(self.parts[name](inputs[name].numpy())) if name in self.parts else inputs[name]
            for name in self.inputs
        )


Graphs = Mapping[tuple[str, ...], Graph]
"""Sensors that are present → the graph that judges them; all sensors come first."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished run, ready to become a bundle.

    Attributes:
        graphs: the first, with all sensors, is the bundle's.
        metadata: all that the bundle tells of itself.
        samples: input → float32, (N, …), N even: what the graph of the bundle is quantised on, and compared
            on; None leaves it in floating point.
        quantised: how the names of the nodes begin that are.
    """

    graphs: Graphs
    metadata: BundleMetadata
    samples: Mapping[str, NDArray[np.float32]] | None = None
    quantised: Sequence[str] = ()

    @property
    def graph(self) -> Graph:
        """The graph with all sensors."""
        return next(iter(self.graphs.values()))


class Recipe(ABC, Generic[E]):
    """One way to make a model. An instance is registered under the recipe's name.

    Attributes:
        summary: one line for people.
        experiment: the schema of its experiment files.
        makes: what it makes instead, and what that is for; empty where it makes a detector, which can be
            exported, scored, and compared with others.
    """

    summary: ClassVar[str]
    experiment: type[E]
    makes: ClassVar[str] = ""

    @abstractmethod
    def presentations(self, experiment: E) -> tuple[Presentation, ...]:
        """Return what the experiment names to learn from.

        Raises:
            InputError: it cannot be read.
        """

    @abstractmethod
    def train_on(
        self, experiment: E, presentations: tuple[Presentation, ...], report: Reporter = SILENT
    ) -> Path:
        """Train on presentations that need not be all that the experiment names: a fold of them, for example.

        What an interrupted run left in the run folder is used, and what is finished is not done again.

        Args:
            experiment: how.
            presentations: divided into train, dev and test.
            report: is told what is being done.

        Returns:
            The run folder. That of a detector holds ``experiment.json``, ``checkpoint.safetensors``,
            ``bundle.json``, calibrated scores of dev as ``dev.csv``, and of test, if there is one, as
            ``test.csv``.

        Raises:
            InputError: the presentations cannot be used, or the run folder holds another experiment.
            TrainingError: training cannot go on; the message says what to do.
        """

    def untrained(self, experiment: E) -> Graphs:
        """Return the graphs of the network that the experiment names, before it has learned anything.

        Raises:
            ExperimentError: the recipe makes no detector.
        """
        raise ExperimentError(f"recipe {experiment.recipe!r} makes {self.makes}")

    def load(self, run: Path) -> Trained:
        """Read a finished run.

        Raises:
            InputError: the folder holds no finished run, or a damaged one.
            ExperimentError: the recipe makes no detector.
        """
        raise ExperimentError(f"{str(run)!r} holds {self.makes}")

    def pretrain(self, experiment: E, report: Reporter = SILENT) -> Path:
        """Teach the encoders without labels, and return the checkpoint that training can start from.

        Raises:
            ExperimentError: the recipe has nothing that could be pretrained.
        """
        del report
        raise ExperimentError(f"recipe {experiment.recipe!r} has no encoders that learn without labels")


recipes: Registry[Recipe[Any]] = Registry("recipe", "antispoof.training.recipes")


def detector_recipe(name: str, task: str) -> Recipe[Any]:
    """Return a recipe that makes detectors.

    Args:
        name: of the recipe.
        task: what it is wanted for, as a sentence begins: ``"a protocol"``.

    Raises:
        UnknownNameError: there is no such recipe.
        ExperimentError: the recipe makes something else.
    """
    recipe = recipes[name]
    if recipe.makes:
        raise ExperimentError(f"{task} needs a recipe that makes a detector; {name!r} makes {recipe.makes}")
    return recipe
