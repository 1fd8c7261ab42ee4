"""Site calibration that goes further than a threshold: attacks are simulated FROM the site's own captures.

The bundle's linear layer is refitted on the captures and on replays and prints simulated of them, drawn
towards the layer that ships. Light, camera and people of the site are then the same in both classes, and what
is left is the attack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import BundleError, MediaError
from antispoof.runtime.bundle import Head
from antispoof.runtime.detector import Detector
from antispoof.runtime.scorer import Scorer
from antispoof.runtime.site import SiteCalibration
from antispoof.scores.logistic import Linear, fit_logistic
from antispoof.sensing.capture import Box, Quality, Sample, Source
from antispoof.sensing.modalities import modalities
from antispoof.simulation.face import face_instruments
from antispoof.simulation.face.augmentation import jitter_box
from antispoof.simulation.face.camera import camera
from antispoof.simulation.face.portrait import Portrait
from antispoof.simulation.face.staging import Framing, stage
from antispoof.sites.learning import learn_site, typical_score

__all__ = ["learn_site_by_self_simulation"]

ATTACKS = ("replay", "replay", "replay", "print")
BONA_FIDE_VIEWS = 4
INVERSE_STRENGTH = 3e-3  # of the penalty against the summed loss
RESAMPLES = 20


def learn_site_by_self_simulation(
    detector: Detector,
    bona_fide: Sequence[Source],
    *,
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> SiteCalibration:
    """Refit the linear layer of a detector to a site.

    Args:
        detector: uncalibrated; its bundle must have a linear layer (``head``).
        bona_fide: at least 5 usable captures from the site, better 20 of different people, days and light.
        seed: of the simulation and the resamples.
        progress: called after each capture.

    Raises:
        InputError: too few captures can be judged.
        BundleError: the bundle has no linear layer to refit.
    """
    head = detector.bundle.metadata.head
    if head is None:
        raise BundleError(
            f"bundle {detector.bundle.metadata.name!r} has no linear layer that could be refitted"
        )
    base = learn_site(detector, bona_fide, seed=seed)
    rng = np.random.default_rng(seed)
    examine = _Features(detector)
    features, labels, owners = [], [], []
    for number, source in enumerate(bona_fide):
        for image, box, genuine in _presentations(detector, source, rng):
            features.append(examine(image, box))
            labels.append(genuine)
            owners.append(number)
        progress()
    x, y, owner = np.array(features), np.array(labels), np.array(owners)
    weight = np.array(head.weight)
    towards = weight * x.std(0, dtype=np.float64)
    fitted = _zero_at_threshold(detector, _refitted(x, y, towards))
    typical = typical_score(fitted(x[y]))
    people = np.unique(owner)
    varied = []
    for _ in range(RESAMPLES):
        drawn = rng.choice(people, len(people))
        rows = np.concatenate([np.flatnonzero(owner == person) for person in drawn])
        again = _zero_at_threshold(detector, _refitted(x[rows], y[rows], towards))
        varied.append(typical_score(again(x[y])) - typical)
    low, high = np.percentile(varied, (5, 95))
    return base.model_copy(
        update={
            "shift": 0.0,
            "shift_interval": (float(low), float(high)),
            "head": Head(weight=fitted.weight.tolist(), bias=fitted.bias),
        }
    )


def _refitted(x: NDArray[np.float64], y: NDArray[np.bool_], towards: NDArray[np.float64]) -> Linear:
    return fit_logistic(x, y, ridge=1 / (INVERSE_STRENGTH * len(y)), towards=towards)


def _presentations(
    detector: Detector, source: Source, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.uint8], Box, bool]]:
    """Yield the capture, other views of it, and attacks made from it, through the same camera."""
    modality = modalities[detector.bundle.metadata.modalities[0]]
    try:
        sample = modality.load(source)
    except MediaError:
        return
    quality = modality.quality(sample)
    if not quality.usable or quality.region is None or quality.quarter_turns:
        return
    yield sample.array, quality.region, True
    portrait = Portrait.of("site", sample.array, quality.region)
    framing = _framing(sample.array, quality.region)
    for _ in range(BONA_FIDE_VIEWS - 1):
        staged = stage(portrait, framing, rng, own_background=1.0)
        image, box = camera(staged.picture, staged.face, rng, processed_share=0.0)
        yield image, jitter_box(box, rng, 0.04, 0.08), True
    for name in ATTACKS:
        staged = stage(portrait, framing, rng, own_background=1.0)
        image, box = camera(face_instruments[name](staged, None, rng), staged.face, rng, processed_share=0.0)
        yield image, jitter_box(box, rng, 0.04, 0.08), False


def _framing(image: NDArray[np.uint8], face: Box, face_side: float = 130.0) -> Framing:
    """As the capture was framed, with at most two faces of margin."""
    side = max(face.width, face.height)
    left, top = face.x + (face.width - side) / 2, face.y + (face.height - side) / 2
    margins = (left, image.shape[1] - left - side, top, image.shape[0] - top - side)
    left, right, top, bottom = (float(np.clip(margin / side, 0.0, 2.0)) for margin in margins)
    return Framing(face_side, left, right, top, bottom)


class _Features:
    """What the network sees of a face: (F,)."""

    def __init__(self, detector: Detector) -> None:
        self._bundle = detector.bundle
        self._scorer = Scorer(detector.bundle)

    def __call__(self, image: NDArray[np.uint8], box: Box) -> NDArray[np.float64]:
        metadata = self._bundle.metadata
        modality = modalities[metadata.modalities[0]]
        quality = Quality((), {}, box)
        views = {v.name: modality.prepare(Sample(image), quality, **v.prepare)[None] for v in metadata.inputs}
        features = self._scorer(views).features
        if features is None:
            raise BundleError(f"bundle {metadata.name!r} has no output 'features'")
        return np.asarray(features[0], np.float64)


def _zero_at_threshold(detector: Detector, fitted: Linear) -> Linear:
    """Even odds of the refit become the shipped threshold, so that operating points keep their distances."""
    metadata = detector.bundle.metadata
    threshold = metadata.operating_points[metadata.default_operating_point].threshold
    raw = (threshold - metadata.calibration.intercept) / metadata.calibration.slope
    return Linear(fitted.weight, fitted.bias + raw)
