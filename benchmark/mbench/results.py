"""The record on disk: one JSON per cell, its predictions beside it, written atomically and validated when read."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from mbench.errors import HarnessError, UsageError
from mbench.metrics import Profile
from mbench.suite import SUITE_VERSION
from mbench.types import FloatArray

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA_VERSION = 1

# What pydantic validates these dataclasses by: JSON's own types only, no field more, no NaN.
_STRICT = {"extra": "forbid", "strict": True, "allow_inf_nan": False}

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

Status = Literal["ok", "crash", "timeout", "out-of-memory", "invalid", "refused", "infrastructure"]


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the predictions of one cell were worth. `error` is the FVU, or the error rate on digits."""

    __pydantic_config__: ClassVar = _STRICT

    error: float
    psnr_db: float | None = None
    profile: Profile | None = None


@dataclass(frozen=True, slots=True)
class Costs:
    """What one cell took; None where it ended before that was known."""

    __pydantic_config__: ClassVar = _STRICT

    fit_s: float | None = None
    predict_s: float | None = None
    predict_us_per_point: float | None = None
    n_params: int | None = None
    model_bytes: int | None = None
    peak_memory_mb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One cell: what was run, how it ended, and what it scored."""

    __pydantic_config__: ClassVar = _STRICT

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
    created: str

    @property
    def ok(self) -> bool:
        """Did the cell run to its end and yield valid predictions?"""
        return self.status == "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The records of one submission in one portable file."""

    __pydantic_config__: ClassVar = _STRICT

    schema: int
    suite: int
    name: str
    records: tuple[Record, ...]


def canonical_digest(value: dict[str, Any]) -> str:
    """Return the SHA-256 of a JSON object written with sorted keys and no spaces."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@cache
def _adapter(kind: type[Record] | type[Result]) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _parse(kind: type[Any], text: str | bytes, origin: Path) -> Any:
    from pydantic import ValidationError

    try:
        head = json.loads(text)
        versions = head.get("schema"), head.get("suite")
    except (ValueError, AttributeError, RecursionError):
        raise HarnessError(f"{origin}: damaged, not a JSON object. Delete it, and its cell is run again") from None
    if versions != (SCHEMA_VERSION, SUITE_VERSION):
        raise UsageError(
            f"{origin}: made by schema {versions[0]} of suite {versions[1]}, this is schema {SCHEMA_VERSION} of suite "
            f"{SUITE_VERSION}. Results of different suites do not compare; run it again"
        )
    try:
        return _adapter(kind).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise HarnessError(
            f"{origin}: damaged at {place!r} ({first['msg']}). Delete it, and its cell is run again"
        ) from None


def read_result(path: Path) -> Result:
    """Read a portable result. UsageError for a missing file or another suite's, HarnessError for a damaged one."""
    try:
        return _parse(Result, path.read_bytes(), path)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such result") from None
    except OSError as error:
        raise HarnessError(f"{path}: cannot be read ({error.strerror})") from error


def write_result(path: Path, result: Result) -> None:
    """Write a portable result atomically. Raises HarnessError when the disk refuses."""
    try:
        _write_atomically(path, (json.dumps(asdict(result), indent=1, allow_nan=False) + "\n").encode())
    except OSError as error:
        raise _disk_error(path, error) from error


class ResultStore:
    """A results folder: `cells/KEY.json` per cell, with `KEY.npy` (predictions) and `KEY.artifact` beside it.

    A record is written last and in one step, so whatever ends a run leaves whole cells only. Several runs may share a
    folder: equal keys mean equal records.
    """

    def __init__(self, folder: Path) -> None:
        """Open or make the folder.

        Raises UsageError if it cannot be used or holds another suite's results, HarnessError if it is damaged or full.
        """
        self.folder = folder
        self.cells = folder / "cells"
        marker = folder / "mbench.json"
        try:
            self.cells.mkdir(parents=True, exist_ok=True)
            if not marker.exists():
                _write_atomically(marker, json.dumps({"schema": SCHEMA_VERSION, "suite": SUITE_VERSION}).encode())
            found = json.loads(marker.read_text())
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise _disk_error(folder, error) from error
            raise UsageError(
                f"{folder}: cannot be used for results ({error.strerror}). Choose another folder with --out"
            ) from error
        except ValueError:
            raise HarnessError(
                f"{marker}: damaged. Delete it if every result here is of suite {SUITE_VERSION}"
            ) from None
        if found != {"schema": SCHEMA_VERSION, "suite": SUITE_VERSION}:
            raise UsageError(
                f"{folder}: holds results of another version ({found}), this is suite {SUITE_VERSION}, schema "
                f"{SCHEMA_VERSION}. Choose another folder with --out"
            )

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
            record: Record = _parse(Record, path.read_bytes(), path)
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
            raise _disk_error(self.folder, error) from error
        return aside

    def records(self) -> Iterator[Record]:
        """Yield every readable record of this suite, oldest first; damaged ones are passed over."""
        found = []
        for path in self.cells.glob("*.json"):
            try:
                record = self.read(path.stem)
            except (HarnessError, UsageError):
                continue
            if record is not None:
                found.append(record)
        yield from sorted(found, key=lambda record: (record.created, record.key))

    def write(self, record: Record, predictions: FloatArray | None = None, artifact: Path | None = None) -> None:
        """Store a cell: predictions and artifact first, the record last. Raises HarnessError when the disk refuses."""
        try:
            if predictions is not None:
                _write_atomically(self.predictions_path(record.key), _npy_bytes(predictions))
            if artifact is not None:
                _copy_atomically(artifact, self.artifact_path(record.key))
            _write_atomically(
                self.cells / f"{record.key}.json",
                (json.dumps(asdict(record), indent=1, allow_nan=False) + "\n").encode(),
            )
        except OSError as error:
            raise _disk_error(self.folder, error) from error

    def read_predictions(self, key: str) -> FloatArray | None:
        """Return stored predictions (m, k) float32, or None where there are none."""
        try:
            return np.load(self.predictions_path(key), allow_pickle=False)
        except FileNotFoundError:
            return None
        except (ValueError, OSError, EOFError) as error:
            raise HarnessError(
                f"{self.predictions_path(key)}: damaged ({error}). Delete it and evaluate again"
            ) from None


def _disk_error(folder: Path, error: OSError) -> HarnessError:
    if error.errno in _DISK_FULL:
        return HarnessError(
            f"{folder}: the disk is full. Cells already done are kept; free some space and repeat the command"
        )
    return HarnessError(f"{folder}: cannot be written ({error.strerror}). Cells already done are kept")


def _npy_bytes(array: FloatArray) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def _write_atomically(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _copy_atomically(source: Path, path: Path) -> None:
    temporary = _temporary(path)
    try:
        shutil.copyfile(source, temporary, follow_symlinks=False)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
