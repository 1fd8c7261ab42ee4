"""Scores in, standard metrics and reports out. Imports no other room."""

from antispoof.evaluation.comparison import compare
from antispoof.evaluation.evaluation import evaluate
from antispoof.evaluation.matrix import cross_dataset
from antispoof.evaluation.scores import ScoreSet
from antispoof.evaluation.tandem import VerificationScores

__all__ = ["ScoreSet", "VerificationScores", "compare", "cross_dataset", "evaluate"]
