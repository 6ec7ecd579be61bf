"""The zoom ladder: points of the Mandelbrot set's boundary, and ever smaller windows about them.

Centres are Misiurewicz points: z_m(c) is the first point of the orbit z_0 = 0, z_1 = c, … that lies on a cycle, and the
cycle has p points. c = -2 (0, -2, 2, 2, …) has m = 2, p = 1; c = i (0, i, -1+i, -i, -1+i, …) has m = 2, p = 2. They lie
on the boundary and look alike at every scale (Tan Lei, "Similarity between the Mandelbrot set and Julia sets", 1990),
and nearly everything about them escapes fast, so that truth is well conditioned in every window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mbench.suite.sampler import uniform_rows
from mbench.types import BoolArray, FloatArray, IntArray

PREPERIODS = range(2, 9)
PERIODS = range(1, 6)
N_CENTRES = 64
OCTAVES = range(15)
WIDTH = 3.8  # of the window at octave 0: the task's own window is as wide
GRID = 14

_CLASSES = tuple((m, p) for m in PREPERIODS for p in PERIODS)
_STARTS_PER_CLASS = 32
_START_LOWER, _START_SIZE = (-2.0, -1.2), (2.5, 2.4)  # the set lies in this box
_NEWTON_STEPS = 64
_CLOSED, _OPEN = 1e-9, 1e-2  # z_i and z_j are one point, or two: measured 3e-13 at most, and 0.11 at least
_DISTINCT = 1e-6


@dataclass(frozen=True, slots=True)
class Centres:
    """Misiurewicz points: points (n, 2) float64 (re c, im c), preperiod (n,) and period (n,) int64."""

    points: FloatArray
    preperiod: IntArray
    period: IntArray


def misiurewicz_points(starts_key: IntArray, count: int = N_CENTRES) -> Centres:
    """Find `count` distinct Misiurewicz points by Newton's method from seeded starts.

    starts_key: a `sampler.stream_key`. The classes (preperiod, period) take turns, so none has two more than another
    unless the other has no more. Raises ValueError where the starts do not lead to that many.
    """
    u = uniform_rows(starts_key, 0, _STARTS_PER_CLASS * len(_CLASSES), 2)
    x, y = (_START_LOWER[i] + u[:, i] * _START_SIZE[i] for i in range(2))
    preperiod, period = np.tile(np.array(_CLASSES), (_STARTS_PER_CLASS, 1)).T
    # A start that Newton throws out overflows on the way to infinity; the check below drops it.
    with np.errstate(all="ignore"):
        for _ in range(_NEWTON_STEPS):
            x, y = _newton_step(x, y, preperiod, period)
        found = _has_exactly(x, y, preperiod, period)

    by_class: dict[tuple[int, int], list[int]] = {each: [] for each in _CLASSES}
    for row in np.flatnonzero(found):
        mine = by_class[preperiod[row], period[row]]
        if all(max(abs(x[row] - x[other]), abs(y[row] - y[other])) > _DISTINCT for other in mine):
            mine.append(int(row))
    turns = max(len(mine) for mine in by_class.values())
    rows = [mine[turn] for turn in range(turns) for mine in by_class.values() if turn < len(mine)]
    if len(rows) < count:
        raise ValueError(f"the starts lead to {len(rows)} distinct Misiurewicz points, {count} were asked for")
    rows = rows[:count]
    return Centres(np.column_stack([x, y])[rows], preperiod[rows], period[rows])


def ladder_points(centres: Centres, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Return the cell centres of a GRID×GRID grid in each window: points (m, 2), octave (m,), centre (m,) int64.

    The window of octave k is a square of width 3.8·2⁻ᵏ about a centre. Points outside [lower, upper] are dropped.
    """
    offset = (np.arange(GRID) + 0.5) / GRID - 0.5
    dy, dx = (axis.ravel() for axis in np.meshgrid(offset, offset, indexing="ij"))
    width = WIDTH * 0.5 ** np.array(OCTAVES)
    points = centres.points[None, :, None, :] + width[:, None, None, None] * np.column_stack([dx, dy])
    octave, centre, _ = (axis.ravel() for axis in np.indices(points.shape[:3]))
    points = points.reshape(-1, 2)
    inside = np.all((points >= lower) & (points <= upper), axis=1)
    return points[inside], octave[inside], centre[inside]


def _orbit(x: FloatArray, y: FloatArray, length: int) -> FloatArray:
    """Return re z, im z, re z', im z' of z_0 … z_length: (length + 1, 4, n). Real arithmetic: no platform fuses it."""
    orbit = np.zeros((length + 1, 4, len(x)))
    for n in range(length):
        zx, zy, dx, dy = orbit[n]
        orbit[n + 1] = (
            zx * zx - zy * zy + x,
            2.0 * zx * zy + y,
            2.0 * (zx * dx - zy * dy) + 1.0,
            2.0 * (zx * dy + zy * dx),
        )
    return orbit


def _newton_step(x: FloatArray, y: FloatArray, preperiod: IntArray, period: IntArray) -> tuple[FloatArray, FloatArray]:
    """Take one step towards z_{m+p-1} = -z_{m-1}.

    It means z_{m+p} = z_m, and having the other sign it leaves out every smaller preperiod (Hutz & Towsley,
    "Misiurewicz points for polynomial maps and transversality", 2015).
    """
    orbit, row = _orbit(x, y, PREPERIODS[-1] + PERIODS[-1] - 1), np.arange(len(x))
    fx, fy, dx, dy = (orbit[preperiod + period - 1, :, row] + orbit[preperiod - 1, :, row]).T
    size = dx * dx + dy * dy
    return x - (fx * dx + fy * dy) / size, y - (fy * dx - fx * dy) / size


def _has_exactly(x: FloatArray, y: FloatArray, preperiod: IntArray, period: IntArray) -> BoolArray:
    """Is c = x + iy preperiodic with that preperiod and that period, and no smaller one?"""
    orbit, row = _orbit(x, y, PREPERIODS[-1] + PERIODS[-1])[:, :2], np.arange(len(x))

    def gap(i: IntArray, j: IntArray) -> FloatArray:
        return np.abs(orbit[i, :, row] - orbit[j, :, row]).max(axis=1)

    exact = (gap(preperiod + period, preperiod) < _CLOSED) & (gap(preperiod + period - 1, preperiod - 1) > _OPEN)
    for smaller in PERIODS:
        exact &= (smaller >= period) | (gap(preperiod + smaller, preperiod) > _OPEN)
    return exact
