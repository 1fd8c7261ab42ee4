"""The detector at the operating points that are asked for; whatever fails, nobody is let through."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence

from antispoof.errors import AntispoofError, BundleError, InputError, MediaError
from antispoof.runtime.detector import Detector, load
from antispoof.runtime.policy import shipped_policies
from antispoof.runtime.verdict import Verdict
from antispoof.sensing.capture import Recording, Source, Sources
from antispoof.sensing.cues import Measured
from antispoof.service.problems import Problem, from_media_error
from antispoof.service.settings import Settings

__all__ = ["Checks"]

STREAMED = "face_rgb"  # whose course a stream shows


class Checks:
    """Judges presentations.

    Args:
        settings: which models and policies there are.
    """

    def __init__(self, settings: Settings) -> None:
        self._bundles = settings.bundles or None
        self._policies = {**shipped_policies(), **settings.policies}
        self._default = settings.default_policy
        self._detectors: dict[str | None, Detector] = {}
        self._loading = threading.Lock()

    @property
    def modalities(self) -> tuple[str, ...]:
        """What the models look at, together."""
        found = (name for bundle in self.detector().bundles for name in bundle.metadata.modalities)
        return tuple(dict.fromkeys(found))

    @property
    def policies(self) -> tuple[str, ...]:
        """What may be named as a policy, besides operating points."""
        return tuple(sorted(self._policies))

    def detector(self, policy: str | None = None) -> Detector:
        """Return the detector under a policy, loaded on first use.

        Args:
            policy: of those there are, by name, or an operating point of the preferred model; a path is
                neither. None is the default.

        Raises:
            Problem: ``model_unavailable``; ``invalid_request`` where there is no such policy.
        """
        name = self._default if policy is None else policy
        with self._loading:
            if name not in self._detectors:
                self._detectors[name] = self._load(name)
            return self._detectors[name]

    def _load(self, name: str | None) -> Detector:
        try:
            if name is None:
                return load(self._bundles)
            if name in self._policies:
                return load(self._bundles, policy=self._policies[name])
            points = load(self._bundles).bundle.metadata.operating_points
            if name in points:
                return load(self._bundles, at=name)
        except (AntispoofError, OSError) as error:
            raise Problem("model_unavailable", "the model cannot be loaded", retry_after_s=30) from error
        raise Problem("invalid_request", f"policy: there are {', '.join((*self.policies, *sorted(points)))}")

    def counts_as_reference(
        self, policy: str | None, modality: str, among: Collection[str], source: Source
    ) -> bool:
        """Tell whether an earlier capture will move a threshold; one that is judged an attack will not.

        Args:
            policy: see `detector`.
            modality: of the capture.
            among: all modalities of the session.
            source: the capture.

        Raises:
            Problem: it cannot be used, or the model fails.
        """
        detector = self.detector(policy)
        if not detector.judges_alone(modality, among):
            raise Problem("invalid_request", f"modality: the model judges {modality} together with others")
        try:
            return not detector.knowing({modality: [source]}).references[modality].left_out
        except MediaError as error:
            raise from_media_error(error, "the reference") from None
        except (InputError, BundleError) as error:
            raise Problem("invalid_request", str(error)) from None
        except Exception as error:
            raise Problem("model_unavailable", "the model failed", retry_after_s=1) from error

    def check(
        self,
        policy: str | None,
        sources: Mapping[str, Sources],
        references: Mapping[str, Sequence[Source]] | None = None,
        cues: Sequence[Measured] = (),
        in_one_run: bool = False,
    ) -> Verdict:
        """Judge one presentation.

        Args:
            policy: see `detector`.
            sources: modality → sample, or frames.
            references: modality → earlier captures of the same person and device.
            cues: what the course of a stream showed of the face.
            in_one_run: whether the stream was watched without a gap, and no cut was seen.

        Raises:
            Problem: a source is no usable media, or the model fails; a failure is never bona fide.
        """
        detector = self.detector(policy)
        try:
            known = detector.knowing(references) if references else detector
            presented = known.look(sources)
            if cues and STREAMED in sources:
                presented = presented.with_cues(STREAMED, cues, in_one_run=in_one_run)
            return known.judge([presented])[0]
        except MediaError as error:
            raise from_media_error(error, "the sample") from None
        except InputError as error:
            reason = "the policy does not look at one of the samples"
            given = [one if isinstance(one, (list, tuple)) else [one] for one in sources.values()]
            if any(isinstance(each, Recording) and each.unit for one in given for each in one):
                reason = str(error)
            raise Problem("invalid_request", reason) from None
        except Exception as error:  # whatever the model does, nobody is let through
            raise Problem("model_unavailable", "the model failed", retry_after_s=1) from error
