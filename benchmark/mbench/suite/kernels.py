"""Compiled loops behind `escape`: one orbit at a time (the reference), and many in lockstep (the fast one).

Strict IEEE float64 in real arithmetic: no fastmath, no contraction, every operation rounded once, so that both kernels
agree bit for bit with each other and with a plain Python loop. Everything a kernel calls lives in this file, because
numba's cache on disk notices a change of the file that holds the kernel and of no other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit

MANDELBROT, JULIA, BURNING_SHIP, MULTIBROT3, TRICORN = range(5)

# Measured: 8 to 64 lanes, 4 to 16 careful and 8 to 128 plain steps; these win on the window and in deep zooms alike.
LANES = 32
_CAREFUL_STEPS = 6
_PLAIN_STEPS = 32
# The lanes' state is one flat array, a row of LANES numbers each: LLVM vectorises a loop over the lanes only where it
# can prove that no two rows overlap, which constant offsets into one array let it.
_X, _Y, _DX, _DY, _CX, _CY, _N, _SAVED_X, _SAVED_Y, _SAVE_AT, _DONE, _NEXT_X, _NEXT_Y, _NEXT_DX, _NEXT_DY = (
    row * LANES for row in range(15)
)
_STATE_SIZE = 15 * LANES


@njit(forceinline=True)
def _step(kind, x, y, cx, cy):  # type: ignore[no-untyped-def]
    """Return z^p + c, or the family's variant of it."""
    xx, yy = x * x, y * y
    if kind == MULTIBROT3:
        return x * (xx - 3.0 * yy) + cx, y * (3.0 * xx - yy) + cy
    xy = 2.0 * x * y
    if kind == BURNING_SHIP:
        xy = abs(xy)
    if kind == TRICORN:
        xy = -xy
    return (xx - yy) + cx, xy + cy


@njit(forceinline=True)
def _slope_step(kind, x, y, dx, dy):  # type: ignore[no-untyped-def]
    """Return p z^(p-1) z' + 1; without the 1 for Julia sets, where z' is the derivative by the starting point."""
    if kind == MULTIBROT3:
        fx, fy = 3.0 * (x * x - y * y), 6.0 * x * y
    else:
        fx, fy = 2.0 * x, 2.0 * y
    re, im = fx * dx - fy * dy, fx * dy + fy * dx
    return (re, im) if kind == JULIA else (re + 1.0, im)


@njit(forceinline=True)
def _first(kind, px, py, cx, cy):  # type: ignore[no-untyped-def]
    """Return c, z_1 and z_1' of a point."""
    if kind == JULIA:
        x, y = _step(kind, px, py, cx, cy)
        dx, dy = _slope_step(kind, px, py, 1.0, 0.0)
        return cx, cy, x, y, dx, dy
    return px, py, px, py, 1.0, 0.0


@njit(forceinline=True)
def _in_closed_form(kind, px, py):  # type: ignore[no-untyped-def]
    """Is the point in the Mandelbrot set's main cardioid or its period-2 disc?"""
    if kind != MANDELBROT:
        return False
    yy, a, b = py * py, px - 0.25, px + 1.0
    q = a * a + yy
    return q * (q + a) <= 0.25 * yy or b * b + yy <= 0.0625


@cache
def scalar_kernel(kind: int, derivative: bool) -> Callable[..., None]:
    """Compile the reference kernel: one point after the other.

    Called with (points (n, 2), re c, im c of a Julia set, max_iter, bailout², count (n,), interior (n,), z (n, 2),
    dz (n, 2)); fills the last four. Where interior, count is max_iter and z and dz are 0.
    """

    def kernel(points, cx0, cy0, max_iter, bailout_sq, count, interior, z, dz):  # type: ignore[no-untyped-def]
        for i in range(len(points)):
            count[i] = max_iter
            interior[i] = True
            if _in_closed_form(kind, points[i, 0], points[i, 1]):
                continue
            cx, cy, x, y, dx, dy = _first(kind, points[i, 0], points[i, 1], cx0, cy0)
            saved_x, saved_y, save_at = x, y, 2
            for n in range(1, max_iter + 1):
                if not x * x + y * y <= bailout_sq:
                    count[i] = n
                    interior[i] = False
                    z[i, 0] = x
                    z[i, 1] = y
                    if derivative:
                        dz[i, 0] = dx
                        dz[i, 1] = dy
                    break
                if derivative:
                    dx, dy = _slope_step(kind, x, y, dx, dy)
                x, y = _step(kind, x, y, cx, cy)
                # Brent: an orbit that comes back to a saved state, bit for bit, repeats itself for ever.
                if x == saved_x and y == saved_y:
                    break
                if n == save_at:
                    saved_x, saved_y, save_at = x, y, 2 * save_at

    return _compile(kernel)


