"""ASVspoof 2021: logical access over telephone channels, and deepfakes over media codecs; test sets only."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from antispoof.data.layout import Dataset, Root, dataset
from antispoof.data.presentation import Presentation


def _reader(task: str) -> Callable[[Root, str], Iterator[Presentation]]:
    def read(root: Root, protocol: str) -> Iterator[Presentation]:
        names = (f"keys/{task}/CM/trial_metadata.txt", f"{task}-keys-full/keys/{task}/CM/trial_metadata.txt")
        for line in root.lines(*names):
            fields = line.split()
            speaker, utterance, codec, source, attack, key, _, subset = fields[:8]
            if subset != protocol:
                continue
            yield root.row(
                "test",
                {"voice": f"ASVspoof2021_{task}_eval/flac/{utterance}.flac"},
                root.attack(attack, genuine=root.listed(key, line), line=line),
                subject=speaker,
                codec=codec,
                source=source,
            )

    return read


def _dataset(task: str, what: str, counts: tuple[int, int]) -> Dataset:
    rows = []
    for n, subset in enumerate(("eval", "progress", "hidden")):
        for key, attack in (("bonafide", "bonafide"), ("spoof", "A07")):
            rows.append(
                f"LA_000{n} {task}_E_{2 * n + (key == 'spoof')} alaw ita {attack} {key} notrim {subset}"
            )
    return dataset(
        f"asvspoof2021_{task.lower()}",
        title=f"ASVspoof 2021 {task}",
        modalities=("voice",),
        protocols={
            "eval": f"{what}: the evaluation subset",
            "progress": "the subset of the progress phase",
            "hidden": "hidden track, silence removed",
        },
        counts={"eval": {"test": counts}},
        licence="ODC-By 1.0",
        ask="https://www.asvspoof.org/index2021.html",
        reference="Liu et al., IEEE/ACM TASLP 2023",
        notes=(
            "Test only: systems train on ASVspoof 2019 LA. Expects the keys archive unpacked beside the "
            "audio. Kinds of attack are the published codes; of DF, the kind of vocoder stands in a later "
            "column that is not read."
        ),
        example={
            f"keys/{task}/CM/trial_metadata.txt": "\n".join(rows) + "\n",
            **{f"ASVspoof2021_{task}_eval/flac/{row.split()[1]}.flac": "" for row in rows},
        },
    )(_reader(task))


logical = _dataset("LA", "telephone channels", (14816, 133360))
deepfake = _dataset("DF", "media codecs", (14869, 519059))
