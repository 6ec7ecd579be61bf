"""Replicates to statistics: intervals, which entries a test separates, the ranks that follow. Arrays in, arrays out.

What varies is the sample a method learned from (and its initial seed); the tasks are fixed. So whatever is said here is
about another draw of samples for the same tasks, never about other tasks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np

from mbench.types import BoolArray, FloatArray, IntArray

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05  # of the whole family of tests, after Holm's correction
MIN_REPLICATES = 2  # that have a scatter
ROUNDING = 1e-9  # skill points: differences below are float64's
_MAX_SPLITS = 200
_ROWS = 50_000  # pairs at once: 8 MB
_BLOCK = 256  # pairs at once in 3,844 nodes: 8 MB


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


@dataclass(frozen=True, slots=True)
class Differences:
    """What is known of the difference of every two of k entries, in the order of `np.triu_indices(k, 1)`.

    difference: (m,), first minus second.  error: (m, tasks), what each task adds to its variance, with `freedom`
    (m, tasks) degrees of freedom.  shared: (m,), what the test set adds.  is_tested: (m,), are there two replicates of
    each task in common, and any difference?
    """

    difference: FloatArray
    error: FloatArray
    freedom: IntArray
    shared: FloatArray
    is_tested: BoolArray

    def p_values(self, rows: IntArray | None = None) -> FloatArray:
        """Return two-sided p-values of some rows, (r,), or of all: 1 where nothing is tested."""
        rows = np.arange(len(self.difference)) if rows is None else rows
        p = np.ones(len(rows))
        for freedom, tested in self.alike(rows):
            for start in range(0, len(tested), _BLOCK):
                block = tested[start : start + _BLOCK]
                at = rows[block]
                p[block] = combine_errors(self.difference[at], self.error[at], freedom, self.shared[at])
        return p

    def alike(self, rows: IntArray) -> Iterator[tuple[tuple[int, ...], IntArray]]:
        """Yield each combination of degrees of freedom, and the places in `rows` of the tested ones that have it."""
        tested = np.flatnonzero(self.is_tested[rows])
        freedoms = self.freedom[rows[tested]]
        while len(tested):
            same = (freedoms == freedoms[0]).all(axis=1)
            yield tuple(freedoms[0].tolist()), tested[same]
            tested, freedoms = tested[~same], freedoms[~same]


def measure_differences(cells: FloatArray, shared: FloatArray | None = None) -> Differences:
    """Pair every two entries over (task, replicate), because both learned the same sample.

    cells: (k, tasks, replicates), the score of each cell, NaN where there is none; an entry's score is the mean of its
    tasks' means.  shared: (m,), the variance that the test set, which all replicates share, adds to a difference; 0
    without it.

    The differences on each task have a mean and a variance of their own; the statistic is the mean over tasks.
    `combine_errors` says what it is held against. On one task, without a shared part, that is the paired t-test.

    Why not Wilcoxon's signed ranks or a permutation of signs: two tasks with five replicates have 2^10 patterns of
    signs, so no p-value below 0.002. Holm needs 0.05 / 28 = 0.0018 on a board of eight: on that one and any larger
    one neither could ever separate two entries, however far apart. And ranks over pooled tasks can favour the entry
    with the lower score. Scores are logarithms of means over 10^5 test points, near normal from sample to sample; a
    replicate that failed has score 0, widens the error, and so separates less.
    """
    first, second = np.triu_indices(len(cells), 1)
    m, n_tasks = len(first), cells.shape[1]
    difference, error = np.empty(m), np.empty((m, n_tasks))
    count = np.empty((m, n_tasks), dtype=np.int64)
    for start in range(0, m, _ROWS):
        rows = slice(start, start + _ROWS)
        pairs = cells[first[rows]] - cells[second[rows]]
        there = np.isfinite(pairs)
        count[rows] = there.sum(axis=2)
        mean = np.where(there, pairs, 0.0).sum(axis=2) / np.maximum(count[rows], 1)
        squares = np.where(there, np.square(pairs - mean[..., None]), 0.0)
        spread = squares.sum(axis=2) / np.maximum(count[rows] - 1, 1)
        error[rows] = spread / np.maximum(count[rows], 1) / n_tasks**2
        difference[rows] = mean.mean(axis=1)
    is_tested = (count >= 2).all(axis=1) & (np.abs(difference) >= ROUNDING)
    return Differences(difference, error, count - 1, np.zeros(m) if shared is None else shared, is_tested)


def combine_errors(
    difference: FloatArray, error: FloatArray, freedom: tuple[int, ...], shared: FloatArray | float = 0.0
) -> FloatArray:
    """Return two-sided p-values (m,) of differences (m,) whose variance is a sum of parts.

    error: (m, tasks), each task's part, estimated with so many degrees of freedom.  shared: (m,) or one for all, a part
    that is taken as known: it is estimated from some hundred parts of the test set.

    Held against Behrens and Fisher's distribution: given its estimate, a variance is s² ν/χ² with χ² of ν degrees of
    freedom, and p is the mean over these of what a normal difference of the summed variance would have. On one task
    without a shared part that is Student's t. On two, Student's t with Welch and Satterthwaite's degrees of freedom is
    too ready far out, where Holm's correction asks: at 0.05/276 with five replicates and a ratio of 9 between the
    tasks' variances, twice too often. This one is never by more than a tenth at any ratio.
    Source: Fisher, "The fiducial argument in statistical inference" (1935).
    """
    from scipy import special

    inflation, weight = _nodes(freedom)
    variance = error @ inflation.T + np.broadcast_to(shared, difference.shape)[:, None]
    # Scores that no sample changes (a cap, a failure everywhere) have no error: then any difference is one.
    certain = error.sum(axis=1) + shared <= ROUNDING**2
    z = np.abs(difference)[:, None] / np.sqrt(np.where(certain[:, None], 1.0, variance))
    return np.where(certain, 0.0, 2.0 * special.ndtr(-z) @ weight)


@cache
def _nodes(freedom: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Return by what each variance is multiplied, (nodes, tasks), and the weight of each node, (nodes,)."""
    return combine_nodes([inverse_chi_squares(each, min(0.4, 0.8 * width_of(each))) for each in freedom])


