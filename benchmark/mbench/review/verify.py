"""What a maintainer does with a claim: run its source again, on hidden test points too, audit it, and publish that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from mbench.api import run_evaluation
from mbench.errors import MissingDataError, UsageError
from mbench.results.audits import REPORT_NAME, AuditReport, Bound, Target, count_bits, find_report
from mbench.results.environment import describe_environment
from mbench.results.faults import find_faults, find_report_fault
from mbench.results.lookalikes import check_folder_name
from mbench.results.record import Record, Result
from mbench.results.reference import load_reference
from mbench.results.reruns import RERUN_NAME, VERIFIED, make_rerun, publish_rerun
from mbench.results.scoring import score_entry
from mbench.results.store import RESULT_NAME, read_result
from mbench.results.verdicts import compare_bits
from mbench.review.reproduce import ERROR_TOLERANCE, compare_records
from mbench.runs.evaluate import plan_cells
from mbench.runs.progress import Report
from mbench.submission import Source, read_submission, safe_name
from mbench.suite import tracks
from mbench.suite.secrets import PUBLIC, secret_digest
from mbench.suite.tasks import load_task
from mbench.words import count_of

# The audit's bounds are of the Mandelbrot tasks. On the curve, whose error lies at its jump, k-NN's two test sets were
# 0.3 bits apart; a test set known by heart is worth many bits.
OTHER_LEAK_BITS = 1.0
_TASKS: Mapping[Target, str] = {"smooth": "mandelbrot", "distance": "mandelbrot-distance"}
FLIPPED_DIGITS = 1  # that another machine may see otherwise: more would be worth claiming


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; detail: what was found, with its numbers."""

    what: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A submission's source, what it says it scored on one track, and the audit that came with it."""

    source: Source
    track: str
    records: tuple[Record, ...]
    audit: AuditReport | None

    @property
    def running(self) -> dict[str, Any]:
        """How its cells were run, as options of `run_evaluation`."""
        return {"threads": self.records[0].threads, "device": self.records[0].device}


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a claim's rerun on one track gave: all records of it, and the maintainer's own audit.

    gap: points of Mandelbrot score on the public test sets over the hidden ones; None where one of them has no score.
    """

    records: tuple[Record, ...]
    audit: AuditReport
    gap: float | None = None


def read_claims(folder: Path) -> list[Claim]:
    """Read a folder with submission.py and result.json: a claim per track, in the suite's order.

    Raises UsageError where the folder's name reads as another's, one of them is missing or no regular file of the
    folder, the result holds nothing or an audit.json there is of another version, or a track has no frozen reference,
    HarnessError where one is damaged.
    """
    if not folder.is_dir() or folder.is_symlink():
        raise UsageError(f"{folder}: no folder. Give one with submission.py and {RESULT_NAME}, as in submissions/")
    accepted = (folder.absolute().parent / VERIFIED).glob(f"*/{RERUN_NAME}")
    check_folder_name(folder, (path.parent.name for path in accepted))
    source, result = read_submission(folder), read_result(folder / RESULT_NAME, is_strangers=True)
    audit = find_report([folder / REPORT_NAME], source.digest, is_strangers=True)
    claims = [Claim(source, track, _of_track(result, track), audit and audit[1]) for track in tracks.TRACKS]
    claims = [claim for claim in claims if claim.records]
    reference = load_reference()
    if bare := [claim.track for claim in claims if not reference.covers(claim.track)]:
        raise UsageError(
            f"{folder}: track {bare[0]} has no frozen reference to measure a hidden test set by. See `mbench reference`"
        )
    if not claims:
        raise UsageError(f"{folder / RESULT_NAME}: holds no records. Copy it from results/NAME/TRACK/")
    return claims


def check_claim(claim: Claim) -> list[Check]:
    """Look at the record itself: is it of this source, whole, made in one way, and not against itself?"""
    others = {record.source_digest for record in claim.records} - {claim.source.digest}
    manners = {(record.threads, record.device) for record in claim.records}
    test_sets = {record.test_set for record in claim.records}
    cells = {(record.task, record.replicate): record for record in claim.records}
    track = tracks.TRACKS[claim.track]
    foreign = sorted({record.task for record in claim.records} - set(track.tasks))
    changed = sorted({r.task for r in claim.records if r.task in track.tasks and _is_changed(r)})
    absent = [f"{t} r{r}" for t in track.tasks for r in range(track.replicates) if (t, r) not in cells]
    faults = find_faults(claim.records, datetime.now(UTC)).get(claim.track, ())
    if claim.audit is not None and (fault := find_report_fault(claim.audit)):
        faults = (*faults, fault)
    failed = [f"{record.task} r{record.replicate} {record.status}" for record in claim.records if not record.ok]
    ways = [f"{count_of(threads, 'thread')} on {device}" for threads, device in sorted(manners)]
    return [
        Check(
            "source", not others, f"the record is of {min(others)[:16]}…, this is {claim.source.digest[:16]}…"
            if others else f"the record is of this source, {claim.source.digest[:16]}…",
        ),
        Check("test set", test_sets == {PUBLIC}, ", ".join(sorted(test_sets))),
        Check("one manner", len(manners) == 1, "; ".join(ways)),
        Check("tasks", not foreign, f"not of the track: {', '.join(foreign)}" if foreign else "those of the track"),
        Check(
            "definitions", not changed, f"scored on another definition of {', '.join(changed)}: evaluate it again"
            if changed else "those of the tasks here",
        ),
        Check("whole", not absent, f"missing: {', '.join(absent)}" if absent else count_of(len(cells), "cell")),
        Check("consistent", not faults, ", ".join(faults) or "what follows from other fields does"),
        Check("no failures", not failed, ", ".join(failed) or "every cell ended well"),
    ]  # fmt: skip


def _is_changed(record: Record) -> bool:
    """Was a record scored on another definition of its task than this package's?"""
    try:
        return load_task(record.task).digest() != record.task_digest
    except MissingDataError:  # then the rerun says so
        return False


