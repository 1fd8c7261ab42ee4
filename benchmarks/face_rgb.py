"""The shipped face model on real recaptures that it never saw, beside other systems on the same pictures.

    python benchmarks/face_rgb.py --data DIR --peers PEERS --json face_rgb.json

DIR holds ``manifest.csv`` (path, modality, pai_species, source, use) as described in docs/benchmarks.md;
PEERS the ONNX files of the peers. Frames of one source resemble each other, so the unit is the SOURCE:
figures are macro averages over sources, their intervals a bootstrap over sources. Every system sees the same
face boxes. Nothing is fitted here, but for the ten-number baseline (leave one source
out). What references, a site or traffic add measures ``face_context.py``.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

import antispoof
from antispoof.evaluation.confidence import bootstrap, percentile_interval
from antispoof.evaluation.metrics import auc, d_eer
from antispoof.scores.pooling import UNFITTED
from antispoof.sensing.capture import Box, Quality, Sample
from antispoof.sensing.faces import CropRecipe, crop
from antispoof.sensing.modalities import modalities

Image = NDArray[np.uint8]
Scores = NDArray[np.float64]
PRINT = "print"
LATER = ("collected-13", "collected-14", "collected-15")  # unseen until the first model shipped
ENROLLED = 20
TOGETHER = 5  # frames that are one presentation
DRAWN = 100  # presentations of each source and class


@dataclass
class Picture:
    """One labelled picture and the face in it."""

    path: str
    source: str
    pai_species: str
    image: Image = field(repr=False)
    quality: Quality = field(repr=False)


@dataclass(frozen=True)
class System:
    """Something that scores faces: higher = bona fide, decided at ``threshold``."""

    name: str
    score: Callable[[Image, Quality], float]
    threshold: float
    detector: antispoof.Detector | None = None


def ours(bundle: str) -> tuple[System, antispoof.Detector]:
    detector = antispoof.load(bundle)
    modality = modalities["face_rgb"]
    metadata = detector.bundle.metadata

    def score(image: Image, quality: Quality) -> float:
        views = {
            view.name: modality.prepare(Sample(image), quality, **view.prepare)[None]
            for view in metadata.inputs
        }
        raw = float(scorer(views).score[0])
        return metadata.calibration.slope * raw + metadata.calibration.intercept

    from antispoof.runtime.scorer import Scorer

    scorer = Scorer(detector.bundle)
    return System(metadata.name, score, detector.operating_point.threshold, detector), detector


def parts_of(detector: antispoof.Detector) -> list[System]:
    """Each view alone, through its share of the linear layer: what either contributes."""
    from antispoof.runtime.scorer import Scorer

    modality = modalities["face_rgb"]
    metadata = detector.bundle.metadata
    scorer = Scorer(detector.bundle)
    assert metadata.head is not None
    weight = np.array(metadata.head.weight)

    def score(image: Image, quality: Quality, share: slice) -> float:
        views = {v.name: modality.prepare(Sample(image), quality, **v.prepare)[None] for v in metadata.inputs}
        features = scorer(views).features
        assert features is not None
        return float(features[0, share] @ weight[share])

    wider = len(metadata.inputs) - 1
    shares = {"close view alone": slice(0, -wider), "wider views alone": slice(-wider, None)}
    return [
        System(f"{metadata.name}: {name}", partial(score, share=share), np.nan)
        for name, share in shares.items()
    ]


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def minivision(folder: Path) -> System:
    """Two networks, BGR 0..255, boxes enlarged 2.7 and 4 times; softmaxes summed, argmax decides."""
    networks = [
        (_session(folder / "minifasnet_v2_crop2.7_80.onnx"), 2.7),
        (_session(folder / "minifasnet_v1se_crop4.0_80.onnx"), 4.0),
    ]

    def score(image: Image, quality: Quality) -> float:
        assert quality.region is not None
        total = np.zeros(3)
        for session, scale in networks:
            patch = (
                _inside(image, quality.region, scale)[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32)
            )
            logits = session.run(None, {session.get_inputs()[0].name: patch})[0][0].astype(np.float64)
            total += np.exp(logits - np.logaddexp.reduce(logits))
        # Positive exactly where class 1 wins the argmax of the sum.
        return float(np.log(total[1] + 1e-12) - np.log(max(total[0], total[2]) + 1e-12))

    return System("minivision", score, 0.0)


def _inside(image: Image, box: Box, scale: float) -> Image:
    rows, columns = image.shape[:2]
    scale = min(scale, (rows - 1) / box.height, (columns - 1) / box.width)
    width, height = box.width * scale, box.height * scale
    x = min(max(box.x + box.width / 2 - width / 2, 0), columns - 1 - width)
    y = min(max(box.y + box.height / 2 - height / 2, 0), rows - 1 - height)
    patch = image[int(y) : int(y + height) + 1, int(x) : int(x + width) + 1]
    return np.asarray(cv2.resize(patch, (80, 80)), np.uint8)


def vietanh(folder: Path) -> System:
    """RGB / 255, 128 px, square of 1.5 boxes reflected at the border; logit 0 − logit 1, sign decides."""
    session = _session(folder / "vietanh_97.80_crop1.5_128.onnx")

    def score(image: Image, quality: Quality) -> float:
        assert quality.region is not None
        box = quality.region
        side = int(1.5 * max(box.width, box.height))
        x, y = int(box.x + box.width / 2 - side / 2), int(box.y + box.height / 2 - side / 2)
        rows, columns = image.shape[:2]
        pads = (max(-y, 0), max(y + side - rows, 0), max(-x, 0), max(x + side - columns, 0))
        inside = image[max(y, 0) : y + side, max(x, 0) : x + side]
        patch = cv2.copyMakeBorder(inside, *pads, borderType=cv2.BORDER_REFLECT_101)
        how = cv2.INTER_LANCZOS4 if side < 128 else cv2.INTER_AREA
        patch = cv2.resize(patch, (128, 128), interpolation=how).transpose(2, 0, 1)[None]
        logits = session.run(None, {session.get_inputs()[0].name: patch.astype(np.float32) / 255})[0][0]
        return float(logits[0] - logits[1])

    return System("vietanh", score, 0.0)


def read_pictures(data: Path) -> list[Picture]:
    """Every picture of the evaluation sets, with its face found once."""
    modality = modalities["face_rgb"]
    pictures = []
    root = data.parent
    with (data / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"].startswith("collected-")]
    for row in track(rows, "finding faces", transient=True):
        sample = modality.load(root / row["path"])
        pictures.append(
            Picture(row["path"], row["source"], row["pai_species"], sample.array, modality.quality(sample))
        )
    return pictures


def score_all(
    system: System, pictures: list[Picture], change: Callable[[Image], Image] | None = None
) -> Scores:
    """Scores of all pictures, NaN where there was no usable face."""
    scores = np.full(len(pictures), np.nan)
    for index, picture in enumerate(track(pictures, system.name, transient=True)):
        if picture.quality.usable:
            image = picture.image if change is None else change(picture.image)
            scores[index] = system.score(image, picture.quality)
    return scores


@dataclass(frozen=True)
class SourceFigures:
    """Figures of one system on one source; non-responses count as rejected, and stay out of AUC and EER."""

    auc: float
    eer: float
    apcer: float
    bpcer: float

    @property
    def hter(self) -> float:
        """Mean of both error rates."""
        return (self.apcer + self.bpcer) / 2


def by_source(scores: Scores, pictures: list[Picture], threshold: float) -> dict[str, SourceFigures]:
    source = np.array([p.source for p in pictures])
    attack = np.array([p.pai_species != "" for p in pictures])
    figures = {}
    for name in sorted(set(source)):
        here = source == name
        filled = np.where(np.isnan(scores), -np.inf, scores)
        people, attacks = (
            scores[here & ~attack & ~np.isnan(scores)],
            scores[here & attack & ~np.isnan(scores)],
        )
        both = people.size and attacks.size
        figures[name] = SourceFigures(
            auc(people, attacks) if both else np.nan,
            d_eer(people, attacks).value if both else np.nan,
            float(np.mean(filled[here & attack] >= threshold)) if (here & attack).any() else np.nan,
            float(np.mean(filled[here & ~attack] < threshold)),
        )
    return figures


def macro(figures: Mapping[str, SourceFigures]) -> dict[str, Any]:
    """Mean over replay sources with both classes, 95 % bootstrap interval over sources, and the worst."""
    replay = {k: f for k, f in figures.items() if k != f"collected-{PRINT}" and not np.isnan(f.auc)}
    table = np.array([[f.auc, f.eer, f.apcer, f.bpcer, f.hter] for f in replay.values()])
    draws = bootstrap(lambda n: n @ table / n.sum(), len(table), resamples=2000)
    intervals = percentile_interval(draws)
    result: dict[str, Any] = {
        name: {"mean": float(value), "low": interval.low, "high": interval.high}
        for name, value, interval in zip(
            ("auc", "eer", "apcer", "bpcer", "hter"), table.mean(0), intervals, strict=True
        )
    }
    worst = {"auc": table[:, 0].min(), "apcer": table[:, 2].max(), "bpcer": table[:, 3].max()}
    return result | {f"worst_{name}": float(value) for name, value in worst.items()}


def together(system: System, scores: Scores, pictures: list[Picture]) -> dict[str, SourceFigures]:
    """Figures where random frames of one source and class are one presentation.

    Ours are pooled by the rule of the bundle, those of a peer by their mean.
    """
    rule = None if system.detector is None else system.detector.bundle.metadata.pooling or UNFITTED
    source = np.array([p.source for p in pictures])
    attack = np.array([p.pai_species != "" for p in pictures])
    rng = np.random.default_rng(0)
    pooled: dict[tuple[str, bool], Scores] = {}
    for name in sorted(set(source)):
        for kind in (False, True):
            rows = np.flatnonzero((source == name) & (attack == kind))
            if rows.size < TOGETHER:
                continue
            values = []
            for _ in range(DRAWN):
                drawn = scores[rng.choice(rows, TOGETHER, replace=False)]
                usable = drawn[~np.isnan(drawn)]
                if 2 * usable.size < TOGETHER:
                    values.append(np.nan)
                else:
                    values.append(float(usable.mean()) if rule is None else rule(usable))
            pooled[name, kind] = np.array(values)
    bursts = [
        Picture("", name, "attack" if kind else "", np.empty(0, np.uint8), Quality((), {}))
        for (name, kind), values in pooled.items()
        for _ in values
    ]
    return by_source(np.concatenate(list(pooled.values())), bursts, system.threshold)


def control(image: Image, box: Box) -> tuple[Image, Box]:
    """The face crop at 96 px, luminance of mean 110 and deviation 45: no size or brightness cue."""
    patch = crop(image, box, CropRecipe(1.6, 96))
    lab = cv2.cvtColor(patch, cv2.COLOR_RGB2LAB).astype(np.float32)
    light = lab[..., 0]
    lab[..., 0] = np.clip((light - light.mean()) / max(float(light.std()), 1.0) * 45 + 110, 0, 255)
    matched = cv2.cvtColor(lab.astype(np.uint8), cv2.COLOR_LAB2RGB)
    side = 96 / 1.6
    longer = max(box.width, box.height)
    width, height = side * box.width / longer, side * box.height / longer
    return np.asarray(matched, np.uint8), Box(48 - width / 2, 48 - height / 2, width, height)


def score_control(system: System, pictures: list[Picture]) -> Scores:
    scores = np.full(len(pictures), np.nan)
    for index, picture in enumerate(pictures):
        if picture.quality.usable and picture.quality.region is not None:
            image, box = control(picture.image, picture.quality.region)
            scores[index] = system.score(image, replace(picture.quality, region=box))
    return scores


TONES: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "+1 EV": lambda x: np.clip(2 * x**2.2, 0, 1) ** (1 / 2.2),
    "-1 EV": lambda x: (0.5 * x**2.2) ** (1 / 2.2),
    "red +20 %": lambda x: x * np.array([1.2, 1, 1], np.float32),
    "red -20 %": lambda x: x * np.array([0.8, 1, 1], np.float32),
    "blue +20 %": lambda x: x * np.array([1, 1, 1.2], np.float32),
    "blue -20 %": lambda x: x * np.array([1, 1, 0.8], np.float32),
    "contrast x 0.7": lambda x: (x - 0.5) * 0.7 + 0.5,
    "blur 1 px": lambda x: np.asarray(cv2.GaussianBlur(x, (0, 0), 1.0), np.float32),
    "noise 8/255": lambda x: x + np.random.default_rng(0).normal(0, 8 / 255, x.shape).astype(np.float32),
}


def tone(name: str) -> Callable[[Image], Image]:
    def change(image: Image) -> Image:
        seen = TONES[name](np.asarray(image / 255, np.float32))
        return np.asarray(np.clip(seen, 0, 1) * 255 + 0.5, np.uint8)

    return change


def flipped_by_jitter(system: System, pictures: list[Picture], scores: Scores) -> float:
    """Share of verdicts that change when the box is moved or resized by up to 20 %, macro over sources."""
    rng = np.random.default_rng(0)
    flips: dict[str, list[bool]] = {}
    for picture, score in zip(pictures, scores, strict=True):
        if np.isnan(score) or picture.source == f"collected-{PRINT}":
            continue
        box = picture.quality.region
        assert box is not None
        for _ in range(2):
            scale, dx, dy = 1 + rng.uniform(-0.2, 0.2), *(rng.uniform(-0.1, 0.1, 2))
            width, height = box.width * scale, box.height * scale
            moved = Box(
                box.x + box.width * (0.5 + dx) - width / 2,
                box.y + box.height * (0.5 + dy) - height / 2,
                width,
                height,
            )
            other = system.score(picture.image, replace(picture.quality, region=moved))
            flips.setdefault(picture.source, []).append(
                (other >= system.threshold) != (score >= system.threshold)
            )
    return float(np.mean([np.mean(f) for f in flips.values()]))


def ten_numbers(picture: Picture) -> NDArray[np.float64]:
    """Height, aspect, blur, brightness, contrast, saturation, colour cast: what needs no network."""
    image = picture.image.astype(np.float64)
    grey = image.mean(2)
    saturation = image.max(2) - image.min(2)
    detail = cv2.Laplacian(picture.image, cv2.CV_64F).std()
    means = image.mean((0, 1))
    return np.array(
        [
            image.shape[0],
            image.shape[1] / image.shape[0],
            np.log(detail + 1),
            grey.mean(),
            grey.std(),
            saturation.mean(),
            saturation.std(),
            means[0] - means[1],
            means[2] - means[1],
            (grey > 245).mean(),
        ]
    )


def ten_number_scores(pictures: list[Picture]) -> Scores:
    """Logistic regression on ten numbers, trained on the OTHER sources: it saw real attacks."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    numbers = np.array([ten_numbers(p) for p in pictures])
    source = np.array([p.source for p in pictures])
    bona_fide = np.array([p.pai_species == "" for p in pictures])
    related = {"collected-01": "collected-10", "collected-10": "collected-01"}  # they share a person
    scores = np.full(len(pictures), np.nan)
    for name in set(source):
        train = (source != name) & (source != related.get(name)) & (source != f"collected-{PRINT}")
        model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
        scores[source == name] = model.fit(numbers[train], bona_fide[train]).decision_function(
            numbers[source == name]
        )
    return scores


