"""What fusing four sensors of a face is worth, on SIMULATED scenes:

    antispoof simulate scene data/scenes --subjects 300 --seed 21
    python benchmarks/multispectral.py train data/scenes/manifest.csv --work runs/multispectral
    python benchmarks/multispectral.py report --work runs/multispectral --json out.json --plot docs/images
    python benchmarks/multispectral.py speed

Three folds; each keeps one sensor suite and every third kind of instrument out of training and dev, so that
over the folds every suite and every instrument is unseen once. One set of networks a fold and seed is tested
on three protocols: an unseen suite with known instruments (`sensor`), unseen instruments before known suites
(`instrument`), and both at once (`both`). Thresholds are set on dev at equal error rate; of the fusions the
best on dev is called ours; nothing else is fitted after training but the calibration of single sensors for
one of the averages, on dev as well.

The branches, one encoder a sensor, learn by themselves; fusions learn on top of what the branches say and
see, with gradients stopped, so that the same four branches serve score averaging and all fusions, and the
branch of colour IS the network of colour alone. Early concatenation has one encoder of the same kind over
all channels. What a modality rejects (no face in it) counts as absent, as when served. `train` can be
interrupted and started again (after removing what is called ``.taken``, should it have been killed), and
several may run side by side: each takes folds and seeds that nobody has taken. `--plot` needs matplotlib.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import platform
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MODALITIES = ("face_rgb", "face_depth", "face_infrared", "face_thermal")
CHANNELS = {"face_rgb": 3, "face_depth": 2, "face_infrared": 1, "face_thermal": 1}
SUITES = ("desk", "kiosk", "phone")
SCALE, SIZE = 1.5, 72  # as the bundle that ships has it
SEEN = 48  # px that these networks see, averaged from SIZE: nine runs take minutes, not hours
ENCODER = {"widths": (8, 16, 24, 48), "blocks": (1, 1, 1), "expansion": 3}
FUSIONS: dict[str, dict[str, Any]] = {
    "weakest_link": {},
    "weighed_evidence": {},
    "cross_modal": {"width": 32, "layers": 1},
}
SLOW = ("cross_modal",)  # scored with all sensors and with one only
EPOCHS, BATCH, RATE, DROPOUT = 3, 48, 3e-3, 0.4
FOLDS, SEEDS = (0, 1, 2), (1, 2, 3)
PROTOCOLS = ("sensor", "instrument", "both")
SUBSETS = [s for n in (4, 3, 2, 1) for s in itertools.combinations(MODALITIES, n)]
OURS, AVERAGE, EARLY = "ours", "score averaging", "early concatenation"
AVERAGES = (AVERAGE, "averaging of log-odds", "averaging of calibrated log-odds")


# -- data ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scenes:
    """N prepared presentations.

    Attributes:
        inputs: modality → float16, (N, C, S, S).
        presence: float32, (N, 4).
        label: float32, (N,), 1 = bona fide.
        species: (N,), empty for bona fide.
        suite: (N,).
        partition: (N,).
    """

    inputs: dict[str, NDArray[np.float16]]
    presence: NDArray[np.float32]
    label: NDArray[np.float32]
    species: NDArray[np.str_]
    suite: NDArray[np.str_]
    partition: NDArray[np.str_]


def prepared(manifest: Path, work: Path) -> Scenes:
    """Prepare all presentations once, and keep them in ``work``."""
    from antispoof.data.manifest import read_manifest

    path = work / "prepared.npz"
    if not path.exists():
        rows = read_manifest(manifest)
        inputs = {m: np.zeros((len(rows), c, SIZE, SIZE), np.float16) for m, c in CHANNELS.items()}
        presence = np.zeros((len(rows), 4), np.float32)
        files = [[row.captures[m].path for m in MODALITIES] for row in rows]
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(os.cpu_count(), context, cv2.setNumThreads, (1,)) as pool:
            for i, found in enumerate(pool.map(_prepare, files, chunksize=32)):
                for j, (name, array) in enumerate(zip(MODALITIES, found, strict=True)):
                    if array is not None:
                        inputs[name][i], presence[i, j] = array, 1
        work.mkdir(parents=True, exist_ok=True)
        draft = work / "draft.npz"
        np.savez(
            draft,
            presence=presence,
            species=np.array([row.pai_species or "" for row in rows]),
            suite=np.array([row.attributes["capture_device"] for row in rows]),
            partition=np.array([row.partition for row in rows]),
            **inputs,  # type: ignore[arg-type]
        )
        draft.rename(path)
    stored = np.load(path)
    return Scenes(
        {m: _smaller(stored[m]) for m in MODALITIES},
        stored["presence"],
        (stored["species"] == "").astype(np.float32),
        stored["species"],
        stored["suite"],
        stored["partition"],
    )


def _smaller(arrays: NDArray[np.float16]) -> NDArray[np.float16]:
    import torch

    parts = [
        torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(some.astype(np.float32)), SEEN)
        .half()
        .numpy()
        for some in np.array_split(arrays, max(1, len(arrays) // 256))
    ]
    return np.concatenate(parts)


def _prepare(files: Sequence[Path]) -> list[NDArray[np.float32] | None]:
    from antispoof.sensing.modalities import modalities

    found = []
    for name, file in zip(MODALITIES, files, strict=True):
        modality = modalities[name]
        sample = modality.load(file)
        quality = modality.quality(sample)
        found.append(modality.prepare(sample, quality, scale=SCALE, size=SIZE) if quality.usable else None)
    return found


def divide(scenes: Scenes, fold: int) -> dict[str, NDArray[np.intp]]:
    """Return the rows of train, dev and the three protocols."""
    kinds = sorted(set(scenes.species) - {""})
    new_suite = scenes.suite == SUITES[fold]
    new_kind = np.isin(scenes.species, kinds[fold::3])
    known = ~new_suite & ~new_kind
    test, bona_fide = scenes.partition == "test", scenes.label == 1
    parts = {
        "train": (scenes.partition == "train") & known,
        "dev": (scenes.partition == "dev") & known,
        "sensor": test & new_suite & ~new_kind,
        "instrument": test & ~new_suite & (new_kind | bona_fide),
        "both": test & new_suite & (new_kind | bona_fide),
    }
    return {name: np.flatnonzero(chosen) for name, chosen in parts.items()}


# -- training --------------------------------------------------------------------------------------


def train(manifest: Path, work: Path) -> None:
    """Train and score every fold and seed that nobody has taken."""
    import torch

    torch.set_num_threads(1)
    scenes = prepared(manifest, work)
    for seed, fold in itertools.product(SEEDS, FOLDS):
        result, taken = work / f"fold{fold}-seed{seed}.npz", work / f"fold{fold}-seed{seed}.taken"
        try:
            taken.touch(exist_ok=False)
        except FileExistsError:
            continue
        try:
            if not result.exists():
                start = time.process_time()
                _train_one(scenes, fold, seed, result)
                print(
                    f"fold {fold} seed {seed}: {time.process_time() - start:.0f} s of a processor", flush=True
                )
        finally:
            taken.unlink(missing_ok=True)


def _train_one(scenes: Scenes, fold: int, seed: int, result: Path) -> None:
    import torch
    from torch import nn

    from antispoof.networks.fusion import fusions
    from antispoof.networks.network import EncoderChoice, FusionChoice, build_network

    parts = divide(scenes, fold)
    torch.manual_seed(seed)
    choices = {m: EncoderChoice("mobile", CHANNELS[m], ENCODER) for m in MODALITIES}
    branches = build_network(choices, FusionChoice("score_average"))
    dims = {m: branches.encoders[m].dims for m in MODALITIES}
    tops = nn.ModuleDict({name: fusions[name](dims, **options) for name, options in FUSIONS.items()})
    early = build_network(choices, FusionChoice("early_concatenation"))
    separate = [*branches.encoders.values(), *branches.heads.values(), *tops.values(), early]
    parameters = [p for part in separate for p in part.parameters()]
    steps = EPOCHS * (len(parts["train"]) // BATCH)
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.15)
    draw = torch.Generator().manual_seed(seed)
    cost = nn.functional.binary_cross_entropy_with_logits
    for rows in _batches(scenes, parts["train"], steps, seed):
        x = _changed(_tensors(scenes, rows), draw)
        label, there = torch.from_numpy(scenes.label[rows]), torch.from_numpy(scenes.presence[rows])
        seen = _hidden(there, draw)
        said = branches(x, there)
        single = cost(said.modality_scores, label[:, None].expand(-1, 4), reduction="none")
        loss = (single * there).sum() / BATCH + cost(early(x, seen).score, label)
        for top in tops.values():
            loss = loss + cost(_fused(top, said, seen), label)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        for part in separate:  # each as if it learned alone
            nn.utils.clip_grad_norm_(part.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    for part in (branches, tops, early):
        part.eval()
    scores: dict[str, Any] = {}
    for name in ("dev", *PROTOCOLS):
        for method, values in _scored(scenes, parts[name], branches, tops, early).items():
            scores[f"{name}|{method}"] = values
    draft = result.with_suffix(".part.npz")
    scores |= {f"{name}|rows": parts[name] for name in ("dev", *PROTOCOLS)}
    np.savez(draft, **scores)
    draft.rename(result)


def _batches(scenes: Scenes, rows: NDArray[np.intp], steps: int, seed: int) -> Iterator[NDArray[np.intp]]:
    rng = np.random.default_rng(seed)
    classes = [rows[scenes.label[rows] == label] for label in (0, 1)]
    for _ in range(steps):
        yield np.concatenate([rng.choice(some, BATCH // 2) for some in classes])


def _tensors(scenes: Scenes, rows: NDArray[np.intp]) -> dict[str, Any]:
    import torch

    return {m: torch.from_numpy(scenes.inputs[m][rows].astype(np.float32)) for m in MODALITIES}


def _changed(inputs: dict[str, Any], draw: Any) -> dict[str, Any]:
    """Mirror, shift, and change exposure, white balance and the thermal camera's drift."""
    import torch

    rows = len(inputs["face_rgb"])
    mirrored = torch.rand(rows, 1, 1, 1, generator=draw) < 0.5
    out = {}
    for name, given in inputs.items():
        x = torch.where(mirrored, given.flip(-1), given)
        down, right = (int(v) for v in torch.randint(-2, 3, (2,), generator=draw))
        x = x.roll((down, right), (2, 3))
        if name in ("face_rgb", "face_infrared"):
            gain = torch.exp(0.25 * torch.randn(rows, 1, 1, 1, generator=draw))
            tint = torch.exp(0.05 * torch.randn(rows, x.shape[1], 1, 1, generator=draw))
            x = (x * gain * tint).clamp(0, 1)
        elif name == "face_thermal":
            x = (x + 0.04 * torch.randn(rows, 1, 1, 1, generator=draw)).clamp(0, 1)
        out[name] = x + 0.02 * torch.rand(1, generator=draw) * torch.randn(x.shape, generator=draw)
    return out


