"""The columns of every table: one list, which terminal, Markdown, CSV, LaTeX, JSON, DataFrame, site and plots read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from mbench.board.contenders import Standing
from mbench.board.standings import Board, list_of
from mbench.board.stats import Interval, mean_interval
from mbench.errors import one_line
from mbench.results.scoring import Entry
from mbench.suite import tracks

Group = Literal["identity", "score", "family", "task", "cost", "running"]
Place = Literal["terminal", "board", "site", "pictures"]
NOTHING = "–"
BADGE = "universal"
ALWAYS = 99  # of `Column.keep`
GROUPS: tuple[Group, ...] = ("score", "family", "cost", "running")  # of which a table shows some, beside who it is of
FIRST_GROUPS: tuple[Group, ...] = ("score", "family")  # where none is asked for
_LONGEST = 300  # letters of a stranger's words


@dataclass(frozen=True, slots=True)
class Column:
    """One column of every table. name: the same in every format, with its unit.

    title: its head on the site.  label: its head in a terminal, folded.  help: what it holds.
    value: how to get it from an `Entry`, or from a `Standing` where `is_of_board`.
    digits: after the point, None of what is shown as it is.  scale, unit: people read value / scale, in this unit.
    lower_is_better: which end comes first when it is sorted.  family: the family whose view it belongs to on the site,
    "" for every view.  interval: its interval on a board.  axis: what a plot of scores against this cost says.
    absent: the places for people that do without it; CSV, DataFrame and JSON have every column.
    keep: a narrow terminal drops the least first, ALWAYS never.
    """

    name: str
    title: str
    label: str
    help: str
    value: Callable[[Any], Any]
    group: Group = "cost"
    digits: int | None = 1
    scale: float = 1.0
    unit: str = ""
    lower_is_better: bool = False
    family: str = ""
    interval: Callable[[Standing], Interval | None] | None = None
    axis: str = ""
    absent: tuple[Place, ...] = ()
    keep: int = 0
    is_of_board: bool = False

    @property
    def head(self) -> str:
        """Its head in Markdown and LaTeX: the name, and the unit where people read another than the name says."""
        return self.name if self.scale == 1.0 else f"{self.name}, {self.unit}"

    @property
    def line(self) -> str:
        """Its head in a terminal, on one line."""
        return self.label.replace("-\n", "").replace("\n", " ")

    @property
    def is_words(self) -> bool:
        """Does it hold words, which stand to the left?"""
        return self.digits is None and self.name in ("name", "badge", "verdict")

    @property
    def is_detail(self) -> bool:
        """Does the site show it in its family's view only?"""
        return self.group == "task"

    @property
    def is_score(self) -> bool:
        """Does the site draw it as a bar, with its interval?"""
        return self.group == "family"

    def read(self, standing: Standing) -> Any:
        """Return its value of an entry on a board."""
        return self.value(standing if self.is_of_board else standing.entry)

    def show(self, value: Any) -> str:
        """Return a value as people read it."""
        if value is None or (isinstance(value, float) and value != value):
            return NOTHING
        if isinstance(value, bool):
            return "yes" if value else "no"
        if self.digits is None or isinstance(value, str):
            return str(value)
        return f"{value / self.scale:z,.{self.digits}f}"


def _family(family: str) -> Callable[[Any], Any]:
    return lambda entry: entry.families[family]


def _badge(standing: Standing) -> str:
    return BADGE if standing.has_badge else one_line("; ".join(standing.reasons), _LONGEST)


def _verdict(standing: Standing) -> str:
    reason = "" if standing.audit is None else one_line(standing.audit.reason, _LONGEST)
    return f"{standing.verdict}: {reason}" if reason else standing.verdict


_MANDELBROT: dict[str, Any] = {"group": "score", "family": "mandelbrot"}
_FOLDED = {"surfaces": "sur-\nfaces", "functions": "func-\ntions"}
_COST: dict[str, Any] = {"group": "cost", "lower_is_better": True}
_WORDS: dict[str, Any] = {"group": "identity", "digits": None, "absent": ("terminal", "board", "site")}

