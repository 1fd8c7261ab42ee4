"""Rose-Youtu: 20 people, five phones; prints, paper masks and two screens."""

from __future__ import annotations

from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation

_SPECIES = {
    "G": None, "Ps": "print_still", "Pq": "print_quivering", "Vl": "replay_lenovo", "Vm": "replay_mac",
    "Mc": "mask_paper_cropped", "Mf": "mask_paper_full", "Mu": "mask_paper_upper",
}  # fmt: skip
_TRAINING = frozenset({"2", "3", "4", "5", "6", "7", "9", "10", "11", "12"})


@dataset(
    "rose_youtu",
    title="Rose-Youtu",
    modalities=("face_rgb",),
    protocols={"grandtest": "ten people train, ten test"},
    licence="research only, signed agreement",
    ask="https://rose1.ntu.edu.sg/dataset/faceLivenessDetection/",
    reference="Li et al., IEEE TIFS 2018",
    notes=(
        "Names are L_S_D_x_E_p_N: label, speaking, device, eyeglasses, environment, person, number. The "
        "release holds no list: this reader lets the first ten of the twenty people (2-7, 9-12) train. "
        "Videos of some devices are stored turned or upside down; look at the contact sheet before training."
    ),
    example={
        "2/G_NT_5s_wg_E_2_1.mp4": "",
        "2/Ps_NT_HS_g_E_2_66.mp4": "",
        "2/Mc_T_IP_g_E_2_51.mp4": "",
        "20/G_T_HW_wg_E_20_8.mp4": "",
        "20/Vl_NT_5s_g_E_20_140.mp4": "",
    },
)
def rose_youtu(root: Root, protocol: str) -> Iterator[Presentation]:  # noqa: ARG001 - it has one protocol
    """Read everything from the file names."""
    pattern = (
        r"(?:.*/)?(?P<kind>G|Ps|Pq|Vl|Vm|Mc|Mf|Mu)_(?P<speaking>T|NT)_(?P<device>\w+?)_(?P<glasses>g|wg)_E_"
        r"(?P<subject>\d+)_\d+\.mp4"
    )
    for path, found in root.matches(pattern):
        yield root.row(
            "train" if found["subject"] in _TRAINING else "test",
            {"face_rgb": path},
            _SPECIES[found["kind"]],
            subject=found["subject"],
            capture_device=found["device"],
            speaking="yes" if found["speaking"] == "T" else "no",
        )