def _hidden(presence: Any, draw: Any) -> Any:
    """Hide sensors at random; one always stays."""
    import torch

    kept = presence * (torch.rand(presence.shape, generator=draw) > DROPOUT)
    lot = (presence * torch.rand(presence.shape, generator=draw)).argmax(1)
    stays = torch.nn.functional.one_hot(lot, presence.shape[1]) * presence
    return torch.where(kept.sum(1, keepdim=True) > 0, kept, stays)


def _fused(top: Any, said: Any, presence: Any) -> Any:
    import torch

    levels = {m: tuple(tokens.detach() for tokens in said.levels[m]) for m in MODALITIES}
    alone = torch.where(presence > 0, said.modality_scores.detach(), 0.0)
    return top.score(top(levels, presence), alone, presence)


def _scored(scenes: Scenes, rows: NDArray[np.intp], branches: Any, tops: Any, early: Any) -> dict[str, Any]:
    """Return method and subset → (N,) raw scores, NaN where nothing of the subset is there."""
    import torch

    found: dict[str, list[NDArray[np.float64]]] = {}

    def keep(name: str, scores: Any, presence: Any) -> None:
        values = scores.double().numpy()
        values[presence.sum(1).numpy() == 0] = np.nan
        found.setdefault(name, []).append(values)

    with torch.inference_mode():
        for start in range(0, len(rows), 256):
            some = rows[start : start + 256]
            x, there = _tensors(scenes, some), torch.from_numpy(scenes.presence[some])
            said = branches(x, there)
            for j, name in enumerate(MODALITIES):
                keep(f"single|{name}", said.modality_scores[:, j].clone(), there[:, j : j + 1])
            for subset in SUBSETS:
                seen = there * torch.tensor([float(m in subset) for m in MODALITIES])
                for name, top in tops.items():
                    if name in SLOW and 1 < len(subset) < 4:
                        continue
                    keep(f"{name}|{'+'.join(subset)}", _fused(top, said, seen), seen)
                if len(subset) in (1, 4):
                    keep(f"{EARLY}|{'+'.join(subset)}", early(x, seen).score, seen)
    return {name: np.concatenate(values) for name, values in found.items()}


