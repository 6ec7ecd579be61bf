"""Contenders kept from one board to the next, so that a board of a thousand reads again only what has changed.

What is kept is a cache and nothing else. It is believed of content only: under the digest of every byte that a
contender follows from, mbench's own code among them. So each content is read and checked in full once, a stranger's
as strictly as ever. Whatever is out of the ordinary is never kept: a link, a file beside that is imported, anything
that was noted, a fault.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from mbench.board.candidates import Candidate, find_folders, read_baseline, read_folder, recorded_names
from mbench.board.contenders import Contender, Standing, contend
from mbench.board.noise import Parts
from mbench.board.stats import Interval
from mbench.disk import Draft, open_inside, read_bytes, read_inside
from mbench.errors import MbenchError
from mbench.results import lookup
from mbench.results.agreement import Manner
from mbench.results.audits import REPORT_NAME, AuditReport, Score, SetScore, Statistic, load_bounds
from mbench.results.kept import count_notes
from mbench.results.metrics import Profile
from mbench.results.reference import Reference
from mbench.results.reruns import RERUN_NAME, rerun_folder
from mbench.results.scoring import Entry, TaskScore
from mbench.results.store import RESULT_NAME
from mbench.submission import BASELINES_FOLDER, ENTRY_NAME

VARIABLE = "MBENCH_CACHE_DIR"  # where it is kept; empty for nowhere
_LIMIT = 32 << 20  # bytes of a file that a contender follows from, and of a kept contender
_PACKAGE = Path(__file__).parents[1]
_ROOMS = ("board", "results", "suite")  # of which what is kept follows, with the files on the ground floor
_SLACK = "."  # between the parts of a key


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where contenders of one track are kept. folder: None for nowhere.  base: the digest of what all follow from."""

    folder: Path | None
    track: str
    reference: Reference
    base: str

    @classmethod
    def open(cls, track: str, reference: Reference) -> Shelf:
        """Return the shelf of this user for a track, measured by a reference."""
        found = (track, repr(reference), repr(load_bounds()), code_digest())
        return cls(_own_folder(), track, reference, hashlib.sha256(_SLACK.join(found).encode()).hexdigest())

    def take(self, place: Path, content: Iterator[bytes]) -> tuple[Path | None, str]:
        """Return the slot of what lies at a place, and the key of its content; None for what is not to be kept."""
        if self.folder is None:
            return None, ""
        key = hashlib.sha256(self.base.encode())
        try:
            for each in content:
                key.update(hashlib.sha256(each).digest())
        except (OSError, MbenchError):
            return None, ""
        where = hashlib.sha256(f"{self.track} {place.absolute()}".encode(errors="surrogateescape")).hexdigest()
        return self.folder / f"{where[:32]}.json", key.hexdigest()


def find_contenders(submissions: Path, shelf: Shelf) -> Iterator[Contender]:
    """Yield what `contend` says of every baseline and every submission of a folder, read only where it has changed."""
    suite = shelf.reference.suite
    own = hashlib.sha256(b"".join(_contents(BASELINES_FOLDER.rglob("*.py")))).digest()
    for name in recorded_names(suite):
        path = lookup.recorded_folder(suite) / f"{name}.json"
        slot, key = shelf.take(path, _baseline_content(path, own))
        yield from _find(shelf, slot, key, lambda name=name: read_baseline(name, suite))
    for name, folder in find_folders(submissions, suite).items():
        slot, key = shelf.take(folder, _submission_content(name, folder, suite))
        yield from _find(shelf, slot, key, lambda name=name, folder=folder: read_folder(name, folder, suite))


def _find(shelf: Shelf, slot: Path | None, key: str, read: Any) -> list[Contender]:
    if slot is not None and (kept := read_slot(slot, key)) is not None:
        return [kept]
    before = count_notes()
    candidates: list[Candidate] = read()
    found = [contend(each, shelf.track, shelf.reference) for each in candidates]
    if slot is not None and len(found) == 1 and count_notes() == before and _is_ordinary(candidates[0]):
        write_slot(slot, key, found[0], max((each.created for each in candidates[0].records), default=""))
    return found


