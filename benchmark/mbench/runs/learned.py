"""A child that has learned a task already: from the estimator that an evaluation stored, or else by learning it now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mbench.results.estimators import Stored
from mbench.runs.cells import Cell
from mbench.runs.run import Run
from mbench.runs.stored import Ask, open_stored
from mbench.suite import tracks
from mbench.suite.tasks import Task


@contextmanager
def open_learned(
    run: Run, task: Task, cell: Cell, stored: Stored | None, learning: Callable[[], None]
) -> Iterator[Ask]:
    """Lend a function from queries (m, d) to predictions (m, k) float32, answered in a child.

    stored: the stored estimator, or None to learn the task first, which `learning` is told.
    Raises ChildFailure where the submission fails, Unconfirmed where what is stored is not what was scored.
    """
    if stored is not None:
        with open_stored(run, task, cell, stored) as ask:
            yield ask
        return
    with run.child_for(task, cell) as child:
        learning()
        child.build()
        sample = task.draw_sample(cell.n_samples, cell.replicate)
        child.fit(sample.X, sample.y)
        yield lambda X: child.predict(X, tracks.predict_limit_s(cell.fit_limit_s, len(X)))[0]
