"""What Python users call: `mbench.evaluate`, `mbench.load_sample`, `mbench.study` and `mbench.write_film`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mbench.arguments import (
    LEAST_MEMORY_MB,
    MOST_THREADS,
    take_choice,
    take_flag,
    take_names,
    take_path,
    take_real,
    take_text,
    take_whole,
)
from mbench.errors import MbenchError, UsageError
from mbench.results.kept import listening
from mbench.results.log import Attempt
from mbench.results.lookup import manner, newest_result
from mbench.results.names import find_source, resolve_name
from mbench.results.origins import keep_replaced, write_origin
from mbench.results.record import Record, Result
from mbench.results.reference import load_reference
from mbench.results.scoring import Entry, score_entry
from mbench.results.store import RESULT_NAME, ResultStore, Wanted, write_result
from mbench.runs import practice as practising
from mbench.runs.cells import protocol_digest
from mbench.runs.diary import Diary
from mbench.runs.evaluate import Elsewhere, check_cells, check_task, evaluate_source, plan_cells
from mbench.runs.progress import Report
from mbench.runs.run import Run, open_run
from mbench.runs.settings import Settings
from mbench.sandbox.child_process import MEMORY_LIMIT_MB, unseen_variables
from mbench.sandbox.tiers import choose_isolation, has_gpu
from mbench.submission import Source, pickle_submission
from mbench.suite import tracks
from mbench.suite.secrets import PUBLIC, name_test_set
from mbench.suite.tasks import load_task
from mbench.suite.tracks import SUITE_VERSION as SUITE_VERSION
from mbench.types import DEVICES, FloatArray, IntArray, Sample
from mbench.views.backend import import_matplotlib
from mbench.views.pictures import Drawing, draw_pictures
from mbench.words import count_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from mbench.results.studies import StudyRecord
    from mbench.runs.run_study import Plan, Say

MOST_FPS = 100  # a GIF counts in hundredths of a second


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of `evaluate` came to. attempt: what the log keeps of it, None where it keeps none."""

    result: Result
    entry: Entry
    missing: dict[str, str]
    notes: tuple[str, ...]
    paths: tuple[Path, ...]
    attempt: Attempt | None = None

    @property
    def warnings(self) -> list[str]:
        """What whoever reads the scores should know: a line for each task that was left out, and the notes."""
        return [*(f"{task} was left out: {reason}" for task, reason in self.missing.items()), *self.notes]


