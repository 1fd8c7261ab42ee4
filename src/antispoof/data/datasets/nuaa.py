"""NUAA Photograph Imposter: 15 people, printed photographs, webcam."""

from __future__ import annotations

from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation


@dataset(
    "nuaa",
    title="NUAA Photograph Imposter (raw images)",
    modalities=("face_rgb",),
    protocols={"raw": "the lists of the publication"},
    counts={"raw": {"train": (1743, 1748), "test": (3362, 5761)}},
    licence="research only",
    ask="http://parnec.nuaa.edu.cn/_upload/tpl/02/db/731/template731/pages/xtan/NUAAImposterDB_download.html",
    reference="Tan et al., ECCV 2010",
    shared_subjects="the publication divides by session: some people stand in train and test",
    notes="No development set. The lists have Windows paths.",
    example={
        "client_train_raw.txt": "0001\\0001_00_00_01_0.jpg\n",
        "client_test_raw.txt": "0001\\0001_00_00_03_0.jpg\n",
        "imposter_train_raw.txt": "0002\\0002_00_00_01_0.jpg\n",
        "imposter_test_raw.txt": "0003\\0003_00_00_02_0.jpg\n",
        "ClientRaw/0001/0001_00_00_01_0.jpg": "",
        "ClientRaw/0001/0001_00_00_03_0.jpg": "",
        "ImposterRaw/0002/0002_00_00_01_0.jpg": "",
        "ImposterRaw/0003/0003_00_00_02_0.jpg": "",
    },
)
def nuaa(root: Root, protocol: str) -> Iterator[Presentation]:
    """Read the four lists."""
    for kind, folder in (("client", "ClientRaw"), ("imposter", "ImposterRaw")):
        for partition in ("train", "test"):
            for line in root.lines(f"{kind}_{partition}_{protocol}.txt"):
                path = line.replace("\\", "/")
                subject, glasses, _, session, _ = path.rsplit("/", 1)[-1].split("_")
                yield root.row(
                    partition,
                    {"face_rgb": f"{folder}/{path}"},
                    "print" if kind == "imposter" else None,
                    subject=subject,
                    session=session,
                    glasses="no" if glasses == "01" else "yes",
                )
