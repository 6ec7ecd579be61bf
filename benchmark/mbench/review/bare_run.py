"""A script of one's own, without mbench's harness: what `mbench bench harness` measures `evaluate` against.

It imports the same libraries once, draws the same data, fits and predicts the same cells in processes of its own and
scores them. It has no sandbox, no limits and no records, and asks every query once.
"""

from __future__ import annotations

import multiprocessing
import runpy
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from mbench.child.worker import PREDICT_BLOCK
from mbench.runs.cells import Cell, make_spec
from mbench.runs.evaluate import plan_cells, score_cell
from mbench.runs.settings import Settings
from mbench.suite.tasks import load_task


def run_bare(path: str, track: str, jobs: int) -> dict[tuple[str, int], float]:
    """Return the error of every cell of a track, by task and replicate, learned by the submission in a file.

    Raises ValueError where a process ends before its cells are done.
    """
    cells, _ = plan_cells(track)
    build = runpy.run_path(path)["build"]
    context: Any = multiprocessing.get_context("fork")  # so that libraries are imported once
    waiting, done = context.SimpleQueue(), context.SimpleQueue()
    workers = [context.Process(target=_work, args=(build, waiting, done)) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    for cell in (*cells, *[None] * jobs):
        waiting.put(cell)
    errors: dict[tuple[str, int], float] = {}
    while len(errors) < len(cells):
        cell, error = done.get()
        if cell is None:
            raise ValueError(error)
        errors[cell.task, cell.replicate] = error
    for worker in workers:
        worker.join()
    return errors


def _work(build: Callable[..., Any], waiting: Any, done: Any) -> None:
    while (cell := waiting.get()) is not None:
        try:
            done.put((cell, _learn(build, cell)))
        except Exception as error:  # whatever a submission raises
            done.put((None, f"{cell.task}: {type(error).__name__}: {error}"))
            return


def _learn(build: Callable[..., Any], cell: Cell) -> float:
    task = load_task(cell.task)
    sample = task.draw_sample(cell.n_samples, cell.replicate)
    queries = task.draw_queries(cell.n_samples, cell.replicate)
    estimator = build(make_spec(cell, task, Settings())).fit(sample.X, sample.y)
    blocks = (queries.X[start : start + PREDICT_BLOCK] for start in range(0, len(queries.X), PREDICT_BLOCK))
    predictions = np.concatenate([np.asarray(estimator.predict(block), dtype=np.float32) for block in blocks])
    return score_cell(task, queries, predictions).error


if __name__ == "__main__":
    run_bare(sys.argv[1], sys.argv[2], int(sys.argv[3]))
