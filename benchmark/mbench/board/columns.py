"""The board's columns: what each shows, how it sorts, and with which family in view."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from mbench.board.standings import Board, Standing
from mbench.board.stats import Interval, bootstrap_interval
from mbench.results.lookup import format_cell
from mbench.suite import tracks


@dataclass(frozen=True, slots=True)
class Column:
    """One column. name: as in `mbench leaderboard`, which says how it is rounded.

    family: the family whose view it belongs to, "" for every view.  is_detail: is it shown in that view only?
    is_score: is it drawn as a bar, with its interval?  lower_is_better: which end comes first when it is sorted.
    """

    name: str
    label: str
    help: str
    value: Callable[[Standing], float | None]
    family: str = ""
    is_detail: bool = False
    is_score: bool = False
    lower_is_better: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """One value of a column: as people read it, exact for sorting, and where its bar lies in units of the score."""

    column: Column
    text: str
    value: float | None
    interval: Interval | None

    @property
    def interval_text(self) -> str:
        """The interval as `mbench leaderboard` writes it."""
        if self.interval is None:
            return ""
        low, high = (format_cell(self.column.name, end) for end in (self.interval.low, self.interval.high))
        return f"[{low}, {high}]"


def board_columns(track: str) -> tuple[Column, ...]:
    """Return the columns of a track's board, in order."""
    columns = [
        Column("mandelbrot", "Mandelbrot", "The mean of precision and depth; the board's order", _family("mandelbrot"),
               family="mandelbrot", is_score=True),
        Column("precision", "Precision", "Skill on fresh points: 100 is as good as k-NN on the same sample",
               lambda s: s.entry.precision, family="mandelbrot"),
        Column("octaves", "Octaves", "How many octaves of zoom it holds", lambda s: s.entry.depth_octaves,
               family="mandelbrot"),
        Column("psnr_db", "PSNR, dB", "Peak signal-to-noise ratio, mean of both targets", lambda s: s.entry.psnr_db,
               family="mandelbrot"),
        Column("worth", "Worth ×", "How many times the sample k-NN would need to do as well", lambda s: s.entry.worth,
               family="mandelbrot"),
    ]  # fmt: skip
    columns += _tasks(track, "mandelbrot")
    for family in tracks.FAMILIES:
        if family != "mandelbrot":
            columns.append(
                Column(family, family.capitalize(), f"Mean skill of the family {family}; the badge needs "
                       f"{tracks.UNIVERSAL_SKILL:.0f}", _family(family), family=family, is_score=True)
            )  # fmt: skip
            columns += _tasks(track, family)
    return (
        *columns,
        Column("overall", "Overall", "The mean of the five families", lambda s: s.entry.overall, family="all",
               is_score=True),
        Column("fit_s", "Fit, s", "Seconds to fit all tasks once", lambda s: s.entry.fit_s, lower_is_better=True),
        Column("predict_us", "µs/point", "Microseconds to predict a point", lambda s: s.entry.predict_us_per_point,
               lower_is_better=True),
        Column("params", "Params", "The most parameters of any task, where counted", lambda s: s.entry.n_params,
               lower_is_better=True),
        Column("n", "n", "Replicates of each task", lambda s: s.entry.n_replicates),
    )  # fmt: skip


def show(column: Column, standing: Standing) -> Shown:
    """Return one value of the table."""
    value = column.value(standing)
    interval = None
    if column.is_score:
        scores = [score for score in _replicates(column, standing) if score is not None]
        interval = _interval(tuple(scores)) if len(scores) == len(standing.replicates) else None
    return Shown(column, format_cell(column.name, value), value, interval)


@cache
def _interval(scores: tuple[float, ...]) -> Interval | None:
    return bootstrap_interval(scores)  # the same one is shown on the board and on the entry's own page


def bar_limits(board: Board) -> dict[str, float]:
    """Return for each column of scores where its bars end: a round number that holds all scores and intervals."""
    limits = {}
    for column in board_columns(board.track):
        shown = [show(column, standing) for standing in board.shown] if column.is_score else []
        ends = [100.0, *(each.value for each in shown if each.value is not None)]
        ends += [each.interval.high for each in shown if each.interval is not None]
        if column.is_score:
            limits[column.name] = 20.0 * math.ceil(max(ends) / 20.0)
    return limits


def _replicates(column: Column, standing: Standing) -> list[float | None]:
    if column.name == "overall":
        return [each.overall for each in standing.replicates]
    return [each.families[column.name] for each in standing.replicates]


def _family(family: str) -> Callable[[Standing], float | None]:
    return lambda standing: standing.entry.families[family]


def _tasks(track: str, family: str) -> list[Column]:
    """Return a column for each task of a family, shown while the family is in view."""

    def score(task: str) -> Callable[[Standing], float | None]:
        return lambda standing: next((each.score for each in standing.entry.tasks if each.task == task), None)

    wanted: Any = tracks.TRACKS[track].tasks
    return [
        Column(task, task, f"Score of the task {task}", score(task), family=family, is_detail=True)
        for task in tracks.FAMILIES[family]
        if task in wanted
    ]
