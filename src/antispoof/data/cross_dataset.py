"""Cross-dataset protocols: train on some datasets, test on one that was never seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from antispoof.data.presentation import EvaluationProtocol, Presentation, one_spelling
from antispoof.errors import InputError, UnknownNameError

__all__ = ["CROSS_DATASET", "CrossDatasetProtocol", "combine"]


@dataclass(frozen=True, slots=True)
class CrossDatasetProtocol:
    """Which datasets teach and which one judges.

    Attributes:
        sources: datasets to train on.
        targets: datasets to test on.
        modalities: sensors that are used; others are dropped.
        absent_in_test: sensors that the test has to do without.
        reference: where the protocol is from.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    modalities: tuple[str, ...]
    absent_in_test: tuple[str, ...] = ()
    reference: str = ""


_OCIM = {"o": "oulu_npu", "c": "casia_fasd", "i": "replay_attack", "m": "msu_mfsd"}
_MMDG = {"c": "casia_cefa", "p": "padisi_face", "s": "casia_surf", "w": "wmca"}
_RGB = ("face_rgb",)
_TRIPLE = ("face_rgb", "face_depth", "face_infrared")


def _ocim() -> dict[str, CrossDatasetProtocol]:
    reference = "Shao et al., CVPR 2019 (leave one out); Wang et al., CVPR 2020 (limited sources)"
    table = ("oci_m", "omi_c", "ocm_i", "icm_o", "mi_c", "mi_o")
    return {f"ocim_{name}": _protocol(name, _OCIM, _RGB, (), reference) for name in table}


def _mmdg() -> dict[str, CrossDatasetProtocol]:
    reference = "Lin et al., CVPR 2024 (MMDG)"
    missing = {
        "": (),
        "_without_depth": ("face_depth",),
        "_without_infrared": ("face_infrared",),
        "_without_depth_infrared": ("face_depth", "face_infrared"),
    }
    full = ("cps_w", "cpw_s", "csw_p", "psw_c")
    table = {
        f"mmdg_{name}{suffix}": _protocol(name, _MMDG, _TRIPLE, absent, reference)
        for suffix, absent in missing.items()
        for name in full
    }
    return table | {
        f"mmdg_{name}": _protocol(name, _MMDG, _TRIPLE, (), reference) for name in ("cw_ps", "ps_cw")
    }


def _protocol(
    name: str,
    letters: Mapping[str, str],
    modalities: tuple[str, ...],
    absent: tuple[str, ...],
    reference: str,
) -> CrossDatasetProtocol:
    sources, targets = (tuple(letters[letter] for letter in side) for side in name.split("_"))
    return CrossDatasetProtocol(sources, targets, modalities, absent, reference)


CROSS_DATASET: Mapping[str, CrossDatasetProtocol] = {**_ocim(), **_mmdg()}
"""Name → protocol: ``ocim_oci_m`` trains on OULU-NPU, CASIA-FASD and Replay-Attack and tests on MSU-MFSD."""


def combine(name: str, collections: Mapping[str, Sequence[Presentation]]) -> EvaluationProtocol:
    """Make a cross-dataset protocol of presentations that were read dataset by dataset.

    Of each source, ``train`` trains and ``dev`` sets thresholds; ``test`` of a source that has a dev
    partition trains as well, and is the dev partition of one that has none. All of the target is test.
    Thresholds therefore never see the target, where the literature often sets them at the target's own
    equal error rate: the HTER here is the honest, higher one.

    Args:
        name: one of `CROSS_DATASET`.
        collections: dataset → its presentations, partition set.

    Raises:
        UnknownNameError: no such protocol.
        InputError: a dataset that the protocol needs is missing or empty.
    """
    if name not in CROSS_DATASET:
        raise UnknownNameError("cross-dataset protocol", name, CROSS_DATASET)
    protocol = CROSS_DATASET[name]
    lacking = [d for d in (*protocol.sources, *protocol.targets) if not collections.get(d)]
    if lacking:
        have = ", ".join(sorted(collections)) or "none"
        raise InputError(
            f"{name} needs {', '.join(lacking)}, which the manifests do not hold; they hold {have}"
        )
    rows: list[Presentation] = []
    for source in protocol.sources:
        has_dev = any(p.partition == "dev" for p in collections[source])
        for p in collections[source]:
            dev = p.partition == "dev" or (p.partition == "test" and not has_dev)
            rows += _keep(p, protocol.modalities, "dev" if dev else "train")
    in_test = tuple(m for m in protocol.modalities if m not in protocol.absent_in_test)
    for target in protocol.targets:
        for p in collections[target]:
            rows += _keep(p, in_test, "test")
    return EvaluationProtocol.from_presentations(name, one_spelling(rows), notes=protocol.reference)


def _keep(p: Presentation, modalities: tuple[str, ...], partition: str) -> list[Presentation]:
    captures = {m: file for m, file in p.captures.items() if m in modalities}
    return [dataclasses.replace(p, captures=captures, partition=partition)] if captures else []
