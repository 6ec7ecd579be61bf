"""Compare the labels of hard points with arithmetic in 50 digits: `python tests/check_exact.py [--points 2000]`.

Half of the points are those of the near stratum that take the most steps to escape, half those of the zoom ladder's
octaves 10 to 14. Beside each label stands a bound on what rounding may do to it, from the same orbit: one rounding of
z_k moves z_n by |∂z_n/∂z_k| times as much, and s_n = Σ_k |∂z_n/∂z_k| follows from s ← 2 |z| s + 1. A tenth as many are
points of the near stratum that never escape, those whose derivative has grown most.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

import mpmath
import numpy as np

from mbench.suite.orbits import Orbit, distance_estimate, escape_time
from mbench.suite.tasks import load_task

DIGITS = 50
MAX_ITER, SMOOTH_BAILOUT, DISTANCE_BAILOUT = 5_000, 256.0, 1e4  # by docs/suite.md
N_NEAR = 150_000
OCTAVES = range(10, 15)
TASKS = ("mandelbrot", "mandelbrot-distance")
# A step rounds x², y², their difference and its sum with a, and as much of the other part; inside the circle of radius
# 2 that is at most 2⁻⁵³ (4 + 4 + 4 + 2) in each part.
STEP_ROUNDING = 14 * math.sqrt(2) * 2.0**-53
LAST_STEPS = 1e-13  # relative: beyond that circle, and in the logarithms
CHAOTIC = 1e-8  # a bound above it says that float64 need not know the label to what the suite promises


@dataclass(frozen=True)
class Exact:
    """One point in 50 digits. count: where |z| > 256 and where |z| > 1e4; None where that needs more than 5,000 steps.

    nu, distance: of those escapes, nan without one.  spread: s of the orbit relative to |z| ln |z|, at |z| > 256.
    """

    counts: tuple[int | None, int | None]
    nu: float
    distance: float
    spread: float


def iterate_exactly(x: float, y: float) -> Exact:
    """Iterate the orbit of x + iy, a float64 number, in 50 digits."""
    with mpmath.workdps(DIGITS):
        c, z, dz = mpmath.mpc(x, y), mpmath.mpc(0), mpmath.mpc(0)
        s, first, nu, spread = 0.0, None, math.nan, math.nan
        for n in range(1, MAX_ITER + 1):
            s = 2.0 * abs(complex(z)) * s + 1.0
            z, dz = z * z + c, 2 * z * dz + 1
            if abs(complex(z)) < SMOOTH_BAILOUT / 2:
                continue
            size = abs(z)
            if first is None and size > SMOOTH_BAILOUT:
                first, nu = n, float(n + 1 - mpmath.log(mpmath.log(size, 2), 2))
                spread = s / float(size * mpmath.log(size))
            if size > DISTANCE_BAILOUT:
                return Exact((first, n), nu, float(size * mpmath.log(size) / abs(dz)), spread)
    return Exact((first, None), nu, math.nan, spread)


def hard_points(n: int) -> np.ndarray:
    """Return n hard points: (n, 2), the near stratum's first."""
    task = load_task("mandelbrot")
    queries = task.draw_queries(10**6, 0)
    near, ladder = queries.points[:N_NEAR], queries.points[queries.n_test :]
    orbit = escape_time(_as_complex(near), max_iter=MAX_ITER, bailout=DISTANCE_BAILOUT)
    longest = np.argsort(np.where(orbit.interior, 0, -orbit.count), kind="stable")[: n - n // 2]
    each = n // 2 // len(OCTAVES)
    deep = []
    for octave in OCTAVES:
        rows = np.flatnonzero(queries.octave == octave)
        deep.append(rows[np.linspace(0, len(rows) - 1, each).astype(int)])
    return np.concatenate([near[longest], ladder[np.concatenate(deep)]])


def _as_complex(points: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(points).view(np.complex128)[:, 0]


@dataclass(frozen=True)
class Comparison:
    """n points: float64's counts (n, 2) and labels (n, 2) against the exact ones, 0 and 1 for no escape.

    labels: before rounding to float32, smooth and distance.  told: the suite's own, float32.  bound: (n, 2), of what
    rounding may do to a label while that is small; inf where the exact orbit does not escape.
    """

    counts: np.ndarray
    exact_counts: np.ndarray
    labels: np.ndarray
    told: np.ndarray
    exact_labels: np.ndarray
    bound: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """How far the labels are from the exact ones: (n, 2)."""
        return np.abs(self.labels - self.exact_labels)

    @property
    def chaotic(self) -> np.ndarray:
        """Is float64 too short to know the label? (n, 2)."""
        return self.bound > CHAOTIC


def compare(points: np.ndarray) -> Comparison:
    """Compute points (n, 2) by the suite and in 50 digits."""
    smooth, far = (
        escape_time(_as_complex(points), max_iter=MAX_ITER, bailout=bailout)
        for bailout in (SMOOTH_BAILOUT, DISTANCE_BAILOUT)
    )
    exact = [iterate_exactly(*point) for point in points.tolist()]
    nu = np.array([each.nu for each in exact])
    return Comparison(
        counts=np.column_stack([np.where(each.interior, 0, each.count) for each in (smooth, far)]),
        exact_counts=np.array([[count or 0 for count in each.counts] for each in exact]),
        labels=np.column_stack([_smooth_label(_nu(smooth)), _distance_label(distance_estimate(far), far.interior)]),
        told=np.column_stack([load_task(name).truth(points) for name in TASKS]),
        exact_labels=np.column_stack([
            _smooth_label(nu),
            _distance_label(np.array([e.distance for e in exact]), np.array([e.counts[1] is None for e in exact])),
        ]),
        bound=bound_labels(nu, np.array([each.spread for each in exact])),
    )  # fmt: skip


def bound_labels(nu: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return what rounding may do to the labels of orbits with these ν and spreads (n,), nan without escape: (n, 2)."""
    # |dν| = |dz| / (|z| ln |z| ln 2), and the logarithm of d moves by about as much as that of ln |z| does.
    moved = STEP_ROUNDING * spread + LAST_STEPS
    bound = np.column_stack([moved / math.log(2) * 50 / (nu + 50) ** 2, moved * 0.05 * math.pi])
    return np.where(np.isnan(bound), np.inf, bound)


def bound_in_float64(points: np.ndarray) -> np.ndarray:
    """Return the bounds of points (n, 2) that escape by float64's own orbits, which know a bound's size: (n, 2)."""
    orbit = escape_time(_as_complex(points), max_iter=MAX_ITER, bailout=SMOOTH_BAILOUT)
    c = _as_complex(points)
    left, z, s, spread = np.arange(len(c)), np.zeros_like(c), np.zeros(len(c)), np.full(len(c), np.nan)
    with np.errstate(over="ignore"):
        for _ in range(MAX_ITER):
            s = 2.0 * np.abs(z) * s + 1.0
            z = z * z + c
            size = np.abs(z)
            out = size > SMOOTH_BAILOUT
            spread[left[out]] = s[out] / (size[out] * np.log(size[out]))
            left, z, s, c = (each[~out] for each in (left, z, s, c))
    return bound_labels(_nu(orbit), spread)


def _nu(orbit: Orbit) -> np.ndarray:
    size = np.where(orbit.interior, 2.0, np.abs(orbit.z))
    return np.where(orbit.interior, np.nan, orbit.count + 1 - np.log2(np.log2(size)))


def _smooth_label(nu: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(nu), 1.0, nu / (nu + 50))


def _distance_label(distance: np.ndarray, interior: np.ndarray) -> np.ndarray:
    log = np.log(np.clip(np.where(interior, 1.0, distance), 1e-10, 1e10))
    return np.where(interior, 1.0, 0.5 + 0.5 * np.sin(0.1 * math.pi * log))


def describe(found: Comparison) -> str:
    """Return what came of a comparison, a line each."""
    steps = found.counts[:, 0]
    lines = [f"{len(steps)} points, {steps.min()} to {steps.max()} steps, median {np.median(steps):.0f}"]
    for i, name in enumerate(("smooth", "distance")):
        for title, rows in ((f"{name}, chaotic", found.chaotic[:, i]), (f"{name}, others", ~found.chaotic[:, i])):
            lines.append(f"{title}: {rows.sum()} points")
            if rows.any():
                lines += [f"  {line}" for line in _describe_rows(found, i, rows)]
    return "\n".join(lines)


def _describe_rows(found: Comparison, i: int, rows: np.ndarray) -> list[str]:
    error, bound = found.error[rows, i], found.bound[rows, i]
    same = (found.counts[rows, i] == found.exact_counts[rows, i]).sum()
    told = (found.told[rows, i] == found.exact_labels[rows, i].astype(np.float32)).sum()
    median, high = np.quantile(error, [0.5, 0.99])
    over = ", ".join(f"{t:g}: {(error > t).sum()}" for t in (1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2))
    ratio = (error / bound).max()
    return [
        f"count as the exact one: {same}; no escape in 50 digits: {(found.exact_counts[rows, i] == 0).sum()}",
        f"error of the label: median {median:.1e}, 99% {high:.1e}, largest {error.max():.1e}; over {over}",
        f"the suite's label as the exact one's: {told}; largest error / bound: {ratio:.2g}",
    ]


def main() -> None:
    """Print the comparison of each half, and what it means for the whole test set."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--points", type=int, default=2000)
    n = parser.parse_args().points
    points = hard_points(n)
    half = n - n // 2
    for title, part, near in (
        ("near stratum, longest orbits", points[:half], True),
        ("ladder, octaves 10 to 14", points[half:], False),
        ("near stratum, never escape, largest derivatives", endless_points(n // 10), True),
    ):
        found = compare(part)
        print(f"{title}\n{describe(found)}", flush=True)
        if near:
            shares = [error_share(name, found.error[:, i]) for i, name in enumerate(TASKS)]
            print("FVU of these errors on the whole test set:", *(f"{share:.1e}" for share in shares), flush=True)
    escaping = escaping_points()
    smooth, distance = (bound_in_float64(escaping) > CHAOTIC).sum(axis=0)
    print(f"of the near stratum's {len(escaping)} points that escape, {smooth} and {distance} labels are chaotic")


def error_share(name: str, error: np.ndarray) -> float:
    """Return the fraction of variance that errors at some points of the near stratum make of a task's test set."""
    task = load_task(name)
    queries = task.draw_queries(10**6, 0)
    truth = task.truth(queries.points[: queries.n_test])[:, 0].astype(float)
    variance = queries.weight @ np.square(truth - queries.weight @ truth)
    return float(queries.weight[0] * np.square(error).sum() / variance)


def escaping_points() -> np.ndarray:
    """Return the points of the near stratum that escape: (n, 2)."""
    near = load_task("mandelbrot").draw_queries(10**6, 0).points[:N_NEAR]
    return near[~escape_time(_as_complex(near), max_iter=MAX_ITER, bailout=DISTANCE_BAILOUT).interior]


def endless_points(n: int) -> np.ndarray:
    """Return the n points of the near stratum, of those that never escape, whose |z'| is largest: (n, 2)."""
    near = load_task("mandelbrot").draw_queries(10**6, 0).points[:N_NEAR]
    orbit = escape_time(_as_complex(near), max_iter=MAX_ITER, bailout=DISTANCE_BAILOUT)
    inside = near[orbit.interior]
    c = _as_complex(inside)
    # In the cardioid and the period-2 disc every orbit is drawn to a cycle.
    root = np.sqrt(1 - 4 * c)
    c, inside = (each[(np.abs(1 - root) > 0.999) & (np.abs(c + 1) > 0.2499)] for each in (c, inside))
    z, dz = np.zeros_like(c), np.zeros_like(c)
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(MAX_ITER):
            z, dz = z * z + c, 2 * z * dz + 1
    grown = np.nan_to_num(np.abs(dz), nan=np.inf)
    return inside[np.argsort(-grown, kind="stable")[:n]]


if __name__ == "__main__":
    main()
