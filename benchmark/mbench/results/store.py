"""The record on disk: one JSON per cell, its predictions beside it, written atomically and validated when read."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, ClassVar, Literal, TypeVar

import numpy as np

from mbench.disk import (
    DISK_FULL,
    STRICT,
    Draft,
    disk_error,
    open_regular,
    parse_json,
    read_bytes,
    settle_folder,
    sweep_drafts,
    write_atomically,
    write_json,
)
from mbench.errors import HarnessError, UsageError
from mbench.results.metrics import Profile
from mbench.suite.tracks import SUITE_VERSION, TRACKS, family_of
from mbench.types import DEVICES, TIERS, FloatArray

T = TypeVar("T")
SCHEMA_VERSION = 1
RECORD_LIMIT = 1 << 20  # bytes: a record has some thousands, so more is none, and is not read into memory
RESULT_LIMIT = 16 << 20
PREDICTIONS_LIMIT = 1 << 30

RESULT_NAME = "result.json"

_RERUN = "Delete it, and its cell is run again"

_REMAKE = "Delete it, and repeat the command that wrote it"
_KEPT = "Cells already done are kept"
_LARGEST = 2**63 - 1
_WORST_ERROR, _LARGEST_DB = 1e200, 1e4  # farther than float32 predictions can lead
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00", re.ASCII)
# What numpy writes before predictions, and the only header that is read.
_NPY_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00v\x00\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d{1,12}), (\d{1,9})\), \} *\n"
)

Status = Literal["ok", "crash", "timeout", "out-of-memory", "invalid", "refused", "infrastructure"]


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the predictions of one cell were worth. `error` is the FVU, or the error rate on digits."""

    __pydantic_config__: ClassVar = STRICT

    error: float
    psnr_db: float | None = None
    profile: Profile | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for what no predictions are worth."""
        if not 0 <= self.error <= _WORST_ERROR:
            raise ValueError("error is out of range")
        if self.psnr_db is not None and not abs(self.psnr_db) <= _LARGEST_DB:
            raise ValueError("psnr_db is out of range")
        if self.profile:
            means, *quartiles = self.profile.mean, self.profile.lower_quartile, self.profile.upper_quartile
            if any(len(values) != len(means) for values in quartiles):
                raise ValueError("profile has octaves of its own in each part")
            if not all(0 <= score <= 1 + 1e-9 for values in (means, *quartiles) for score in values):
                raise ValueError("profile has a score outside [0, 1]")


@dataclass(frozen=True, slots=True)
class Costs:
    """What one cell took; None where it ended before that was known."""

    __pydantic_config__: ClassVar = STRICT

    fit_s: float | None = None
    predict_s: float | None = None
    predict_us_per_point: float | None = None
    n_params: int | None = None
    model_bytes: int | None = None
    peak_memory_mb: float | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for what nothing costs."""
        for name in self.__slots__:
            _check_number(name, getattr(self, name) or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One cell: what was run, how it ended, and what it scored."""

    __pydantic_config__: ClassVar = STRICT

    schema: int
    suite: int
    key: str
    submission: str
    source_digest: str
    task: str
    task_digest: str
    track: str
    replicate: int
    n_samples: int
    fit_limit_s: float
    seed: int
    threads: int
    device: str
    isolation: str
    test_set: str
    harness_digest: str
    status: Status
    reason: str
    metrics: Metrics | None
    costs: Costs
    output: str
    environment: dict[str, str]
    created: str  # in UTC, as `ResultStore.stamp` writes it: sorted as text it is sorted in time
    predictions_digest: str | None = None  # tells whether the predictions beside a record are its own

    def __post_init__(self) -> None:
        """Raise ValueError for what no cell is, so that whoever has a record can score it."""
        for name in ("replicate", "n_samples", "seed", "threads", "fit_limit_s"):
            _check_number(name, getattr(self, name))
        if self.n_samples == 0:
            raise ValueError("n_samples is 0")
        if self.track not in TRACKS:
            raise ValueError("track is unknown")
        try:
            family_of(self.task)
        except KeyError:
            raise ValueError("task is unknown") from None
        if self.ok != (self.metrics is not None):
            raise ValueError("metrics do not fit the status")
        if self.device not in DEVICES or self.isolation not in TIERS:
            raise ValueError("device or isolation is unknown")
        if not _is_time(self.created):
            raise ValueError("created is no time in UTC")

    @property
    def ok(self) -> bool:
        """Did the cell run to its end and yield valid predictions?"""
        return self.status == "ok"

    @property
    def fit_id(self) -> str:
        """The cell's key, and which of its fits this is: a method need not learn the same thing twice."""
        return f"{self.key}:{self.predictions_digest or ''}"

    @property
    def is_our_failure(self) -> bool:
        """Did the harness fail, so that the cell says nothing of the submission?"""
        return self.status == "infrastructure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The records of one submission in one portable file."""

    __pydantic_config__: ClassVar = STRICT

    schema: int
    suite: int
    name: str
    records: tuple[Record, ...]

    def raise_for_ours(self, remedy: str) -> None:
        """Raise HarnessError, which says what to do, where a cell ended in a failure of ours."""
        for record in self.records:
            if record.is_our_failure:
                raise HarnessError(f"{self.name} on {record.task}: {record.reason}. {remedy}")


def predictions_digest(predictions: FloatArray) -> str:
    """Return the SHA-256 of predictions (m, k) as they are stored."""
    return hashlib.sha256(_pack_predictions(predictions)).hexdigest()


def _is_time(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        return 1970 <= datetime.fromisoformat(text).year < 9000  # room for the next stamp
    except ValueError:
        return False


def _check_number(name: str, value: float) -> None:
    if not 0 <= value <= _LARGEST:
        raise ValueError(f"{name} is out of range")


def canonical_digest(value: dict[str, Any]) -> str:
    """Return the SHA-256 of a JSON object written with sorted keys and no spaces."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _parse(kind: type[T], text: bytes, origin: Path, remedy: str = _RERUN) -> T:
    try:
        head = json.loads(text, object_pairs_hook=_without_duplicates)
        versions = head.get("schema"), head.get("suite")
    except (ValueError, AttributeError, RecursionError):
        raise HarnessError(f"{origin}: damaged, not a JSON object. {remedy}") from None
    if versions != (SCHEMA_VERSION, SUITE_VERSION):
        schema, suite = (str(value)[:20] if type(value) is int else "unknown" for value in versions)
        raise UsageError(
            f"{origin}: made by schema {schema} of suite {suite}, this is schema {SCHEMA_VERSION} of suite "
            f"{SUITE_VERSION}. Results of different suites do not compare; run it again"
        )
    return parse_json(kind, text, origin, remedy)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object. Raises ValueError for a name that it has twice: readers differ in which one they take."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def read_result(path: Path) -> Result:
    """Read a portable result. UsageError for a missing file or another suite's, HarnessError for a damaged one."""
    try:
        return _parse(Result, read_bytes(path, RESULT_LIMIT, _REMAKE), path, _REMAKE)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such result") from None
    except OSError as error:
        raise HarnessError(f"{path}: cannot be read ({error.strerror})") from error


def write_result(path: Path, result: Result) -> None:
    """Write a portable result atomically. Raises HarnessError when the disk refuses."""
    write_json(path, asdict(result), _KEPT)


class ResultStore:
    """A results folder: `cells/KEY.json` per cell, with `KEY.npy` (predictions) and `KEY.artifact` beside it.

    A record is written last and in one step, so whatever ends a run leaves whole cells only. Several runs may share a
    folder: equal keys mean records as good as each other, and the one written last stays.
    """

    # What the records are for where they are of no track's own cells. Such a folder is refused to every other store, so
    # that what lies in it never stands for a result.
    purpose: ClassVar[str] = ""

    def __init__(self, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Open or make the folder, and remove what killed runs left half-written.

        now: the clock that stamps records.
        Raises UsageError if it cannot be used or holds another suite's results, HarnessError if it is damaged or full.
        """
        self.folder = folder
        self.cells = folder / "cells"
        self._now = now
        self._newest: datetime | None = None
        self.passed_over: set[Path] = set()  # damaged records, or another suite's, that `records` came across
        self._stamping = Lock()
        own: dict[str, Any] = {"schema": SCHEMA_VERSION, "suite": SUITE_VERSION}
        own |= {"purpose": self.purpose} if self.purpose else {}
        marker = folder / "mbench.json"
        try:
            self.cells.mkdir(parents=True, exist_ok=True)
            if not marker.exists():
                write_atomically(marker, json.dumps(own).encode())
            found = json.loads(read_bytes(marker, RECORD_LIMIT, _RERUN))
        except OSError as error:
            if error.errno in DISK_FULL:
                raise disk_error(folder, error, _KEPT) from error
            raise UsageError(
                f"{folder}: cannot be used for results ({error.strerror}). Choose another folder with --out"
            ) from error
        except (ValueError, RecursionError):
            raise HarnessError(
                f"{marker}: damaged. Delete it if every result here is of suite {SUITE_VERSION}"
            ) from None
        if found != own:
            raise UsageError(
                f"{folder}: holds results of another version or for another purpose ({ascii(found)[:80]}), expected "
                f"{own}. Choose another folder with --out"
            )
        for place in (folder, self.cells, *(path.parent for path in folder.glob(f"*/*/{RESULT_NAME}"))):
            sweep_drafts(place)

    def stamp(self) -> str:
        """Return when a record is made: now, or just after the newest record here where the clock was set back.

        So the record made last is the newest one, whatever the clock did.
        """
        with self._stamping:
            if self._newest is None:
                made = [datetime.fromisoformat(record.created) for record in self.records()]
                self._newest = max(made, default=datetime.min.replace(tzinfo=UTC))
            self._newest = max(self._now().astimezone(UTC), self._newest + timedelta(microseconds=1))
            return self._newest.isoformat(timespec="microseconds")

    def artifact_path(self, key: str) -> Path:
        """Where a cell's fitted estimator lies: opaque bytes, only ever loaded in a child."""
        return self.cells / f"{key}.artifact"

    def predictions_path(self, key: str) -> Path:
        """Where a cell's predictions lie, in the order of its queries."""
        return self.cells / f"{key}.npy"

    def read(self, key: str) -> Record | None:
        """Return the record of this key, or None. Raises HarnessError if it is damaged."""
        path = self.cells / f"{key}.json"
        try:
            record = _parse(Record, read_bytes(path, RECORD_LIMIT, _RERUN), path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HarnessError(f"{path}: cannot be read ({error.strerror})") from error
        if record.key != key:
            raise HarnessError(f"{path}: holds the record of another cell. Delete it, and its cell is run again")
        return record

    def set_aside(self, key: str) -> Path:
        """Rename a damaged record so that its cell can be run again, and return the new name."""
        aside = self.cells / f"{key}.damaged"
        try:
            (self.cells / f"{key}.json").replace(aside)
        except FileNotFoundError:  # another run on this folder did it first
            pass
        except OSError as error:
            raise disk_error(self.folder, error, _KEPT) from error
        return aside

    def records(self, but: Container[str] = ()) -> Iterator[Record]:
        """Yield every readable record of this suite, oldest first; damaged ones are passed over, see `passed_over`.

        but: keys of cells that are not read.
        """
        found = []
        for path in self.cells.glob("*.json"):
            if path.stem in but:
                continue
            try:
                record = self.read(path.stem)
            except (HarnessError, UsageError):
                self.passed_over.add(path)
                continue
            if record is not None:
                found.append(record)
        yield from sorted(found, key=lambda record: (record.created, record.key))

    def export(self, key: str) -> dict[str, bytes]:
        """Return the files of a cell that is here, by suffix, for another store to `adopt`."""
        return {path.suffix: path.read_bytes() for path in self.cells.glob(f"{key}.*")}

    def adopt(self, key: str, files: Mapping[str, bytes]) -> Record:
        """Store the cell that another store exported, stamped anew, and return its record.

        Raises HarnessError where the files are not whole cells, read as strictly as those on the disk.
        """
        origin = self.cells / f"{key}.json"
        record = _parse(Record, files.get(".json", b""), origin)
        predictions = None
        try:
            if ".npy" in files:
                predictions = _unpack_predictions(BytesIO(files[".npy"]))
        except ValueError as error:
            raise HarnessError(f"{origin}: came back with damaged predictions ({error}). Evaluate again") from None
        expected = record.predictions_digest
        if record.key != key or expected != (None if predictions is None else predictions_digest(predictions)):
            raise HarnessError(f"{origin}: came back with the predictions of another cell. Evaluate again")
        record = replace(record, created=self.stamp())
        self.write(record, predictions, files.get(".artifact"))
        return record

    def write(
        self, record: Record, predictions: FloatArray | None = None, artifact: Path | bytes | None = None
    ) -> None:
        """Store a cell: predictions and artifact first, the record last. Raises HarnessError when the disk refuses.

        All of it is on the disk before any of it is in its place: a full disk, a kill or a loss of power leaves the
        cell as it was or as it is to be. An artifact that its child made something else of is left out. A failure of
        ours takes no other record's place.
        """
        if record.is_our_failure and self._has_outcome(record.key):
            return
        content = (json.dumps(asdict(record), indent=1, allow_nan=False) + "\n").encode()
        try:
            with ExitStack() as stack:
                drafts = []

                def begin(path: Path) -> Draft:
                    drafts.append(stack.enter_context(Draft(path)))
                    return drafts[-1]

                if predictions is not None:
                    begin(self.predictions_path(record.key)).file.write(_pack_predictions(predictions))
                if isinstance(artifact, bytes):
                    begin(self.artifact_path(record.key)).file.write(artifact)
                elif artifact is not None and (opened := open_regular(artifact)):
                    with opened:
                        _copy(opened, begin(self.artifact_path(record.key)).file)
                begin(self.cells / f"{record.key}.json").file.write(content)
                for draft in drafts:
                    draft.settle()
                for draft in drafts:
                    draft.publish()
            settle_folder(self.cells)
        except OSError as error:
            raise disk_error(self.folder, error, _KEPT) from error

    def _has_outcome(self, key: str) -> bool:
        """Is there a record of what the submission did in this cell?"""
        try:
            known = self.read(key)
        except (HarnessError, UsageError):
            return False
        return known is not None and not known.is_our_failure

    def read_predictions(self, key: str) -> FloatArray | None:
        """Return stored predictions (m, k) float32, finite, or None where there are none."""
        path = self.predictions_path(key)
        try:
            with path.open("rb") as file:
                return _unpack_predictions(file)
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as error:
            raise HarnessError(f"{path}: damaged ({error}). Evaluate it again with --fresh") from None


def _pack_predictions(array: FloatArray) -> bytes:
    buffer = BytesIO()  # numpy writing to a file itself does not say why it could not
    np.save(buffer, array.astype("<f4"), allow_pickle=False)
    return buffer.getvalue()


def _unpack_predictions(file: BinaryIO) -> FloatArray:
    """Read what `ResultStore.write` wrote and nothing else; no more is read than a file of its shape holds."""
    header = _NPY_HEADER.match(head := file.read(128))
    if not header or len(head) != header.end():
        raise ValueError("not predictions")
    shape = int(header[1]), int(header[2])
    n_bytes = 4 * shape[0] * shape[1]
    if n_bytes > PREDICTIONS_LIMIT:
        raise ValueError("larger than any predictions")
    if file.seek(0, os.SEEK_END) != len(head) + n_bytes:
        raise ValueError(f"not the size of {shape[0]} x {shape[1]} values")
    file.seek(len(head))
    values = np.frombuffer(file.read(n_bytes), "<f4").reshape(shape)
    if not np.isfinite(values).all():
        raise ValueError("values that are not finite")
    return values.astype(np.float32)


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    """Copy as many bytes as there are now: the child may be adding to them."""
    left = os.fstat(source.fileno()).st_size
    while left and (block := source.read(min(left, 1 << 20))):
        target.write(block)
        left -= len(block)
