"""The Mandelbrot set and its relatives: escape-time fractals as functions of a point of the plane."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np

from mbench.suite import orbits
from mbench.suite.ladder import ladder_points, misiurewicz_points
from mbench.suite.sampler import stream_key, uniform_rows
from mbench.suite.tasks.base import BoxTask
from mbench.types import ComplexArray, FloatArray, Queries

SMOOTH_MAX_ITER = 5000
SMOOTH_BAILOUT = 256.0
DISTANCE_MAX_ITER = 200
DISTANCE_BAILOUT = 1e4

# An interpolator's squared error lies within this distance of the set (99% of it for 8-NN on 10,000 points): keeping
# more of those points halves the noise of a uniform test set of the same size.
NEAR_DISTANCE = 0.02
N_CANDIDATES = 2_000_000
N_NEAR = 150_000
N_REST = 50_000

WINDOWS = {
    "mandelbrot": ((-2.65, -1.2), (1.15, 1.2)),
    "julia": ((-1.6, -1.2), (1.6, 1.2)),
    "burning-ship": ((-2.5, -2.0), (1.5, 1.0)),
    "multibrot3": ((-1.5, -1.5), (1.5, 1.5)),
    "tricorn": ((-2.5, -2.0), (1.5, 2.0)),
}


class Fractal(BoxTask):
    """R² → R: how fast the orbit of a point escapes, in [0, 1].

    target "smooth": ν / (ν + 50), ν the smooth escape time.  target "distance": a periodic function of the logarithm of
    the distance to the set, which never saturates (the target of the public fractalsearch log).
    """

    family = "mandelbrot"
    n_inputs = 2
    n_outputs = 1
    n_test = N_NEAR + N_REST

    def __init__(self, name: str, set_name: str, target: Literal["smooth", "distance"] = "smooth") -> None:
        """name: the task's.  set_name: a key of `WINDOWS` and of `escape.FAMILIES`."""
        self.name = name
        self.set_name = set_name
        self.target = target
        self.escape_family = orbits.FAMILIES[set_name]
        self.lower, self.upper = (np.array(corner) for corner in WINDOWS[set_name])

    @property
    def has_ladder(self) -> bool:
        """Is depth measured on this task?"""
        return self.set_name == "mandelbrot"

    def definition(self) -> dict[str, Any]:
        """Return the target's formula and its constants."""
        smooth = self.target == "smooth"
        return {
            "name": self.name,
            "set": self.set_name,
            "target": self.target,
            "window": [self.lower.tolist(), self.upper.tolist()],
            "max_iter": SMOOTH_MAX_ITER if smooth else DISTANCE_MAX_ITER,
            "bailout": SMOOTH_BAILOUT if smooth else DISTANCE_BAILOUT,
            "n_test": self.n_test,
            "strata": [NEAR_DISTANCE, N_CANDIDATES, N_NEAR, N_REST] if self.has_ladder else None,
        }

    def self_test(self) -> None:
        """Compare fixed orbits with the golden digest."""
        orbits.self_test(self.escape_family)

    def truth(self, points: FloatArray) -> FloatArray:
        """Return the escape value of points (m, 2): (m, 1) float32 in [0, 1]; 1 where the orbit never escapes."""
        c = _as_complex(points)
        if self.target == "smooth":
            orbit = orbits.escape_time(
                c, self.escape_family, max_iter=SMOOTH_MAX_ITER, bailout=SMOOTH_BAILOUT, derivative=False
            )
            return orbits.smooth_value(orbit, self.escape_family)[:, None]
        orbit = orbits.escape_time(c, self.escape_family, max_iter=DISTANCE_MAX_ITER, bailout=DISTANCE_BAILOUT)
        return orbits.log_distance_value(orbit)[:, None]

    def draw_queries(self, n: int, replicate: int, secret: bytes | None = None) -> Queries:
        """Return the stratified test set and the zoom ladder; the set's relatives have a uniform test set alone."""
        if not self.has_ladder:
            return super().draw_queries(n, replicate, secret)
        test, weight = _stratified_points(self.name, secret)
        # Both Mandelbrot tasks climb the same ladder, so that their profiles can be held side by side.
        centres = misiurewicz_points(stream_key("mandelbrot", "ladder", 0, secret))
        ladder, octave, centre = ladder_points(centres, self.lower, self.upper)
        points = np.concatenate([test, ladder])
        return Queries(X=self.scale(points), points=points, weight=weight, octave=octave, centre=centre)


@cache
def _stratified_points(task: str, secret: bytes | None) -> tuple[FloatArray, FloatArray]:
    """Draw many candidates, keep most of those near the set and few of the rest: points (n, 2), weight (n,).

    Near are the candidates whose distance to the set is below `NEAR_DISTANCE`; those inside have none. A stratum's
    weight is its share of the candidates, so that a weighted mean estimates the uniform one without bias. Kept for the
    process, as every replicate asks for the same.
    """
    lower, upper = (np.array(corner) for corner in WINDOWS["mandelbrot"])
    candidates = lower + uniform_rows(stream_key(task, "test", 0, secret), 0, N_CANDIDATES, 2) * (upper - lower)
    orbit = orbits.escape_time(_as_complex(candidates), max_iter=SMOOTH_MAX_ITER, bailout=DISTANCE_BAILOUT)
    near = orbits.distance_estimate(orbit) < NEAR_DISTANCE
    kept = [np.flatnonzero(near)[:N_NEAR], np.flatnonzero(~near)[:N_REST]]
    share = [near.mean(), 1.0 - near.mean()]
    weight = np.concatenate([np.full(len(rows), s / len(rows)) for rows, s in zip(kept, share, strict=True)])
    points = candidates[np.concatenate(kept)]
    points.setflags(write=False)
    weight.setflags(write=False)
    return points, weight


def _as_complex(points: FloatArray) -> ComplexArray:
    return np.ascontiguousarray(points).view(np.complex128)[:, 0]
