"""Named places of the fractals, chosen so that magnifications of 8, 64 and 512 all show something."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from mbench.errors import UsageError


@dataclass(frozen=True, slots=True)
class Landmark:
    """A place to zoom into: `centre` is where its windows lie."""

    name: str
    centre: complex

    @property
    def word(self) -> str:
        """What a person types for it: the first word of its name."""
        return self.name.split()[0].lower()


LANDMARKS: MappingProxyType[str, tuple[Landmark, ...]] = MappingProxyType(
    {
        "mandelbrot": (
            Landmark("Seahorse valley", -0.743643887 + 0.131825904j),
            Landmark("Elephant valley", 0.2925755 + 0.0149977j),
            # Not its nucleus, -1.7548776662, which is all interior at 512: the bulb on top of the small cardioid.
            Landmark("Period-3 mini set", -1.758039 + 0.014922j),
            # z_5 = z_4, preperiod 4 and period 1: a hub of three arms, alike at every scale.
            Landmark("Misiurewicz point", -0.10109636384562 + 0.95628651080914j),
        ),
        "julia": (
            # The fixed points (1 ∓ √(1 - 4c)) / 2 of z² - 0.8 + 0.156i, and the critical point.
            Landmark("Spiral hub", -0.527468 + 0.075925j),
            Landmark("Tip", 1.527468 - 0.075925j),
            Landmark("Critical point", 0j),
        ),
        "burning-ship": (
            Landmark("Armada", -1.7619 - 0.028j),
            Landmark("Mast", -1.625 - 0.025j),
            Landmark("Rigging", 0.836 - 1.32j),
        ),
        "multibrot3": (
            Landmark("Valley", 0.091257 + 0.76556j),
            Landmark("Mini set", 0.264975 + 1.273011j),
        ),
        "tricorn": (
            Landmark("Arm", -0.997009 + 0.100916j),
            Landmark("Bud", -1.234314 + 0.044314j),
            Landmark("Mini tricorn", -1.744074 - 0.008756j),
        ),
    }
)


def find_landmark(set_name: str, word: str | None) -> Landmark:
    """Return the landmark of a set by its first word, or the set's first one.

    Raises UsageError for another word and for a set without landmarks.
    """
    landmarks = LANDMARKS.get(set_name, ())
    for landmark in landmarks:
        if word is None or landmark.word == word.lower():
            return landmark
    known = ", ".join(landmark.word for landmark in landmarks)
    raise UsageError(f"{set_name} has no landmark {word!r}: expected one of {known}" if known else
                     f"{set_name} has no landmarks: choose a fractal (see `mbench tasks`)")  # fmt: skip
