"""A film's frame: its shape, and how large things on it are."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from mbench.views.render.page import Box

# Width and height of each shape, and how much larger its letters are: the taller, the smaller the screen it is seen on.
ASPECTS: MappingProxyType[str, tuple[int, int, float]] = MappingProxyType(
    {"16:9": (16, 9, 1.0), "1:1": (1, 1, 1.0), "9:16": (9, 16, 1.25)}
)
_LINES = 1080  # that the lengths below are given for
_MARGIN = 48


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a film is drawn on.

    width, height: in pixels, even.  unit: pixels for each pixel of a film of 1080 lines.  letters: how much larger
    they are than on a wide screen.
    """

    width: int
    height: int
    unit: float
    letters: float

    def px(self, length: float) -> int:
        """Return a length, given for 1080 lines, in pixels."""
        return max(1, round(length * self.unit))

    def size(self, length: float) -> int:
        """Return the size of letters, given for a wide film of 1080 lines, in pixels."""
        return max(6, round(length * self.unit * self.letters))

    @property
    def margin(self) -> int:
        """Pixels that are left free on each side."""
        return self.px(_MARGIN)

    @property
    def room(self) -> int:
        """Pixels from one margin to the other."""
        return self.width - 2 * self.margin

    @property
    def is_wide(self) -> bool:
        """Is it wider than high?"""
        return self.width > self.height

    @property
    def is_tall(self) -> bool:
        """Is it higher than wide?"""
        return self.height > self.width

    def below(self, top: int) -> Box:
        """Return all that is left between the margins from a line on."""
        return self.margin, top, self.room, self.height - self.margin - top


def plan_sheet(aspect: str, lines: int = _LINES) -> Sheet:
    """Return the frame of a shape, one of `ASPECTS`. lines: pixels of its shorter side."""
    across, down, letters = ASPECTS[aspect]
    unit = lines / _LINES
    letters *= max(1.0, unit**-0.3)  # a small film's letters are to be read, too
    shorter = min(across, down)
    return Sheet(_even(lines * across / shorter), _even(lines * down / shorter), unit, letters)


def _even(length: float) -> int:
    return 2 * round(length / 2)  # H.264 halves its colours