def clips(systems: list[System], folder: Path) -> list[dict[str, Any]]:
    """Every clip, per system: ours judges it whole, of a peer it is the mean score of 12 frames."""
    modality = modalities["face_rgb"]
    rows = []
    for kind in ("bonafide", "replay"):
        for path in sorted((folder / kind).iterdir()):
            capture = cv2.VideoCapture(str(path))
            frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) or 60
            row: dict[str, Any] = {"clip": f"{kind}/{path.name}"}
            scores: dict[str, list[float]] = {system.name: [] for system in systems}
            for index in range(frames):
                ok, bgr = capture.read()
                if not ok:
                    break
                if index % max(1, frames // 12):
                    continue
                sample = modality.load(np.ascontiguousarray(bgr[..., ::-1]))
                quality = modality.quality(sample)
                if quality.usable:
                    for system in systems:
                        if system.detector is None:
                            scores[system.name].append(system.score(sample.array, quality))
            for system in systems:
                margin = (
                    float(np.mean(scores[system.name])) - system.threshold if scores[system.name] else np.nan
                )
                if system.detector is not None:
                    verdict = system.detector.check(face_rgb=path)
                    margin = np.nan if verdict.margin is None else verdict.margin
                right = bool(margin >= 0) == (kind == "bonafide") and not np.isnan(margin)
                row[system.name] = {"margin": margin, "right": right}
            rows.append(row)
    return rows


def timing(systems: list[System], detector: antispoof.Detector, repeats: int = 60) -> dict[str, float]:
    """Median milliseconds, one thread, in turn: whole check of a 640 × 480 JPEG, and its parts."""
    from skimage import data

    modality = modalities["face_rgb"]
    canvas = np.full((480, 640, 3), 128, np.uint8)
    canvas[:, 80:560] = cv2.resize(data.astronaut(), (480, 480), interpolation=cv2.INTER_AREA)
    photo = cv2.imencode(".jpg", canvas[..., ::-1])[1].tobytes()
    sample = modality.load(photo)
    quality = modality.quality(sample)
    parts: dict[str, Callable[[], object]] = {
        "decode": lambda: modality.load(photo),
        "detector and quality": lambda: modality.quality(sample),
        **{f"{s.name} networks": partial(s.score, sample.array, quality) for s in systems},
        "antispoof whole check": lambda: detector.check(face_rgb=photo),
    }
    peer = next((s for s in systems if s.name == "minivision"), None)
    if peer is not None:

        def chain() -> float:
            loaded = modality.load(photo)
            return peer.score(loaded.array, modality.quality(loaded))

        parts["minivision whole chain"] = chain
    times: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(repeats):
        for name, part in parts.items():
            start = time.perf_counter()
            part()
            times[name].append(time.perf_counter() - start)
    return {name: 1e3 * float(np.median(values)) for name, values in times.items()}


def plot(system: System, scores: Scores, pictures: list[Picture], path: Path) -> None:
    """APCER and BPCER over the threshold: macro over sources of replays, worst source, prints."""
    from matplotlib.figure import Figure

    assert system.detector is not None
    at = np.linspace(-4, 6, 201)
    figures = [by_source(scores, pictures, float(threshold)) for threshold in at]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    replays = [macro(f) for f in figures]
    prints = [f[f"collected-{PRINT}"] for f in figures]
    for name, values, style in (
        ("APCER, replays", [r["apcer"]["mean"] for r in replays], "C3-"),
        ("APCER, replays, worst source", [r["worst_apcer"] for r in replays], "C3:"),
        ("APCER, prints", [f.apcer for f in prints], "C1-"),
        ("BPCER, sources of replays", [r["bpcer"]["mean"] for r in replays], "C0-"),
        ("BPCER, worst source", [r["worst_bpcer"] for r in replays], "C0:"),
        ("BPCER, set of prints", [f.bpcer for f in prints], "C2-"),
    ):
        axes.plot(at, 100 * np.array(values), style, label=name)
    points = system.detector.bundle.metadata.operating_points
    for name, point in points.items():
        axes.axvline(point.threshold, color="grey", linewidth=0.8)
        axes.text(point.threshold, 101, name, rotation=90, fontsize=7, ha="center", va="bottom")
    axes.set(
        xlabel="threshold (natural-log likelihood ratio)", ylabel="%", xlim=(at[0], at[-1]), ylim=(0, 100)
    )
    axes.legend(fontsize=8, loc="center left")
    figure.savefig(path)


def percent(value: float) -> str:
    return "–" if np.isnan(value) else f"{100 * value:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--peers", type=Path, help="folder with the peers' ONNX files")
    parser.add_argument(
        "--bundle", nargs="+", default=["face-rgb", "face-rgb-edge"], help="the first is looked at closest"
    )
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument(
        "--plot", type=Path, help="draw error rates over the threshold of the first bundle here"
    )
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    console = Console(width=140)

    systems = [ours(bundle)[0] for bundle in arguments.bundle]
    system, detector = systems[0], systems[0].detector
    assert detector is not None
    if arguments.peers:
        systems += [minivision(arguments.peers), vietanh(arguments.peers)]
    pictures = read_pictures(arguments.data)
    found: dict[str, Any] = {"bundle": detector.bundle.metadata.sha256}
    unusable = [p for p in pictures if not p.quality.usable]
    console.print(
        f"{len(pictures)} pictures, {sum(p.pai_species == '' for p in unusable)} bona fide and "
        f"{sum(p.pai_species != '' for p in unusable)} attacks gave no response "
        "(counted as rejected, left out of AUC)"
    )

    all_scores = {s.name: score_all(s, pictures) for s in systems}
    per_system = {s.name: by_source(all_scores[s.name], pictures, s.threshold) for s in systems}
    per_system["ten numbers"] = by_source(ten_number_scores(pictures), pictures, 0.0)

    table = Table(title="By source, % (AUC · EER · APCER · BPCER at the system's own threshold)")
    table.add_column("source")
    for name in per_system:
        table.add_column(name, justify="right")
    for source in per_system[system.name]:
        rows = [per_system[name][source] for name in per_system]
        table.add_row(
            source, *(" · ".join(percent(v) for v in (f.auc, f.eer, f.apcer, f.bpcer)) for f in rows)
        )
    console.print(table)
    found["by_source"] = {n: {s: vars_of(f) for s, f in v.items()} for n, v in per_system.items()}

    groups = {
        "replays, sources 01 to 12": (False,),
        "replays, sources 13 to 15": (True,),
        "replays, all sources": (False, True),
    }
    found["macro"] = {}
    for title, later in groups.items():
        table = Table(title=f"{title}: macro %, 95 % bootstrap over sources")
        for column in ("system", "AUC", "worst", "EER", "APCER", "worst", "BPCER", "worst", "HTER"):
            table.add_column(column, justify="left" if column == "system" else "right")
        found["macro"][title] = {}
        for name, figures in per_system.items():
            summary = macro({source: f for source, f in figures.items() if (source in LATER) in later})
            found["macro"][title][name] = summary
            spans = {
                k: f"{percent(row['mean'])} ({percent(row['low'])}–{percent(row['high'])})"
                for k in ("auc", "eer", "apcer", "bpcer", "hter")
                for row in [summary[k]]
            }
            worst = {k: percent(summary[f"worst_{k}"]) for k in ("auc", "apcer", "bpcer")}
            table.add_row(
                name,
                *(spans["auc"], worst["auc"], spans["eer"], spans["apcer"], worst["apcer"]),
                *(spans["bpcer"], worst["bpcer"], spans["hter"]),
            )
        console.print(table)

    for title, later in groups.items():
        table = Table("system", "EER", "APCER", "BPCER", "HTER", title=f"{TOGETHER} frames, {title}: macro %")
        found.setdefault("together", {})[title] = {}
        for s in systems:
            figures = together(s, all_scores[s.name], pictures)
            summary = macro({source: f for source, f in figures.items() if (source in LATER) in later})
            means = {key: summary[key]["mean"] for key in ("eer", "apcer", "bpcer", "hter")}
            found["together"][title][s.name] = means
            table.add_row(s.name, *(percent(value) for value in means.values()))
        console.print(table)

    if arguments.plot:
        plot(system, all_scores[system.name], pictures, arguments.plot)

    table = Table("system", "AUC", "EER", "APCER", "BPCER", title="Prints, %, at the system's own threshold")
    for name, figures in per_system.items():
        table.add_row(name, *(percent(v) for v in vars_of(figures[f"collected-{PRINT}"]).values()))
    console.print(table)

    table = Table("system", "AUC", title="Control: 96 px, matched luminance; macro %, replays of all sources")
    found["control"] = {}
    for s in systems:
        summary = macro(by_source(score_control(s, pictures), pictures, s.threshold))
        found["control"][s.name] = summary["auc"]["mean"]
        table.add_row(s.name, percent(summary["auc"]["mean"]))
    console.print(table)

    if detector.bundle.metadata.head is not None:
        table = Table("part", "AUC", "worst source", "EER", "print AUC", title="Ablation, macro %")
        found["ablation"] = {}
        for part in parts_of(detector):
            figures = by_source(score_all(part, pictures), pictures, part.threshold)
            summary = macro(figures)
            prints = figures[f"collected-{PRINT}"].auc
            found["ablation"][part.name] = {
                "auc": summary["auc"]["mean"],
                "worst_auc": summary["worst_auc"],
                "eer": summary["eer"]["mean"],
                "print_auc": prints,
            }
            table.add_row(part.name, *(percent(v) for v in found["ablation"][part.name].values()))
        console.print(table)

    table = Table(title="Tone: BPCER with only bona fide altered, AUC with both altered, macro %")
    compared = systems[: len(arguments.bundle) + 1]  # ours and the first peer: this is the longest part
    for column in ("change", *(f"{s.name} {k}" for s in compared for k in ("BPCER", "AUC"))):
        table.add_column(column, justify="left" if column == "change" else "right")
    replay_pictures = [p for p in pictures if p.source != f"collected-{PRINT}"]
    found["tone"] = {}
    for name in TONES:
        cells = []
        for s in compared:
            summary = macro(
                by_source(score_all(s, replay_pictures, tone(name)), replay_pictures, s.threshold)
            )
            found["tone"].setdefault(name, {})[s.name] = {k: summary[k]["mean"] for k in ("bpcer", "auc")}
            cells += [percent(summary["bpcer"]["mean"]), percent(summary["auc"]["mean"])]
        table.add_row(name, *cells)
    console.print(table)

    table = Table(title="Box moved or resized by up to 20 %: flipped verdicts, macro %")
    found["jitter"] = {s.name: flipped_by_jitter(s, pictures, all_scores[s.name]) for s in systems}
    for name, share in found["jitter"].items():
        table.add_row(name, percent(share))
    console.print(table)

    if (arguments.data / "videos").is_dir():
        found["clips"] = clips(systems, arguments.data / "videos")
        table = Table(
            "clip", *(s.name for s in systems), title="Clips: score less threshold, and whether right"
        )
        for row in found["clips"]:
            cells = [
                f"{row[s.name]['margin']:+.2f} {'' if row[s.name]['right'] else 'WRONG'}" for s in systems
            ]
            table.add_row(row["clip"], *cells)
        table.add_row("right", *(str(sum(row[s.name]["right"] for row in found["clips"])) for s in systems))
        console.print(table)

    replays = found["macro"]["replays, all sources"][system.name]
    on_prints = per_system[system.name][f"collected-{PRINT}"]
    found["results"] = [
        {
            "data": "14 sources of real replays, macro average (docs/benchmarks.md)",
            "simulated": False,
            "metrics": {
                key: round(replays[key]["mean"], 4) for key in ("auc", "eer", "apcer", "bpcer", "hter")
            },
        },
        {
            "data": "150 + 148 real prints and photos (docs/benchmarks.md)",
            "simulated": False,
            "metrics": {key: round(value, 4) for key, value in vars_of(on_prints).items()},
        },
    ]
    found["milliseconds"] = timing(systems, detector)
    table = Table("part", "median ms", title="One 640 × 480 JPEG, one thread, in turn")
    for name, value in found["milliseconds"].items():
        table.add_row(name, f"{value:.1f}")
    console.print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def vars_of(figures: SourceFigures) -> dict[str, float]:
    return {"auc": figures.auc, "eer": figures.eer, "apcer": figures.apcer, "bpcer": figures.bpcer}


if __name__ == "__main__":
    main()
