"""How a task is looked at: what a picture, a film or a map of it is drawn of. Views dispatch on these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Corner: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Landmark:
    """A place to zoom into: `centre` is where its windows lie."""

    name: str
    centre: complex

    @property
    def word(self) -> str:
        """What a person types for it: the first word of its name."""
        return self.name.split()[0].lower()


@dataclass(frozen=True, slots=True)
class Plane:
    """One number at every point of a window of the plane; it can be zoomed into, as deep as float64 goes."""

    lower: Corner
    upper: Corner
    landmarks: tuple[Landmark, ...] = ()


@dataclass(frozen=True, slots=True)
class Pixels:
    """A colour at every pixel (column, row) of a picture."""

    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Surface:
    """A point in space at every parameter pair (u, v) of a box.

    azimuth, elevation: where it is seen from, in degrees.  line_step: degrees between the lines drawn on it.
    """

    lower: Corner
    upper: Corner
    azimuth: float = 30.0
    elevation: float = 25.0
    line_step: float = 15.0


@dataclass(frozen=True, slots=True)
class Line:
    """One number at every point of an interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scatter:
    """Too many inputs for a picture: predicted against true values."""


@dataclass(frozen=True, slots=True)
class Classes:
    """Which class is taken for which."""


Look: TypeAlias = Plane | Pixels | Surface | Line | Scatter | Classes
