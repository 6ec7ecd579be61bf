"""Which stored estimator a name stands for, and what to run where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mbench.errors import UsageError
from mbench.results.names import (
    Named,
    find_source,
    label_names,
    local_records,
    origin_of,
    resolve_name,
    search_source,
    source_missing,
)
from mbench.results.record import Record
from mbench.results.store import ResultStore, Wanted, read_result
from mbench.submission import ENTRY_NAME, Source
from mbench.suite.secrets import PUBLIC
from mbench.types import FloatArray


@dataclass(frozen=True, slots=True)
class Stored:
    """A cell's stored estimator: the record of the cell, and the store that holds its files."""

    record: Record
    store: ResultStore

    @property
    def artifact(self) -> Path:
        """The file it is stored in, only ever loaded in a child."""
        return self.store.artifact_path(self.record.key)

    def read_predictions(self) -> FloatArray | None:
        """Return the answers that were scored, as `ResultStore.read_predictions`."""
        return self.store.read_predictions(self.record.key)


@dataclass(frozen=True, slots=True)
class Target:
    """A fitted estimator that can be asked: its source, and where it is stored.

    label: what to call it where its author's name for it is another's, too.
    """

    source: Source
    stored: Stored
    label: str = ""

    @property
    def record(self) -> Record:
        """The record of its cell."""
        return self.stored.record

    @property
    def title(self) -> str:
        """What the page calls it: a name that its author chose."""
        return self.label or self.record.submission


@dataclass(frozen=True, slots=True)
class Asked:
    """Which fitted estimator is asked for: of a task on a track, in a results folder."""

    task: str
    track: str
    results: Path


def find_stored(store: ResultStore, asked: tuple[str, str], n_samples: int) -> dict[str, Stored]:
    """Return every source's newest stored estimator of replicate 0, by the source's digest. asked: task and track."""
    return {
        record.source_digest: stored
        for record in store.records(  # oldest first
            wanted=lambda each: (
                (each.task, each.track, each.replicate, each.n_samples) == (*asked, 0, n_samples)
                and each.test_set == PUBLIC  # or the answers of a hidden one would be needed to confirm it
            )
        )
        if record.ok and (stored := Stored(record, store)).artifact.exists()
    }


def find_target(name: str | Named, task: str, track: str, results: Path) -> Target:
    """Return the newest fitted estimator of replicate 0 that a name stands for.

    results: the results folder that holds the estimator; a result.json in a results folder brings its own.
    Raises UsageError, with the command that makes what is missing.
    """
    named = resolve_name(name, results) if isinstance(name, str) else name
    asked = Asked(task, track, results)
    if named.origin == "result":
        return _find_of_result(named, asked)
    if named.origin == "local":
        return _of_records(named, local_records(named), asked, command=f"mbench evaluate {named.asked}")
    source = find_source(named)
    records = _stored(results, lambda each: each.source_digest == source.digest)
    return _newest(named.asked, source, records, asked, command=f"mbench evaluate {named.asked}")


def label_targets(targets: Sequence[Target]) -> list[Target]:
    """Return the targets with labels that differ: of two of one name, each says which it is."""
    labels = label_names([target.title for target in targets], [origin_of(target.source) for target in targets])
    return [replace(target, label=label) for target, label in zip(targets, labels, strict=True)]


def _find_of_result(named: Named, asked: Asked) -> Target:
    path = named.path
    result = read_result(path)
    folder = path.resolve().parents[2] if len(path.resolve().parents) > 2 else asked.results
    if (folder / "cells").is_dir():  # results/NAME/TRACK/result.json
        asked = replace(asked, results=folder)
    beside = path.parent / ENTRY_NAME
    command = f"mbench evaluate {beside.parent if beside.is_file() else 'FILE'}"
    return _of_records(named, result.records, asked, command)


def _of_records(named: Named, records: Sequence[Record], asked: Asked, command: str) -> Target:
    """Find the source that records were made of: a record keeps its digest, and no line of it."""
    newest = max(
        (r for r in records if (r.task, r.track) == (asked.task, asked.track)), key=lambda r: r.created, default=None
    )
    if newest is None:
        return _newest(named.asked, None, records, asked, command)
    source = search_source(named, newest.source_digest)
    if source is None:
        raise source_missing(named)
    own = [record for record in records if record.source_digest == newest.source_digest]
    return _newest(named.asked, source, own, asked, f"mbench evaluate {source.path}")


def _newest(name: str, source: Source | None, records: Sequence[Record], asked: Asked, command: str) -> Target:
    task, track, results = asked.task, asked.track, asked.results
    alike = [r for r in records if (r.task, r.track, r.replicate, r.test_set) == (task, track, 0, PUBLIC)]
    options = f"--task {task} --track {track}" + ("" if results == Path("results") else f" --results {results}")
    if any((r.task, r.track) == (task, track) for r in records) and not alike:
        raise UsageError(
            f"{name}: of {task} on track {track}, {results} has no replicate 0 on the public test set, which is what "
            f"is looked at. Run `{command} {options}` first"
        )
    if not alike or source is None:
        raise UsageError(
            f"{name}: {task} was not evaluated on track {track} in {results}. Run `{command} {options}` first"
        )
    record = max(alike, key=lambda r: r.created)
    if not record.ok:
        raise UsageError(
            f"{name}: {task} ended with {record.status} ({record.reason}), so there is no estimator to ask"
        )
    # A result.json may be a stranger's: only what this store says of a cell is believed.
    cell = record.key, source.digest, task
    found = _stored(results, lambda each: (each.key, each.source_digest, each.task) == cell)
    stored = found[0] if found else None
    artifact = None if stored is None else ResultStore(results).artifact_path(stored.key)
    if stored is None or artifact is None or not artifact.is_file():
        raise UsageError(
            f"{name}: the fitted estimator of {task} is not stored in {results}. "
            f"Run `{command} {options} --fresh` to make it again"
        )
    return Target(source, Stored(stored, ResultStore(results)))


def _stored(results: Path, wanted: Wanted) -> list[Record]:
    return ResultStore(results).records(wanted=wanted) if (results / "cells").is_dir() else []
