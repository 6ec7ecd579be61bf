"""From scores on the audit's sets to a few numbers, and from the baselines' numbers to bounds on anybody's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import get_args

import numpy as np

from mbench.results import metrics
from mbench.results.audits import DESCRIPTIONS, Bound, Group, Score, SetScore
from mbench.types import FloatArray, Queries

LEAK_CAP = 2.0  # bits: what is nearly exact errs on a handful of points, and on no two test sets alike
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
    if len(truth) == n:
        return Score(fvu, knn_fvu)
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


def compute_statistics(sets: Sequence[SetScore]) -> dict[str, float]:
    """Return every statistic of `DESCRIPTIONS`; all sets must be ok."""
    bits = _by_group(sets, lambda s: s.hidden and s.hidden.bits)
    depth = _by_group(sets, lambda s: s.hidden and s.hidden.depth_octaves)
    public = _by_group(sets, lambda s: s.public and s.public.bits)
    public_depth = _by_group(sets, lambda s: s.public and s.public.depth_octaves)
    correlation = _by_group(sets, lambda s: s.correlation)
    warps, quadratics = fmean(bits["warp"]), sorted(bits["quadratic"])[-2]
    values = {
        "precision": bits["mandelbrot"][0] - _better_half(bits["warp"]),
        "precision, distance": bits["mandelbrot-distance"][0] - _better_half(bits["warp-distance"]),
        "depth": depth["mandelbrot"][0] - _better_half(depth["warp"]),
        "depth, distance": depth["mandelbrot-distance"][0] - _better_half(depth["warp-distance"]),
        "warp": warps - quadratics,
        **{group: max(bits[group]) - warps for group in ("julia", "multibrot3", "burning-ship", "tricorn")},
        "quadratic": quadratics - warps,
        "leak": compare_bits(public["mandelbrot"][0], bits["mandelbrot"][0]),
        "leak, distance": compare_bits(public["mandelbrot-distance"][0], bits["mandelbrot-distance"][0]),
        "depth leak": public_depth["mandelbrot"][0] - depth["mandelbrot"][0],
        "depth leak, distance": public_depth["mandelbrot-distance"][0] - depth["mandelbrot-distance"][0],
        "control": correlation["control"][0],
    }
    assert values.keys() == DESCRIPTIONS.keys()
    return values


def compare_bits(public: float, hidden: float) -> float:
    """Return how many bits more public test points were worth than hidden ones; beyond `LEAK_CAP` all are alike."""
    return min(public, LEAK_CAP) - min(hidden, LEAK_CAP)


def prediction_bound(values: FloatArray) -> Bound:
    """Return the bound of `RULE` on one statistic: values (n methods, m secrets), both at least 2."""
    from scipy.stats import t

    n, m = values.shape
    between = float(values.mean(axis=1).var(ddof=1))
    within = float(values.var(axis=1, ddof=1).mean())
    spread = math.sqrt(between + (1.0 - 1.0 / m) * within)
    mean = float(values.mean())
    return Bound(mean, spread, mean + float(t.ppf(CONFIDENCE, n - 1)) * spread * math.sqrt(1.0 + 1.0 / n))


def _better_half(of_warps: Sequence[float]) -> float:
    """Return the mean of the mirrored warps or of the others, the larger; they take turns.

    So what uses the mirror symmetry of the Mandelbrot set meets its like.
    """
    return max(fmean(of_warps[0::2]), fmean(of_warps[1::2]))


def _by_group(sets: Sequence[SetScore], value: Callable[[SetScore], float | None]) -> dict[str, list[float]]:
    groups: dict[str, list[float]] = {group: [] for group in get_args(Group)}
    for each in sets:
        found = value(each)
        if found is not None:
            groups[each.group].append(found)
    return groups
