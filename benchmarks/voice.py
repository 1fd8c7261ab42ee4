"""The shipped voice model on vocoders and engines, beside AASIST-L and four trivial numbers.

    python benchmarks/voice.py --data DIR --peer aasist_l_64600.onnx --json voice.json
    python benchmarks/voice.py --left-out FOLDER          # of a protocol, see below

DIR holds ``manifest.csv`` (path, modality, pai_species, source, use) as described in docs/benchmarks.md. A
source that holds both classes is a collection of its own, the others are one together. A
task is one engine: its clips against the bona fide clips of the same collection. Clips made by other engines
come with ``--spoofs``, manifests as ``antispoof simulate speech`` writes them; of those only the partition
test counts. Nothing is fitted here but the trivial control, which learns from the OTHER engines.

Sounds in which nobody speaks, and damaged recordings, are in ``benchmarks/voice_gate.py``.

``--left-out FOLDER`` is the output of

    antispoof protocol run configs/voice-edge.yaml leave-one-out:dataset -o FOLDER \\
        --set data.manifest=voice.csv

where every source of bona fide speech is left out once, with all that was made of it. The threshold is that
at which 10 % of the attacks of dev pass, of sources that were trained with; BPCER is of the source left out.

``--keep FILE`` saves scores as they come, and takes those that are there already, so that a long run can be
interrupted.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import onnxruntime
import soundfile
import soxr
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

import antispoof
from antispoof.data.manifest import read_manifest
from antispoof.errors import MediaError
from antispoof.evaluation.confidence import bootstrap, percentile_interval
from antispoof.evaluation.detection_cost import act_dcf, min_dcf
from antispoof.evaluation.metrics import apcer, auc, bpcer, d_eer
from antispoof.evaluation.scores import ScoreSet
from antispoof.runtime.bundle import default_bundle
from antispoof.runtime.scorer import Scorer
from antispoof.sensing.audio import RATE, load_audio
from antispoof.sensing.capture import Sample
from antispoof.sensing.modalities import modalities

Speech = NDArray[np.float32]
Scores = NDArray[np.float64]
PAIRS = "vocoder-pairs"
PEER_SAMPLES = 64_600


@dataclass(frozen=True)
class Clip:
    """One labelled recording; ``utterance`` is what several engines may have spoken alike."""

    path: str
    collection: str
    engine: str  # empty for bona fide
    utterance: str
    condition: str
    speech: Speech = field(repr=False)
    source_rate: int


def read_clips(data: Path, spoofs: list[Path]) -> list[Clip]:
    """Every clip of the sets; glowtts and nsf stand against bona fide speech of sources without spoofs."""
    with (data / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["modality"] == "voice"]
    classes: dict[str, set[bool]] = {}
    for row in rows:
        classes.setdefault(row["source"], set()).add(bool(row["pai_species"]))
    found = []
    for row in rows:
        name = Path(row["path"]).stem
        utterance, condition = name, "clean"
        if row["source"] == PAIRS:
            engine = row["pai_species"].removeprefix("vocoder_") or "gt"
            utterance = name.removeprefix(f"{engine}_")
            for mark, word in (("noisy", "noisy"), ("reverberated", "reverberant")):
                condition = word if mark in name else condition
        collection = row["source"] if len(classes[row["source"]]) == 2 else "engines"
        found.append((data.parent / row["path"], collection, row["pai_species"], utterance, condition))
    for manifest in spoofs:
        for entry in read_manifest(manifest):
            if entry.partition == "test":
                path = Path(entry.captures["voice"].path)
                path = path if path.is_absolute() else manifest.parent / path
                found.append((path, manifest.parent.name, entry.pai_species or "", entry.subject, "clean"))
    clips = []
    for path, collection, engine, utterance, condition in track(found, "reading", transient=True):
        sample = load_audio(path)
        rate = int(sample.metadata["source_rate"])
        clips.append(Clip(str(path), collection, engine, utterance, condition, sample.array, rate))
    return clips


# -- what may happen to a recording on its way, alike for both classes ------------------------------


def coded(container: str, codec: str, rate: int, bit_rate: int) -> Callable[[Speech], Speech]:
    """Encode, and decode as the product does."""

    def change(speech: Speech) -> Speech:
        file = io.BytesIO()
        with av.open(file, "w", format=container) as output:
            stream: Any = output.add_stream(codec, rate=rate, layout="mono", bit_rate=bit_rate)
            context = stream.codec_context
            resampler = av.AudioResampler(context.format, "mono", rate, context.frame_size or None)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(np.clip(speech, -1, 1)[None]), format="fltp", layout="mono"
            )
            frame.sample_rate = RATE
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                output.mux(stream.encode(part))
            output.mux(stream.encode(None))
        return load_audio(file.getvalue()).array

    return change


def telephone(speech: Speech) -> Speech:
    """8 kHz, µ-law (ITU-T G.711, continuous form), 8 bits."""
    narrow = np.clip(soxr.resample(speech, RATE, 8000), -1, 1)
    level = np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256)
    level = np.round(level * 127) / 127
    wide = np.sign(level) * np.expm1(np.abs(level) * np.log(256)) / 255
    return np.asarray(soxr.resample(wide, 8000, RATE), np.float32)


def noisy(speech: Speech) -> Speech:
    """Pink noise, 15 dB below the recording."""
    spectrum = np.fft.rfft(np.random.default_rng(len(speech)).standard_normal(len(speech)))
    noise = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1), len(speech))
    scale = np.sqrt(np.mean(speech.astype(np.float64) ** 2) / np.mean(noise**2)) * 10 ** (-15 / 20)
    return np.asarray(speech + scale * noise, np.float32)


CHANGES: dict[str, Callable[[Speech], Speech]] = {
    "mp3 32 kbit/s": coded("mp3", "libmp3lame", 16_000, 32_000),
    "opus 16 kbit/s": coded("ogg", "libopus", 16_000, 16_000),
    "8 kHz µ-law": telephone,
    "noise 15 dB": noisy,
}


# -- who scores -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class System:
    """Something that scores recordings: higher = bona fide, NaN = no response; decided at ``threshold``."""

    name: str
    score: Callable[[Speech], float]
    threshold: float


def ours(bundle: str | None) -> tuple[System, antispoof.Detector]:
    detector = antispoof.load(bundle or default_bundle("voice"))

    def score(speech: Speech) -> float:
        verdict = detector.check(voice=Sample(speech, {"sample_rate": RATE}))
        return np.nan if verdict.score is None else verdict.score

    return System("antispoof", score, detector.operating_point.threshold), detector


def aasist(path: Path) -> System:
    """64,600 samples, repeated or cut; logit of bona fide minus logit of spoof, decided at the argmax."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def score(speech: Speech) -> float:
        logits = session.run(None, {name: np.resize(speech, PEER_SAMPLES)[None]})
        table = next(output for output in logits if output.shape[-1] == 2)
        return float(table[0, 1] - table[0, 0])

    return System("AASIST-L", score, 0.0)