@cache
def own_kernel(step: Callable[[float, float, float, float], tuple[float, float]]) -> Callable[..., None]:
    """Compile the kernel of a step that is none of those above: one point after the other, from z_1 = c, without z'.

    Same arguments and meaning as `scalar_kernel`'s. Not cached on disk, which would miss a change of the step's file.
    """
    compiled = njit(step)

    def kernel(points, cx0, cy0, max_iter, bailout_sq, count, interior, z, dz):  # type: ignore[no-untyped-def]
        for i in range(len(points)):
            count[i] = max_iter
            interior[i] = True
            cx, cy = points[i, 0], points[i, 1]
            x, y = cx, cy
            saved_x, saved_y, save_at = x, y, 2
            for n in range(1, max_iter + 1):
                if not x * x + y * y <= bailout_sq:
                    count[i] = n
                    interior[i] = False
                    z[i, 0] = x
                    z[i, 1] = y
                    break
                x, y = compiled(x, y, cx, cy)
                if x == saved_x and y == saved_y:
                    break
                if n == save_at:
                    saved_x, saved_y, save_at = x, y, 2 * save_at

    return njit(nogil=True)(kernel)


@njit(forceinline=True)
def _load(s, lane, cx, cy, x, y, dx, dy, n):  # type: ignore[no-untyped-def]
    """Put an orbit at z_n into a lane, with nothing saved to compare it with."""
    s[_CX + lane], s[_CY + lane], s[_X + lane], s[_Y + lane], s[_DX + lane], s[_DY + lane] = cx, cy, x, y, dx, dy
    s[_N + lane], s[_SAVED_X + lane], s[_SAVE_AT + lane] = n, np.nan, 2.0 * _CAREFUL_STEPS


@njit(forceinline=True)
def _save(s, lane):  # type: ignore[no-untyped-def]
    """Brent: remember the state at every doubling of n, to notice an orbit that comes back to it."""
    x, y, n, saved_x, saved_y, at = (
        s[_X + lane],
        s[_Y + lane],
        s[_N + lane],
        s[_SAVED_X + lane],
        s[_SAVED_Y + lane],
        s[_SAVE_AT + lane],
    )
    now = n >= at
    s[_SAVED_X + lane] = x if now else saved_x
    s[_SAVED_Y + lane] = y if now else saved_y
    s[_SAVE_AT + lane] = at + at if now else at


@njit(forceinline=True)
def _mark_done(s, lane, max_iter, bailout_sq):  # type: ignore[no-untyped-def]
    """Note, and return as 0 or 1, whether a lane has escaped, run out of iterations or come back to its saved state."""
    x, y = s[_X + lane], s[_Y + lane]
    escaped = not x * x + y * y <= bailout_sq
    done = escaped | (s[_N + lane] >= max_iter) | ((x == s[_SAVED_X + lane]) & (y == s[_SAVED_Y + lane]))
    s[_DONE + lane] = 1.0 if done else 0.0
    return 1 if done else 0


@njit(forceinline=True)
def _careful_block(kind, derivative, s, max_iter, bailout_sq):  # type: ignore[no-untyped-def]
    """Advance every lane by a few steps, holding still a lane that escapes; return how many lanes are done."""
    n_done = 0
    for lane in range(LANES):
        _save(s, lane)
        x, y, dx, dy = s[_X + lane], s[_Y + lane], s[_DX + lane], s[_DY + lane]
        cx, cy, n = s[_CX + lane], s[_CY + lane], s[_N + lane]
        for _ in range(_CAREFUL_STEPS):
            go = x * x + y * y <= bailout_sq
            if derivative:
                next_dx, next_dy = _slope_step(kind, x, y, dx, dy)
                dx = next_dx if go else dx
                dy = next_dy if go else dy
            next_x, next_y = _step(kind, x, y, cx, cy)
            x = next_x if go else x
            y = next_y if go else y
            n += 1.0 if go else 0.0
        s[_X + lane], s[_Y + lane], s[_N + lane] = x, y, n
        if derivative:
            s[_DX + lane], s[_DY + lane] = dx, dy
        n_done += _mark_done(s, lane, max_iter, bailout_sq)
    return n_done


