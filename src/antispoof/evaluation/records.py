"""Results as plain dictionaries, ready for JSON: every digit, NaN as null."""

from __future__ import annotations

import json
import math
from typing import Any

from antispoof.evaluation.comparison import Comparison
from antispoof.evaluation.confidence import Interval, Rate
from antispoof.evaluation.curve import ErrorCurve
from antispoof.evaluation.evaluation import Estimate, Evaluation, Kind
from antispoof.evaluation.fairness import Fairness
from antispoof.evaluation.full_system import EstimatedRate
from antispoof.evaluation.matrix import Matrix, Summary
from antispoof.evaluation.provenance import Provenance
from antispoof.evaluation.thresholds import DecisionThreshold

__all__ = [
    "comparison_record",
    "evaluation_record",
    "matrix_record",
    "provenance_record",
    "rate_record",
    "to_json",
]

FORMAT = 1
"""Version of the layout; it changes when a key is renamed or removed."""


def to_json(record: dict[str, Any]) -> str:
    """Write a record as JSON that every parser takes."""
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)


def evaluation_record(result: Evaluation, provenance: Provenance) -> dict[str, Any]:
    """Lay out one evaluation."""
    calibration, joint = result.calibration, result.tandem
    return {
        "format": FORMAT,
        "kind": "evaluation",
        "name": result.scores.name,
        "read_as": result.scores.read_as,
        "simulated": bool(result.scores.simulated.any()),
        "counts": {
            "presentations": len(result.scores),
            "bona_fide": result.bona_fide.errors.trials,
            "attacks": sum(kind.errors.trials for kind in result.species),
            "species": len(result.species),
            "subjects": _subjects(result),
            "non_responses": int((~result.scores.is_response).sum()),
            "simulated": int(result.scores.simulated.sum()),
        },
        "operating_point": _point(result.operating_point),
        "threshold_is_fitted_on_the_scores_it_judges": result.threshold_is_fitted_here,
        "bona_fide": _kind(result.bona_fide, "bpcer", "bpnrr"),
        "species": [_kind(kind, "apcer", "apnrr") for kind in result.species],
        "figures": {name: _estimate(estimate) for name, estimate in result.figures.items()},
        "curve": None if result.curve is None else _curve(result.curve),
        "calibration": None
        if calibration is None
        else {
            "cllr": calibration.cllr,
            "min_cllr": calibration.min_cllr,
            "act_dcf": calibration.act_dcf,
            "min_dcf": calibration.min_dcf,
            "expected_calibration_error": calibration.calibration_error,
            "reliability": [
                {
                    "predicted": each.predicted,
                    "observed": each.observed,
                    "interval": _interval(each.interval),
                    "bona_fide": each.bona_fide,
                    "attacks": each.attacks,
                }
                for each in calibration.reliability
            ],
        },
        "tandem": None
        if joint is None
        else {
            "asv_eer": joint.asv_eer,
            "min_t_dcf_2019": _number(joint.min_t_dcf_2019),
            "min_t_dcf_asvspoof5": _number(joint.min_t_dcf_asvspoof5),
            "t_eer_concurrent": _number(joint.t_eer),
            "min_a_dcf_of_the_verification_score_alone": _number(joint.min_a_dcf),
            "note": joint.note,
            "full_system": None
            if joint.full_system is None
            else {
                "verification_threshold": joint.full_system.verification_threshold,
                "frr": rate_record(joint.full_system.frr),
                "far": None if joint.full_system.far is None else rate_record(joint.full_system.far),
                "rejected_uncompared": joint.full_system.rejected_uncompared,
                "accepted_uncompared": joint.full_system.accepted_uncompared,
                "iapar": {name: rate_record(rate) for name, rate in joint.full_system.iapar.items()},
                "riapar": {name: _number(joint.full_system.riapar(name)) for name in joint.full_system.iapar},
            },
        },
        "fairness": [_fairness(each) for each in result.fairness],
        "bootstrap": _bootstrap(result),
        "warnings": list(result.warnings),
        "provenance": provenance_record(provenance),
    }


