"""The log read as a search: what each evaluation changed against the best before it, and is that more than luck?

Only what was asked the same is compared: the same sets, track, tasks, replicates, threads and device.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mbench.board.contenders import FRACTALS
from mbench.board.noise import find_parts, measure_noise
from mbench.board.stats import SIGNIFICANCE, adjust_holm, measure_differences
from mbench.results.log import Attempt
from mbench.results.record import Record
from mbench.results.reference import Reference
from mbench.types import FloatArray

Outcome = Literal["first", "rerun", "beyond noise", "within noise", "unknown", "no score"]
FindRecords = Callable[[Attempt], Sequence[Record]]


@dataclass(frozen=True, slots=True)
class Step:
    """One evaluation in the light of those before it.

    score: the Mandelbrot score where both its tasks were run, else the mean of the tasks; None where a cell has none.
    best: the number of the best evaluation before it that was asked the same, None where it is the first.  change: of
    the score against that one.  p: of no change, two-sided, paired by replicate, adjusted by Holm over all changes that
    are tested beside it; None where nothing can be tested.  is_best: has it the highest score yet?
    same_as: the first evaluation of the very same source.  n_ancestors: how many other sources of this name had been
    scored on the board's own sets before.
    """

    attempt: Attempt
    score: float | None
    best: int | None
    change: float | None
    p: float | None
    is_best: bool
    same_as: int | None
    n_ancestors: int

    @property
    def outcome(self) -> Outcome:
        """What the change is worth."""
        if self.score is None or not self.attempt.is_whole:
            return "no score"
        if self.same_as is not None:
            return "rerun"
        if self.best is None:
            return "first"
        if self.p is None:
            return "unknown"
        return "beyond noise" if self.p <= SIGNIFICANCE else "within noise"


def follow_search(attempts: Sequence[Attempt], reference: Reference, find: FindRecords) -> list[Step]:
    """Return a step for each evaluation, in the log's order.

    find: returns what is still there of an evaluation's records. They are asked for only where they can change what is
    said: what the shared test set adds to the noise makes no change beyond it.
    """
    steps = _line_up(attempts)
    by_number = {each.number: each for each in attempts}
    groups: dict[Hashable, list[int]] = {}  # the places of the steps that are tested beside each other
    for place, step in enumerate(steps):
        if step.best is not None and step.outcome == "unknown":
            groups.setdefault(asked(step.attempt), []).append(place)
    for places in groups.values():
        pairs = [(steps[place].attempt, by_number[steps[place].best or 0]) for place in places]
        p = np.array([_test(pair, reference, find) for pair in pairs if pair[0].n_replicates > 1])
        if len(p):
            for place, adjusted in zip(places, adjust_holm(p), strict=True):
                steps[place] = replace(steps[place], p=float(adjusted))
    return steps


def asked(attempt: Attempt) -> Hashable:
    """Return what an evaluation was asked: two that differ in it don't compare."""
    cells = frozenset((cell.task, cell.replicate) for cell in attempt.cells)
    return attempt.test_set, attempt.track, attempt.threads, attempt.device, cells


def scored_tasks(attempt: Attempt) -> tuple[str, ...]:
    """Return the tasks that make an evaluation's score: the Mandelbrot set's where both were run, else all."""
    return FRACTALS if set(FRACTALS) <= set(attempt.tasks) else attempt.tasks


def describe_score(attempt: Attempt) -> str:
    """Say what an evaluation's score is of."""
    tasks = scored_tasks(attempt)
    if tasks == FRACTALS:
        return "Mandelbrot"
    return tasks[0] if len(tasks) == 1 else f"mean of {len(tasks)} tasks"


def score_attempt(attempt: Attempt) -> float | None:
    """Return an evaluation's score, or None where a cell of it has none."""
    scores = [[cell.score for cell in attempt.cells if cell.task == task] for task in scored_tasks(attempt)]
    if any(score is None for task in scores for score in task):
        return None
    return float(np.mean([np.mean([score for score in task if score is not None]) for task in scores]))


def _line_up(attempts: Sequence[Attempt]) -> list[Step]:
    """Return the steps without tests: scores, what each is held against, and what was known of its name before."""
    steps = []
    best: dict[Hashable, tuple[float, int]] = {}
    first: dict[tuple[Hashable, str], int] = {}
    scored: dict[str, set[str]] = {}  # on the board's own sets, by name
    for attempt in attempts:
        score = score_attempt(attempt) if attempt.is_whole else None
        group = asked(attempt)
        before = best.get(group)
        same = first.get((group, attempt.source_digest)) if score is not None else None
        is_best = score is not None and same is None and (before is None or score > before[0])
        steps.append(
            Step(
                attempt=attempt,
                score=score,
                best=None if before is None or score is None else before[1],
                change=None if before is None or score is None else score - before[0],
                p=None,
                is_best=is_best,
                same_as=same,
                n_ancestors=len(scored.get(attempt.name, set()) - {attempt.source_digest}),
            )
        )
        if is_best and score is not None:
            best[group] = score, attempt.number
        if score is not None:
            first.setdefault((group, attempt.source_digest), attempt.number)
        if attempt.kind == "board":
            scored.setdefault(attempt.name, set()).add(attempt.source_digest)
    return steps


def _test(pair: tuple[Attempt, Attempt], reference: Reference, find: FindRecords) -> float:
    """Return the p-value of no difference of two evaluations' scores, with what the shared test set adds to the noise.

    That is added as far as the records still say. It only makes p larger: where p is large already, no record is read.
    """
    cells = np.array([_cells(each) for each in pair])
    p = float(measure_differences(cells).p_values()[0])
    if p > SIGNIFICANCE or scored_tasks(pair[0]) != FRACTALS:
        return p
    variance = measure_noise(*(find_parts(find(each), each.track, reference) for each in pair))
    if variance is None:
        return p
    return float(measure_differences(cells, np.array([variance])).p_values()[0])


def _cells(attempt: Attempt) -> FloatArray:
    """Return an evaluation's scores: (tasks, replicates), in the order of their numbers.

    Of tasks other than the Mandelbrot set's two, which the board tests side by side, the mean of each replicate.
    """
    tasks = scored_tasks(attempt)
    cells = sorted(attempt.cells, key=lambda cell: cell.replicate)
    scores = np.array([[cell.score for cell in cells if cell.task == task] for task in tasks], dtype=float)
    return scores if tasks == FRACTALS else scores.mean(axis=0, keepdims=True)
