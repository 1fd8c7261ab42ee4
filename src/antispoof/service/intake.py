"""One sample, looked at before it is accepted: can it be decoded, can it be judged."""

from __future__ import annotations

from antispoof.errors import InputError, MediaError
from antispoof.sensing.capture import Recording
from antispoof.sensing.modalities import modalities
from antispoof.service.problems import Problem, from_media_error

__all__ = ["check_sample"]

CODES = {"no_face": "no_face", "several_faces": "multiple_faces"}


def check_sample(name: str, content: bytes, unit: str = "") -> None:
    """Refuse a sample that the detector could not judge.

    Raises:
        Problem: what is wrong with it, with advice for the person.
    """
    modality = modalities[name]
    try:
        quality = modality.quality(modality.load(Recording(content, unit)))
    except MediaError as error:
        raise from_media_error(error, "the file") from None
    except InputError as error:  # a unit that the modality does not know
        raise Problem("invalid_request", f"unit: {error}") from None
    if not quality.usable:
        raise Problem(
            CODES.get(quality.reasons[0], "low_quality"),
            f"it cannot be judged: {', '.join(quality.reasons)}",
            advice=[modality.reasons[code] for code in quality.reasons],
        )
