"""Films of learning: a submission as of many moments of its training, or trained anew on ever more points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mbench.errors import UsageError
from mbench.results.metrics import skill
from mbench.results.names import tell_apart
from mbench.results.reference import TaskReference, load_reference
from mbench.runs.cells import Cell
from mbench.runs.evaluate import plan_cell
from mbench.runs.settings import Settings
from mbench.submission import Source
from mbench.suite.tasks import load_task
from mbench.views.film_time import Countdown, plan_learning
from mbench.views.footage import Filming, Footage, Report, Subject, shoot
from mbench.views.reel import Cut, Film, Part, plan_paths, write_films
from mbench.views.sentences import PROJECT, tell_learning, title_learning

if TYPE_CHECKING:
    from mbench.views.render.cards import Card
    from mbench.views.render.films import Curve, Race
    from mbench.views.render.scale import Unit
    from mbench.views.render.scenes import Scene

MAX_RACERS = 8  # as many colours as `render.colours.SERIES` has
_MOST_COLUMNS, _FEWEST_COLUMNS = 720, 240  # that a map is asked for


def watch(
    sources: Sequence[Source],
    subject: tuple[str, Filming],
    path: Path,
    settings: Settings,
    cut: Cut,
    report: Report = lambda progress: None,
) -> Film:
    """Film submissions learning a task, on the first sample of a track, and write the film in every shape.

    subject: the task's name, and what is filmed of it.
    Raises UsageError for what cannot be filmed, SubmissionError for a submission that fails, HarnessError where the
    disk refuses.
    """
    from mbench.views.render.films import Race, plan_layout
    from mbench.views.render.page import Caption
    from mbench.views.render.scenes import make_scene
    from mbench.views.render.sheet import plan_sheet

    paths = plan_paths(path, cut)
    if not 0 < len(sources) <= MAX_RACERS:
        raise UsageError(
            f"{len(sources)} submissions: a film shows 1 to {MAX_RACERS}, each in its colour. Name fewer files"
        )
    task_name, filming = subject
    task = load_task(task_name)
    cell = plan_cell(task, filming.track)
    sample = task.draw_sample(cell.n_samples, 0)
    # The shapes differ in how large a map stands on them: it is asked for as the largest needs it.
    sketch = make_scene(task, sample, cell, 8)
    caption = Caption("x", "x")
    widest = max(
        plan_layout(plan_sheet(aspect, cut.lines_of(each)), sketch, len(sources), caption).widest
        for aspect, each in paths.items()
    )
    scene = make_scene(task, sample, cell, min(max(widest, _FEWEST_COLUMNS), _MOST_COLUMNS))
    sources = tell_apart(sources)
    stage = Subject(task, cell, scene.X)
    n_frames = sum(cut.n_frames(each) for each in paths.values())
    report = Countdown(plan_learning(sources, stage, settings, filming, n_frames), report)
    footages = shoot(sources, stage, settings, filming, report)
    reference = load_reference().tasks.get((filming.track, task_name))
    by_seconds = filming.race == "seconds" and len(sources) > 1
    curves = [_curve(each, "seconds" if by_seconds else each.unit, cell, scene, reference) for each in footages]
    race = Race(scene, curves, [[shot.predictions for shot in footage.shots] for footage in footages])
    sentence = tell_learning(cell, footages)

    def make(aspect: str, each: Path) -> Part:
        return _make_part(race, (aspect, each), cut, (title_learning(cell, [f.name for f in footages]), sentence))

    film = write_films(paths, cut, [source.digest for source in sources], make, report)
    notes = [f"{footage.name}: no frame at {reason}" for footage in footages for reason in footage.skipped]
    notes += [f"{each.name}: not filmed while it trains, {each.unconfirmed}" for each in footages if each.unconfirmed]
    return replace(film, notes=tuple(notes))


def _make_part(race: Race, at: tuple[str, Path], cut: Cut, words: tuple[str, str]) -> Part:
    """Return a film of one shape. at: the shape, and its file.  words: title and sentence."""
    from mbench.views.render.cards import Card, Row, draw_card
    from mbench.views.render.colours import SERIES
    from mbench.views.render.films import draw_frames, plan_instants
    from mbench.views.render.page import Caption
    from mbench.views.render.sheet import plan_sheet

    aspect, path = at
    sheet, n_frames = plan_sheet(aspect, cut.lines_of(path)), cut.n_frames(path)
    rows = [Row(curve.name, "", SERIES[number]) for number, curve in enumerate(race.curves)]
    title = Card(*words, tuple(rows) if len(rows) > 1 else (), (PROJECT,))
    instants = plan_instants(race.curves, n_frames)
    frames = draw_frames(sheet, race, instants, n_frames, Caption(*words))
    return Part(draw_card(sheet, title), frames, n_frames, draw_card(sheet, _end_card(race, words[0])))


def _end_card(race: Race, title: str) -> Card:
    """Return what came of it: the best first, by the error on the points shown."""
    from mbench.views.render.cards import Card, Row
    from mbench.views.render.colours import SERIES
    from mbench.views.render.films import tell_result

    order = sorted(range(len(race.curves)), key=lambda number: race.curves[number].errors[-1])
    rows = [
        Row(race.curves[number].name, tell_result(race.scene, race.curves[number], -1), SERIES[number])
        for number in order
    ]
    means = {
        "FVU": "FVU is the share of the variance that is left unexplained, here on the points shown.",
        "error rate": "The error rate is the share of wrong answers, here on the images shown.",
    }
    sentence = means.get(race.scene.measure, "")
    if race.curves[0].scores[-1] is not None:
        sentence += " Skill: 0 has learned nothing, 100 is as good as to interpolate between the sample's points."
    return Card("What came of it" if len(rows) > 1 else title, sentence, tuple(rows), (PROJECT,))


def _curve(footage: Footage, unit: Unit, cell: Cell, scene: Scene, reference: TaskReference | None) -> Curve:
    from mbench.views.render.films import Curve

    errors = [scene.error(shot.predictions) for shot in footage.shots]
    scores = [
        None if reference is None else skill(error, reference.constant_error, reference.knn_error) for error in errors
    ]
    seconds = [shot.seconds for shot in footage.shots]
    # A fit to more points may take less: it is shown once there was time for both.
    positions = np.maximum.accumulate(seconds).tolist() if unit == "seconds" else [s.position for s in footage.shots]
    n_learned = [shot.position if footage.unit == "points" else cell.n_samples for shot in footage.shots]
    return Curve(footage.name, unit, tuple(positions), tuple(seconds), tuple(n_learned), tuple(errors), tuple(scores))
