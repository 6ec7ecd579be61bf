"""The Mandelbrot set and its relatives: escape-time fractals as functions of a point of the plane."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np

from mbench.suite import orbits
from mbench.suite.ladder import ladder_points, misiurewicz_points
from mbench.suite.sampler import stream_key, uniform_rows
from mbench.suite.tasks.base import BoxTask
from mbench.suite.tasks.looks import Landmark, Look, Plane
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


class Fractal(BoxTask):
    """R² → R: how fast the orbit of a point escapes, in [0, 1].

    target "smooth": ν / (ν + 50), ν the smooth escape time.  target "distance": a periodic function of the logarithm of
    the distance to the set, which never saturates (the target of the public fractalsearch log).
    recurrence: what is iterated.  lower, upper: the window's corners.  landmarks: places to zoom into, if any, chosen
    so that magnifications of 8, 64 and 512 all show something.  has_ladder: is depth measured on this task?
    """

    family = "mandelbrot"
    n_inputs = 2
    n_outputs = 1
    n_test = N_NEAR + N_REST

    recurrence: ClassVar[orbits.Family]
    target: ClassVar[Literal["smooth", "distance"]] = "smooth"
    landmarks: ClassVar[tuple[Landmark, ...]] = ()
    has_ladder: ClassVar[bool] = False

    @property
    def look(self) -> Look:
        """The window, and where to zoom in."""
        (x_low, y_low), (x_high, y_high) = self.lower.tolist(), self.upper.tolist()
        return Plane((x_low, y_low), (x_high, y_high), self.landmarks)

    def definition(self) -> dict[str, Any]:
        """Return the target's formula and its constants."""
        smooth = self.target == "smooth"
        return {
            "name": self.name,
            "set": self.recurrence.name,
            "target": self.target,
            "window": [self.lower.tolist(), self.upper.tolist()],
            "max_iter": SMOOTH_MAX_ITER if smooth else DISTANCE_MAX_ITER,
            "bailout": SMOOTH_BAILOUT if smooth else DISTANCE_BAILOUT,
            "n_test": self.n_test,
            "strata": [NEAR_DISTANCE, N_CANDIDATES, N_NEAR, N_REST] if self.has_ladder else None,
        }

    def self_test(self) -> None:
        """Compare fixed orbits with the golden digest."""
        orbits.self_test(self.recurrence)

    def truth(self, points: FloatArray) -> FloatArray:
        """Return the escape value of points (m, 2): (m, 1) float32 in [0, 1]; 1 where the orbit never escapes."""
        c = _as_complex(points)
        if self.target == "smooth":
            orbit = orbits.escape_time(
                c, self.recurrence, max_iter=SMOOTH_MAX_ITER, bailout=SMOOTH_BAILOUT, derivative=False
            )
            return orbits.smooth_value(orbit, self.recurrence)[:, None]
        orbit = orbits.escape_time(c, self.recurrence, max_iter=DISTANCE_MAX_ITER, bailout=DISTANCE_BAILOUT)
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


class Mandelbrot(Fractal):
    """The Mandelbrot set: z ← z² + c from z = 0."""

    name = "mandelbrot"
    recurrence = orbits.MANDELBROT
    lower, upper = np.array([-2.65, -1.2]), np.array([1.15, 1.2])
    has_ladder = True
    golden_points = "c8b57b2213e727980cd8b5ae64d58a21c2d090e7512e1aa0f5baefb63a290063"
    landmarks = (
        Landmark("Seahorse valley", -0.743643887 + 0.131825904j),
        Landmark("Elephant valley", 0.2925755 + 0.0149977j),
        # Not its nucleus, -1.7548776662, which is all interior at 512: the bulb on top of the small cardioid.
        Landmark("Period-3 mini set", -1.758039 + 0.014922j),
        # z_5 = z_4, preperiod 4 and period 1: a hub of three arms, alike at every scale.
        Landmark("Misiurewicz point", -0.10109636384562 + 0.95628651080914j),
    )


class MandelbrotDistance(Mandelbrot):
    """The same set by its distance."""

    name = "mandelbrot-distance"
    target = "distance"
    golden_points = "e3ea3cd4812eba71a99bdebd75bebff833d22ac4b17d3297fef845e869be605b"


class Julia(Fractal):
    """The Julia set of c = -0.8 + 0.156i."""

    name = "julia"
    recurrence = orbits.JULIA
    lower, upper = np.array([-1.6, -1.2]), np.array([1.6, 1.2])
    golden_points = "32d481689294bad39b0a7f7dd22bd6ee5942028a18dd5ba3ba1a40848d1da710"
    landmarks = (
        # The fixed points (1 ∓ √(1 - 4c)) / 2 of z² - 0.8 + 0.156i, and the critical point.
        Landmark("Spiral hub", -0.527468 + 0.075925j),
        Landmark("Tip", 1.527468 - 0.075925j),
        Landmark("Critical point", 0j),
    )


class BurningShip(Fractal):
    """The burning ship: z ← (|Re z| + i |Im z|)² + c."""

    name = "burning-ship"
    recurrence = orbits.BURNING_SHIP
    lower, upper = np.array([-2.5, -2.0]), np.array([1.5, 1.0])
    golden_points = "5b8342e903652870fd43f0325bb723f16b249691795c1fd282ca89f4058a49e0"
    landmarks = (
        Landmark("Armada", -1.7619 - 0.028j),
        Landmark("Mast", -1.625 - 0.025j),
        Landmark("Rigging", 0.836 - 1.32j),
    )


class Multibrot3(Fractal):
    """The multibrot set of degree 3: z ← z³ + c."""

    name = "multibrot3"
    recurrence = orbits.MULTIBROT3
    lower, upper = np.array([-1.5, -1.5]), np.array([1.5, 1.5])
    golden_points = "17fac9b03538ace942e6569be6da45adafb5dad9f8d7db44355cc9922445391b"
    landmarks = (Landmark("Valley", 0.091257 + 0.76556j), Landmark("Mini set", 0.264975 + 1.273011j))


class Tricorn(Fractal):
    """The tricorn: z ← conj(z)² + c."""

    name = "tricorn"
    recurrence = orbits.TRICORN
    lower, upper = np.array([-2.5, -2.0]), np.array([1.5, 2.0])
    golden_points = "8cbfca5f552b57d88df208c41dac41517f0fc83035b5ea4ea0ff649ec7b32073"
    landmarks = (
        Landmark("Arm", -0.997009 + 0.100916j),
        Landmark("Bud", -1.234314 + 0.044314j),
        Landmark("Mini tricorn", -1.744074 - 0.008756j),
    )


@cache
def _stratified_points(task: str, secret: bytes | None) -> tuple[FloatArray, FloatArray]:
    """Draw many candidates, keep most of those near the set and few of the rest: points (n, 2), weight (n,).

    Near are the candidates whose distance to the set is below `NEAR_DISTANCE`; those inside have none. A stratum's
    weight is its share of the candidates, so that a weighted mean estimates the uniform one without bias. Kept for the
    process, as every replicate asks for the same.
    """
    lower, upper = Mandelbrot.lower, Mandelbrot.upper
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
