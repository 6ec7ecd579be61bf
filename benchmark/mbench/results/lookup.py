"""Records to tables: which results a name stands for, and their scores as a table in every format."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mbench.errors import UsageError
from mbench.results.kept import ForeignError, note_foreign, refusing_foreign
from mbench.results.record import SCHEMA_VERSION, Record, Result
from mbench.results.scoring import Entry
from mbench.results.store import RESULT_NAME, ResultStore, read_result, write_result
from mbench.submission import BASELINES_FOLDER, ENTRY_NAME, baseline_names, read_submission, safe_name
from mbench.suite import tracks
from mbench.suite.secrets import PUBLIC

if TYPE_CHECKING:
    import pandas as pd

TableFormat = Literal["md", "csv", "latex", "json"]
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


def sort_entries(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries best first: by the Mandelbrot score, those without one last."""
    return sorted(entries, key=lambda e: (e.mandelbrot is None, -(e.mandelbrot or 0.0), e.name))


def entry_rows(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return one row per entry, best first; scores that could not be computed are None."""
    return [
        {
            "name": entry.name,
            "mandelbrot": entry.mandelbrot,
            "precision": entry.precision,
            "depth": entry.depth,
            "octaves": entry.depth_octaves,
            "psnr_db": entry.psnr_db,
            "worth": entry.worth,
            **{family: entry.families[family] for family in tracks.FAMILIES if family != "mandelbrot"},
            "overall": entry.overall,
            "universal": entry.is_universal,
            "complete": entry.is_complete,
            "isolation": entry.isolation + ("" if entry.is_verified else ", unverified"),
            "n": entry.n_replicates,
            "fit_s": entry.fit_s,
            "predict_us": entry.predict_us_per_point,
            "params": entry.n_params,
            "model_mb": None if entry.model_bytes is None else entry.model_bytes / 1e6,
            "memory_mb": entry.peak_memory_mb,
            "threads": entry.threads,
            "device": entry.device,
        }
        for entry in sort_entries(entries)
    ]


def entry_table(entries: Sequence[Entry]) -> pd.DataFrame:
    """Return `entry_rows` as a table; what is None there is a missing value."""
    import pandas as pd  # half a second that a table in the terminal does not need

    return pd.DataFrame(entry_rows(entries))


def entry_as_json(entry: Entry) -> dict[str, Any]:
    """Return an entry with its derived scores as plain JSON."""
    fields = {name: getattr(entry, name) for name in Entry.__slots__}
    return fields | {
        "tasks": [asdict(task) | {"score": task.score} for task in entry.tasks],
        "families": dict(entry.families),
        "mandelbrot": entry.mandelbrot,
        "universal": entry.is_universal,
        "complete": entry.is_complete,
        "verified": entry.is_verified,
    }


_DIGITS = {
    "octaves": 2,
    "psnr_db": 2,
    "worth": 2,
    "fit_s": 1,
    "predict_us": 2,
    "params": 0,
    "model_mb": 2,
    "memory_mb": 0,
    "threads": 0,
}


def format_table(entries: Sequence[Entry], table_format: TableFormat) -> str:
    """Return the table as Markdown, CSV, LaTeX or JSON; CSV and JSON keep every digit."""
    if table_format == "json":
        return json.dumps([entry_as_json(entry) for entry in sort_entries(entries)], indent=1)
    return format_rows(entry_rows(entries), table_format)


def format_rows(
    rows: Sequence[dict[str, Any]], table_format: Literal["md", "csv", "latex"], left: Collection[str] = ("name",)
) -> str:
    """Return rows with the same columns as a table, strings escaped. left: the columns of words."""
    import pandas as pd

    table = pd.DataFrame(rows)
    if table_format == "csv":
        return table.to_csv(index=False)
    shown = pd.DataFrame({column: [format_cell(column, value) for value in table[column]] for column in table})
    if table_format == "md":
        for column in left:
            shown[column] = [escape_markdown(text) for text in shown[column]]
        align = ["left" if column in left else "right" for column in shown]
        return shown.to_markdown(index=False, disable_numparse=True, colalign=align)
    style = shown.style.hide(axis="index")
    style.format(escape="latex")
    style.format_index(escape="latex", axis="columns")
    return style.to_latex(column_format="".join("l" if column in left else "r" for column in shown))


def escape_markdown(text: str) -> str:
    """Return text that stays in its cell and means itself."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|" else c for c in " ".join(text.split()))


def format_cell(column: str, value: Any) -> str:
    """Return one value of `entry_rows` as people read it."""
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, str):
        return value
    if column in ("universal", "complete"):
        return "yes" if value else "no"
    if column == "n":
        return str(int(value))
    return f"{value:,.{_DIGITS.get(column, 1)}f}"