def run_again(claim: Claim, out: Path, report: Report, running: Mapping[str, Any]) -> tuple[Record, ...]:
    """Run every recorded cell again, and return its records: what a board is to show, whatever was claimed."""
    tasks = list(dict.fromkeys(record.task for record in claim.records))
    return _run(claim, tasks, out, report, running).records


def check_rerun(claim: Claim, records: Sequence[Record]) -> Check:
    """Compare a claim with the records of its rerun."""
    lines = compare_records(records, claim.records, f"{claim.source.name} {claim.track}", FLIPPED_DIGITS)
    again = {(record.task, record.replicate) for record in records}
    absent = [f"{r.task} r{r.replicate}" for r in claim.records if (r.task, r.replicate) not in again]
    if absent:
        lines.append(f"recorded, but not run again: {', '.join(absent)}")
    detail = (
        "; ".join(lines)
        or f"{count_of(len(records), 'cell')} within {ERROR_TOLERANCE:.0%}, or a digit, of what is recorded"
    )
    return Check("rerun", not lines, detail)


def accept(folder: Path, found: Sequence[Accepted], secret: bytes, now: datetime) -> tuple[Path, ...]:
    """Publish what was run again of a submission, whose checks all held, beside its folder.

    The claim only decided whether there was a rerun: of its numbers none is published, of its audit neither.
    Raises HarnessError when the disk refuses.
    """
    rerun = make_rerun(
        safe_name(folder.absolute().name),
        [record for each in found for record in each.records],
        describe_environment(),
        now.isoformat(timespec="seconds"),
        secret_digest(secret),
        {each.records[0].track: each.gap for each in found if each.gap is not None},
    )
    return publish_rerun(folder.absolute().parent, rerun, found[-1].audit)


def run_hidden(
    claim: Claim, secret: bytes, out: Path, report: Report, running: Mapping[str, Any]
) -> tuple[Record, ...]:
    """Run the tasks that have fresh test points on a hidden test set, and return the records."""
    tasks = [name for name in dict.fromkeys(r.task for r in claim.records) if load_task(name).n_available is None]
    return _run(claim, tasks, out, report, {**running, "secret": secret}).records


def measure_gap(claim: Claim, hidden: Sequence[Record]) -> float | None:
    """Return how many points of Mandelbrot score the public test sets gave over hidden ones; None without a score."""
    public, other = (
        score_entry(claim.source.name, claim.track, records, load_reference()).mandelbrot
        for records in (claim.records, hidden)
    )
    return None if public is None or other is None else public - other


