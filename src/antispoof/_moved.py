"""Modules and classes under the names of version 0.1, for one release: a warning names the new one.

`MOVED` is the whole list of modules, `RENAMED` that of classes. They go, with this file, in the release after
0.2.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, cast

__all__ = ["MOVED", "RENAMED", "MovedModules", "old_names"]

MOVED = {
    "data.simulation": "simulation.face",
    "data.simulation.acoustics": "simulation.speech.acoustics",
    "data.simulation.codecs": "simulation.speech.codecs",
    "data.simulation.copy_synthesis": "simulation.speech.copy_synthesis",
    "data.simulation.face": "simulation.face.presentations",
    "data.simulation.face_collection": "simulation.face.collection",
    "data.simulation.scene": "simulation.scene.render",
    "data.simulation.scene_collection": "simulation.scene.collection",
    "data.simulation.scene_head": "simulation.scene.head",
    "data.simulation.scene_instruments": "simulation.scene.instruments",
    "data.simulation.scene_light": "simulation.scene.light",
    "data.simulation.scene_physics": "simulation.scene.physics",
    "data.simulation.scene_sensors": "simulation.scene.sensors",
    "data.simulation.scene_surface": "simulation.scene.surface",
    "data.simulation.speech": "simulation.speech.recording",
    "data.simulation.speech_channel": "simulation.speech.channel",
    "data.simulation.speech_collection": "simulation.speech.collection",
    "data.simulation.text_to_speech": "simulation.speech.text_to_speech",
    "evaluation.figures": "evaluation.error_rates",
    "evaluation.operating_point": "evaluation.thresholds",
    "networks.two_view": "networks.face_views",
    "runtime.calibration": "scores.calibration",
    "runtime.chimeric": "studies.chimeric",
    "runtime.evidence_page": "evidence.page",
    "runtime.explanation": "evidence.explanation",
    "runtime.fused_scores": "studies.fused_scores",
    "runtime.fusion": "scores.fusion",
    "runtime.json_file": "files",
    "runtime.logistic": "scores.logistic",
    "runtime.sound_picture": "evidence.figures",
    "runtime.spoof_aware": "studies.spoof_aware",
    "service.challenges": "challenges",
    "service.challenges.landmarks": "sensing.faces",
    "service.challenges.repetition": "sensing.repetition",
    "training.ablation": "studies.ablation",
    "training.complexity": "studies.complexity",
    "training.pretraining": "training.recipes.supervised.pretraining",
    "training.protocol": "studies.protocol",
    "training.recipes.distilled_two_view": "training.recipes.face_views",
    "training.recipes.supervised.data": "training.collection",
    "training.recipes.supervised.finish": "training.description",
    "training.recipes.supervised.scoring": "training.scoring",
}
"""Old name → new name, both below ``antispoof``; what lies in a moved package is found there."""

RENAMED = {
    "evaluation.comparison": {"SystemFigures": "SystemResult"},
    "evaluation.complexity": {"Cost": "ModelCost"},
    "evaluation.error_rates": {"Figures": "ErrorRates"},
    "evaluation.thresholds": {"OperatingPoint": "DecisionThreshold"},
    "networks.face_views": {"TwoViewNetwork": "FaceViewsNetwork", "TwoViewOutput": "FaceViewsOutput"},
    "runtime.verdict": {"Opinion": "BundleScore"},
    "training.pretrained": {"here": "is_installed"},
    "training.recipes.speech_moments.experiment": {"Experiment": "SpeechMomentsExperiment"},
    "training.recipes.supervised.experiment": {"Experiment": "SupervisedExperiment"},
}
"""Module → old name of a class → its new name; the module says ``__getattr__ = old_names(__name__)``."""


def old_names(module: str) -> Callable[[str], object]:
    """Return what answers for the old names of a module's classes, with a warning."""

    def answer(name: str) -> object:
        new = RENAMED[module.removeprefix("antispoof.")].get(name)
        if new is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warnings.warn(f"{module}.{name} is called {new} now", DeprecationWarning, stacklevel=2)
        return getattr(sys.modules[module], new)

    return answer


class MovedModules:
    """Finds a module by its old name, warns, and hands out the module that has the new name."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Answer for old names alone."""
        del path, target  # parts of the protocol of a finder
        new = _new_name(name)
        if new is None:
            return None
        warnings.warn(f"{name} is called {new} now", DeprecationWarning, stacklevel=2)
        spec = ModuleSpec(name, cast(Any, _Alias(new)))  # a loader by its methods: the base class costs time
        spec.submodule_search_locations = []
        return spec


class _Alias:
    def __init__(self, new: str) -> None:
        self.new = new

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        del spec
        module = importlib.import_module(self.new)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # the import system has set that of the old name


def _new_name(name: str) -> str | None:
    if not name.startswith("antispoof."):
        return None
    old = name.removeprefix("antispoof.")
    if old in MOVED:
        return f"antispoof.{MOVED[old]}"
    parent, _, child = old.rpartition(".")
    return f"antispoof.{MOVED[parent]}.{child}" if parent in MOVED else None
