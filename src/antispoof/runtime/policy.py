"""A policy: which sensors there must be, how they are fused, and where bona fide begins. One YAML file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    model_validator,
)

from antispoof.errors import InputError, UnknownNameError
from antispoof.files import first_error, read_text
from antispoof.runtime.verdict import Cause, Evidence, OperatingPoint, Outcome
from antispoof.scores.fusion import FusionRule, fusions
from antispoof.scores.fusion.bayesian import Bayesian
from antispoof.sensing.modalities import modalities

__all__ = [
    "Costs",
    "Decision",
    "FusionChoice",
    "MeasuredPolicy",
    "Policy",
    "decide",
    "read_policy",
    "shipped_policies",
]

Share = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Answer = Literal["non_response", "attack"]
Paths = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
]

UNSURE = "the samples leave it open: try again, closer to the sensors and in even light"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class FusionChoice(_Part):
    """A fusion rule by its registered name, with its parameters."""

    rule: str = "bayesian"
    # Made without a check, here and below: pydantic would prepare one on every start.
    parameters: SerializeAsAny[FusionRule] = Bayesian.model_construct()

    @model_validator(mode="before")
    @classmethod
    def _of_the_rule(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        rule, parameters = str(values.get("rule", "bayesian")), values.get("parameters", {})
        if rule not in fusions:
            raise ValueError(str(UnknownNameError("fusion rule", rule, fusions)))
        if isinstance(parameters, dict):
            parameters = fusions[rule].model_validate(parameters)
        return {"rule": rule, "parameters": parameters}


class Costs(_Part):
    """What errors cost, and how often attacks come: Bayes' threshold follows.

    Attributes:
        attack_prior: probability that a presentation is an attack.
        false_accept: cost of letting an attack pass.
        false_reject: cost of turning a person away.
    """

    attack_prior: Annotated[float, Field(gt=0, lt=1)]
    false_accept: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    false_reject: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    @property
    def threshold(self) -> float:
        """The natural-log likelihood ratio at which both decisions cost the same on average."""
        accept = self.false_accept * self.attack_prior
        return math.log(accept / (self.false_reject * (1 - self.attack_prior)))


class MeasuredPolicy(_Part):
    """Error rates of a policy on one set of data.

    Attributes:
        data: which.
        simulated: whether its attacks are.
        chimeric: whether sensors of different people were put together.
        modalities: what was presented.
        apcer: kind of attack → share that passed.
        bpcer: share of bona fide presentations that were taken for attacks.
        asked_again: share of bona fide presentations without an answer.
    """

    data: str
    simulated: bool
    chimeric: bool
    modalities: tuple[str, ...]
    apcer: dict[str, Share]
    bpcer: Share
    asked_again: Share


class Policy(_Part):
    """How evidence becomes a verdict.

    Attributes:
        name: what it is called.
        description: for whom it is, in a sentence or two.
        required: modalities without which nobody passes.
        optional: further modalities that may be given; None allows all.
        at_least: how many modalities must have been judged.
        if_missing: the outcome where a required sample is not there.
        if_rejected: the outcome where a required sample cannot be judged.
        fusion: how the bundles' ratios become one.
        at: operating points of the bundles by name or rule, the first that a bundle knows; none for its
            default. Of several bundles the highest threshold counts; where decisions are counted, each
            has its own.
        threshold: instead of ``at``, one threshold for whatever is there.
        costs: instead of ``at``, priors and costs.
        retry_band: a score up to this far below the threshold is a non-response: try again.
        bundles: which may judge, by name or path; none for all that ship.
        sites: bundle → what `antispoof calibrate` learned at this site: a path, relative to the policy file,
            or several, of which the one counts that belongs to the version of the bundle that judges.
        measured: error rates that were measured.
    """

    format_version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] | None = None
    at_least: Annotated[int, Field(ge=1)] = 1
    if_missing: Answer = "non_response"
    if_rejected: Answer = "non_response"
    fusion: FusionChoice = FusionChoice.model_construct()
    at: tuple[str, ...] = ()
    threshold: Number | None = None
    costs: Costs | None = None
    retry_band: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    bundles: tuple[str, ...] = ()
    sites: dict[str, Paths] = {}
    measured: tuple[MeasuredPolicy, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Policy:
        if sum((bool(self.at), self.threshold is not None, self.costs is not None)) > 1:
            raise ValueError("give one of at, threshold and costs")
        if self.fusion.parameters.level == "rank" and self.threshold is None:
            raise ValueError("a rule that works on ranks gives no likelihood ratio: it needs a threshold")
        for name in (*self.required, *(self.optional or ())):
            if name not in modalities:
                raise ValueError(str(UnknownNameError("modality", name, modalities)))
        twice = set(self.required) & set(self.optional or ())
        if twice:
            raise ValueError(f"{', '.join(sorted(twice))}: required and optional at once")
        if self.optional is not None and self.at_least > len(self.required) + len(self.optional):
            raise ValueError(f"at_least is {self.at_least}, more than there are modalities")
        return self

    def allows(self, modality: str) -> bool:
        """Tell whether samples of a modality are looked at."""
        return self.optional is None or modality in (*self.required, *self.optional)

    def operating_point(self, points: Sequence[OperatingPoint]) -> OperatingPoint:
        """Return where bona fide begins for the fused score.

        Args:
            points: of the bundles that judged, one or more, each at this site.
        """
        if self.threshold is not None:
            return OperatingPoint("threshold", self.threshold, "given", f"policy {self.name}")
        if self.costs is not None:
            costs = self.costs
            rule = (
                f"Bayes: {costs.attack_prior:g} of presentations are attacks, letting one pass costs "
                f"{costs.false_accept:g}, turning a person away {costs.false_reject:g}"
            )
            return OperatingPoint("costs", costs.threshold, rule, f"policy {self.name}")
        if self.fusion.parameters.level == "decision" and self.fusion.rule != "sequential":
            names = ", ".join(dict.fromkeys(point.name for point in points))
            return OperatingPoint(
                names, 0.0, f"{self.fusion.rule} of the decisions at {names}", "each bundle's own"
            )
        highest = max(points, key=lambda point: point.threshold)
        if len(points) == 1:
            return highest
        return OperatingPoint(
            highest.name, highest.threshold, f"highest of {len(points)} bundles: {highest.rule}", highest.data
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy makes of a score.

    Attributes:
        outcome: the answer.
        score: the fused score; None where there is none, or it is to be tried again.
        causes: why the answer is another than the score alone would give.
    """

    outcome: Outcome
    score: float | None
    causes: tuple[Cause, ...] = ()