def check_hidden(claim: Claim, hidden: Sequence[Record], bounds: Mapping[str, Bound]) -> list[Check]:
    """Compare what was run on a hidden test set with what is recorded of the public one.

    A task passes if the recorded error is no smaller, and the recorded depth no larger, than the bounds on the audit's
    leaks allow; `OTHER_LEAK_BITS` where there is no such bound.
    """
    reference = load_reference()
    return [
        compare_test_sets(
            task,
            [record for record in claim.records if record.task == task],
            [record for record in hidden if record.task == task],
            reference.tasks[claim.track, task].knn_error,
            bounds,
        )
        for task in dict.fromkeys(record.task for record in hidden)
    ]


def compare_test_sets(
    task: str, public: Sequence[Record], hidden: Sequence[Record], knn_error: float, bounds: Mapping[str, Bound]
) -> Check:
    """Compare records of one task on two test sets, means over replicates. knn_error: what bits are counted from."""
    what, kind = f"hidden test set, {task}", "distance" if task == "mandelbrot-distance" else "smooth"
    bad = [record for record in (*public, *hidden) if record.metrics is None]
    if bad or not public or not hidden:
        return Check(what, False, f"{bad[0].status}: {bad[0].reason}" if bad else "nothing to compare")
    errors = [fmean(r.metrics.error for r in records if r.metrics) for records in (public, hidden)]
    leak = compare_bits(*(count_bits(error, knn_error) for error in errors))
    bound = bounds[f"leak, {kind}"].threshold if task in tracks.FAMILIES["mandelbrot"] else OTHER_LEAK_BITS
    detail = f"error {errors[0]:.5f} public, {errors[1]:.5f} hidden: {leak:+.2f} bits, at most {bound:.2f}"
    depths = [
        [r.metrics.profile.depth_octaves for r in records if r.metrics and r.metrics.profile]
        for records in (public, hidden)
    ]
    if not all(depths):
        return Check(what, leak <= bound, detail)
    gain, depth_bound = fmean(depths[0]) - fmean(depths[1]), bounds[f"depth leak, {kind}"].threshold
    detail += f"; {fmean(depths[0]):.2f} and {fmean(depths[1]):.2f} octaves: {gain:+.2f}, at most {depth_bound:.2f}"
    return Check(what, leak <= bound and gain <= depth_bound, detail)


def check_audited(claim: Claim, report: AuditReport) -> list[Check]:
    """Hold the audit's errors and depths on the public Mandelbrot sets against the recorded ones of the same replicate.

    Who behaves otherwise where it believes itself audited is found out here: the set, the sample and the queries are
    those of the scored cell.
    """
    checks = []
    for each in report.sets:
        if each.group != "public" or each.score is None:
            continue
        task = _TASKS[each.target]
        known = [r for r in claim.records if (r.task, r.replicate) == (task, report.replicate) and r.metrics]
        what = f"audited as scored, {task} r{report.replicate}"
        if not known or known[0].metrics is None or known[0].metrics.profile is None:
            checks.append(Check(what, False, "there is no record of it"))
            continue
        error, depth = known[0].metrics.error, known[0].metrics.profile.depth_octaves
        detail = (
            f"error {each.score.fvu:.5f} and {each.score.depth_octaves:.2f} octaves, {error:.5f} and {depth:.2f} scored"
        )
        alike = math.isclose(error, each.score.fvu, rel_tol=ERROR_TOLERANCE)
        deep = math.isclose(depth, each.score.depth_octaves, rel_tol=ERROR_TOLERANCE)
        checks.append(Check(what, alike and deep, detail))
    return checks


def judge_audit(claim: Claim, report: AuditReport) -> Check:
    """Say what an audit means for the record, whose own decides the list that it stands on."""
    detail = f"{report.verdict}: {report.reason}"
    if claim.audit is not None and claim.audit.verdict != report.verdict:
        return Check("audit", False, f"{detail}; its own {REPORT_NAME} says {claim.audit.verdict}")
    return Check("audit", report.ok, detail)


def _run(claim: Claim, tasks: Sequence[str], out: Path, report: Report, running: Mapping[str, Any]) -> Result:
    plan_cells(claim.track, tasks)  # data that is missing here ends the run before anything is trained
    options = {**claim.running, **running}
    result = run_evaluation(
        claim.source, track=claim.track, tasks=tasks, out=out, pictures=False, report=report, **options
    ).result
    result.raise_for_ours("Verify it again")
    return result


def _of_track(result: Result, track: str) -> tuple[Record, ...]:
    return tuple(record for record in result.records if record.track == track)
