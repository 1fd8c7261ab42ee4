"""LCC-FASD: web pictures and re-captured ones; only real and spoof are told apart."""

from __future__ import annotations

from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation

_PARTITION = {"training": "train", "development": "dev", "evaluation": "test"}


@dataset(
    "lcc_fasd",
    title="LCC-FASD",
    modalities=("face_rgb",),
    protocols={"grandtest": "the three published folders"},
    counts={"grandtest": {"train": (1223, 7076), "dev": (405, 2543), "test": (314, 7266)}},
    licence="not stated",
    ask="https://csit.am/2019/proceedings/PRIP/PRIP3.pdf",
    reference="Timoshenko et al., CSIT 2019",
    notes="Neither people nor kinds of attack are named; subjects are unknown.",
    example={
        "LCC_FASD_training/real/FT_id101_s0_15.png": "",
        "LCC_FASD_training/spoof/spoof_1.png": "",
        "LCC_FASD_development/real/real_1.png": "",
        "LCC_FASD_development/spoof/spoof_2.png": "",
        "LCC_FASD_evaluation/real/real_2.png": "",
        "LCC_FASD_evaluation/spoof/spoof_3.png": "",
    },
)
def lcc_fasd(root: Root, protocol: str) -> Iterator[Presentation]:  # noqa: ARG001 - it has one protocol
    """Read labels from the folders."""
    pattern = r"LCC_FASD_(?P<part>training|development|evaluation)/(?P<kind>real|spoof)/.*\.(?:png|jpg)"
    for path, found in root.matches(pattern):
        species = "recapture" if found["kind"] == "spoof" else None
        yield root.row(_PARTITION[found["part"]], {"face_rgb": path}, species)
