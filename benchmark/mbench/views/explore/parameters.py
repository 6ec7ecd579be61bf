"""What a request may say: whole numbers of a tile and a place on the plane, each read here and nowhere else."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from starlette.datastructures import QueryParams

_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)  # int() itself gives up at 4,300 digits
_FARTHEST = 1e9  # the square of a place farther than 1e154 is infinite, and so is a distance from it
_TILE, _PLACE = ("level", "column", "row"), ("x", "y")


def read_tile_numbers(path: Mapping[str, str]) -> tuple[int, int, int]:
    """Return level, column and row of a path; whether there is such a tile is the chart's to say.

    Raises ValueError with a reason for anything but whole numbers of at most 18 digits.
    """
    for name in _TILE:
        if not _WHOLE.fullmatch(path[name]):
            raise ValueError(f"{name}: expected a whole number of at most 18 digits")
    level, column, row = (int(path[name]) for name in _TILE)
    return level, column, row


def read_place(query: QueryParams) -> tuple[float, float]:
    """Return the place that a query names, in the task's coordinates.

    Raises ValueError with a reason unless x and y are there once each, and no farther away than 1e9.
    """
    place = []
    for name in _PLACE:
        said = query.getlist(name)
        try:
            number = float(said[0]) if len(said) == 1 else math.nan
        except ValueError:
            number = math.nan
        if not abs(number) <= _FARTHEST:
            raise ValueError(f"{name}: expected one number between -{_FARTHEST:g} and {_FARTHEST:g}, as in ?x=0&y=0")
        place.append(number)
    return place[0], place[1]
