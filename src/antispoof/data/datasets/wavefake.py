"""WaveFake: vocoder copies of two single-speaker corpora, LJSpeech and JSUT."""

from __future__ import annotations

from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation

_VOCODERS = (
    "melgan", "melgan_large", "full_band_melgan", "multi_band_melgan", "hifiGAN", "parallel_wavegan",
    "waveglow",
)  # fmt: skip


def _part(clip: str) -> str:
    """Divide LJSpeech by chapter: LJ001-LJ040 train, LJ041-LJ045 dev, LJ046-LJ050 test."""
    book = int(clip[2:5])
    return "train" if book <= 40 else "dev" if book <= 45 else "test"


@dataset(
    "wavefake",
    title="WaveFake (LJSpeech part)",
    modalities=("voice",),
    protocols={
        "all": "all vocoders in every partition",
        **{f"unseen_{v.lower()}": f"{v} in test only" for v in _VOCODERS},
        **{f"only_{v.lower()}": f"train on {v} alone, test on all" for v in _VOCODERS},
    },
    licence="CC BY-SA 4.0 (copies); public domain (LJSpeech)",
    ask="https://zenodo.org/records/5642694, https://keithito.com/LJ-Speech-Dataset/",
    reference="Frank, Schönherr, NeurIPS 2021 Datasets and Benchmarks",
    shared_subjects="LJSpeech is one speaker; partitions are disjoint by text",
    notes=(
        "Expects generated_audio/ljspeech_<vocoder>/*.wav and the original LJSpeech-1.1/wavs/*.wav. The "
        "publication states no division into partitions; here it is by the section of the reading. The "
        "Japanese part and the text-to-speech part are not read."
    ),
    example={
        **{f"LJSpeech-1.1/wavs/LJ0{n}-0001.wav": "" for n in ("01", "41", "46")},
        **{
            f"generated_audio/ljspeech_{v}/LJ0{n}-0001{suffix}.wav": ""
            for v in _VOCODERS
            for n, suffix in (("01", "_gen"), ("41", "_gen"), ("46", "_gen"))
        },
    },
)
def wavefake(root: Root, protocol: str) -> Iterator[Presentation]:
    """Pair the original clips with their vocoder copies."""
    rule, _, chosen = protocol.partition("_")
    pattern = (
        r"(?:LJSpeech-1\.1/wavs|generated_audio/ljspeech_(?P<vocoder>\w+))/(?P<clip>LJ\d{3}-\d+)[^/]*\.wav"
    )
    for path, found in root.matches(pattern):
        vocoder, part = found["vocoder"].lower(), _part(found["clip"])
        training = part != "test"
        if vocoder and (
            (rule == "unseen" and (vocoder == chosen) == training)
            or (rule == "only" and training and vocoder != chosen)
        ):
            continue
        species = f"vocoder_{vocoder}" if vocoder else None
        yield root.row(part, {"voice": path}, species, subject="ljspeech", session=found["clip"])
