"""Answers on one set to its scores, and the baselines' numbers to bounds on anybody's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mbench.results import metrics
from mbench.results.audits import Bound, Score
from mbench.types import FloatArray, Queries

CONFIDENCE = 0.999  # of the bound on each statistic, one-sided
# What a smooth learner reaches by chance after shuffled labels, at most. It answers with a random one of the functions
# that it can draw. Polynomials of degree d reach c·R. R is the correlation of the best of them with the set: 0.62, 0.71
# and 0.79 for d = 2, 3 and 4. c is the cosine of a random direction in their 5, 9 and 14 dimensions, with the quantile
# `CONFIDENCE` of 0.96, 0.85 and 0.73. Their product is largest for d = 3.
BY_CHANCE = 0.61

RULE = (
    "threshold = middle + t·s·√(1 + π/2n): the upper bound, with confidence 0.999, on one audit of one more method "
    "drawn as the n baselines are. middle is the median of the baselines' means over their secrets, and B the mean "
    "square of how far the means above it lie from it: a method that learns relatives better than the set spreads the "
    "means below, and says nothing of those above. s² = B + W, with W the mean variance among the secrets of one "
    "baseline, of those that had several; t is Student's quantile with n/2 degrees of freedom. After shuffled labels "
    "what a smooth learner reaches by chance is the least threshold"
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


def prediction_bound(values: Sequence[Sequence[float]]) -> Bound:
    """Return the bound of `RULE` on one statistic: values of at least two methods, for each one a secret.

    What a secret does to all methods alike does not spread them, so that W counts whole beside B. With one secret it
    is not known, and taken to be nothing.
    """
    from scipy.stats import t

    n = len(values)
    means = np.array([np.mean(row) for row in values])
    middle = float(np.median(means))
    above = means[means > middle] - middle
    between = float(np.mean(above**2)) if len(above) else 0.0
    within = float(np.mean([np.var(row, ddof=1) for row in values if len(row) > 1] or [0.0]))
    spread = math.sqrt(between + within)
    reach = float(t.ppf(CONFIDENCE, max(1, n // 2))) * math.sqrt(1.0 + math.pi / (2.0 * n))
    return Bound(middle, spread, middle + reach * spread)
