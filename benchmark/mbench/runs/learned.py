"""A child that has learned a task already: from the estimator that an evaluation stored, or else by learning it now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mbench.runs.cells import Cell
from mbench.runs.run import Run
from mbench.suite import tracks
from mbench.suite.tasks import Task
from mbench.types import FloatArray

Ask = Callable[[FloatArray], FloatArray]


@contextmanager
def open_learned(
    run: Run, task: Task, cell: Cell, artifact: Path | None, learning: Callable[[], None]
) -> Iterator[Ask]:
    """Lend a function from queries (m, d) to predictions (m, k) float32, answered in a child.

    artifact: the stored estimator, or None to learn the task first, which `learning` is told.
    Raises ChildFailure where the submission fails.
    """
    with run.child_for(task, cell) as child:
        if artifact is not None:
            child.load(artifact)
        else:
            learning()
            child.build()
            sample = task.draw_sample(cell.n_samples, cell.replicate)
            child.fit(sample.X, sample.y)
        yield lambda X: child.predict(X, tracks.predict_limit_s(cell.fit_limit_s, len(X)))[0]
