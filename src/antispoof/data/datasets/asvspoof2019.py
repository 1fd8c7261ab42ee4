"""ASVspoof 2019: logical access (synthesis and conversion) and physical access (simulated replay)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from antispoof.data.layout import Dataset, Root, dataset
from antispoof.data.presentation import Presentation

_PARTS = (("train", "train", "trn", "T"), ("dev", "dev", "trl", "D"), ("eval", "test", "trl", "E"))


def _example(access: str) -> dict[str, str]:
    files = {}
    for number, (part, _, ending, letter) in enumerate(_PARTS):
        rows = [f"{access}_{number:04} {access}_{letter}_000001 - - bonafide"]
        rows += [f"{access}_{number:04} {access}_{letter}_000002 - A0{number + 1} spoof"]
        listed = f"ASVspoof2019_{access}_cm_protocols/ASVspoof2019.{access}.cm.{part}.{ending}.txt"
        files[listed] = "\n".join(rows) + "\n"
        files |= {f"ASVspoof2019_{access}_{part}/flac/{access}_{letter}_00000{n}.flac": "" for n in (1, 2)}
    return files


def _reader(access: str) -> Callable[[Root, str], Iterator[Presentation]]:
    def read(root: Root, protocol: str) -> Iterator[Presentation]:  # noqa: ARG001 - it has one protocol
        for part, partition, ending, _ in _PARTS:
            name = f"ASVspoof2019_{access}_cm_protocols/ASVspoof2019.{access}.cm.{part}.{ending}.txt"
            for line in root.lines(name):
                speaker, utterance, environment, attack, key = line.split()
                path = f"ASVspoof2019_{access}_{part}/flac/{utterance}.flac"
                species = root.attack(attack, genuine=root.listed(key, line), line=line)
                environment = environment.strip("-")
                yield root.row(partition, {"voice": path}, species, subject=speaker, environment=environment)

    return read


def _dataset(access: str, what: str, counts: dict[str, tuple[int, int]]) -> Dataset:
    return dataset(
        f"asvspoof2019_{access.lower()}",
        title=f"ASVspoof 2019 {access}",
        modalities=("voice",),
        protocols={"cm": f"countermeasure protocol, {what}"},
        counts={"cm": counts},
        licence="ODC-By 1.0",
        ask="https://datashare.ed.ac.uk/handle/10283/3336",
        reference="Wang et al., Computer Speech & Language 2020",
        notes="The root is the folder LA or PA. The kinds of attack are the published codes.",
        example=_example(access),
    )(_reader(access))


logical = _dataset(
    "LA", "synthesis and conversion", {"train": (2580, 22800), "dev": (2548, 22296), "test": (7355, 63882)}
)
physical = _dataset(
    "PA", "simulated replay", {"train": (5400, 48600), "dev": (5400, 24300), "test": (18090, 116640)}
)
