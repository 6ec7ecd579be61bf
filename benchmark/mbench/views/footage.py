"""What a film of learning is made of: a submission's predictions at many moments, each training made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mbench.errors import SubmissionError
from mbench.results.estimators import find_stored
from mbench.results.store import ResultStore
from mbench.runs.cells import Cell
from mbench.runs.in_threads import run_all
from mbench.runs.run import Run, open_run
from mbench.runs.settings import Settings
from mbench.runs.stored import Answered, Unconfirmed, ask_loaded_child, lend_place, open_stored, take_estimator
from mbench.sandbox.child_process import ChildFailure
from mbench.submission import Source
from mbench.suite import tracks
from mbench.suite.tasks import Task
from mbench.types import FloatArray

FEWEST_POINTS = 100

Race = Literal["steps", "seconds"]


@dataclass(frozen=True, slots=True)
class Shot:
    """What a submission predicts at one moment.

    position: steps taken, or points learned from.  seconds: of training.  predictions: (m, k) float32.
    """

    position: int
    seconds: float
    predictions: FloatArray


@dataclass(frozen=True, slots=True)
class Footage:
    """All that is known of one submission for a film.

    unit: what positions count.  shots: by position, never falling.  skipped: sample sizes that it failed on, and why.
    unconfirmed: why it was not filmed while it trains, though it takes snapshots.
    """

    name: str
    unit: Literal["steps", "points"]
    shots: tuple[Shot, ...]
    skipped: tuple[str, ...] = ()
    unconfirmed: str = ""


@dataclass(frozen=True, slots=True)
class WatchProgress:
    """Where the making of a film is: what is done now, for whom, and how much of it is done.

    left_s: about how many seconds all that is left takes; None where nobody knows.  is_measured: was it foretold from
    what was measured, or is it what limits allow?
    """

    name: str
    phase: Literal["planning", "training", "asking", "growing", "diving", "filming"]
    done: int
    total: int
    left_s: float | None = None
    is_measured: bool = True


Report = Callable[[WatchProgress], None]


@dataclass(frozen=True, slots=True)
class Filming:
    """What is filmed of learning.

    track: whose first sample is learned.  race: what several submissions are held equal by; what takes no snapshots is
    seen as its sample grows.  grow: film all on growing samples.  n_shots: moments of a training at most; of a growing
    sample half as many.  store: whose fitted estimators are asked instead of being fitted again, if there is one.
    """

    track: str
    race: Race = "steps"
    grow: bool = False
    n_shots: int = 48
    store: ResultStore | None = None

    @property
    def n_sizes(self) -> int:
        """How many sizes a growing sample has: each is a training of its own."""
        return max(2, self.n_shots // 2)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is learned in front of the camera, and the inputs X (m, d) that are asked at every moment."""

    task: Task
    cell: Cell
    X: FloatArray


def shoot(
    sources: Sequence[Source],
    subject: Subject,
    settings: Settings,
    filming: Filming,
    report: Report = lambda progress: None,
) -> list[Footage]:
    """Return every submission's predictions at many moments: of its training if it takes snapshots, else of its sizes.

    Nothing is trained twice on as many points, unless what a training stored of itself is not what it was.
    """
    footages: list[Footage] = []
    for source in sources:
        with open_run(source, settings) as run:
            taken, unconfirmed = None, ""
            if not filming.grow:
                try:
                    taken = shoot_training(run, subject, filming.n_shots, report)
                except Unconfirmed as failure:
                    unconfirmed = str(failure)
            if not isinstance(taken, Footage):
                taken = replace(shoot_growth(run, subject, filming, report, taken), unconfirmed=unconfirmed)
            footages.append(taken)
    return footages