class Keeper:
    """Scores that were computed before, in a JSON file."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.tables: dict[str, dict[str, float | None]] = {}
        if path is not None and path.exists():
            self.tables = json.loads(path.read_text())

    def scores(self, key: str, system: System, clips: list[Clip], change: Any = None) -> Scores:
        """Score what was not scored before under ``key``."""
        table = self.tables.setdefault(key, {})
        for index, clip in enumerate(track(clips, key, transient=True)):
            if clip.path not in table:
                value = system.score(clip.speech if change is None else change(clip.speech))
                table[clip.path] = None if np.isnan(value) else value
            if index % 50 == 49:
                self.write()
        self.write()
        values = [table[clip.path] for clip in clips]
        return np.array([np.nan if value is None else value for value in values])

    def write(self) -> None:
        """Save what is there."""
        if self.path is not None:
            self.path.write_text(json.dumps(self.tables))


def trivial(clip: Clip) -> NDArray[np.float64]:
    """Level (dB), rate (kHz), duration (s) and bandwidth (kHz below which 99 % of the power lies)."""
    power = np.abs(np.fft.rfft(clip.speech.astype(np.float64))) ** 2
    edge = np.searchsorted(np.cumsum(power), 0.99 * power.sum()) / len(power) * RATE / 2
    level = 10 * np.log10(np.mean(clip.speech.astype(np.float64) ** 2) + 1e-12)
    return np.array([level, clip.source_rate / 1e3, len(clip.speech) / RATE, edge / 1e3])


def trivial_scores(task: list[Clip], others: list[Clip]) -> Scores:
    """Logistic regression on four numbers, trained on the OTHER engines of the collection.

    Bona fide clips are scored in five folds by utterance, so that none of them was trained on.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    attacks = [trivial(clip) for clip in others if clip.engine]
    names = sorted({clip.utterance for clip in task if not clip.engine})
    fold_of = {name: index % 5 for index, name in enumerate(names)}
    numbers = np.array([trivial(clip) for clip in task])
    bona_fide = np.array([not clip.engine for clip in task])
    fold = np.array([fold_of.get(clip.utterance, index % 5) for index, clip in enumerate(task)])
    scores = np.full(len(task), np.nan)
    if not attacks:
        return scores
    for held in range(5):
        people = numbers[bona_fide & (fold != held)]
        model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
        model.fit(np.concatenate([people, attacks]), np.repeat([1, 0], [len(people), len(attacks)]))
        scores[fold == held] = model.decision_function(numbers[fold == held])
    return scores


