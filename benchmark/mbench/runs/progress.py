"""What whoever runs cells tells of them while they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mbench.results.record import Record
from mbench.runs.cells import Cell

Phase = Literal[
    "loading", "sampling", "fitting", "asking", "predicting", "scoring", "done", "cached", "drawing", "drawn"
]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one cell is; `record` is there once it is done.  note: what else should be known of it."""

    cell: Cell
    phase: Phase
    record: Record | None = None
    note: str = ""


Report = Callable[[Progress], None]


def say_nothing(progress: object) -> None:
    """Report to nobody."""
