"""What crosses a module boundary: arrays by name, and frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
ByteArray = NDArray[np.uint8]
IntArray = NDArray[np.integer[Any]]
BoolArray = NDArray[np.bool_]
ComplexArray = NDArray[np.complexfloating[Any, Any]]

Tier = Literal["A", "B", "C"]  # of the sandbox, strongest first
TIERS: tuple[Tier, ...] = ("A", "B", "C")
DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, slots=True)
class Spec:
    """All that a submission is told before it sees the sample. The task's name is not in it.

    fit_limit_s: processor seconds of all its threads, for each of `threads`; with a GPU of wall clock.
    """

    n_inputs: int
    n_outputs: int
    n_samples: int
    fit_limit_s: float
    threads: int
    device: str
    seed: int


@dataclass(frozen=True, slots=True)
class Sample:
    """What a submission learns from.

    X: (n, d) float64 scaled to [-1, 1] per column (images of digits to [0, 1]).  y: (n, k) float64, float32-exact.
    points: (n, p) float64, the same rows in the task's own coordinates.
    """

    X: FloatArray
    y: FloatArray
    points: FloatArray

    def __post_init__(self) -> None:
        """Check that the rows belong together."""
        if not len(self.X) == len(self.y) == len(self.points):
            raise ValueError(f"rows differ: X {self.X.shape}, y {self.y.shape}, points {self.points.shape}")


@dataclass(frozen=True, slots=True)
class Queries:
    """What a submission is asked: first the test set, then (Mandelbrot tasks only) the zoom ladder.

    X: (m, d) float64 as in `Sample`.  points: (m, p) float64.  weight: (n_test,) float64, sums to 1: what each row of
    the test set counts for.  octave, centre: (m - n_test,) int, the ladder window each remaining row lies in.
    """

    X: FloatArray
    points: FloatArray
    weight: FloatArray
    octave: IntArray
    centre: IntArray

    def __post_init__(self) -> None:
        """Check that the rows belong together."""
        ladder = len(self.X) - len(self.weight)
        if not (len(self.points) == len(self.X) and len(self.octave) == len(self.centre) == ladder >= 0):
            raise ValueError(f"rows differ: X {len(self.X)}, weight {len(self.weight)}, octave {len(self.octave)}")

    @property
    def n_test(self) -> int:
        """Rows of the test set; the rest is the zoom ladder."""
        return len(self.weight)
