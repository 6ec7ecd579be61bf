"""Films of learning: a submission as of many moments of its training, or trained anew on ever more points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from mbench.errors import SubmissionError, UsageError
from mbench.results.metrics import skill
from mbench.results.names import tell_apart
from mbench.results.reference import TaskReference, load_reference
from mbench.runs.cells import Cell
from mbench.runs.evaluate import plan_cell
from mbench.runs.in_threads import run_all
from mbench.runs.run import Run, open_run
from mbench.runs.settings import Settings
from mbench.runs.stored import Answered, Unconfirmed, ask_loaded_child, lend_place, take_estimator
from mbench.sandbox.child_process import ChildFailure
from mbench.submission import Source
from mbench.suite import tracks
from mbench.suite.tasks import Task, load_task
from mbench.types import FloatArray, IntArray

if TYPE_CHECKING:
    from mbench.views.render.films import Curve, Unit
    from mbench.views.render.scenes import Scene

FEWEST_POINTS = 100
MAX_RACERS = 8  # as many colours as `render.colours.SERIES` has
HOLD_S = 2.0  # that the last frame stays

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
    """Where the making of a film is: what is done now, for whom, and how much of it is done."""

    name: str
    phase: Literal["training", "asking", "growing", "diving", "filming"]
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Film:
    """What became of a film. notes: what a viewer should know."""

    path: Path
    n_frames: int
    seconds: float
    notes: tuple[str, ...]


Report = Callable[[WatchProgress], None]


@dataclass(frozen=True, slots=True)
class Filming:
    """How a film is made.

    track: whose first sample is learned.  race: what several submissions are held equal by; at equal steps all are
    filmed on growing samples if one of them takes no snapshots.  grow: film on growing samples in any case.  n_shots:
    moments at most.  fps: frames a second.
    """

    track: str
    race: Race = "steps"
    grow: bool = False
    n_shots: int = 48
    fps: int = 10


@dataclass(frozen=True, slots=True)
class Subject:
    """What is learned in front of the camera, and the inputs X (m, d) that are asked at every moment."""

    task: Task
    cell: Cell
    X: FloatArray


def watch(
    sources: Sequence[Source],
    task_name: str,
    path: Path,
    settings: Settings,
    filming: Filming,
    report: Report = lambda progress: None,
) -> Film:
    """Film submissions learning a task, on the first sample of a track, and write the film.

    Raises UsageError for what cannot be filmed, SubmissionError for a submission that fails, HarnessError where the
    disk refuses.
    """
    from mbench.views.film_file import check_film_path, encode_film, frame_s
    from mbench.views.render.films import draw_frames, plan_instants
    from mbench.views.render.page import Caption
    from mbench.views.render.scenes import make_scene

    check_film_path(path)
    if not 0 < len(sources) <= MAX_RACERS:
        raise UsageError(
            f"{len(sources)} submissions: a film shows 1 to {MAX_RACERS}, each in its colour. Name fewer files"
        )
    task = load_task(task_name)
    cell = plan_cell(task, filming.track)
    scene = make_scene(task, task.draw_sample(cell.n_samples, 0), cell.n_samples, 0)
    footages = shoot(tell_apart(sources), Subject(task, cell, scene.X), settings, filming, report)
    unit = "seconds" if filming.race == "seconds" and len(sources) > 1 else footages[0].unit
    reference = load_reference()
    curves = [
        _curve(footage, unit, cell.n_samples, scene, reference.tasks.get((filming.track, task_name)))
        for footage in footages
    ]
    instants = plan_instants(curves, filming.n_shots * (1 if len(sources) == 1 else 2))
    frames = draw_frames(
        scene, curves, [[shot.predictions for shot in footage.shots] for footage in footages], instants, unit,
        Caption("  ·  ".join(footage.name for footage in footages), _subtitle(cell, footages, scene.measure)),
    )  # fmt: skip

    def held() -> Iterator[IntArray]:
        frame = None
        for number, frame in enumerate(frames):
            report(WatchProgress(path.name, "filming", number + 1, len(instants)))
            yield frame
        assert frame is not None
        yield from repeat(frame, round(HOLD_S * filming.fps))

    n_frames = encode_film(path, held(), filming.fps, [source.digest for source in sources])
    notes = [f"{footage.name}: no frame at {reason}" for footage in footages for reason in footage.skipped]
    notes += [f"{each.name}: not filmed while it trains, {each.unconfirmed}" for each in footages if each.unconfirmed]
    return Film(path, n_frames, round(n_frames * frame_s(path, filming.fps), 6), tuple(notes))


def shoot(
    sources: Sequence[Source],
    subject: Subject,
    settings: Settings,
    filming: Filming,
    report: Report = lambda progress: None,
) -> list[Footage]:
    """Return every submission's predictions at many moments, all in the same unit if steps are to be equal."""
    equal_steps, n_shots = filming.race == "steps", filming.n_shots
    footages: list[Footage] = []
    for source in sources:
        with open_run(source, settings) as run:
            taken, unconfirmed = None, ""
            # Once one has grown, a race at equal steps grows them all.
            if not filming.grow and not (equal_steps and any(footage.unit == "points" for footage in footages)):
                try:
                    taken = shoot_training(run, subject, n_shots, report)
                except Unconfirmed as failure:
                    unconfirmed = str(failure)
            footages.append(taken or replace(shoot_growth(run, subject, n_shots, report), unconfirmed=unconfirmed))
    if equal_steps and len({footage.unit for footage in footages}) > 1:
        for index, source in enumerate(sources):
            if footages[index].unit == "steps":
                with open_run(source, settings) as run:
                    footages[index] = shoot_growth(run, subject, n_shots, report)
    return footages


