"""Baselines run again: recorded, or held against what is recorded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

from mbench.api import Outcome, run_evaluation
from mbench.errors import UsageError
from mbench.results.audits import AuditReport, read_report, write_report
from mbench.results.estimators import Stored
from mbench.results.kept import refusing_foreign
from mbench.results.lookup import RECORDED_FOLDER, manner
from mbench.results.record import SCHEMA_VERSION, Record, Result
from mbench.results.store import ResultStore, read_result, write_result
from mbench.runs.settings import Settings
from mbench.sandbox.child_process import ChildFailure
from mbench.submission import BASELINES_FOLDER, baseline_names, baseline_path, read_submission
from mbench.suite.tasks import find_task, load_task
from mbench.suite.tracks import SUITE_VERSION
from mbench.views.entry_pictures import RECORDED_PICTURES, TASK, draw_entry, write_drawn

# Another machine rounds sums in another order, and training amplifies it; a changed method moves errors by far more.
ERROR_TOLERANCE = 0.05
FLIPPED_ITEMS = 5  # of a classification's test set, which count whole: one is more than 5% of a small error
_DEPTH_SLACK = 0.01  # octaves
_PSNR_SLACK_DB = -10.0 * math.log10(1.0 - ERROR_TOLERANCE)


def find_baseline(name: str) -> Path:
    """Return the file of a baseline. Raises UsageError for an unknown name."""
    path = baseline_path(name)
    if path is None:
        raise UsageError(f"unknown baseline {name!r}: expected one of {', '.join(baseline_names())}")
    return path


def run_baseline(name: str, **options: Any) -> Outcome:
    """Evaluate one baseline as anybody's submission, without pictures. Raises UsageError for an unknown name."""
    return run_evaluation(read_submission(find_baseline(name)), pictures=False, **options)


def check_checkout() -> None:
    """Raise UsageError where the baselines are an installed package's: they are recorded in a checkout."""
    if BASELINES_FOLDER.name.startswith("_"):
        raise UsageError(
            f"{BASELINES_FOLDER}: belongs to an installed mbench. Record baselines in a checkout (pip install -e .)"
        )


def record_result(result: Result) -> Path:
    """Store a result as the baseline's recorded one, cell by cell.

    What is recorded of other tracks stays, and of the same one what was made of the same source in the same way.

    Raises UsageError outside a checkout, HarnessError for a result with a failure of ours, which nobody is to read.
    """
    path = _recorded_path(f"{result.name}.json")
    result.raise_for_ours("Nothing of it was recorded: repeat the command")
    alike = {(record.track, record.source_digest, manner(record)) for record in result.records}
    with refusing_foreign():
        recorded = read_result(path).records if path.exists() else ()
    before = [
        record
        for record in recorded
        if record.track not in {each.track for each in result.records}
        or (record.track, record.source_digest, manner(record)) in alike
    ]
    by_cell = {(record.track, record.task, record.replicate): record for record in (*before, *result.records)}
    records = tuple(by_cell[cell] for cell in sorted(by_cell))
    write_result(path, Result(schema=SCHEMA_VERSION, suite=SUITE_VERSION, name=result.name, records=records))
    return path


def record_audit(report: AuditReport) -> Path:
    """Store an audit as the baseline's recorded one; there is one, whatever its track. Raises as `record_result`."""
    path = _recorded_path(f"{report.name}.audit.json")
    write_report(path, report)
    return path


def record_pictures(result: Result, track: str, results: Path, settings: Settings) -> tuple[Path | None, str]:
    """Draw what a baseline learned of the Mandelbrot set, from the estimator that the result is of, and store it.

    results: the folder that holds the estimator. Returns the pictures' folder, or None and why there are none; those of
    an earlier fit are gone then. Raises UsageError outside a checkout.
    """
    check_checkout()
    folder = RECORDED_PICTURES / result.name / track
    scored = [r for r in result.records if (r.track, r.task, r.replicate) == (track, TASK, 0) and r.ok]
    if not scored:
        return None, f"{TASK} was not run on track {track}, or failed"
    stored = Stored(scored[0], ResultStore(results))
    if not stored.artifact.is_file():
        return None, f"its estimator is not stored in {results}"
    source = read_submission(find_baseline(result.name))
    try:
        drawn = draw_entry(source, stored, settings.isolation, Event())
    except ChildFailure as failure:
        for path in folder.glob("*"):
            path.unlink()
        return None, str(failure)
    write_drawn(folder, drawn)
    return folder, ""


