"""What makes relatives comparable: each is made exactly as hard as the Mandelbrot task it stands beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.spatial import KDTree

from mbench.results.audits import Target
from mbench.results.metrics import depth_profile
from mbench.suite.ladder import N_CENTRES, Centres, Rungs, ladder_points, misiurewicz_points
from mbench.suite.sampler import stream_key, uniform_rows
from mbench.suite.tasks.fractals import Mandelbrot, MandelbrotDistance
from mbench.types import FloatArray, IntArray

N_NEIGHBOURS = 12
_N_TEST = 30_000
SLOPE, ROUGH_SLOPE = 0.05, 0.2
_N_ROUGH = 3_000
N_POOL = 4 * N_CENTRES  # boundary points among which a ladder's centres are chosen
_TREES, _N_TREES, _N_FOR_TREES = 0.15, 20, 10_000  # by which share trees' error over k-NN's may differ, and how made
LOW = 0.01  # quantile of labels that is their low end
_N_TRIED = 9  # values of a knob between which its solutions are looked for

_OCTAVES = range(2, 9)  # about those in which methods part, on the tracks that are audited

LOWER, UPPER = Mandelbrot.lower, Mandelbrot.upper
TARGETS: dict[Target, type[Mandelbrot]] = {"smooth": Mandelbrot, "distance": MandelbrotDistance}


def neighbours_of(X: FloatArray, queries: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return weights and rows of the 12 nearest points, by inverse squared distance, as baselines/knn.py has them.

    X (n, d), queries (m, d) → (m, 12) each.
    """
    distance, row = map(np.asarray, KDTree(X).query(queries, min(N_NEIGHBOURS, len(X))))
    weight = 1.0 / np.maximum(distance, 1e-30) ** 2  # a coincident point outweighs all others
    return weight / weight.sum(axis=1, keepdims=True), row


def predict_by_neighbours(X: FloatArray, y: FloatArray, queries: FloatArray) -> FloatArray:
    """Return k-NN's predictions: X (n, d), y (n, k), queries (m, d) → (m, k)."""
    weight, row = neighbours_of(X, queries)
    return np.einsum("mn,mnk->mk", weight, y[row])


@dataclass(frozen=True, slots=True)
class Difficulty:
    """The fraction of variance that k-NN leaves unexplained, with a quarter of the points and with all."""

    few: float
    many: float

    @property
    def slope(self) -> float:
        """How many times smaller four times the points make it."""
        return self.few / self.many