def shoot_training(run: Run, subject: Subject, n_shots: int, report: Report) -> Footage | None:
    """Return predictions as of a submission's snapshots; None for one that takes none, or but one.

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
            if moments is None or len(moments) < 2:
                return None
            report(WatchProgress(name, "asking", 0, 1))
            take_estimator(child, place, limit_s)
            ask_loaded_child(run, task, cell, place, Answered(X, child.predict(X, limit_s)[0]))
            chosen = np.unique(np.linspace(0, len(moments) - 1, min(n_shots, len(moments))).round().astype(int))
            for done, number in enumerate(chosen.tolist()):
                report(WatchProgress(name, "asking", done, len(chosen)))
                child.recall(number)
                predictions, _ = child.predict(X, limit_s)
                shots.append(Shot(moments[number].step, moments[number].seconds, predictions))
    except Unconfirmed:
        raise
    except ChildFailure as failure:
        raise SubmissionError(f"{name}: no film of {cell.task}: {failure}") from failure
    return Footage(name, "steps", tuple(shots))


def shoot_growth(run: Run, subject: Subject, n_shots: int, report: Report) -> Footage:
    """Return predictions of a submission trained anew on 100 → N points, evenly in the logarithm.

    A size on which it fails is left out. Raises SubmissionError where it fails on the largest.
    """
    name, task, cell, X = run.source.name, subject.task, subject.cell, subject.X
    sizes = np.unique(np.geomspace(min(FEWEST_POINTS, cell.n_samples), cell.n_samples, n_shots).round().astype(int))
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

    shots: list[Shot] = []
    failures: list[tuple[int, ChildFailure]] = []
    with closing(run_all(sizes.tolist(), fit, jobs=run.settings.jobs, cancel=run.cancel)) as outcomes:
        for done, outcome in enumerate(outcomes):
            report(WatchProgress(name, "growing", done + 1, len(sizes)))
            if isinstance(outcome, Shot):
                shots.append(outcome)
            elif outcome[0] == cell.n_samples:
                raise SubmissionError(f"{name}: no film of {cell.task}: {outcome[1]}") from outcome[1]
            else:
                failures.append(outcome)
    skipped = [f"{size:,} points: {failure}" for size, failure in sorted(failures, key=lambda pair: pair[0])]
    return Footage(name, "points", tuple(sorted(shots, key=lambda shot: shot.position)), tuple(skipped))


def _curve(footage: Footage, unit: Unit, n_samples: int, scene: Scene, reference: TaskReference | None) -> Curve:
    from mbench.views.render.films import Curve

    errors = [scene.error(shot.predictions) for shot in footage.shots]
    scores = [
        None if reference is None else skill(error, reference.constant_error, reference.knn_error) for error in errors
    ]
    seconds = [shot.seconds for shot in footage.shots]
    # A fit to more points may take less: it is shown once there was time for both.
    positions = np.maximum.accumulate(seconds).tolist() if unit == "seconds" else [s.position for s in footage.shots]
    n_learned = [shot.position if footage.unit == "points" else n_samples for shot in footage.shots]
    return Curve(footage.name, tuple(positions), tuple(seconds), tuple(n_learned), tuple(errors), tuple(scores))


def _subtitle(cell: Cell, footages: Sequence[Footage], measure: str) -> str:
    if all(footage.unit == "points" for footage in footages):
        how = f"trained anew on {footages[0].shots[0].position:,} → {cell.n_samples:,} points"
    else:
        how = f"while it trains on {cell.n_samples:,} points"
    return f"{cell.task}  ·  {how}  ·  {measure} on the points shown"