def compare_audit(report: AuditReport) -> list[str]:
    """Return a line where verdict or errors differ from the recorded audit's, or none is recorded of this kind."""
    path = RECORDED_FOLDER / f"{report.name}.audit.json"
    place = f"{report.name} {report.track} audit"
    if not path.exists():
        return [f"{place}: nothing recorded. Record it with --record"]
    before = read_report(path)
    if (before.track, before.secret_sha256) != (report.track, report.secret_sha256):
        return [f"{place}: recorded on track {before.track}, under the secret {before.secret_sha256[:16]}…"]
    if before.verdict != report.verdict:
        return [f"{place}: {report.verdict} ({report.reason}), recorded {before.verdict}"]
    known = {each.name: each.score for each in before.sets if each.score}
    return [
        f"{place}: FVU {each.score.fvu:.5f} on {each.name}, recorded {known[each.name].fvu:.5f}"
        for each in report.sets
        if each.score and each.name in known
        if not math.isclose(each.score.fvu, known[each.name].fvu, rel_tol=ERROR_TOLERANCE)
    ]


def compare_recorded(result: Result, track: str) -> list[str]:
    """Return a line for every cell that differs from its recorded result by more than the tolerance, or has none."""
    path = RECORDED_FOLDER / f"{result.name}.json"
    recorded = read_result(path).records if path.exists() else ()
    return compare_records(result.records, [r for r in recorded if r.track == track], f"{result.name} {track}")


def compare_records(
    records: Sequence[Record], recorded: Sequence[Record], where: str, flipped: int = FLIPPED_ITEMS
) -> list[str]:
    """Return a line for every cell whose status, error, depth, PSNR or parameters differ, or that has none recorded.

    where: how the lines begin.  All may differ by `ERROR_TOLERANCE`, PSNR by what that is in dB, a classification's
    errors by `flipped` items of its test set. What it cost in time and memory depends on the machine.
    """
    known = {(record.track, record.task, record.replicate): record for record in recorded}
    lines = []
    for record in records:
        before = known.get((record.track, record.task, record.replicate))
        place = f"{where} {record.task} r{record.replicate}"
        if before is None:
            lines.append(f"{place}: nothing recorded. Record it with --record")
        elif before.metrics is None or record.metrics is None:
            if before.status != record.status:
                lines.append(f"{place}: {record.status}, recorded {before.status}")
        elif not _agree(record.task, record.metrics.error, before.metrics.error, flipped):
            ratio = record.metrics.error / max(before.metrics.error, 1e-12)
            lines.append(
                f"{place}: error {record.metrics.error:.5f}, recorded {before.metrics.error:.5f} (× {ratio:.2f})"
            )
        elif not math.isclose(_depth(record), _depth(before), rel_tol=ERROR_TOLERANCE, abs_tol=_DEPTH_SLACK):
            lines.append(f"{place}: depth {_depth(record):.2f} octaves, recorded {_depth(before):.2f}")
        elif not _is_close(psnr := _psnr(record), psnr_before := _psnr(before), abs_tol=_PSNR_SLACK_DB):
            lines.append(f"{place}: PSNR {psnr} dB, recorded {psnr_before}")
        elif not _is_close(record.costs.n_params, before.costs.n_params, rel_tol=ERROR_TOLERANCE):
            lines.append(f"{place}: {record.costs.n_params} parameters, recorded {before.costs.n_params}")
    return lines


def _is_close(value: float | None, recorded: float | None, **tolerance: float) -> bool:
    if value is None or recorded is None:
        return value is recorded
    return math.isclose(value, recorded, **tolerance)


def _agree(task_name: str, error: float, recorded: float, flipped: int) -> bool:
    if math.isclose(error, recorded, rel_tol=ERROR_TOLERANCE):
        return True
    if not find_task(task_name).is_classification:
        return False
    n_test = len(load_task(task_name).draw_queries(0, 0).X)
    return abs(error - recorded) < (flipped + 0.5) / n_test


def _psnr(record: Record) -> float | None:
    return record.metrics.further.get("psnr_db") if record.metrics else None


def _recorded_path(name: str) -> Path:
    check_checkout()
    RECORDED_FOLDER.mkdir(exist_ok=True)
    return RECORDED_FOLDER / name


def _depth(record: Record) -> float:
    profile = record.metrics.profile if record.metrics else None
    return 0.0 if profile is None else profile.depth_octaves