def shoot_training(run: Run, subject: Subject, n_shots: int, report: Report) -> Footage | Shot | None:
    """Return predictions as of a submission's snapshots; of one that took none but the last, this one as a shot.

    None, with nothing trained, for one whose `fit` takes no `snapshot`.
    Raises SubmissionError where it fails, Unconfirmed where what is stored of it does not answer as what was fitted: a
    snapshot is stored and loaded, too.
    """
    name, task, cell, X = run.source.name, subject.task, subject.cell, subject.X
    sample = task.draw_sample(cell.n_samples, cell.replicate)
    limit_s = tracks.predict_limit_s(cell.fit_limit_s, len(X))
    report(WatchProgress(name, "training", 0, 1))
    shots = []
    try:
        with ExitStack() as stack:
            place = lend_place(stack)
            child = stack.enter_context(run.child_for(task, cell))
            child.build()
            moments = child.watch(sample.X, sample.y)
            if moments is None:
                return None
            report(WatchProgress(name, "asking", 0, 1))
            take_estimator(child, place, limit_s)
            last = child.predict(X, limit_s)[0]
            ask_loaded_child(run, task, cell, place, Answered(X, last))
            first, *others = moments
            if not others:
                return Shot(cell.n_samples, first.seconds, last)
            chosen = np.unique(np.linspace(0, len(moments) - 1, min(n_shots, len(moments))).round().astype(int))
            for done, number in enumerate(chosen[:-1].tolist()):
                report(WatchProgress(name, "asking", done + 1, len(chosen)))
                child.recall(number)
                shots.append(Shot(moments[number].step, moments[number].seconds, child.predict(X, limit_s)[0]))
            shots.append(Shot(moments[-1].step, moments[-1].seconds, last))
    except Unconfirmed:
        raise
    except ChildFailure as failure:
        raise SubmissionError(f"{name}: no film of {cell.task}: {failure}") from failure
    return Footage(name, "steps", tuple(shots))


def shoot_growth(run: Run, subject: Subject, filming: Filming, report: Report, last: Shot | None = None) -> Footage:
    """Return predictions of a submission trained anew on 100 → N points, evenly in the logarithm.

    last: what it predicts once it learned all N, where that is known; else its stored estimator is asked, where there
    is one. A size on which it fails is left out. Raises SubmissionError where it fails on the largest.
    """
    name, task, cell, X = run.source.name, subject.task, subject.cell, subject.X
    fewest = min(FEWEST_POINTS, cell.n_samples)
    sizes = np.unique(np.geomspace(fewest, cell.n_samples, filming.n_sizes).round().astype(int)).tolist()
    last = last or _ask_stored(run, subject, filming.store)
    shots = [] if last is None else [last]
    limit_s = tracks.predict_limit_s(cell.fit_limit_s, len(X))

    def fit(size: int) -> Shot | tuple[int, ChildFailure]:
        sample = task.draw_sample(size, cell.replicate)
        try:
            with run.child_for(task, replace(cell, n_samples=size)) as child:
                child.build()
                took, _ = child.fit(sample.X, sample.y)
                return Shot(size, took.seconds, child.predict(X, limit_s)[0])
        except ChildFailure as failure:
            return size, failure

    failures: list[tuple[int, ChildFailure]] = []
    # The largest first: it takes longest, and where it fails there is no film.
    asked = [size for size in reversed(sizes) if last is None or size != cell.n_samples]
    report(WatchProgress(name, "growing", 0, len(asked)))
    with closing(run_all(asked, fit, jobs=run.settings.jobs, cancel=run.cancel)) as outcomes:
        for done, outcome in enumerate(outcomes):
            report(WatchProgress(name, "growing", done + 1, len(asked)))
            if isinstance(outcome, Shot):
                shots.append(outcome)
            elif outcome[0] == cell.n_samples:
                raise SubmissionError(f"{name}: no film of {cell.task}: {outcome[1]}") from outcome[1]
            else:
                failures.append(outcome)
    skipped = [f"{size:,} points: {failure}" for size, failure in sorted(failures, key=lambda pair: pair[0])]
    return Footage(name, "points", tuple(sorted(shots, key=lambda shot: shot.position)), tuple(skipped))


def _ask_stored(run: Run, subject: Subject, store: ResultStore | None) -> Shot | None:
    """Return what the estimator that an evaluation stored predicts; None where there is none that can be asked."""
    cell = subject.cell
    if store is None:
        return None
    stored = find_stored(store, (cell.task, cell.track), cell.n_samples).get(run.source.digest)
    if stored is None:
        return None
    try:
        with open_stored(run, subject.task, cell, stored) as ask:
            return Shot(cell.n_samples, stored.record.costs.fit_s or 0.0, ask(subject.X))
    except ChildFailure:
        return None  # it is learned again
