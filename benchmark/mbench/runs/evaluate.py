"""Sample → child → score → record, cell by cell. (`mbench.evaluate` is the public function, hence this name.)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from mbench.arguments import take_choice, take_names, take_whole
from mbench.errors import HarnessError, MbenchError, MissingDataError, UsageError
from mbench.results.environment import describe_environment
from mbench.results.metrics import Answers, depth_profile, error_blocks, find_metric
from mbench.results.predictions import predictions_digest
from mbench.results.record import SCHEMA_VERSION, Costs, Metrics, Record, Result
from mbench.results.store import ResultStore
from mbench.runs.cells import N_REPEATED, Cell, cell_key, make_spec, protocol_digest
from mbench.runs.in_threads import run_all
from mbench.runs.libraries import compare_libraries, find_libraries
from mbench.runs.progress import Progress
from mbench.runs.run import Run
from mbench.runs.stored import EndedBySaving, lend_place, store_and_ask
from mbench.sandbox.child_process import ChildFailure, Interrupted
from mbench.sandbox.limits import Took
from mbench.suite import tracks
from mbench.suite.secrets import PUBLIC, name_test_set
from mbench.suite.tasks import Task, find_task, load_task
from mbench.types import FloatArray, Queries, Tier
from mbench.words import suggest

# Later replicates belong to `mbench tune`, so that no score is made of a sample that settings were chosen by.
FIRST_TUNING_REPLICATE = 1_000
_PART_VALUES = 1 << 20  # of X in memory at once: 8 MB, and several times that while it is drawn


def check_cells(track_name: str, tasks: Sequence[str] = (), replicates: int | None = None) -> None:
    """Raise UsageError where there are no such cells, before anything is loaded: an unknown track or task, and a number
    of replicates that is none or more than there are.
    """
    take_choice("track", track_name, tracks.TRACKS)
    if replicates is not None and take_whole("replicates", replicates, 1) > FIRST_TUNING_REPLICATE:
        raise UsageError(f"{replicates} replicates: there are {FIRST_TUNING_REPLICATE}, later ones are to tune on")
    for name in take_names("tasks", tasks):
        check_task(name)


def check_task(name: str) -> None:
    """Raise UsageError for an unknown task, with the names that may be meant."""
    try:
        find_task(name)
    except UsageError as error:
        raise UsageError(f"{error}{suggest(name, tracks.task_names())}") from None


def plan_cells(
    track_name: str, tasks: Sequence[str] = (), replicates: int | None = None
) -> tuple[list[Cell], dict[str, str]]:
    """Return the cells of a run in their order, and the tasks whose data is missing with the command to get it.

    Replicate by replicate, and in each the first task of every family before any second one, longest first: what a run
    shows early is of all families, and what an interrupted one leaves is whole replicates.

    tasks: names, or () for the track's headline tasks.  replicates: how many, or None for the track's own number.
    Raises UsageError for an unknown track or task, for data missing on a task asked for by name, and for more
    replicates than there are.
    """
    check_cells(track_name, tasks, replicates)
    track = tracks.TRACKS[track_name]
    cells: list[Cell] = []
    place_in_family: dict[str, int] = {}
    families: Counter[str] = Counter()
    missing: dict[str, str] = {}
    for name in dict.fromkeys(tasks or track.tasks):
        try:
            task = load_task(name)
        except MissingDataError as error:
            if tasks:
                raise
            missing[name] = str(error)
            continue
        place_in_family[name] = families[task.family]
        families[task.family] += 1
        n_replicates = track.replicates if replicates is None else replicates
        cells += [plan_cell(task, track_name, replicate) for replicate in range(n_replicates)]
    return sorted(cells, key=lambda cell: (cell.replicate, place_in_family[cell.task], -cell.fit_limit_s)), missing


def plan_cell(task: Task, track_name: str, replicate: int = 0) -> Cell:
    """Return a track's cell of a task: as many points as its budget has, or as there are."""
    budget = tracks.TRACKS[track_name].budgets[task.family]
    n_samples = budget.n_samples if task.n_available is None else min(budget.n_samples, task.n_available)
    return Cell(task.name, track_name, replicate, n_samples, budget.fit_limit_s)


class Elsewhere(Protocol):
    """Where cells are run other than on this machine (`mbench.runs.on_cluster`)."""

    tier: Tier

    def run(self, run: Run, cell: Cell, key: str, task: Task, store: ResultStore) -> Record:
        """Run one cell and store its record, as `run_cell` does."""
        ...


