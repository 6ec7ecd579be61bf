"""What records say of themselves, kept in one file, so that a search reads only the records that it is after.

The index is a cache and nothing else. It is believed of a file whose size, time and number on the disk are still the
ones that it was read with, and that lay there for a while before; what is found by it is read from its own file, as
strictly as ever. An index that is damaged, foreign or no regular file is none.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mbench import __version__
from mbench.disk import STRICT, Draft, open_inside, type_adapter
from mbench.errors import UsageError
from mbench.results.record import Record

INDEX_NAME = "cells.index"
WORTH_WRITING = 500  # records read: as many take about as long as writing the index of a large folder
_LIMIT = 256 << 20  # bytes: a record takes 400
SETTLED_NS = 2_000_000_000  # a file that is younger may be written again without a difference in its time


@dataclass(frozen=True, slots=True)
class Heading:
    """What can be asked of a record without reading it: fields of `Record`, by the same names."""

    key: str
    submission: str
    source_digest: str
    task: str
    track: str
    replicate: int
    n_samples: int
    test_set: str
    status: str
    created: str

    @classmethod
    def of(cls, record: Record) -> Heading:
        """Return a record's heading."""
        return cls(*(getattr(record, name) for name in cls.__slots__))


@dataclass(frozen=True, slots=True)
class Mark:
    """By what a file is seen to be the one that was read: its bytes, its time and its number on the disk."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, entry: os.DirEntry[str]) -> Mark | None:
        """Return the mark of an entry of a folder, or None for what is no regular file."""
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:  # gone since
            return None
        is_file = stat.S_ISREG(status.st_mode)
        return cls(status.st_size, status.st_mtime_ns, status.st_ino) if is_file else None


@dataclass(frozen=True, slots=True)
class Row:
    """A record's file and its heading."""

    mark: Mark
    heading: Heading


@dataclass(frozen=True, slots=True)
class _Table:
    """The index as it lies on the disk, a column for each field."""

    __pydantic_config__: ClassVar = STRICT

    mbench: str
    words: tuple[tuple[str, ...], ...]
    numbers: tuple[tuple[int, ...], ...]


_WORDS = ("key", "submission", "source_digest", "task", "track", "test_set", "status", "created")
_NUMBERS = ("replicate", "n_samples")
_MARKS = ("size", "mtime_ns", "inode")


def read_index(folder: Path) -> dict[str, Row]:
    """Return the rows of a results folder by key: none where the index cannot be believed."""
    from pydantic import ValidationError

    try:
        with open_inside(folder, INDEX_NAME) as file:
            written_ns = os.fstat(file.fileno()).st_mtime_ns
            content = file.read(_LIMIT + 1)
    except (OSError, UsageError):
        return {}
    digest, _, body = content.partition(b"\n")
    if len(content) > _LIMIT or digest != hashlib.sha256(body).hexdigest().encode():
        return {}
    try:
        table: Any = type_adapter(_Table).validate_json(body)
    except ValidationError:
        return {}
    shape = len(table.words), len(table.numbers), len({len(column) for column in (*table.words, *table.numbers)})
    if table.mbench != __version__ or shape != (len(_WORDS), len(_NUMBERS) + len(_MARKS), 1):
        return {}
    columns: dict[str, Any] = dict(zip((*_WORDS, *_NUMBERS, *_MARKS), (*table.words, *table.numbers), strict=True))
    headings = zip(*(columns[name] for name in Heading.__slots__), strict=True)
    marks = zip(*(columns[name] for name in _MARKS), strict=True)
    rows = (Row(Mark(*mark), Heading(*heading)) for mark, heading in zip(marks, headings, strict=True))
    return {row.heading.key: row for row in rows if row.mark.mtime_ns < written_ns - SETTLED_NS}


def write_index(folder: Path, rows: Iterable[Row]) -> None:
    """Write the index of a results folder. Where the disk refuses there is none."""
    rows = list(rows)
    table = {
        "mbench": __version__,
        "words": [[getattr(row.heading, name) for row in rows] for name in _WORDS],
        "numbers": [
            *([getattr(row.heading, name) for row in rows] for name in _NUMBERS),
            *([getattr(row.mark, name) for row in rows] for name in _MARKS),
        ],
    }
    body = json.dumps(table, separators=(",", ":")).encode()
    with suppress(OSError), Draft(folder / INDEX_NAME) as draft:
        draft.file.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        draft.publish()


def find_row(rows: Mapping[str, Row], key: str, mark: Mark | None) -> Row | None:
    """Return what is known of a record whose file has this mark, or None."""
    row = rows.get(key)
    return row if row is not None and row.mark == mark else None