COLUMNS: tuple[Column, ...] = (
    Column("list", "List", "list", "The board, the discoveries, or what was rejected", list_of, is_of_board=True,
           **_WORDS),
    Column("rank", "Rank", "rank", "The rank, none without the badge", lambda s: s.rank, group="identity", digits=0,
           absent=("site",), keep=ALWAYS, is_of_board=True),
    Column("name", "Name", "name", "The name", lambda e: e.name, group="identity", digits=None, absent=("site",),
           keep=ALWAYS),
    Column("from", "From", "from", "A baseline, a submission or a local result", lambda s: s.origin, is_of_board=True,
           **_WORDS),
    Column("rerun", "Rerun", "rerun", "When, where and in which tier a maintainer ran a submission again; else a claim",
           lambda s: "claim" if s.is_claim else s.rerun, is_of_board=True, **_WORDS),
    Column("mandelbrot", "Mandelbrot", "Mandel-\nbrot", "The mean of precision and depth; the board's order",
           _family("mandelbrot"), group="family", family="mandelbrot", interval=lambda s: s.mandelbrot_interval,
           keep=ALWAYS),
    Column("precision", "Precision", "preci-\nsion",
           "Skill on fresh points: 100 is as good as k-NN on the same sample", lambda e: e.precision, keep=10,
           **_MANDELBROT),
    Column("depth", "Depth skill", "depth", "Octaves of zoom as a skill: 100 is as deep as k-NN on the same sample",
           lambda e: e.depth, absent=("site",), keep=11, **_MANDELBROT),
    Column("depth_octaves", "Octaves", "oc-\ntaves", "How many octaves of zoom it holds", lambda e: e.depth_octaves,
           digits=2, keep=8, **_MANDELBROT),
    Column("psnr_db", "PSNR, dB", "PSNR\ndB", "Peak signal-to-noise ratio, mean of both targets", lambda e: e.psnr_db,
           digits=2, keep=9, **_MANDELBROT),
    Column("worth", "Worth ×", "worth\n×", "How many times the sample k-NN would need to do as well",
           lambda e: e.worth, digits=2, keep=12, **_MANDELBROT),
    *(
        Column(family, family.capitalize(), _FOLDED.get(family, family),
               f"Mean skill of the family {family}; the badge needs {tracks.UNIVERSAL_SKILL:.0f}", _family(family),
               group="family", family=family, keep=13)
        for family in tracks.FAMILIES if family != "mandelbrot"
    ),
    Column("overall", "Overall", "over-\nall", "The harmonic mean of the five families", lambda e: e.overall,
           group="family", family="all", interval=lambda s: s.overall_interval, keep=ALWAYS),
    Column("universal", "Universal", "universal", "Have all other families the badge's skill?",
           lambda e: e.is_universal, **_WORDS),
    Column("complete", "Complete", "complete", "Was every cell of the track run?", lambda e: e.is_complete, **_WORDS),
    Column("isolation", "Isolation", "isolation", "The weakest tier that a cell ran in",
           lambda e: e.isolation + ("" if e.is_verified else ", unverified"), group="running", digits=None,
           absent=("terminal", "board", "site")),
    Column("n_replicates", "n", "n", "Replicates of each task", lambda e: e.n_replicates, group="running", digits=0,
           keep=ALWAYS),
    Column("fit_s", "Fit, s", "fit s",
           "Processor seconds to fit all tasks once, for each thread granted; with a GPU, wall clock",
           lambda e: e.fit_s, axis="fit seconds, all tasks", keep=7, **_COST),
    Column("predict_us_per_point", "µs/point", "µs /\npoint", "Microseconds to predict a point, counted alike",
           lambda e: e.predict_us_per_point, digits=2, axis="µs / point", keep=5, **_COST),
    Column("n_params", "Params", "params", "The most parameters of any task, as the author says",
           lambda e: e.n_params, digits=0, axis="parameters, as the author says", keep=6, **_COST),
    Column("model_bytes", "Stored, MB", "model\nMB", "The largest stored estimator of any task, with the source",
           lambda e: e.model_bytes, digits=2, scale=1e6, unit="MB", axis="bytes of the stored estimator and the source",
           absent=("board", "site", "pictures"), keep=4, **_COST),
    Column("source_bytes", "Source, kB", "source\nkB", "The size of all source files, at most 262 kB",
           lambda s: s.source_bytes, digits=1, scale=1e3, unit="kB", absent=("board", "pictures"), keep=4,
           is_of_board=True, **_COST),
    Column("peak_memory_mb", "Peak memory, MB", "mem.\nMB", "The peak memory of any cell's process",
           lambda e: e.peak_memory_mb, digits=0, absent=("board", "site"), keep=3, **_COST),
    Column("threads", "Threads", "thr.", "The most threads that a cell had", lambda e: e.threads, group="running",
           digits=0, absent=("board", "site"), keep=2),
    Column("device", "Device", "device", "What it ran on", lambda e: e.device, group="running", digits=None,
           absent=("board", "site"), keep=1),
    Column("badge", "Badge", "badge, or\nwhat it lacks", "The universal badge, or what is missing", _badge,
           group="identity", digits=None, absent=("site",), keep=ALWAYS, is_of_board=True),
    Column("audit", "Audit", "audit", "The audit's verdict", lambda s: s.verdict, is_of_board=True, **_WORDS),
    Column("audit_margin", "Audit margin", "audit\nmargin", "The least lead in points that counts, by its own audit",
           lambda s: s.audit_margin, group="identity", digits=1, absent=("terminal", "board", "pictures"),
           is_of_board=True),
    Column("hidden_gap", "Public − hidden", "public −\nhidden",
           "Points of Mandelbrot score on the public test sets over hidden ones, where `mbench verify` measured it",
           lambda s: s.hidden_gap, group="identity", digits=2, absent=("board", "pictures"), keep=1, is_of_board=True),
    Column("verdict", "Verdict", "verdict", "The audit's verdict with its reason", _verdict, is_of_board=True,
           **_WORDS),
)  # fmt: skip


