"""Real quadratic recurrences of the plane with secret coefficients: kin of z² + c that have no name.

Strict IEEE float64, one orbit at a time; what a kernel calls lives in this file, as in `escape_kernels`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from mbench.suite.orbits import Orbit
from mbench.suite.sampler import uniform_rows
from mbench.types import FloatArray, IntArray

_LARGEST = 2.0  # coefficient
_N_TERMS = (3, 4)  # z² has three
_ASSOCIATOR = 0.1


def escape_time(points: FloatArray, coefficients: FloatArray, *, max_iter: int, bailout: float = 256.0) -> Orbit:
    """Iterate (x, y) ← Q(x, y) + c from c until |(x, y)| > bailout and return where each orbit stopped.

    points: (n, 2), c.  coefficients: (2, 3), those of x², xy, y² in Q's two components.
    """
    n = len(points)
    count, interior, z = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.bool_), np.zeros((n, 2))
    points = np.ascontiguousarray(points, dtype=np.float64)
    _kernel()(points, np.ascontiguousarray(coefficients), int(max_iter), float(bailout) ** 2, count, interior, z)
    return Orbit(count, interior, z.view(np.complex128)[:, 0], None)


def draw_coefficients(key: IntArray, start: int, *, whole: bool) -> FloatArray:
    """Return attempt `start` of a stream at the coefficients of a recurrence: (2, 3), not those of z² in disguise.

    whole: three or four terms, each ±1 or ±2, as z² has; else all six in [-2, 2].
    """
    u = uniform_rows(key, 2 * start, 2, 6)
    if not whole:
        return _LARGEST * (2.0 * u[0].reshape(2, 3) - 1.0)
    flat = np.zeros(6)
    n_terms = _N_TERMS[int(u[0, 0] * 1e6) % len(_N_TERMS)]
    chosen = np.argsort(u[1])[:n_terms]
    flat[chosen] = np.array([-2.0, -1.0, 1.0, 2.0])[np.minimum((4.0 * u[0, chosen]).astype(int), 3)]
    return flat.reshape(2, 3)


def is_complex_square(coefficients: FloatArray) -> bool:
    """Is Q, in some linear coordinates of the plane, z² or another product that is associative?

    Q's polarisation is a commutative product on the plane. That of z² is associative in any coordinates, as the
    complex numbers are; so whatever is not associative is not z² in disguise.
    """

    def product(p: FloatArray, q: FloatArray) -> FloatArray:
        a, b, c = coefficients.T
        return a * p[0] * q[0] + 0.5 * b * (p[0] * q[1] + p[1] * q[0]) + c * p[1] * q[1]

    basis = np.eye(2)
    gaps = [
        product(product(p, q), r) - product(p, product(q, r))
        for p in basis for q in basis for r in basis
    ]  # fmt: skip
    return float(np.abs(gaps).max()) < _ASSOCIATOR


@cache
def _kernel() -> Callable[..., None]:
    def kernel(points, a, max_iter, bailout_sq, count, interior, z):  # type: ignore[no-untyped-def]
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
                xx, xy, yy = x * x, x * y, y * y
                x = a[0, 0] * xx + a[0, 1] * xy + a[0, 2] * yy + cx
                y = a[1, 0] * xx + a[1, 1] * xy + a[1, 2] * yy + cy
                # Brent, as in `escape_kernels`: an orbit that comes back, bit for bit, repeats itself for ever.
                if x == saved_x and y == saved_y:
                    break
                if n == save_at:
                    saved_x, saved_y, save_at = x, y, 2 * save_at

    return _compile(kernel)


def _compile(kernel: Callable[..., None]) -> Any:
    try:
        return njit(nogil=True, cache=True)(kernel)
    except RuntimeError:  # no directory that numba may cache in: compile once per process instead
        return njit(nogil=True)(kernel)
