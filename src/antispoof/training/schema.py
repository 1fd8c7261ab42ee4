"""What experiment files say, whatever the recipe; each recipe adds its own keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from antispoof.networks.encoders import encoders
from antispoof.sensing.modalities import modalities
from antispoof.training.options import checked_options

__all__ = [
    "AblationStudy",
    "Data",
    "Experiment",
    "ManifestExperiment",
    "ModalityPart",
    "Named",
    "Part",
    "Variant",
    "encoder_options",
]


class Part(BaseModel):
    """Part of an experiment file: no unknown keys, and nothing changes after it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Named(Part):
    """A registered thing by its name; all other keys are options of its factory."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str

    @property
    def options(self) -> dict[str, Any]:
        """Options of the factory: name → value."""
        return dict(self.model_extra or {})


class Variant(Part):
    """The full system with something removed, swapped or set.

    Attributes:
        name: what tables call it; none makes a name of what is changed.
        without_modality: sensor that is removed; a fusion that is left with one sensor goes with it.
        without_loss: term that is removed, by the name of the loss.
        without_augmentation: entries that are removed, by the name of the augmentation.
        fusion: takes the place of the fusion.
        encoder: takes the place of every encoder, or of that of ``modality``.
        modality: whose encoder is swapped; none means all.
        set: keys with dots → value, as in ``--set``.
    """

    name: str = ""
    without_modality: str = ""
    without_loss: str = ""
    without_augmentation: str = ""
    fusion: Named | None = None
    encoder: Named | None = None
    modality: str = ""
    set: dict[str, Any] = Field(default_factory=dict)


class AblationStudy(Part):
    """What ``antispoof ablate`` does.

    Attributes:
        seeds: of the trainings of every variant.
        figure: what is compared, on the test partition; thresholds are set on dev.
        variants: what is removed, swapped or set, each by itself.
    """

    seeds: Annotated[tuple[int, ...], Field(min_length=2)] = (0, 1, 2)
    figure: str = "hter"
    variants: Annotated[tuple[Variant, ...], Field(min_length=1)]


class Experiment(Part):
    """What every experiment file says.

    Attributes:
        recipe: name of the recipe.
        name: of the model.
        version: of the model.
        seed: of everything that is drawn.
        run_dir: folder for all that training writes.
        ablation: what ``antispoof ablate`` removes and swaps; training takes no notice of it.
    """

    recipe: str
    name: str
    version: str
    seed: int
    run_dir: Path
    ablation: AblationStudy | None = None

    def record(self) -> Mapping[str, Any]:
        """Return what decides the result, and not where it is kept."""
        return self.model_dump(mode="json", exclude={"run_dir", "ablation"})

    def in_run(self, run_dir: Path, seed: int, cache: Path) -> Self:
        """Return the experiment as one run of a study.

        Args:
            run_dir: folder of the run.
            seed: of the run.
            cache: folder for what all runs of the study share, unless the experiment names one itself.
        """
        del cache  # a recipe that prepares something takes it
        return self.model_copy(update={"run_dir": run_dir, "seed": seed})


class Data(Part):
    """What is learned from.

    Attributes:
        manifest: its partitions are train, dev and, if there are results to tell, test.
        cache: folder of prepared samples; None: ``prepared`` in the run folder.
    """

    manifest: Path
    cache: Path | None = None


class ModalityPart(Part):
    """One sensor.

    Attributes:
        prepare: arguments of the modality's ``prepare``.
        encoder: what turns its arrays into tokens.
    """

    prepare: dict[str, float | int | str] = Field(default_factory=dict)
    encoder: Named


class ManifestExperiment(Experiment):
    """What the files of recipes that learn from a manifest say.

    Attributes:
        description: what the bundle says of itself.
        licence: of the bundle.
        data: what is learned from.
        modalities: sensors by name, in the order of the network's inputs.
        unseen_d_eer: mean D-EER over attack instrument species, each left out of training once, as
            ``antispoof protocol run … leave-one-out:pai_species --figure d_eer`` tells it; ratios in favour
            of bona fide claim no more than it supports. None where nobody has measured it.
    """

    description: str = ""
    licence: str = ""
    unseen_d_eer: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    data: Data
    modalities: Annotated[dict[str, ModalityPart], Field(min_length=1)]

    @model_validator(mode="after")
    def _modalities_and_encoders(self) -> Self:
        for name, part in self.modalities.items():
            checked_options(f"prepare of {name!r}", modalities[name].prepare, part.prepare)
            encoder_options(part.encoder)
        return self

    @property
    def cache(self) -> Path:
        """Folder of prepared samples."""
        return self.data.cache or self.run_dir / "prepared"

    def record(self) -> Mapping[str, Any]:
        """Return what decides the result, and not where it is kept."""
        content = dict(super().record())
        content["data"] = {key: value for key, value in content["data"].items() if key != "cache"}
        if self.unseen_d_eer is None:
            del content["unseen_d_eer"]
        return content

    def in_run(self, run_dir: Path, seed: int, cache: Path) -> Self:
        """Return the experiment as one run of a study; prepared samples are shared."""
        data = self.data.model_copy(update={"cache": self.data.cache or cache / "prepared"})
        return super().in_run(run_dir, seed, cache).model_copy(update={"data": data})


def encoder_options(part: Named) -> dict[str, Any]:
    """Check the options of an encoder."""
    return checked_options(f"encoder {part.name!r}", encoders[part.name], part.options)
