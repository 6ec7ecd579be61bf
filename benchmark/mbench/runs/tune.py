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
from mbench.runs.diary import TUNED, Diary
from mbench.runs.evaluate import evaluate_source
from mbench.runs.practice import SECRET, Plan, load_practice_task, plan_practice
from mbench.runs.run import Run, open_run
from mbench.runs.variants import derive_source
from mbench.sandbox.child_process import ChildFailure
from mbench.suite import tracks
from mbench.suite.secrets import name_test_set

FOLDER = TUNED  # in the results folder, with cells of its own: no table and no board looks there


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


def plan_trials(track: str, tasks: Sequence[str], replicates: int) -> Plan:
    """Return the cells that every value is tried on. Raises UsageError for tasks that have no score to choose by."""
    plan = plan_practice(track, tasks, replicates)
    known = load_reference().tasks
    unscored = sorted({cell.task for cell in plan.cells if (track, cell.task) not in known})
    if not plan.cells:
        reasons = "; ".join(plan.missing.values())
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
    return plan


def try_value(run: Run, parameter: str, value: Any, plan: Plan, out: Path) -> Trial:
    """Evaluate a submission with one parameter set to a value; cells that are in `out/tune` are not run again.

    Raises SubmissionError where that parameter cannot be set.
    """
    derived = derive_source(run.source, parameter, value)
    own = replace(derived, name=run.source.name)  # in the log it is one more idea about the same submission
    diary = Diary(out, own, f"tune: {parameter} = {value!r}", run.report)
    with open_run(derived, replace(run.settings, secret=SECRET), diary) as trial:
        _check_build(trial, plan.cells[0])
        expect = getattr(run.report, "expect", None)  # a display wants to know how many there will be
        if expect is not None:
            expect(plan.cells)
        with diary:
            result, _ = evaluate_source(trial, plan.cells, ResultStore(out / FOLDER), load=load_practice_task)
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
    with run.child_for(load_practice_task(cell.task), cell) as child:
        try:
            child.build()
        except ChildFailure as failure:
            raise SubmissionError(f"{run.source.name}: {failure}") from None
