"""The recorded results of the baselines, and the newest record of every cell."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mbench.results.kept import ForeignError, note_foreign, refusing_foreign
from mbench.results.record import SCHEMA_VERSION, Record, Result
from mbench.results.store import RESULT_NAME, ResultStore, read_result, write_result
from mbench.submission import BASELINES_FOLDER, baseline_names
from mbench.suite import tracks

RECORDED_FOLDER = BASELINES_FOLDER / "results"


def recorded_folder(suite: int) -> Path:
    """Return where what is recorded of the baselines under a suite lies: earlier ones' results lie apart."""
    return RECORDED_FOLDER if suite == tracks.SUITE_VERSION else RECORDED_FOLDER / f"suite-{suite}"


def recorded_baselines() -> list[Result]:
    """Return the results of the baselines that the package carries."""
    paths = [RECORDED_FOLDER / f"{name}.json" for name in baseline_names()]
    return [read_result(path) for path in paths if path.exists()]


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
    stored: dict[tuple[str, str, str], list[Record]] = {}
    for record in store.records():
        stored.setdefault((record.source_digest, record.track, record.test_set), []).append(record)
    for path in (*store.folder.glob(f"*/*/{RESULT_NAME}"), *store.folder.glob(f"*/*/hidden-*/{RESULT_NAME}")):
        try:
            with refusing_foreign():
                old = read_result(path)
        except ForeignError as error:  # written again, it would lack what is not known here
            note_foreign(f"{error}. It stays as it was")
            continue
        alike = dict.fromkeys((record.source_digest, record.track, record.test_set) for record in old.records)
        records = {record.key: record for record in old.records}
        records |= {record.key: record for each in alike for record in stored.get(each, ())}
        write_result(path, newest_result(old.name, records.values()))
