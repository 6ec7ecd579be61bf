"""Replicates to statistics: intervals, which entries a test separates, the ranks that follow. Arrays in, arrays out.

What varies is the sample a method learned from (and its initial seed); the tasks are fixed. So whatever is said here is
about another draw of samples for the same tasks, never about other tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mbench.types import BoolArray, FloatArray, IntArray

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05  # of the whole family of tests, after Holm's correction
MIN_REPLICATES = 2  # that have a scatter
_ROUNDING = 1e-9  # skill points: differences below are float64's
_MAX_SPLITS = 200


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Kendall's τ-b between the orders of entries by one half of the replicates and by the other, over splits."""

    mean: float
    least: float
    n_splits: int


def mean_interval(scores: Sequence[float]) -> Interval | None:
    """Return the 95% interval of the mean of replicates' scores (n,) by Student's t, or None for fewer than two.

    One replicate says nothing of its own scatter, and so has no interval. `tests/simulate_intervals.py` prints how
    often such an interval holds the mean.
    """
    n = len(scores)
    if n < MIN_REPLICATES:
        return None
    from scipy import special

    ordered = np.sort(scores)  # a sum depends on the order in its last digits
    half = special.stdtrit(n - 1, (1 + CONFIDENCE) / 2) * ordered.std(ddof=1) / np.sqrt(n)
    return Interval(float(ordered.mean() - half), float(ordered.mean() + half))