@njit(forceinline=True)
def _plain_block(kind, derivative, s, max_iter, bailout_sq):  # type: ignore[no-untyped-def]
    """Advance every lane by many steps without looking; return how many lanes are done.

    Or do nothing and return -1, where a lane escaped on the way: beyond the bailout an orbit only grows (or overflows
    to inf and nan, which are not <= bailout² either), so one look at the end is enough to tell.
    """
    for lane in range(LANES):
        _save(s, lane)
        s[_NEXT_X + lane], s[_NEXT_Y + lane] = s[_X + lane], s[_Y + lane]
        if derivative:
            s[_NEXT_DX + lane], s[_NEXT_DY + lane] = s[_DX + lane], s[_DY + lane]
    for _ in range(_PLAIN_STEPS // 2):
        for lane in range(LANES):
            x, y, dx, dy = s[_NEXT_X + lane], s[_NEXT_Y + lane], s[_NEXT_DX + lane], s[_NEXT_DY + lane]
            cx, cy = s[_CX + lane], s[_CY + lane]
            for _ in range(2):
                if derivative:
                    dx, dy = _slope_step(kind, x, y, dx, dy)
                x, y = _step(kind, x, y, cx, cy)
            s[_NEXT_X + lane], s[_NEXT_Y + lane] = x, y
            if derivative:
                s[_NEXT_DX + lane], s[_NEXT_DY + lane] = dx, dy
    n_escaped = 0
    for lane in range(LANES):
        x, y = s[_NEXT_X + lane], s[_NEXT_Y + lane]
        n_escaped += 0 if x * x + y * y <= bailout_sq else 1
    if n_escaped > 0:
        return -1
    n_done = 0
    for lane in range(LANES):
        s[_X + lane], s[_Y + lane] = s[_NEXT_X + lane], s[_NEXT_Y + lane]
        if derivative:
            s[_DX + lane], s[_DY + lane] = s[_NEXT_DX + lane], s[_NEXT_DY + lane]
        s[_N + lane] += _PLAIN_STEPS
        n_done += _mark_done(s, lane, max_iter, bailout_sq)
    return n_done


@cache
def lane_kernel(kind: int, derivative: bool) -> Callable[..., None]:
    """Compile the fast kernel: LANES points in lockstep, a point that is done making room for the next.

    Same arguments and, bit for bit, same results as `scalar_kernel`.
    """

    def kernel(points, cx0, cy0, max_iter, bailout_sq, count, interior, z, dz):  # type: ignore[no-untyped-def]
        # Branch-free, like the gathering of the done lanes below: mispredictions took a third of the time.
        queue = np.empty(len(points), dtype=np.int64)
        n_queue = 0
        for i in range(len(points)):
            count[i] = max_iter
            interior[i] = True
            queue[n_queue] = i
            n_queue += 0 if _in_closed_form(kind, points[i, 0], points[i, 1]) else 1

        s = np.zeros(_STATE_SIZE)
        point = np.full(LANES, -1)  # the point in each lane, -1 in an idle one
        done = np.arange(LANES)
        n_done, n_started, n_left = LANES, 0, n_queue
        while True:
            for lane in done[:n_done]:
                i = point[lane]
                if i >= 0:
                    n_left -= 1
                    x, y, n = s[_X + lane], s[_Y + lane], s[_N + lane]
                    # The steps come in blocks: an escape after max_iter is none.
                    if not x * x + y * y <= bailout_sq and n <= max_iter:
                        count[i] = np.int32(n)
                        interior[i] = False
                        z[i, 0] = x
                        z[i, 1] = y
                        if derivative:
                            dz[i, 0] = s[_DX + lane]
                            dz[i, 1] = s[_DY + lane]
                if n_started < n_queue:
                    i = queue[n_started]
                    n_started += 1
                    cx, cy, x, y, dx, dy = _first(kind, points[i, 0], points[i, 1], cx0, cy0)
                    _load(s, lane, cx, cy, x, y, dx, dy, 1.0)
                    point[lane] = i
                else:
                    _load(s, lane, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -np.inf)  # never done
                    point[lane] = -1
            if n_left == 0:
                break
            n_done = 0
            while n_done == 0:
                n_done = _careful_block(kind, derivative, s, max_iter, bailout_sq)
                while n_done == 0:
                    n_done = _plain_block(kind, derivative, s, max_iter, bailout_sq)
                n_done = max(n_done, 0)
            n_done = 0
            for lane in range(LANES):
                done[n_done] = lane
                n_done += 1 if s[_DONE + lane] > 0.0 and n_done < LANES else 0

    return _compile(kernel)


def _compile(kernel: Callable[..., None]) -> Any:
    try:
        return njit(nogil=True, cache=True)(kernel)
    except RuntimeError:  # no directory that numba may cache in: compile once per process instead
        return njit(nogil=True)(kernel)
