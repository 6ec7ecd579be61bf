"""Films of a dive: what a submission learned of a fractal, ever deeper, below the truth."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import repeat
from pathlib import Path

import numpy as np

from mbench.errors import SubmissionError
from mbench.results.estimators import find_stored
from mbench.results.store import ResultStore
from mbench.runs.evaluate import plan_cell
from mbench.runs.learned import open_learned
from mbench.runs.run import Run, open_run
from mbench.sandbox.child_process import ChildFailure
from mbench.suite.tasks import load_task
from mbench.types import FloatArray, IntArray
from mbench.views.learning_film import Film, Report, WatchProgress
from mbench.views.spots import Spot

FPS = 25  # a GIF, which counts in hundredths of a second, has these frames even, too
HOLD_S = 1.0  # that the first and the last frame stay, or a quarter of a short film each


def zoom(
    run: Run, spot: Spot, path: Path, store: ResultStore, seconds: float = 16.0,
    report: Report = lambda progress: None,
) -> Film:  # fmt: skip
    """Film the dive into a landmark, from the submission's stored estimator or else a fresh one, and write the film.

    seconds: that the film takes: a dive at a constant rate, before and after which its picture stays a little.
    Raises UsageError for a task or landmark without a dive, SubmissionError where the submission fails, HarnessError
    where the disk refuses.
    """
    from mbench.views.film_file import check_film_path, encode_film
    from mbench.views.render.dive import OCTAVES, Dive, KeyPicture, draw_dive, plan_octaves
    from mbench.views.render.landmarks import find_landmark, plane_of
    from mbench.views.render.views import pixel_centres

    check_film_path(path)
    source, task = run.source, load_task(spot.task)
    place = find_landmark(task, spot.landmark)
    cell = plan_cell(task, spot.track)
    plane = plane_of(task)
    dive = Dive((place.centre.real, place.centre.imag), plane.lower, plane.upper)
    stored = find_stored(store, (spot.task, spot.track), cell.n_samples).get(source.digest)
    points = [pixel_centres(dive.key_panel(octave)) for octave in range(OCTAVES)]
    learning = partial(report, WatchProgress(source.name, "training", 0, 1))
    predictions: list[FloatArray] = []
    try:
        with open_run(source, run.settings) as opened, open_learned(opened, task, cell, stored, learning) as ask:
            for octave, asked in enumerate(points):
                report(WatchProgress(source.name, "diving", octave, OCTAVES))
                predictions.append(ask(task.scale(asked))[:, 0])
    except ChildFailure as failure:
        raise SubmissionError(f"{source.name}: no dive into {spot.task}: {failure}") from failure
    keys = []
    for octave, values in enumerate(predictions):
        shape = dive.key_panel(octave).shape
        # What lies further off is off the scale already, and its square would overflow.
        shown = np.clip(values.astype(np.float64), -1e100, 1e100).reshape(shape)
        keys.append(KeyPicture(task.truth(points[octave])[:, 0].reshape(shape), shown))
    n_wanted = round(seconds * FPS)
    hold = min(round(HOLD_S * FPS), n_wanted // 4)
    octaves = plan_octaves(max(2, n_wanted - 2 * hold))
    subtitle = f"{spot.task}  ·  {cell.n_samples:,} points  ·  into {place.name}"
    frames = draw_dive(dive, keys, octaves, title=source.name, subtitle=subtitle)

    def held() -> Iterator[IntArray]:
        frame = None
        for number, frame in enumerate(frames):
            report(WatchProgress(path.name, "filming", number + 1, len(octaves)))
            yield from repeat(frame, 1 if number else 1 + hold)
        assert frame is not None
        yield from repeat(frame, hold)

    n_frames = encode_film(path, held(), FPS, [source.digest])
    return Film(path, n_frames, n_frames / FPS, ())
