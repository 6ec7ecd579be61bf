"""The record on disk: one JSON per cell, its predictions beside it, written atomically and validated when read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, ClassVar

from mbench.disk import (
    DISK_FULL,
    Draft,
    disk_error,
    open_regular,
    read_bytes,
    settle_folder,
    sweep_drafts,
    write_atomically,
)
from mbench.errors import HarnessError, UsageError
from mbench.results.index import WORTH_WRITING, Heading, Mark, Row, find_row, read_index, write_index
from mbench.results.kept import (
    ForeignError,
    Form,
    load_kept,
    note_foreign,
    parse_kept,
    read_kept,
    sign,
    write_kept,
)  # fmt: skip
from mbench.results.predictions import pack_predictions, predictions_digest
from mbench.results.record import SCHEMA_VERSION, Record, Result, as_json, name_unknown
from mbench.sandbox.predictions import unpack_predictions
from mbench.suite.tracks import SUITE_VERSION
from mbench.types import FloatArray

RECORD_LIMIT = 1 << 20  # bytes: a record has some thousands, so more is none, and is not read into memory
RESULT_LIMIT = 16 << 20

RESULT_NAME = "result.json"

Wanted = Callable[[Record | Heading], bool]

_RERUN = "Delete it, and its cell is run again"

_REMAKE = "Delete it, and repeat the command that wrote it"
_KEPT = "Cells already done are kept"


_RECORD = Form(Record, RECORD_LIMIT, _RERUN, schema=SCHEMA_VERSION, unknown=name_unknown)
_RESULT = Form(Result, RESULT_LIMIT, _REMAKE, schema=SCHEMA_VERSION, items="records", unknown=name_unknown)


def read_result(path: Path, suite: int = SUITE_VERSION, *, is_strangers: bool = False) -> Result:
    """Read a portable result of a suite. Raises as `read_kept`, and UsageError for a missing file.

    is_strangers: as in `Form`.
    """
    result = read_kept(replace(_RESULT, suite=suite, is_strangers=is_strangers), path)
    if result is None:
        raise UsageError(f"{path}: no such result")
    return result


def write_result(path: Path, result: Result) -> None:
    """Write a portable result atomically. Raises HarnessError when the disk refuses."""
    write_kept(path, as_json(result), _KEPT)


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
        self.foreign: set[str] = set()  # keys of records that were read but for what another mbench put there
        self._stamping = Lock()
        own: dict[str, Any] = {"schema": SCHEMA_VERSION, "suite": SUITE_VERSION}
        own |= {"purpose": self.purpose} if self.purpose else {}
        marker = folder / "mbench.json"
        try:
            self.cells.mkdir(parents=True, exist_ok=True)
            if not marker.exists():
                write_atomically(marker, json.dumps(sign(own)).encode())
            found = json.loads(read_bytes(marker, RECORD_LIMIT, _RERUN))
        except OSError as error:
            if error.errno in DISK_FULL:
                raise disk_error(folder, error, _KEPT) from error
            raise UsageError(
                f"{folder}: cannot be used for results ({error.strerror}). Choose another folder with --results"
            ) from error
        except (ValueError, RecursionError):
            raise HarnessError(
                f"{marker}: damaged. Delete it if every result here is of suite {SUITE_VERSION}"
            ) from None
        self._check_marker(found, own)
        for place in (folder, self.cells, *(path.parent for path in folder.glob(f"*/*/{RESULT_NAME}"))):
            sweep_drafts(place)

    def _check_marker(self, found: Any, own: dict[str, Any]) -> None:
        """Raise UsageError for a folder of another suite, an older schema or another purpose."""
        known = found if isinstance(found, dict) else {}
        schema = known.get("schema")
        fits = type(schema) is int and schema >= SCHEMA_VERSION
        if not fits or any(known.get(name) != own.get(name) for name in ("suite", "purpose")):
            raise UsageError(
                f"{self.folder}: holds results of another version or for another purpose ({ascii(found)[:80]}), "
                f"expected {own}. Choose another folder with --results"
            )

    def stamp(self) -> str:
        """Return when a record is made: now, or just after the newest record here where the clock was set back.

        So the record made last is the newest one, whatever the clock did.
        """
        with self._stamping:
            if self._newest is None:
                newest = [self._read_or_pass_over(heading.key) for heading in self.headings()[-1:]]
                made = [datetime.fromisoformat(record.created) for record in newest if record is not None]
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
        """Return the record of this key, or None. Raises as `read_kept`."""
        path = self.cells / f"{key}.json"
        if (loaded := load_kept(_RECORD, path)) is None:
            return None
        record, words = loaded
        if words:
            note_foreign(words)
            self.foreign.add(key)
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

    def records(self, but: Container[str] = (), wanted: Wanted | None = None) -> list[Record]:
        """Return the readable records of this suite, oldest first; damaged ones are passed over, see `passed_over`.

        but: keys of cells that are not read.  wanted: which are returned, by what a heading says; of a folder with an
        index no others are read.
        """
        found = [record for _, record in self._search(but, wanted) if record is not None]
        return sorted(found, key=lambda record: (record.created, record.key))

    def headings(self) -> list[Heading]:
        """Return the headings of the readable records of this suite, oldest first, reading those that have changed."""
        found = [heading for heading, _ in self._search((), lambda _: False)]
        return sorted(found, key=lambda heading: (heading.created, heading.key))

    def _search(self, but: Container[str], wanted: Wanted | None) -> Iterator[tuple[Heading, Record | None]]:
        """Yield every record's heading, and the record itself where it is wanted."""
        rows, known = read_index(self.folder), dict[str, Row]()
        n_read = 0
        for entry in os.scandir(self.cells) if self.cells.is_dir() else ():
            key, suffix = os.path.splitext(entry.name)
            if suffix != ".json":
                continue
            if key in but:
                known |= {key: rows[key]} if key in rows else {}
                continue
            mark = Mark.of(entry)
            row = find_row(rows, key, mark)
            if row is not None:
                known[key] = row
                if wanted is not None and not wanted(row.heading):
                    yield row.heading, None
                    continue
            record = self._read_or_pass_over(key)
            if record is None:
                continue
            heading = Heading.of(record)
            # Whoever reads a foreign record is told so: it is never left out unread.
            if row is None and mark is not None and key not in self.foreign:
                known[key] = Row(mark, heading)
                n_read += 1
            yield heading, record if wanted is None or wanted(record) else None
        if n_read >= WORTH_WRITING:
            write_index(self.folder, known.values())

    def _read_or_pass_over(self, key: str) -> Record | None:
        try:
            return self.read(key)
        except ForeignError as error:
            self._pass_over_foreign(self.cells / f"{key}.json", error)
        except (HarnessError, UsageError):
            self.passed_over.add(self.cells / f"{key}.json")
        return None

    def _pass_over_foreign(self, path: Path, error: ForeignError) -> None:
        try:
            note_foreign(str(error))
        except ForeignError:  # nobody listens: it is among what was passed over
            self.passed_over.add(path)

    def export(self, key: str) -> dict[str, bytes]:
        """Return the files of a cell that is here, by suffix, for another store to `adopt`."""
        return {path.suffix: path.read_bytes() for path in self.cells.glob(f"{key}.*")}

    def adopt(self, key: str, files: Mapping[str, bytes]) -> Record:
        """Store the cell that another store exported, stamped anew, and return its record.

        Raises HarnessError where the files are not whole cells, read as strictly as those on the disk.
        """
        origin = self.cells / f"{key}.json"
        record, words = parse_kept(_RECORD, files.get(".json", b""), origin)
        if words:
            raise HarnessError(f"{words}. Install the same mbench on all machines")
        predictions = None
        try:
            if ".npy" in files:
                predictions = unpack_predictions(BytesIO(files[".npy"]))
        except ValueError as error:
            raise HarnessError(
                f"{origin}: came back with damaged predictions (the file {error}). Evaluate again"
            ) from None
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
        content = (json.dumps(sign(as_json(record)), indent=1, allow_nan=False) + "\n").encode()
        try:
            with ExitStack() as stack:
                drafts = []

                def begin(path: Path) -> Draft:
                    drafts.append(stack.enter_context(Draft(path)))
                    return drafts[-1]

                if predictions is not None:
                    begin(self.predictions_path(record.key)).file.write(pack_predictions(predictions))
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
                return unpack_predictions(file)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise HarnessError(f"{path}: damaged, it {error}. Evaluate it again with --fresh") from None
        except OSError as error:
            raise HarnessError(f"{path}: cannot be read ({error.strerror})") from error


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    """Copy as many bytes as there are now: the child may be adding to them."""
    left = os.fstat(source.fileno()).st_size
    while left and (block := source.read(min(left, 1 << 20))):
        target.write(block)
        left -= len(block)
