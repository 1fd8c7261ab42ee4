"""Exports for other runtimes beside the bundles that they are made from: parity, size, time.

    python benchmarks/edge.py [BUNDLE ...] --data DIR [--to TARGET] [--samples MANIFEST] [--simulated 500]
        [--json FILE]

Calibrated on other scenes than it is compared on, as `antispoof export --to` does. DIR holds ``manifest.csv``
(path, modality, …), as for ``face_rgb.py``: all that it lists for the bundle's only sensor, and that can be
judged, is compared; no number is fitted on it. Times are of the processor, one presentation, one thread, the
fastest of 20, and ONNX Runtime's for the bundle. A bundle that scenes cannot show (``voice-edge``) needs
``--samples``.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnxruntime
from rich.console import Console
from rich.table import Table

from antispoof.errors import AntispoofError
from antispoof.files import onnx_session
from antispoof.runtime.bundle import Bundle, read_bundle, shipped_bundles
from antispoof.sensing.capture import Source
from antispoof.training.edge import CALIBRATION, Parity, edge_format, parity, within
from antispoof.training.edge_formats import FORMATS, Converted
from antispoof.training.edge_samples import Samples, listed, prepared, rendered


def pictures(data: Path, modality: str) -> Iterator[Mapping[str, Source]]:
    """Yield what a manifest lists for one sensor."""
    with (data / "manifest.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["modality"] == modality:
                yield {modality: data.parent / row["path"]}


def fastest(run: Callable[[], Any], rounds: int = 20) -> float:
    """Return the processor's milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def bundle_ms(bundle: Bundle, one: Samples) -> float:
    session = onnx_session(bundle.model)
    return fastest(lambda: session.run(["score"], dict(one)))


def of_convolutions(bundle: Bundle, one: Samples, rounds: int = 20) -> float:
    """Return their share of the bundle's time, 0 to 1: integers can make nothing else quicker."""
    fastest_us: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.enable_profiling, options.intra_op_num_threads = True, 1
        options.profile_file_prefix = f"{folder}/profile"
        session = onnxruntime.InferenceSession(bundle.model, options)
        for _ in range(rounds):
            session.run(["score"], dict(one))
        for event in json.loads(Path(session.end_profiling()).read_text()):
            if event["name"].endswith("kernel_time"):
                node = (event["args"]["op_name"], event["name"])
                fastest_us[node] = min(event["dur"], fastest_us.get(node, event["dur"]))
    convolutions = sum(us for (kind, _), us in fastest_us.items() if "Conv" in kind)
    return convolutions / sum(fastest_us.values())


def export_ms(target: str, path: Path, one: Samples) -> float:
    """Time the written file on its runtime; of ``ort-web`` on a CPU, the browser's stands elsewhere."""
    if target == "litert":
        from antispoof.training.litert import litert_scores

        # Sixteen presentations more, and what is the same for any number goes.
        many = {name: x.repeat(17, axis=0) for name, x in one.items()}
        content = path.read_bytes()
        whole = fastest(lambda: litert_scores(content, many))
        return (whole - fastest(lambda: litert_scores(content, one))) / 16
    if target != "openvino":
        return bundle_ms(read_bundle(path), one)
    import openvino

    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    network = openvino.Core().compile_model(path, "CPU", hints)
    return fastest(lambda: network(dict(one)))


def figures(found: Parity) -> dict[str, float]:
    return found.result("", "").metrics


def measure(
    bundle: Bundle, known: Samples, sets: Mapping[str, Samples], targets: Sequence[str]
) -> list[dict[str, Any]]:
    one = {name: x[:1] for name, x in known.items()}
    rows = []
    before, share = bundle_ms(bundle, one), of_convolutions(bundle, one)
    for target in targets:
        wanted = FORMATS[target]
        row: dict[str, Any] = {"bundle": bundle.metadata.name, "target": target, "bundle_ms": before}
        if target == "onnx-int8":
            row["of_convolutions"] = share
        rows.append(row)
        try:
            made: Converted = wanted.convert(bundle, known)
        except AntispoofError as error:
            row["refused"] = str(error)
            continue
        for name, samples in sets.items():
            row[name] = figures(found := parity(bundle, made, samples))
            try:
                within(wanted, target, bundle.metadata.name, found)
            except AntispoofError as error:
                row.setdefault("refused", str(error))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"made{wanted.suffix}"
            edge_format(target, path)
            made.write(path, made.metadata)
            row["mb"] = sum(file.stat().st_size for file in path.parent.iterdir()) / 1e6
            row["ms"] = export_ms(target, path, one)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("bundles", nargs="*", default=[*shipped_bundles()])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--to", action="append", choices=list(FORMATS))
    parser.add_argument("--samples", type=Path)
    parser.add_argument("--simulated", type=int, default=500)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in given.bundles:
        bundle = read_bundle(name)
        about, count = bundle.metadata, CALIBRATION + given.simulated
        try:
            shown = listed(about, given.samples, count) if given.samples else rendered(about, count)
            simulated = prepared(about, shown, enough=count)
        except AntispoofError as error:
            rows.append({"bundle": name, "target": "all", "refused": str(error)})
            continue
        # The first are calibrated on; every kind of instrument is among them.
        known = {n: x[:CALIBRATION] for n, x in simulated.items()}
        sets: dict[str, Samples] = {"simulated": {n: x[CALIBRATION:] for n, x in simulated.items()}}
        if given.data and len(about.modalities) == 1:
            sets["pictures"] = prepared(about, pictures(given.data, about.modalities[0]))
        rows += measure(bundle, known, sets, given.to or list(FORMATS))
    console = Console(highlight=False, width=140)
    table = Table(
        "bundle", "for", "MB", "ms (bundle)", "compared on", "largest", "of spread", "other decisions"
    )
    for row in rows:
        label = (row["bundle"], row["target"], f"{row['mb']:.2f}" if "mb" in row else "")
        took = f"{row['ms']:.2f} ({row['bundle_ms']:.2f})" if "ms" in row else ""
        for name in ("simulated", "pictures"):
            if found := row.get(name):
                table.add_row(
                    *label,
                    took,
                    f"{found['samples']:.0f} {name}",
                    f"{found['largest_difference']:.2g}",
                    f"{found['rms_difference_of_spread']:.2g}",
                    f"{found['decisions_moved']:.1%}",
                )
    console.print(table)
    for row in rows:
        if "of_convolutions" in row:
            share = row["of_convolutions"]
            console.print(
                f"{row['bundle']}: convolutions take {share:.0%} of its time: were they twice as quick, "
                f"it would be {1 / (1 - share / 2):.2f} times as quick"
            )
        if "refused" in row:
            console.print(f"{row['bundle']}, {row['target']}: refused: {row['refused']}", markup=False)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
