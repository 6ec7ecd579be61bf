"""Which results a name stands for, and the newest record of every cell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mbench.errors import UsageError
from mbench.results.kept import ForeignError, note_foreign, refusing_foreign
from mbench.results.record import SCHEMA_VERSION, Record, Result
from mbench.results.store import RESULT_NAME, ResultStore, read_result, write_result
from mbench.submission import BASELINES_FOLDER, ENTRY_NAME, baseline_names, read_submission, safe_name
from mbench.suite import tracks
from mbench.suite.secrets import PUBLIC

RECORDED_FOLDER = BASELINES_FOLDER / "results"


def recorded_baselines() -> list[Result]:
    """Return the results of the baselines that the package carries."""
    paths = [RECORDED_FOLDER / f"{name}.json" for name in baseline_names()]
    return [read_result(path) for path in paths if path.exists()]


def find_result(name: str, store: ResultStore | None) -> Result:
    """Return the result that a name stands for: a submission's file, a result.json, a name in the store, a baseline.

    Only a result.json may hold what was scored on a hidden test set; its name then says so.

    Raises UsageError where nothing of that name was evaluated.
    """
    path = Path(name)
    if path.suffix == ".json" and path.exists():
        result = read_result(path)
        test_sets = {record.test_set for record in result.records} or {PUBLIC}
        if len(test_sets) > 1:
            raise UsageError(f"{name}: mixes records of different test sets, which do not compare. Evaluate it again")
        mark = "" if test_sets == {PUBLIC} else "-hidden"
        return replace(result, name=safe_name(result.name) + mark)  # a stranger's file: its name goes into tables
    if path.is_file() or (path / ENTRY_NAME).is_file():
        source = read_submission(path)
        found = [record for record in _stored(store) if record.source_digest == source.digest]
        if not found:
            old = any(record.submission == source.name for record in _stored(store))
            why = "it has changed since it was evaluated" if old else "no results yet"
            raise UsageError(f"{name}: {why}. Run `mbench evaluate {name}` first")
        return newest_result(source.name, found)
    found = [record for record in _stored(store) if record.submission == name]
    recorded = RECORDED_FOLDER / f"{name}.json"
    is_recorded = name in baseline_names() and recorded.exists()  # audits and curves lie there, too
    if found:
        local = newest_result(name, [record for record in found if record.source_digest == found[-1].source_digest])
        if not is_recorded:
            return local
        return _replace_whole_tracks(read_result(recorded), local)
    if store is not None and name == safe_name(name):
        # Evaluated under another name before, its records bear that one; the result file is its own.
        results = [read_result(path) for path in sorted(store.folder.glob(f"{name}/*/{RESULT_NAME}"))]
        if results:
            return newest_result(name, [record for result in results for record in result.records])
    if is_recorded:
        return read_result(recorded)
    known = ", ".join(result.name for result in recorded_baselines()) or "none"
    raise UsageError(f"{name}: neither a file, nor evaluated here, nor a recorded baseline ({known})")


def _replace_whole_tracks(recorded: Result, local: Result) -> Result:
    """Return a baseline's recorded result, but for tracks of which all that is recorded was run here, too."""

    def cells(result: Result, track: str) -> set[tuple[str, int]]:
        return {(r.task, r.replicate) for r in result.records if r.track == track and not r.is_our_failure}

    own = {record.track for record in local.records}
    own = {track for track in own if cells(recorded, track) <= cells(local, track)}
    kept = [record for record in recorded.records if record.track not in own]
    return replace(recorded, records=(*kept, *(record for record in local.records if record.track in own)))


def _stored(store: ResultStore | None) -> list[Record]:
    return [] if store is None else [record for record in store.records() if record.test_set == PUBLIC]


def newest_result(name: str, records: Iterable[Record]) -> Result:
    """Keep the newest record of every cell; of a track run in several ways, those made as its newest was.

    A failure of ours counts as older than anything that a submission did.
    """
    ordered = sorted(records, key=lambda record: (not record.is_our_failure, record.created))
    last = {record.track: manner(record) for record in ordered}
    newest = {(r.track, r.task, r.replicate): r for r in ordered if manner(r) == last[r.track]}
    return Result(schema=SCHEMA_VERSION, suite=tracks.SUITE_VERSION, name=name, records=tuple(newest.values()))


def manner(record: Record) -> tuple[int, str, str]:
    """Return the way in which a cell was run: threads, device and the harness's digest."""
    return record.threads, record.device, record.harness_digest


def refresh_results(store: ResultStore) -> None:
    """Write every result.json of a results folder again; a record whose cell is there no more stays as it is.

    A file that holds what another version of mbench put there stays as it is, with a note.
    """
    for path in (*store.folder.glob(f"*/*/{RESULT_NAME}"), *store.folder.glob(f"*/*/hidden-*/{RESULT_NAME}")):
        try:
            with refusing_foreign():
                old = read_result(path)
        except ForeignError as error:  # written again, it would lack what is not known here
            note_foreign(f"{error}. It stays as it was")
            continue
        alike = {(record.source_digest, record.track, record.test_set) for record in old.records}
        records = {record.key: record for record in old.records}
        records |= {r.key: r for r in store.records() if (r.source_digest, r.track, r.test_set) in alike}
        write_result(path, newest_result(old.name, records.values()))