def evaluate_source(
    run: Run,
    cells: Sequence[Cell],
    store: ResultStore,
    *,
    elsewhere: Elsewhere | None = None,
    load: Callable[[str], Task] = load_task,
) -> tuple[Result, tuple[Path, ...]]:
    """Run every cell that is not in the store yet; return all their records and the damaged ones set aside.

    elsewhere: where cells run, all at once and as far as there is room, instead of `settings.jobs` of them here.
    load: turns a cell's task into what is learned and asked.
    Raises UsageError where submissions could read the store, or a picture has nothing to be tested on, HarnessError if
    this machine does not compute the truth as it should.
    """
    source, settings = run.source, run.settings
    if elsewhere is None and settings.isolation.exposes(store.folder):
        raise UsageError(
            f"{store.folder}: lies where submissions may read. Choose another results folder with --results"
        )
    tasks = {name: load(name) for name in {cell.task for cell in cells}}
    for task in tasks.values():
        task.self_test()
    for cell in cells:
        _check_learnable(tasks[cell.task], cell)
    keys = {cell: cell_key(cell, tasks[cell.task], source, settings) for cell in cells}  # here: threads would contend
    set_aside: list[Path] = []
    tier = settings.isolation.tier if elsewhere is None else elsewhere.tier
    jobs = settings.jobs if elsewhere is None else max(1, len(cells))

    def settle(cell: Cell) -> Record:
        task = tasks[cell.task]
        key = keys[cell]
        try:
            known = None if settings.fresh else store.read(key)
        except HarnessError:
            set_aside.append(store.set_aside(key))
            known = None
        note = ""
        if known is not None and is_kept(known, tier):
            note = compare_libraries(known.libraries) if elsewhere is None else ""  # a worker has its own
            if not note or settings.keep_outdated:
                known = replace(known, task=cell.task)  # the same picture may have been called otherwise
                run.report(Progress(cell, "cached", known, note))
                return known
        if elsewhere is None:
            record = run_cell(run, cell, key, task, store)
        else:
            record = elsewhere.run(run, cell, key, task, store)
        run.report(Progress(cell, "done", record, note))
        return record

    records = sorted(
        run_all(cells, settle, jobs=jobs, cancel=run.cancel), key=lambda record: (record.task, record.replicate)
    )
    result = Result(schema=SCHEMA_VERSION, suite=tracks.SUITE_VERSION, name=source.name, records=tuple(records))
    return result, tuple(set_aside)


def _check_learnable(task: Task, cell: Cell) -> None:
    """Raise UsageError for a person's own picture that is plain where this cell tests it: it has no variance."""
    if not cell.task.startswith(tracks.IMAGE_PREFIX):
        return
    truth = task.truth(task.draw_queries(cell.n_samples, cell.replicate).points)
    if (truth == truth[0]).all():
        raise UsageError(
            f"{cell.task}: all pixels that replicate {cell.replicate} is tested on have one colour, so nothing can be "
            "told from them. Give a picture with more in it"
        )


def is_kept(record: Record, tier: Tier) -> bool:
    """Does a cell's record stand where cells run under `tier`, so that the cell is not run again?"""
    # A result of a weaker tier is worth less: it is made again where there is a stronger one.
    return not record.is_our_failure and record.isolation <= tier


