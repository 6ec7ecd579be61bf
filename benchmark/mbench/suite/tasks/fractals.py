"""The Mandelbrot set and its relatives: escape-time fractals as functions of a point of the plane."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np

from mbench.suite import orbits
from mbench.suite.ladder import RUNGS, Rungs, ladder_points, misiurewicz_points
from mbench.suite.sampler import stream_key, uniform_rows
from mbench.suite.tasks.base import BoxTask
from mbench.suite.tasks.looks import Landmark, Look, Plane
from mbench.types import BoolArray, ComplexArray, FloatArray, Queries

MAX_ITER = 5000
SMOOTH_BAILOUT = 256.0
DISTANCE_BAILOUT = 1e4

# An interpolator's squared error lies within this distance of the set (99% of it for 8-NN on 10,000 points): keeping
# more of those points halves the noise of a uniform test set of the same size.
NEAR_DISTANCE = 0.02
N_CANDIDATES = 2_000_000
N_NEAR = 150_000
N_REST = 50_000
HALVED_TO = 10_000  # points: who learned from so few, as on `quick`, is asked half as much


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
            "max_iter": MAX_ITER,
            "bailout": SMOOTH_BAILOUT if smooth else DISTANCE_BAILOUT,
            "n_test": self.n_test,
            "strata": [NEAR_DISTANCE, N_CANDIDATES, N_NEAR, N_REST, HALVED_TO] if self.has_ladder else None,
            "rungs": [[*map(int, (r.octaves.start, r.octaves.stop, r.n_centres, r.grid))] for r in RUNGS]
            if self.has_ladder
            else None,
        }

    def self_test(self) -> None:
        """Compare fixed orbits with the golden digest."""
        orbits.self_test(self.recurrence)

    def truth(self, points: FloatArray) -> FloatArray:
        """Return the escape value of points (m, 2): (m, 1) float32 in [0, 1]; 1 where the orbit never escapes."""
        c = _as_complex(points)
        if self.target == "smooth":
            orbit = orbits.escape_time(c, self.recurrence, max_iter=MAX_ITER, bailout=SMOOTH_BAILOUT, derivative=False)
            return orbits.smooth_value(orbit, self.recurrence)[:, None]
        orbit = orbits.escape_time(c, self.recurrence, max_iter=MAX_ITER, bailout=DISTANCE_BAILOUT)
        return orbits.log_distance_value(orbit)[:, None]

    def draw_queries(self, n: int, replicate: int, secret: bytes | None = None) -> Queries:
        """Return the stratified test set and the zoom ladder; the set's relatives have a uniform test set alone.

        For samples of at most `HALVED_TO` points both have half the size: the sample's noise outweighs the test set's
        there, and asking is most of what a slow method takes.
        """
        if not self.has_ladder:
            return super().draw_queries(n, replicate, secret)
        halves = 1 if n <= HALVED_TO else 2
        test, weight = _stratified_points(self.name, secret, halves)
        # Both Mandelbrot tasks climb the same ladder, so that their profiles can be held side by side.
        centres = misiurewicz_points(stream_key("mandelbrot", "ladder", 0, secret))
        rungs = [Rungs(each.octaves, each.n_centres * halves // 2, each.grid) for each in RUNGS]
        ladder, octave, centre = ladder_points(centres, self.lower, self.upper, rungs)
        points = np.concatenate([test, ladder])
        return Queries(X=self.scale(points), points=points, weight=weight, octave=octave, centre=centre)


class Mandelbrot(Fractal):
    """The Mandelbrot set: z ← z² + c from z = 0."""

    name = "mandelbrot"
    recurrence = orbits.MANDELBROT
    lower, upper = np.array([-2.65, -1.2]), np.array([1.15, 1.2])
    has_ladder = True
    golden_points = "1f3ce2cf8439e6e4aaea61c6c0c1429b832f3b535b217878b6b7b64352c99cfb"
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
    golden_points = "0c316c2a56160359b63f19d9b370963be3049af0b10aae97dadf4ca5cfa10a3f"


class Julia(Fractal):
    """The Julia set of c = -0.8 + 0.156i."""

    name = "julia"
    recurrence = orbits.JULIA
    lower, upper = np.array([-1.6, -1.2]), np.array([1.6, 1.2])
    golden_points = "f01617b31361119d2543c4b05554e2a0e0eb1397ba5519309c7ef33fba8714d9"
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
    golden_points = "399f8d82c50e84a62d22bc5798397dc8697440f32aa7e541786f1e9064e5c5ee"
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
    golden_points = "4c4e263d03795fa5de20b4192eadfd0bd9f25b0dcb216fb8b4edc2ee1736befc"
    landmarks = (Landmark("Valley", 0.091257 + 0.76556j), Landmark("Mini set", 0.264975 + 1.273011j))


class Tricorn(Fractal):
    """The tricorn: z ← conj(z)² + c."""

    name = "tricorn"
    recurrence = orbits.TRICORN
    lower, upper = np.array([-2.5, -2.0]), np.array([1.5, 2.0])
    golden_points = "65f631f6f9c259f21c5b0086e1dd9bf9a7a9c5281776158ba2780320a9af9cc9"
    landmarks = (
        Landmark("Arm", -0.997009 + 0.100916j),
        Landmark("Bud", -1.234314 + 0.044314j),
        Landmark("Mini tricorn", -1.744074 - 0.008756j),
    )


@cache
def _stratified_points(task: str, secret: bytes | None, halves: int) -> tuple[FloatArray, FloatArray]:
    """Draw many candidates, keep most of those near the set and few of the rest: points (n, 2), weight (n,).

    halves: 2 for the whole test set, 1 for the first half of each stratum.

    Near are the candidates whose distance to the set is below `NEAR_DISTANCE`; those inside have none. A stratum's
    weight is its share of the candidates, so that a weighted mean estimates the uniform one without bias. Kept for the
    process, as every replicate asks for the same.
    """
    candidates, near = _candidates(task, secret)
    kept = [np.flatnonzero(near)[: N_NEAR * halves // 2], np.flatnonzero(~near)[: N_REST * halves // 2]]
    share = [near.mean(), 1.0 - near.mean()]
    weight = np.concatenate([np.full(len(rows), s / len(rows)) for rows, s in zip(kept, share, strict=True)])
    points = candidates[np.concatenate(kept)]
    points.setflags(write=False)
    weight.setflags(write=False)
    return points, weight


@cache
def _candidates(task: str, secret: bytes | None) -> tuple[FloatArray, BoolArray]:
    lower, upper = Mandelbrot.lower, Mandelbrot.upper
    points = lower + uniform_rows(stream_key(task, "test", 0, secret), 0, N_CANDIDATES, 2) * (upper - lower)
    orbit = orbits.escape_time(_as_complex(points), max_iter=MAX_ITER, bailout=DISTANCE_BAILOUT)
    return points, orbits.distance_estimate(orbit) < NEAR_DISTANCE


def _as_complex(points: FloatArray) -> ComplexArray:
    return np.ascontiguousarray(points).view(np.complex128)[:, 0]
