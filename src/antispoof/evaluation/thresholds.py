"""Where the threshold stands, and the rule that put it there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from antispoof._moved import old_names
from antispoof.errors import InputError
from antispoof.evaluation import metrics
from antispoof.evaluation.ranking import Ranking
from antispoof.evaluation.scores import ScoreSet

__all__ = ["DecisionThreshold", "Rule", "by_species"]

if not TYPE_CHECKING:
    __getattr__ = old_names(__name__)

_EXAMPLES = "'APCER<=1%', 'BPCER<=5%', 'EER' or 'threshold=0.5'"
_RATE = re.compile(r"(APCER|BPCER)\s*(?:<=|≤)\s*(\d+\.?\d*|\.\d+)\s*(%?)", re.IGNORECASE)
_THRESHOLD = re.compile(r"threshold\s*=\s*(\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DecisionThreshold:
    """A threshold and its origin.

    Attributes:
        threshold: a presentation with a score at or above it is classified bona fide.
        rule: what set it, such as ``"APCER ≤ 1 %"``.
        source: the data it was set on; empty for a threshold that was given.
    """

    threshold: float
    rule: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """How to set a threshold.

    Attributes:
        kind: ``"apcer"`` (lowest threshold that keeps every species at or below ``value``), ``"bpcer"``
            (highest that keeps the BPCER at or below it), ``"eer"`` or ``"threshold"`` (``value``
            itself).
        value: a rate from 0 to 1, or the threshold; unused for ``"eer"``.
    """

    kind: str
    value: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read a rule such as ``"APCER<=1%"``, ``"BPCER<=0.05"``, ``"EER"`` or ``"threshold=0.5"``.

        Raises:
            InputError: the text is no rule, or the rate is above 100 %.

        Examples:
            >>> Rule.parse("APCER<=1%")
            Rule(kind='apcer', value=0.01)
            >>> print(Rule.parse("bpcer <= 0.05"))
            BPCER ≤ 5 %
        """
        text = text.strip()
        if text.lower() in ("eer", "d-eer"):
            return cls("eer")
        if match := _RATE.fullmatch(text):
            rate = float(match[2]) / (100 if match[3] else 1)
            if rate > 1 or (rate == 1 and not match[3]):
                raise InputError(
                    f"rule {text!r}: a rate is at most 1; write '{match[1]}<={match[2]}%' for per cent"
                )
            return cls(match[1].lower(), rate)
        if match := _THRESHOLD.fullmatch(text):
            try:
                threshold = float(match[1])
            except ValueError:
                threshold = float("nan")
            if not np.isfinite(threshold):
                raise InputError(
                    f"rule {text!r}: the threshold must be a finite number, such as 'threshold=0.5'"
                )
            return cls("threshold", threshold)
        raise InputError(f"rule {text!r} is not understood; write {_EXAMPLES}")

    def __str__(self) -> str:
        """Write the rule the way reports show it."""
        if self.kind == "eer":
            return "EER"
        if self.kind == "threshold":
            return f"threshold = {self.value:g}"
        return f"{self.kind.upper()} ≤ {100 * self.value:g} %"

    def fit(self, scores: ScoreSet | Ranking) -> DecisionThreshold:
        """Set the threshold on ``scores``, which should be development data; non-responses have no say.

        Raises:
            InputError: the rule needs a class of which ``scores`` holds no response.
        """
        if self.kind == "threshold":
            return DecisionThreshold(self.value, str(self))
        ranked = scores if isinstance(scores, Ranking) else Ranking.of(scores)
        bona_fide = ranked.bona_fide
        species = {name: values for name, values in ranked.species.items() if len(values)}
        missing = [
            what
            for what, needed, there in (
                ("bona fide", self.kind in ("bpcer", "eer"), len(bona_fide)),
                ("attack", self.kind in ("apcer", "eer"), len(species)),
            )
            if needed and not there
        ]
        if missing:
            raise InputError(
                f"{scores.name}: the rule {self} cannot set a threshold, because no {missing[0]} "
                "presentation has one; give the threshold, such as --at threshold=0.5"
            )
        if ranked.curve is not None and self.kind == "eer":
            threshold = ranked.curve.equal_error_rate().threshold
        elif self.kind == "bpcer":
            threshold = metrics.threshold_at_bpcer(bona_fide, self.value)
        else:
            threshold = metrics.threshold_at_apcer(bona_fide, species, self.value)
        return DecisionThreshold(threshold, str(self), scores.name)


def by_species(scores: ScoreSet) -> dict[str, NDArray[np.float64]]:
    """Split the attack scores by species, leaving out non-responses and species that got none."""
    codes, response = scores.pai_species.codes, scores.is_response
    split = {
        name: scores.scores[(codes == code) & response] for code, name in enumerate(scores.pai_species.names)
    }
    return {name: values for name, values in split.items() if len(values)}
