"""Train the full system, and each variant that lacks or swaps something, over several seeds."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from antispoof.data.manifest import read_manifest
from antispoof.errors import ExperimentError
from antispoof.evaluation import evaluate
from antispoof.evaluation.ablation import FULL, Ablation, ablation
from antispoof.evaluation.error_rates import LABELS
from antispoof.evaluation.plots import check_target, differences, save
from antispoof.evaluation.scores import ScoreSet
from antispoof.evaluation.wording import signed
from antispoof.studies.protocol import shared_cache, with_run
from antispoof.training.checkpoint import cannot_write
from antispoof.training.experiment import check_experiment, set_key
from antispoof.training.recipes import Experiment
from antispoof.training.recipes.supervised.experiment import Experiment as Supervised
from antispoof.training.recipes.supervised.experiment import Variant
from antispoof.training.reporter import SILENT, Reporter

__all__ = ["ablate", "variants_of"]


def ablate(experiment: Experiment, report: Reporter = SILENT) -> Ablation:
    """Run an ablation; trainings that are finished are not done again.

    The run folder gets ``ablation.csv`` and ``ablation.svg``, and one folder a training.

    Raises:
        ExperimentError: the experiment has no ``ablation``, or a variant names what is not there.
        InputError: there is no test partition.
        MissingExtraError: Matplotlib, which draws the result, is not installed.
    """
    from antispoof.training.recipes.supervised.fit import train_on

    if not isinstance(experiment, Supervised) or experiment.ablation is None:
        raise ExperimentError(
            "the experiment has no ablation: name its variants under 'ablation', recipe 'supervised'"
        )
    check_target()
    settings = experiment.ablation
    if settings.figure not in LABELS:
        raise ExperimentError(f"ablation.figure: choose one of {', '.join(LABELS)}, got {settings.figure!r}")
    variants = variants_of(experiment)
    presentations = read_manifest(experiment.data.manifest)
    if not any(p.partition == "test" for p in presentations):
        raise ExperimentError(
            f"{experiment.data.manifest} has no test partition, on which variants are compared"
        )
    folder, cache = experiment.run_dir, shared_cache(experiment, experiment.run_dir)
    values: dict[str, list[float]] = {}
    simulated = False
    total = len(variants) * len(settings.seeds)
    for number, (name, variant) in enumerate(variants.items()):
        for place, seed in enumerate(settings.seeds):
            report.say(f"training {number * len(settings.seeds) + place + 1} of {total}: {name}, seed {seed}")
            slug = re.sub(r"[^\w.+-]+", "-", name)
            one = with_run(variant, folder / "runs" / f"{slug}-{seed}", seed, cache)
            run = train_on(one, presentations, report)
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


def variants_of(experiment: Supervised) -> dict[str, Supervised]:
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
        changed = check_experiment(_changed(base, variant, name), f"variant {name!r}")
        assert isinstance(changed, Supervised)
        found[name] = changed
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
        _known(variant.without_modality, content["modalities"], name)
        del content["modalities"][variant.without_modality]
        if len(content["modalities"]) == 1:
            content["fusion"] = None
        for entry in content["augmentation"]:
            entry["modalities"] = [one for one in entry["modalities"] if one != variant.without_modality]
    for kind, gone in (("losses", variant.without_loss), ("augmentation", variant.without_augmentation)):
        if gone:
            _known(gone, [entry["name"] for entry in content[kind]], name)
            content[kind] = [entry for entry in content[kind] if entry["name"] != gone]
    if variant.fusion is not None:
        content["fusion"] = variant.fusion.model_dump(mode="json")
    if variant.encoder is not None:
        for modality in [variant.modality] if variant.modality else list(content["modalities"]):
            _known(modality, content["modalities"], name)
            content["modalities"][modality]["encoder"] = variant.encoder.model_dump(mode="json")
    for key, value in variant.set.items():
        set_key(content, key, value)
    return content


def _known(wanted: str, there: Any, variant: str) -> None:
    if wanted not in there:
        raise ExperimentError(f"variant {variant!r} names {wanted!r}, which is none of {', '.join(there)}")
