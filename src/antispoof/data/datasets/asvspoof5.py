"""ASVspoof 5: crowd-sourced speakers, synthesis, conversion, adversarial attacks, codecs; track 1."""

from __future__ import annotations

from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation

_PARTS = (
    ("train", "ASVspoof5.train.tsv", "flac_T"),
    ("dev", "ASVspoof5.dev.track_1.tsv", "flac_D"),
    ("test", "ASVspoof5.eval.track_1.tsv", "flac_E_eval"),
)
_ROWS = "{0}_1 {0}_0001 F - - - AC1 bonafide bonafide -\n{0}_1 {0}_0002 F - - - AC3 A0{1} spoof -\n"


@dataset(
    "asvspoof5",
    title="ASVspoof 5",
    modalities=("voice",),
    protocols={"track_1": "stand-alone deepfake detection"},
    counts={"track_1": {"train": (18797, 163560), "dev": (31334, 109616), "test": (138688, 542086)}},
    licence="CC BY 4.0 (see each part)",
    ask="https://zenodo.org/records/14498691",
    reference="Wang et al., Computer Speech & Language 2026 (arXiv:2502.08857)",
    notes=(
        "Columns: speaker, file, sex, codec, codec quality, codec seed, attack tag, attack label, key, one "
        "unused. Releases before the evaluation keys lack the third list."
    ),
    example={
        **{name: _ROWS.format(folder[5], n + 1) for n, (_, name, folder) in enumerate(_PARTS)},
        **{f"{folder}/{folder[5]}_000{n}.flac": "" for _, _, folder in _PARTS for n in (1, 2)},
    },
)
def asvspoof5(root: Root, protocol: str) -> Iterator[Presentation]:  # noqa: ARG001 - it has one protocol
    """Read the three lists of track 1."""
    for partition, name, folder in _PARTS:
        for line in root.lines(name):
            speaker, file, sex, codec, *_, attack, key, _ = line.split()
            yield root.row(
                partition,
                {"voice": f"{folder}/{file}.flac"},
                root.attack(attack, genuine=root.listed(key, line), line=line),
                subject=speaker,
                sex=sex.lower(),
                codec=codec.strip("-"),
            )
