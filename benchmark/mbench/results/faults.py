"""What no records of one source can say: where a field follows from others, it is computed and held against them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from mbench.results.audits import AuditReport, SetScore, list_sets, load_bounds
from mbench.results.record import Record
from mbench.results.reference import load_reference
from mbench.results.verdicts import compare_statistics, compute_statistics, reach_verdict
from mbench.suite import tracks
from mbench.suite.tasks import find_task

_VARIANCES = "variances-{suite}.json"  # lies beside this module; `python tests/freeze_variances.py --write`
_DIGEST = re.compile(r"[0-9a-f]{64}")
_AHEAD = timedelta(days=1)  # that a clock may be
_PSNR_SLACK_DB = 0.01
_BEST_PSNR_DB = 200.0
_PARTS_SLACK = 1e-3  # parts are kept with six digits
_LATE = 1.5  # times a limit that a fit may have taken until it was seen to be over
_MNIST = 60_000  # images that there are: who has all of them has one sample
_MOST_SAID = 3


def find_faults(records: Sequence[Record], now: datetime) -> dict[str, tuple[str, ...]]:
    """Return, by track, what cannot be in these records of one source: nothing for those of an honest run.

    now: a record made more than a day later is none. Records of an earlier suite, whose rules were others, are not
    looked at.
    """
    found: dict[str, tuple[str, ...]] = {}
    own = [record for record in records if record.suite == tracks.SUITE_VERSION]
    for track in dict.fromkeys(record.track for record in own):
        of_track = [record for record in own if record.track == track]
        lines = [f"{_cell(record)}: {words}" for record in of_track for words in _find_in_one(record, now)]
        lines = list(dict.fromkeys((*lines, *(words for find in _AMONG for words in find(of_track)))))
        if lines:
            more = (f"and {len(lines) - _MOST_SAID} more",) if len(lines) > _MOST_SAID else ()
            found[track] = (*lines[:_MOST_SAID], *more)
    return found


def find_report_fault(report: AuditReport) -> str:
    """Return what in an audit is not what its own sets say, "" for an honest one: the verdict follows from them."""
    if report.suite != tracks.SUITE_VERSION:
        return ""
    values: Mapping[str, float] = {}
    if [each.name for each in report.sets] != list_sets() or not all(map(_is_what_its_name_says, report.sets)):
        return "its audit lacks sets"
    try:
        if all(each.ok for each in report.sets):
            values = compute_statistics(report.sets, report.track, load_reference(report.suite))
        verdict, _ = reach_verdict(report.sets, compare_statistics(values, load_bounds()))
    except (LookupError, ValueError, TypeError):  # what is computed of all sets is not to be had of some
        return "its audit lacks sets"
    if verdict != report.verdict:
        return f"its audit says {report.verdict}, and the sets in it say {verdict}"
    said = {each.name: each.value for each in report.statistics}
    if said.keys() != values.keys() or not all(_is_alike(said[name], values[name]) for name in values):
        return "the statistics of its audit are not those of its sets"
    return ""


def _is_what_its_name_says(each: SetScore) -> bool:
    kind, _, target = each.name.partition(", ")
    return (each.group, each.target) == (kind.split()[0], target or "smooth")


def _is_alike(said: float, computed: float) -> bool:
    return math.isclose(said, computed, rel_tol=1e-6, abs_tol=1e-9)


def truth_variance(track: str, task: str, replicate: int) -> float | None:
    """Return the variance of the truth over the public test set, a mean over outputs; None where it is not frozen.

    One replicate's photo is tested on other pixels than the next one's; every other test set is all replicates'.
    """
    values = _load_variances().get(track, {}).get(task, [])
    of_replicate = replicate if tracks.family_of(task) == "images" else 0
    return values[of_replicate] if of_replicate < len(values) else None


def psnr_of_error(error: float, variance: float) -> float:
    """Return the PSNR in dB that a fraction of variance unexplained has. variance: as `truth_variance` returns it."""
    return min(_BEST_PSNR_DB, -10.0 * math.log10(max(error * variance, 1e-20)))


@cache
def _load_variances() -> Mapping[str, Mapping[str, Sequence[float]]]:
    path = Path(__file__).with_name(_VARIANCES.format(suite=tracks.SUITE_VERSION))
    return json.loads(path.read_text())["variances"]


def _cell(record: Record) -> str:
    return f"{record.task} r{record.replicate}"


def _find_in_one(record: Record, now: datetime) -> Iterator[str]:
    if not _DIGEST.fullmatch(record.key):
        yield "its key is no SHA-256"
    if record.seed != (seed := tracks.init_seed(record.replicate)):
        yield f"seed {record.seed}, and that of the replicate is {seed}"
    if datetime.fromisoformat(record.created) > now + _AHEAD:
        yield f"made on {record.created[:10]}, which is yet to come"
    if record.metrics is None:
        return
    if not _DIGEST.fullmatch(record.predictions_digest or ""):
        yield "no digest of its predictions"
    yield from _find_in_psnr(record)
    yield from _find_in_parts(record)
    fit_s = record.costs.fit_s
    if record.device == "cpu" and fit_s is not None and fit_s > _LATE * record.fit_limit_s:
        yield f"fitted for {fit_s:.1f} s, of at most {record.fit_limit_s:g}"


def _find_in_psnr(record: Record) -> Iterator[str]:
    assert record.metrics is not None
    variance = truth_variance(record.track, record.task, record.replicate)
    if variance is None:
        return
    said, error = record.metrics.further.get("psnr_db"), record.metrics.error
    true = psnr_of_error(error, variance)
    if said is None or abs(said - true) > _PSNR_SLACK_DB:
        words = "no PSNR" if said is None else f"PSNR {said:.2f} dB"
        yield f"{words}, and its error of {error:.3g} is one of {true:.2f} dB"


def _find_in_parts(record: Record) -> Iterator[str]:
    """Yield where an error or a depth is not what its parts sum to."""
    assert record.metrics is not None
    profile = record.metrics.profile
    if profile is None:
        return
    for what, parts, whole in (
        ("error", profile.blocks, record.metrics.error),
        ("depth", profile.centres, profile.depth_octaves),
    ):
        if parts and not math.isclose(sum(parts), whole, rel_tol=_PARTS_SLACK, abs_tol=1e-9):
            yield f"{what} {whole:.4g}, and its parts sum to {sum(parts):.4g}"


def _find_double(records: Sequence[Record]) -> Iterator[str]:
    """Yield the cells that have two records."""
    seen: set[tuple[str, int]] = set()
    for record in records:
        if (record.task, record.replicate) in seen:
            yield f"{_cell(record)}: more than one record"
        seen.add((record.task, record.replicate))


def _find_shared_keys(records: Sequence[Record]) -> Iterator[str]:
    """Yield the cells whose key is another one's: it follows from task and replicate."""
    seen: dict[str, Record] = {}
    for record in records:
        first = seen.setdefault(record.key, record)
        if (first.task, first.replicate) != (record.task, record.replicate):
            yield f"{_cell(record)}: the key of {_cell(first)}"


def _find_copies(records: Sequence[Record]) -> Iterator[str]:
    """Yield the replicates whose predictions are another one's: each has learned a sample of its own.

    An exact rule may answer alike from any sample: that is found, too, and no rank is lost by it, as the audit puts it
    on a list without ranks.
    """
    for identify in (_predictions, _exact_error):
        seen: dict[tuple[str, object], Record] = {}
        for record in records:
            identity = identify(record)
            if identity is None:
                continue
            first = seen.setdefault((record.task, identity), record)
            if first.replicate != record.replicate:
                yield f"{_cell(record)}: the predictions of r{first.replicate}"


def _predictions(record: Record) -> str | None:
    has_all = find_task(record.task).is_classification and record.n_samples >= _MNIST
    return None if has_all else record.predictions_digest


def _exact_error(record: Record) -> float | None:
    """Return an error that no two fits share: one of many digits, not a count of images."""
    is_count = find_task(record.task).is_classification
    return None if is_count or record.metrics is None or record.metrics.error == 0.0 else record.metrics.error


_AMONG: tuple[Callable[[Sequence[Record]], Iterator[str]], ...] = (_find_double, _find_shared_keys, _find_copies)