def default_jobs(threads: int) -> int:
    """Return how many submissions this machine can run at once without sharing cores."""
    return max(1, len(os.sched_getaffinity(0)) // threads if hasattr(os, "sched_getaffinity") else 1)


def make_settings(
    jobs: int | None = None,
    threads: int = 1,
    device: str = "cpu",
    memory_limit_mb: float = MEMORY_LIMIT_MB,
    resume: bool | str = True,
    isolation: str | None = None,
    unsafe_no_sandbox: bool = False,
    secret: bytes | None = None,
    here: bool = True,
) -> Settings:
    """Return settings with the defaults of this machine filled in.

    isolation: "A", "B" or "C", or None for the strongest tier there is. Raises UsageError where it or the device is not
    to be had, and for tier C, which is no sandbox, without `unsafe_no_sandbox`.  secret: of a hidden test set.
    resume: are cells kept that are done? "any" keeps those, too, whose libraries are of another version now.
    here: does anything of a submission run on this machine? If not, it needs neither sandbox nor device.
    """
    threads = take_whole("threads", threads, 1, MOST_THREADS)
    jobs = None if jobs is None else take_whole("jobs", jobs, 1)
    take_choice("device", device, DEVICES)
    memory_limit_mb = take_real("memory_limit_mb", memory_limit_mb, LEAST_MEMORY_MB)
    take_flag("unsafe_no_sandbox", unsafe_no_sandbox)
    if not isinstance(resume, bool) and resume not in ("same", "any"):
        raise UsageError(f"resume={resume!r}: expected True, False, or 'any' for cells whose libraries differ, too")
    if here and device == "cuda" and not has_gpu():
        raise UsageError("device cuda: this machine has no NVIDIA driver. Run it where there is one, or on the CPU")
    return Settings(
        threads=threads,
        device=device,
        jobs=jobs or default_jobs(threads),
        fresh=not resume,
        keep_outdated=resume == "any",
        memory_limit_mb=memory_limit_mb,
        isolation=choose_isolation(isolation, allow_none=unsafe_no_sandbox, device=device)
        if here
        else choose_isolation(allow_none=True),
        secret=secret,
    )


def run_evaluation(
    source: Source,
    *,
    track: str = tracks.DEFAULT_TRACK,
    tasks: Sequence[str] = (),
    replicates: int | None = None,
    out: Path = Path("results"),
    pictures: bool = True,
    elsewhere: Elsewhere | None = None,
    report: Report = lambda progress: None,
    scored: Callable[[Outcome], None] = lambda outcome: None,
    practice: bool = False,
    note: str | None = None,
    **running: Any,
) -> Outcome:
    """Evaluate a submission, write `out/NAME/TRACK/result.json` and the pictures beside it.

    elsewhere: where cells run instead of on this machine, which then draws the pictures only.
    scored: is told what the run came to before anything is drawn. Pictures that fail cost a note.
    practice: on samples and test points of which no score is made. Then all of it lies in `out/practice`, no picture is
    drawn, and the entry is never complete.
    note: what the log keeps beside the scores, "" for nothing; None where the log is not to keep the run at all.
    running: see `make_settings`. What was scored on a hidden test set lies in a folder of its own in that one, so that
    it never stands for the submission's public result.
    """
    take_flag("pictures", pictures)
    note = None if note is None else take_text("note", note)
    if take_flag("practice", practice) and (elsewhere is not None or running.get("secret") is not None):
        raise UsageError("practice has test points of its own, and runs here: no hidden ones, no cluster")
    pictures = pictures and not practice
    settings = make_settings(here=elsewhere is None or pictures, **running)
    check_cells(track, tasks, replicates)
    if practice:
        settings = replace(settings, secret=practising.SECRET)
    test_set = name_test_set(settings.secret)
    place = out / practising.FOLDER if practice else out
    folder = place / source.name / track
    if settings.secret is not None and not practice:
        folder /= test_set.replace(":", "-")[:15]
    paths = [folder / RESULT_NAME]
    diary = Diary(out, source, note, report)
    # First of all: it imports while we plan.
    with nullcontext(Run(source, settings, report=diary)) if elsewhere else open_run(source, settings, diary) as run:
        if practice:
            plan = practising.plan_practice(track, tasks, replicates)
            cells, missing = plan.cells, plan.missing
        else:
            cells, missing = plan_cells(track, tasks, replicates)
        store = practising.PracticeStore(place) if practice else ResultStore(place)
        expect = getattr(report, "expect", None)  # a display wants to know how many there will be
        if expect is not None:
            expect(cells)
        load = practising.load_practice_task if practice else load_task
        with diary:
            result, set_aside = evaluate_source(run, cells, store, elsewhere=elsewhere, load=load)
        # What was run before in the same way counts, too: an evaluation may be made task by task.
        of_run = {record.key for record in result.records if not record.is_our_failure}
        kept = [
            record for record in store.records(of_run, _is_of(source, track, test_set)) if not record.is_our_failure
        ]
        result = replace(result, records=_make_newest(result.records, kept, store))
        whole = newest_result(source.name, [*kept, *result.records])
        replaced = keep_replaced(folder, source)
        write_result(paths[0], whole)
        write_origin(folder, source)
        notes = [replaced] if replaced else []
        notes += [f"a damaged record was set aside as {path} and its cell run again" for path in set_aside]
        notes += _tell_hidden(kept, whole)
        notes += [diary.trouble] if diary.trouble else []
        if unseen := unseen_variables(source):
            notes.append(
                f"it reads {', '.join(unseen)}: no environment variable of yours reaches a submission's process"
            )
        if data := source.data_beside:
            notes.append(f"it names {', '.join(data)}, beside it: no data travels with a submission")
        entry = score_entry(source.name, track, whole.records, load_reference())
        outcome = Outcome(result, entry, missing, tuple(notes), tuple(paths), diary.attempt)
        scored(outcome)
        return _add_pictures(outcome, run, store, folder) if pictures else outcome


def _add_pictures(outcome: Outcome, run: Run, store: ResultStore, folder: Path) -> Outcome:
    """Draw what was learned: whatever goes wrong is a note, since the scores stand without it."""
    try:
        drawings = draw_pictures(run, outcome.result.records, store, folder, load_reference())
    except Exception as error:
        what = str(error) if isinstance(error, MbenchError) else f"{type(error).__name__}: {error}"
        drawings = [Drawing(None, f"no pictures, {what}. The scores stand; `mbench render` draws from what is stored")]
    return replace(
        outcome,
        notes=(*outcome.notes, *(each.reason for each in drawings if each.reason)),
        paths=(*outcome.paths, *(each.path for each in drawings if each.path)),
    )


def _is_of(source: Source, track: str, test_set: str) -> Wanted:
    digest = source.digest
    return lambda each: (each.source_digest, each.track, each.test_set) == (digest, track, test_set)


def _tell_hidden(kept: Sequence[Record], whole: Result) -> list[str]:
    """Return lines on cells that were run before in another way, and are not among the results for that."""
    shown = {(record.task, record.replicate) for record in whole.records}
    hidden = {(r.task, r.replicate): r for r in kept if (r.task, r.replicate) not in shown}.values()
    notes = []
    if old := [record for record in hidden if record.harness_digest != protocol_digest()]:
        notes.append(f"cells run by another version of mbench, not shown, evaluate them again: {_name_cells(old)}")
    if others := [record for record in hidden if record.harness_digest == protocol_digest()]:
        ways = sorted({f"{count_of(r.threads, 'thread')} on {r.device}" for r in others})
        how = "not shown beside these, the same command as then shows them"
        notes.append(f"cells run with {' or '.join(ways)}, {how}: {_name_cells(others)}")
    return notes


def _name_cells(records: Sequence[Record]) -> str:
    return ", ".join(f"{task} r{replicate}" for task, replicate in sorted((r.task, r.replicate) for r in records))


def _make_newest(records: Sequence[Record], others: Sequence[Record], store: ResultStore) -> tuple[Record, ...]:
    """Return a run's records, stamped and stored anew where others were made after them in another way.

    Every verb tells of the newest records: so they tell of what was asked for last, though it was run before.
    """
    done = [record for record in records if not record.is_our_failure]
    cells = {(record.task, record.replicate) for record in done}
    ways = {manner(record) for record in done}
    rivals = [o.created for o in others if manner(o) not in ways or (o.task, o.replicate) in cells]
    if not done or max(rivals, default="") <= min(record.created for record in done):
        return tuple(records)
    made = {record.key: replace(record, created=store.stamp()) for record in done}
    for record in made.values():
        store.write(record)
    return tuple(made.get(record.key, record) for record in records)


def render(
    source: Source,
    *,
    track: str = tracks.DEFAULT_TRACK,
    tasks: Sequence[str] = (),
    out: Path = Path("results"),
    report: Report = lambda progress: None,
    **running: Any,
) -> list[Drawing]:
    """Draw an evaluated submission from its stored estimators. Raises UsageError where there is nothing to draw."""
    from mbench.views.render.views import plan_picture

    for task in tasks:
        if plan_picture(load_task(task)) is None:
            raise UsageError(f"{task}: there is no picture of this task. Leave it out")
    store = ResultStore(out)
    records = store.records(wanted=_is_of(source, track, PUBLIC))
    if not records:
        raise UsageError(
            f"{source.name}: nothing of this very source on track {track} in {out}. Run `mbench evaluate` first"
        )
    if tasks and not any(record.task in tasks for record in records):
        raise UsageError(
            f"{source.name}: {', '.join(tasks)} was not evaluated on track {track} in {out}. Run `mbench evaluate` "
            "with --task first, or leave it out"
        )
    records = [record for record in records if not tasks or record.task in tasks]
    first = [r for r in newest_result(source.name, records).records if r.replicate == 0]
    folder = out / source.name / track
    settings = make_settings(**running)
    with open_run(source, settings, report) as run:
        return draw_pictures(run, first, store, folder, load_reference())


def evaluate(
    submission: str | os.PathLike[str] | Callable[[Any], Any] | Any,
    *,
    track: str = tracks.DEFAULT_TRACK,
    tasks: str | Sequence[str] = (),
    replicates: int | None = None,
    results: str | os.PathLike[str] = "results",
    pictures: bool = False,
    jobs: int | None = None,
    threads: int = 1,
    device: str = "cpu",
    resume: bool | str = True,
    isolation: str | None = None,
    unsafe_no_sandbox: bool = False,
    practice: bool = False,
    note: str = "",
    out: str | os.PathLike[str] | None = None,
) -> pd.DataFrame:
    """Evaluate a submission and return one row per cell.

    submission: a file, a folder or a name, a `build(spec)` function, an estimator, or an estimator's class. Of an
    estimator a fresh copy with its parameters learns each cell; of a class that needs no arguments, `kind()`.

    results: the results folder; out is what it was called before.
    practice: on samples and test points of which no score is made.  note: what `mbench log` shows beside the scores.

    Columns: name, track, task, family, replicate, status, reason, error, psnr_db, depth_octaves, skill, depth_skill,
    fit_s, fit_wall_s, import_s, predict_us_per_point, n_params, model_bytes, peak_memory_mb. The entry's scores are in
    `.attrs["entry"]`, as `mbench evaluate --json` prints them, its number in the log in `.attrs["log"]`.

    Warns of tasks whose data is not here, and of what else should be known.

    Where no sandbox is to be had, only `unsafe_no_sandbox=True` runs the submission, and its results are unverified.
    Raises UsageError and SubmissionError as the command does; a cell that failed is a row with its status.
    """
    import pandas as pd

    from mbench.board.formats import entry_as_json

    if out is not None:
        warnings.warn("out is called results now, and goes with the next version", FutureWarning, stacklevel=2)
        results = out
    tasks = take_names("tasks", tasks)
    folder = Path(take_path("results", results))
    if not isinstance(submission, str | os.PathLike):
        source = pickle_submission(submission)
    else:
        named = resolve_name(os.fspath(submission), folder)
        if named.note:
            warnings.warn(named.note, stacklevel=2)
        source = find_source(named)
    with listening() as heard:
        outcome = run_evaluation(
            source, track=track, tasks=tasks, replicates=replicates, out=folder, pictures=pictures, jobs=jobs,
            threads=threads, device=device, resume=resume, isolation=isolation, unsafe_no_sandbox=unsafe_no_sandbox,
            practice=practice, note=note,
        )  # fmt: skip
    for line in (*outcome.warnings, *dict.fromkeys(heard)):
        warnings.warn(line, stacklevel=2)
    reference = load_reference()
    rows = []
    for record in outcome.result.records:
        alone = score_entry(record.submission, track, [record], reference).tasks  # none of a failure of ours
        scores = ("error", "psnr_db", "depth_octaves", "skill", "depth_skill")
        rows.append(
            {
                "name": record.submission,
                "track": record.track,
                "task": record.task,
                "family": tracks.family_of(record.task),
                "replicate": record.replicate,
                "status": record.status,
                "reason": record.reason,
                **{score: getattr(alone[0], score) if alone else None for score in scores},
                "fit_s": record.costs.fit_s,
                "fit_wall_s": record.costs.fit_wall_s,
                "import_s": record.costs.import_s,
                "predict_us_per_point": record.costs.predict_us_per_point,
                "n_params": record.costs.n_params,
                "model_bytes": record.costs.model_bytes,
                "peak_memory_mb": record.costs.peak_memory_mb,
            }
        )
    table = pd.DataFrame(rows)
    table.attrs["entry"] = entry_as_json(outcome.entry)
    table.attrs["log"] = None if outcome.attempt is None else outcome.attempt.number
    return table


def load_sample(task: str, n: int, replicate: int = 0) -> tuple[FloatArray, FloatArray]:
    """Return the first n points of a replicate's sample, as a submission gets them: X (n, d), y (n, k) float64.

    Raises UsageError for an unknown task, for an n or a replicate that is no whole number, and where the task or this
    machine's memory has fewer points.
    """
    sample = draw_sample(take_text("task", task), take_whole("n", n, 1), take_whole("replicate", replicate))
    return sample.X, sample.y


def draw_sample(task: str, n: int, replicate: int) -> Sample:
    """Return the first n points of a replicate's sample, with where they lie. Raises UsageError as `load_sample`."""
    check_task(task)
    try:
        return load_task(task).draw_sample(n, replicate)
    except ValueError as error:
        raise UsageError(f"n={n}: {error}. Choose a smaller one") from None
    except MemoryError:
        raise UsageError(f"n={n}: more points than this machine's memory holds. Choose a smaller one") from None


def write_film(
    path: str | os.PathLike[str],
    frames: Iterable[tuple[int, FloatArray | IntArray | Figure]],
    *,
    fps: int = 10,
    task: str | None = None,
    shape: tuple[int, int] | None = None,
    title: str | None = None,
) -> int:
    """Write an MP4, GIF or WebP, as the path ends, of pairs (step, picture), and return how many frames it has.

    A picture is one of:
    - predictions, numbers in the colours of mbench's other pictures: (rows, columns) or (rows, columns, 1) values from
      0 to 1, (rows, columns, 3) colours from 0 to 1, or with `shape` the same point by point, row by row from the top
      left, (m,) or (m, k). What lies outside is clipped, what is no number is black.
    - a picture (rows, columns, 3) uint8, shown as it is.
    - a matplotlib Figure, drawn at its own size when it is its turn: one figure may be changed and handed in again.

    frames: a list or a generator. An MP4 takes one frame at a time, a GIF and a WebP need all of them in memory.
    fps: frames a second, 1 to 100, in a GIF to the nearest hundredth of a second.
    task: what the predictions are of, a fractal or a photo. A photo's `shape` is known.
    title: written over every picture, beside its step; None for neither.
    All pictures have one size. An odd height or width gets one row or column of background more, and a GIF is at most
    800 pixels wide. The file appears when it is whole: whatever ends this earlier, Ctrl-C, too, leaves what was there.
    Raises UsageError, before the first frame is asked for, where the path or an option doesn't fit, and later for a
    frame that does not fit; HarnessError where the disk refuses.
    """
    import_matplotlib()
    from mbench.views.film_file import encode_film
    from mbench.views.film_frames import draw_frames, plan_showing

    return encode_film(
        Path(take_path("path", path)),
        draw_frames(frames, plan_showing(task, shape, title)),
        take_whole("fps", fps, 1, MOST_FPS),
    )


def study(
    name: str,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    out: str | os.PathLike[str] = "results/studies",
    film: str | os.PathLike[str] | None = None,
    fresh: bool = False,
    **settings: Any,
) -> StudyRecord:
    """Run a study over its seeds, write what came of it to `out/NAME`, and return its record.

    settings: the study's own, and scale="full" for the long version.  film: where its film goes instead of
    `out/NAME/film.mp4`.  fresh: run the seeds again that are kept from before.
    Raises UsageError, before anything runs, for an unknown study or setting, a value out of range, and missing data.
    """
    import_matplotlib()
    from mbench.runs.run_study import plan_study

    where = None if film is None else Path(take_path("film", film))
    if not isinstance(seeds, Iterable) or isinstance(seeds, str):
        raise UsageError(f"seeds={seeds!r}: expected a list of whole numbers")
    numbers = tuple(take_whole("seeds", seed) for seed in seeds)
    folder = Path(take_path("out", out))
    return write_study(plan_study(name, settings, numbers, folder, film is not None, take_flag("fresh", fresh)), where)[
        0
    ]


def write_study(
    plan: Plan, film: Path | None = None, say: Say = lambda seed, words: None
) -> tuple[StudyRecord, tuple[Path, ...]]:
    """Run a plan; write record.json, series.npz, figure.png and, where the study makes one, film.mp4.

    film: where that goes instead. It is made again only where it is not there, or its seed is run again.
    Returns the record and the paths.
    """
    from mbench.results.studies import RECORD_NAME, write_record
    from mbench.runs.run_study import run_study, write_series
    from mbench.views.film_file import check_film_path
    from mbench.views.render.page import plain_style
    from mbench.views.study import save_figure
    from mbench.views.study_film import write_study_film

    film = film or plan.folder / "film.mp4"
    if plan.study.shows:
        check_film_path(film)
        is_new = plan.fresh or not film.exists() or not plan.seed_path(plan.seeds[0]).exists()
        plan = replace(plan, films=is_new)
    ran = run_study(plan, say)
    paths = [plan.folder / RECORD_NAME, write_series(plan.folder, ran.found), plan.folder / "figure.png"]
    write_record(paths[0], ran.record)
    with plain_style():
        save_figure(plan.study.draw(ran.found), paths[2])
    if ran.shots:
        write_study_film(film, ran.shots, f"{plan.study.name}: {plan.study.shows}")
    return ran.record, (*paths, film) if plan.study.shows and film.exists() else tuple(paths)
