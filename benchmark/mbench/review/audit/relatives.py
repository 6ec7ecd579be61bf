"""What the audit fits a method on: the Mandelbrot set, and hidden relatives that no child can tell from it.

Every set has the sample's points of the public replicate, as many queries as a scored cell asks, in the same shares of
strata and rungs, and the same streams and seeds. Only labels differ, and where the queries lie.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from threading import Lock
from typing import Any

import numpy as np

from mbench.results.audits import N_RELATIVES, Group, Target
from mbench.review.audit import fields, recurrences
from mbench.review.audit.matching import (
    LOW,
    LOWER,
    N_POOL,
    ROUGH_SLOPE,
    TARGETS,
    UPPER,
    Pilot,
    make_pilot,
    make_rough_pilot,
    match,
    predict_by_neighbours,
    tried,
)
from mbench.review.audit.warps import Warp, draw_warp
from mbench.suite import orbits
from mbench.suite.ladder import RUNGS, Centres, Rungs, ladder_points, misiurewicz_points
from mbench.suite.sampler import permutation, random_words, stream_key, uniform_rows
from mbench.suite.tasks.base import BoxTask
from mbench.suite.tasks.fractals import (
    DISTANCE_BAILOUT,
    HALVED_TO,
    MAX_ITER,
    N_NEAR,
    NEAR_DISTANCE,
    Fractal,
)
from mbench.types import BoolArray, FloatArray, IntArray, Queries, Sample

_MIDDLE = (LOWER + UPPER) / 2.0
_SIZE = UPPER - LOWER
_CHUNK = 200_000
_NEAR_SHARE = 0.2406  # of the window that lies near the Mandelbrot set, as `NEAR_DISTANCE` says
_N_BISECTED = 44
_STAYING = 0.04, 0.45  # share of the window whose orbits stay
_MOST_TRIES = 40  # at one kind of recurrence, before another takes its place

Escape = Callable[[FloatArray], tuple[FloatArray, BoolArray]]  # points (n, 2) to a measure (n,) and who stays (n,)


@dataclass(frozen=True, slots=True)
class Look:
    """A map of the window: what its labels are, which points are near its set, and points on its boundary.

    label: points (n, 2) to (n,).  near: points to (n,) bool.  centres: of its ladder, none of them conjugate.
    """

    label: Callable[[FloatArray], FloatArray]
    near: Callable[[FloatArray], BoolArray]
    centres: Centres


@dataclass(frozen=True, slots=True)
class Prepared:
    """A set, drawn: its sample, its queries, the truth at them (m, 1), and what k-NN says of them (m, 1)."""

    sample: Sample
    queries: Queries
    truth: FloatArray
    by_knn: FloatArray


class Relative(BoxTask):
    """A map R² → R drawn under a secret, asked as the Mandelbrot task it stands beside is asked."""

    family = "mandelbrot"
    n_inputs = 2
    n_outputs = 1
    lower, upper = LOWER, UPPER

    def __init__(self, name: str, group: Group, target: Target, look: Look, secret: bytes) -> None:
        """name: of the set, and of its streams."""
        self.name = name
        self.group: Group = group
        self.target: Target = target
        self._look = look
        self._secret = secret
        self._fractal = TARGETS[target]()
        self._prepared: dict[tuple[int, int], Prepared] = {}
        self._lock = Lock()

    @property
    def stream(self) -> str:
        """The Mandelbrot task's own: order and seeds are those of its cells."""
        return self._fractal.stream

    def prepare(self, n: int, replicate: int) -> Prepared:
        """Return all that is asked about the set, drawn once."""
        with self._lock:
            if (n, replicate) not in self._prepared:
                sample, queries = self.draw_sample(n, replicate), self.draw_queries(n, replicate)
                by_knn = predict_by_neighbours(sample.X, sample.y, queries.X)
                self._prepared[n, replicate] = Prepared(sample, queries, self.truth(queries.points), by_knn)
            return self._prepared[n, replicate]

    def truth(self, points: FloatArray) -> FloatArray:
        """Return the labels of points (n, 2): (n, 1) float32."""
        return self._look.label(points).astype(np.float32)[:, None]

    def definition(self) -> dict[str, Any]:
        """Return its name; a relative has no cell and no key."""
        return {"name": self.name}

    def draw_queries(self, n: int, replicate: int, secret: bytes | None = None) -> Queries:
        """Return test points in two strata and a ladder, as many in all as a scored cell asks."""
        public = _public_queries(self.target, min(n, HALVED_TO + 1), replicate)
        halves = 1 if n <= HALVED_TO else 2
        rungs = [Rungs(each.octaves, each.n_centres * halves // 2, each.grid) for each in RUNGS]
        ladder, octave, centre = ladder_points(self._look.centres, LOWER, UPPER, rungs)
        n_near, n_test = N_NEAR * halves // 2, len(public.X) - len(ladder)
        key = stream_key(f"audit/{self.name}", "test", 0, self._secret)
        test, weight = _draw_strata(key, self._look.near, n_near, n_test - n_near)
        points = np.concatenate([test, ladder])
        return Queries(X=self.scale(points), points=points, weight=weight, octave=octave, centre=centre)


class Public(Relative):
    """The Mandelbrot task as it is scored: the public test set and ladder."""

    def draw_queries(self, n: int, replicate: int, secret: bytes | None = None) -> Queries:
        """Return the queries of the scored cell."""
        return self._fractal.draw_queries(n, replicate)


class Shuffled(Relative):
    """The Mandelbrot task with the labels of its sample shuffled: nothing is left to learn."""

    def draw_sample(self, n: int, replicate: int, start: int = 0) -> Sample:
        """Return the sample with its labels in another order."""
        sample = super().draw_sample(n, replicate, start)
        order = permutation(stream_key(f"audit/{self.name}", "labels", replicate, self._secret), n)
        return Sample(X=sample.X, y=sample.y[order], points=sample.points)


@cache
def draw_sets(secret: bytes, n_samples: int, replicate: int, n_relatives: int = N_RELATIVES) -> tuple[Relative, ...]:
    """Return every set of an audit under a secret, beside the sample of a replicate.

    n_relatives: of each group and target. Kept for the process, since all baselines are audited on the same.
    """
    draws: dict[Group, Callable[[Pilot, bytes], Iterator[Look]]] = {
        "warp": _warps, "recurrence": _recurrences, "field": _fields,
    }  # fmt: skip
    jobs = [(target, group) for target in TARGETS for group in draws]

    def draw(job: tuple[Target, Group]) -> list[Look]:
        target, group = job
        return list(islice(draws[group](make_pilot(target, n_samples, replicate), secret), n_relatives))

    for target in TARGETS:
        make_pilot(target, n_samples, replicate)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looks = dict(zip(jobs, pool.map(draw, jobs), strict=True))
    sets: list[Relative] = []
    for target in TARGETS:
        own = _original(target, secret)
        sets.append(Public(f"public, {target}", "public", target, own, secret))
        sets.append(Relative(f"hidden, {target}", "hidden", target, own, secret))
        for group in draws:
            for i, look in enumerate(looks[target, group]):
                sets.append(Relative(f"{group} {i + 1}, {target}", group, target, look, secret))
    sets.append(Shuffled("control", "control", "smooth", _original("smooth", secret), secret))
    return tuple(sets)


@cache
def _public_queries(target: Target, n: int, replicate: int) -> Queries:
    return TARGETS[target]().draw_queries(n, replicate)


def _draw_strata(
    key: IntArray, near: Callable[[FloatArray], BoolArray], n_near: int, n_rest: int
) -> tuple[FloatArray, FloatArray]:
    """Draw candidates until enough are near the set and elsewhere: points (n, 2), and their weight as a task's."""
    kept: tuple[list[FloatArray], list[FloatArray]] = [], []
    wanted, drawn, found = (n_near, n_rest), 0, [0, 0]
    while found[0] < n_near or found[1] < n_rest:
        points = LOWER + uniform_rows(key, drawn, _CHUNK, 2) * _SIZE
        is_near = near(points)
        for stratum, rows in enumerate((is_near, ~is_near)):
            kept[stratum].append(points[rows])
            found[stratum] += int(rows.sum())
        drawn += _CHUNK
    parts = [np.concatenate(each)[:n] for each, n in zip(kept, wanted, strict=True)]
    weight = [np.full(n, count / drawn / n) for n, count in zip(wanted, found, strict=True)]
    return np.concatenate(parts), np.concatenate(weight)


def _original(target: Target, secret: bytes) -> Look:
    return Look(
        lambda points: _truth(target, points),
        _is_near,
        misiurewicz_points(stream_key("mandelbrot", "ladder", 0, secret)),
    )


def _truth(target: Target, points: FloatArray) -> FloatArray:
    fractal: Fractal = TARGETS[target]()
    return fractal.truth(points)[:, 0].astype(np.float64)


def _is_near(points: FloatArray) -> BoolArray:
    c = np.ascontiguousarray(points).view(np.complex128)[:, 0]
    orbit = orbits.escape_time(c, max_iter=MAX_ITER, bailout=DISTANCE_BAILOUT)
    return orbits.distance_estimate(orbit) < NEAR_DISTANCE


def _warps(pilot: Pilot, secret: bytes) -> Iterator[Look]:
    """Yield the set under warps of the plane and of the labels."""
    target = pilot.target
    centres = misiurewicz_points(stream_key("mandelbrot", "ladder", 0, secret))
    for attempt in range(1_000):
        key = stream_key(f"audit/warp, {target}", "shape", attempt, secret)
        warp = draw_warp(key, LOWER, UPPER, mirrored=True)
        bend = 1.2 * float(uniform_rows(key, 100, 1, 1)[0, 0]) - 0.6
        look = _warp(pilot, warp, bend, centres)
        if look is not None:
            yield look


def _warp(pilot: Pilot, warp: Warp, bend: float, centres: Centres) -> Look | None:
    """Recode a warp's labels so that it is as hard as the target; None where that cannot be."""
    labels = _truth(pilot.target, warp(pilot.points))
    knob = next(match(lambda first: _bend(labels, first, bend), tried(-0.9, 0.9), pilot), None)
    if knob is None or not pilot.is_alike(_bend(labels, knob, bend)):
        return None
    return Look(
        lambda points: _bend(_truth(pilot.target, warp(points)), knob, bend),
        lambda points: _is_near(warp(points)),
        replace(centres, points=warp.invert(centres.points)),
    )


def _bend(labels: FloatArray, first: float, second: float) -> FloatArray:
    """Recode labels in [0, 1] by a smooth rising function with the same ends; |first| and |second| are below 1."""
    wave = np.pi * labels
    return labels + first * np.sin(wave) / np.pi + (1.0 - abs(first)) * second * np.sin(2.0 * wave) / (2.0 * np.pi)


def _recurrences(pilot: Pilot, secret: bytes) -> Iterator[Look]:
    """Yield secret recurrences, of as many kinds as there are."""
    target, kinds = pilot.target, list(recurrences.KINDS)
    order = permutation(stream_key(f"audit/recurrence, {target}", "kinds", 0, secret), len(kinds))
    for turn in range(1_000):
        kind = kinds[order[turn % len(kinds)]]
        key = stream_key(f"audit/recurrence, {target}", kind, turn, secret)
        for attempt in range(_MOST_TRIES):
            coefficients = recurrences.draw_coefficients(key, attempt, kind)
            if kind == "quadratic" and recurrences.is_complex_square(coefficients):
                continue
            u = uniform_rows(stream_key(f"audit/recurrence, {target}", f"{kind}/window", turn, secret), attempt, 1, 3)[
                0
            ]
            scale = 0.2 * 10.0 ** u[0]  # of the window, from a fifth of the Mandelbrot set's to twice

            def escape(
                points: FloatArray,
                kind: str = kind,
                a: FloatArray = coefficients,
                scale: float = scale,
                x: float = u[1],
            ) -> tuple[FloatArray, BoolArray]:
                moved = scale * (points - _MIDDLE) + [4.0 * x - 2.0, 0.0]
                return recurrences.escape_measure(moved, kind, a)

            look = _as_look(escape, pilot, float(u[2]), key)
            if look is not None:
                yield look
                break


def _fields(pilot: Pilot, secret: bytes) -> Iterator[Look]:
    """Yield fields without a rule, their kinds in turn."""
    target = pilot.target
    for turn in range(1_000):
        kind = fields.KINDS[turn % len(fields.KINDS)]
        key = stream_key(f"audit/field, {target}", kind, turn, secret)
        for attempt in range(_MOST_TRIES):
            u = uniform_rows(key, attempt, 1, 3)[0]
            roughness, hashes = 0.35 + 0.8 * u[0], int(random_words(key, 1_000 + attempt, 1)[0])
            heights = fields.height(pilot.points - _MIDDLE, kind, roughness, hashes)
            level, spread = float(np.quantile(heights, 0.75 + 0.15 * u[1])), float(heights.std())

            def escape(
                points: FloatArray,
                kind: str = kind,
                roughness: float = roughness,
                hashes: int = hashes,
                level: float = level,
                spread: float = spread,
            ) -> tuple[FloatArray, BoolArray]:
                below = level - fields.height(points - _MIDDLE, kind, roughness, hashes)
                return np.log1p(spread / np.maximum(below, 1e-12)), below <= 0.0

            look = _as_look(escape, pilot, float(u[2]), key)
            if look is not None:
                yield look
                break


def _as_look(escape: Escape, pilot: Pilot, phase: float, key: IntArray) -> Look | None:
    """Recode an escape measure so that it is as hard as the target; None where that cannot be."""
    target = pilot.target
    rough = make_rough_pilot(target, pilot.replicate)

    def label(measure: FloatArray, stays: BoolArray, knob: float) -> FloatArray:
        if target == "smooth":
            escaped = measure / (measure + np.exp(knob))
        else:
            escaped = 0.5 + 0.5 * np.sin(2.0 * np.pi * phase - np.exp(knob) * np.log(measure + 0.05))
        return np.where(stays, 1.0, escaped)

    def recode(measure: FloatArray, stays: BoolArray) -> Callable[[float], FloatArray]:
        """Return labels (n,) by their knob, the lowest of them lifted: a rough map's very lowest lie apart."""
        return lambda knob: (each := label(measure, stays, knob)).clip(np.quantile(each, LOW))

    knobs = tried(-3.0, 4.2) if target == "smooth" else tried(-2.3, 1.4)
    seen = escape(rough.points)
    if not _STAYING[0] < seen[1].mean() < _STAYING[1]:
        return None
    if next(match(recode(*seen), knobs, rough, ROUGH_SLOPE), None) is None:
        return None
    measure, stays = escape(pilot.points)
    knob = next(match(recode(measure, stays), knobs, pilot), None)
    if knob is None or not pilot.is_alike(recode(measure, stays)(knob)):
        return None
    low = float(np.quantile(label(measure, stays, knob), LOW))
    stretch = (1.0 - pilot.low) / (1.0 - low)  # so that labels fill the task's own range
    edge = float(np.quantile(measure[~stays], 1.0 - _NEAR_SHARE / float((~stays).mean())))

    def near(points: FloatArray) -> BoolArray:
        found, inside = escape(points)
        return ~inside & (found > edge)

    def labels(points: FloatArray) -> FloatArray:
        return 1.0 - stretch * (1.0 - label(*escape(points), knob).clip(low))

    return Look(labels, near, pilot.choose_centres(_boundary_points(escape, pilot.points, stays, key), labels))


def _boundary_points(escape: Escape, points: FloatArray, stays: BoolArray, key: IntArray) -> FloatArray:
    """Bisect between points that stay and points that escape: boundary points (n, 2)."""
    count = N_POOL
    order = random_words(key, 500_000, 2 * count)
    inside, outside = points[stays], points[~stays]
    a, b = inside[(order[:count] % len(inside)).astype(int)], outside[(order[count:] % len(outside)).astype(int)]
    for _ in range(_N_BISECTED):
        middle = (a + b) / 2.0
        stay = escape(middle)[1][:, None]
        a, b = np.where(stay, middle, a), np.where(stay, b, middle)
    return b
