"""The zoom ladder: points of the Mandelbrot set's boundary, and ever smaller windows about them.

Centres are Misiurewicz points: z_m(c) is the first point of the orbit z_0 = 0, z_1 = c, … that lies on a cycle, and the
cycle has p points. c = -2 (0, -2, 2, 2, …) has m = 2, p = 1; c = i (0, i, -1+i, -i, -1+i, …) has m = 2, p = 2. They lie
on the boundary and look alike at every scale (Tan Lei, "Similarity between the Mandelbrot set and Julia sets", 1990),
and nearly everything about them escapes fast, so that truth is well conditioned in every window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mbench.suite.sampler import uniform_rows
from mbench.types import BoolArray, FloatArray, IntArray

PREPERIODS = range(2, 9)
PERIODS = range(1, 6)
OCTAVES = range(15)
WIDTH = 3.8  # of the window at octave 0: the task's own window is as wide

_CLASSES = tuple((m, p) for m in PREPERIODS for p in PERIODS)
_STARTS_PER_CLASS = 256
_START_LOWER, _START_SIZE = (-2.0, 0.0), (2.5, 1.2)  # the upper half of the set lies in this box
_NEWTON_STEPS = 24  # who needs more wanders about, and where that ends hangs on the last bit
_LAST_STEPS = 4  # of who has arrived: to the last bit
_CLOSED, _OPEN = 1e-9, 1e-2  # z_i and z_j are one point, or two: measured 3e-13 at most, and 0.11 at least
_DISTINCT = 1e-6


@dataclass(frozen=True, slots=True)
class Rungs:
    """Some octaves of the ladder: how many of the centres they have, and a grid of how many points a side."""

    octaves: range
    n_centres: int
    grid: int


# Methods part in the middle: most centres stand there. A window of octave 0 shows the whole set wherever it lies.
RUNGS = (Rungs(range(3), 16, 14), Rungs(range(3, 10), 256, 9), Rungs(range(10, 15), 64, 10))
N_CENTRES = max(rungs.n_centres for rungs in RUNGS)


@dataclass(frozen=True, slots=True)
class Centres:
    """Misiurewicz points: points (n, 2) float64 (re c, im c), preperiod (n,) and period (n,) int64."""

    points: FloatArray
    preperiod: IntArray
    period: IntArray


def misiurewicz_points(starts_key: IntArray, count: int = N_CENTRES) -> Centres:
    """Find `count` distinct Misiurewicz points by Newton's method from seeded starts, no two of them conjugate.

    starts_key: a `sampler.stream_key`, whose row s is the start number s, of class s modulo the number of classes. The
    classes (preperiod, period) take turns, so none has two more than another unless the other has no more. Of a point
    and its conjugate every second centre, from the second on, is the lower one.
    Raises ValueError where the starts do not lead to that many.
    """
    u = uniform_rows(starts_key, 0, _STARTS_PER_CLASS * len(_CLASSES), 2)
    x, y = (_START_LOWER[i] + u[:, i] * _START_SIZE[i] for i in range(2))
    preperiod, period = np.tile(np.array(_CLASSES), (_STARTS_PER_CLASS, 1)).T
    # A start that Newton throws out overflows on the way to infinity; the check below drops it.
    with np.errstate(all="ignore"):
        for _ in range(_NEWTON_STEPS):
            x, y = _newton_step(x, y, preperiod, period)
        found = _has_exactly(x, y, preperiod, period)
        for _ in range(_LAST_STEPS):
            x, y = _newton_step(x, y, preperiod, period)
    y = np.abs(y)

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
    points = np.column_stack([x, y])[rows]
    points[1::2, 1] *= -1.0
    return Centres(points, preperiod[rows], period[rows])


def ladder_points(
    centres: Centres, lower: FloatArray, upper: FloatArray, rungs: Sequence[Rungs] = RUNGS
) -> tuple[FloatArray, IntArray, IntArray]:
    """Return the cell centres of a square grid in each window: points (m, 2), octave (m,), centre (m,) int64.

    The window of octave k is a square of width 3.8·2⁻ᵏ about a centre. An octave has the first of the centres, as many
    as its rungs say and as there are. Points outside [lower, upper] are dropped.
    """
    parts = []
    for each in rungs:
        offset = (np.arange(each.grid) + 0.5) / each.grid - 0.5
        dy, dx = (axis.ravel() for axis in np.meshgrid(offset, offset, indexing="ij"))
        width = WIDTH * 0.5 ** np.array(each.octaves)
        middle = centres.points[None, : each.n_centres, None, :]
        points = middle + width[:, None, None, None] * np.column_stack([dx, dy])
        octave, centre, _ = (axis.ravel() for axis in np.indices(points.shape[:3]))
        parts.append((points.reshape(-1, 2), octave + each.octaves.start, centre))
    points, octave, centre = (np.concatenate(each) for each in zip(*parts, strict=True))
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
