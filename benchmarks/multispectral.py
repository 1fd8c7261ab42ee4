"""What fusing four sensors of a face is worth, on SIMULATED scenes:

    antispoof simulate scene data/scenes --subjects 300 --seed 21
    python benchmarks/multispectral.py train data/scenes/manifest.csv --work runs/multispectral
    python benchmarks/multispectral.py report --work runs/multispectral --json multispectral.json --plot docs/images
    python benchmarks/multispectral.py speed

Three folds; each keeps one sensor suite and every third kind of instrument out of training and dev, so that over the
folds every suite and every instrument is unseen once. One set of networks a fold and seed is tested on three
protocols: an unseen suite with known instruments (`sensor`), unseen instruments before known suites
(`instrument`), and both at once (`both`). Thresholds are set on dev at equal error rate, and nothing else is
fitted to scores but the calibration of single sensors, on dev as well.

The branches, one encoder a sensor, learn by themselves; fusions learn on top of what the branches say and see, with
gradients stopped, so that the same four branches serve score averaging and all fusions, and the branch of colour
IS the network of colour alone. Early concatenation has one encoder of the same kind over all channels. What a
modality rejects (no face in it) counts as absent, as when served. `train` can be interrupted and started again, and
several may run side by side: each takes folds and seeds that nobody has taken.
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
EPOCHS, BATCH, RATE, DROPOUT = 3, 48, 3e-3, 0.4
FOLDS, SEEDS = (0, 1, 2), (1, 2, 3)
PROTOCOLS = ("sensor", "instrument", "both")
SUBSETS = [s for n in (4, 3, 2, 1) for s in itertools.combinations(MODALITIES, n)]
OURS, AVERAGE, EARLY = "ours", "score averaging", "early concatenation"


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
            **inputs,
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
        torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(some.astype(np.float32)), SEEN).half().numpy()
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
                print(f"fold {fold} seed {seed}: {time.process_time() - start:.0f} s of a processor", flush=True)
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
        loss.backward()
        for part in separate:  # each as if it learned alone
            nn.utils.clip_grad_norm_(part.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    for part in (branches, tops, early):
        part.eval()
    scores = {}
    for name in ("dev", *PROTOCOLS):
        for method, values in _scored(scenes, parts[name], branches, tops, early).items():
            scores[f"{name}|{method}"] = values
    draft = result.with_suffix(".part.npz")
    np.savez(draft, **scores, **{f"{name}|rows": parts[name] for name in ("dev", *PROTOCOLS)})
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
                    keep(f"{name}|{'+'.join(subset)}", _fused(top, said, seen), seen)
                if len(subset) in (1, 4):
                    keep(f"{EARLY}|{'+'.join(subset)}", early(x, seen).score, seen)
    return {name: np.concatenate(values) for name, values in found.items()}
