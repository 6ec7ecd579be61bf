"""What every task can do: draw a sample, draw queries, and tell the truth about both."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from mbench.suite.sampler import permutation, stream_key, uniform_rows
from mbench.suite.tasks.looks import Line, Look, Scatter
from mbench.types import FloatArray, IntArray, Queries, Sample

# What a task says of itself beside what is asked: no prediction depends on it.
SAID_BESIDE = ("metrics", "has_picture", "look", "landmarks", "golden_points", "self_test", "code", "load")

_NO_LADDER = np.empty(0, dtype=np.int64)


class Task(ABC):
    """A fixed map from inputs to outputs, with the region it is asked about.

    A task speaks two coordinates: `points` (m, p) are its own (a complex number, a pixel, a row of a data set), and
    X (m, d) is what a submission sees. `scale` goes from the first to the second.

    metrics: names of `results.metrics`; the first is the task's error.  has_picture: is `look` more than a plot?
    golden_points: SHA-256 of the first 1,000 training points of replicate 0, in the task's own coordinates,
    little-endian float64: what makes two people's samples the same. A change there is a change of suite.
    """

    name: str
    family: str
    n_inputs: int
    n_outputs: int
    is_classification = False
    metrics: tuple[str, ...] = ("fvu", "psnr_db")
    has_picture: ClassVar[bool] = True
    golden_points: ClassVar[str | None] = None
    n_available: int | None = None  # the largest sample there is; None where points never run out

    @classmethod
    def load(cls, name: str) -> Task:
        """Return the task called `name`. Raises MissingDataError where its data is not there."""
        return cls()

    @property
    @abstractmethod
    def look(self) -> Look:
        """How it is looked at."""

    @property
    def stream(self) -> str:
        """What the task is called where its random streams and seeds are named."""
        return self.name

    @property
    def code(self) -> tuple[str, ...]:
        """Where what fixes points and labels is written, as `mbench.suite.meaning` names it."""
        return (f"{type(self).__module__}:{type(self).__qualname__}",)

    @abstractmethod
    def truth(self, points: FloatArray) -> FloatArray:
        """Return the labels of points (m, p): (m, k) float32."""

    @abstractmethod
    def scale(self, points: FloatArray) -> FloatArray:
        """Return points (m, p) as a submission sees them: (m, d) float64."""

    @abstractmethod
    def definition(self) -> dict[str, Any]:
        """Return what fixes this task's labels, as JSON: the task's part of a cell's key."""

    @abstractmethod
    def draw_points(self, n: int, replicate: int, start: int = 0) -> FloatArray:
        """Return rows start … start+n-1 of a replicate's training points: (n, p) float64."""

    @abstractmethod
    def draw_queries(self, n: int, replicate: int, secret: bytes | None = None) -> Queries:
        """Return the test set, for a submission that learned the first n points of `replicate`."""

    def draw_sample(self, n: int, replicate: int, start: int = 0) -> Sample:
        """Return rows start … start+n-1 of a replicate's training sample; a shorter sample is a prefix of a longer one.

        Raises ValueError for a negative n, replicate or start, and where the task has fewer than start + n points.
        """
        if min(n, replicate, start) < 0:
            raise ValueError(f"n, replicate and start must not be negative, got {n}, {replicate} and {start}")
        if self.n_available is not None and start + n > self.n_available:
            raise ValueError(f"{self.name} has {self.n_available} training points, {start + n} were asked for")
        points = self.draw_points(n, replicate, start)
        return Sample(X=self.scale(points), y=self.truth(points).astype(np.float64), points=points)

    def self_test(self) -> None:  # noqa: B027
        """Refuse, with a HarnessError, to tell the truth on a machine that computes it otherwise; most need none."""

    def digest(self) -> str:
        """Return the SHA-256 of the definition as canonical JSON."""
        text = json.dumps(self.definition(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def _uniform_queries(self, points: FloatArray) -> Queries:
        return Queries(
            X=self.scale(points),
            points=points,
            weight=np.full(len(points), 1.0 / len(points)),
            octave=_NO_LADDER,
            centre=_NO_LADDER,
        )


class BoxTask(Task):
    """A function on the box [lower, upper], sampled uniformly; every coordinate is scaled to [-1, 1]."""

    lower: FloatArray
    upper: FloatArray
    n_test: int
    metrics = ("fvu", "psnr_db", "error_p99")

    @property
    def look(self) -> Look:
        """A line for a function of one input, a scatter plot for others."""
        return Line(float(self.lower[0]), float(self.upper[0])) if self.n_inputs == 1 else Scatter()

    def scale(self, points: FloatArray) -> FloatArray:
        """Return points (m, d) mapped from the box to [-1, 1] per column."""
        return 2.0 * (points - self.lower) / (self.upper - self.lower) - 1.0

    def place(self, u: FloatArray) -> FloatArray:
        """Return u (m, d) in [0, 1] mapped to the box."""
        return self.lower + u * (self.upper - self.lower)

    def draw_points(self, n: int, replicate: int, start: int = 0) -> FloatArray:
        """Return uniform points of the box."""
        return self.place(uniform_rows(stream_key(self.stream, "train", replicate), start, n, self.n_inputs))

    def draw_queries(self, n: int, replicate: int, secret: bytes | None = None) -> Queries:
        """Return `n_test` fresh uniform points, the same for every replicate."""
        return self._uniform_queries(self._test_points(self.n_test, secret))

    def _test_points(self, count: int, secret: bytes | None) -> FloatArray:
        return self.place(uniform_rows(stream_key(self.stream, "test", 0, secret), 0, count, self.n_inputs))


class ItemTask(Task):
    """A finite collection (pixels, images of digits): a sample is the first n items of a seeded random order.

    points: (m, p) float64, whole numbers that name an item.
    """

    def _order(self, size: int, replicate: int) -> IntArray:
        return permutation(stream_key(self.stream, "train", replicate), size)
