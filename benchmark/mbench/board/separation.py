"""Which of very many differences Holm's procedure separates, without computing every p-value.

A p-value only grows with each part of the variance, counted in squares of the difference. So one at either corner of a
box of parts bounds those of all pairs in it. A board of 1,000 entries has half a million pairs and a few thousand
boxes; nearly all pairs are clear from the corners of large boxes, and most of the others from those of small ones.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from mbench.board.stats import (
    ROUNDING,
    SIGNIFICANCE,
    Differences,
    combine_nodes,
    inverse_chi_squares,
    width_of,
)
from mbench.types import BoolArray, FloatArray, IntArray

_FEW = 2_000  # pairs: of 63 entries. Of so many all p-values are computed
_SIDES = (1.0, 0.5, 0.25, 0.125)  # of boxes, in logarithms of the parts
_FIRST, _LAST = 1e-9, 1e3  # the first boxes reach down to 0, and beyond the last the upper bound is 1
_MARGIN = 1.01  # between a p-value from fewer nodes and the true one; a test finds 1.002 at most
_FAINT = 1e-17  # weight of nodes that are left out: they add nothing to a p that Holm's procedure asks about
_BLOCK = 2_048  # p-values at once: 10 to 20 MB


def separate_pairs(differences: Differences) -> BoolArray:
    """Return which differences (m,) Holm's procedure separates from 0: whose adjusted p is at most `SIGNIFICANCE`.

    Where there are many, p-values are bounded from below and from above; where the two lead to different decisions
    the bounds are drawn closer, and at last the p-values are computed. Then none is left: what Holm rejects only grows
    as p-values fall, and the first pair on which the two would part is one that was computed.
    """
    if len(differences.difference) <= _FEW:
        return reject_holm(differences.p_values())
    low, high = np.ones(len(differences.difference)), np.ones(len(differences.difference))
    open_rows = np.flatnonzero(differences.is_tested)
    for side in _SIDES:
        low[open_rows], high[open_rows] = bound_p_values(differences, open_rows, side)
        open_rows = np.flatnonzero(reject_holm(low) != reject_holm(high))
    near = approximate_p_values(differences, open_rows)
    low[open_rows], high[open_rows] = near / _MARGIN, np.minimum(near * _MARGIN, 1.0)
    open_rows = np.flatnonzero(reject_holm(low) != reject_holm(high))
    high[open_rows] = differences.p_values(open_rows)
    return reject_holm(high)


def reject_holm(p: FloatArray) -> BoolArray:
    """Return which p-values (m,) adjusted by `adjust_holm` are at most `SIGNIFICANCE`, in less time."""
    ordered = np.sort(p[p <= SIGNIFICANCE])  # adjusting makes none smaller
    kept = np.flatnonzero(ordered * np.arange(len(p), len(p) - len(ordered), -1) > SIGNIFICANCE)
    n = int(kept[0]) if len(kept) else len(ordered)
    return p <= ordered[n - 1] if n else np.zeros(len(p), dtype=bool)


def bound_p_values(differences: Differences, rows: IntArray, side: float) -> tuple[FloatArray, FloatArray]:
    """Return a lower and an upper bound (r,) of the p-values of some rows, from boxes whose sides are so long.

    side: in logarithms of the parts of the variance.
    """
    low, high = np.zeros(len(rows)), np.ones(len(rows))
    for freedom, places in differences.alike(rows):
        parts = _parts(differences, rows[places])
        box = np.floor(np.log(np.clip(parts, _FIRST, _LAST)) / side).astype(np.int64)
        first = box.min(axis=0)
        shape = tuple((box.max(axis=0) - first + 2).tolist())
        number = np.ravel_multi_index(tuple((box - first).T), shape)
        step = int(np.ravel_multi_index((1,) * len(shape), shape))  # from a box's lower corner to its upper one
        used = np.unique(number)
        which = np.searchsorted(used, number)
        corners = np.unique(np.concatenate([used, used + step]))
        at = np.column_stack(np.unravel_index(corners, shape)) + first
        p = _combine(np.where(at <= np.floor(np.log(_FIRST) / side), 0.0, np.exp(side * at)), freedom)
        low[places] = p[np.searchsorted(corners, used)][which] / _MARGIN
        above = np.minimum(p[np.searchsorted(corners, used + step)][which] * _MARGIN, 1.0)
        high[places] = np.where(parts.max(axis=1) > _LAST, 1.0, above)
    return low, high


def approximate_p_values(differences: Differences, rows: IntArray) -> FloatArray:
    """Return the p-values (r,) of some rows from a third of the nodes: right to 1%."""
    p = np.ones(len(rows))
    for freedom, places in differences.alike(rows):
        p[places] = _combine(_parts(differences, rows[places]), freedom)
    return p


def _parts(differences: Differences, rows: IntArray) -> FloatArray:
    """Return each task's and the test set's part (r, tasks + 1) in the variance, in squares of the difference."""
    parts = np.column_stack([differences.error[rows], differences.shared[rows]])
    # Without any variance the difference is certain.
    parts[parts.sum(axis=1) <= ROUNDING**2] = 0.0
    return parts / np.square(differences.difference[rows])[:, None]


def _combine(parts: FloatArray, freedom: tuple[int, ...]) -> FloatArray:
    """Return what `combine_errors` does of a difference of 1, from fewer nodes. parts: (r, tasks + 1)."""
    from scipy import special

    inflation, weight = _nodes(freedom)
    p = np.empty(len(parts))
    for start in range(0, len(parts), _BLOCK):
        variance = parts[start : start + _BLOCK] @ inflation.T
        with np.errstate(divide="ignore"):
            p[start : start + _BLOCK] = 2.0 * special.ndtr(-1.0 / np.sqrt(variance)) @ weight
    return p


@cache
def _nodes(freedom: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Return nodes (nodes, tasks + 1), with the test set's part as it is, and their weights (nodes,)."""
    inflation, weight = combine_nodes([inverse_chi_squares(each, min(0.7, width_of(each))) for each in freedom])
    heavy = weight > _FAINT
    return np.column_stack([inflation[heavy], np.ones(heavy.sum())]), weight[heavy]
