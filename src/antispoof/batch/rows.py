"""`Row`: one presentation to score, with what its record repeats of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from antispoof.data.presentation import Presentation
from antispoof.sensing.capture import Sources

__all__ = ["Row"]


@dataclass(frozen=True, slots=True)
class Row:
    """One presentation to score.

    Attributes:
        id: unique in the run.
        captures: modality name → source, as `Detector.check` takes it: a file, or those of several frames.
        pai_species: ``bona_fide`` or the kind of attack instrument; empty where nobody says.
        subject: who; empty when unknown.
        session: the recording session; empty when unknown.
        dataset: where it comes from; empty when unknown.
        partition: ``train``, ``dev``, ``test`` or empty.
        attributes: whatever else is known.
        simulated: whether a program, and no sensor, made the files.
        references: earlier bona fide captures of the same person and device.
    """

    id: str
    captures: Mapping[str, Sources]
    pai_species: str = ""
    subject: str = ""
    session: str = ""
    dataset: str = ""
    partition: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    simulated: bool = False
    references: tuple[Path, ...] = ()

    @classmethod
    def of(cls, presentation: Presentation, *, labelled: bool = True) -> Row:
        """Take over a presentation; ``labelled`` tells whether it says what was presented."""
        return cls(
            presentation.id,
            {name: file.recording for name, file in presentation.captures.items()},
            (presentation.pai_species or "bona_fide") if labelled else "",
            presentation.subject,
            presentation.session,
            presentation.dataset,
            presentation.partition,
            presentation.attributes,
            presentation.simulated,
        )
