"""What a file says of where it comes from: a signed C2PA manifest, verified, and the marks of its container.

A manifest that is whole says who signed what; it is evidence of provenance and none of liveness. That there
is none says nothing: few cameras sign, and every messenger strips it. Marks of a container are hints and no
verdict: anybody can write them. Nothing is fetched from the network.

References:
    Coalition for Content Provenance and Authenticity, "C2PA Technical Specification" 2.1; IPTC, "Digital
    Source Type" vocabulary.
"""

from __future__ import annotations

import io
import json
import mmap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from antispoof.errors import InputError, MediaError, MissingExtraError
from antispoof.sensing.kinds import VIDEOS, foreign, kind_of
from antispoof.sensing.source import DEFAULT_LIMITS, MediaLimits, name_of, read_bytes

__all__ = [
    "HINTS",
    "REASONS",
    "Provenance",
    "container_hints",
    "mentions_manifest",
    "read_provenance",
    "told_of",
]

State = Literal["trusted", "intact", "broken"]
TYPES = {
    "avi": "video/avi",
    "jpeg": "image/jpeg",
    "mov": "video/mp4",
    "png": "image/png",
    "tiff": "image/tiff",
    "webp": "image/webp",
}
SOURCES = {
    "algorithmicMedia": "c2pa_generated",
    "composite": "c2pa_edited",
    "compositeCapture": "c2pa_edited",
    "compositeSynthetic": "c2pa_generated",
    "compositeWithTrainedAlgorithmicMedia": "c2pa_generated",
    "computationalCapture": "c2pa_captured",
    "dataDrivenMedia": "c2pa_generated",
    "digitalCapture": "c2pa_captured",
    "trainedAlgorithmicMedia": "c2pa_generated",
    "virtualRecording": "c2pa_generated",
}
HARMLESS = {"c2pa.created", "c2pa.opened", "c2pa.published", "c2pa.transcoded", "c2pa.converted"}
LOCAL = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}

REASONS: Mapping[str, str] = {
    "c2pa_trusted": "its manifest is whole, and signed by somebody whom the given anchors vouch for",
    "c2pa_intact": "its manifest is whole; who signed it is not vouched for",
    "c2pa_broken": "its manifest does not belong to what the file holds, or its signature is false",
    "c2pa_captured": "its manifest says that a camera took it",
    "c2pa_generated": "its manifest says that a program made it, or a part of it",
    "c2pa_edited": "its manifest says that it was edited or put together",
}
"""What a manifest may say, as codes, and what that means."""

HINTS: Mapping[str, str] = {
    "written_by_program": "a library that converts films wrote the container, not the recorder of a camera",
    "maker_contradicted": "it names a maker whose recorder writes another kind of container",
}
"""What a container may show, as codes; hints, and never a verdict."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a manifest says.

    Attributes:
        state: ``trusted``, ``intact`` (whole, but nobody vouches for the signer) or ``broken``.
        reasons: codes of `REASONS`.
        signer: whom the certificate names; empty where nobody.
        generator: the program that wrote the manifest.
    """

    state: State
    reasons: tuple[str, ...]
    signer: str
    generator: str