def combine_nodes(of_each: Sequence[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """Return the nodes (nodes, tasks) and weights (nodes,) of a mean over several variances from those over each."""
    inflation, weight = np.zeros((1, 0)), np.ones(1)
    for factor, mass in of_each:
        inflation = np.column_stack([np.repeat(inflation, len(factor), axis=0), np.tile(factor, len(inflation))])
        weight = np.outer(weight, mass).ravel()
    return inflation, weight


def width_of(freedom: int) -> float:
    """Return the width of ln χ², where it has many degrees of freedom."""
    return float(np.sqrt(2.0 / freedom))


def inverse_chi_squares(freedom: int, step: float) -> tuple[FloatArray, FloatArray]:
    """Return values of ν/χ² and their weights, which sum to 1: the trapezoid rule in ln χ².

    The rule converges exponentially there, as the integrand is analytic and falls off at both ends.
    """
    width = width_of(freedom)
    u = np.arange(-min(30.0, 60.0 / freedom + 8.0 * width), min(4.0, 8.0 * width), step)  # ln(χ²/ν)
    density = np.exp(freedom / 2.0 * (u - np.expm1(u)))
    return np.exp(-u), density / density.sum()


def adjust_holm(p: FloatArray) -> FloatArray:
    """Return p-values (m,) adjusted for there being m of them: reject those of at most the level of all together.

    Source: Holm, "A simple sequentially rejective multiple test procedure" (1979). scipy has none.
    """
    order = np.argsort(p, kind="stable")
    stepped = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted


def pair_table(values: FloatArray | BoolArray, k: int, diagonal: float | bool) -> Any:
    """Return values of the pairs of k entries, (m,) in the order of `np.triu_indices(k, 1)`, as a table (k, k)."""
    table = np.full((k, k), diagonal, dtype=values.dtype)
    upper = np.triu_indices(k, 1)
    table[upper] = values
    table.T[upper] = values
    return table


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
        stop = max(start + 1, reached)  # who is in a run without its first is in a run, too
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
            taus.append(kendall_tau(one, other))
    return Agreement(float(np.mean(taus)), float(np.min(taus)), len(taus)) if taus else None


def kendall_tau(one: FloatArray, other: FloatArray) -> float:
    """Return Kendall's τ-b of two scores (k,) of the same entries, neither of them all alike.

    scipy has it too, in a package that takes a second to import.
    Source: Kendall, "The treatment of ties in ranking problems" (1945).
    """
    balance, n_pairs = 0, np.zeros(2, dtype=np.int64)
    for start in range(1, len(one)):
        orders = [np.sign(scores[start:] - scores[start - 1]).astype(np.int64) for scores in (one, other)]
        balance += int(orders[0] @ orders[1])
        n_pairs += [np.count_nonzero(order) for order in orders]
    return float(np.clip(balance / np.sqrt(n_pairs[0]) / np.sqrt(n_pairs[1]), -1.0, 1.0))
