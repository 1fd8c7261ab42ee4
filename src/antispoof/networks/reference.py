"""The reference page of encoders, fusions and losses, written from what is registered."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from antispoof.errors import UnknownNameError
from antispoof.networks.attention import AttentionKind, attention_macs
from antispoof.networks.cost import Cost, cost
from antispoof.networks.encoders import encoders
from antispoof.networks.fusion import fusions
from antispoof.networks.losses import losses

__all__ = ["reference_page", "section"]

_SIDE, _SECONDS = 112, 1
_FUSED = ("face_depth", "face_infrared", "face_rgb", "face_thermal")
_TITLES = {"encoder": "Encoders", "fusion": "Fusions", "loss": "Losses"}
_KINDS: dict[str, Any] = {"encoder": encoders, "fusion": fusions, "loss": losses}


def section(name: str) -> str:
    """Return what the page says of one encoder, fusion or loss.

    Raises:
        UnknownNameError: nothing has that name.
    """
    for kind, registry in _KINDS.items():
        if name in registry:
            text = "\n".join(_section(kind, name)).strip()
            costs = _cost(kind, name)
            if costs is not None:
                text += f"\n\n{costs.parameters:,} parameters, {costs.macs / 1e6:,.1f} million MACs."
            return text + "\n"
    raise UnknownNameError("encoder, fusion or loss", name, [n for known in _KINDS.values() for n in known])


def reference_page() -> str:
    """Return docs/reference/networks.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Networks"
    yield ""
    yield "*Generated from the registry: `antispoof networks --markdown > docs/reference/networks.md`.*"
    yield ""
    yield (
        "An experiment file names one encoder for each modality, a fusion where there are several, and the "
        "losses that teach them; the options below are the keys that each may have beside `name`. Which "
        "fusion when: [fusion in the network](../concepts/fusion-in-the-network.md)."
    )
    yield ""
    yield (
        f"MACs are multiplications with addition: of an encoder for one picture of 3 × {_SIDE} × {_SIDE}, or "
        f"for {_SECONDS} second of sound at 16 kHz; of a fusion for four modalities, each behind a `mobile` "
        "encoder, without the encoders."
    )
    for kind, registry in _KINDS.items():
        yield ""
        yield f"## {_TITLES[kind]}"
        yield ""
        if kind == "encoder":
            yield (
                "Every encoder gives shallow, middle and deep tokens. Its stages, at least `shallow`, "
                "`middle` and `deep`, can be frozen and thawed by name."
            )
            yield ""
        costed = kind != "loss"
        yield "| name | what it is |" + (" parameters | million MACs |" if costed else "")
        yield "|---|---|" + ("---|---|" if costed else "")
        for name in registry:
            costs = _cost(kind, name)
            cells = f" {costs.parameters:,} | {costs.macs / 1e6:,.1f} |" if costs else " – | – |"
            yield f"| [`{name}`](#{name}) | {_headline(kind, name)} |" + (cells if costed else "")
        for name in registry:
            yield from _section(kind, name)
    yield ""
    yield from _attention()


def _section(kind: str, name: str) -> Iterator[str]:
    thing = _KINDS[kind][name]
    yield ""
    yield f"### {name}"
    yield ""
    yield _about(kind, name)
    yield ""
    yield _first_line(thing)
    if kind == "loss" and thing().needs:
        yield ""
        needs = ", ".join(f"`{need}`" for need in sorted(thing().needs))
        yield f"The network gets the outputs {needs} for it."
    options = _options(thing)
    if options:
        yield ""
        yield "| option | default | |"
        yield "|---|---|---|"
        for option, default, meaning in options:
            yield f"| `{option}` | `{default}` | {meaning} |"


def _about(kind: str, name: str) -> str:
    """What the file of a thing says at its top: idea, paper, source of weights."""
    module = inspect.getmodule(_KINDS[kind][name])
    return inspect.cleandoc((module and module.__doc__) or "").replace("``", "`")


def _headline(kind: str, name: str) -> str:
    """Return the idea of a thing without its name: what stands behind the colon of its file's first line."""
    line = _about(kind, name).split("\n", 1)[0]
    return line.split(": ", 1)[-1].rstrip(".").replace("|", "\\|")


def _first_line(thing: Callable[..., Any]) -> str:
    return inspect.cleandoc(thing.__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("``", "`")


def _options(thing: Callable[..., Any]) -> list[tuple[str, str, str]]:
    """Return name, default and meaning of every option."""
    documented = inspect.cleandoc(thing.__doc__ or "").partition("Args:\n")[2]
    meanings: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \w+: )", "\n" + documented.partition("\n\n")[0]):
        option, _, meaning = entry.strip().partition(": ")
        meanings[option] = " ".join(meaning.replace("``", "`").split())
    parameters = inspect.signature(thing).parameters.values()
    return [
        (each.name, str(each.default) if each.default != "" else "''", meanings.get(each.name, ""))
        for each in parameters
        if each.kind is inspect.Parameter.KEYWORD_ONLY
    ]


def _cost(kind: str, name: str) -> Cost | None:
    """Cost with the options' defaults; None where there is none, or other people's weights decide."""
    with torch.device("meta"):  # sizes without numbers
        if kind == "fusion":
            encoder = encoders["mobile"](3)
            levels = encoder(torch.zeros(1, 3, _SIDE, _SIDE))
            fusion = fusions[name](dict.fromkeys(_FUSED, encoder.dims))
            return cost(fusion, dict.fromkeys(_FUSED, levels), torch.ones(1, len(_FUSED)))
        known = inspect.signature(_KINDS[kind][name]).parameters
        if kind == "loss" or known.keys() & {"path", "source"}:
            return None
        factory = partial(encoders[name], **({"pretrained": False} if "pretrained" in known else {}))
        encoder = factory(1)  # what takes sound has no other number of channels
        if encoder.takes == "waveform":
            return cost(encoder, torch.zeros(1, 16000 * _SECONDS))
        return cost(factory(3), torch.zeros(1, 3, _SIDE, _SIDE))


def _attention() -> Iterator[str]:
    yield "## What attention costs"
    yield ""
    yield (
        "Weighing T tokens of width D, without the projections: full 2·T²·D, linear 2·T·D²/heads, within "
        "windows of w × w 2·T·w²·D MACs. For the width of `mobile` (96, 4 heads, windows of 7), in millions:"
    )
    yield ""
    yield "| picture | tokens at stride 16 | full | windowed | linear |"
    yield "|---|---|---|---|---|"
    kinds: tuple[AttentionKind, ...] = ("full", "windowed", "linear")
    for side in (112, 224, 448):
        tokens = (side // 16) ** 2
        cells = " | ".join(f"{attention_macs(kind, tokens, 96, 4, 7) / 1e6:.2f}" for kind in kinds)
        yield f"| {side} × {side} | {tokens} | {cells} |"
