"""A parameter of a submission, searched over a grid on samples and test points that no score is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from mbench.errors import SubmissionError, UsageError
from mbench.results.kept import write_kept
from mbench.results.reference import load_reference
from mbench.results.scoring import Entry, score_entry
from mbench.results.store import ResultStore
from mbench.runs.cells import Cell
from mbench.runs.evaluate import FIRST_TUNING_REPLICATE, evaluate_source, plan_cells
from mbench.runs.run import Run, open_run
from mbench.runs.variants import derive_source
from mbench.sandbox.child_process import ChildFailure
from mbench.suite import tracks
from mbench.suite.secrets import name_test_set, published_secret
from mbench.suite.tasks import Task, load_task
from mbench.suite.tasks.looks import Look
from mbench.types import FloatArray, Queries

SECRET = published_secret(tracks.stream_label("tune", "test", 0))
FOLDER = "tune"  # in the results folder, with cells of its own: no table and no board looks there
HELD_OUT = 5  # a finite task keeps at least one in so many of its training items to score on


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
    """What every value is tried on. missing: tasks whose data is not here, with the command to get it."""

    track: str
    cells: tuple[Cell, ...]
    missing: dict[str, str]


@dataclass(frozen=True, slots=True)
class Trial:
    """What one value came to. score: the mean of its tasks' scores; None where a cell failed by a fault of ours."""

    value: Any
    source_digest: str
    entry: Entry
    score: float | None


@dataclass(frozen=True, slots=True)
class Search:
    """The trials of one parameter of one submission."""

    submission: str
    source_digest: str
    parameter: str
    plan: Plan
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        """The first trial of the highest score, or None where none has learned anything."""
        scored = [trial for trial in self.trials if trial.score]
        return max(scored, key=lambda trial: trial.score or 0.0, default=None)

    @property
    def is_at_edge(self) -> bool:
        """Is the best value the smallest or the largest number of the grid, so that a better one may lie beyond?"""
        values = [trial.value for trial in self.trials]
        if self.best is None or not all(type(value) in (int, float) for value in values):
            return False
        return len(values) > 1 and self.best.value in (min(values), max(values))


def load_tuning_task(name: str) -> Task:
    """Return a task as it is tuned on: its own where points never run out, else `HeldOut` of it."""
    task = load_task(name)
    return task if task.n_available is None else HeldOut(task)


def plan_trials(track: str, tasks: Sequence[str], replicates: int) -> Plan:
    """Return the cells that every value is tried on. Raises UsageError for tasks that have no score to choose by."""
    planned, missing = plan_cells(track, tasks, replicates)
    known = load_reference().tasks
    unscored = sorted({cell.task for cell in planned if (track, cell.task) not in known})
    if not planned:
        reasons = "; ".join(missing.values())
        raise UsageError(f"track {track}: no task of it can be run here ({reasons}). Give others with --task")
    if all(name != track for name, _ in known):
        raise UsageError(
            f"track {track} has no frozen reference, so nothing to choose a value by. Give another --track"
        )
    if unscored:
        raise UsageError(
            f"{', '.join(unscored)}: nothing to choose a value by on track {track}, which has scores for "
            f"{', '.join(task for name, task in known if name == track)} only. Give some of these with --task"
        )
    cells = []
    for cell in planned:
        most = load_tuning_task(cell.task).n_available or cell.n_samples
        n_samples = min(cell.n_samples, most)
        cells.append(replace(cell, replicate=FIRST_TUNING_REPLICATE + cell.replicate, n_samples=n_samples))
    return Plan(track, tuple(cells), missing)


def try_value(run: Run, parameter: str, value: Any, plan: Plan, out: Path) -> Trial:
    """Evaluate a submission with one parameter set to a value; cells that are in `out/tune` are not run again.

    Raises SubmissionError where that parameter cannot be set.
    """
    derived = derive_source(run.source, parameter, value)
    with open_run(derived, replace(run.settings, secret=SECRET), run.report) as trial:
        _check_build(trial, plan.cells[0])
        expect = getattr(run.report, "expect", None)  # a display wants to know how many there will be
        if expect is not None:
            expect(plan.cells)
        result, _ = evaluate_source(trial, plan.cells, ResultStore(out / FOLDER), load=load_tuning_task)
    entry = score_entry(derived.name, plan.track, result.records, load_reference())
    scores = [task.score for task in entry.tasks if task.score is not None]
    whole = not any(record.is_our_failure for record in result.records)
    return Trial(value, derived.digest, entry, fmean(scores) if whole else None)


def search_as_json(search: Search) -> dict[str, Any]:
    """Return a search as plain JSON."""
    best = search.best
    return {
        "suite": tracks.SUITE_VERSION,
        "submission": search.submission,
        "source_digest": search.source_digest,
        "parameter": search.parameter,
        "track": search.plan.track,
        "replicates": sorted({cell.replicate for cell in search.plan.cells}),
        "test_set": name_test_set(SECRET),
        "missing": search.plan.missing,
        "trials": [
            {"value": trial.value, "score": trial.score, "tasks": [asdict(task) for task in trial.entry.tasks]}
            for trial in search.trials
        ],
        "best": None if best is None else best.value,
        "at_edge": search.is_at_edge,
    }


def write_search(out: Path, search: Search) -> Path:
    """Write a search to `out/tune/NAME/TRACK/PARAMETER.json`. Raises HarnessError when the disk refuses."""
    path = out / FOLDER / search.submission / search.plan.track / f"{search.parameter}.json"
    write_kept(path, search_as_json(search))
    return path


def _check_build(run: Run, cell: Cell) -> None:
    """Have the estimator built once, so that a parameter that is not there is an error, and not a grid of failures."""
    with run.child_for(load_tuning_task(cell.task), cell) as child:
        try:
            child.build()
        except ChildFailure as failure:
            raise SubmissionError(f"{run.source.name}: {failure}") from None