def read_provenance(
    source: str | Path | bytes, anchors: str = "", limits: MediaLimits = DEFAULT_LIMITS
) -> Provenance | None:
    """Read and verify the C2PA manifest of a file; None where it carries none, or its kind cannot.

    Args:
        source: path or bytes.
        anchors: certificates in PEM that are trusted to name signers; empty means that nobody is.
        limits: how large the file may be.

    Raises:
        MediaError: the file is too large, of no kind that is known, or its manifest cannot be read at all.
        MissingExtraError: ``c2pa-python`` is not installed.
        InputError: the anchors are no certificates.
    """
    try:
        import c2pa
    except ImportError:
        raise MissingExtraError("reading C2PA manifests", "provenance") from None
    data, name = read_bytes(source, replace(limits, max_bytes=limits.max_video_bytes)), name_of(source)
    known = kind_of(data)
    if not known:
        told = foreign(data[:64]) or "neither a picture nor a film"
        raise MediaError("unsupported_media", f"{name} is {told}, and no manifest is read of that")
    kind = TYPES.get(known)
    if kind is None:
        return None
    trust = {"trust": {"trust_anchors": anchors, "verify_trust_list": True}} if anchors else {}
    try:
        context = c2pa.Context(c2pa.Settings.from_dict({**LOCAL, **trust}))
    except c2pa.C2paError as error:
        raise InputError(f"the anchors are no certificates in PEM: {error}") from None
    try:
        reader = c2pa.Reader.try_create(kind, io.BytesIO(data), context=context)
    except c2pa.C2paError as error:
        raise MediaError("decode_failed", f"{name}: its C2PA manifest cannot be read: {error}") from None
    if reader is None:
        return None
    with reader:
        told, state = json.loads(reader.json()), str(reader.get_validation_state())
    manifest = told.get("manifests", {}).get(told.get("active_manifest"), {})
    states: dict[str, State] = {"Trusted": "trusted", "Valid": "intact"}
    found: State = states.get(state, "broken")
    signature = manifest.get("signature_info") or {}
    return Provenance(
        found,
        (f"c2pa_{found}", *_said(manifest)),
        str(signature.get("common_name") or signature.get("issuer") or ""),
        _generator(manifest),
    )


def told_of(source: str | Path | bytes) -> Provenance | str | None:
    """Tell what the manifest of a file says, or why it cannot be read; None where it carries none."""
    if not mentions_manifest(source):
        return None
    try:
        return read_provenance(source)
    except (MediaError, MissingExtraError) as error:
        return str(error)


def mentions_manifest(source: str | Path | bytes) -> bool:
    """Tell whether a file may carry a C2PA manifest: quick, and without reading it."""
    if isinstance(source, bytes):
        return b"c2pa" in source
    path = Path(source)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return content.find(b"c2pa") >= 0
        except ValueError:  # an empty file
            return False


def _said(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """What the actions of a manifest say of how the file came to be."""
    codes = dict[str, None]()
    for assertion in manifest.get("assertions", ()):
        if not str(assertion.get("label", "")).startswith("c2pa.actions"):
            continue
        for action in assertion.get("data", {}).get("actions", ()):
            source = str(action.get("digitalSourceType", "")).rsplit("/", 1)[-1]
            if source in SOURCES:
                codes[SOURCES[source]] = None
            elif str(action.get("action", "")) not in HARMLESS:
                codes["c2pa_edited"] = None
    return tuple(codes)


def _generator(manifest: Mapping[str, Any]) -> str:
    for entry in manifest.get("claim_generator_info") or ():
        return " ".join(str(entry[key]) for key in ("name", "version") if entry.get(key))
    return str(manifest.get("claim_generator") or "")


PROGRAMS = ("lavf", "lavc", "handbrake", "obs", "gpac", "x264", "x265", "vlc")


def container_hints(source: str | Path) -> tuple[str, ...]:
    """Tell what the container of a film contradicts, as codes of `HINTS`; empty where it is none.

    Raises:
        MediaError: it cannot be opened.
    """
    import av

    path = Path(source)
    with path.open("rb") as file:
        kind = kind_of(file.read(64))
    if kind not in VIDEOS:
        return ()
    try:
        with av.open(str(path), format=kind, metadata_errors="replace") as opened:
            tags = {key.lower(): str(value) for key, value in opened.metadata.items()}
            for stream in opened.streams:
                tags |= {f"stream.{key.lower()}": str(value) for key, value in stream.metadata.items()}
    except av.FFmpegError as error:
        raise MediaError("decode_failed", f"{path.name} cannot be opened: {error}") from None
    written = " ".join(tags.get(key, "") for key in ("encoder", "stream.encoder", "software")).lower()
    apple = any("apple" in value.lower() for key, value in tags.items() if "make" in key)
    android = any(key.startswith("com.android") for key in tags)
    brand = tags.get("major_brand", "").strip()
    contradicted = (apple and brand != "qt") or (android and brand not in {"mp42", "isom", "3gp4"})
    found = {
        "written_by_program": any(program in written for program in PROGRAMS),
        "maker_contradicted": (apple or android) and (contradicted or "lavf" in written),
    }
    return tuple(code for code, there in found.items() if there)