def compare_pairs(cells: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Test every pair of entries for a difference of their scores: two-sided p-values and mean differences.

    cells: (k, tasks, replicates), the score of each cell, NaN where there is none; an entry's score is the mean of its
    tasks' means. Returns p (k, k), 1 where a task has no two replicates in common, and difference (k, k), row minus
    column.

    Paired over (task, replicate), because both learned the same sample. The differences on each task have a mean and a
    variance of their own; the statistic is the mean over tasks, over its standard error, against Student's t with
    Welch and Satterthwaite's degrees of freedom. On one task that is the paired t-test, on two it is Welch's.

    Why not Wilcoxon's signed ranks or a permutation of signs: two tasks with five replicates have 2^10 patterns of
    signs, so no p-value below 0.002. Holm needs 0.05 / 28 = 0.0018 on a board of eight: on that one and any larger
    one neither could ever separate two entries, however far apart. And ranks over pooled tasks can favour the entry
    with the lower score. Scores are logarithms of means over 10^5 test points, near normal from sample to sample; a
    replicate that failed has score 0, widens the error, and so separates less. Measured under the null with 2 tasks of
    5 replicates: 4.4% of p-values below 0.05 where variances are equal, 4.9% where they are a hundredfold apart, 3.4%
    where scores have the tails of Student's t with 3 degrees of freedom.
    """
    from scipy import special

    k = len(cells)
    p, difference = np.ones((k, k)), np.zeros((k, k))
    for i in range(k):
        pairs = cells[i] - cells
        count = np.isfinite(pairs).sum(axis=2)
        total = np.nansum(pairs, axis=2)
        mean = total / np.maximum(count, 1)
        spread = np.nansum(np.square(pairs - mean[..., None]), axis=2) / np.maximum(count - 1, 1)
        error = spread / np.maximum(count, 1)  # (k, tasks), of each task's mean, squared
        squared = error.sum(axis=1)
        freedom = np.square(squared) / np.maximum(
            (np.square(error) / np.maximum(count - 1, 1)).sum(axis=1), np.finfo(float).tiny
        )
        difference[i] = mean.mean(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(mean.sum(axis=1)) / np.sqrt(squared)
        # Scores that no sample changes (a cap, a failure everywhere) have no error: then any difference is one.
        certain = squared <= _ROUNDING**2
        p[i] = np.where(certain, 0.0, 2 * special.stdtr(np.maximum(freedom, 1.0), -np.where(certain, 0.0, t)))
        p[i][(np.abs(difference[i]) < _ROUNDING) | (count < 2).any(axis=1)] = 1.0
    return p, difference


def adjust_holm(p: FloatArray) -> FloatArray:
    """Return p-values (m,) adjusted for there being m of them: reject those of at most the level of all together.

    Source: Holm, "A simple sequentially rejective multiple test procedure" (1979). scipy has none.
    """
    order = np.argsort(p, kind="stable")
    stepped = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted


def adjust_pairs(p: FloatArray) -> FloatArray:
    """Return a symmetric table of p-values (k, k) adjusted by Holm, each pair counted once; ones on the diagonal."""
    k = len(p)
    upper = np.triu_indices(k, 1)
    adjusted = np.ones((k, k))
    adjusted[upper] = adjust_holm(p[upper])
    adjusted.T[upper] = adjusted[upper]
    return adjusted


def share_ranks(scores: FloatArray, separated: BoolArray) -> IntArray:
    """Return the rank of each entry (k,): 1 is best, entries that share one are pairwise not separated.

    scores: (k,), higher is better.  separated: (k, k) symmetric, does a test tell them apart?

    Down the scores, an entry shares the rank above it unless it is separated from any that has it; then its rank is one
    more than the number of entries above. Equal scores always share. "Not separated" is not transitive, so of two
    neighbours with different ranks the lower need not be separated from the upper, but from one that shares the
    upper's rank. (To count the entries that are significantly better does without groups, but can rank a higher score
    below a lower one whose replicates scatter more.) It depends neither on names nor on the order of rows.
    """
    rank = np.zeros(len(scores), dtype=np.int64)
    group: list[int] = []
    place = 1
    for score in np.unique(scores)[::-1]:
        equal = np.flatnonzero(scores == score)
        above = int((scores > score).sum())
        if not group or separated[equal][:, group].any():
            place, group = above + 1, []
        group.extend(equal.tolist())
        rank[equal] = place
    return rank


def find_groups(scores: FloatArray, separated: BoolArray) -> list[tuple[int, ...]]:
    """Return the groups of entries that no test separates, best first: what a critical-difference diagram connects.

    Each is a run of neighbours by score, as long as it can be, of at least two; groups may overlap. Arguments as for
    `share_ranks`; the groups hold indices into them.
    """
    order = np.argsort(-scores, kind="stable")
    groups: list[tuple[int, ...]] = []
    reached = 0
    for start in range(len(order)):
        stop = start + 1
        while stop < len(order) and not separated[order[stop], order[start:stop]].any():
            stop += 1
        if stop > max(reached, start + 1):
            groups.append(tuple(order[start:stop].tolist()))
            reached = stop
    return groups


def compare_halves(scores: FloatArray, seed: int = 0) -> Agreement | None:
    """Return how far two disjoint halves of the replicates agree on the order of entries, or None where there are none.

    scores: (k, n), by entry and replicate, finite. All splits are tried (of an odd n into halves that
    differ by one), or 200 drawn under the seed where there are more. None for fewer than two entries or two replicates.
    """
    from scipy import stats

    k, n = scores.shape
    if k < 2 or n < 2:
        return None
    # A split and its mirror image are one: of an even n, half of those with replicate 0.
    halves = [half for half in combinations(range(n), n // 2) if n % 2 or 0 in half] if n <= 12 else []
    if not halves or len(halves) > _MAX_SPLITS:
        rng = np.random.default_rng(seed)
        halves = [tuple(rng.permutation(n)[: n // 2].tolist()) for _ in range(_MAX_SPLITS)]
    taus = []
    for half in halves:
        chosen = np.isin(np.arange(n), half)
        one, other = scores[:, chosen].mean(axis=1), scores[:, ~chosen].mean(axis=1)
        if np.ptp(one) and np.ptp(other):  # entries that are all alike have no order to agree on
            taus.append(float(stats.kendalltau(one, other)[0]))  # type: ignore[arg-type]
    return Agreement(float(np.mean(taus)), float(np.min(taus)), len(taus)) if taus else None
