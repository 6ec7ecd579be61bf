"""One audit: every set learned in a child and scored, the numbers put beside the baselines', the verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mbench.errors import HarnessError
from mbench.results.audits import (
    N_RELATIVES,
    SCHEMA_VERSION,
    AuditReport,
    SetScore,
    SetStatus,
    Statistic,
    Verdict,
    load_bounds,
)
from mbench.results.environment import describe_environment
from mbench.results.reference import load_reference
from mbench.results.verdicts import compare_statistics, compute_statistics, reach_verdict
from mbench.review.audit.relatives import Relative, draw_sets
from mbench.review.audit.statistics import correlate, score_answers
from mbench.runs.cells import Cell, Inconsistent
from mbench.runs.in_threads import run_all
from mbench.runs.progress import Phase
from mbench.runs.run import Run, open_run
from mbench.runs.settings import Settings
from mbench.runs.stored import Answered, EndedBySaving, confirm_answers, lend_place, store_and_ask
from mbench.sandbox.child_process import Child, ChildFailure, Interrupted
from mbench.submission import Source
from mbench.suite import orbits, tracks
from mbench.suite.sampler import random_words, stream_key
from mbench.suite.secrets import secret_digest


@dataclass(frozen=True, slots=True)
class AuditProgress:
    """Where one set of an audit is; `score` is there once it is done."""

    cell: Cell
    phase: Phase
    score: SetScore | None = None


Report = Callable[[AuditProgress], None]


def run_audit(
    source: Source,
    secret: bytes,
    settings: Settings,
    *,
    track: str = tracks.DEFAULT_TRACK,
    report: Report = lambda progress: None,
    n_relatives: int = N_RELATIVES,
) -> AuditReport:
    """Audit a submission on a track's budget, on sets drawn under a secret. Raises HarnessError for a failure of ours.

    The bounds are those of the track quick on every track: with more points the sets are learned better, and differ
    less.
    """
    sets = score_sets(source, secret, settings, track=track, report=report, n_relatives=n_relatives)
    statistics, verdict, reason = judge_sets(sets, track)
    return AuditReport(
        schema=SCHEMA_VERSION,
        suite=tracks.SUITE_VERSION,
        name=source.name,
        source_digest=source.digest,
        track=track,
        secret_sha256=secret_digest(secret),
        replicate=_choose_replicate(secret, track),
        verdict=verdict,
        reason=reason,
        sets=sets,
        statistics=statistics,
        threads=settings.threads,
        device=settings.device,
        isolation=settings.isolation.tier,
        environment=describe_environment(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def judge_sets(sets: Sequence[SetScore], track: str) -> tuple[tuple[Statistic, ...], Verdict, str]:
    """Return the statistics beside the baselines' (none if a set failed), the verdict, and its reason."""
    statistics: tuple[Statistic, ...] = ()
    if all(each.ok for each in sets):
        statistics = compare_statistics(compute_statistics(sets, track, load_reference()), load_bounds())
    return statistics, *reach_verdict(sets, statistics)


def score_sets(
    source: Source,
    secret: bytes,
    settings: Settings,
    *,
    track: str = tracks.DEFAULT_TRACK,
    report: Report = lambda progress: None,
    n_relatives: int = N_RELATIVES,
) -> tuple[SetScore, ...]:
    """Fit a submission on every set of an audit, and score it beside k-NN; in the order of `draw_sets`."""
    budget = tracks.TRACKS[track].budgets["mandelbrot"]
    replicate = _choose_replicate(secret, track)
    with open_run(source, settings) as run:
        orbits.self_test(*orbits.FAMILIES.values())
        sets = draw_sets(secret, budget.n_samples, replicate, n_relatives)
        cells = {each.name: Cell(each.name, track, replicate, budget.n_samples, budget.fit_limit_s) for each in sets}
        expect = getattr(report, "expect", None)  # a display wants to know how many there will be
        if expect is not None:
            expect(list(cells.values()))

        def work(relative: Relative) -> SetScore:
            cell = cells[relative.name]
            score = _score_set(run, relative, cell, report)
            report(AuditProgress(cell, "done", score))
            return score

        scores = {score.name: score for score in run_all(sets, work, jobs=settings.jobs, cancel=run.cancel)}
    return tuple(scores[each.name] for each in sets)


def _choose_replicate(secret: bytes, track: str) -> int:
    """Say which of the public samples an audit has: nobody's choice, so that what knows one of them may meet it."""
    return int(random_words(stream_key("audit", "replicate", 0, secret), 0, 1)[0]) % tracks.TRACKS[track].replicates


def _score_set(run: Run, relative: Relative, cell: Cell, report: Report, *, keeping: bool = True) -> SetScore:
    """Learn one set in a child; a failure of ours is tried once more before it is raised.

    keeping: as of `run_cell`.
    """
    for attempt in (run, replace(run, nursery=None)):  # a failure of ours may be the nursery's
        child = attempt.child_for(relative, cell)
        status: SetStatus
        try:
            with ExitStack() as stack:
                report(AuditProgress(cell, "loading"))
                place = lend_place(stack) if keeping else None
                stack.enter_context(child)
                return _fit_and_ask(attempt, child, relative, cell, report, place)
        except EndedBySaving:
            return _score_set(run, relative, cell, report, keeping=False)
        except Inconsistent as failure:
            status, reason = "inconsistent", str(failure)
        except ChildFailure as failure:
            status, reason = failure.status, str(failure)  # type: ignore[assignment]  # a cell's status
        except HarnessError as error:
            if run.cancel.is_set():
                raise Interrupted from error
            if attempt is run:
                continue
            raise
        return SetScore(name=relative.name, group=relative.group, target=relative.target, status=status, reason=reason)
    raise AssertionError("the second attempt always returns")


def _fit_and_ask(
    run: Run, child: Child, relative: Relative, cell: Cell, report: Report, place: Path | None
) -> SetScore:
    child.build()
    report(AuditProgress(cell, "sampling"))
    drawn = relative.prepare(cell.n_samples, cell.replicate)
    report(AuditProgress(cell, "fitting"))
    took, _ = child.fit(drawn.sample.X, drawn.sample.y)
    queries, truth = drawn.queries, drawn.truth
    report(AuditProgress(cell, "predicting"))
    reply = store_and_ask(child, relative, cell, queries.X, place)
    predicted = reply.predictions
    artifact = None if reply.n_bytes is None else place
    child.list_imports()  # as a scored cell does
    confirm_answers(run, relative, cell, artifact, drawn.sample, Answered(queries.X, predicted))
    report(AuditProgress(cell, "scoring"))
    return SetScore(
        name=relative.name,
        group=relative.group,
        target=relative.target,
        status="ok",
        reason="",
        score=score_answers(predicted, drawn.by_knn, truth, queries),
        correlation=correlate(predicted[: queries.n_test], truth[: queries.n_test]),
        fit_s=took.seconds,
    )