# -- figures ----------------------------------------------------------------------------------------


def figures(scores: Scores, bona_fide: NDArray[np.bool_], threshold: float) -> dict[str, float]:
    """AUC, EER, error rates, HTER, DCF; a non-response is rejected, and stays out of AUC, EER and DCF."""
    there = ~np.isnan(scores)
    people, attacks = scores[bona_fide & there], scores[~bona_fide & there]
    if not people.size or not attacks.size:
        return {}
    filled = np.where(there, scores, -np.inf)
    misses = float(np.mean(filled[bona_fide] < threshold))
    passes = float(np.mean(filled[~bona_fide] >= threshold))
    return {
        "auc": auc(people, attacks),
        "eer": d_eer(people, attacks).value,
        "apcer": passes,
        "bpcer": misses,
        "hter": (misses + passes) / 2,
        "hter_responses": (bpcer(people, threshold) + apcer(attacks, threshold)) / 2,
        "min_dcf": min_dcf(people, attacks),
        "act_dcf": act_dcf(people, attacks),
        "bona_fide": int(bona_fide.sum()),
        "attack": int((~bona_fide).sum()),
        "non_response": int((~there).sum()),
    }


def tasks_of(clips: list[Clip]) -> dict[str, NDArray[np.int64]]:
    """Task → indices of its clips: one engine, and the bona fide clips of its collection."""
    tasks = {}
    for collection in dict.fromkeys(clip.collection for clip in clips):
        here = [index for index, clip in enumerate(clips) if clip.collection == collection]
        people = [index for index in here if not clips[index].engine]
        for engine in sorted({clips[index].engine for index in here} - {""}):
            attacks = [index for index in here if clips[index].engine == engine]
            tasks[f"{collection}/{engine.removeprefix('vocoder_')}"] = np.array(people + attacks)
    return tasks


def by_task(scores: Scores, clips: list[Clip], threshold: float) -> dict[str, dict[str, float]]:
    bona_fide = np.array([not clip.engine for clip in clips])
    return {
        task: figures(scores[indices], bona_fide[indices], threshold)
        for task, indices in tasks_of(clips).items()
    }


