"""`antispoof complexity`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from antispoof.cli.app import app, needs_training, text_table
from antispoof.cli.output import JsonPath, write_json_text
from antispoof.errors import InputError
from antispoof.evaluation.complexity import ModelCost


@app.command("complexity")
def complexity_of(
    source: Annotated[
        str | None,
        typer.Argument(help="Bundle by name or path, run folder, or experiment file.", show_default=False),
    ] = None,
    references: Annotated[
        list[str] | None,
        typer.Option("--reference", help="Encoder for comparison; repeatable.", show_default=False),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            help="Folder of finished runs whose accuracy is drawn over their cost.", show_default=False
        ),
    ] = None,
    plot: Annotated[Path, typer.Option(help="Where that drawing is written, .svg or .png.")] = Path(
        "cost.svg"
    ),
    edge: Annotated[
        bool,
        typer.Option(
            help="Also what a small device needs: memory, bytes moved, least time, energy on paper."
        ),
    ] = False,
    count: Annotated[
        bool, typer.Option(help="Count instructions with valgrind; minutes, implies --edge.")
    ] = False,
    as_json: JsonPath = None,
) -> None:
    """Tell what a model costs: parameters, operations, memory, file, time; one thread, one presentation."""
    needs_training()
    from rich.console import Console

    from antispoof.evaluation.complexity import RASPBERRY_PI_4, accuracy_versus_cost, as_record
    from antispoof.evaluation.plots import check_target, save
    from antispoof.studies.complexity import REFERENCES, complexity, results_in

    if (source is None) == (results is None):
        raise InputError(
            "name a bundle, a run folder or an experiment file, or --results and a folder of runs"
        )
    if results is not None:
        check_target(plot)
        runs, simulated = results_in(results)
        save(accuracy_versus_cost(runs, "D-EER on test", simulated), plot)
        rows = [(name, f"{macs / 1e6:.2f} M", f"{100 * value:.2f} %") for name, macs, value in runs]
        title = f"D-EER on test{' (simulated)' * simulated}, and cost"
        Console(highlight=False).print(text_table(title, ("run", "MACs", "D-EER"), rows))
        typer.echo(f"wrote {plot}")
        return
    assert source is not None
    costs = complexity(source, REFERENCES if references is None else references, count)
    if as_json is not None:
        write_json_text(as_json, json.dumps(as_record(costs), indent=2))
        return
    table = [
        (
            _name(cost),
            f"{cost.parameters / 1e6:.3f}",
            f"{cost.macs / 1e6:.1f}",
            f"{cost.peak_bytes / 1e6:.2f}",
            f"{cost.file_bytes / 1e6:.2f}",
            f"{cost.median_ms:.2f}",
            f"{cost.p95_ms:.2f}",
        )
        for cost in costs
    ]
    units = ("10⁶ para-\nmeters", "10⁶\nMACs", "peak\nMB", "file\nMB", "median\nms", "95 %\nms")
    title = f"Cost of {source}, one presentation, one thread"
    Console(highlight=False).print(text_table(title, ("network, sensors present", *units), table))
    if not (edge or count):
        return
    needs: list[tuple[str, ...]] = []
    for cost in costs:
        computing, moving = RASPBERRY_PI_4.millijoules(cost)
        counted = "" if cost.instructions is None else f"{cost.instructions / 1e6:.0f}"
        share = f"{cost.integer_macs / max(cost.macs, 1):.0%}"
        needed = f"{(cost.peak_bytes + cost.weight_bytes) / 1e6:.1f}"
        least = f"{RASPBERRY_PI_4.least_ms(cost):.1f}"
        energy = f"{computing:.2f} + {moving:.2f}"
        needs.append((_name(cost), share, needed, f"{cost.moved_bytes / 1e6:.1f}", counted, least, energy))
    units = ("8-bit\nMACs", "memory\nMB", "moved\nMB", "10⁶ in-\nstruct.", "least\nms", "mJ: MACs\n+ moved")
    title = f"On paper: {RASPBERRY_PI_4.name}, one core"
    Console(highlight=False).print(text_table(title, ("network, sensors present", *units), needs))


def _name(cost: ModelCost) -> str:
    return cost.name.replace("+", " + ") + (" (reference)" if cost.reference else "")
