"""`evaluate`: a score set in, every standard figure with its uncertainty out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from antispoof.errors import InputError
from antispoof.evaluation import calibration_quality as quality
from antispoof.evaluation import remarks, tandem
from antispoof.evaluation.clustering import Clustering
from antispoof.evaluation.confidence import Interval, Rate, bootstrap, percentile_interval
from antispoof.evaluation.curve import ErrorCurve
from antispoof.evaluation.error_rates import APCER_OF, LABELS, ErrorRates
from antispoof.evaluation.fairness import Fairness, fairness
from antispoof.evaluation.full_system import FullSystem, full_system
from antispoof.evaluation.ranking import Ranking
from antispoof.evaluation.score_columns import MOST_GROUPS
from antispoof.evaluation.scores import ScoreSet
from antispoof.evaluation.thresholds import DecisionThreshold, Rule

__all__ = [
    "CalibrationQuality",
    "Estimate",
    "Evaluation",
    "Kind",
    "Tandem",
    "evaluate",
]

_NO_INTERVAL = Interval(math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and how sure it is.

    Attributes:
        value: NaN when it cannot be given; ``note`` says why.
        interval: 95 % bootstrap interval; NaN when there is none.
        note: what a reader must know beside the number.
    """

    value: float
    interval: Interval = _NO_INTERVAL
    note: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of presentation: bona fide, or attacks of one species.

    Attributes:
        name: ``"bona fide"`` or the species.
        subjects: how many different subjects; None when that is not known.
        simulated: how many of the presentations were simulated.
        errors: classified wrongly (attacks classified bona fide, or bona fide classified attack), of all
            presented.
        non_responses: without a response, of all presented.
        clustered: bootstrap interval of the error rate.
        d_eer: equal error rate of this species alone against all bona fide; NaN for bona fide itself.
    """

    name: str
    subjects: int | None
    simulated: int
    errors: Rate
    non_responses: Rate
    clustered: Interval
    d_eer: float


@dataclass(frozen=True, slots=True)
class CalibrationQuality:
    """How far the scores can be taken for natural-log likelihood ratios.

    Attributes:
        cllr: cost in bits.
        min_cllr: what is left after the best monotone recalibration.
        act_dcf: detection cost at the Bayes threshold.
        min_dcf: detection cost at the best threshold.
        calibration_error: mean distance of stated from observed chance.
        reliability: the bins of the reliability diagram.
    """

    cllr: float
    min_cllr: float
    act_dcf: float
    min_dcf: float
    calibration_error: float
    reliability: tuple[quality.ReliabilityBin, ...]


@dataclass(frozen=True, slots=True)
class Tandem:
    """Figures of the detector together with a verification system.

    Attributes:
        asv_eer: of the verification system alone, target against nontarget.
        min_t_dcf_2019: legacy variant; NaN, like the next three, where `note` says why.
        min_t_dcf_asvspoof5: variant of ASVspoof 5.
        t_eer: concurrent.
        min_a_dcf: of the verification system's score alone, without the detector.
        full_system: decisions of both joined; None when the trials carry no ids.
        note: why some of them are not told; empty when all are.
    """

    asv_eer: float
    min_t_dcf_2019: float
    min_t_dcf_asvspoof5: float
    t_eer: float
    min_a_dcf: float
    full_system: FullSystem | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that one run says about one score set.

    Attributes:
        scores: what was evaluated.
        dev: what the threshold was set on; None when there was no development set.
        operating_point: the threshold in force.
        bona_fide: counts and BPCER.
        species: counts and APCER by species, worst first.
        figures: estimates by name (see `error_rates.LABELS`).
        curve: error counts at every threshold; None when a class has no response.
        calibration: None when a class has no response.
        tandem: None without verification scores.
        fairness: one entry for each attribute.
        cluster: column whose values were resampled; None for single presentations.
        clusters: how many there were.
        resamples: how many bootstrap resamples were drawn.
        seed: of the resamples.
        warnings: what a reader must not miss.
    """

    scores: ScoreSet
    dev: ScoreSet | None
    operating_point: DecisionThreshold
    bona_fide: Kind
    species: tuple[Kind, ...]
    figures: Mapping[str, Estimate]
    curve: ErrorCurve | None
    calibration: CalibrationQuality | None
    tandem: Tandem | None
    fairness: tuple[Fairness, ...]
    cluster: str | None
    clusters: int
    resamples: int
    seed: int
    warnings: tuple[str, ...]

    @property
    def threshold_is_fitted_here(self) -> bool:
        """True when the threshold was set on the very scores it judges: descriptive, no claim."""
        return self.dev is None and bool(self.operating_point.source)

    @property
    def worst(self) -> Kind | None:
        """The species with the highest APCER."""
        return self.species[0] if self.species else None


