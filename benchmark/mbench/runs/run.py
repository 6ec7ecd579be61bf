"""What every cell of one submission shares, and the one place where its children are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

from mbench.runs.cells import Cell, make_spec
from mbench.runs.progress import Report, say_nothing
from mbench.runs.settings import Settings
from mbench.sandbox.child_process import Child, open_nursery
from mbench.sandbox.nursery import Nursery
from mbench.submission import Source
from mbench.suite.tasks import Task
from mbench.types import Spec


@dataclass(frozen=True, slots=True)
class Run:
    """One submission as it is run.

    nursery: the submission's; without one every child starts from nothing, which takes longer.  report: who is told of
    each step.  cancel: once it is set, children are killed and nothing more is recorded.
    """

    source: Source
    settings: Settings
    nursery: Nursery | None = None
    report: Report = say_nothing
    cancel: Event = field(default_factory=Event)

    def child(self, spec: Spec) -> Child:
        """Return a child that starts when its context is entered."""
        return Child(
            self.source, spec, isolation=self.settings.isolation, nursery=self.nursery,
            memory_limit_mb=self.settings.memory_limit_mb, cancel=self.cancel,
        )  # fmt: skip

    def child_for(self, task: Task, cell: Cell) -> Child:
        """Return the child of a cell."""
        return self.child(make_spec(cell, task, self.settings))


@contextmanager
def open_run(
    source: Source, settings: Settings, report: Report = say_nothing, cancel: Event | None = None
) -> Iterator[Run]:
    """Lend a run with a nursery, where there can be one."""
    with open_nursery(source, settings.threads, settings.isolation) as nursery:
        yield Run(source, settings, nursery, report, cancel or Event())