# -- report ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Errors:
    """Shares at the threshold of dev: rejected bona fide; accepted attacks of the worst kind, mean, each."""

    bpcer: float
    worst_apcer: float
    mean_apcer: float
    apcer: dict[str, float]

    @property
    def acer(self) -> float:
        """Each instrument tested by itself, as in leave-one-out protocols; the mean over instruments."""
        return (self.bpcer + self.mean_apcer) / 2

    @property
    def worst_acer(self) -> float:
        """All instruments in one test, where ISO/IEC 30107-3 has the worst decide."""
        return (self.bpcer + self.worst_apcer) / 2


def report(work: Path, record: Path | None, plots: Path | None) -> None:
    """Print tables, and write JSON and plots."""
    stored = np.load(work / "prepared.npz")
    species = stored["species"]
    runs = sorted(work.glob("fold?-seed?.npz"))
    if not runs:
        raise SystemExit(f"{work} holds no results: run train first")
    found: dict[tuple[str, str, str], list[Errors]] = {}
    dev: dict[str, list[float]] = {}
    for path in runs:
        scores = dict(np.load(path))
        methods = _methods(scores, species)
        for method in methods["dev"]:
            values, kinds = methods["dev"][method], species[scores["dev|rows"]]
            threshold = _equal_error(values, kinds)
            at_dev = errors(values, kinds, threshold)
            dev.setdefault(method, []).append(at_dev.acer)
            for protocol in PROTOCOLS:
                kinds = species[scores[f"{protocol}|rows"]]
                key = protocol, method, path.stem
                found.setdefault(key, []).append(errors(methods[protocol][method], kinds, threshold))
    everything = "+".join(MODALITIES)
    chosen = min(FUSIONS, key=lambda name: float(np.mean(dev[f"{name}|{everything}"])))
    result = _summary(found, dev, chosen, [path.stem for path in runs])
    print(json.dumps(result, indent=2))
    if record is not None:
        record.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if plots is not None:
        _plot(result, plots / "multispectral-subsets.svg")


