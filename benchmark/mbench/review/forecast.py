"""What reproducing a baseline would run, and about how long that takes; nothing is run or written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mbench.errors import HarnessError
from mbench.results.lookup import RECORDED_FOLDER
from mbench.results.record import Record
from mbench.results.store import ResultStore, read_result
from mbench.review.reproduce import find_baseline
from mbench.runs.cells import Cell, cell_key
from mbench.runs.evaluate import is_kept, plan_cells
from mbench.runs.settings import Settings
from mbench.submission import read_submission
from mbench.suite.tasks import load_task

UNKNOWN_SHARE = 1 / 3  # of the limit to fit: baselines are made to take half of it on a slow core


@dataclass(frozen=True, slots=True)
class CellForecast:
    """One cell. expected_s: of fitting and predicting, 0 where it is kept.  is_guess: nothing is recorded of it."""

    cell: Cell
    is_kept: bool
    expected_s: float
    is_guess: bool


@dataclass(frozen=True, slots=True)
class Forecast:
    """The cells of one baseline. missing: tasks whose data is not here, with the command to get it."""

    name: str
    cells: tuple[CellForecast, ...]
    missing: dict[str, str]
    jobs: int

    @property
    def n_kept(self) -> int:
        """Cells that are not run again."""
        return sum(each.is_kept for each in self.cells)

    @property
    def n_guesses(self) -> int:
        """Cells to run of which nothing is recorded."""
        return sum(each.is_guess for each in self.cells)

    @property
    def expected_s(self) -> float:
        """Wall clock: the jobs share the cells, and the longest cell is one job's."""
        seconds = [each.expected_s for each in self.cells]
        return max(sum(seconds) / self.jobs, max(seconds, default=0.0))


def forecast_baseline(name: str, track: str, out: Path, settings: Settings) -> Forecast:
    """Say what `run_baseline` would do with the results in `out`. Raises UsageError for an unknown name or track."""
    source = read_submission(find_baseline(name))
    cells, missing = plan_cells(track)
    store = ResultStore(out) if (out / "cells").is_dir() else None  # opening one would make the folder
    path = RECORDED_FOLDER / f"{name}.json"
    recorded = {(r.track, r.task, r.replicate): r for r in (read_result(path).records if path.exists() else ())}
    made = []
    for cell in cells:
        if store is not None and not settings.fresh:
            known = _read(store, cell_key(cell, load_task(cell.task), source, settings))
            if known is not None and is_kept(known, settings.isolation.tier):
                made.append(CellForecast(cell, True, 0.0, False))
                continue
        took_s = _duration_s(recorded.get((track, cell.task, cell.replicate)))
        expected_s = cell.fit_limit_s * UNKNOWN_SHARE if took_s is None else took_s
        made.append(CellForecast(cell, False, expected_s, took_s is None))
    return Forecast(name, tuple(made), missing, settings.jobs)


def _read(store: ResultStore, key: str) -> Record | None:
    try:
        return store.read(key)
    except HarnessError:  # damaged: the run sets it aside
        return None


def _duration_s(record: Record | None) -> float | None:
    if record is None or record.costs.fit_s is None or record.costs.predict_s is None:
        return None
    waited = (record.costs.fit_wall_s, record.costs.predict_wall_s)  # unknown to older records
    return sum(
        asked if known is None else known
        for known, asked in zip(waited, (record.costs.fit_s, record.costs.predict_s), strict=True)
    )
