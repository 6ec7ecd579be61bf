"""What of a difference of scores the test set makes, which every replicate of every entry shares.

A test set is a draw, too: of centres for the zoom ladder, of points for the error. Replicates don't show its luck, as
all are scored on the same one. But a record keeps what each centre, and each block of points, adds to its score; over
these independent parts the luck can be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import log

import numpy as np

from mbench.results.metrics import N_BLOCKS, skill
from mbench.results.record import Metrics, Record
from mbench.results.reference import Reference, TaskReference
from mbench.suite import tracks
from mbench.suite.ladder import N_CENTRES, RUNGS
from mbench.types import FloatArray, IntArray

# Of the centres, in their order: which take part in every octave, in most, and only in those where methods part.
_GROUP_ENDS = tuple(count / N_CENTRES for count in sorted(each.n_centres for each in RUNGS))


@dataclass(frozen=True, slots=True)
class Parts:
    """What each independent part of the test sets adds to one entry's Mandelbrot score, replicate by replicate.

    replicates: (n,), their numbers.  values: (n, m), in skill points; only their spread within a group means anything.
    group: (m,), parts of one group are draws from one distribution.
    """

    replicates: IntArray
    values: FloatArray
    group: IntArray


def find_parts(records: Sequence[Record], track: str, reference: Reference) -> Parts | None:
    """Return the parts of an entry's Mandelbrot score, or None where a record keeps none: those of suite 1 don't.

    records: of one entry on one track. Both Mandelbrot tasks climb the same ladder, so that a centre is one part with
    what it adds on either; the points are each task's own. Errors go through the logarithm in the skill to first order:
    a block's share of the error is what it adds to ln E. A score at its cap or at 0, and a cell that failed, does not
    depend on the test set: its parts are 0. What the test set does to the weights of the strata is left out.
    """
    fractals = tracks.FAMILIES["mandelbrot"]
    cells = {(each.task, each.replicate): each for each in records if each.task in fractals and not each.is_our_failure}
    numbers = sorted({replicate for _, replicate in cells})
    kept = {place: _kept(cell.metrics) for place, cell in cells.items() if cell.metrics is not None}
    sizes = {None if each is None else (len(each[0]), len(each[1])) for each in kept.values()}
    if len(cells) != len(numbers) * len(fractals) or len(sizes) != 1:
        return None
    size = sizes.pop()
    n_blocks = sum(N_BLOCKS)
    if size is None or size[1] != n_blocks:
        return None
    n_centres = size[0]
    values = np.zeros((len(numbers), n_centres + n_blocks * len(fractals)))
    for (task, number), found in kept.items():
        at, cell = reference.tasks.get((track, task)), cells[task, number]
        if found is None or at is None or at.knn_depth_octaves is None or cell.metrics is None:
            return None
        # A task's score is the mean of two skills, the Mandelbrot score that of the tasks.
        row, share = values[numbers.index(number)], 0.5 / len(fractals)
        row[:n_centres] += share * _depth_slope(found[0].sum(), at.knn_depth_octaves) * found[0]
        start = n_centres + n_blocks * fractals.index(task)
        row[start : start + n_blocks] = share * _error_slope(cell.metrics.error, at) * found[1]
    return Parts(np.array(numbers), values, number_groups(n_centres, len(fractals)))


def measure_noise(one: Parts | None, other: Parts | None) -> float | None:
    """Return the test set's part in the variance of the difference of two scores, or None where parts are unknown.

    Paired by part and by replicate; None, too, without two replicates in common. A part's mean over replicates varies
    from part to part because centres and points differ, which is the test set's doing, and because samples do, anew on
    each. The second shows in the replicates' own scatter already: it is measured by how unlike replicates are within a
    part, and taken off. These are the components of variance of a table of two ways, replicates by parts.
    """
    if one is None or other is None or not np.array_equal(one.group, other.group):
        return None
    common = np.intersect1d(one.replicates, other.replicates)
    if len(common) < 2:
        return None
    d = one.values[np.isin(one.replicates, common)] - other.values[np.isin(other.replicates, common)]
    total = 0.0
    for group in np.unique(one.group):
        within = d[:, one.group == group]
        n, m = within.shape
        if m < 2:
            return None
        means = within.mean(axis=0)
        unlike = within - means - within.mean(axis=1, keepdims=True) + means.mean()
        of_sample = np.square(unlike).sum() / ((n - 1) * (m - 1)) / n
        total += m * float(means.var(ddof=1) - of_sample)  # of the sum of m parts
    return max(total, 0.0)


def measure_all_noise(parts: Sequence[Parts | None]) -> FloatArray:
    """Return `measure_noise` of every two of k entries, (m,) in the order of `np.triu_indices(k, 1)`; NaN for None.

    It is a difference of sums of squares of linear maps of two entries' parts, so that for entries of the same
    replicates and groups a product of two matrices has them all.
    """
    k = len(parts)
    noise = np.full((k, k), np.nan)
    alike: dict[tuple[bytes, bytes], list[int]] = {}
    for row, each in enumerate(parts):
        if each is not None:
            alike.setdefault((each.replicates.tobytes(), each.group.tobytes()), []).append(row)
    for rows in alike.values():
        found = [each for row in rows if (each := parts[row]) is not None]
        noise[np.ix_(rows, rows)] = _noise_of_alike(found)
    for one, other in combinations(alike.values(), 2):
        for i, j in product(one, other):
            value = measure_noise(parts[i], parts[j])
            noise[i, j] = noise[j, i] = np.nan if value is None else value
    return noise[np.triu_indices(k, 1)]


def _noise_of_alike(parts: Sequence[Parts]) -> FloatArray:
    """Return the noise (k, k) of entries that have the same replicates and groups of parts."""
    values, group = np.stack([each.values for each in parts]), parts[0].group
    total = np.zeros((len(parts), len(parts)))
    for each in np.unique(group):
        within = values[:, :, group == each]
        _, n, m = within.shape
        if n < 2 or m < 2:
            return np.full_like(total, np.nan)
        means = within.mean(axis=1)
        centred = means - means.mean(axis=1, keepdims=True)
        unlike = within - within.mean(axis=2, keepdims=True) - centred[:, None]
        total += m / (m - 1) * _square_distances(centred)
        total -= m / ((n - 1) * (m - 1) * n) * _square_distances(unlike.reshape(len(parts), -1))
    return np.maximum(total, 0.0)


def _square_distances(rows: FloatArray) -> FloatArray:
    """Return the square of the distance of every two rows, (k, k)."""
    inner = rows @ rows.T
    square = np.diag(inner)
    return square[:, None] + square[None, :] - 2.0 * inner


def _kept(metrics: Metrics) -> tuple[FloatArray, FloatArray] | None:
    """Return the centres' parts of the depth and the blocks' of the error, or None for a record without."""
    kept = metrics.profile
    return (np.array(kept.centres), np.array(kept.blocks)) if kept and kept.centres and kept.blocks else None


def _depth_slope(depth: float, knn_depth: float) -> float:
    """Return how many points of depth skill an octave is worth."""
    return 100.0 / knn_depth if 100.0 * depth / knn_depth < tracks.SKILL_CAP else 0.0


def _error_slope(error: float, at: TaskReference) -> float:
    """Return how many points of skill a unit of error is worth: the skill's derivative."""
    if not 0.0 < skill(error, at.constant_error, at.knn_error) < tracks.SKILL_CAP:
        return 0.0
    return -100.0 / (error * log(at.constant_error / at.knn_error))


def number_groups(n_centres: int, n_tasks: int) -> IntArray:
    """Return the group of each part: three groups of centres, then two strata of each task's blocks."""
    ends = [round(n_centres * end) for end in _GROUP_ENDS]
    sizes = [*np.diff([0, *ends]).tolist(), *[*N_BLOCKS] * n_tasks]
    return np.repeat(np.arange(len(sizes)), sizes)
