"""Where words go beside what they name, so that none covers another. Pixels in, pixels out, the same every time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import isotonic_regression

from mbench.types import FloatArray

_REACHES = (
    0.0,
    4.0,
    9.0,
    16.0,
    25.0,
    36.0,
    49.0,
    64.0,
    81.0,
)  # pixels between a dot and its words, tried in this order
_DIRECTIONS = np.deg2rad(np.arange(0, 360, 15))
_OWN = 9.0  # pixels from a dot's centre to its own words, at least
_DOT = 14.0  # half of the square about a dot that others' words keep off, lest they seem its own
_STROKE = 4.0  # likewise about a point of a line


def spread(places: FloatArray, gap: float, low: float, high: float) -> FloatArray:
    """Move places (n,) as little as possible, in squares, until neighbours are `gap` apart within [low, high]: (n,).

    Their order stays. Where there is no room for all, they run over `high`.
    Source: less i·gap the i-th place may not fall, which is isotonic regression (Barlow et al. 1972).
    """
    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(places))
    moved = np.empty(len(places))
    if len(places):
        level = isotonic_regression(places[order] - steps).x
        moved[order] = np.clip(level, low, max(low, high - steps[-1])) + steps
    return moved


def place_beside(dots: FloatArray, sizes: FloatArray, strokes: FloatArray, box: Sequence[float]) -> FloatArray:
    """Return the centres (n, 2) of words of `sizes` (n, 2) that name `dots` (n, 2), placed one after the other.

    strokes: (m, 2), points of lines to keep off.  box: (x0, y0, x1, y1), where words may be. Each takes the nearest
    place that covers no dot, no line and no words, or that covers least.
    """
    kept_off = np.concatenate([dots, strokes])
    margins = np.concatenate([np.full_like(dots, 2 * _DOT, dtype=float), np.full_like(strokes, 2 * _STROKE)])
    centres = np.empty_like(dots, dtype=float)
    for i, (dot, size) in enumerate(zip(dots, sizes, strict=True)):
        directions = np.stack([np.cos(_DIRECTIONS), np.sin(_DIRECTIONS)], axis=1)
        away = [directions * (reach + _OWN + size / 2) for reach in _REACHES]
        tried = dot + np.concatenate(away)
        covered = _overlap(tried, size, np.delete(kept_off, i, axis=0), np.delete(margins, i, axis=0))
        covered += _overlap(tried, size, centres[:i], sizes[:i])
        inside = np.all((tried - size / 2 >= box[:2]) & (tried + size / 2 <= box[2:]), axis=1)
        centres[i] = tried[np.argmin(covered + np.where(inside, 0.0, 1e9))]
    return centres


def _overlap(centres: FloatArray, size: FloatArray, others: FloatArray, other_sizes: FloatArray) -> FloatArray:
    """Return the area in which rectangles at centres (m, 2) meet the others (n, 2), summed over these: (m,)."""
    reach = (size + other_sizes) / 2
    shared = np.clip(reach - np.abs(centres[:, None] - others), 0.0, None)
    return shared.prod(axis=2).sum(axis=1)