def macro(tasks: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Mean over tasks."""
    rows = [row for row in tasks.values() if row]
    if not rows:
        return {}
    return {
        name: float(np.mean([row[name] for row in rows]))
        for name in ("auc", "eer", "apcer", "bpcer", "hter", "hter_responses", "min_dcf", "act_dcf")
    }


def by_source(scores: Scores, clips: list[Clip], threshold: float) -> dict[str, dict[str, float]]:
    """Figures of each collection that is one source, whatever its engines, but for the pairs."""
    bona_fide = np.array([not clip.engine for clip in clips])
    names = dict.fromkeys(clip.collection for clip in clips if clip.collection not in ("engines", PAIRS))
    inside = {name: np.array([clip.collection == name for clip in clips]) for name in names}
    return {name: figures(scores[rows], bona_fide[rows], threshold) for name, rows in inside.items()}


def left_out(folder: Path) -> dict[str, dict[str, float]]:
    """Figures of every test of a protocol, at the threshold at which 10 % of the attacks of its dev pass."""
    found = {}
    with (folder / "matrix.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        dev, test = (ScoreSet.read(folder / row[name]) for name in ("dev", "scores"))
        threshold = float(np.nanquantile(dev.scores[~dev.is_bona_fide], 0.9))
        found[row["train"]] = figures(test.scores, test.is_bona_fide, threshold)
    return found


def show_left_out(folder: Path, console: Console) -> dict[str, Any]:
    """Print a table of `left_out`, and return it."""
    found = left_out(folder)
    table = Table("left out", "AUC %", "EER", "APCER", "BPCER", title="At APCER 10 % on dev, %")
    for name, row in found.items():
        table.add_row(name, *(percent(row.get(key)) for key in ("auc", "eer", "apcer", "bpcer")))
    answered = [row for row in found.values() if row]
    table.add_row("[bold]macro", *(percent(macro(found)[k]) for k in ("auc", "eer", "apcer", "bpcer")))
    table.add_row("[bold]worst", "", "", "", percent(max(row["bpcer"] for row in answered)))
    console.print(table)
    return {"left_out": found, "macro": macro(found)}


def pairs_interval(scores: Scores, clips: list[Clip]) -> dict[str, float]:
    """AUC of all vocoders against all originals, with a 95 % bootstrap over utterances."""
    utterances = sorted({clip.utterance for clip in clips})
    number = {name: index for index, name in enumerate(utterances)}
    cluster = np.array([number[clip.utterance] for clip in clips])
    bona_fide = np.array([not clip.engine for clip in clips])
    there = ~np.isnan(scores)

    def statistic(counts: NDArray[np.int32]) -> float:
        times = counts[cluster] * there
        drawn = np.repeat(np.arange(len(scores)), times)
        people, attacks = scores[drawn[bona_fide[drawn]]], scores[drawn[~bona_fide[drawn]]]
        return auc(people, attacks) if people.size and attacks.size else np.nan

    interval = percentile_interval(bootstrap(statistic, len(utterances), resamples=1000))[0]
    value = auc(scores[bona_fide & there], scores[~bona_fide & there])
    return {"auc": value, "low": interval.low, "high": interval.high}


def timing(
    detector: antispoof.Detector, peer: System | None, clips: list[Clip], repeats: int
) -> dict[str, float]:
    """Median milliseconds of processor time, one thread, in turn: from bytes to verdict, and its parts.

    Time of the processor, not of the clock, so that what else the machine does counts for little.
    """
    modality = modalities["voice"]
    speech = next(clip.speech for clip in clips if len(clip.speech) >= 4 * RATE)[: 4 * RATE]
    contents = {}
    for kind, (form, subtype) in {"wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16")}.items():
        file = io.BytesIO()
        soundfile.write(file, speech, RATE, subtype, format=form)
        contents[kind] = file.getvalue()
    sample = modality.load(contents["wav"])
    quality = modality.quality(sample)
    scorer = Scorer(detector.bundle)
    views = detector.bundle.metadata.inputs
    arrays = {view.name: modality.prepare(sample, quality, **view.prepare) for view in views}

    def prepare() -> None:
        for view in views:
            modality.prepare(sample, quality, **view.prepare)

    parts: dict[str, Callable[[], object]] = {
        "decode wav": lambda: modality.load(contents["wav"]),
        "quality": lambda: modality.quality(sample),
        "prepare": prepare,
        "antispoof network": lambda: scorer(arrays),
        "antispoof bytes to verdict, wav": lambda: detector.check(voice=contents["wav"]),
        "antispoof bytes to verdict, flac": lambda: detector.check(voice=contents["flac"]),
    }
    if peer is not None:
        parts["AASIST-L network"] = partial(peer.score, speech)
    times: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(repeats):
        for name, part in parts.items():
            start = time.process_time()
            part()
            times[name].append(time.process_time() - start)
    result = {name: 1e3 * float(np.median(values)) for name, values in times.items()}
    result |= {f"{name}, fastest": 1e3 * min(values) for name, values in times.items()}
    result["windows"] = len(next(iter(arrays.values())))
    return result


def show_timing(
    detector: antispoof.Detector, peer: System | None, clips: list[Clip], repeats: int, console: Console
) -> dict[str, float]:
    """Print a table of `timing`, and return it."""
    found = timing(detector, peer, clips, repeats)
    table = Table(
        "part", "ms", "fastest", title="One 4 s clip, processor time, one thread, all parts in turn, median"
    )
    for name in found:
        if f"{name}, fastest" in found:
            table.add_row(name, f"{found[name]:.1f}", f"{found[f'{name}, fastest']:.1f}")
    console.print(table)
    return found


def percent(value: float | None) -> str:
    return "–" if value is None or np.isnan(value) else f"{100 * value:.1f}"


SHOWN = ("auc", "eer", "apcer", "bpcer", "hter")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with manifest.csv")
    parser.add_argument(
        "--left-out", type=Path, help="what 'antispoof protocol run' wrote; nothing else then"
    )
    parser.add_argument("--peer", type=Path, help="AASIST-L as an ONNX file")
    parser.add_argument(
        "--spoofs", type=Path, action="append", default=[], help="a manifest; may be repeated"
    )
    parser.add_argument("--bundle", help="another bundle than the shipped one")
    parser.add_argument("--keep", type=Path, help="save scores here, and take those that are there")
    parser.add_argument("--repeats", type=int, default=20, help="of the timing")
    parser.add_argument("--only-timing", action="store_true", help="nothing but the timing")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--peer-only", action="store_true", help="only fill --keep with the peer's scores")
    arguments = parser.parse_args()
    console = Console(width=140)
    if arguments.left_out:
        result = show_left_out(arguments.left_out, console)
        if arguments.json:
            arguments.json.write_text(json.dumps(result, indent=1))
        return
    if not arguments.data:
        parser.error("--data or --left-out is needed")
    keeper = Keeper(arguments.keep)
    clips = read_clips(arguments.data, arguments.spoofs)
    pairs = [clip for clip in clips if clip.collection == PAIRS]
    peer = aasist(arguments.peer) if arguments.peer else None
    if arguments.peer_only:
        assert peer is not None
        for name, change in {"": None, **CHANGES}.items():
            keeper.scores(f"{peer.name} {name}", peer, pairs, change)
        return

    system, detector = ours(arguments.bundle)
    if arguments.only_timing:
        show_timing(detector, peer, clips, arguments.repeats, console)
        return
    metadata = detector.bundle.metadata
    mine = f"{system.name} {metadata.sha256[:12]}"
    found: dict[str, Any] = {
        "bundle": metadata.name,
        "sha256": metadata.sha256,
        "bytes": len(detector.bundle.model),
        "threshold": system.threshold,
    }
    systems: list[tuple[str, System]] = [(mine, system)]
    if peer is not None:
        systems.append((peer.name, peer))
    inside = np.array([clip.collection == PAIRS for clip in clips])
    scores = {system.name: keeper.scores(f"{mine} ", system, clips)}
    if peer is not None:  # slow, so only where both classes come from one source
        alone = np.array([clip.collection != "engines" for clip in clips])
        scores[peer.name] = np.full(len(clips), np.nan)
        paired = [clip for clip in clips if clip.collection != "engines"]
        scores[peer.name][alone] = keeper.scores(f"{peer.name} ", peer, paired)
    per_system = {s.name: by_task(scores[s.name], clips, s.threshold) for _, s in systems}
    control: dict[str, dict[str, float]] = {}
    for task, indices in tasks_of(clips).items():
        members = [clips[index] for index in indices]
        engine = next(clip.engine for clip in members if clip.engine)
        others = [c for c in clips if c.collection == members[0].collection and c.engine != engine]
        bona_fide = np.array([not clip.engine for clip in members])
        control[task] = figures(trivial_scores(members, others), bona_fide, 0.0)
    per_system["four numbers"] = control
    found["tasks"] = per_system
    found["trained_on"] = [entry.name for entry in metadata.training.data]

    table = Table(title="By engine, % (AUC · EER · APCER · BPCER · HTER at the system's own threshold)")
    table.add_column("task")
    for name in per_system:
        table.add_column(name, justify="right")
    groups = dict.fromkeys(task.split("/")[0] for task in control)
    found["macro"] = {}
    for group in groups:
        for task in control:
            if task.startswith(f"{group}/"):
                cells = [" · ".join(percent(per_system[n][task].get(k)) for k in SHOWN) for n in per_system]
                table.add_row(task, *cells)
        rows = {
            name: macro({t: f for t, f in per_system[name].items() if t.startswith(f"{group}/")})
            for name in per_system
        }
        found["macro"][group] = rows
        cells = [" · ".join(percent(rows[name].get(key)) for key in SHOWN) for name in per_system]
        table.add_row(f"[bold]{group}, macro", *cells, end_section=True)
    console.print(table)

    found["sources"] = {}
    table = Table(title="By source, all its engines together, %")
    for column in ("source", "system", "AUC", "EER", "APCER", "BPCER", "HTER"):
        table.add_column(column, justify="left" if column in ("source", "system") else "right")
    for _, s in systems:
        rows = found["sources"][s.name] = by_source(scores[s.name], clips, s.threshold)
        for name, row in rows.items():
            table.add_row(name, s.name, *(percent(row.get(key)) for key in SHOWN))
        if macro(rows):
            table.add_row("[bold]macro", s.name, *(percent(macro(rows)[key]) for key in SHOWN))
            worst = max(row["bpcer"] for row in rows.values() if row)
            table.add_row("worst", s.name, "", "", "", percent(worst), end_section=True)
    console.print(table)

    bona_fide = np.array([not clip.engine for clip in pairs])
    table = Table(title=f"{PAIRS}: all vocoders against all originals")
    for column in (
        "system",
        "AUC % (95 % over utterances)",
        "EER",
        "APCER",
        "BPCER",
        "HTER",
        "min DCF",
        "act DCF",
    ):
        table.add_column(column, justify="left" if column == "system" else "right")
    found["pairs"] = {}
    for _, s in systems:
        here = scores[s.name][inside]
        row = figures(here, bona_fide, s.threshold) | pairs_interval(here, pairs)
        found["pairs"][s.name] = row
        table.add_row(
            s.name,
            f"{percent(row['auc'])} ({percent(row['low'])}–{percent(row['high'])})",
            *(percent(row[key]) for key in SHOWN[1:]),
            f"{row['min_dcf']:.2f}",
            f"{row['act_dcf']:.2f}",
        )
    console.print(table)

    table = Table("condition", *(s.name for _, s in systems), title=f"{PAIRS} by condition: AUC %")
    found["conditions"] = {}
    for condition in dict.fromkeys(clip.condition for clip in pairs):
        chosen = np.array([clip.condition == condition for clip in pairs])
        parts = {
            s.name: figures(scores[s.name][inside][chosen], bona_fide[chosen], s.threshold)
            for _, s in systems
        }
        found["conditions"][condition] = parts
        table.add_row(condition, *(percent(parts[s.name].get("auc")) for _, s in systems))
    console.print(table)

    table = Table("change", *(f"{s.name} {k}" for _, s in systems for k in ("AUC", "EER", "HTER")))
    table.title = f"{PAIRS}, macro over vocoders, both classes changed: %"
    found["changes"] = {}
    for name, change in {"": None, **CHANGES}.items():
        changed = {
            s.name: macro(by_task(keeper.scores(f"{key} {name}", s, pairs, change), pairs, s.threshold))
            for key, s in systems
        }
        found["changes"][name or "none"] = changed
        cells = [percent(changed[s.name][k]) for _, s in systems for k in ("auc", "eer", "hter")]
        table.add_row(name or "none", *cells)
    console.print(table)

    found["ms"] = show_timing(detector, peer, clips, arguments.repeats, console)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    try:
        main()
    except MediaError as error:
        raise SystemExit(f"error: {error}") from None