def entry_columns(place: Place | None = None) -> list[Column]:
    """Return what a table of entries shows in a place, without one all that there is."""
    return [column for column in board_columns(place) if not column.is_of_board]


def board_columns(place: Place | None = None) -> list[Column]:
    """Return what a board shows in a place, without one all that there is."""
    return [column for column in COLUMNS if place not in column.absent]


def choose_columns(columns: Sequence[Column], groups: Sequence[str] | None) -> list[Column]:
    """Return the columns of some groups and those that every table has; None is for the first groups."""
    wanted = ("identity", *(FIRST_GROUPS if groups is None else groups))
    return [column for column in columns if column.group in wanted or column.keep == ALWAYS]


def measure_spread(columns: Sequence[Column], replicates: Sequence[Entry]) -> dict[str, float]:
    """Return half of each score's interval, by column, of an entry's scores on each replicate alone.

    Worth has none: it is a geometric mean.
    """
    spread = {}
    for column in columns:
        if column.group in ("score", "family") and column.name != "worth":
            scores = [score for each in replicates if (score := column.value(each)) is not None]
            interval = _interval(tuple(scores)) if len(scores) == len(replicates) else None
            if interval is not None:
                spread[column.name] = (interval.high - interval.low) / 2
    return spread


def find_column(name: str) -> Column:
    """Return the column of a name. Raises KeyError for an unknown one."""
    return {column.name: column for column in COLUMNS}[name]


def cost_columns(place: Place | None = None) -> list[Column]:
    """Return the costs that scores are plotted against."""
    return [column for column in board_columns(place) if column.axis]


def costs_of(standing: Standing) -> dict[str, float | None]:
    """Return what it cost, to be compared: None of part of the tasks, which cost less than all of them."""
    return {column.name: column.read(standing) if standing.entry.is_complete else None for column in cost_columns()}


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
        return f"[{self.column.show(self.interval.low)}, {self.column.show(self.interval.high)}]"


def site_columns(track: str) -> tuple[Column, ...]:
    """Return the columns of a track's board on the site, in order: the tasks of a family stand behind its numbers."""
    columns = board_columns("site")
    for family in tracks.FAMILIES:
        last = max(i for i, column in enumerate(columns) if column.family == family)
        columns[last + 1 : last + 1] = _tasks(track, family)
    return tuple(columns)


def compared_columns() -> list[Column]:
    """Return the numbers that the site's page of two entries holds side by side."""
    return [column for column in entry_columns() if column.group in ("score", "family", "cost")]


def show(column: Column, standing: Standing) -> Shown:
    """Return one value of the site's table."""
    value = column.read(standing)
    interval = None
    if column.is_score:
        scores = [score for each in standing.replicates if (score := column.value(each)) is not None]
        interval = _interval(tuple(scores)) if len(scores) == len(standing.replicates) else None
    return Shown(column, column.show(value), value, interval)


@cache
def _interval(scores: tuple[float, ...]) -> Interval | None:
    return mean_interval(scores)  # the same one is shown on the board and on the entry's own page


def bar_limits(board: Board) -> dict[str, float]:
    """Return for each column of scores where its bars end: a round number that holds all scores and intervals."""
    limits = {}
    for column in site_columns(board.track):
        if column.is_score:
            shown = [show(column, standing) for standing in board.shown]
            ends = [100.0, *(each.value for each in shown if each.value is not None)]
            ends += [each.interval.high for each in shown if each.interval is not None]
            limits[column.name] = 20.0 * math.ceil(max(ends) / 20.0)
    return limits


def _tasks(track: str, family: str) -> list[Column]:
    """Return a column for each task of a family, shown while the family is in view."""

    def score(task: str) -> Callable[[Any], Any]:
        return lambda entry: next((each.score for each in entry.tasks if each.task == task), None)

    wanted: Any = tracks.TRACKS[track].tasks
    return [
        Column(task, task, task, f"Score of the task {task}", score(task), group="task", family=family)
        for task in tracks.FAMILIES[family]
        if task in wanted
    ]
