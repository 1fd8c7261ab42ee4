"""A bundle: one ONNX file that carries everything needed to use it, and where it comes from.

The metadata are JSON under the key ``antispoof`` of the file's ``metadata_props``. They hold the SHA-256
of the serialized graph, weights included, so that damage is found before anything is judged. It is a
checksum against accidents, not a signature.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from antispoof.errors import BundleError, InputError, UnknownNameError
from antispoof.files import first_error
from antispoof.scores.calibration import Calibration
from antispoof.scores.pooling import Pooling
from antispoof.scores.reference import ReferenceRule
from antispoof.scores.traffic import TrafficRule

__all__ = [
    "Bundle",
    "BundleMetadata",
    "Head",
    "Input",
    "MeasuredResult",
    "OperatingPointEntry",
    "SiteRule",
    "Training",
    "TrainingData",
    "default_bundle",
    "default_bundles",
    "read_bundle",
    "seal",
    "shipped_bundles",
    "subset_key",
]

METADATA_KEY = b"antispoof"

ONLY_BY_NAME = {
    "face-manipulation": ("a picture without a trace of manipulation", "a manipulated picture"),
}
"""Bundles that look for something else than whether a person is there → bona fide and attacks in words."""

# Field numbers of the ONNX messages ModelProto and StringStringEntryProto.
GRAPH, METADATA_PROPS = 7, 14
KEY, VALUE = 1, 2
LENGTH_DELIMITED = 2

Number = Annotated[float, Field(allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Input(_Part):
    """One input of the network: its name in the graph, its modality, and the arguments of ``prepare``."""

    name: str
    modality: str
    prepare: dict[str, float | int | str]


class OperatingPointEntry(_Part):
    """A threshold on the calibrated score, the rule that set it, and the data it was set on.

    Attributes:
        threshold: a calibrated score at or above it is bona fide.
        rule: that set it.
        data: on which it was set.
        apcer: what it does there to every attack instrument species: species → share that passes, 0 … 1.
        bpcer: what it does there to bona fide presentations: share that is rejected, 0 … 1.
        shortest_s: seconds of voice from which on it was set for; None where nothing shorter than usual was.
    """

    threshold: Number
    rule: str
    data: str
    apcer: dict[str, Rate] = {}
    bpcer: Rate | None = None
    shortest_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class TrainingData(_Part):
    """One source of training data.

    ``disclosed`` tells whether its makers say what it is; None where nobody has written it down.
    """

    name: str
    licence: str
    presentations: Annotated[int, Field(ge=0)]
    simulated: bool
    disclosed: bool | None = None


class Training(_Part):
    """How the network came to be: data, recipe (the experiment file's text or name), seed, code version."""

    data: list[TrainingData]
    recipe: str
    seed: int
    code_version: str


class MeasuredResult(_Part):
    """Figures measured on one set of data; ``simulated`` tells whether its attacks are."""

    data: str
    simulated: bool
    metrics: dict[str, float]


class Head(_Part):
    """The linear layer: ``score = features @ weight + bias``; what lies beyond ``knee`` counts by a fifth."""

    weight: list[Number]
    bias: Number
    knee: Number | None = None

    @model_serializer(mode="wrap")
    def _without_no_knee(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a knee that is none, so that readers that know of none read all other bundles."""
        return {name: value for name, value in plain(self).items() if name != "knee" or value is not None}


class SiteRule(_Part):
    """What site calibration starts from.

    Attributes:
        bona_fide_score: typical calibrated score of bona fide presentations where the operating points
            were set, as `antispoof.scores.location.typical_score` measures it.
        prior_captures: how many captures of a site weigh as much as that knowledge.
    """

    bona_fide_score: Number
    prior_captures: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0

    def shift(self, typical: float, captures: float) -> float:
        """By how much thresholds move where ``captures`` of a site have the typical score ``typical``."""
        return captures / (captures + self.prior_captures) * (typical - self.bona_fide_score)


class BundleMetadata(_Part):
    """Everything that a bundle tells of itself.

    The graph takes ``inputs``, several views of one modality or several modalities, and, with more than one
    modality, ``presence``: float32, (B, M), 1 where a modality is there, columns in the order of
    `modalities`. ``calibration`` and ``operating_points`` hold for all of them together; what differs where
    some are missing stands under `subset_key` in ``subset_calibrations`` and ``subset_operating_points``.
    ``modality_calibrations`` belong to the output ``modality_scores``. ``head`` is there when the graph has
    the output ``features``; ``site`` where the bundle can be calibrated to a site from bona fide captures;
    ``pooling`` where it was learned how several frames of one presentation become one ratio,
    ``reference`` and ``traffic`` how earlier captures of a person, and unlabelled scores of a site, move the
    thresholds. ``sha256`` is filled in by `seal`.
    """

    format_version: Literal[1] = 1
    name: str
    version: str
    description: str
    licence: str
    inputs: Annotated[list[Input], Field(min_length=1)]
    calibration: Calibration
    operating_points: Annotated[dict[str, OperatingPointEntry], Field(min_length=1)]
    default_operating_point: str
    subset_calibrations: dict[str, Calibration] = {}
    subset_operating_points: dict[str, dict[str, OperatingPointEntry]] = {}
    modality_calibrations: dict[str, Calibration] = {}
    training: Training
    results: list[MeasuredResult]
    head: Head | None = None
    site: SiteRule | None = None
    pooling: Pooling | None = None
    reference: ReferenceRule | None = None
    traffic: TrafficRule | None = None
    sha256: str = ""

    @field_validator("format_version", mode="before")
    @classmethod
    def _known_version(cls, value: object) -> object:
        if value != 1:
            raise ValueError(f"this antispoof reads bundles of format 1, not {value!r}: update it")
        return value

    @model_validator(mode="after")
    def _default_exists(self) -> BundleMetadata:
        if self.default_operating_point not in self.operating_points:
            raise ValueError(
                f"default_operating_point {self.default_operating_point!r} is not an operating point"
            )
        known = self.modalities
        for key in (*self.subset_calibrations, *self.subset_operating_points):
            names = key.split("+")
            if key != subset_key(names) or len(names) > len(set(names)) or not set(names) <= set(known):
                raise ValueError(f"{key!r} is no sorted subset of {subset_key(known)!r}")
        for key, points in self.subset_operating_points.items():
            if set(points) != set(self.operating_points):
                raise ValueError(f"the subset {key!r} needs the operating points of the whole")
        for name in ("site", "reference", "traffic"):
            if getattr(self, name) is not None and len(known) > 1:
                raise ValueError(f"{name} calibration is for bundles of one modality")
        if self.reference is not None and self.reference.directions and self.head is not None:
            taken, given = len(self.reference.directions), len(self.head.weight)
            if taken != given:
                raise ValueError(f"reference takes {taken} features, the graph gives {given}")
        if unknown := set(self.modality_calibrations) - set(known):
            raise ValueError(f"modality_calibrations name {sorted(unknown)}, which are no inputs")
        return self

    @property
    def modalities(self) -> tuple[str, ...]:
        """The sensors that the network looks at, in the order of ``presence`` and ``modality_scores``."""
        return tuple(dict.fromkeys(entry.modality for entry in self.inputs))

    def calibration_for(self, present: Iterable[str]) -> Calibration:
        """Return the calibration of scores taken with these modalities present."""
        return self.subset_calibrations.get(subset_key(present), self.calibration)

    def operating_point_for(self, name: str, present: Iterable[str]) -> OperatingPointEntry:
        """Return the operating point ``name`` with these modalities present."""
        return self.subset_operating_points.get(subset_key(present), self.operating_points)[name]


def subset_key(modalities: Iterable[str]) -> str:
    """Name a subset of modalities: sorted, joined by ``+``, for example ``face_depth+face_rgb``."""
    return "+".join(sorted(modalities))


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle in memory.

    Attributes:
        metadata: what it tells of itself.
        model: the ONNX file, serialized.
    """

    metadata: BundleMetadata
    model: bytes


def read_bundle(source: str | Path) -> Bundle:
    """Read a bundle and check it against its checksum.

    Args:
        source: path of an ``.onnx`` file, or the name of a bundle that ships.

    Raises:
        BundleError: the file is damaged, not a bundle, or of a format that this version cannot read.
        InputError: there is no such file.
        UnknownNameError: no bundle of that name ships.
    """
    path = Path(source)
    shipped = shipped_bundles()
    if path.suffix != ".onnx":
        if str(source) not in shipped and not path.exists():
            raise UnknownNameError("bundle", str(source), shipped)
        path = shipped.get(str(source), path)
    try:
        model = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"no such bundle file: {str(path)!r}") from None
    except OSError as error:
        raise InputError(f"cannot read the bundle {str(path)!r}: {error.strerror}") from None
    return Bundle(_checked_metadata(model, path), model)


def shipped_bundles() -> dict[str, Path]:
    """Return the bundles that are installed with the package: name → path."""
    folder = Path(__file__).parents[1] / "bundles"
    return {path.stem: path for path in sorted(folder.glob("*.onnx"))}


def default_bundle(modality: str) -> str:
    """Return the name of the bundle that ships for one modality.

    The one that has its name, or the first whose name begins with it, else the first that judges it among
    others.

    Raises:
        InputError: none does.
    """
    own = modality.replace("_", "-")
    for name in default_bundles():
        if name == own or name.startswith(f"{own}-"):
            return name
    for name in default_bundles():
        if modality in read_bundle(name).metadata.modalities:
            return name
    raise InputError(f"no bundle that ships judges {modality}: name one, as the path of an .onnx file")


def default_bundles() -> list[str]:
    """Return the names of the bundles that judge where none is named, by name, the preferred one first.

    Pictures of faces come first. A variant, whose name is another's with an ending (``face-rgb-edge`` beside
    ``face-rgb``), judges only where it is named, and so do those of `ONLY_BY_NAME`.
    """
    names = sorted(set(shipped_bundles()).difference(ONLY_BY_NAME))
    names = [name for name in names if not any(name.startswith(f"{other}-") for other in names)]
    return sorted(names, key=lambda name: (not name.startswith("face-rgb"), name))


def seal(model: bytes, metadata: BundleMetadata) -> bytes:
    """Add metadata, with the checksum of the graph, to a serialized ONNX model that has none yet.

    Fields of a serialized message may be appended in any order, so the model is not decoded for it.
    """
    complete = metadata.model_copy(update={"sha256": _graph_sha256(model)})
    entry = _field(KEY, METADATA_KEY) + _field(VALUE, complete.model_dump_json().encode())
    return model + _field(METADATA_PROPS, entry)


def _checked_metadata(model: bytes, path: Path) -> BundleMetadata:
    try:
        entries = [entry for number, entry in _fields(memoryview(model)) if number == METADATA_PROPS]
        props = [{number: bytes(content) for number, content in _fields(entry)} for entry in entries]
        texts = [prop[VALUE] for prop in props if prop.get(KEY) == METADATA_KEY]
        checksum = _graph_sha256(model)
    except (IndexError, KeyError, ValueError):
        raise BundleError(f"{str(path)!r} is damaged, or not an ONNX file") from None
    if len(texts) != 1:
        raise BundleError(f"{str(path)!r} is no bundle: its metadata lack the key 'antispoof'")
    try:
        metadata = BundleMetadata.model_validate_json(texts[0])
    except ValidationError as error:
        raise BundleError(f"{str(path)!r}: {first_error(error, 'metadata')}") from None
    if metadata.sha256 != checksum:
        raise BundleError(f"{str(path)!r} is damaged: its weights do not match its checksum; get it anew")
    return metadata


def _graph_sha256(model: bytes) -> str:
    graphs = [content for number, content in _fields(memoryview(model)) if number == GRAPH]
    if len(graphs) != 1:
        raise ValueError("a model has exactly one graph")
    return hashlib.sha256(graphs[0]).hexdigest()


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Walk the length-delimited fields of one protobuf message; raise ValueError or IndexError on damage."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == LENGTH_DELIMITED:
            length, at = _varint(message, at)
            if at + length > len(message):
                raise ValueError("a field is cut short")
            yield tag >> 3, message[at : at + length]
            at += length
        elif kind == 0:
            _, at = _varint(message, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number is too long")


def _field(number: int, content: bytes) -> bytes:
    return _encoded(number << 3 | LENGTH_DELIMITED) + _encoded(len(content)) + content


def _encoded(value: int) -> bytes:
    size = max(1, math.ceil(value.bit_length() / 7))
    parts = [(value >> 7 * index & 0x7F) | (0x80 if index < size - 1 else 0) for index in range(size)]
    return bytes(parts)
