"""Answers on one set to its scores, and the baselines' numbers to bounds on anybody's."""

from __future__ import annotations

import math

import numpy as np

from mbench.results import metrics
from mbench.results.audits import Bound, Score
from mbench.types import FloatArray, Queries

CONFIDENCE = 0.999  # of the bound on each statistic, one-sided


RULE = (
    "threshold = mean + t·s·√(1 + 1/n): the upper bound, with confidence 0.999, on one audit of one more method drawn "
    "as the n baselines are. mean and variance B are of the baselines' means over m secrets; s² = B + (1 - 1/m)·W with "
    "W the mean variance among the secrets of one baseline; t is Student's quantile with n - 1 degrees of freedom"
)


def score_answers(predicted: FloatArray, by_knn: FloatArray, truth: FloatArray, queries: Queries) -> Score:
    """Score answers (m, 1) to queries whose labels are truth (m, 1), beside k-NN's."""
    n, weight = queries.n_test, queries.weight
    fvu, knn_fvu = (metrics.fraction_unexplained(p[:n], truth[:n], weight) for p in (predicted, by_knn))
    with np.errstate(divide="ignore", invalid="ignore"):  # a relative's window may lie in a plateau
        depth, knn_depth = (
            metrics.depth_profile(p[n:], truth[n:], queries.octave, queries.centre).depth_octaves
            for p in (predicted, by_knn)
        )
    return Score(fvu, knn_fvu, depth, knn_depth)


def correlate(predicted: FloatArray, truth: FloatArray) -> float:
    """Return the correlation of answers and truth (m, 1); 0 where the answers do not vary.

    Of shuffled labels nobody can explain anything, but what overfits them has 1 - FVU far below 0, and so no scale on
    which a formula's 1 stands out. The correlation has: it is about 0 for whatever learned from such labels.
    """
    answers = predicted[:, 0].astype(np.float64)
    if np.ptp(answers) == 0.0:
        return 0.0
    return float(np.corrcoef(answers, truth[:, 0].astype(np.float64))[0, 1])


def prediction_bound(values: FloatArray) -> Bound:
    """Return the bound of `RULE` on one statistic: values (n methods, m secrets), n at least 2.

    With one secret what secrets do is part of how methods differ.
    """
    from scipy.stats import t

    n, m = values.shape
    between = float(values.mean(axis=1).var(ddof=1))
    within = float(values.var(axis=1, ddof=1).mean()) if m > 1 else 0.0
    spread = math.sqrt(between + (1.0 - 1.0 / m) * within)
    mean = float(values.mean())
    return Bound(mean, spread, mean + float(t.ppf(CONFIDENCE, n - 1)) * spread * math.sqrt(1.0 + 1.0 / n))
