"""Audits that anybody can repeat: under a published secret, and kept, so that each is run once."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from mbench.errors import HarnessError, UsageError
from mbench.results.audits import AuditReport, read_report, write_report
from mbench.review.audit.calibration import sets_digest
from mbench.review.audit.run import Report, judge_sets, run_audit
from mbench.runs.cells import protocol_digest
from mbench.runs.settings import Settings
from mbench.submission import Source
from mbench.suite import tracks
from mbench.suite.secrets import published_secret

# The baselines are ours, and what they do stands in their files: nobody gains by having seen the sets they are audited
# on, and who repeats the audit gets the same numbers. A stranger's file could carry these sets with it; it is audited
# under a fresh secret. The label is none of calibration's, so that no bound was made from these very sets.
LABEL = f"mbench/{tracks.SUITE_VERSION}|audit|recorded"
SECRET = published_secret(LABEL)


def audit_repeatably(
    source: Source,
    folder: Path,
    settings: Settings,
    *,
    track: str = tracks.DEFAULT_TRACK,
    report: Report = lambda progress: None,
) -> AuditReport:
    """Audit a source under the published secret, or judge the scores kept in `folder` by the bounds of today.

    An audit in which a set failed is not kept. Raises HarnessError for a failure of ours.
    """
    parts = (source.digest, track, settings.threads, settings.device, sets_digest(), protocol_digest(), LABEL)
    digest = hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()
    path = folder / f"{source.name}-{digest[:16]}.json"
    kept = None if settings.fresh else _read(path)
    # As with cells: what a weaker tier let through is made again where there is a stronger one.
    if kept is not None and kept.isolation <= settings.isolation.tier:
        statistics, verdict, reason = judge_sets(kept.sets, kept.track)
        return replace(kept, name=source.name, statistics=statistics, verdict=verdict, reason=reason)
    made = run_audit(source, SECRET, settings, track=track, report=report)
    if all(each.ok for each in made.sets):
        write_report(path, made)
    return made


def _read(path: Path) -> AuditReport | None:
    try:
        return read_report(path)
    except (HarnessError, UsageError):  # not there, damaged, or another version's: it is made again
        return None
