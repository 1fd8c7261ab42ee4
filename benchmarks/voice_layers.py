"""Linear layers on the moments of voice-edge: replays by loudspeaker, and codecs of low rate. Two attempts.

    antispoof simulate replay SPEECH REPLAYS --licence … --sites 8 --takes 2
    python benchmarks/voice_layers.py replay REPLAYS/manifest.csv
    python benchmarks/voice_layers.py low-rate --data DIR

``replay`` leaves each site (its room, microphone and devices) out once, and a quarter of the people with it.
``low-rate`` sends bona fide speech and copies of it through codecs, and leaves each codec of low rate out
once, with a third of the people: how often is a low rate recognised, and what comes of those that the shipped
bundle calls synthetic, or lets through, where a recognised recording gets no verdict? The layer is fitted on
one third of the people; its threshold is that at which 2 % of the bona fide recordings of another third, of
higher rates, are taken for low ones. DIR holds ``manifest.csv`` as docs/benchmarks.md describes; only sources
that may be trained on are used. All is SIMULATED.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from voice_conditions import sources

from antispoof.data.manifest import read_manifest
from antispoof.data.presentation import Presentation
from antispoof.evaluation.metrics import auc, d_eer
from antispoof.runtime.bundle import read_bundle
from antispoof.scores.calibration import calibrate
from antispoof.sensing.audio import RATE, load_audio
from antispoof.sensing.capture import Sample
from antispoof.sensing.modalities import modalities
from antispoof.simulation.speech.channel import scaled
from antispoof.simulation.speech.codecs import through_codec
from antispoof.simulation.speech.copy_synthesis import copiers

Speech = NDArray[np.float32]
Numbers = NDArray[np.float64]

LOW_RATES = ("opus_voip_6k", "opus_voip_9k", "opus_voip_12k", "amr_5k", "amr_12k", "g723_1")
OTHERS = ("", "opus_24k", "opus_voip_16k", "mp3_32k", "aac_32k", "g711_mu", "g722")
COPIERS = ("copy_minimum_phase", "copy_mel_bottleneck", "copy_source_filter", "copy_residual_excited")
RIDGE = 300.0
QUARTERS = 4
FALSE_ALARMS = 0.02


class Moments:
    """The shipped graph, asked for its moments as well."""

    def __init__(self) -> None:
        bundle = read_bundle("voice-edge")
        self.metadata = bundle.metadata
        self.prepare = bundle.metadata.inputs[0].prepare
        self.threshold = bundle.metadata.operating_points["balanced"].threshold
        model = onnx.load_from_string(bundle.model)
        constants = {one.name: list(one.dims) for one in model.graph.initializer}
        mean = max((name for name in constants), key=lambda name: constants[name][-1:] == [2700])
        size = constants[mean][-1]
        node = next(n for n in model.graph.node if n.op_type == "Sub" and mean in n.input)
        self.name = next(name for name in node.input if name != mean)
        shape = ["windows", size]
        model.graph.output.append(
            onnx.helper.make_tensor_value_info(self.name, onnx.TensorProto.FLOAT, shape)
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        model = model.SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def __call__(self, speech: Speech) -> tuple[float, Numbers]:
        """Return the ratio of one recording, and its mean moments."""
        sample, voice = Sample(speech, {"sample_rate": RATE}), modalities["voice"]
        windows = voice.prepare(sample, voice.quality(sample), **self.prepare)
        raw, moments = self.session.run(["score", self.name], {"voice": windows})
        ratio = calibrate(float(raw.mean()), self.metadata.calibration)
        return float(ratio), moments.mean(axis=0).astype(np.float64)


def layer(moments: Numbers, label: NDArray[np.bool_], of: Numbers) -> Numbers:
    """Fit a linear layer, both classes weighing the same, and return what it says of others.

    Least squares with a penalty, solved between recordings, of which there are fewer than moments.
    """
    mean, spread = moments.mean(0), moments.std(0) + 1e-6
    known, asked = (np.clip((x - mean) / spread, -5, 5) for x in (moments, of))
    weight = np.sqrt(np.where(label, 0.5 / label.sum(), 0.5 / (~label).sum()) * len(label))
    known = np.column_stack([known, np.ones(len(known))]) * weight[:, None]
    target = np.where(label, 1.0, -1.0) * weight
    dual = np.linalg.solve(known @ known.T + RIDGE * np.eye(len(known)), target)
    return np.asarray(np.column_stack([asked, np.ones(len(asked))]) @ (known.T @ dual))


def replays(manifest: Path, judge: Moments) -> Iterator[Table | str]:
    rows = read_manifest(manifest)
    found = []
    for row in track(rows, "listening", transient=True):
        path = Path(row.captures["voice"].path)
        path = path if path.is_absolute() else manifest.parent / path
        found.append(judge(load_audio(path).array))
    ratio, moments = np.array([one for one, _ in found]), np.stack([one for _, one in found])
    people, site = np.array([p.bona_fide for p in rows]), _attribute(rows, "site")
    names = [row.subject for row in rows]
    order = {name: number for number, name in enumerate(dict.fromkeys(names))}
    quarter = np.array([order[name] % QUARTERS for name in names])
    said = np.full(len(rows), np.nan)
    for place in sorted(set(site) - {""}):
        for part in range(QUARTERS):
            asked = (site == place) & (quarter == part)
            known = (site != place) & (quarter != part)
            said[asked] = layer(moments[known], people[known], moments[asked])
    there = site != ""
    for title, scores in (
        ("The shipped bundle, beside people in the same rooms", ratio),
        ("A linear layer: site and people unheard", said),
    ):
        table = Table("of", "replays", "AUC %", "EER %", title=f"{title}; SIMULATED")
        one = scores[there & people]
        for what in ("", "quality", "attacker_distance", "talker_distance", "t60", "room"):
            values = _attribute(rows, what) if what else np.where(people, "", "all")
            for value in sorted(set(values[~people])):
                other = scores[~people & (values == value)]
                beside = one
                if what in ("talker_distance", "t60", "room"):
                    beside = scores[there & people & (values == value)]
                rates = auc(beside, other), d_eer(beside, other).value
                name = f"{what} {value}".strip()
                table.add_row(name, str(other.size), *(f"{100 * rate:.1f}" for rate in rates))
        yield table
    passed = 100 * np.mean(ratio[~people] >= judge.threshold)
    rejected = 100 * np.mean(ratio[there & people] < judge.threshold)
    yield f"The shipped bundle, at its threshold: APCER {passed:.1f} %, BPCER in these rooms {rejected:.1f} %"


def _attribute(rows: tuple[Presentation, ...], name: str) -> NDArray[np.str_]:
    return np.array([row.attributes.get(name, "") for row in rows])


def low_rates(data: Path, count: int, judge: Moments) -> Table:
    given = sources(data, ["librispeech-train", "commands-2"], count)
    ratio, moments, codec, spoof, person = [], [], [], [], []
    for source, clips in given.items():
        for number, (_, speech) in enumerate(track(clips, source, transient=True)):
            rng = np.random.default_rng([7, number])
            copied = np.asarray(copiers[COPIERS[number % len(COPIERS)]](speech, rng), np.float32)
            for copy, piece in enumerate((speech, copied)):
                for name in (*LOW_RATES, *OTHERS):
                    heard = through_codec(scaled(piece), name) if name else scaled(piece)
                    one, other = judge(heard)
                    ratio.append(one)
                    moments.append(other)
                    codec.append(name)
                    spoof.append(bool(copy))
                    person.append(number)
    said, described = np.array(ratio), np.stack(moments)
    of, attack, third = np.array(codec), np.array(spoof), np.array(person) % 3
    low = np.isin(of, LOW_RATES)
    recognising = ("codec, left out", "recognised: bona fide, copies %", "taken for attacks, bona fide %")
    deciding = ("with no verdict where recognised", "copies that pass %", "with no verdict where recognised")
    table = Table(
        *recognising, *deciding, "EER of the bundle here", title="A linear layer for low rates; SIMULATED"
    )
    for name in (*LOW_RATES, *OTHERS):
        recognised = np.zeros(len(of), bool)
        for part in range(3):
            known = third == (part + 1) % 3
            known &= (of != name) | ~low
            asked = (third == part) & (of == name)
            scores = layer(described[known], low[known], described)
            usual = (third == (part + 2) % 3) & ~low & ~attack
            threshold = np.quantile(scores[usual], 1 - FALSE_ALARMS)
            recognised[asked] = scores[asked] > threshold
        people, copies = (of == name) & ~attack, (of == name) & attack
        rejected, passed = said < judge.threshold, said >= judge.threshold
        rates = [recognised[people], recognised[copies], rejected[people]]
        rates += [(rejected & ~recognised)[people], passed[copies], (passed & ~recognised)[copies]]
        told = [f"{100 * np.mean(rate):.1f}" for rate in rates]
        apart = f"{100 * d_eer(said[people], said[copies]).value:.1f}"
        table.add_row(name or "–", f"{told[0]}, {told[1]}", *told[2:], apart)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["replay", "low-rate"])
    parser.add_argument("manifest", nargs="?", type=Path, help="of replays")
    parser.add_argument("--data", type=Path, help="folder with manifest.csv")
    parser.add_argument("--count", type=int, default=40, help="recordings of each source")
    arguments = parser.parse_args()
    console = Console(width=140)
    judge = Moments()
    if arguments.what == "replay":
        if arguments.manifest is None:
            parser.error("replay takes the manifest of simulated replays")
        for table in replays(arguments.manifest, judge):
            console.print(table)
    else:
        if arguments.data is None:
            parser.error("--data names the folder with manifest.csv")
        console.print(low_rates(arguments.data, arguments.count, judge))


if __name__ == "__main__":
    main()
