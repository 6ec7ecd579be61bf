"""Samples and test points to practise on, of which no score is made: the board's own are for what is handed in.

`mbench evaluate --practice` and `mbench tune` use the same: replicates from `FIRST_TUNING_REPLICATE` on, and test
points under a secret that everybody knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from mbench.results.store import ResultStore
from mbench.runs.cells import Cell
from mbench.runs.evaluate import FIRST_TUNING_REPLICATE, plan_cells
from mbench.suite import tracks
from mbench.suite.secrets import name_test_set, published_secret
from mbench.suite.tasks import Task, load_task
from mbench.suite.tasks.looks import Look
from mbench.types import FloatArray, Queries

SECRET = published_secret(tracks.stream_label("tune", "test", 0))
TEST_SET = name_test_set(SECRET)
FOLDER = "practice"  # in the results folder, with cells of its own: no table and no board looks there
HELD_OUT = 5  # a finite task keeps at least one in so many of its training items to score on


class PracticeStore(ResultStore):
    """Cells that were practised on: a folder that no board, no claim and no other store takes for results."""

    purpose: ClassVar[str] = "practice"


class HeldOut(Task):
    """A finite task reduced to its training items: some are learned, and all the others are the test set.

    The task's own test items would be the very ones that submissions are scored on. (A picture has no items set apart
    for training: every pixel that one replicate does not sample is in that replicate's public test set.)
    """

    def __init__(self, task: Task) -> None:
        """task: one with `n_available`."""
        assert task.n_available is not None
        self._task = task
        self._n_items = task.n_available
        self.name, self.family = task.name, task.family
        self.n_inputs, self.n_outputs = task.n_inputs, task.n_outputs
        self.is_classification, self.metrics = task.is_classification, task.metrics
        self.n_available = self._n_items - self._n_items // HELD_OUT

    @property
    def look(self) -> Look:
        """The task's own."""
        return self._task.look

    @property
    def stream(self) -> str:
        """The task's own."""
        return self._task.stream

    @property
    def code(self) -> tuple[str, ...]:
        """The task's own, and this class."""
        return (*super().code, *self._task.code)

    def truth(self, points: FloatArray) -> FloatArray:
        """Return the task's labels."""
        return self._task.truth(points)

    def scale(self, points: FloatArray) -> FloatArray:
        """Return points as the task scales them."""
        return self._task.scale(points)

    def definition(self) -> dict[str, Any]:
        """Return the task's definition and what is held out of it."""
        return {"held_out": [self._n_items, HELD_OUT], "of": self._task.definition()}

    def draw_points(self, n: int, replicate: int, start: int = 0) -> FloatArray:
        """Return the task's training items."""
        return self._task.draw_points(n, replicate, start)

    def draw_queries(self, n: int, replicate: int, secret: bytes | None = None) -> Queries:
        """Return every training item that is not among the replicate's first n."""
        return self._uniform_queries(self._task.draw_points(self._n_items - n, replicate, start=n))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is practised on. missing: tasks whose data is not here, with the command to get it."""

    track: str
    cells: tuple[Cell, ...]
    missing: dict[str, str]


def load_practice_task(name: str) -> Task:
    """Return a task as it is practised on: its own where points never run out, else `HeldOut` of it."""
    task = load_task(name)
    return task if task.n_available is None else HeldOut(task)


def plan_practice(track: str, tasks: Sequence[str], replicates: int | None) -> Plan:
    """Return the cells of a practice run, as `plan_cells` plans those of the board, and raises."""
    planned, missing = plan_cells(track, tasks, replicates)
    cells = []
    for cell in planned:
        most = load_practice_task(cell.task).n_available or cell.n_samples
        n_samples = min(cell.n_samples, most)
        cells.append(replace(cell, replicate=FIRST_TUNING_REPLICATE + cell.replicate, n_samples=n_samples))
    return Plan(track, tuple(cells), missing)
