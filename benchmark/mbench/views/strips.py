"""Strips of what submissions learned: their estimators are asked in children, the arrays are drawn here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mbench.disk import check_place, disk_error
from mbench.errors import SubmissionError, UsageError
from mbench.results.estimators import Stored, find_stored
from mbench.results.lookup import recorded_baselines
from mbench.results.names import tell_apart
from mbench.results.store import ResultStore
from mbench.runs.cells import Cell
from mbench.runs.evaluate import plan_cell
from mbench.runs.learned import open_learned
from mbench.runs.run import open_run
from mbench.runs.settings import Settings
from mbench.sandbox.child_process import ChildFailure
from mbench.submission import Source, baseline_names, baseline_path, read_submission
from mbench.suite.tasks import load_task
from mbench.types import FloatArray
from mbench.views.spots import Spot

MAX_STRIPS = 44


@dataclass(frozen=True, slots=True)
class Drawn:
    """A strip or a sheet of them. left_out: who is not on it, and why."""

    path: Path
    names: tuple[str, ...]
    left_out: tuple[str, ...]


def draw_strips(
    sources: Sequence[Source],
    spot: Spot,
    path: Path,
    store: ResultStore,
    settings: Settings,
    report: Callable[[str], None] = lambda words: None,
) -> Drawn:
    """Draw one submission's strip, or a sheet of several, from their stored estimators or else fresh ones.

    sources: () for all baselines that have a stored estimator in the results folder.
    Raises UsageError for a task or landmark that has no strip, SubmissionError where a single submission fails,
    HarnessError where the disk refuses.
    """
    from mbench.views.render.landmarks import find_landmark
    from mbench.views.render.page import Caption
    from mbench.views.render.strip import COLUMNS, SHEET_COLUMNS, draw_sheet, draw_strip, plan_strip

    if path.suffix.lower() != ".png":
        raise UsageError(f"{path}: a strip ends in .png. Give another --out")
    check_place(path)
    task_name, track = spot.task, spot.track
    task = load_task(task_name)
    place = find_landmark(task, spot.landmark)
    cell = plan_cell(task, track)
    stored = find_stored(store, (task_name, track), cell.n_samples)
    chosen = tell_apart(sources) or [source for source in _baselines() if source.digest in stored]
    if not chosen:
        raise UsageError(
            f"no baseline has a stored estimator of {task_name} on track {track} in {store.folder}. Name files, or run "
            "`mbench reproduce` or `mbench evaluate` first"
        )
    if len(chosen) > MAX_STRIPS:
        raise UsageError(f"{len(chosen)} submissions: a sheet shows {MAX_STRIPS} at most. Name fewer files")
    strip = plan_strip(task, place.centre, COLUMNS if len(chosen) == 1 else SHEET_COLUMNS)
    predictions: dict[str, FloatArray] = {}
    left_out = []
    for source in chosen:
        report(f"{source.name}: asking")
        learning = _say(report, f"{source.name}: learning, nothing stored in {store.folder}")
        try:
            with (
                open_run(source, settings) as run,
                open_learned(run, task, cell, stored.get(source.digest), learning) as ask,
            ):
                predictions[source.name] = ask(strip.X)
        except ChildFailure as failure:
            if len(chosen) == 1:
                raise SubmissionError(f"{source.name}: no strip of {task_name}: {failure}") from failure
            left_out.append(f"{source.name}: {failure}")
    if not predictions:
        raise SubmissionError(f"no submission has a strip of {task_name}: {'; '.join(left_out)}")
    truth = task.truth(strip.points)
    depths = _scored_depths(chosen, stored, cell)
    subtitle = f"{task_name}  ·  {cell.n_samples:,} points  ·  about {place.name}, the angle across, magnification down"
    try:
        if len(chosen) == 1:
            ((name, values),) = predictions.items()
            draw_strip(strip, values, truth, path, Caption(name, subtitle), depths.get(name))
        else:
            note = f"{subtitle}  ·  below, the error"
            draw_sheet(strip, predictions, truth, path, Caption("Where each method lets go", note), depths)
    except OSError as error:
        raise disk_error(path, error) from error
    return Drawn(path, tuple(predictions), tuple(left_out))


def _scored_depths(chosen: Sequence[Source], stored: Mapping[str, Stored], cell: Cell) -> dict[str, float]:
    """Return the depth that was scored of each source, by name: of its stored estimator, else as it is recorded."""
    known = {
        record.source_digest: record
        for found in recorded_baselines()
        for record in found.records
        if (record.task, record.track, record.replicate) == (cell.task, cell.track, cell.replicate) and record.ok
    }
    known |= {digest: each.record for digest, each in stored.items()}
    found = {source.name: known.get(source.digest) for source in chosen}
    return {
        name: record.metrics.profile.depth_octaves
        for name, record in found.items()
        if record is not None and record.metrics is not None and record.metrics.profile is not None
    }


def _baselines() -> list[Source]:
    paths = [baseline_path(name) for name in baseline_names()]
    return [read_submission(path) for path in paths if path is not None]


def _say(report: Callable[[str], None], words: str) -> Callable[[], None]:
    return lambda: report(words)
