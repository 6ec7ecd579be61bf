"""What of a run goes into the log, and that it does so also where the run is interrupted."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from mbench.errors import HarnessError, MbenchError
from mbench.results.log import Attempt, append_attempt, draft_attempt, kind_of
from mbench.results.log_sources import keep_source
from mbench.results.record import Record
from mbench.results.reference import load_reference
from mbench.results.store import ResultStore
from mbench.runs import practice
from mbench.runs.progress import Progress, Report
from mbench.submission import Source

TUNED = "tune"  # where `mbench tune` keeps its cells in the results folder


class Diary:
    """A report that passes on what it is told, and a context that logs what was done when it is left.

    Whoever watched an interrupted run has seen its scores: they are in the log, too, marked as not whole.
    """

    def __init__(self, results: Path, source: Source, words: str | None, report: Report) -> None:
        """words: the note, or None where nothing is to be logged.  report: who else is told."""
        self._results, self._source, self._words = results, source, words
        self._report = report
        self._records: list[Record] = []
        self.attempt: Attempt | None = None
        self.trouble = ""  # why nothing is logged: that costs nobody a score

    def __call__(self, progress: Progress) -> None:
        """Take in one step of one cell; called from several threads."""
        if progress.record is not None and progress.phase in ("done", "cached"):
            self._records.append(progress.record)
        self._report(progress)

    def __enter__(self) -> Diary:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log the cells that are done."""
        if self._words is None or not self._records:
            return
        records = sorted(self._records, key=lambda record: (record.task, record.replicate))
        sets = kind_of(records[0].test_set, practice.TEST_SET)
        draft = draft_attempt(self._source, records, load_reference(), sets, self._words)
        try:
            keep_source(self._results, self._source)
            self.attempt = append_attempt(self._results, replace(draft, is_whole=error is None))
        except HarnessError as refusal:
            self.trouble = f"{refusal}. The log lacks this evaluation"


class Cells:
    """The records behind a results folder's log, as far as they are still there."""

    def __init__(self, results: Path) -> None:
        """Open the stores that there are; none is made."""
        kinds = (
            (results, ResultStore),
            (results / practice.FOLDER, practice.PracticeStore),
            (results / TUNED, ResultStore),
        )
        self._stores: list[ResultStore] = []
        for folder, kind in kinds:
            if (folder / "cells").is_dir():
                with contextlib.suppress(MbenchError):  # of another suite
                    self._stores.append(kind(folder))
        self._known: dict[int, list[Record]] = {}

    def find(self, attempt: Attempt) -> list[Record]:
        """Return the records of an evaluation that still say what the log says of them."""
        if attempt.number in self._known:
            return self._known[attempt.number]
        errors = {cell.key: cell.error for cell in attempt.cells}
        found: list[Record] = []
        for key, error in errors.items():
            for store in self._stores:
                with contextlib.suppress(MbenchError):  # damaged, or another version's
                    record = store.read(key)
                    if record is not None and (record.metrics and record.metrics.error) == error:
                        found.append(record)
        self._known[attempt.number] = found  # the best is asked for again and again
        return found