def evaluate(
    scores: ScoreSet,
    *,
    dev: ScoreSet | None = None,
    at: str = "EER",
    cluster: str | None = None,
    by: Sequence[str] | None = None,
    verification: tandem.VerificationScores | None = None,
    verification_threshold: float | None = None,
    resamples: int = 1000,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Evaluate a score set.

    Args:
        scores: what to evaluate.
        dev: development scores to set the threshold on; nothing is ever fitted on ``scores`` when it is
            given. Without it the threshold is set on ``scores``, and the result says so.
        at: the rule that sets the threshold, see `Rule.parse`.
        cluster: column whose values are resampled together; by default ``subject`` where there is one,
            else single presentations (see `Clustering.of`).
        by: attributes to tell groups apart by; by default every attribute with 2 to 12 values.
        verification: scores of a comparison system, for the tandem figures.
        verification_threshold: of the comparison system, for IAPAR and RIAPAR; by default its EER threshold
            on these very trials.
        resamples: bootstrap resamples; 0 gives no bootstrap intervals.
        seed: of the resamples.
        tick: called after each resample.

    Raises:
        InputError: a column or rule cannot be used with these scores.

    Examples:
        >>> scores = ScoreSet.from_columns(
        ...     ids=["a", "b", "c", "d"],
        ...     scores=[2.1, 0.4, -1.3, 0.9],
        ...     pai_species=["bona_fide", "bona_fide", "print", "mask"],
        ... )
        >>> result = evaluate(scores, at="threshold=0.5", resamples=0)
        >>> result.worst.name, result.worst.errors.value
        ('mask', 1.0)
        >>> result.figures["auc"].value, result.bona_fide.errors.value
        (0.75, 0.5)
    """
    if resamples < 0:
        raise InputError(f"resamples must be at least 0, got {resamples}")
    ranking = Ranking.of(scores)
    point = Rule.parse(at).fit(dev or ranking)
    dev_eer = None
    if dev is not None and len(dev.bona_fide) and len(dev.attack):
        dev_eer = Rule("eer").fit(dev).threshold
    clusters = Clustering.of(scores, cluster)
    resampling = resamples > 0 and clusters.count > 1
    compute = ErrorRates(
        scores, point.threshold, dev_eer, clusters.numbers() if resampling else None, ranking
    )
    once = np.ones(clusters.count if resampling else 1, np.int32)
    values = dict(zip(compute.names, compute(once).tolist(), strict=True))
    intervals = dict.fromkeys(compute.names, _NO_INTERVAL)
    if resampling:
        draws = bootstrap(compute, clusters.count, resamples=resamples, seed=seed, tick=tick)
        intervals = dict(zip(compute.names, map(_spread, percentile_interval(draws)), strict=True))
    curve = compute.curve
    del compute  # of ten million scores it takes 180 MB
    both = curve is not None
    groups = [n for n, v in scores.attributes.items() if 2 <= v.distinct() <= MOST_GROUPS]
    kinds = _kinds(scores, ranking, point.threshold, intervals)
    del ranking
    notes = remarks.notes(LABELS, scores, kinds[1:], dev)
    joint = None
    if verification and both:
        joint = _tandem(scores, point.threshold, verification, verification_threshold)
    return Evaluation(
        scores=scores,
        dev=dev,
        operating_point=point,
        bona_fide=kinds[0],
        species=tuple(
            sorted(kinds[1:], key=lambda kind: (-kind.errors.value, -kind.errors.at_most, kind.name))
        ),
        figures={
            name: Estimate(
                values[name],
                intervals[name] if not math.isnan(values[name]) else _NO_INTERVAL,
                notes[name],
            )
            for name in LABELS
        },
        curve=curve,
        calibration=_calibration(scores, values, curve) if curve is not None else None,
        tandem=joint,
        fairness=tuple(fairness(scores, name, point.threshold) for name in (groups if by is None else by)),
        cluster=clusters.column,
        clusters=clusters.count,
        resamples=resamples,
        seed=seed,
        warnings=(
            *scores.cautions,
            *(f"Development scores: {caution}" for caution in (dev.cautions if dev is not None else ())),
            *remarks.of_the_scores(scores, dev, point, kinds, curve),
            *clusters.remarks,
            *remarks.of_the_verification(verification, verification_threshold, joint),
        ),
    )


def _spread(interval: Interval) -> Interval:
    """Drop an interval of no width: that no resample erred says nothing about the next test."""
    return interval if interval.low < interval.high else _NO_INTERVAL


def _kinds(
    scores: ScoreSet, ranking: Ranking, threshold: float, intervals: Mapping[str, Interval]
) -> list[Kind]:
    """Count bona fide first, then each species in the order of first appearance."""
    species = scores.pai_species
    simulated = species.take(scores.simulated).sizes()
    kinds = []
    for code, (name, presented) in enumerate(
        zip(("bona fide", *species.names), species.sizes().tolist(), strict=True), start=-1
    ):
        if code >= 0 and not presented:
            continue  # a species of a larger set that this part of it does not hold
        own = ranking.bona_fide if code < 0 else ranking.species[name]
        rejected = int(own.searchsorted(threshold))
        alone = math.nan
        if code >= 0 and ranking.curve is not None and len(own):
            alone = ranking.curve.equal_error_rate_among(ranking.bona_fide, own).value
        subjects = None
        if scores.subject is not None:
            subjects = scores.subject.take(species.codes == code).distinct()
        kinds.append(
            Kind(
                name,
                subjects,
                int(simulated[code + 1]),
                Rate(rejected if code < 0 else len(own) - rejected, presented),
                Rate(presented - len(own), presented),
                intervals["bpcer" if code < 0 else APCER_OF + name],
                alone,
            )
        )
    return kinds


def _calibration(scores: ScoreSet, values: Mapping[str, float], curve: ErrorCurve) -> CalibrationQuality:
    bins = quality.reliability(scores.bona_fide, scores.attack)
    return CalibrationQuality(
        values["cllr"],
        quality.min_cllr_of(curve),
        values["act_dcf"],
        values["min_dcf"],
        quality.expected_calibration_error(bins),
        bins,
    )


def _tandem(
    scores: ScoreSet,
    threshold: float,
    verification: tandem.VerificationScores,
    verification_threshold: float | None,
) -> Tandem:
    genuine, attacks = scores.bona_fide, scores.attack
    legacy = current = concurrent = of_one_score = math.nan
    note = ""
    try:
        if not len(verification.spoof):
            raise InputError("t-DCF, t-EER and a-DCF need spoof trials with a score, and there is none")
        concurrent = tandem.t_eer(genuine, attacks, verification)
        of_one_score = tandem.min_a_dcf(verification.target, verification.nontarget, verification.spoof)
        legacy = tandem.min_t_dcf_2019(genuine, attacks, verification)
        current = tandem.min_t_dcf_asvspoof5(genuine, attacks, verification)
    except InputError as error:
        note = str(error)
    return Tandem(
        asv_eer=verification.equal_error_rate().value,
        min_t_dcf_2019=legacy,
        min_t_dcf_asvspoof5=current,
        t_eer=concurrent,
        min_a_dcf=of_one_score,
        full_system=full_system(scores, threshold, verification, verification_threshold)
        if verification.has_ids
        else None,
        note=note,
    )
