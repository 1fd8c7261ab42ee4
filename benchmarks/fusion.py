"""What fusion is worth on published scores, and what it costs in time.

    python benchmarks/fusion.py --scores DIR --json fusion.json

DIR holds the published score files as they were published: livdet_iris_2025/task1_*.csv, air_asvspoof/*.txt,
lfcc_gmm/eval.mat, asvspoof2019_la/cm_protocol_eval.txt and asvspoof5/dev_scores_label.csv. Each set is split
into development and test half by a hash of the subject (ASVspoof 2019) or the row; everything is fitted on
the first half and measured on the second. Systems whose files count upwards to attack are turned round.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from antispoof.evaluation import ScoreSet, compare
from antispoof.evaluation.calibration_quality import min_cllr
from antispoof.runtime.policy import decide, read_policy
from antispoof.runtime.verdict import Evidence, OperatingPoint
from antispoof.scores.fusion import Panel, contributions, fusions
from antispoof.studies.fused_scores import fuse_scores, split_by_hash
from antispoof.studies.spoof_aware import JointTrials, compare_spoof_aware

Sets = dict[str, ScoreSet]


def iris(folder: Path) -> Sets:
    """LivDet-Iris 2025, task 1: rows are aligned across files, 1 is an attack, -1 a non-response."""
    found = {}
    for path in sorted((folder / "livdet_iris_2025").glob("task1_*.csv")):
        rows = [line.split(",") for line in path.read_text(encoding="utf-8").split()]
        scores = [np.nan if float(row[1]) == -1 else -float(row[1]) for row in rows]
        species = ["bona_fide" if float(row[0]) == 0 else "attack" for row in rows]
        name = path.stem.removeprefix("task1_")
        found[name] = ScoreSet.from_columns(
            [f"row-{k}" for k in range(len(rows))], scores, species, name=name
        )
    return found


def speech(folder: Path) -> Sets:
    """ASVspoof 2019 LA, evaluation part: three AIR systems and LFCC-GMM."""
    from scipy.io import loadmat

    protocol = [
        line.split()
        for line in (folder / "asvspoof2019_la/cm_protocol_eval.txt").read_text("utf-8").splitlines()
    ]
    raw: dict[str, dict[str, float]] = {
        "lfcc_gmm": dict(
            zip(
                (row[1] for row in protocol),
                loadmat(folder / "lfcc_gmm/eval.mat")["scores_eval"].ravel().tolist(),
                strict=True,
            )
        )
    }
    for name, sign in (("softmax", 1), ("amsoftmax", 1), ("ocsoftmax", -1)):
        lines = (folder / f"air_asvspoof/{name}.txt").read_text("utf-8").splitlines()
        raw[name] = {row[0]: sign * float(row[3]) for row in map(str.split, lines)}
    return {
        name: ScoreSet.from_columns(
            [row[1] for row in protocol],
            [values[row[1]] for row in protocol],
            ["bona_fide" if row[4] == "bonafide" else row[3] for row in protocol],
            subject=[row[0] for row in protocol],
            name=name,
        )
        for name, values in raw.items()
    }


def fuse(console: Console, title: str, sets: Sets, resamples: int) -> dict[str, Any]:
    """Fit on one half, compare on the other."""
    halves = {name: split_by_hash(scores, 0.5) for name, scores in sets.items()}
    fused = fuse_scores(
        {name: half[1] for name, half in halves.items()}, {name: half[0] for name, half in halves.items()}
    )
    result = compare(fused.test, dev=fused.dev, baseline=fused.best_single, resamples=resamples)
    table = Table(title=f"{title}: best single system on dev is {fused.best_single}")
    for column in ("", "D-EER %", "− best single", "paired 95 %", "Cllr", "min Cllr", "excess %"):
        table.add_column(column, justify="left" if not column else "right")
    rows = []
    for system in sorted(result.systems, key=lambda each: each.figures["d_eer"].value):
        scores = fused.test[system.name]
        least = min_cllr(scores.bona_fide, scores.attack)
        difference = system.differences.get("d_eer")
        rows.append(
            {
                "system": system.name,
                "single": system.name not in fused.fitted,
                "d_eer": system.figures["d_eer"].value,
                "difference": None if difference is None else difference.value,
                "interval": None if difference is None else asdict(difference.interval),
                "cllr": system.figures["cllr"].value,
                "min_cllr": least,
            }
        )
        table.add_row(
            system.name,
            f"{100 * system.figures['d_eer'].value:.2f}",
            "" if difference is None else f"{100 * difference.value:+.2f}",
            ""
            if difference is None
            else f"{100 * difference.interval.low:+.2f} … {100 * difference.interval.high:+.2f}",
            f"{system.figures['cllr'].value:.4f}",
            f"{least:.4f}",
            f"{100 * (system.figures['cllr'].value / least - 1):.1f}",
        )
    console.print(table)
    return {"best_single": fused.best_single, "systems": rows}


def spoof_aware(console: Console, folder: Path, resamples: int) -> list[dict[str, Any]]:
    """Rules that join verification and detection, on the ASVspoof 5 development trials."""
    dev, test = JointTrials.read(folder / "asvspoof5/dev_scores_label.csv").split(0.5)
    results = compare_spoof_aware(dev, test, resamples=resamples)
    table = Table(title="Spoof-aware verification, ASVspoof 5 development trials")
    for column in ("", "min a-DCF", "− nonlinear", "paired 95 %", "t-EER %", "SV-EER %", "SPF-EER %"):
        table.add_column(column, justify="left" if not column else "right")
    for result in results:
        value, interval = result.difference or (None, None)
        table.add_row(
            result.name,
            f"{result.a_dcf:.4f}",
            "" if value is None else f"{value:+.4f}",
            "" if interval is None else f"{interval.low:+.4f} … {interval.high:+.4f}",
            *(f"{100 * rate:.2f}" for rate in (result.t_eer, result.sv_eer, result.spf_eer)),
        )
    console.print(table)
    return [asdict(result) for result in results]


def speed(console: Console) -> dict[str, float]:
    """Fusion, contributions and policy of one presentation, by the number of sources: median milliseconds."""
    random = np.random.default_rng(0)
    policy = read_policy("convenience")
    point = OperatingPoint("p", 0.0, "", "")
    found: dict[str, float] = {}
    table = Table(title="Fusion, contributions and policy of one presentation, median ms of processor time")
    table.add_column("rule")
    counts = (2, 3, 5)
    for count in counts:
        table.add_column(f"{count} sources", justify="right")
    for name in fusions:
        cells = []
        for count in counts:
            sources = tuple("abcdef"[:count])
            bona_fide = random.random(500) < 0.5
            llr = random.normal(np.where(bona_fide, 1.0, -1.0)[:, None], 1.0, (500, count))
            rule = fusions[name].fit(Panel.of(sources, llr), bona_fide)
            evidence = [Evidence(source, "used", score=0.0) for source in sources]

            def once(
                rule: Any = rule, llr: Any = llr, sources: Any = sources, evidence: Any = evidence
            ) -> None:
                panel = Panel.of(sources, llr[:1])
                contributions(rule, panel)
                decide(evidence, float(rule.fuse(panel)[0]), point, policy)

            found[f"{name}, {count} sources"] = median_ms(once)
            cells.append(f"{found[f'{name}, {count} sources']:.3f}")
        table.add_row(name, *cells)
    console.print(table)
    return found


def median_ms(once: Callable[[], None], rounds: int = 200) -> float:
    """Median of the processor time that one call takes, which other programs hardly change."""
    once()
    taken = []
    for _ in range(rounds):
        start = time.thread_time()
        once()
        taken.append(time.thread_time() - start)
    return 1000 * float(np.median(taken))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scores", type=Path, required=True, help="folder of published score files")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    console = Console(width=110)
    found: dict[str, Any] = {}
    sets = {"LivDet-Iris 2025 task 1": iris, "ASVspoof 2019 LA": speech}
    for title, read in track(sets.items(), "fusing", console=Console(stderr=True)):
        found[title] = fuse(console, title, read(arguments.scores), arguments.resamples)
    found["spoof-aware"] = spoof_aware(console, arguments.scores, arguments.resamples)
    found["milliseconds"] = speed(console)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
