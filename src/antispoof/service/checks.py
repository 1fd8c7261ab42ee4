"""The detector at the operating points that are asked for; whatever fails, nobody is let through."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from antispoof.errors import AntispoofError, MediaError, UnknownNameError
from antispoof.runtime.detector import Detector, load
from antispoof.runtime.verdict import Verdict
from antispoof.service.problems import Problem, from_media_error

__all__ = ["Checks"]


class Checks:
    """Judges presentations.

    Args:
        bundle: name or path of the model.
    """

    def __init__(self, bundle: str) -> None:
        self._bundle = bundle
        self._detectors: dict[str | None, Detector] = {}
        self._loading = threading.Lock()

    @property
    def modalities(self) -> tuple[str, ...]:
        """What the model looks at."""
        return self.detector().bundle.metadata.modalities

    def detector(self, policy: str | None = None) -> Detector:
        """Return the detector at an operating point, loaded on first use.

        Raises:
            Problem: ``model_unavailable``; ``invalid_request`` where there is no such operating point.
        """
        with self._loading:
            found = self._detectors.get(policy)
            if found is not None:
                return found
            try:
                loaded = load(self._bundle, at=policy)
            except UnknownNameError as error:
                raise Problem("invalid_request", f"policy: known are {', '.join(error.known)}") from None
            except (AntispoofError, OSError) as error:
                raise Problem("model_unavailable", "the model cannot be loaded", retry_after_s=30) from error
            self._detectors[policy] = loaded
            return loaded

    def check(self, policy: str | None, sources: Mapping[str, bytes]) -> Verdict:
        """Judge one presentation.

        Raises:
            Problem: a source is no usable media, or the model fails; a failure is never bona fide.
        """
        detector = self.detector(policy)
        try:
            return detector.check(**sources)
        except MediaError as error:
            raise from_media_error(error, "the sample") from None
        except Exception as error:  # whatever the model does, nobody is let through
            raise Problem("model_unavailable", "the model failed", retry_after_s=1) from error