def decide(
    evidence: Sequence[Evidence], score: float | None, point: OperatingPoint, policy: Policy
) -> Decision:
    """Apply a policy to evidence.

    An attack that was seen is an attack, whatever else is missing; a pass needs all that the policy asks for.

    Args:
        evidence: one entry a modality.
        score: fused; None or NaN where nothing could be said.
        point: where bona fide begins.
        policy: the rules.
    """
    used = [entry for entry in evidence if entry.status == "used"]
    if not used or score is None or math.isnan(score):
        score = None
    lacking = _lacking(evidence, used, policy)
    if score is not None and score < point.threshold - policy.retry_band:
        return Decision("attack", score)
    if lacking:
        outcome: Outcome = "attack" if any(strict for _, strict in lacking) else "non_response"
        return Decision(outcome, None, tuple(cause for cause, _ in lacking))
    if score is None:
        return Decision("non_response", None)
    if score < point.threshold:
        return Decision("non_response", None, (Cause("unsure", _how_to_be_sure(evidence, policy)),))
    if any(entry.reasons for entry in used):  # frames that no camera took of one person in a row
        return Decision("non_response", None)
    return Decision("bona_fide", score)


def read_policy(source: str | Path) -> Policy:
    """Read a policy.

    Args:
        source: path of a ``.yaml`` file, or the name of a policy that ships.

    Raises:
        InputError: there is no such file, or it is no policy; the message says where and why.
        UnknownNameError: no policy of that name ships.
    """
    path, shipped = Path(source), shipped_policies()
    if path.suffix not in (".yaml", ".yml"):
        if str(source) not in shipped:
            raise UnknownNameError("policy", str(source), shipped)
        path = shipped[str(source)]
    import yaml  # only where a file is read: it is slow to import

    try:
        values = yaml.safe_load(read_text(path, "policy"))
    except yaml.YAMLError as error:
        raise InputError(f"{str(path)!r} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, Mapping):
        raise InputError(f"{str(path)!r} is no policy: it holds no keys such as 'name' and 'fusion'")
    try:
        policy = Policy.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{str(path)!r} is no policy: {first_error(error)}") from None
    near = {
        bundle: tuple(str(path.parent / site) for site in sites) for bundle, sites in policy.sites.items()
    }
    return policy.model_copy(update={"sites": near})


def shipped_policies() -> dict[str, Path]:
    """Return the policies that are installed with the package: name → path."""
    folder = Path(__file__).parents[1] / "policies"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def in_words(modality: str) -> str:
    """Say what a sample of a modality is."""
    known = modality in modalities
    return modalities[modality].title if known else f"{modality.replace('_', ' ')} sample"


def _lacking(
    evidence: Sequence[Evidence], used: Sequence[Evidence], policy: Policy
) -> list[tuple[Cause, bool]]:
    """List what a pass lacks, and whether the policy takes it for an attack."""
    status = {entry.modality: entry.status for entry in evidence}
    found = []
    for name in policy.required:
        if status.get(name, "missing") == "missing":
            cause = Cause(f"missing_{name}", f"one more sample is needed: a {in_words(name)}")
            found.append((cause, policy.if_missing == "attack"))
        elif status[name] == "rejected":
            # What is wrong with the sample stands in the evidence, with advice.
            found.append((Cause(f"rejected_{name}", ""), policy.if_rejected == "attack"))
    if not found and 0 < len(used) < policy.at_least:
        count = policy.at_least - len(used)
        words = "another sensor is" if count == 1 else f"{count} more sensors are"
        others = _others(evidence, policy)
        advice = f"{words} needed" + (f": add {others}" if others else "")
        found.append((Cause("too_few_sensors", advice), False))
    return found


def _how_to_be_sure(evidence: Sequence[Evidence], policy: Policy) -> str:
    others = _others(evidence, policy)
    return f"{UNSURE}, or add {others}" if others else UNSURE


def _others(evidence: Sequence[Evidence], policy: Policy) -> str:
    """Name the optional modalities that were not given."""
    used = {entry.modality for entry in evidence if entry.status == "used"}
    names = [f"a {in_words(name)}" for name in policy.optional or () if name not in used]
    return " or ".join(names)
