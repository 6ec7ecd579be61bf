"""Pictures of what a submission learned: its stored estimator is asked in a child, the arrays are drawn here."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mbench.disk import disk_error
from mbench.errors import HarnessError, MbenchError
from mbench.results.estimators import Stored
from mbench.results.metrics import find_metric
from mbench.results.record import Record
from mbench.results.reference import Reference
from mbench.results.scoring import score_entry
from mbench.results.store import ResultStore
from mbench.runs.cells import Cell
from mbench.runs.in_threads import run_all
from mbench.runs.progress import Progress
from mbench.runs.run import Run
from mbench.runs.stored import open_stored
from mbench.sandbox.child_process import ChildFailure, Interrupted
from mbench.suite import tracks
from mbench.suite.tasks import Task, find_task, load_task
from mbench.suite.tasks.looks import Line
from mbench.views.backend import import_matplotlib

CARD_NAME = "card.png"  # the whole set and the depth profile: what a README shows
STRIP_NAME = "strip.png"  # every depth about one point


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture, or why there is none."""

    path: Path | None
    reason: str = ""


def draw_pictures(
    run: Run, records: Sequence[Record], store: ResultStore, folder: Path, reference: Reference
) -> list[Drawing]:
    """Draw every task that can be looked at, from the stored estimators of replicate 0, and the depth profiles.

    A picture that was drawn from the same cell is kept. A submission that fails here, or whose stored estimator does
    not answer as was scored, loses the picture only.
    Raises HarnessError when the disk refuses.
    """
    try:
        return _draw_pictures(run, records, store, folder, reference)
    except OSError as error:
        raise disk_error(folder, error, "Scores are kept") from error


def _draw_pictures(
    run: Run, records: Sequence[Record], store: ResultStore, folder: Path, reference: Reference
) -> list[Drawing]:
    import_matplotlib()
    from mbench.views.render.draw import draw_depth_profile
    from mbench.views.render.page import read_fit

    folder.mkdir(parents=True, exist_ok=True)
    drawable = [r for r in records if r.replicate == 0 and find_task(r.task).has_picture]

    def draw(record: Record) -> list[Drawing]:
        places = _places(folder, record.task)
        stored = Stored(record, store)
        for place in places:
            if read_fit(place) != record.fit_id:  # of another version of the submission, or of another fit
                place.unlink(missing_ok=True)
        if not record.ok:
            return [Drawing(None, f"{record.task}: no picture, the cell ended with {record.status}")]
        if not stored.artifact.exists():
            return [Drawing(None, f"{record.task}: no picture, the fitted estimator is not stored")]
        try:
            task = load_task(record.task)
        except MbenchError as error:
            return [Drawing(None, f"{record.task}: no picture, {error}")]
        if task.digest() != record.task_digest:
            return [Drawing(None, f"{record.task}: no picture, its task has changed since. Evaluate it again")]
        if run.settings.fresh or not all(place.exists() for place in places):
            try:
                _draw_cell(run, stored, task, places[0], reference)
            except ChildFailure as failure:
                return [Drawing(None, f"{record.task}: no picture, {failure}")]
            except (Interrupted, OSError, HarnessError):
                raise
            except Exception as error:  # of one picture: the others are drawn
                return [Drawing(None, f"{record.task}: no picture, {type(error).__name__}: {error}")]
        return [Drawing(place) for place in places]

    drawings = [each for found in run_all(drawable, draw, jobs=run.settings.jobs, cancel=run.cancel) for each in found]
    profiles = {r.task: r.metrics.profile for r in drawable if r.metrics and r.metrics.profile}
    depth = folder / "depth.png"
    if profiles:
        drawings.append(Drawing(draw_depth_profile(profiles, depth, title=run.source.name)))
    elif any(r.task in tracks.FAMILIES["mandelbrot"] for r in drawable):
        depth.unlink(missing_ok=True)  # of another version of the submission
    return sorted(drawings, key=lambda drawing: str(drawing.path))


def _draw_cell(run: Run, stored: Stored, task: Task, path: Path, reference: Reference) -> None:
    from mbench.views.render.draw import draw_card, draw_picture
    from mbench.views.render.landmarks import find_landmark
    from mbench.views.render.page import Caption
    from mbench.views.render.strip import draw_strip, plan_strip
    from mbench.views.render.views import plan_picture

    record = stored.record
    plan = plan_picture(task)
    assert plan is not None
    place = find_landmark(task, None) if record.task == "mandelbrot" else None
    strip = plan_strip(task, place.centre) if place is not None else None
    cell = Cell(record.task, record.track, record.replicate, record.n_samples, record.fit_limit_s)
    run.report(Progress(cell, "drawing"))
    with open_stored(run, task, cell, stored) as ask:
        predictions = ask(plan.X)
        unrolled = None if strip is None else ask(strip.X)
    truth = task.truth(plan.points)
    caption = Caption(run.source.name, _subtitle(record, reference), record.fit_id)
    sample = task.draw_sample(record.n_samples, record.replicate) if isinstance(plan.look, Line) else None
    profile = record.metrics.profile if record.metrics else None
    if record.task == "mandelbrot":
        draw_card(plan, predictions, truth, profile, path.with_name(CARD_NAME), caption)
    if place is not None and strip is not None and unrolled is not None:
        depth = profile.depth_octaves if profile else None
        words = f"{record.task}  ·  {record.n_samples:,} points  ·  about {place.name}, the angle across"
        about = replace(caption, subtitle=words)
        draw_strip(strip, unrolled, task.truth(strip.points), path.with_name(STRIP_NAME), about, depth)
    draw_picture(plan, predictions, truth, path, caption, sample)
    run.report(Progress(cell, "drawn"))


def _subtitle(record: Record, reference: Reference) -> str:
    """Return the picture's second line: task, sample, and how well it was learned."""
    score = score_entry(record.submission, record.track, [record], reference).tasks[0]
    error, *others = map(find_metric, find_task(record.task).metrics)
    parts = [record.task, f"{record.n_samples:,} points", f"{error.label} {score.error:.3g}"]
    parts += [metric.show(score.further[metric.name]) for metric in others if metric.name in score.further]
    if score.depth_octaves is not None:
        parts.append(f"depth {score.depth_octaves:.2f} octaves")
    if score.skill is not None:
        parts.append(f"skill {score.skill:.0f}")
    if score.depth_skill is not None:
        parts.append(f"depth skill {score.depth_skill:.0f}")
    return "  ·  ".join(parts)


def _places(folder: Path, task: str) -> list[Path]:
    """Return the pictures that are drawn of a task, the sheet first."""
    others = (CARD_NAME, STRIP_NAME) if task == "mandelbrot" else ()
    return [folder / name for name in (f"{_file_name(task)}.png", *others)]


def _file_name(task: str) -> str:
    """Return a file name for a task; of `image:PATH` the picture's own name, and a digest for its folder."""
    if not task.startswith(tracks.IMAGE_PREFIX):
        return task
    path = task.removeprefix(tracks.IMAGE_PREFIX)
    return f"image-{Path(path).stem}-{hashlib.sha256(path.encode()).hexdigest()[:6]}"
