"""The log of a results folder: a line for every evaluation, in the order in which they ended.

`log/log.jsonl` is only ever added to, by several evaluations at once, too; a line that is damaged costs nothing but
itself. The sources lie beside it (`mbench.results.log_sources`).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Literal

from mbench.disk import STRICT, disk_error, read_bytes
from mbench.errors import MbenchError, UsageError, one_line
from mbench.results.kept import Form, OtherSuiteError, note, note_foreign, parse_kept, sign
from mbench.results.record import Record, Status
from mbench.results.reference import Reference
from mbench.results.scoring import score_entry
from mbench.submission import Source, entry_path
from mbench.suite import tracks
from mbench.suite.secrets import PUBLIC
from mbench.types import DEVICES

FOLDER = "log"
LOG_NAME = "log.jsonl"
SCHEMA_VERSION = 1
_LIMIT = 1 << 28  # bytes of the whole log: tens of thousands of evaluations
_LONGEST_NOTE = 500  # letters
_NUMBER = re.compile(rb'^\{"number": (\d{1,9}),', re.MULTILINE)  # whole even where the rest of a line is not
_MOST_NAMED = 5

Kind = Literal["board", "practice", "hidden"]


@dataclass(frozen=True, slots=True)
class LoggedCell:
    """What one cell of an evaluation came to; numbers are None where it has none. A failure has skill 0."""

    __pydantic_config__: ClassVar = STRICT

    task: str
    replicate: int
    status: Status
    key: str
    error: float | None
    depth_octaves: float | None
    skill: float | None
    depth_skill: float | None
    fit_s: float | None

    @property
    def score(self) -> float | None:
        """Its score: the skill, or the mean of skill and depth skill where depth is measured."""
        if self.skill is None or self.depth_skill is None:
            return self.skill
        return (self.skill + self.depth_skill) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One evaluation of one source.

    number: its place in the log, by which people call it.  created: when it ended, in UTC.  kind: whether it was scored
    on the board's own sets, on those to practise on or on hidden ones.  path: of the submission's main file, "" for a
    function of Python.  is_whole: was it run to its end?  libraries: what was imported, by name, with its version.
    """

    __pydantic_config__: ClassVar = STRICT

    number: int
    schema: int
    suite: int
    created: str
    kind: Kind
    test_set: str
    name: str
    note: str
    path: str
    source_digest: str
    track: str
    threads: int
    device: str
    is_whole: bool
    cells: tuple[LoggedCell, ...]
    libraries: dict[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Raise ValueError for what no evaluation is."""
        if self.track not in tracks.TRACKS:
            raise ValueError("track is unknown")
        if self.device not in DEVICES or self.number < 0 or self.threads < 1:
            raise ValueError("device, number or threads is out of range")
        if not self.cells or any(cell.replicate < 0 for cell in self.cells):
            raise ValueError("cells are none, or out of range")
        datetime.fromisoformat(self.created)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that were run, in the order of the suite, any others behind."""
        run = {cell.task for cell in self.cells}
        known = [task for task in tracks.task_names() if task in run]
        return (*known, *sorted(run - set(known)))

    @property
    def n_replicates(self) -> int:
        """Of the task that was run least often."""
        return min(sum(cell.task == task for cell in self.cells) for task in self.tasks)


_LINE = Form(Attempt, _LIMIT, "It is left out", schema=SCHEMA_VERSION)


def draft_attempt(source: Source, records: Sequence[Record], reference: Reference, kind: Kind, words: str) -> Attempt:
    """Return what the log keeps of an evaluation's records; its number comes when it is appended.

    records: at least one.  words: the note.
    """
    found = {name: version for record in records for name, version in _versions(record).items()}
    path = entry_path(source)
    return Attempt(
        number=0,
        schema=SCHEMA_VERSION,
        suite=tracks.SUITE_VERSION,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        kind=kind,
        test_set=records[0].test_set,
        name=source.name,
        note=one_line(words, _LONGEST_NOTE),
        path="" if path is None else str(path.resolve()),
        source_digest=source.digest,
        track=records[0].track,
        threads=max(record.threads for record in records),
        device=records[0].device,
        is_whole=True,
        cells=tuple(_log_cell(record, reference) for record in records),
        libraries=dict(sorted(found.items())),
    )


def append_attempt(results: Path, attempt: Attempt) -> Attempt:
    """Add an evaluation to a results folder's log, and return it with its number.

    Several processes may do so at once: a lock on the file gives each its number. What a killed one left of a line is
    ended before the next begins. Raises HarnessError when the disk refuses; the log is then as it was.
    """
    path = results / FOLDER / LOG_NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _hold(path) as descriptor:
            size = os.fstat(descriptor).st_size
            known = os.pread(descriptor, size, 0)
            numbers = [int(number) for number in _NUMBER.findall(known)]
            numbered = replace(attempt, number=max(numbers, default=0) + 1)
            content = {"number": numbered.number} | sign(asdict(numbered))
            line = json.dumps(content, allow_nan=False).encode() + b"\n"
            _write_whole(descriptor, line if not known or known.endswith(b"\n") else b"\n" + line, size)
    except OSError as error:
        raise disk_error(path, error, "What was evaluated is kept") from error
    return numbered


def read_log(results: Path) -> list[Attempt]:
    """Return every evaluation in a results folder's log, oldest first; what cannot be read is left out, with a note.

    Raises HarnessError where there is a log that cannot be read at all.
    """
    path = results / FOLDER / LOG_NAME
    try:
        content = read_bytes(path, _LIMIT, "Move it elsewhere")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise disk_error(path, error) from error
    found: list[Attempt] = []
    damaged: list[int] = []
    for place, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            attempt, foreign = parse_kept(_LINE, line, Path(f"{path}, line {place}"))
        except OtherSuiteError:  # of another time, and not compared with this one
            continue
        except MbenchError:
            damaged.append(place)
            continue
        if foreign:
            with contextlib.suppress(MbenchError):  # nobody listens
                note_foreign(foreign)
        found.append(attempt)
    if damaged:
        named = ", ".join(map(str, damaged[:_MOST_NAMED])) + (", …" if len(damaged) > _MOST_NAMED else "")
        note(f"{path}: {len(damaged)} damaged and left out (line {named})")
    return found


def find_attempt(attempts: Sequence[Attempt], number: int) -> Attempt:
    """Return the evaluation of a number. Raises UsageError where there is none."""
    found = [each for each in attempts if each.number == number]
    if not found:
        known = f"there are {attempts[0].number} to {attempts[-1].number}" if attempts else "it is empty"
        raise UsageError(f"{number}: no such number in the log, {known}. `mbench log` lists them")
    return found[-1]


def kind_of(test_set: str, practice_set: str) -> Kind:
    """Return what kind of sets a test set's name stands for."""
    if test_set == PUBLIC:
        return "board"
    return "practice" if test_set == practice_set else "hidden"


def _log_cell(record: Record, reference: Reference) -> LoggedCell:
    alone = score_entry(record.submission, record.track, [record], reference).tasks  # none of a failure of ours
    scored = alone[0] if alone else None
    return LoggedCell(
        task=record.task,
        replicate=record.replicate,
        status=record.status,
        key=record.key,
        error=scored and scored.error,
        depth_octaves=scored and scored.depth_octaves,
        skill=scored and scored.skill,
        depth_skill=scored and scored.depth_skill,
        fit_s=record.costs.fit_s,
    )


def _versions(record: Record) -> dict[str, str]:
    """Return the versions of the distributions behind a record, by name; of a lone file there is neither."""
    pairs = [words.partition(" ") for words in (record.libraries or {}).values()]
    return {name: version for name, _, version in pairs if name != "files"}


@contextlib.contextmanager
def _hold(path: Path) -> Iterator[int]:
    """Lend the descriptor of a file, made if need be, that nobody else who asks so has meanwhile."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _write_whole(descriptor: int, line: bytes, size: int) -> None:
    """Write a line at the end of a file that has so many bytes, or leave it at these. Raises OSError."""
    try:
        left = memoryview(line)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    except BaseException:  # Ctrl-C among them
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise
