"""The audit on disk: one JSON per submission and track, and the frozen bounds it is judged by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from mbench.disk import STRICT, parse_json, read_bytes, write_json
from mbench.errors import HarnessError, MbenchError, UsageError
from mbench.review.audit.statistics import DESCRIPTIONS, Bound, SetScore, prediction_bound
from mbench.review.audit.verdicts import Statistic, Verdict
from mbench.suite import tracks

SCHEMA_VERSION = 1
REPORT_NAME = "audit.json"
_REPORT_LIMIT = 1 << 20  # bytes: one has some thousands
BOUNDS_NAME = f"audit-{tracks.SUITE_VERSION}.json"  # lies beside the package's modules; `mbench audit --calibrate`
GOOD = ("passed", "discovery")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """One audit of one submission. secret_sha256: of the secret that its sets were drawn under."""

    __pydantic_config__: ClassVar = STRICT

    schema: int
    suite: int
    name: str
    source_digest: str
    track: str
    secret_sha256: str
    verdict: Verdict
    reason: str
    sets: tuple[SetScore, ...]
    statistics: tuple[Statistic, ...]
    threads: int
    device: str
    isolation: str
    environment: dict[str, str]
    created: str

    @property
    def ok(self) -> bool:
        """Is it no mark against the submission?"""
        return self.verdict in GOOD


def write_report(path: Path, report: AuditReport) -> None:
    """Write an audit atomically. Raises HarnessError when the disk refuses."""
    write_json(path, asdict(report))


def read_report(path: Path) -> AuditReport:
    """Read an audit. UsageError for a missing file or another suite's, HarnessError for a damaged one."""
    again = "Run `mbench audit` again"
    try:
        content = read_bytes(path, _REPORT_LIMIT, again)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such audit. Run `mbench audit`") from None
    except OSError as error:
        raise HarnessError(f"{path}: cannot be read ({error.strerror})") from error
    report = parse_json(AuditReport, content, path, again)
    if (report.schema, report.suite) != (SCHEMA_VERSION, tracks.SUITE_VERSION):
        raise UsageError(f"{path}: made by another version of the audit. {again}")
    return report


def report_places(made: Path) -> tuple[Path, ...]:
    """Return where an audit may lie of what is in `results/NAME/TRACK`: there, else beside another track's results.

    It is the source that is audited, and passes or not, whatever the track.
    """
    folders = (made, *(made.with_name(track) for track in tracks.TRACKS if track != made.name))
    return tuple(folder / REPORT_NAME for folder in folders)


def find_report(places: Sequence[Path], source_digest: str) -> tuple[Path, AuditReport] | None:
    """Return the audit of a source that counts: one that holds against it, or else the newest.

    Raises like `read_report` for what is no audit in the first place; in the others it is passed over.
    """
    found: list[tuple[Path, AuditReport]] = []
    for path in filter(Path.exists, places):
        try:
            found.append((path, read_report(path)))
        except MbenchError:
            if path == places[0]:
                raise
    own = [each for each in found if each[1].source_digest == source_digest]
    return max(own, key=lambda each: (not each[1].ok, each[1].created), default=None)


def load_bounds() -> Mapping[str, Bound]:
    """Return the frozen bound of every statistic."""
    return _parse_bounds(Path(__file__).with_name(BOUNDS_NAME).read_text())


@cache
def _parse_bounds(text: str) -> Mapping[str, Bound]:
    content = json.loads(text)
    if content["suite"] != tracks.SUITE_VERSION or content["bounds"].keys() != DESCRIPTIONS.keys():
        raise HarnessError(f"{BOUNDS_NAME}: made by another version of the audit. Reinstall, or calibrate again")
    return MappingProxyType({name: Bound(**bound) for name, bound in content["bounds"].items()})


def derive_bounds(baselines: Mapping[str, Mapping[str, list[float]]]) -> dict[str, Bound]:
    """Return the bound of every statistic from the baselines' values: by baseline, then statistic, one a secret."""
    table: dict[str, Any] = {name: np.array([row[name] for row in baselines.values()]) for name in DESCRIPTIONS}
    return {name: prediction_bound(values) for name, values in table.items()}