def errors(scores: NDArray[np.float64], species: NDArray[np.str_], threshold: float) -> Errors:
    """Count errors; a presentation without a score is no error of either kind."""
    there = np.isfinite(scores)
    passed = scores >= threshold
    kinds = sorted(set(species[there]) - {""})
    accepted = {kind: float(passed[there & (species == kind)].mean()) for kind in kinds}
    shares = list(accepted.values())
    bpcer = float((~passed)[there & (species == "")].mean())
    return Errors(bpcer, max(shares), float(np.mean(shares)), accepted)


def _equal_error(scores: NDArray[np.float64], species: NDArray[np.str_]) -> float:
    there = np.isfinite(scores)
    bona_fide, attacks = (np.sort(scores[there & ((species == "") == real)]) for real in (True, False))
    candidates = np.unique(scores[there])
    misses = np.searchsorted(bona_fide, candidates) / len(bona_fide)
    alarms = 1 - np.searchsorted(attacks, candidates) / len(attacks)
    return float(candidates[np.argmin(np.abs(misses - alarms))])


def _methods(
    scores: dict[str, NDArray[np.float64]], species: NDArray[np.str_]
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Return partition → method and subset → scores, averages of what single sensors say among them."""
    from antispoof.scores.calibration import calibrate, fit_calibration

    bona_fide = species[scores["dev|rows"]] == ""
    calibrations = {}
    for name in MODALITIES:
        values = scores[f"dev|single|{name}"]
        there = np.isfinite(values)
        calibrations[name] = fit_calibration(values[there & bona_fide], values[there & ~bona_fide])
    methods: dict[str, dict[str, NDArray[np.float64]]] = {}
    for part in ("dev", *PROTOCOLS):
        named = {
            key.split("|", 1)[1]: values
            for key, values in scores.items()
            if key.startswith(f"{part}|") and not key.endswith("|rows")
        }
        for subset in SUBSETS:
            single = [calibrate(named[f"single|{name}"], calibrations[name]) for name in subset]
            raw = [named[f"single|{name}"] for name in subset]
            probabilities = [1 / (1 + np.exp(-values)) for values in raw]
            for label, parts in zip(AVERAGES, (probabilities, raw, single), strict=True):
                stack = np.stack(parts)
                count = np.isfinite(stack).sum(0)
                total = np.where(np.isfinite(stack), stack, 0).sum(0)
                named[f"{label}|{'+'.join(subset)}"] = np.where(
                    count > 0, total / np.maximum(count, 1), np.nan
                )
        methods[part] = named
    return methods


def _summary(
    found: dict[tuple[str, str, str], list[Errors]], dev: dict[str, list[float]], chosen: str, runs: list[str]
) -> dict[str, Any]:
    everything = "+".join(MODALITIES)

    def percent(method: str, protocols: Sequence[str] = PROTOCOLS) -> dict[str, float]:
        all_of = [e for p in protocols for run in runs for e in found[p, method, run]]
        by_run = [np.mean([e.acer for p in protocols for e in found[p, method, run]]) for run in runs]
        return {
            "acer": round(100 * float(np.mean([e.acer for e in all_of])), 2),
            "acer_deviation_over_runs": round(100 * float(np.std(by_run)), 2),
            "acer_worst_instrument": round(100 * float(np.mean([e.worst_acer for e in all_of])), 2),
            "bpcer": round(100 * float(np.mean([e.bpcer for e in all_of])), 2),
            "worst_apcer": round(100 * float(np.mean([e.worst_apcer for e in all_of])), 2),
            "mean_apcer": round(100 * float(np.mean([e.mean_apcer for e in all_of])), 2),
        }

    named = {
        OURS: chosen,
        **{name: name for name in (*FUSIONS, *AVERAGES, EARLY)},
    }
    table = {
        label: {p: percent(f"{method}|{everything}", [p]) for p in PROTOCOLS}
        | {"all": percent(f"{method}|{everything}")}
        for label, method in named.items()
    }

    unseen: dict[str, list[float]] = {}
    for protocol, run in itertools.product(PROTOCOLS[1:], runs):
        for error in found[protocol, f"{chosen}|{everything}", run]:
            for kind, share in error.apcer.items():
                unseen.setdefault(kind, []).append(share)

    def relative(measure: str) -> dict[str, float]:
        ours = table[OURS]["all"][measure]
        return {name: round(ours / table[name]["all"][measure] - 1, 3) for name in (*AVERAGES, EARLY)}

    alone, only = percent(f"{chosen}|face_rgb"), percent("single|face_rgb")
    return {
        "simulated": True,
        "runs": runs,
        "chosen_on_dev": chosen,
        "dev_acer": {name: round(100 * float(np.mean(dev[f"{name}|{everything}"])), 2) for name in FUSIONS},
        "acer_percent": table,
        "ours_relative_to": {m: relative(m) for m in ("acer", "acer_worst_instrument")},
        "colour_alone": {
            "from the fused weights": alone,
            "network of colour alone": only,
            "early concatenation": percent(f"{EARLY}|face_rgb"),
            "relative": round(alone["acer"] / only["acer"] - 1, 3),
        },
        "subsets": {
            "+".join(subset): {
                OURS: percent(f"{chosen}|{'+'.join(subset)}")["acer"],
                AVERAGE: percent(f"{AVERAGE}|{'+'.join(subset)}")["acer"],
            }
            for subset in SUBSETS
            if chosen not in SLOW or len(subset) in (1, 4)
        },
        "single": {name: percent(f"single|{name}") for name in MODALITIES},
        "apcer_of_unseen_instruments": {k: round(100 * float(np.mean(v)), 1) for k, v in unseen.items()},
        "python": platform.python_version(),
    }


def _plot(result: dict[str, Any], path: Path) -> None:
    try:
        import matplotlib
    except ImportError:
        raise SystemExit("--plot needs matplotlib: pip install matplotlib") from None
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "antispoof"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.6, 4.4), layout="constrained")
    letters = {"face_rgb": "C", "face_depth": "D", "face_infrared": "I", "face_thermal": "T"}
    for label, colour, shift in ((OURS, "#1f5fbf", -0.06), (AVERAGE, "#c0504d", 0.06)):
        by_count: dict[int, list[float]] = {}
        for subset, values in sorted(result["subsets"].items(), key=lambda item: item[1][label]):
            names = subset.split("+")
            by_count.setdefault(len(names), []).append(values[label])
            axes.plot(len(names) + shift, values[label], "o", color=colour, alpha=0.55, markersize=5)
        counts = sorted(by_count)
        means = [float(np.mean(by_count[count])) for count in counts]
        axes.plot(np.array(counts) + shift, means, "-", color=colour, label=f"{label}, mean of subsets")
    taken: dict[int, float] = {}
    for subset, values in sorted(result["subsets"].items(), key=lambda item: float(item[1][OURS])):
        names = subset.split("+")
        height = max(values[OURS], taken.get(len(names), -9.0) + 1.3)  # labels must not overlap
        taken[len(names)] = height
        text = "".join(letters[name] for name in names)
        axes.annotate(text, (len(names) - 0.1, height), fontsize=7, color="#444444", va="center", ha="right")
    axes.set_xticks([1, 2, 3, 4])
    axes.set_xlabel("sensors present (C colour, D depth, I infrared, T thermal)")
    axes.set_ylabel("ACER in %, mean of instruments and protocols")
    axes.set_ylim(bottom=0)
    axes.set_title("Dropping sensors at test time, one set of weights, SIMULATED scenes", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


# -- speed -----------------------------------------------------------------------------------------


def speed(bundle: str, repeats: int = 40) -> None:
    """Print median and 95th percentile of a whole check by subset, preparation included, one thread."""
    import antispoof
    from antispoof.runtime.bundle import read_bundle
    from antispoof.simulation.scene.render import SceneSpec, render_scene

    cv2.setNumThreads(1)
    detector = antispoof.load(bundle)
    capture = render_scene(SceneSpec(1, 0, 0, None, "desk", "office"), 256)
    peer: Any = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 255, (1080, 1920, 3), np.uint8), (0, 0), 3
    )
    _, photo = cv2.imencode(".jpg", peer)
    rows = {}
    for subset in SUBSETS:
        given = {name: capture[name] for name in subset}
        rows["+".join(subset)] = _timed(lambda given=given: detector.check(**given), repeats)
    rows["peer: OpenCV decodes a JPEG of 1920 × 1080"] = _timed(
        lambda: cv2.imdecode(photo, cv2.IMREAD_COLOR), repeats
    )
    print(
        json.dumps(
            {
                "file_bytes": len(read_bundle(bundle).model),
                "capture_px": 256,
                "load_average": round(os.getloadavg()[0], 1),
                "processor_ms": rows,
            },
            indent=2,
        )
    )


def _timed(call: Any, repeats: int) -> dict[str, float]:
    for _ in range(3):
        call()
    wall, busy = [], []
    for _ in range(repeats):
        start, processor = time.perf_counter(), time.process_time()
        call()
        wall.append(1000 * (time.perf_counter() - start))
        busy.append(1000 * (time.process_time() - processor))
    return {
        "processor_median": round(float(np.median(busy)), 1),
        "wall_median": round(float(np.median(wall)), 1),
        "wall_p95": round(float(np.quantile(wall, 0.95)), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Several sensors, on SIMULATED scenes.")
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train", help="train and score every fold and seed")
    training.add_argument("manifest", type=Path)
    training.add_argument("--work", type=Path, required=True)
    reporting = commands.add_parser("report", help="print what was found")
    reporting.add_argument("--work", type=Path, required=True)
    reporting.add_argument("--json", type=Path)
    reporting.add_argument("--plot", type=Path, help="folder for the plot")
    timing = commands.add_parser("speed", help="latency by subset, and file size")
    timing.add_argument("--bundle", default="face-multispectral")
    chosen = parser.parse_args()
    if chosen.command == "train":
        train(chosen.manifest, chosen.work)
    elif chosen.command == "report":
        report(chosen.work, chosen.json, chosen.plot)
    else:
        speed(chosen.bundle)


if __name__ == "__main__":
    main()
