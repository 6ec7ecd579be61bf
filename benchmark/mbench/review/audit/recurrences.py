"""Secret recurrences of many kinds: kin of z² + c that nobody can have a name or a formula for.

Each is a map of the plane with secret real coefficients, so that its picture is its own mirror image, as the Mandelbrot
set is. One orbit at a time; what a kernel calls lives in this file, as in `escape_kernels`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from mbench.suite.sampler import uniform_rows
from mbench.types import BoolArray, FloatArray, IntArray

MAX_ITER = 2_000
BAILOUT = 100.0
N_COEFFICIENTS = 5

# Of each coefficient the least and the largest size; its sign is drawn, too.
KINDS: dict[str, tuple[tuple[float, float], ...]] = {
    # x ← a x² + b y² + c x + Re p,  y ← d x y + e y + Im p: no complex numbers behind it
    "quadratic": ((0.5, 2.0), (0.5, 2.0), (0.0, 1.0), (0.5, 2.5), (0.0, 1.0)),
    "cubic": ((0.3, 1.5), (0.3, 2.0), (0.0, 1.0)),  # z ← a z³ + b z² + c z + p
    "rational": ((0.5, 1.5), (0.02, 0.5), (0.1, 2.0)),  # z ← a z² + b / (z² + c) + p
    "sine": ((0.5, 3.0), (0.5, 1.5)),  # z ← a sin(b z) + p
    "memory": ((0.5, 1.5), (0.2, 0.9)),  # z ← a z² + b z₋₁ + p
    "coupled": ((0.5, 1.5), (0.2, 1.0), (0.2, 0.8), (0.2, 1.0)),  # z ← a z² + b z w + p,  w ← c w + d z
    "exponential": ((0.3, 2.0), (0.5, 1.5), (0.0, 0.8)),  # z ← a exp(b z) + c z + p
}
_ASSOCIATOR = 0.1


def escape_measure(points: FloatArray, kind: str, coefficients: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Iterate a recurrence from each point: how long it takes to escape, (n,) smooth and above 0, and whether it stays.

    points: (n, 2), p.  The measure is Σ exp(-|z_n|), which is smooth in p whatever grows how fast beyond the bailout.
    Source of the sum: Ron Barnett's "exponential smoothing", as fractal programs have it.
    """
    n = len(points)
    measure, stays = np.empty(n), np.empty(n, dtype=np.bool_)
    _kernel()(np.ascontiguousarray(points), list(KINDS).index(kind), coefficients, MAX_ITER, BAILOUT**2, measure, stays)
    return measure, stays


def draw_coefficients(key: IntArray, attempt: int, kind: str) -> FloatArray:
    """Return one attempt's coefficients, (N_COEFFICIENTS,), zero where the kind has none."""
    size, sign = uniform_rows(key, 2 * attempt, 2, N_COEFFICIENTS)
    ranges = KINDS[kind]
    drawn = np.zeros(N_COEFFICIENTS)
    for i, (low, high) in enumerate(ranges):
        drawn[i] = math.copysign(low + size[i] * (high - low), sign[i] - 0.5)
    return drawn


def is_complex_square(coefficients: FloatArray) -> bool:
    """Is a `quadratic`'s homogeneous part, in some linear coordinates of the plane, z² or another associative product?

    Its polarisation is a commutative product on the plane. That of z² is associative in any coordinates, as the complex
    numbers are; so whatever is not associative is not z² in disguise.
    """
    a, b, _, d, _ = coefficients

    def product(p: FloatArray, q: FloatArray) -> FloatArray:
        return np.array([a * p[0] * q[0] + b * p[1] * q[1], 0.5 * d * (p[0] * q[1] + p[1] * q[0])])

    basis = np.eye(2)
    gaps = [
        product(product(p, q), r) - product(p, product(q, r))
        for p in basis for q in basis for r in basis
    ]  # fmt: skip
    return float(np.abs(gaps).max()) < _ASSOCIATOR


@cache
def _kernel() -> Callable[..., None]:
    def kernel(points, kind, a, max_iter, bailout_sq, measure, stays):  # type: ignore[no-untyped-def]
        for i in range(len(points)):
            px, py = points[i, 0], points[i, 1]
            x, y, w, v, total = px, py, 0.0, 0.0, 0.0
            saved_x, saved_y, saved_w, saved_v, save_at = x, y, w, v, 2
            stays[i] = True
            for n in range(1, max_iter + 1):
                size_sq = x * x + y * y
                if not size_sq <= bailout_sq:
                    stays[i] = False
                    break
                total += math.exp(-math.sqrt(size_sq))
                re, im = x * x - y * y, 2.0 * x * y
                if kind == 0:
                    re, im = a[0] * x * x + a[1] * y * y + a[2] * x, a[3] * x * y + a[4] * y
                elif kind == 1:
                    cube_re, cube_im = re * x - im * y, re * y + im * x
                    re, im = a[0] * cube_re + a[1] * re + a[2] * x, a[0] * cube_im + a[1] * im + a[2] * y
                elif kind == 2:
                    below = (re + a[2]) * (re + a[2]) + im * im
                    re, im = a[0] * re + a[1] * (re + a[2]) / below, a[0] * im - a[1] * im / below
                elif kind == 3:
                    grow = math.exp(abs(a[1] * y))  # bit for bit a mirror image: exp(-t) is not quite 1 / exp(t)
                    re = a[0] * math.sin(a[1] * x) * 0.5 * (grow + 1.0 / grow)
                    im = a[0] * math.cos(a[1] * x) * 0.5 * math.copysign(grow - 1.0 / grow, a[1] * y)
                elif kind == 4:
                    re, im = a[0] * re + a[1] * w, a[0] * im + a[1] * v
                    w, v = x, y
                elif kind == 5:
                    re, im = a[0] * re + a[1] * (x * w - y * v), a[0] * im + a[1] * (x * v + y * w)
                    w, v = a[2] * w + a[3] * x, a[2] * v + a[3] * y
                else:
                    grow = a[0] * math.exp(a[1] * x)
                    re, im = grow * math.cos(a[1] * y) + a[2] * x, grow * math.sin(a[1] * y) + a[2] * y
                x, y = re + px, im + py
                # Brent, as in `escape_kernels`: an orbit that comes back, bit for bit, repeats itself for ever.
                if x == saved_x and y == saved_y and w == saved_w and v == saved_v:
                    break
                if n == save_at:
                    saved_x, saved_y, saved_w, saved_v, save_at = x, y, w, v, 2 * save_at
            measure[i] = total

    return _compile(kernel)


def _compile(kernel: Callable[..., None]) -> Any:
    try:
        return njit(nogil=True, cache=True, error_model="numpy")(kernel)
    except RuntimeError:  # no directory that numba may cache in: compile once per process instead
        return njit(nogil=True, error_model="numpy")(kernel)