def _is_ordinary(candidate: Candidate) -> bool:
    """Is there nothing in a candidate that more than its content could change? Which files it imports may be such."""
    is_whole = candidate.origin == "baseline" or candidate.n_files == 1
    return is_whole and not candidate.audit_fault and not any(candidate.faults.values())


def _baseline_content(path: Path, baselines: bytes) -> Iterator[bytes]:
    yield b"baseline"
    yield baselines
    yield from _contents([path, path.with_name(f"{path.stem}.audit.json")])


def _submission_content(name: str, folder: Path, suite: int) -> Iterator[bytes]:
    """Yield the content that a submission of one file follows from, and what else is beside it. Raises for links."""
    with os.scandir(folder) as entries:
        names = sorted((each.name, stat.S_IFMT(each.stat(follow_symlinks=False).st_mode)) for each in entries)
    yield repr((name, suite, names)).encode()
    yield read_inside(folder, ENTRY_NAME, _LIMIT)
    if any(each == RESULT_NAME for each, _ in names):
        yield read_inside(folder, RESULT_NAME, _LIMIT)
    rerun = rerun_folder(folder.parent, name, suite)
    yield from _contents([rerun / RERUN_NAME, rerun / REPORT_NAME])


def _contents(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in sorted(paths):
        try:
            content = read_bytes(path, _LIMIT, "")
        except FileNotFoundError:
            content = b""
        yield f"{path.name} {len(content)} ".encode() + content


@cache
def code_digest() -> str:
    """Return the digest of the code that contenders follow from, and of what it runs on."""
    digest = hashlib.sha256()
    files = [path for path in _PACKAGE.iterdir() if path.suffix == ".py"]
    files += [path for room in _ROOMS for path in (_PACKAGE / room).rglob("*") if path.suffix in (".py", ".json")]
    for content in _contents(files):
        digest.update(content)
    digest.update(repr((sys.version, np.__version__, version("pydantic"), version("scipy"))).encode())
    return digest.hexdigest()


def _own_folder() -> Path | None:
    """Return the folder that only this user writes to, made where it is missing; None where there is none."""
    asked = os.environ.get(VARIABLE)
    if asked == "":
        return None
    import platformdirs

    try:
        folder = Path(asked or platformdirs.user_cache_dir("mbench")) / "contenders"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.lstat()
    except (OSError, RuntimeError):
        return None
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
    return folder if is_ours else None


def read_slot(slot: Path, key: str) -> Contender | None:
    """Return the contender that is kept under a key; None where there is none, or it cannot be believed."""
    try:
        with open_inside(slot.parent, slot.name) as file:
            content = file.read(_LIMIT + 1)
    except (OSError, MbenchError):
        return None
    head, _, body = content.partition(b"\n")
    if len(content) > _LIMIT or head != f"{key} {hashlib.sha256(body).hexdigest()}".encode():
        return None
    newest, packed = json.loads(body)
    # A record made later than now is a fault: one where the clock was set back since.
    if newest > datetime.now(UTC).isoformat(timespec="microseconds"):
        return None
    return _unpack_contender(packed)


def write_slot(slot: Path, key: str, contender: Contender, newest: str) -> None:
    """Keep a contender. newest: when the last of its records was made. Where the disk refuses it is not kept."""
    body = json.dumps([newest, _pack_contender(contender)], separators=(",", ":")).encode()
    with suppress(OSError), Draft(slot) as draft:
        draft.file.write(f"{key} {hashlib.sha256(body).hexdigest()}".encode() + b"\n" + body)
        draft.publish()


def _pack_contender(contender: Contender) -> list[Any]:
    return [
        contender.name,
        contender.origin,
        None if contender.standing is None else _pack_standing(contender.standing),
        [_fields(each) for each in contender.manners],
        contender.digests,
    ]


def _unpack_contender(kept: Sequence[Any]) -> Contender:
    name, origin, standing, manners, digests = kept
    standing = None if standing is None else _unpack_standing(standing)
    return Contender(name, origin, standing, tuple(Manner(*each) for each in manners), tuple(digests))


def _pack_standing(standing: Standing) -> dict[str, Any]:
    audit, parts = standing.audit, standing.parts
    return {name: getattr(standing, name) for name in Standing.__slots__} | {
        "entry": _pack_entry(standing.entry),
        "replicates": [_pack_entry(each) for each in standing.replicates],
        "mandelbrot_interval": standing.mandelbrot_interval and _fields(standing.mandelbrot_interval),
        "overall_interval": standing.overall_interval and _fields(standing.overall_interval),
        "profiles": {task: _fields(profile) for task, profile in standing.profiles.items()},
        "audit": None if audit is None else _pack_audit(audit),
        "parts": None if parts is None else [_pack_array(getattr(parts, name)) for name in Parts.__slots__],
    }


def _unpack_standing(kept: dict[str, Any]) -> Standing:
    low_high, overall, parts = kept["mandelbrot_interval"], kept["overall_interval"], kept["parts"]
    profiles = {task: Profile(*map(tuple, each)) for task, each in kept["profiles"].items()}
    return Standing(
        **kept | {
            "entry": _unpack_entry(kept["entry"]),
            "reasons": tuple(kept["reasons"]),
            "replicates": tuple(map(_unpack_entry, kept["replicates"])),
            "mandelbrot_interval": None if low_high is None else Interval(*low_high),
            "overall_interval": None if overall is None else Interval(*overall),
            "profiles": MappingProxyType(profiles),
            "audit": None if kept["audit"] is None else _unpack_audit(kept["audit"]),
            "parts": None if parts is None else Parts(*map(_unpack_array, parts)),
        }
    )  # fmt: skip


_PLACES = {each.name: place for place, each in enumerate(fields(Entry))}
_TASKS, _FAMILIES, _MISSING = _PLACES["tasks"], _PLACES["families"], _PLACES["missing"]


def _pack_entry(entry: Entry) -> list[Any]:
    packed = _fields(entry)
    packed[_TASKS] = [_fields(task) for task in entry.tasks]
    packed[_FAMILIES] = dict(entry.families)
    return packed


def _unpack_entry(kept: list[Any]) -> Entry:
    kept[_TASKS] = tuple(TaskScore(*task) for task in kept[_TASKS])
    kept[_FAMILIES] = MappingProxyType(kept[_FAMILIES])
    kept[_MISSING] = tuple(kept[_MISSING])
    return Entry(*kept)


def _pack_audit(audit: AuditReport) -> dict[str, Any]:
    return {name: getattr(audit, name) for name in AuditReport.__slots__} | {
        "sets": [
            {name: getattr(each, name) for name in SetScore.__slots__} | {"score": each.score and _fields(each.score)}
            for each in audit.sets
        ],
        "statistics": [_fields(each) for each in audit.statistics],
    }


def _unpack_audit(kept: dict[str, Any]) -> AuditReport:
    for each in kept["sets"]:
        each["score"] = None if each["score"] is None else Score(*each["score"])
    sets = tuple(SetScore(**each) for each in kept["sets"])
    return AuditReport(**kept | {"sets": sets, "statistics": tuple(Statistic(*each) for each in kept["statistics"])})


def _pack_array(values: Any) -> list[Any]:
    return [values.dtype.str, values.shape, base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()]


def _unpack_array(kept: Sequence[Any]) -> Any:
    kind, shape, content = kept
    return np.frombuffer(base64.b64decode(content), dtype=kind).reshape(shape)


def _fields(value: Any) -> list[Any]:
    return [getattr(value, name) for name in value.__slots__]