class Pilot:
    """The sample's own points and some to test by, on which candidates are tried; neighbours are found once.

    points: (n + test, 2), the sample's first.  aim: how hard the Mandelbrot task is on them.
    """

    def __init__(self, target: Target, n: int, replicate: int, n_test: int = _N_TEST) -> None:
        """n, replicate: of the sample."""
        fractal, key = TARGETS[target](), stream_key("audit/pilot", "points", 0)
        self.target: Target = target
        self.n, self.replicate = n, replicate
        asked = LOWER + uniform_rows(key, 0, n_test, 2) * (UPPER - LOWER)
        learned = fractal.draw_points(n, replicate)
        self.points = np.concatenate([learned, asked])
        size = UPPER - LOWER
        self._few = neighbours_of(learned[: n // 4] / size, asked / size)
        self._many = neighbours_of(learned / size, asked / size)

        def label(points: FloatArray) -> FloatArray:
            return fractal.truth(points)[:, 0].astype(np.float64)

        own = label(self.points)
        self.aim, self.low = self.measure(own), float(np.quantile(own, LOW))
        self._of_trees = self._trees_over_neighbours(own)
        centres = misiurewicz_points(stream_key("mandelbrot", "ladder", 0)).points
        self._depth = float(self._depths(centres, label).mean())

    def measure(self, labels: FloatArray) -> Difficulty:
        """Return how hard labels (n + test,) of the pilot's points are to k-NN."""
        truth = labels[self.n :]
        variance = max(float(truth.var()), 1e-12)
        few, many = (
            float(np.mean(((weight * labels[row]).sum(axis=1) - truth) ** 2)) / variance
            for weight, row in (self._few, self._many)
        )
        return Difficulty(few, many)

    def is_alike(self, labels: FloatArray) -> bool:
        """Are labels (n + test,) as hard to trees as the task's, when they are to k-NN?

        k-NN alone does not tell a fractal boundary from a smooth one, which trees and networks learn far better.
        """
        return abs(self._trees_over_neighbours(labels) / self._of_trees - 1.0) <= _TREES

    def _trees_over_neighbours(self, labels: FloatArray) -> float:
        """Return the ratio of errors of extremely randomised trees and k-NN, both on the first points of the sample."""
        from sklearn.ensemble import ExtraTreesRegressor

        n = min(self.n, _N_FOR_TREES)
        X, asked, truth = self.points[:n], self.points[self.n :], labels[self.n :]
        trees = ExtraTreesRegressor(_N_TREES, min_samples_leaf=2, random_state=0, n_jobs=1).fit(X, labels[:n])
        size = UPPER - LOWER
        by_knn = predict_by_neighbours(X / size, labels[:n, None], asked / size)[:, 0]
        return float(np.mean((trees.predict(asked) - truth) ** 2) / np.mean((by_knn - truth) ** 2))

    def choose_centres(self, pool: FloatArray, label: Callable[[FloatArray], FloatArray]) -> Centres:
        """Return as many of a pool (n, 2) as the ladder has, on which k-NN is as deep as on the Mandelbrot task's.

        label: points (n, 2) to (n,). They are a run of those that are sorted by depth, the pool's order among them.
        """
        depths = self._depths(pool, label)
        order = np.argsort(depths, kind="stable")
        sums = np.concatenate([[0.0], np.cumsum(depths[order])])
        means = (sums[N_CENTRES:] - sums[:-N_CENTRES]) / N_CENTRES
        first = int(np.abs(means - self._depth).argmin())
        points = pool[np.sort(order[first : first + N_CENTRES])]
        return Centres(points, *_unknown(N_CENTRES))

    def _depths(self, centres: FloatArray, label: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """Return how many octaves deep k-NN is about each centre (n, 2), of those in which methods part: (n,)."""
        points, octave, centre = ladder_points(
            Centres(centres, *_unknown(len(centres))), LOWER, UPPER, [Rungs(_OCTAVES, len(centres), 4)]
        )
        size = UPPER - LOWER
        learned = self.points[: self.n]
        predicted = predict_by_neighbours(learned / size, label(learned)[:, None], points / size)
        truth = label(points)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):  # a window may lie in a plateau
            profile = depth_profile(predicted, truth, octave - octave.min(), centre)
        return np.array(profile.centres) * len(centres)


@cache
def make_pilot(target: Target, n: int, replicate: int) -> Pilot:
    """Return the pilot for the sample of a replicate."""
    return Pilot(target, n, replicate)


@cache
def make_rough_pilot(target: Target, replicate: int) -> Pilot:
    """Return one of so few points that most candidates are seen through at little cost."""
    return Pilot(target, _N_ROUGH, replicate, _N_ROUGH)


def match(
    recode: Callable[[float], FloatArray], knobs: FloatArray, pilot: Pilot, slope: float = SLOPE
) -> Iterator[float]:
    """Yield each value of a knob with which a candidate is as hard as the pilot's task, and falls as it does.

    recode: a knob's value to the labels of the pilot's points.  knobs: rising values that it is tried at.
    slope: by which share the fall of k-NN's error, from a quarter of the points to all, may differ.
    """

    def excess(knob: float) -> float:
        return float(np.log(max(pilot.measure(recode(knob)).many, 1e-12) / pilot.aim.many))

    values = [excess(float(knob)) for knob in knobs]
    for low, high, below, above in zip(knobs, knobs[1:], values, values[1:], strict=False):
        if below * above >= 0.0:
            continue
        found = float(brentq(excess, low, high, xtol=1e-3 * (high - low)))  # type: ignore[arg-type]
        reached = pilot.measure(recode(found))
        if abs(reached.slope / pilot.aim.slope - 1.0) <= slope:
            yield found


def tried(low: float, high: float) -> FloatArray:
    """Return the values of a knob that are tried, evenly spaced."""
    return np.linspace(low, high, _N_TRIED)


def _unknown(n: int) -> tuple[IntArray, IntArray]:
    """Return no preperiods and no periods: these centres are no Misiurewicz points."""
    return np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
