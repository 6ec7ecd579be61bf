"""Films of a dive: what a submission learned of a fractal, ever deeper, beside the truth, until it is lost."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mbench.errors import SubmissionError
from mbench.results.estimators import Stored, find_stored
from mbench.results.store import ResultStore
from mbench.runs.cells import Cell
from mbench.runs.evaluate import evaluate_source, plan_cell
from mbench.runs.learned import open_learned
from mbench.runs.run import Run, open_run
from mbench.sandbox.child_process import ChildFailure
from mbench.suite.tasks import Task, load_task
from mbench.views.film_time import START_S, Countdown, Plan, find_cost
from mbench.views.footage import Report, WatchProgress
from mbench.views.reel import Cut, Film, Part, plan_paths, write_films
from mbench.views.sentences import PROJECT, tell_dive
from mbench.views.spots import Spot

if TYPE_CHECKING:
    from mbench.views.render.cards import Card
    from mbench.views.render.dive import Course, Dive, KeyPicture


@dataclass(frozen=True, slots=True)
class Place:
    """Where a film dives. name: of the landmark."""

    task: Task
    cell: Cell
    dive: Dive
    name: str


def zoom(
    run: Run, spot: Spot, path: Path, store: ResultStore, cut: Cut, report: Report = lambda progress: None
) -> Film:
    """Film the dive into a landmark, until two octaves after the prediction is lost, and write it in every shape.

    The submission's stored estimator is asked. Where there is none the cell is evaluated first and kept in the store,
    so that it is learned once.
    Raises UsageError for a task or landmark without a dive, SubmissionError where the submission fails, HarnessError
    where the disk refuses.
    """
    from mbench.views.render.dive import OCTAVES, Dive, take_course
    from mbench.views.render.landmarks import find_landmark, plane_of

    paths = plan_paths(path, cut)
    source, task = run.source, load_task(spot.task)
    landmark, plane = find_landmark(task, spot.landmark), plane_of(task)
    dive = Dive((landmark.centre.real, landmark.centre.imag), plane.lower, plane.upper)
    place = Place(task, plan_cell(task, spot.track), dive, landmark.name)
    stored = find_stored(store, (spot.task, spot.track), place.cell.n_samples).get(source.digest)
    cost = find_cost(source, place.cell, store)
    rows, columns = dive.key_panel(0).shape
    way = {"training": 0.0 if stored else 2 * START_S + cost.fit_s, "diving": OCTAVES * rows * columns * cost.point_s}
    n_frames = sum(cut.n_frames(each) for each in paths.values())
    report = Countdown(Plan({source.name: (way,)}, n_frames, cost.is_measured), report)
    try:
        with open_run(source, run.settings) as opened:
            stored = stored or _learn(opened, place, store, report)
            with closing(_ask_keys(opened, place, stored, report)) as keys:
                course = take_course(dive, keys)
    except ChildFailure as failure:
        raise SubmissionError(f"{source.name}: no dive into {spot.task}: {failure}") from failure
    words = f"{source.name}, ever deeper", tell_dive(place.cell, source.name, place.name)
    depth = _depth_of(stored)

    def make(aspect: str, each: Path) -> Part:
        return _make_part((dive, course), (aspect, each), cut, words, _end_card(source.name, course, depth))

    return write_films(paths, cut, [source.digest], make, report)


def _learn(run: Run, place: Place, store: ResultStore, report: Report) -> Stored | None:
    """Evaluate the cell, which stores its score and its estimator; None where that cannot be stored."""
    report(WatchProgress(run.source.name, "training", 0, 1))
    (record,) = evaluate_source(run, [place.cell], store)[0].records
    if not record.ok:
        raise SubmissionError(f"{run.source.name}: no dive into {record.task}: {record.reason}")
    stored = Stored(record, store)
    return stored if stored.artifact.exists() else None


def _ask_keys(run: Run, place: Place, stored: Stored | None, report: Report) -> Generator[KeyPicture]:
    """Yield key pictures from octave 0 on, each asked when it is its turn."""
    from mbench.views.render.dive import OCTAVES, KeyPicture
    from mbench.views.render.views import pixel_centres

    name, task = run.source.name, place.task
    learning = partial(report, WatchProgress(name, "training", 0, 1))
    with open_learned(run, task, place.cell, stored, learning) as ask:
        for octave in range(OCTAVES):
            report(WatchProgress(name, "diving", octave, OCTAVES))
            panel = place.dive.key_panel(octave)
            points = pixel_centres(panel)
            # What lies further off is off the scale already, and its square would overflow.
            shown = np.clip(ask(task.scale(points))[:, 0].astype(np.float64), -1e100, 1e100)
            yield KeyPicture(task.truth(points)[:, 0].reshape(panel.shape), shown.reshape(panel.shape))


def _make_part(dived: tuple[Dive, Course], at: tuple[str, Path], cut: Cut, words: tuple[str, str], end: Card) -> Part:
    """Return a film of one shape. at: the shape, and its file.  words: title and sentence."""
    from mbench.views.render.cards import Card, draw_card
    from mbench.views.render.dive import draw_dive, plan_octaves
    from mbench.views.render.page import Caption
    from mbench.views.render.sheet import plan_sheet

    (dive, course), (aspect, path) = dived, at
    sheet, n_frames = plan_sheet(aspect, cut.lines_of(path)), cut.n_frames(path)
    frames = draw_dive(sheet, dive, course, plan_octaves(n_frames, course.end), Caption(*words))
    title = draw_card(sheet, Card(*words, (), (PROJECT,)))
    return Part(title, frames, n_frames, draw_card(sheet, end))


def _end_card(name: str, course: Course, depth: float | None) -> Card:
    """Return where the prediction was lost. depth: of the scored test points, where it was scored."""
    from mbench.views.render.cards import Card, Row
    from mbench.views.render.dive import tell_magnification

    rows = [] if depth is None else [Row("its depth over all scored places", f"{depth:.1f} octaves")]
    if course.lost is None:
        title = f"{name} held to the end"
        deepest = tell_magnification(course.end)
        sentence = f"At this one point it explains half or more of what is there, down to windows × {deepest}."
    else:
        title = f"Lost at octave {course.lost:.1f}"
        sentence = (
            f"At this one point {name} explains half or more of what is there until the window is "
            f"{tell_magnification(course.lost)} times narrower than the whole, and less from there on."
        )
    return Card(title, sentence, tuple(rows), (PROJECT,))


def _depth_of(stored: Stored | None) -> float | None:
    metrics = None if stored is None else stored.record.metrics
    return metrics.profile.depth_octaves if metrics and metrics.profile else None
