"""Where a fractal is looked at closely: which task, learned on which track, about which of its landmarks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spot:
    """task, track: names.  landmark: a word of `mbench tasks`' landmarks, None for the task's first."""

    task: str
    track: str
    landmark: str | None = None
