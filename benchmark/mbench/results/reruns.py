"""What a maintainer ran again of a submission: the numbers that boards show of it, apart from what its author says.

They lie in `submissions/verified/NAME/`, which is the maintainers' folder and no submission's: nothing that a stranger
puts into a folder of their own is taken for a rerun.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from mbench.disk import STRICT
from mbench.errors import one_line
from mbench.results.audits import REPORT_NAME, AuditReport, write_report
from mbench.results.kept import Form, read_kept, write_kept
from mbench.results.record import SCHEMA_VERSION, Record, name_unknown
from mbench.results.record import as_json as record_as_json
from mbench.suite.tracks import SUITE_VERSION

VERIFIED = "verified"  # the folder in `submissions/` that no submission may be called
RERUN_NAME = "rerun.json"
_LIMIT = 16 << 20
_LONGEST = 60  # letters of a machine's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """A maintainer's run of one submission, all of its recorded cells.

    made: when, in UTC.  isolation: the weakest tier that a cell ran in.  machine: it, and the versions on it.
    hidden_sha256: of the secret of the hidden test set that it was held against, and of the audit.  hidden_gap: by
    track, how many points of Mandelbrot score the public test sets gave over the hidden ones; older files lack it.
    """

    __pydantic_config__: ClassVar = STRICT

    schema: int
    suite: int
    name: str
    source_digest: str
    made: str
    isolation: str
    machine: dict[str, str]
    hidden_sha256: str
    records: tuple[Record, ...]
    hidden_gap: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """Say when, where and how well held it was run."""
        return one_line(f"{self.made[:10]}, {self.machine.get('cpu', 'unknown machine')}", _LONGEST) + (
            f", tier {self.isolation}"
        )


_RERUN = Form(Rerun, _LIMIT, "Verify the submission again", "Verify the submission again", SCHEMA_VERSION, "records",
              name_unknown)  # fmt: skip


def make_rerun(
    name: str,
    records: Sequence[Record],
    machine: dict[str, str],
    made: str,
    hidden_sha256: str,
    hidden_gap: Mapping[str, float] = MappingProxyType({}),
) -> Rerun:
    """Return a rerun of records of one source; what its head says follows from them."""
    (source_digest,) = {record.source_digest for record in records}
    return Rerun(
        schema=SCHEMA_VERSION,
        suite=records[0].suite,
        name=name,
        source_digest=source_digest,
        made=made,
        isolation=max(record.isolation for record in records),
        machine=machine,
        hidden_sha256=hidden_sha256,
        records=tuple(sorted(records, key=lambda record: (record.track, record.task, record.replicate))),
        hidden_gap=dict(hidden_gap),
    )


def rerun_folder(submissions: Path, name: str, suite: int = SUITE_VERSION) -> Path:
    """Return where the rerun of a submission and its audit lie; those of earlier suites lie apart."""
    folder = submissions / VERIFIED
    return (folder if suite == SUITE_VERSION else folder / f"suite-{suite}") / name


def publish_rerun(submissions: Path, rerun: Rerun, report: AuditReport) -> tuple[Path, ...]:
    """Write a rerun and its audit where boards read them. Raises HarnessError when the disk refuses."""
    audit = rerun_folder(submissions, rerun.name, rerun.suite) / REPORT_NAME
    write_report(audit, report)
    return write_rerun(submissions, rerun), audit


def write_rerun(submissions: Path, rerun: Rerun) -> Path:
    """Write a rerun and return its path. Raises HarnessError when the disk refuses."""
    path = rerun_folder(submissions, rerun.name, rerun.suite) / RERUN_NAME
    content: dict[str, Any] = asdict(replace(rerun, records=()))
    write_kept(path, content | {"records": [record_as_json(record) for record in rerun.records]})
    return path


def read_rerun(submissions: Path, name: str, suite: int = SUITE_VERSION) -> Rerun | None:
    """Return what a maintainer ran again of a submission, or None where that is nothing. Raises as `read_kept`."""
    return read_kept(replace(_RERUN, suite=suite), rerun_folder(submissions, name, suite) / RERUN_NAME)