def draw_parts(task: Task, cell: Cell) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Draw a cell's sample part by part, so that our own memory does not grow with it: X (n, d), y (n, k)."""
    n_rows = max(1, _PART_VALUES // task.n_inputs)
    for start in range(0, cell.n_samples, n_rows):
        sample = task.draw_sample(min(n_rows, cell.n_samples - start), cell.replicate, start)
        yield sample.X, sample.y


def score_cell(task: Task, queries: Queries, predictions: FloatArray) -> Metrics:
    """Return what predictions (m, k), in the order of the queries, are worth."""
    truth = task.truth(queries.points)
    n_test = queries.n_test
    answers = Answers(task, queries.points[:n_test], predictions[:n_test], truth[:n_test], queries.weight)
    error, *further = (find_metric(name).measure(answers) for name in task.metrics)
    profile = None
    if len(truth) > n_test:
        profile = depth_profile(predictions[n_test:], truth[n_test:], queries.octave, queries.centre)
        profile = replace(profile, blocks=error_blocks(predictions[:n_test], truth[:n_test], queries.weight))
    return Metrics(error, dict(zip(task.metrics[1:], further, strict=True)), profile)


def rescore_record(record: Record, store: ResultStore, secret: bytes | None = None) -> tuple[Metrics | None, str]:
    """Score a record's stored predictions again and store the record; return the metrics, or None and why not.

    Raises HarnessError if this machine does not compute the truth as it should.

    secret: of the hidden test set that a record was scored on; public records need none.
    """
    if not record.ok:
        return None, f"nothing to score, the cell ended with {record.status}"
    if record.key in store.foreign:
        return None, "holds what this mbench does not know, and stays as it is"
    if record.test_set == PUBLIC:
        secret = None
    elif secret is None or record.test_set != name_test_set(secret):
        return None, f"scored on the test set {record.test_set}: give its secret with --hidden-seed"
    try:
        task = load_task(record.task)
        predictions = store.read_predictions(record.key)
    except MbenchError as error:
        return None, str(error)
    if predictions is None:
        return None, "its predictions are not stored"
    if task.digest() != record.task_digest:
        return None, "its task has changed since, evaluate it again"
    if record.predictions_digest not in (None, predictions_digest(predictions)):
        return None, "its predictions are those of another run, evaluate it again with --fresh"
    task.self_test()
    queries = task.draw_queries(record.n_samples, record.replicate, secret)
    if predictions.shape != (len(queries.X), task.n_outputs):
        return None, "its test set has changed since, evaluate it again"
    scores = score_cell(task, queries, predictions)
    store.write(replace(record, metrics=scores))
    return scores, ""


def run_cell(run: Run, cell: Cell, key: str, task: Task, store: ResultStore, *, keeping: bool = True) -> Record:
    """Run one cell and store its record; a failure of ours is tried once more before it is recorded as such.

    keeping: is the estimator to be stored? A child that does not survive that is run once more without.
    """
    source, settings, report, cancel = run.source, run.settings, run.report, run.cancel
    for attempt in (run, replace(run, nursery=None)):  # a failure of ours may be the nursery's
        with ExitStack() as stack:
            failure: ChildFailure | HarnessError | None = None
            predictions = scores = place = None
            costs = Costs()
            imports = source.imports  # until the child tells
            child = attempt.child_for(task, cell)
            try:
                report(Progress(cell, "asking"))
                queries = task.draw_queries(cell.n_samples, cell.replicate, settings.secret)
                if cancel.is_set():
                    raise Interrupted
                report(Progress(cell, "loading"))
                if keeping:
                    place = lend_place(stack)
                stack.enter_context(child)
                child.build()
                report(Progress(cell, "sampling"))
                child.give_sample(draw_parts(task, cell), cell.n_samples)
                report(Progress(cell, "fitting"))
                fitting, n_params = child.fit_given()
                costs = _count_costs(fitting, n_params)
                report(Progress(cell, "predicting"))
                asked = store_and_ask(child, task, cell, queries.X, place)
                predictions, predicting = asked.predictions, asked.took
                imports = child.list_imports()
                report(Progress(cell, "scoring"))
                costs = replace(
                    _count_costs(fitting, n_params, predicting),
                    predict_us_per_point=1e6 * predicting.seconds / (len(queries.X) + min(N_REPEATED, len(queries.X))),
                    model_bytes=None if asked.n_bytes is None else asked.n_bytes + source.n_bytes,
                )
                scores = score_cell(task, queries, predictions)
            except EndedBySaving:
                return run_cell(run, cell, key, task, store, keeping=False)
            except ChildFailure as error:
                failure = error
            except HarnessError as error:
                failure = error
                if cancel.is_set():
                    raise Interrupted from error
                if attempt is run:
                    continue
            record = blank_record(run, cell, key, task, store)
            if failure is None:
                assert predictions is not None
                record = replace(
                    record, status="ok", metrics=scores, predictions_digest=predictions_digest(predictions)
                )
            else:
                status = getattr(failure, "status", "infrastructure")
                record = replace(record, status=status, reason=str(failure))
            record = replace(
                record,
                costs=replace(costs, peak_memory_mb=child.peak_memory_mb or None),
                output=child.output,
                libraries=find_libraries(set(imports) - source.modules),
            )
            # Pictures are drawn of the first replicate only, and an artifact may be large.
            keep = place if cell.replicate == 0 and failure is None else None
            store.write(record, predictions if failure is None else None, keep)
            return record
    raise AssertionError("the second attempt always returns")


def blank_record(run: Run, cell: Cell, key: str, task: Task, store: ResultStore) -> Record:
    """Return the record of a cell of which nothing came yet: a failure of ours, until something does."""
    source, settings = run.source, run.settings
    return Record(
        schema=SCHEMA_VERSION,
        suite=tracks.SUITE_VERSION,
        key=key,
        submission=source.name,
        source_digest=source.digest,
        task=cell.task,
        task_digest=task.digest(),
        track=cell.track,
        replicate=cell.replicate,
        n_samples=cell.n_samples,
        fit_limit_s=cell.fit_limit_s,
        seed=make_spec(cell, task, settings).seed,
        threads=settings.threads,
        device=settings.device,
        isolation=settings.isolation.tier,
        test_set=name_test_set(settings.secret),
        harness_digest=protocol_digest(),
        status="infrastructure",
        reason="",
        metrics=None,
        costs=Costs(),
        output="",
        environment=describe_environment(),
        created=store.stamp(),
    )


def _count_costs(fitting: Took, n_params: int | None, predicting: Took | None = None) -> Costs:
    imports = [took.import_s for took in (fitting, predicting) if took is not None and took.import_s is not None]
    return Costs(
        fit_s=fitting.seconds,
        fit_wall_s=fitting.wall_s,
        predict_s=None if predicting is None else predicting.seconds,
        predict_wall_s=None if predicting is None else predicting.wall_s,
        import_s=sum(imports) if imports else None,
        n_params=n_params,
    )
