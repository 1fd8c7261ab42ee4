"""Train the full system, and each variant that lacks or swaps something, over several seeds."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from antispoof.errors import ExperimentError
from antispoof.evaluation import evaluate
from antispoof.evaluation.ablation import FULL, Ablation, ablation
from antispoof.evaluation.error_rates import LABELS
from antispoof.evaluation.plots import check_target, differences, save
from antispoof.evaluation.scores import ScoreSet
from antispoof.evaluation.wording import signed
from antispoof.training.disk import cannot_write
from antispoof.training.experiment import check_experiment, set_key
from antispoof.training.recipe import detector_recipe
from antispoof.training.reporter import SILENT, Reporter
from antispoof.training.schema import Experiment, Variant

__all__ = ["ablate", "variants_of"]


def ablate(experiment: Experiment, report: Reporter = SILENT) -> Ablation:
    """Run an ablation; trainings that are finished are not done again.

    The run folder gets ``ablation.csv`` and ``ablation.svg``, and one folder a training.

    Raises:
        ExperimentError: the recipe makes no detector, the experiment has no ``ablation``, or a variant names
            what is not there.
        InputError: there is no test partition.
        MissingExtraError: Matplotlib, which draws the result, is not installed.
    """
    recipe = detector_recipe(experiment.recipe, "an ablation")
    if experiment.ablation is None:
        raise ExperimentError("the experiment has no ablation: name its variants under 'ablation'")
    check_target()
    settings = experiment.ablation
    if settings.figure not in LABELS:
        raise ExperimentError(f"ablation.figure: choose one of {', '.join(LABELS)}, got {settings.figure!r}")
    variants = variants_of(experiment)
    presentations = recipe.presentations(experiment)
    if not any(p.partition == "test" for p in presentations):
        raise ExperimentError(
            "an ablation compares variants on the test partition, and the experiment has none"
        )
    folder = experiment.run_dir
    values: dict[str, list[float]] = {}
    simulated = False
    total = len(variants) * len(settings.seeds)
    for number, (name, variant) in enumerate(variants.items()):
        for place, seed in enumerate(settings.seeds):
            report.say(f"training {number * len(settings.seeds) + place + 1} of {total}: {name}, seed {seed}")
            slug = re.sub(r"[^\w.+-]+", "-", name)
            one = variant.in_run(folder / "runs" / f"{slug}-{seed}", seed, folder)
            run = recipe.train_on(one, presentations, report)
            scores = ScoreSet.read(run / "test.csv")
            simulated |= bool(scores.simulated.any())
            found = evaluate(scores, dev=ScoreSet.read(run / "dev.csv"), by=(), resamples=0)
            values.setdefault(name, []).append(found.figures[settings.figure].value)
    full = values.pop(FULL)
    result = ablation(settings.figure, settings.seeds, full, values, simulated)
    mark = " (simulated)" if simulated else ""
    label = f"{LABELS[result.figure]}{mark}: difference to the full system, {len(full)} seeds"
    rows = [(one.name, one.difference, one.interval) for one in result.contributions]
    plot = differences(rows, label, result.lower_is_better, lambda value: signed(result.figure, value))
    try:
        result.write(folder / "ablation.csv")
        save(plot, folder / "ablation.svg")
    except OSError as error:
        raise cannot_write(folder, error) from None
    return result


def variants_of(experiment: Experiment) -> dict[str, Experiment]:
    """Return the full system and its variants, each checked: name → experiment.

    Raises:
        ExperimentError: a variant changes nothing, names what is not there, or two have one name.
    """
    assert experiment.ablation is not None
    found = {FULL: experiment}
    base = experiment.model_dump(mode="json", exclude={"ablation"})
    for variant in experiment.ablation.variants:
        name = variant.name or _named(variant)
        if not name:
            raise ExperimentError("a variant of the ablation changes nothing")
        if name in found:
            raise ExperimentError(f"two variants of the ablation are called {name!r}: give them names")
        found[name] = check_experiment(_changed(base, variant, name), f"variant {name!r}")
    return found


def _named(variant: Variant) -> str:
    parts = [
        f"without {one}"
        for one in (variant.without_modality, variant.without_loss, variant.without_augmentation)
        if one
    ]
    if variant.fusion is not None:
        parts.append(f"fusion {variant.fusion.name}")
    if variant.encoder is not None:
        of = f" of {variant.modality}" if variant.modality else ""
        parts.append(f"encoder{of} {variant.encoder.name}")
    parts += [f"{key} {value}" for key, value in variant.set.items()]
    return ", ".join(parts)


def _changed(base: Mapping[str, Any], variant: Variant, name: str) -> dict[str, Any]:
    content: dict[str, Any] = copy.deepcopy(dict(base))
    if variant.without_modality:
        _known(variant.without_modality, content, "modalities", name)
        del content["modalities"][variant.without_modality]
        if len(content["modalities"]) == 1 and "fusion" in content:
            content["fusion"] = None
        for entry in content.get("augmentation", ()):
            entry["modalities"] = [one for one in entry["modalities"] if one != variant.without_modality]
    for kind, gone in (("losses", variant.without_loss), ("augmentation", variant.without_augmentation)):
        if gone:
            _known(gone, content, kind, name)
            content[kind] = [entry for entry in content[kind] if entry["name"] != gone]
    if variant.fusion is not None:
        content["fusion"] = variant.fusion.model_dump(mode="json")
    if variant.encoder is not None:
        chosen = [variant.modality] if variant.modality else list(content.get("modalities", ()))
        for modality in chosen or [""]:
            _known(modality, content, "modalities", name)
            content["modalities"][modality]["encoder"] = variant.encoder.model_dump(mode="json")
    for key, value in variant.set.items():
        set_key(content, key, value)
    return content


def _known(wanted: str, content: Mapping[str, Any], key: str, variant: str) -> None:
    """Refuse a name that does not stand under a key of the experiment: of a mapping, or of named entries."""
    if key not in content:
        raise ExperimentError(
            f"variant {variant!r} changes {key}, which recipe {content['recipe']!r} has not: it has "
            f"{', '.join(sorted(content))}, which 'set' can change"
        )
    there = [entry if isinstance(entry, str) else entry["name"] for entry in content[key]]
    if wanted not in there:
        raise ExperimentError(f"variant {variant!r} names {wanted!r}, which is none of {', '.join(there)}")
