"""Which stored estimator a name stands for, and what to run where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mbench.errors import MbenchError, UsageError
from mbench.results.record import Record
from mbench.results.store import ResultStore, read_result
from mbench.submission import ENTRY_NAME, Source, baseline_names, baseline_path, read_submission
from mbench.suite.secrets import PUBLIC

SUBMISSIONS = Path("submissions")


@dataclass(frozen=True, slots=True)
class Target:
    """A fitted estimator that can be asked: its source, the record of its cell, and the file it is stored in."""

    source: Source
    record: Record
    artifact: Path

    @property
    def title(self) -> str:
        """What the page calls it: a name that its author chose."""
        return self.record.submission


@dataclass(frozen=True, slots=True)
class Asked:
    """Which fitted estimator is asked for: of a task on a track, in a results folder."""

    task: str
    track: str
    out: Path


def find_target(name: str, task: str, track: str, out: Path) -> Target:
    """Return the newest fitted estimator of replicate 0 that a name stands for.

    name: a submission's file or folder, the name of a baseline or of anything evaluated, or a `result.json`.
    out: the results folder that holds the estimator; a result.json in a results folder brings its own.
    Raises UsageError, with the command that makes what is missing.
    """
    path = Path(name)
    if path.suffix == ".json":
        return _find_of_result(path, Asked(task, track, out))
    is_submission = path.is_file() or (path / ENTRY_NAME).is_file()
    entry = path if is_submission else baseline_path(name) or _submission_path(name)
    if entry is not None:
        source = read_submission(entry)
        records = [record for record in _stored(out) if record.source_digest == source.digest]
        return _newest(name, source, records, Asked(task, track, out), command=f"mbench evaluate {entry}")
    records = [record for record in _stored(out) if record.submission == name]
    if not records:
        known = ", ".join(dict.fromkeys(record.submission for record in _stored(out))) or "nothing"
        raise UsageError(
            f"{name}: neither a file, nor a baseline, nor evaluated in {out} ({known} is). Give a submission's file"
        )
    return _of_records(name, records, Asked(task, track, out), command=f"mbench evaluate {name}.py")


def _find_of_result(path: Path, asked: Asked) -> Target:
    result = read_result(path)
    folder = path.resolve().parents[2] if len(path.resolve().parents) > 2 else asked.out
    if (folder / "cells").is_dir():  # results/NAME/TRACK/result.json
        asked = replace(asked, out=folder)
    beside = path.parent / ENTRY_NAME
    command = f"mbench evaluate {beside.parent if beside.is_file() else 'FILE'}"
    return _of_records(str(path), result.records, asked, command)


def _of_records(name: str, records: Sequence[Record], asked: Asked, command: str) -> Target:
    """Find the source that records were made of: a record keeps its digest, and no line of it."""
    newest = max(
        (r for r in records if (r.task, r.track) == (asked.task, asked.track)), key=lambda r: r.created, default=None
    )
    if newest is None:
        return _newest(name, None, records, asked, command)
    made_of = newest.source_digest
    candidates = [path for path in (baseline_path(each) for each in baseline_names()) if path is not None]
    candidates += [*sorted(SUBMISSIONS.glob(f"*/{ENTRY_NAME}")), Path(name).parent / ENTRY_NAME, Path(f"{name}.py")]
    for entry in filter(Path.is_file, candidates):
        try:
            source = read_submission(entry)
        except MbenchError:  # somebody else's, which does not load
            continue
        if source.digest == made_of:
            own = [record for record in records if record.source_digest == made_of]
            return _newest(name, source, own, asked, f"mbench evaluate {entry}")
    raise UsageError(
        f"{name}: no baseline and nothing in {SUBMISSIONS} is the file it was made of, which the stored estimator "
        "needs. Give that file instead: mbench explore FILE"
    )


def _newest(name: str, source: Source | None, records: Sequence[Record], asked: Asked, command: str) -> Target:
    task, track, out = asked.task, asked.track, asked.out
    alike = [r for r in records if (r.task, r.track, r.replicate, r.test_set) == (task, track, 0, PUBLIC)]
    options = f"--task {task} --track {track}" + ("" if out == Path("results") else f" --out {out}")
    if any((r.task, r.track) == (task, track) for r in records) and not alike:
        raise UsageError(
            f"{name}: of {task} on track {track}, {out} has no replicate 0 on the public test set, which is what is "
            f"looked at. Run `{command} {options}` first"
        )
    if not alike or source is None:
        raise UsageError(f"{name}: {task} was not evaluated on track {track} in {out}. Run `{command} {options}` first")
    record = max(alike, key=lambda r: r.created)
    if not record.ok:
        raise UsageError(
            f"{name}: {task} ended with {record.status} ({record.reason}), so there is no estimator to ask"
        )
    # A result.json may be a stranger's: only what this store says of a cell is believed.
    cell = record.key, source.digest, task
    stored = next((each for each in _stored(out) if (each.key, each.source_digest, each.task) == cell), None)
    artifact = None if stored is None else ResultStore(out).artifact_path(stored.key)
    if stored is None or artifact is None or not artifact.is_file():
        raise UsageError(
            f"{name}: the fitted estimator of {task} is not stored in {out}. "
            f"Run `{command} {options} --fresh` to make it again"
        )
    return Target(source, stored, artifact)


def _stored(out: Path) -> list[Record]:
    return list(ResultStore(out).records()) if (out / "cells").is_dir() else []


def _submission_path(name: str) -> Path | None:
    path = SUBMISSIONS / name
    return path if (path / ENTRY_NAME).is_file() else None
