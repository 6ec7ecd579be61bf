"""How far along a film each racer is, by steps, by points or by seconds: a logarithmic axis for each unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Unit = Literal["steps", "points", "seconds"]

AXES: dict[Unit, str] = {
    "steps": "steps of training",
    "points": "points learned from",
    "seconds": "seconds of training",
}
_LEAST_S = 0.01


@dataclass(frozen=True, slots=True)
class Scale:
    """A logarithmic axis from `low` to `high`, which are positive; what lies outside is at its ends."""

    unit: Unit
    low: float
    high: float

    def place(self, position: float) -> float:
        """Return where a position lies, from 0 to 1."""
        if self.high <= self.low:
            return 1.0
        return math.log(min(max(position, self.low), self.high) / self.low) / math.log(self.high / self.low)

    @property
    def marks(self) -> list[float]:
        """Positions to write at the axis: powers of ten, and of a short axis 2 and 5 times these, too."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        factors = (1.0,) if self.high / self.low > 40 else (1.0, 2.0, 5.0)
        marks = [factor * 10.0**power for power in powers for factor in factors]
        return [mark for mark in marks if self.low * (1 - 1e-9) <= mark <= self.high * (1 + 1e-9)]


def fit_scale(unit: Unit, positions: Sequence[float]) -> Scale:
    """Return the axis of all positions in a unit; step 0 has its left end to itself."""
    positive = np.asarray([position for position in positions if position > 0] or [1.0])
    low, high = float(positive.min()), float(positive.max())
    if unit == "seconds":
        low = max(low, _LEAST_S)
    if min(positions) <= 0 and unit == "steps":
        low /= 2
    return Scale(unit, low, max(low, high))