def comparison_record(result: Comparison, provenance: Provenance) -> dict[str, Any]:
    """Lay out one comparison."""
    return {
        "format": FORMAT,
        "kind": "comparison",
        "simulated": bool(result.scores.simulated.any()),
        "presentations": len(result.scores),
        "baseline": result.baseline,
        "systems": [
            {
                "name": system.name,
                "operating_point": _point(system.operating_point),
                "figures": {name: _estimate(estimate) for name, estimate in system.figures.items()},
                "minus_baseline": {
                    name: _estimate(estimate) for name, estimate in system.differences.items()
                },
                "curve": _curve(system.curve),
            }
            for system in result.systems
        ],
        "disagreements": [
            {
                "system": each.system,
                "group": each.group,
                "differing": rate_record(each.differing),
                "only_system_right": each.only_system_right,
                "only_baseline_right": each.only_baseline_right,
                "p_value": each.p_value,
            }
            for each in result.disagreements
        ],
        "bootstrap": _bootstrap(result),
        "warnings": list(result.warnings),
        "provenance": provenance_record(provenance),
    }


def matrix_record(result: Matrix, provenance: Provenance) -> dict[str, Any]:
    """Lay out one train × test matrix."""

    def summary(found: Summary) -> dict[str, Any]:
        return {
            "mean": found.mean,
            "worst": found.worst,
            "worst_train": found.where[0],
            "worst_test": found.where[1],
        }

    return {
        "format": FORMAT,
        "kind": "cross_dataset",
        "simulated": result.simulated,
        "figure": result.figure,
        "cells": [
            {"train": train, "test": test, **_estimate(estimate)}
            for (train, test), estimate in result.cells.items()
        ],
        "rows": {name: summary(row) for name, row in result.rows.items()},
        "overall": None if result.overall is None else summary(result.overall),
        "warnings": list(result.warnings),
        "provenance": provenance_record(provenance),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _interval(ends: Interval) -> list[float] | None:
    return None if math.isnan(ends.low) else [ends.low, ends.high]


def _estimate(estimate: Estimate) -> dict[str, Any]:
    note = {"note": estimate.note} if estimate.note else {}
    return {"value": _number(estimate.value), "interval": _interval(estimate.interval), **note}


def rate_record(rate: Rate) -> dict[str, Any]:
    """Lay out one rate, with its interval."""
    return {
        "value": _number(rate.value),
        "errors": rate.errors,
        "trials": rate.trials,
        "clopper_pearson": _interval(rate.interval),
        **({"estimated": True} if isinstance(rate, EstimatedRate) else {}),
    }


def _kind(kind: Kind, error: str, silence: str) -> dict[str, Any]:
    verb = "passed" if error == "apcer" else "were rejected"
    return {
        "name": kind.name,
        "presentations": kind.errors.trials,
        "subjects": kind.subjects,
        "simulated": kind.simulated,
        error: {
            **rate_record(kind.errors),
            "bootstrap": _interval(kind.clustered),
            "in_words": kind.errors.in_words(verb),
        },
        silence: rate_record(kind.non_responses),
        **({"d_eer": _number(kind.d_eer)} if error == "apcer" else {}),
    }


def _point(point: DecisionThreshold) -> dict[str, Any]:
    return {"threshold": point.threshold, "rule": point.rule, "set_on": point.source or None}


def _curve(curve: ErrorCurve) -> dict[str, list[float]]:
    index = curve.thinned()
    return {
        "threshold": [curve.threshold(k) for k in index],
        "apcer": curve.apcer[index].tolist(),
        "bpcer": curve.bpcer[index].tolist(),
    }


def _fairness(found: Fairness) -> dict[str, Any]:
    return {
        "attribute": found.attribute,
        "groups": [
            {
                "name": group.name,
                "small": group.small,
                "bpcer": rate_record(group.bpcer),
                "apcer": {name: rate_record(rate) for name, rate in group.apcer.items()},
            }
            for group in found.groups
        ],
        "differentials": [
            {
                "rate": each.rate,
                "worst": each.worst,
                "best": each.best,
                "gap": each.gap,
                "worst_to_best": _number(each.worst_to_best),
                "worst_to_geometric_mean": _number(each.worst_to_geometric_mean),
                "gini": each.gini,
            }
            for each in found.differentials
        ],
        "fdr": _number(found.fdr),
        "garbe": _number(found.garbe),
    }


def _bootstrap(result: Evaluation | Comparison) -> dict[str, Any]:
    return {
        "cluster": result.cluster,
        "clusters": result.clusters,
        "resamples": result.resamples,
        "seed": result.seed,
    }


def _subjects(result: Evaluation) -> int | None:
    return None if result.scores.subject is None else result.scores.subject.distinct()


def provenance_record(provenance: Provenance) -> dict[str, Any]:
    """Lay out where a result comes from."""
    return {
        "command": provenance.command,
        "files": dict(provenance.files),
        "made": provenance.made,
        "versions": dict(provenance.versions),
    }
